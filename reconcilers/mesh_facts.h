#pragma once
// What the cluster says about its mesh and about KubeSphere, when no profile says it instead. Called by derive_facts
// alone. Pure.

#include "reconcilers/facts.h"

namespace meshgraft {

// istiod, its injector's webhooks and policy. When several revisions run, the one that owns the name "default", or
// else the newest, speaks for the mesh; the webhooks of all of them count.
MeshFacts derive_mesh(const World& world);

// KubeSphere's version and what it says about its mesh.
PlatformFacts derive_platform(const World& world);

}  // namespace meshgraft
