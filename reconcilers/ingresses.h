#pragma once
// The rule for Ingresses (rules 6): labels, the Host that goes upstream, ClusterIPs instead of pod IPs, and backend
// numbers that would be dead with those. plan calls it through the registry. Pure.
//
// What ingress-nginx' sidecar makes of a request (recorded: ClusterIP and inside Host together are the only form
// that always reaches the member's subset) decides the pair; what ingress-nginx makes of the annotations decides
// when it is refused:
//   no controller in the mesh serves the Ingress                       MG401
//   a backend is headless, ExternalName, has a named targetPort, a
//     targetPort as its number that somebody would bring back, or
//     cookie affinity is on                                            MG402
//   a canary Ingress, or the main one of a canary                      MG405
//   one path Exact and Prefix to different Services                    MG406
//   another Ingress of the same upstream cannot follow                 MG412

#include "reconcilers/reconciler.h"

namespace meshgraft {

Decision desired_ingresses(const Context& context);
std::span<const RbacRule> rbac_ingresses();

}  // namespace meshgraft
