#pragma once
// The cluster that the sandbox starts with: nodes, system namespaces, the mesh of a profile with its webhooks and
// istiod, and the CustomResourceDefinitions that KubeSphere and Istio bring. Called by the sandbox and by tests;
// knows nothing of users' workloads.

#include <optional>
#include <string_view>

#include "tests/fakes/engine.h"

namespace meshgraft::fakes {

enum class Profile : std::uint8_t { kubesphere_3_3, kubesphere_3_4, kubesphere_4, istio };

// "kubesphere-3.3", "kubesphere-3.4", "kubesphere-4", "istio"; nullopt for anything else.
std::optional<Profile> profile_named(std::string_view name);

// Which Istio a profile brings, and how it decides.
struct MeshFacts {
  std::string version, revision, root_namespace;
  bool enabled_by_default, honours_label, kubesphere;
};
MeshFacts mesh_of(Profile profile);

// The MutatingWebhookConfiguration of the profile's injector.
Json injector_webhooks(Profile profile);

// Seeds all of it, istiod already ready, and sets the engine's injector. `nodes` Node objects named node-1, node-2…
void seed_world(Engine& engine, Profile profile, int nodes = 3);

// The CustomResourceDefinitions alone.
void serve_custom_kinds(Engine& engine, Profile profile);

}  // namespace meshgraft::fakes
