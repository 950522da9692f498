#pragma once
// Rollback: a restart of ours that failed is taken back (contract, section 3, line 4). plan asks it like any rule.
//   the rollout has failed (rollout_failure.h)     meshgraft.io/held says why, and the record what the workload was like
//   it is held and its template is still ours      the former template, at once: its pods are being replaced anyway
//   it is held and has changed since, or
//   meshgraft.io/retry has another value           the mark goes, and the workload joins again
// A held workload is not touched and stops the queue of its namespace. Pure.

#include "reconcilers/reconciler.h"

namespace meshgraft {

Decision desired_rollback(const Context& context);

// Record::held of a workload that is as it should be while it is held.
std::string likeness_of(const Workload& workload, const Record& record);

}  // namespace meshgraft
