#pragma once
// What the cluster says about its mesh and about KubeSphere, when no profile says it instead. Called by derive_facts;
// the controller and the command line ask it which ConfigMaps to read. Pure.

#include <vector>

#include "reconcilers/facts.h"

namespace meshgraft {

// istiod, its injector's webhooks and policy. When several revisions run, the one that `wanted` names, by itself or by
// a tag, speaks for the mesh; with "" the one that owns the name "default", or else the newest. The webhooks of all of
// them count. A `wanted` that nothing here carries is told in unready_why.
MeshFacts derive_mesh(const World& world, const std::string& wanted);

// KubeSphere's version and what it says about its mesh. `mesh`: what derive_mesh said.
PlatformFacts derive_platform(const World& world, const MeshFacts& mesh);

// Puts the settings' root namespace and cluster domain in the place of what is known, and judges the settings against
// it: where world.mesh was given, its revision is all that can be held against them.
void override_facts(const World& world, const MeshSettings& settings, Facts& facts);

// Whether `workload` is one of those that derive_mesh takes for istiod.
bool is_istiod(const Workload& workload);

// The ConfigMaps that facts and rules read because `workload` runs: of an istiod the mesh's configuration and the
// injector's, of an ingress-nginx controller what its --configmap names. Any of them may not exist.
std::vector<ObjectKey> config_maps_of(const Workload& workload);

}  // namespace meshgraft
