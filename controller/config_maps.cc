#include "controller/config_maps.h"

#include "reconcilers/mesh_facts.h"

namespace meshgraft {

std::set<Scope> wanted_config_maps(const World& world) {
  std::set<Scope> wanted;
  for (const auto& [ns, view] : world.namespaces) {
    for (const std::shared_ptr<const Workload>& workload : view.workloads) {
      for (ObjectKey& key : config_maps_of(*workload)) wanted.insert({std::move(key.ns), std::move(key.name)});
    }
  }
  return wanted;
}

bool changes_config_maps(const CacheChange& change) {
  const Workload* before = as<Workload>(change.before.get());
  const Workload* after = as<Workload>(change.after.get());
  if (before == nullptr && after == nullptr) return false;
  return (before == nullptr ? std::vector<ObjectKey>{} : config_maps_of(*before)) !=
         (after == nullptr ? std::vector<ObjectKey>{} : config_maps_of(*after));
}

}  // namespace meshgraft
