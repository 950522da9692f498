#pragma once
// Limits: whether a namespace has room for the restarts that are about to begin, and what else bounds its pods:
// ResourceQuotas, LimitRanges, PodDisruptionBudgets, HorizontalPodAutoscalers. The plan asks before it opens the gate.
// Reads what view.limits holds and nothing else. Pure.

#include <map>
#include <string>
#include <vector>

#include "reconcilers/reconciler.h"

namespace meshgraft {

struct LimitsVerdict {
  std::string hold;                        // no restart of a sidecar may begin here, and why; "" when there is room
  std::map<ObjectKey, std::string> waits;  // single workloads that wait, for what ends by itself
  std::vector<Finding> findings;           // MG213, MG230, MG231
};

// `restarting`: the workloads that are to restart, all of them; `beside`: they are re-created, so that all new pods of one
// run beside all old ones for a while. Precondition: context.view.limits.
LimitsVerdict judge_limits(const Context& context, const std::vector<const Workload*>& restarting, bool beside = false);

}  // namespace meshgraft
