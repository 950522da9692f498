// The engine's deletions: preconditions, finalizers, orphaned and collected dependents, namespaces.

#include "tests/fakes/engine.h"
#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

Json success(const ResourceType& type, const std::string& name, const std::string& uid) {
  Json details = {{"name", name}, {"kind", type.plural}, {"uid", uid}};
  if (!type.group.empty()) details["group"] = type.group;
  return {{"kind", "Status"},
          {"apiVersion", "v1"},
          {"metadata", Json::object()},
          {"status", "Success"},
          {"details", std::move(details)}};
}

}  // namespace

Answer Engine::remove(const Target& target, const DeleteOptions& options) {
  MutexLock lock(mutex_);
  Answer answer = remove_object(*target.type, target.ns, target.name, options);
  changed_.notify_all();
  return answer;
}

Answer Engine::remove_object(const ResourceType& type, const std::string& ns, const std::string& name,
                             const DeleteOptions& options) {
  const Object found = store_.find(type, ns, name);
  if (!found) return not_found(type, name);
  const std::string uid = text_at(*found, {"metadata", "uid"}),
                    version = text_at(*found, {"metadata", "resourceVersion"});
  if (!options.uid.empty() && options.uid != uid) {
    return conflict(type, name,
                    "the UID in the precondition (" + options.uid + ") does not match the UID in record (" + uid +
                        "). The object might have been deleted and then recreated");
  }
  if (!options.resource_version.empty() && options.resource_version != version) {
    return conflict(type, name,
                    "the ResourceVersion in the precondition (" + options.resource_version +
                        ") does not match the ResourceVersion in record (" + version +
                        "). The object might have been modified");
  }
  if (options.dry_run) return {200, success(type, name, uid)};
  const bool is_namespace = type.kind == "Namespace" && !type.custom;
  if (is_namespace || !at(*found, {"metadata", "finalizers"}).empty()) {
    Json dying = *found;
    if (!dying["metadata"].contains("deletionTimestamp")) {
      dying["metadata"]["deletionTimestamp"] = now_text();
      dying["metadata"]["deletionGracePeriodSeconds"] = 0;
      if (is_namespace) dying["status"] = {{"phase", "Terminating"}};
      store_.put(type, dying);
    }
    if (is_namespace) empty_namespace(name);
    const Object left = store_.find(type, ns, name);
    return {200, left ? *left : dying};
  }
  collect_dependents(uid, ns, options.propagation == DeleteOptions::orphan);
  erase(type, ns, name);
  return {200, success(type, name, uid)};
}

void Engine::erase(const ResourceType& type, const std::string& ns, const std::string& name) {
  const Object found = store_.find(type, ns, name);
  if (!found) return;
  if (at(*found, {"metadata"}).contains("deletionTimestamp"))
    collect_dependents(text_at(*found, {"metadata", "uid"}), ns, false);
  store_.erase(type, ns, name);
  if (type.kind == "CustomResourceDefinition" && !type.custom) {
    const TypePtr served =
        types_.by_plural(text_at(*found, {"spec", "group"}), "", text_at(*found, {"spec", "names", "plural"}));
    if (served) {
      for (const Object& one : store_.list(*served, "")) {
        store_.erase(*served, text_at(*one, {"metadata", "namespace"}), text_at(*one, {"metadata", "name"}));
      }
    }
    types_.stop_serving(name);
  }
  if (!ns.empty()) finish_namespace(ns);
}

// Removes what only the owner `uid` held, or strips its owner reference when `orphan`.
void Engine::collect_dependents(const std::string& uid, const std::string& ns, bool orphan) {
  if (uid.empty()) return;
  const std::vector<TypePtr> types = types_.all();
  for (const TypePtr& type : types) {
    for (const Object& one : store_.list(*type, ns)) {
      const Json& owners = at(*one, {"metadata", "ownerReferences"});
      if (!owners.is_array()) continue;
      Json left = Json::array();
      for (const Json& owner : owners) {
        if (text_at(owner, {"uid"}) != uid) left.push_back(owner);
      }
      if (left.size() == owners.size()) continue;
      const std::string place = text_at(*one, {"metadata", "namespace"}), name = text_at(*one, {"metadata", "name"});
      if (left.empty() && !orphan) {
        remove_object(*type, place, name, {});
        continue;
      }
      Json kept = *one;
      if (left.empty()) {
        kept["metadata"].erase("ownerReferences");
      } else {
        kept["metadata"]["ownerReferences"] = std::move(left);
      }
      store_.put(*type, std::move(kept));
    }
  }
}

void Engine::empty_namespace(const std::string& ns) {
  const std::vector<TypePtr> types = types_.all();
  for (const TypePtr& type : types) {
    if (!type->namespaced) continue;
    for (const Object& one : store_.list(*type, ns)) remove_object(*type, ns, text_at(*one, {"metadata", "name"}), {});
  }
  finish_namespace(ns);
}

// A namespace that is being deleted goes when the last object in it has gone.
void Engine::finish_namespace(const std::string& ns) {
  const TypePtr namespaces = types_.by_kind("v1", "Namespace");
  const Object found = store_.find(*namespaces, "", ns);
  if (!found || text_at(*found, {"status", "phase"}) != "Terminating") return;
  for (const TypePtr& type : types_.all()) {
    if (type->namespaced && !store_.list(*type, ns).empty()) return;
  }
  if (at(*found, {"metadata", "finalizers"}).empty()) store_.erase(*namespaces, "", ns);
}

}  // namespace meshgraft::fakes
