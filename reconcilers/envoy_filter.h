#pragma once
// The rule for client addresses (rules 10): the EnvoyFilter preserve-client-ip, or in mode bypass the DestinationRule
// that lets meshed callers still reach the gateway. plan calls it through the registry. Pure.
//
//   clientIP.mode | in the gateway's namespace                  | in the mesh's root namespace
//   envoyFilter   | EnvoyFilter for the controllers' inbound    | one that is not ours: MG602, ours is not needed
//   meshWide      |                                             | the article's EnvoyFilter; MG601, from Istio 1.25 MG604
//   bypass        | DestinationRule, tls DISABLE                |
//   off           |                                             |
// What another mode made, and we made, is removed.

#include <string>

#include "reconcilers/reconciler.h"

namespace meshgraft {

// The spec for the controllers that `labels` select; for the whole mesh when it is empty.
Json client_ip_filter(const Labels& labels);

// Whether a filter for the whole mesh would do harm (MG604): then nothing that relies on it is written either.
bool mesh_wide_does_harm(const MeshFacts& mesh);

Decision desired_envoy_filter(const Context& context);
std::span<const RbacRule> rbac_envoy_filter();

}  // namespace meshgraft
