#pragma once
// The gate: which workloads may restart now. At most max-rollouts of a namespace and of the cluster at a time, callees
// before callers, and none while one of ours is stuck. plan asks it for the stages that restart pods; it reads
// workloads and writes nothing. Pure.

#include <memory>
#include <string>
#include <vector>

#include "reconcilers/reconciler.h"

namespace meshgraft {

struct Rolling {
  std::vector<std::shared_ptr<const Workload>> under_way;  // restarting because of us
  std::vector<std::shared_ptr<const Workload>> exceeded;   // did so and missed their progress deadline
};

// Of the workloads whose template we own (or would, in `intents`), those whose rollout is not over.
Rolling rolling_of(const std::vector<Intent>& intents);

// How many more restarts may begin, and why not more: "max-rollouts 1 is reached: Deployment shop/web is restarting".
struct Room {
  int places = 0;
  std::string why;
};
Room room_for_restarts(const Rolling& rolling, const NamespaceOptions& options, const Settings& settings,
                       const Facts& facts);

// `candidates` (indexes into `intents`) in the order in which they restart: a workload whose environment names a
// Service comes after the workloads behind that Service, then those behind an Ingress come last, then by name.
std::vector<std::size_t> restart_order(const std::vector<Intent>& intents, std::vector<std::size_t> candidates,
                                       const Context& context);

}  // namespace meshgraft
