#pragma once
// ForeseeSets: the ReplicaSets of a world that is played to its end: made up where nobody listed them, orphaned,
// scaled and removed as the requests of a replace do. Called by foresee alone. Pure.

#include "reconcilers/types.h"

namespace meshgraft {

// One ReplicaSet, web-current, for each Deployment, when the view has none listed.
void imagine_replica_sets(NamespaceView& view);

// What `change` does to the namespace's ReplicaSets; `before`, `after`: the object that it changes, null when there is
// none.
void play_on_sets(NamespaceView& view, const Change& change, const ObjectPtr& before, const ObjectPtr& after);

}  // namespace meshgraft
