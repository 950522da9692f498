#pragma once
// RolloutFailure: when a rollout that we began has failed, so that the workload is put back to the template it had
// (contract, section 3, line 4). The way back asks it for every workload whose template is ours. Pure.

#include <optional>
#include <string>

#include "reconcilers/reconciler.h"

namespace meshgraft {

// Why the present rollout of `workload` has failed, for people and for meshgraft.io/held: "not available within 600 s:
// 1 of 2 updated, 2 available"; nullopt while it may still succeed. Precondition: its template is ours.
std::optional<std::string> failed_rollout(const Workload& workload, const Context& context);

}  // namespace meshgraft
