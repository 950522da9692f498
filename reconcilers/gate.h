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
  std::vector<std::shared_ptr<const Workload>> exceeded;   // did so and failed (rollout_failure.h)
  std::vector<std::shared_ptr<const Workload>> theirs;     // joined, and restarting for somebody else's reason
  std::vector<std::shared_ptr<const Workload>> unserved;   // changed at once, because no pod was ever ready; still none is
  std::vector<std::shared_ptr<const Workload>> held;       // rolled back (rollback.h): they stop the queue too
  std::vector<ObjectKey> replacing;                        // are being created again (rules 3)
};

// Of the workloads whose template we own (or would, in `intents`), those whose rollout is not over. Only `under_way`
// takes places, and only `exceeded` stops the queue.
Rolling rolling_of(const std::vector<Intent>& intents, const Context& context);

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
