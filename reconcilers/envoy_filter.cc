#include "reconcilers/envoy_filter.h"

#include <algorithm>
#include <array>
#include <map>

#include "reconcilers/findings.h"
#include "reconcilers/gateway.h"
#include "reconcilers/keys.h"
#include "reconcilers/kubesphere_gateway.h"

namespace meshgraft {
namespace {

constexpr std::string_view kRule = "envoy_filter";
constexpr Version kNoInternalAddresses{1, 25, 0};  // Envoy 1.33: the default set of internal addresses is empty

bool is_ours(const Object& object) {
  const auto label = object.meta.labels.find(keys::kManagedBy);
  return label != object.meta.labels.end() && label->second == keys::kManagedByUs;
}

// Works on one gateway namespace; lives for one call.
class Rule {
 public:
  Rule(const Context& context, std::vector<OwnController> controllers)
      : context_(context), controllers_(std::move(controllers)), hold_(gateway_hold(context, controllers_)) {}

  Decision take() {
    const ClientIpMode mode = context_.settings.client_ip;
    const bool served = context_.facts.platform.served.contains(Kind::envoy_filter);
    if (!served && (mode == ClientIpMode::envoy_filter || mode == ClientIpMode::mesh_wide)) {
      decision_.findings.push_back(finding("MG603", context_.view.ns->key(), "the cluster does not serve EnvoyFilter (networking.istio.io)"));
      return std::move(decision_);
    }
    std::map<std::string, Json> wanted;
    if (mode == ClientIpMode::envoy_filter) {
      wanted = scoped_filters();
    } else if (mode == ClientIpMode::mesh_wide) {
      want_mesh_wide();
    } else if (mode == ClientIpMode::bypass) {
      want_plain_gateway();
    }
    settle_filters(wanted);
    if (mode != ClientIpMode::mesh_wide) drop_mesh_wide();
    if (mode != ClientIpMode::bypass) drop_plain_gateway();
    return std::move(decision_);
  }

 private:
  static Json object(Kind kind, const std::string& ns, const std::string& name, Json spec) {
    return {{"apiVersion", api_version(info(kind))},
            {"kind", std::string(info(kind).name)},
            {"metadata", {{"name", name}, {"namespace", ns}, {"labels", {{std::string(keys::kManagedBy), std::string(keys::kManagedByUs)}}}}},
            {"spec", std::move(spec)}};
  }

  void add(Verb verb, ObjectKey target, Json body, const Object* live, std::string why) {
    Extra extra;
    extra.hold = hold_.why;
    Change& change = extra.change;
    change.target = std::move(target);
    change.verb = verb;
    change.stage = Stage::envoy_filter;
    change.impact = Impact::traffic;
    change.rule = std::string(kRule);
    change.why = std::move(why);
    if (live != nullptr) change.pre.uid = live->meta.uid;
    if (verb == Verb::apply) {
      if (!live->meta.uid.empty()) body["metadata"]["uid"] = live->meta.uid;
      change.force = true;
    }
    change.body = std::move(body);
    decision_.extras.push_back(std::move(extra));
  }

  // One filter for each controller; the first has the article's name.
  std::map<std::string, Json> scoped_filters() {
    std::map<std::string, Json> wanted;
    if (tell_of_foreign_mesh_wide()) return wanted;
    for (const OwnController& controller : controllers_) {
      if (reads_proxy_protocol(context_, controller)) continue;  // its ports stay out of the sidecar
      const Json spec = client_ip_filter(controller.workload->selector.match_labels);
      const std::string name = wanted.empty() ? std::string(keys::kEnvoyFilterName) : std::string(keys::kEnvoyFilterName) + "-" + controller.workload->meta.name;
      wanted.emplace(name, spec);
    }
    return wanted;
  }

  // MG602 for a mesh-wide filter of somebody else: it does what ours would.
  bool tell_of_foreign_mesh_wide() {
    for (const auto& filter : context_.facts.root_filters) {
      if (filter->meta.name != keys::kEnvoyFilterName || is_ours(*filter) || !filter->workload_selector.empty()) continue;
      decision_.findings.push_back(finding("MG602", filter->key(), "it was made by somebody else and covers the whole mesh: ours is not made"));
      return true;
    }
    return false;
  }

  // Creates, corrects and removes the filters of this namespace.
  void settle_filters(const std::map<std::string, Json>& wanted) {
    const bool is_root = context_.view.name == context_.facts.mesh.root_namespace;
    std::set<std::string> there;
    for (const auto& filter : context_.view.envoy_filters) {
      there.insert(filter->meta.name);
      const auto want = wanted.find(filter->meta.name);
      if (!is_ours(*filter)) {
        if (want != wanted.end()) decision_.findings.push_back(finding("MG602", filter->key(), "it was made by somebody else and is left as it is"));
        continue;
      }
      if (want == wanted.end()) {
        if (!filter->meta.name.starts_with(keys::kEnvoyFilterName) || (is_root && filter->workload_selector.empty())) continue;
        add(Verb::remove, filter->key(), Json(), filter.get(), "clientIP.mode asks for another way");
      } else if (filter->spec != to_text(want->second)) {
        add(Verb::apply, filter->key(), object(Kind::envoy_filter, context_.view.name, want->first, want->second), filter.get(), "the client's address, behind the gateway's sidecar");
      }
    }
    for (const auto& [name, spec] : wanted) {
      if (there.contains(name)) continue;
      add(Verb::create, {Kind::envoy_filter, context_.view.name, name}, object(Kind::envoy_filter, context_.view.name, name, spec), nullptr,
          "the client's address, behind the gateway's sidecar");
    }
  }

  const EnvoyFilter* root_filter() const {
    for (const auto& filter : context_.facts.root_filters) {
      if (filter->meta.name == keys::kEnvoyFilterName) return filter.get();
    }
    return nullptr;
  }

  void want_mesh_wide() {
    const std::string& root = context_.facts.mesh.root_namespace;
    const ObjectKey target{Kind::envoy_filter, root, std::string(keys::kEnvoyFilterName)};
    const EnvoyFilter* live = root_filter();
    if (live != nullptr && !is_ours(*live)) {
      decision_.findings.push_back(finding("MG602", live->key(), "it was made by somebody else and is left as it is"));
      return;
    }
    if (mesh_wide_does_harm(context_.facts.mesh)) {
      decision_.findings.push_back(finding("MG604", target, "Istio " + to_string(*context_.facts.mesh.version) + " would treat every hop of the mesh as its edge"));
      return;
    }
    decision_.findings.push_back(finding("MG601", target, "clientIP.mode is meshWide"));
    const Json spec = client_ip_filter({});
    if (live == nullptr) {
      add(Verb::create, target, object(Kind::envoy_filter, root, target.name, spec), nullptr, "the client's address, for every proxy of the mesh");
    } else if (live->spec != to_text(spec)) {
      add(Verb::apply, target, object(Kind::envoy_filter, root, target.name, spec), live, "the client's address, for every proxy of the mesh");
    }
  }

  void drop_mesh_wide() {
    const EnvoyFilter* live = root_filter();
    if (live == nullptr || !is_ours(*live) || !live->workload_selector.empty()) return;
    add(Verb::remove, live->key(), Json(), live, "clientIP.mode is no longer meshWide");
  }

  // ---- bypass: callers in the mesh would speak TLS to a port that no sidecar listens on ----

  std::vector<std::shared_ptr<const Service>> gateway_services() const {
    std::vector<std::shared_ptr<const Service>> services;
    for (const auto& service : context_.view.services) {
      if (service->selector.empty() || service->headless()) continue;
      const bool selects = std::any_of(controllers_.begin(), controllers_.end(), [&service](const OwnController& controller) {
        return is_subset(service->selector, controller.workload->pod.labels);
      });
      const bool is_public = std::any_of(service->ports.begin(), service->ports.end(), [](const ServicePort& port) { return port.port == 80 || port.port == 443; });
      const bool is_webhook = std::all_of(service->ports.begin(), service->ports.end(), [](const ServicePort& port) {
        return port.target_port.text == "webhook" || port.target_port.number == 8443;
      });
      if (selects && is_public && !is_webhook) services.push_back(service);
    }
    return services;
  }

  void want_plain_gateway() {
    for (const auto& service : gateway_services()) {
      const std::string host = service->meta.name + "." + context_.view.name + ".svc." + context_.facts.platform.cluster_domain;
      bool there = false;
      for (const auto& rule : context_.view.destination_rules) {
        const bool same = rule->host == host || rule->host == service->meta.name || rule->host == service->meta.name + "." + context_.view.name;
        if (!same) continue;
        there = true;
        if (rule->tls_mode != "DISABLE") decision_.findings.push_back(finding("MG605", rule->key(), "it names host " + rule->host + " without trafficPolicy.tls.mode DISABLE"));
      }
      if (there) continue;
      const std::string name = "meshgraft-" + service->meta.name;
      add(Verb::create, {Kind::destination_rule, context_.view.name, name},
          object(Kind::destination_rule, context_.view.name, name, {{"host", host}, {"trafficPolicy", {{"tls", {{"mode", "DISABLE"}}}}}}), nullptr,
          "callers in the mesh reach the gateway's ports, which its sidecar leaves alone");
    }
  }

  void drop_plain_gateway() {
    for (const auto& rule : context_.view.destination_rules) {
      if (!is_ours(*rule) || !rule->meta.name.starts_with("meshgraft-")) continue;
      add(Verb::remove, rule->key(), Json(), rule.get(), "clientIP.mode is no longer bypass");
    }
  }

  const Context& context_;
  const std::vector<OwnController> controllers_;
  const GatewayHold hold_;
  Decision decision_;
};

constexpr std::array<std::string_view, 6> kVerbs{"get", "list", "watch", "patch", "create", "delete"};
constexpr std::array<std::string_view, 5> kMakeAndDrop{"get", "list", "watch", "create", "delete"};
constexpr std::array kRbac{RbacRule{"networking.istio.io", "envoyfilters", kVerbs, ""}, RbacRule{"networking.istio.io", "destinationrules", kMakeAndDrop, ""}};

}  // namespace

Json client_ip_filter(const Labels& labels) {
  constexpr std::string_view kManager = "envoy.filters.network.http_connection_manager";
  const Json config{{"@type", "type.googleapis.com/" + std::string("envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager")},
                    {"skip_xff_append", false},
                    {"xff_num_trusted_hops", 1},
                    {"use_remote_address", true}};
  const Json patch{{"applyTo", "NETWORK_FILTER"},
                   {"match", {{"context", labels.empty() ? "ANY" : "SIDECAR_INBOUND"}, {"listener", {{"filterChain", {{"filter", {{"name", kManager}}}}}}}}},
                   {"patch", {{"operation", "MERGE"}, {"value", {{"typed_config", config}}}}}};
  Json spec;
  if (!labels.empty()) spec["workloadSelector"] = {{"labels", labels}};
  spec["configPatches"] = Json::array({patch});
  return spec;
}

bool mesh_wide_does_harm(const MeshFacts& mesh) { return mesh.version && *mesh.version >= kNoInternalAddresses; }

Decision desired_envoy_filter(const Context& context) {
  std::vector<OwnController> controllers = own_controllers(context);
  const bool kubesphere = context.settings.client_ip == ClientIpMode::mesh_wide && switches_kubesphere_gateway(context);
  if (controllers.empty() && !kubesphere) return {};
  return Rule(context, std::move(controllers)).take();
}

std::span<const RbacRule> rbac_envoy_filter() { return kRbac; }

}  // namespace meshgraft
