#include "reconcilers/ingress_split.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/applier.h"
#include "reconcilers/findings.h"
#include "reconcilers/ingress_edit.h"
#include "reconcilers/ingress_values.h"
#include "reconcilers/keys.h"
#include "reconcilers/record.h"

namespace meshgraft {
namespace {

constexpr std::string_view kRulesPath = "spec.rules";
constexpr std::string_view kFalse = "false";
constexpr std::size_t kLongestName = 253;  // of an object: a DNS subdomain

const std::string* annotation(const Ingress& ingress, std::string_view key) {
  const auto found = ingress.meta.annotations.find(key);
  return found == ingress.meta.annotations.end() ? nullptr : &found->second;
}

Json path_json(const IngressPath& path) {
  const Json port = path.backend.port != 0 ? Json{{"number", path.backend.port}} : Json{{"name", path.backend.port_name}};
  Json json{{"pathType", path.path_type}, {"backend", {{"service", {{"name", path.backend.service}, {"port", port}}}}}};
  if (!path.path.empty()) json["path"] = path.path;
  return json;
}

Json rule_json(std::string_view host, Json paths) {
  Json rule = Json::object();
  if (!paths.empty()) rule["http"] = {{"paths", std::move(paths)}};
  if (!host.empty()) rule["host"] = std::string(host);
  return rule;
}

// All rules as they stand.
Json rules_of(const std::vector<IngressRule>& rules) {
  Json list = Json::array();
  for (const IngressRule& rule : rules) {
    Json paths = Json::array();
    for (const IngressPath& path : rule.paths) paths.push_back(path_json(path));
    list.push_back(rule_json(rule.host, std::move(paths)));
  }
  return list;
}

// `rules` of which only the paths to `service` are left. A rule that never had a path sends its host to the default
// backend: it stays with the original.
Json rules_to(const Json& rules, std::string_view service, bool is_original) {
  Json list = Json::array();
  for (const Json* rule : items(rules, "")) {
    const std::vector<const Json*> all = items(*rule, "/http/paths");
    Json paths = Json::array();
    for (const Json* path : all) {
      if (text(*path, "/backend/service/name") == service) paths.push_back(*path);
    }
    if (paths.empty() && !(all.empty() && is_original)) continue;
    list.push_back(rule_json(text(*rule, "/host"), std::move(paths)));
  }
  return list;
}

// What keeps the original: the default backend's Service, else the first path's.
std::vector<std::string> services_of(const Ingress& ingress) {
  std::vector<std::string> services;
  for (const BackendPlace& place : backends_of(ingress)) {
    const std::string& name = place.backend->service;
    if (std::find(services.begin(), services.end(), name) == services.end()) services.push_back(name);
  }
  return services;
}

std::string copy_name(const Ingress& original, const std::string& service) { return original.meta.name + "-" + service; }

const Ingress* find(const NamespaceView& view, const std::string& name) {
  for (const auto& ingress : view.ingresses) {
    if (ingress->meta.name == name) return ingress.get();
  }
  return nullptr;
}

// What belongs to the original alone, or is made anew for each.
bool is_copied(std::string_view key) {
  constexpr std::array<std::string_view, 6> kOwn{keys::kUpstreamVhost, keys::kServiceUpstream, keys::kProxyRedirectFrom,
                                                 keys::kProxyRedirectTo, keys::kRelativeRedirects, keys::kCanary};
  if (std::find(kOwn.begin(), kOwn.end(), key) != kOwn.end()) return false;
  const bool rewrites = key == keys::kRewriteRedirects;
  return rewrites || !(key.starts_with("meshgraft.io/") || key.starts_with("argocd.") || key.starts_with("meta.helm.sh/") || key.starts_with("kubectl."));
}

Change base_of(const Ingress& ingress, Verb verb, Stage stage, std::string why) {
  Change change;
  change.target = ingress.key();
  change.verb = verb;
  change.pre.uid = ingress.meta.uid;
  if (verb == Verb::edit) change.pre.resource_version = ingress.meta.resource_version;
  change.stage = stage;
  change.impact = Impact::traffic;
  change.rule = "ingress";
  change.why = std::move(why);
  return change;
}

Change make_copy(const Ingress& original, const std::string& service) {
  Json annotations = Json::object();
  for (const auto& [key, value] : original.meta.annotations) {
    if (is_copied(key)) annotations[key] = value;
  }
  annotations[std::string(keys::kCanary)] = std::string(kFalse);
  annotations[std::string(keys::kSplitFrom)] = original.meta.name;
  Json spec{{"rules", rules_to(rules_of(original.rules), service, false)}};
  if (!original.class_name.empty()) spec["ingressClassName"] = original.class_name;
  if (!original.tls_spec.empty()) {
    if (const Result<Json> tls = read_json(original.tls_spec)) spec["tls"] = *tls;
  }
  Change change;
  change.target = {Kind::ingress, original.meta.ns, copy_name(original, service)};
  change.verb = Verb::create;
  change.stage = Stage::ingress_backend;
  change.impact = Impact::none;  // the older of two serves
  change.rule = "ingress";
  change.why = "the paths of Ingress " + original.meta.name + " to Service " + service + ", an Ingress of their own";
  change.body = {{"apiVersion", api_version(info(Kind::ingress))},
                 {"kind", "Ingress"},
                 {"metadata", {{"name", change.target.name}, {"namespace", original.meta.ns}, {"annotations", std::move(annotations)},
                               {"labels", {{std::string(keys::kManagedBy), std::string(keys::kManagedByUs)}}}}},
                 {"spec", std::move(spec)}};
  return change;
}

// ---- the way back: what people changed in the parts since then ----

struct Route {
  std::string host;
  Json path;  // null: a rule without paths
};

std::vector<Route> routes_of(const Json& rules) {
  std::vector<Route> routes;
  for (const Json* rule : items(rules, "")) {
    const std::vector<const Json*> paths = items(*rule, "/http/paths");
    for (const Json* path : paths) routes.push_back({text(*rule, "/host"), *path});
    if (paths.empty()) routes.push_back({text(*rule, "/host"), nullptr});
  }
  return routes;
}

// Whether both decide about the same requests, wherever they send them.
bool same_requests(const Route& one, const Route& other) {
  return one.host == other.host && one.path.is_null() == other.path.is_null() && text(one.path, "/path") == text(other.path, "/path") &&
         text(one.path, "/pathType") == text(other.path, "/pathType");
}

const Route* find(const std::vector<Route>& routes, const Route& wanted) {
  for (const Route& route : routes) {
    if (same_requests(route, wanted)) return &route;
  }
  return nullptr;
}

// Whether somebody sent the route elsewhere. A port that we switched to its number is nobody's edit.
bool leads_elsewhere(const Route& then, const Route& now, bool ports_switched) {
  if (then.path == now.path) return false;
  if (text(then.path, "/backend/service/name") != text(now.path, "/backend/service/name")) return true;
  return !(ports_switched && value_at(now.path, "/backend/service/port/number") != nullptr);
}

void erase_route(Json& rules, const Route& route) {
  for (std::size_t r = 0; r < rules.size(); ++r) {
    Json paths = Json::array();
    const std::vector<const Json*> all = items(rules[r], "/http/paths");
    for (const Json* path : all) {
      if (!same_requests({text(rules[r], "/host"), *path}, route)) paths.push_back(*path);
    }
    const bool bare = all.empty() && same_requests({text(rules[r], "/host"), nullptr}, route);
    if (!bare && paths.size() == all.size()) continue;
    if (paths.empty()) {
      rules.erase(r);
    } else {
      rules[r]["http"]["paths"] = std::move(paths);
    }
    return;
  }
}

// Over what is there for the same requests, else behind the paths of its host, else as a rule of its own.
void put_route(Json& rules, const Route& route) {
  Json* of_host = nullptr;
  for (Json& rule : rules) {
    if (text(rule, "/host") != route.host || items(rule, "/http/paths").empty()) continue;
    if (of_host == nullptr) of_host = &rule;
    for (Json& path : rule["http"]["paths"]) {
      if (!same_requests({route.host, path}, route)) continue;
      path = route.path;
      return;
    }
  }
  if (of_host != nullptr && !route.path.is_null()) {
    (*of_host)["http"]["paths"].push_back(route.path);
  } else {
    rules.push_back(rule_json(route.host, route.path.is_null() ? Json::array() : Json::array({route.path})));
  }
}

// An Ingress of a split and the rules that it was given then.
struct Piece {
  const Ingress* ingress;
  Json then;
};

// Carries over into `rules` what was taken from, added to and changed in the pieces since. True when there was anything.
bool carry_edits(const std::vector<Piece>& pieces, Json& rules) {
  bool edited = false;
  for (const Piece& piece : pieces) {
    const std::vector<Route> now = routes_of(rules_of(piece.ingress->rules));
    for (const Route& route : routes_of(piece.then)) {
      if (find(now, route) != nullptr) continue;
      erase_route(rules, route);
      edited = true;
    }
  }
  for (const Piece& piece : pieces) {
    const Record record = read_record(piece.ingress->meta);
    const bool switched = std::any_of(record.own.begin(), record.own.end(), [](const std::string& path) { return path.starts_with("spec.rules["); });
    const std::vector<Route> before = routes_of(piece.then);
    for (const Route& route : routes_of(rules_of(piece.ingress->rules))) {
      const Route* old = find(before, route);
      if (old != nullptr && !leads_elsewhere(*old, route, switched)) continue;
      put_route(rules, route);
      edited = true;
    }
  }
  return edited;
}

// Replaces spec.rules and writes the record that goes with it.
Change with_rules(const Ingress& ingress, Json rules, const Record& record, Stage stage, std::string why) {
  Change change = base_of(ingress, Verb::edit, stage, std::move(why));
  change.body = Json::array();
  begin_edit(change.body, ingress);
  change.body.push_back({{"op", "replace"}, {"path", "/spec/rules"}, {"value", std::move(rules)}});
  put_record(change.body, ingress, record_text(record, ingress.meta.uid));
  return change;
}

Change shrink(const Ingress& original, const std::string& kept) {
  Record record = read_record(original.meta);
  record.own.insert(std::string(kRulesPath));
  record.was.insert_or_assign(std::string(kRulesPath), rules_of(original.rules));
  Change change = with_rules(original, rules_to(rules_of(original.rules), kept, true), record, Stage::ingress_backend,
                             "only its paths to Service " + kept + ": the others have Ingresses of their own");
  change.overwrites.push_back({std::string(kRulesPath), std::to_string(services_of(original).size()) + " Services", "Service " + kept});
  return change;
}

// Sets or removes the canary annotation of a copy.
Change mark_copy(const Ingress& copy, bool canary, Stage stage) {
  Change change = base_of(copy, Verb::edit, stage, canary ? "the original may have its paths again" : "it serves its paths from now on");
  change.body = Json::array();
  begin_edit(change.body, copy);
  const std::string pointer = "/metadata/annotations/nginx.ingress.kubernetes.io~1canary";
  if (canary) {
    change.body.push_back({{"op", "add"}, {"path", pointer}, {"value", std::string(kFalse)}});
  } else {
    change.body.push_back({{"op", "remove"}, {"path", pointer}});
  }
  return change;
}

std::vector<const Ingress*> copies_of(const NamespaceView& view, const Ingress& original) {
  std::vector<const Ingress*> copies;
  for (const auto& ingress : view.ingresses) {
    const std::string* from = annotation(*ingress, keys::kSplitFrom);
    if (from != nullptr && *from == original.meta.name && is_split_copy(*ingress)) copies.push_back(ingress.get());
  }
  return copies;
}

// The original and its copies with what `rules` gave to each. The original kept what has no copy.
std::vector<Piece> pieces_of(const Ingress& original, const std::vector<const Ingress*>& copies, const Json& rules) {
  std::vector<std::string> services;
  if (original.default_backend) services.push_back(original.default_backend->service);
  for (const Route& route : routes_of(rules)) services.push_back(text(route.path, "/backend/service/name"));
  std::string kept;
  std::vector<Piece> pieces;
  for (const std::string& service : services) {
    if (service.empty()) continue;
    const auto copy = std::find_if(copies.begin(), copies.end(), [&](const Ingress* one) { return one->meta.name == copy_name(original, service); });
    if (copy == copies.end()) {
      if (kept.empty()) kept = service;
    } else if (std::none_of(pieces.begin(), pieces.end(), [&](const Piece& piece) { return piece.ingress == *copy; })) {
      pieces.push_back({*copy, rules_to(rules, service, false)});
    }
  }
  pieces.insert(pieces.begin(), Piece{&original, rules_to(rules, kept, true)});
  return pieces;
}

// Why it cannot be split; "" when it can.
std::string obstacle(const NamespaceView& view, const Ingress& original, const std::vector<std::string>& others) {
  if (original.old_version) return "it is written in an API version that Kubernetes 1.22 removed";
  if (const std::string_view by = applier_of(original.meta); !by.empty()) return std::string(by) + " would bring its paths back";
  for (const IngressRule& rule : original.rules) {
    for (const IngressPath& path : rule.paths) {
      if (path.backend.service.empty()) return "path " + path.path + " leads to a resource that is no Service";
    }
  }
  for (const std::string& service : others) {
    const std::string name = copy_name(original, service);
    if (name.size() > kLongestName) return "the name " + name + " would be too long";
    const Ingress* there = find(view, name);
    if (there != nullptr && !is_split_copy(*there)) return "Ingress " + name + " is there already and somebody else's";
  }
  return "";
}

}  // namespace

std::string split_obstacle(const NamespaceView& view, const Ingress& original) {
  std::vector<std::string> services = services_of(original);
  if (services.size() < 2) return "";
  services.erase(services.begin());
  return obstacle(view, original, services);
}

bool asks_for_split(const Ingress& ingress) {
  const std::string* asked = annotation(ingress, keys::kSplitIngress);
  return asked != nullptr && *asked == "true" && !is_split_copy(ingress);
}

bool is_split(const Ingress& ingress) {
  const auto text = ingress.meta.annotations.find(keys::kUndo);
  // A record is dear to read, and that of nearly every Ingress does not speak of rules.
  if (text == ingress.meta.annotations.end() || text->second.find(kRulesPath) == std::string::npos) return false;
  return looks_recorded(ingress.meta) && read_record(ingress.meta).owns(kRulesPath);
}

bool is_split_copy(const Ingress& ingress) {
  const auto label = ingress.meta.labels.find(keys::kManagedBy);
  return label != ingress.meta.labels.end() && label->second == keys::kManagedByUs && annotation(ingress, keys::kSplitFrom) != nullptr;
}

SplitStep split_step(const Context& context, const IngressCase& one) {
  SplitStep step;
  const Ingress& original = *one.ingress;
  if (is_split(original)) {
    for (const Ingress* copy : copies_of(context.view, original)) {
      if (annotation(*copy, keys::kCanary) != nullptr) step.changes.push_back(mark_copy(*copy, false, Stage::ingress_backend));
    }
    return step;
  }
  std::vector<std::string> services = services_of(original);
  if (services.size() < 2) return step;
  const std::string kept = services.front();
  services.erase(services.begin());
  if (std::string why = obstacle(context.view, original, services); !why.empty()) {
    step.findings.push_back(finding("MG414", original.key(), "it is not split: " + why));
    return step;
  }
  for (const std::string& service : services) {
    if (find(context.view, copy_name(original, service)) == nullptr) step.changes.push_back(make_copy(original, service));
  }
  if (step.changes.empty()) step.changes.push_back(shrink(original, kept));
  return step;
}

std::vector<Change> unsplit_step(const NamespaceView& view, const Ingress& original, Stage stage) {
  std::vector<Change> changes;
  const std::vector<const Ingress*> copies = copies_of(view, original);
  const Record record = read_record(original.meta);
  if (record.owns(kRulesPath)) {
    for (const Ingress* copy : copies) {
      if (annotation(*copy, keys::kCanary) == nullptr) changes.push_back(mark_copy(*copy, true, stage));
    }
    const auto was = record.was.find(std::string(kRulesPath));
    if (!changes.empty() || was == record.was.end()) return changes;
    Record rest = record;
    rest.own.erase(std::string(kRulesPath));
    rest.was.erase(std::string(kRulesPath));
    Json rules = was->second;
    const bool edited = carry_edits(pieces_of(original, copies, was->second), rules);
    changes.push_back(with_rules(original, std::move(rules), rest, stage, edited ? "all its paths again, and what was changed in them since" : "all its paths again"));
    return changes;
  }
  for (const Ingress* copy : copies) changes.push_back(base_of(*copy, Verb::remove, stage, "Ingress " + original.meta.name + " has its paths again"));
  return changes;
}

}  // namespace meshgraft
