#pragma once
// Relevance: did an object change in a field that some rule reads? The cache asks it for every event, so that a
// heartbeat, a counter or another controller's status enqueues nothing. Pure.

#include "k8sclient/model/objects.h"

namespace meshgraft {

// True when no rule can tell the two apart, resourceVersion aside. Counts of a workload's status are compared by
// what can be concluded from them (is the rollout complete, is anything ready), not by value.
// Precondition: the same kind, namespace and name.
bool same_for_rules(const Object& before, const Object& after);

// True when a change from `before` to `after` (either may be null: created, deleted) can change a fact of the whole
// cluster (reconcilers/facts.h). `special`: the namespace is not joined to an app, or serves a gateway or the mesh
// itself; there the state of a workload's rollout is a fact too, elsewhere only what its containers run.
bool touches_facts(const Object* before, const Object* after, bool special);

}  // namespace meshgraft
