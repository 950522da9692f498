#pragma once
// Which ConfigMaps facts and rules need: Istio's mesh and injector configuration, and what ingress-nginx controllers
// name with --configmap. Intake follows exactly these, by name, because a cluster's ConfigMaps are many. Pure.

#include <set>

#include "controller/cache.h"

namespace meshgraft {

// Sorted; some may not exist (yet).
std::set<Scope> wanted_config_maps(const World& world);

// True when a change of this workload can change the answer of wanted_config_maps.
bool names_config_maps(const Workload& workload);

}  // namespace meshgraft
