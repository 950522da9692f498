#include "reconcilers/rollout_failure.h"

#include "reconcilers/rollout.h"

namespace meshgraft {

std::optional<std::string> failed_rollout(const Workload& workload, const Context&) {
  if (rollout_of(workload) != Rollout::exceeded) return std::nullopt;
  std::string why = "not available within " + std::to_string(workload.progress_deadline_seconds) +
                    " s: " + progress_text(workload);
  if (!workload.status.message.empty()) why += "; " + workload.status.message;
  return why;
}

}  // namespace meshgraft
