#pragma once
// The state of a workload's rollout, read from its status alone. The gate, the rules for members and the member
// table ask it; it knows nothing of who started the rollout. Pure.

#include <cstdint>
#include <string>

#include "k8sclient/model/objects.h"

namespace meshgraft {

enum class Rollout : std::uint8_t {
  complete,   // every pod is of the current template and available; or a manifest, which has no status
  empty,      // replicas is 0
  fresh,      // created and never changed since, and no pod was ever ready
  under_way,  // old pods, or new ones that are not available yet
  exceeded,   // its progress deadline is over
  degraded,   // the rollout once was complete, but some pod is not available now
};

Rollout rollout_of(const Workload& workload);

// complete, empty or degraded: nothing of the rollout is still to come.
bool rollout_is_over(const Workload& workload);

// False between a change and the moment at which the workload's controller has looked at it: until then the status says
// nothing of a rollout. True for a manifest.
bool latest_change_is_seen(const Workload& workload);

// True when a rolling restart may pass through a moment without an available pod: Recreate, a StatefulSet of one
// replica, maxUnavailable that covers every replica. Percentages are rounded as the Deployment controller does.
bool restart_leaves_a_gap(const Workload& workload);

// Of a Deployment: how many pods may be unavailable during a rollout, as the Deployment controller reads it.
std::int64_t max_unavailable_of(const Workload& deployment);

// How many pods may come on top of its replicas during a rolling update; 0 for a StatefulSet, and for Recreate.
std::int64_t max_surge_of(const Workload& workload);

// "2 of 3 updated, 1 available", for people; "2 of 2 updated, 2 available, 1 of the former template" says why such a
// one is not over, ", before its latest change" that its controller has not looked at that yet.
std::string progress_text(const Workload& workload);

}  // namespace meshgraft
