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

// The rules of which only the paths to `service` are left; all of them for "".
Json rules_of(const std::vector<IngressRule>& rules, std::string_view service) {
  Json list = Json::array();
  for (const IngressRule& rule : rules) {
    Json paths = Json::array();
    for (const IngressPath& path : rule.paths) {
      if (service.empty() || path.backend.service == service) paths.push_back(path_json(path));
    }
    if (paths.empty()) continue;
    Json one{{"http", {{"paths", std::move(paths)}}}};
    if (!rule.host.empty()) one["host"] = rule.host;
    list.push_back(std::move(one));
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
  Json spec{{"rules", rules_of(original.rules, service)}};
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
  record.was.insert_or_assign(std::string(kRulesPath), rules_of(original.rules, ""));
  Change change = with_rules(original, rules_of(original.rules, kept), record, Stage::ingress_backend,
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

bool is_split(const Ingress& ingress) { return looks_recorded(ingress.meta) && read_record(ingress.meta).owns(kRulesPath); }

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
    changes.push_back(with_rules(original, was->second, rest, stage, "all its paths again"));
    return changes;
  }
  for (const Ingress* copy : copies) changes.push_back(base_of(*copy, Verb::remove, stage, "Ingress " + original.meta.name + " has its paths again"));
  return changes;
}

}  // namespace meshgraft
