#pragma once
// ReplaceSight: what a namespace's view shows of a replace under way, as next_step asks for it. Called by the rule for
// replaces. Pure.

#include <memory>
#include <string>

#include "reconcilers/replace_record.h"
#include "reconcilers/replace_steps.h"
#include "reconcilers/types.h"

namespace meshgraft {

// The Deployment `name`; null when there is none.
std::shared_ptr<const Workload> deployment_named(const NamespaceView& view, std::string_view name);

// Whether this is the new Deployment of a replace under another name (naming=versioned) while the original stands: that
// one is the member until it goes.
bool comes_beside(const NamespaceView& view, const Workload& workload);

// The whole of a Deployment, from the server or from a file; null when nobody has read it.
const Json* whole_of(const NamespaceView& view, const Workload& workload);

// `wanted` and `blocked` are left to the rule. Precondition: view.replica_sets was looked up, and view.pods and
// view.slices too where there is a server.
Seen look_at_replace(const NamespaceView& view, const ReplaceRecord& record);

// The recorded ReplicaSet of this name as it is now; null when it is gone.
const ReplicaSet* replica_set_named(const NamespaceView& view, std::string_view name);

}  // namespace meshgraft
