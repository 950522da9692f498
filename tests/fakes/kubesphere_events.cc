// Which change wakes which of KubeSphere's controllers, its oversights included, and what they then write.

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "tests/fakes/kubesphere_model.h"
#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

using ObjectName = std::pair<std::string, std::string>;

constexpr const char* kAppName = "app.kubernetes.io/name";
constexpr const char* kAppVersion = "app.kubernetes.io/version";

bool has_app_labels(const Json& labels) { return labels.contains(kAppName) && labels.contains(kAppVersion); }
bool is_component(const Json& labels) { return labels.contains("app") && has_app_labels(labels); }

Object find(const Snapshot& world, const std::string& kind, const ObjectName& place) {
  auto of_kind = world.find(kind);
  if (of_kind == world.end()) return nullptr;
  auto it = of_kind->second.find(place);
  return it == of_kind->second.end() ? nullptr : it->second;
}

std::vector<Object> in_namespace(const Snapshot& world, const std::string& kind, const std::string& ns) {
  std::vector<Object> out;
  auto of_kind = world.find(kind);
  if (of_kind == world.end()) return out;
  for (auto it = of_kind->second.lower_bound({ns, ""}); it != of_kind->second.end() && it->first.first == ns; ++it)
    out.push_back(it->second);
  return out;
}

struct Woken {
  std::set<ObjectName> rules, routes, applications, gone_services;
};

void wake_services(const Snapshot& world, const std::string& ns, const std::function<bool(const Json&)>& concerned,
                   std::set<ObjectName>& out) {
  for (const Object& service : in_namespace(world, "Service", ns)) {
    if (concerned(*service)) out.insert({ns, text_at(*service, {"metadata", "name"})});
  }
}

Woken woken_by(const std::vector<ModelChange>& changes, const Snapshot& world) {
  Woken woken;
  for (const ModelChange& change : changes) {
    const Json& object = change.after ? *change.after : *change.before;
    const std::string& ns = change.place.first;
    if (change.kind == "Service") {
      woken.rules.insert(change.place);
      woken.routes.insert(change.place);
      if (!change.after) woken.gone_services.insert(change.place);
    } else if (change.kind == "Deployment") {
      const Json& selector = at(object, {"spec", "selector", "matchLabels"});
      if (selector.is_object() && is_component(labels_of(object)) && is_component(selector)) {
        wake_services(
            world, ns,
            [&](const Json& service) {
              return map_selects(at(service, {"spec", "selector"}), selector);
            },
            woken.rules);
      }
    } else if (change.kind == "ServicePolicy") {
      wake_services(
          world, ns,
          [&](const Json& service) {
            return text_at(labels_of(service), {"app"}) == text_at(labels_of(object), {"app"});
          },
          woken.rules);
    } else if (change.kind == "Strategy") {
      wake_services(
          world, ns,
          [&](const Json& service) {
            for (const char* key : {"app", kAppName, kAppVersion}) {
              if (!labels_of(object).contains(key) || at(labels_of(object), {key}) != at(labels_of(service), {key}))
                return false;
            }
            return at(service, {"spec", "selector"}).is_object();
          },
          woken.routes);
    } else if (change.kind == "DestinationRule" && change.after) {
      woken.routes.insert(change.place);
    }
    if (change.kind == "Application") {
      woken.applications.insert(change.place);
    } else if (change.kind != "VirtualService" && change.kind != "DestinationRule") {
      // The predicate looks at the old object twice: the update that adds the labels is missed.
      const Json& judged = change.before ? *change.before : *change.after;
      if (has_app_labels(labels_of(judged)))
        woken.applications.insert({ns, text_at(labels_of(change.before && !change.after ? *change.before : object),
                                               {kAppName}, text_at(labels_of(judged), {kAppName}))});
    }
  }
  return woken;
}

std::string component_status(const std::string& kind, const Json& object) {
  if (kind == "Deployment" || kind == "StatefulSet") {
    const bool seen =
        number_at(object, {"status", "observedGeneration"}) >= number_at(object, {"metadata", "generation"});
    const std::int64_t wanted = number_at(object, {"spec", "replicas"}, 1);
    const bool ready =
        number_at(object, {"status", "readyReplicas"}) == wanted && number_at(object, {"status", "replicas"}) == wanted;
    return seen && ready ? "Ready" : "InProgress";
  }
  return "Ready";
}

void add_owner_references(const Json& application, const Snapshot& world, std::vector<ModelWrite>& writes) {
  if (at(application, {"spec", "addOwnerRef"}) != true) return;
  const std::string ns = text_at(application, {"metadata", "namespace"});
  for (const Json& component : at(application, {"spec", "componentKinds"})) {
    for (const Object& object : in_namespace(world, text_at(component, {"kind"}), ns)) {
      if (!map_selects(at(application, {"spec", "selector", "matchLabels"}), labels_of(*object))) continue;
      Json member = *object;
      Json owners = at(member, {"metadata", "ownerReferences"});
      if (!owners.is_array()) owners = Json::array();
      const Json& uid = at(application, {"metadata", "uid"});
      if (std::any_of(owners.begin(), owners.end(), [&uid](const Json& one) { return at(one, {"uid"}) == uid; }))
        continue;
      owners.push_back({{"apiVersion", "app.k8s.io/v1beta1"},
                        {"kind", "Application"},
                        {"name", at(application, {"metadata", "name"})},
                        {"uid", uid}});
      member["metadata"]["ownerReferences"] = std::move(owners);
      writes.push_back({ModelWrite::update, std::move(member)});
    }
  }
}

}  // namespace

const std::vector<std::string>& watched_kinds() {
  static const std::vector<std::string> kinds = {"Service",       "Deployment",     "StatefulSet",
                                                 "Ingress",       "Application",    "Strategy",
                                                 "ServicePolicy", "VirtualService", "DestinationRule"};
  return kinds;
}

Json application_status(const Json& application, const Snapshot& world) {
  const std::string ns = text_at(application, {"metadata", "namespace"});
  Json components = Json::array();
  std::size_t ready = 0;
  for (const Json& wanted : at(application, {"spec", "componentKinds"})) {
    const std::string kind = text_at(wanted, {"kind"}), group = text_at(wanted, {"group"});
    for (const Object& object : in_namespace(world, kind, ns)) {
      const Json& member = *object;
      const std::string api_version = text_at(member, {"apiVersion"});
      const auto slash = api_version.find('/');
      if ((slash == std::string::npos ? "" : api_version.substr(0, slash)) != group) continue;
      if (!map_selects(at(application, {"spec", "selector", "matchLabels"}), labels_of(member))) continue;
      const std::string status = component_status(kind, member);
      ready += status == "Ready" ? 1 : 0;
      Json one = {{"kind", kind}, {"name", at(member, {"metadata", "name"})}, {"status", status}};
      if (!group.empty()) one["group"] = group;
      components.push_back(std::move(one));
    }
  }
  const bool all = ready == components.size();
  Json status = {{"componentsReady", std::to_string(ready) + "/" + std::to_string(components.size())},
                 {"conditions", Json::array({{{"type", "Ready"},
                                              {"status", all ? "True" : "False"},
                                              {"reason", all ? "ComponentsReady" : "ComponentsNotReady"}},
                                             {{"type", "Error"}, {"status", "False"}, {"reason", "NoError"}}})},
                 {"observedGeneration", at(application, {"metadata", "generation"})}};
  if (!components.empty()) status["components"] = std::move(components);
  return status;
}

void ModelQueue::remember(const std::string& kind, const ObjectName& place, Object before) {
  before_[kind].emplace(place, std::move(before));  // the oldest counts
}

void ModelQueue::look(Snapshot now) {
  for (const std::string& kind : watched_kinds()) {
    for (const auto& [place, object] : now[kind]) {
      Object was = find(world_, kind, place);
      if (!was || at(*was, {"metadata", "resourceVersion"}) != at(*object, {"metadata", "resourceVersion"}))
        remember(kind, place, std::move(was));
    }
    for (const auto& [place, object] : world_[kind]) {
      if (!find(now, kind, place)) remember(kind, place, object);
    }
  }
  world_ = std::move(now);
}

void ModelQueue::tell(const std::string& kind, const ObjectName& place, Object now) {
  Object was = find(world_, kind, place);
  if (was == now) return;  // heard already
  auto& of_kind = world_[kind];
  remember(kind, place, std::move(was));
  if (now) {
    of_kind[place] = std::move(now);
  } else {
    of_kind.erase(place);
  }
}

std::vector<ModelWrite> ModelQueue::writes() const {
  std::vector<ModelChange> changes;
  for (const auto& [kind, places] : before_) {
    for (const auto& [place, before] : places) {
      Object was = before;
      Object now = find(world_, kind, place);
      if (was && now && at(*was, {"metadata", "uid"}) != at(*now, {"metadata", "uid"}))
        changes.push_back({kind, place, std::exchange(was, nullptr), nullptr});
      if (was || now) changes.push_back({kind, place, std::move(was), std::move(now)});
    }
  }
  return kubesphere_writes(changes, world_);
}

void ModelQueue::tried(bool taken) {
  constexpr int kTries = 15;  // pkg/controller/virtualservice, maxRetries
  refused_ = taken ? 0 : refused_ + 1;
  if (refused_ % kTries == 0) before_.clear();
}

std::vector<ModelWrite> kubesphere_writes(const std::vector<ModelChange>& changes, const Snapshot& after) {
  std::vector<ModelWrite> writes;
  const Woken woken = woken_by(changes, after);
  const auto current = [&after](const std::string& kind, const ObjectName& place) {
    const Object found = find(after, kind, place);
    return found ? *found : Json();
  };
  const auto remove = [&](const std::string& kind, const ObjectName& place) {
    if (Json found = current(kind, place); !found.is_null()) writes.push_back({ModelWrite::remove, std::move(found)});
  };
  const auto put = [&writes](const Json& was, std::optional<Json> wanted) {
    if (wanted) writes.push_back({was.is_null() ? ModelWrite::create : ModelWrite::update, std::move(*wanted)});
  };
  for (const ObjectName& place : woken.gone_services) {
    if (find(after, "Service", place)) continue;
    for (const char* kind : {"DestinationRule", "ServicePolicy", "VirtualService", "Strategy"}) remove(kind, place);
  }
  for (const ObjectName& place : woken.rules) {
    const Object service = find(after, "Service", place);
    if (!service) continue;
    const Json rule = current("DestinationRule", place);
    put(rule, destination_rule_of(*service, in_namespace(after, "Deployment", place.first),
                                  in_namespace(after, "ServicePolicy", place.first), rule));
  }
  for (const ObjectName& place : woken.routes) {
    const Object service = find(after, "Service", place);
    const Object rule = find(after, "DestinationRule", place);
    if (!service || !rule) continue;
    const Json routes = current("VirtualService", {place.first, text_at(labels_of(*service), {"app"})});
    put(routes, virtual_service_of(*service, *rule, in_namespace(after, "Strategy", place.first), routes));
  }
  for (const ObjectName& place : woken.applications) {
    const Object application = find(after, "Application", place);
    if (!application) continue;
    add_owner_references(*application, after, writes);
    Json next = *application;
    next["status"] = application_status(next, after);
    if (at(*application, {"status"}) != next["status"]) writes.push_back({ModelWrite::update_status, std::move(next)});
  }
  return writes;
}

}  // namespace meshgraft::fakes
