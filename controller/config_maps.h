#pragma once
// Which ConfigMaps facts and rules need: Istio's mesh and injector configuration, and what ingress-nginx controllers
// name with --configmap. Intake follows exactly these, by name, because a cluster's ConfigMaps are many. Pure.

#include <set>

#include "controller/cache.h"

namespace meshgraft {

// Sorted; some may not exist (yet).
std::set<Scope> wanted_config_maps(const World& world);

// True when this change changes the answer of wanted_config_maps.
bool changes_config_maps(const CacheChange& change);

}  // namespace meshgraft
