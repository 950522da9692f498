#pragma once
// Copied records: undo records that came with a copy of another object, as a restored backup, a cloned namespace or a
// file written by `kubectl get -o yaml` brings them. Called by plan as a rule. Never writes, and never reads the copy as
// if it were the object's own: what it lists belongs to the object's owner.

#include "reconcilers/reconciler.h"

namespace meshgraft {

// MG118, one for each such workload, Service and Ingress of a namespace that carries a label. Not for the copy that a
// release's gray Deployment bears of a record whose object is there.
Decision desired_copied_records(const Context& context);

}  // namespace meshgraft
