#include "tests/fakes/kubesphere_model.h"

#include <algorithm>
#include <set>

#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

constexpr const char* kAppName = "app.kubernetes.io/name";
constexpr const char* kAppVersion = "app.kubernetes.io/version";
constexpr const char* kEnabled = "servicemesh.kubesphere.io/enabled";

bool is_component(const Json& labels) {
  return labels.contains("app") && labels.contains(kAppName) && labels.contains(kAppVersion);
}
bool is_enabled(const Json& object) { return text_at(annotations_of(object), {kEnabled}) == "true"; }

const Json& match_labels(const Json& deployment) {
  static const Json none = Json::object();
  const Json& found = at(deployment, {"spec", "selector", "matchLabels"});
  return found.is_object() ? found : none;
}

// `selector` ⊆ `labels`. A Service without selector matches every Deployment here, as in the real sync.
bool selects_all(const Json& selector, const Json& labels) {
  return !selector.is_object() || selector.empty() || map_selects(selector, labels);
}

bool is_governed_service(const Json& service) {
  const Json& labels = labels_of(service);
  return labels.size() >= 3 && is_component(labels) && is_enabled(service) && !at(service, {"spec", "ports"}).empty();
}

std::string normalized(std::string version) {
  std::erase_if(version, [](char c) { return c == '.' || c == '_' || c == '-'; });
  return version;
}

// The real lister's order is undefined; the oldest first is one of its orders.
bool older(const Object& a, const Object& b) {
  const auto rank = [](const Json& one) {
    return std::pair(text_at(one, {"metadata", "creationTimestamp"}), text_at(one, {"metadata", "name"}));
  };
  return rank(*a) < rank(*b);
}

Json metadata_of(const Json& service, const std::string& name) {
  return {{"name", name}, {"namespace", text_at(service, {"metadata", "namespace"})}, {"labels", labels_of(service)}};
}

// The new object, or nullopt when `current` already has that spec and those labels.
std::optional<Json> laid_over(const Json& current, const char* kind, Json metadata, Json spec) {
  if (current.is_null())
    return Json{{"apiVersion", "networking.istio.io/v1alpha3"},
                {"kind", kind},
                {"metadata", std::move(metadata)},
                {"spec", std::move(spec)}};
  if (at(current, {"spec"}) == spec && labels_of(current) == metadata["labels"]) return std::nullopt;
  Json next = current;
  next["spec"] = std::move(spec);
  next["metadata"]["labels"] = metadata["labels"];
  return next;
}

Json destination(const std::string& host, const Json& port, const std::string& subset) {
  return {{"destination", {{"host", host}, {"port", {{"number", port}}}, {"subset", subset}}}, {"weight", 100}};
}

Json route_to(const std::string& host, const Json& port, const std::string& subset) {
  return {{"match", Json::array({{{"port", port}}})}, {"route", Json::array({destination(host, port, subset)})}};
}

void fill_ports(Json& routes, const Json& port) {
  if (!routes.is_array()) return;
  for (Json& route : routes) {
    if (route.is_object() && route.contains("destination") && !route["destination"].contains("port"))
      route["destination"]["port"] = {{"number", port}};
  }
}

// One port's share of a Strategy's template: its routes with match.port and destination.port filled in.
void add_template_routes(Json& spec, const char* protocol, const Json& from, const Json& port,
                         const std::string& governor, const std::string& host) {
  if (!from.is_array() || from.empty()) return;
  if (!spec.contains(protocol)) spec[protocol] = Json::array();
  if (!governor.empty()) {
    spec[protocol].push_back(route_to(host, port, governor));
    return;
  }
  for (Json route : from) {
    Json& match = route["match"];
    if (!match.is_array() || match.empty()) match = Json::array({Json::object()});
    for (Json& one : match) one["port"] = port;
    fill_ports(route["route"], port);
    if (route.contains("mirror") && route["mirror"].is_object() && !route["mirror"].contains("port"))
      route["mirror"]["port"] = {{"number", port}};
    spec[protocol].push_back(std::move(route));
  }
}

std::set<std::string> subset_names(const Json& template_spec) {
  std::set<std::string> names;
  for (const char* protocol : {"http", "tcp"}) {
    for (const Json& route : at(template_spec, {protocol})) {
      for (const Json& one : at(route, {"route"})) names.insert(text_at(one, {"destination", "subset"}));
      if (route.contains("mirror")) names.insert(text_at(route, {"mirror", "subset"}));
    }
  }
  names.erase("");
  return names;
}

bool uses_template(const Json& strategy, const Json& rule) {
  const std::string policy = text_at(strategy, {"spec", "strategyPolicy"});
  if (policy == "Paused") return false;
  if (policy != "WaitForWorkloadReady") return true;
  std::set<std::string> missing = subset_names(at(strategy, {"spec", "template", "spec"}));
  for (const Json& subset : at(rule, {"spec", "subsets"})) missing.erase(text_at(subset, {"name"}));
  return missing.empty();
}

}  // namespace

bool is_http_port(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* protocol : {"http", "http2", "grpc"}) {
    if (lower == protocol || lower.starts_with(std::string(protocol) + "-")) return true;
  }
  return false;
}

std::optional<Json> destination_rule_of(const Json& service, const std::vector<Object>& deployments,
                                        const std::vector<Object>& policies, const Json& current) {
  if (!is_governed_service(service)) return std::nullopt;
  std::vector<Object> members;
  for (const Object& object : deployments) {
    const Json& one = *object;
    if (!selects_all(at(service, {"spec", "selector"}), labels_of(one))) continue;
    if (!is_component(labels_of(one)) || !is_component(match_labels(one)) || !is_enabled(one)) continue;
    if (number_at(one, {"status", "readyReplicas"}) <= 0 || text_at(labels_of(one), {"version"}).empty()) continue;
    members.push_back(object);
  }
  std::stable_sort(members.begin(), members.end(), older);
  const std::string name = text_at(service, {"metadata", "name"});
  Json spec = {{"host", name}, {"subsets", Json::array()}};
  for (const Object& one : members) {
    const std::string version = text_at(labels_of(*one), {"version"});
    spec["subsets"].push_back({{"name", normalized(version)}, {"labels", {{"version", version}}}});
  }
  std::vector<Object> own;
  for (const Object& policy : policies) {
    if (text_at(labels_of(*policy), {"app"}) == text_at(labels_of(service), {"app"})) own.push_back(policy);
  }
  if (own.size() > 1) return std::nullopt;  // the controller gives up with an error
  if (own.size() == 1) {
    const Json& wanted = at(*own[0], {"spec", "template", "spec"});
    if (wanted.contains("trafficPolicy")) spec["trafficPolicy"] = wanted["trafficPolicy"];
    for (Json& subset : spec["subsets"]) {
      for (const Json& one : at(wanted, {"subsets"})) {
        if (at(one, {"name"}) == subset["name"] && one.contains("trafficPolicy"))
          subset["trafficPolicy"] = one["trafficPolicy"];
      }
    }
  }
  return laid_over(current, "DestinationRule", metadata_of(service, name), std::move(spec));
}

std::optional<Json> virtual_service_of(const Json& service, const Json& rule, const std::vector<Object>& strategies,
                                       const Json& current) {
  if (!is_governed_service(service) || at(rule, {"spec", "subsets"}).empty()) return std::nullopt;
  const std::string host = text_at(service, {"metadata", "name"}), app = text_at(labels_of(service), {"app"});
  std::vector<Object> own;
  for (const Object& one : strategies) {
    if (text_at(labels_of(*one), {"app"}) == app) own.push_back(one);
  }
  if (own.size() > 1) return std::nullopt;  // the controller gives up with an error
  const bool by_template = own.size() == 1 && uses_template(*own[0], rule);
  const std::string first = text_at(rule["spec"]["subsets"][0], {"name"});
  Json spec = {{"hosts", Json::array({host})}};
  for (const Json& port : at(service, {"spec", "ports"})) {
    if (text_at(port, {"protocol"}, "TCP") == "UDP") continue;
    const std::string name = text_at(port, {"name"});
    const char* const protocol = is_http_port(name) ? "http" : "tcp";
    if (by_template) {
      add_template_routes(spec, protocol, at(*own[0], {"spec", "template", "spec", protocol}), port["port"],
                          text_at(*own[0], {"spec", "governor"}), host);
      continue;
    }
    Json route = route_to(host, port["port"], first);
    if (protocol == std::string_view("http")) route["name"] = name;
    spec[protocol].push_back(std::move(route));
  }
  if (spec.contains("http")) {  // what people added to a route of that name stays
    for (Json& route : spec["http"]) {
      for (const Json& old : at(current, {"spec", "http"})) {
        if (!route.contains("name") || at(old, {"name"}) != route["name"]) continue;
        for (const auto& [key, value] : old.items()) {
          if (key != "match" && key != "route") route[key] = value;
        }
      }
    }
  }
  return laid_over(current, "VirtualService", metadata_of(service, app), std::move(spec));
}

}  // namespace meshgraft::fakes
