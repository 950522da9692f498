#pragma once
// The rule for callers and mTLS (rules 12): who would be refused, or would not meet traffic rules, because one side
// has a sidecar and the other has none. Reports only: MG611 to MG614. Pure.
//
//   the Service's pods | the caller      | mode       | told
//   sidecar            | none            | STRICT     | MG611
//   sidecar            | gateway outside | STRICT     | MG612
//   none               | sidecar, with a DestinationRule ISTIO_MUTUAL      | MG613
//   sidecar            | none            | PERMISSIVE | MG614: it works, but rules run in the caller

#include <string>

#include "reconcilers/reconciler.h"

namespace meshgraft {

// The mode that PeerAuthentications set for pods of these labels: STRICT, PERMISSIVE or DISABLE. The pods' own, then
// the namespace's, then the root namespace's; the oldest of several (istio.io, PeerAuthentication).
std::string mtls_mode(const Facts& facts, std::string_view ns, const Labels& pod_labels);

Decision desired_mutual_tls(const Context& context);

}  // namespace meshgraft
