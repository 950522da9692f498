#include "reconcilers/rollout.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

// A number or percentage of `replicas`; `otherwise` when unset or unreadable.
std::int64_t resolved(const IntOrString& value, std::int64_t replicas, bool round_up, IntOrString otherwise) {
  const IntOrString& used = value.is_set() ? value : otherwise;
  if (!used.is_text()) return used.number;
  std::int64_t percent = 0;
  const char* end = used.text.data() + used.text.size();
  const auto [at, error] = std::from_chars(used.text.data(), end, percent);
  if (error != std::errc{} || at + 1 != end || *at != '%') return 0;
  constexpr std::int64_t kMost = 1'000'000;  // percent; more of what a manifest may say is no more pods than that
  return (std::min(percent, kMost) * replicas + (round_up ? 99 : 0)) / 100;
}

// True while no template but the first was ever rolled out. Annotations count in a Deployment's generation, so that after
// the first of ours only its revision tells.
bool has_its_first_template(const Workload& workload) {
  if (workload.meta.generation <= 1) return true;
  const auto revision = workload.meta.annotations.find(keys::kRevision);
  return workload.kind == Kind::deployment && revision != workload.meta.annotations.end() && revision->second == "1";
}

}  // namespace

Rollout rollout_of(const Workload& workload) {
  const Workload::Status& status = workload.status;
  if (workload.replicas == 0 && workload.kind != Kind::daemon_set) return Rollout::empty;
  if (!status.known) return Rollout::complete;
  const bool seen = latest_change_is_seen(workload);
  const bool replaced = seen && status.updated == workload.replicas &&
                        (status.replicas == workload.replicas || workload.kind == Kind::daemon_set);
  const bool available = status.ready >= workload.replicas && status.available >= workload.replicas;
  if (replaced && available) return Rollout::complete;
  if (seen && status.deadline_exceeded) return Rollout::exceeded;
  if (replaced && status.rollout_complete) return Rollout::degraded;
  if (status.ready == 0 && has_its_first_template(workload)) return Rollout::fresh;
  return Rollout::under_way;
}

bool rollout_is_over(const Workload& workload) {
  const Rollout state = rollout_of(workload);
  return state == Rollout::complete || state == Rollout::empty || state == Rollout::degraded;
}

bool latest_change_is_seen(const Workload& workload) {
  return !workload.status.known || workload.status.observed_generation >= workload.meta.generation;
}

bool restart_leaves_a_gap(const Workload& workload) {
  const std::int64_t replicas = workload.replicas;
  if (replicas == 0) return false;
  if (workload.kind == Kind::stateful_set)
    return replicas <= std::max<std::int64_t>(1, resolved(workload.max_unavailable, replicas, false, {1, "", false}));
  if (workload.strategy == "Recreate") return true;
  // apps/v1 defaults: 25 % each for a Deployment; 1 and 0 for a DaemonSet.
  const bool daemon = workload.kind == Kind::daemon_set;
  const std::int64_t surge =
      resolved(workload.max_surge, replicas, true, daemon ? IntOrString{0, "", true} : IntOrString{0, "25%", false});
  std::int64_t unavailable = resolved(workload.max_unavailable, replicas, daemon,
                                      daemon ? IntOrString{1, "", false} : IntOrString{0, "25%", false});
  // kubernetes pkg/controller/deployment/util, ResolveFenceposts: both 0 would never move.
  if (surge == 0 && unavailable == 0) unavailable = 1;
  return unavailable >= replicas;
}

std::int64_t max_unavailable_of(const Workload& deployment) {
  return resolved(deployment.max_unavailable, deployment.replicas, false, {0, "25%", false});
}

std::int64_t max_surge_of(const Workload& workload) {
  if (workload.kind == Kind::stateful_set || workload.strategy == "Recreate") return 0;
  const IntOrString otherwise = workload.kind == Kind::daemon_set ? IntOrString{0, "", true} : IntOrString{0, "25%", false};
  return resolved(workload.max_surge, workload.replicas, true, otherwise);
}

std::string progress_text(const Workload& workload) {
  const Workload::Status& status = workload.status;
  std::string text = std::to_string(status.updated) + " of " + std::to_string(workload.replicas) + " updated, " +
                     std::to_string(status.available) + " available";
  if (status.replicas > status.updated && status.updated >= workload.replicas)
    text += ", " + std::to_string(status.replicas - status.updated) + " of the former template";
  if (!latest_change_is_seen(workload)) text += ", before its latest change";
  return text;
}

}  // namespace meshgraft
