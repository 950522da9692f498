#pragma once
// The rule for what stands in a member's own pods and goes wrong, or proves nothing, once a sidecar is beside it
// (rules 12): probes that an old sidecar answers by itself, the sidecar's user and ports, init containers under
// Istio's CNI plugin. Reports only: MG221, MG222, MG227, MG228. Pure.

#include "reconcilers/reconciler.h"

namespace meshgraft {

Decision desired_pod_traps(const Context& context);

}  // namespace meshgraft
