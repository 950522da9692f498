#include "reconcilers/rollout_failure.h"

#include <algorithm>
#include <vector>

#include "reconcilers/keys.h"
#include "reconcilers/record.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

// Pods made from the workload's present template: they carry all of its labels and annotations.
std::vector<const Pod*> new_pods(const Workload& workload, const Context& context) {
  std::vector<const Pod*> found;
  if (!context.view.pods) return found;
  for (const auto& pod : *context.view.pods) {
    if (pod->phase == "Succeeded" || pod->phase == "Failed" || pod->meta.deleting) continue;
    if (is_subset(workload.pod.labels, pod->meta.labels) && is_subset(workload.pod.annotations, pod->meta.annotations))
      found.push_back(pod.get());
  }
  return found;
}

// "" while it may still run.
std::string crash_of(const Pod& pod) {
  if (pod.waiting_reason != "CrashLoopBackOff" || pod.restarts < kCrashes) return "";
  return "its new pod " + pod.meta.name + " crashes: " + std::to_string(pod.restarts) + " restarts";
}

bool has_images_of(const PodTemplate& wanted, const Pod& pod) {
  return std::all_of(wanted.containers.begin(), wanted.containers.end(), [&pod](const Container& container) {
    const auto found = std::find(pod.containers.begin(), pod.containers.end(), container.name);
    const auto at = static_cast<std::size_t>(found - pod.containers.begin());
    return at < pod.images.size() && pod.images[at] == container.image;
  });
}

bool has_sidecar(const Pod& pod) {
  const auto is_proxy = [](const std::string& name) { return name == keys::kProxyContainer; };
  return pod.meta.annotations.find(keys::kSidecarStatus) != pod.meta.annotations.end() &&
         (std::any_of(pod.containers.begin(), pod.containers.end(), is_proxy) ||
          std::any_of(pod.init_containers.begin(), pod.init_containers.end(), is_proxy));
}

// Milliseconds that the caller has seen the rollout under way; -1 when nobody told.
std::int64_t lasts(const Workload& workload, const Moments& moments) {
  const auto since = moments.rolling.find(workload.key());
  return moments.now == 0 || since == moments.rolling.end() ? -1 : moments.now - since->second;
}

// Only a Deployment's controller tells when its deadline is over.
bool is_overdue(const Workload& workload, const Moments& moments) {
  return workload.kind != Kind::deployment && lasts(workload, moments) >= workload.progress_deadline_seconds * 1000;
}

bool asks_for_sidecar(const Workload& workload) {
  const auto inject = workload.pod.annotations.find(keys::kSidecarInject);
  return inject != workload.pod.annotations.end() && inject->second == "true";
}

bool is_ours_to_judge(const Workload& workload) {
  const Record record = read_record(workload.meta);
  return is_our_rollout(workload, record) && !(record.rolled && record.rolled->unserved);
}

}  // namespace

std::optional<std::string> failed_rollout(const Workload& workload, const Context& context) {
  const Rollout state = rollout_of(workload);
  const Moments& moments = context.view.moments;
  if (state == Rollout::complete) {
    if (!moments.over.contains(workload.key()) || !asks_for_sidecar(workload) || !is_ours_to_judge(workload))
      return std::nullopt;
    for (const Pod* pod : new_pods(workload, context)) {
      if (!has_sidecar(*pod)) return "pod " + pod->meta.name + " came without its sidecar (MG216)";
    }
    return std::nullopt;
  }
  if (state != Rollout::exceeded && state != Rollout::under_way) return std::nullopt;
  if (!is_ours_to_judge(workload)) return std::nullopt;
  if (state == Rollout::exceeded || is_overdue(workload, moments)) {
    std::string why = "not available within " + std::to_string(workload.progress_deadline_seconds) +
                      " s: " + progress_text(workload);
    if (!workload.status.message.empty()) why += "; " + workload.status.message;
    const std::string pods = what_pods_wait_for(workload, context);
    return pods.empty() ? why : why + "; " + pods;
  }
  for (const Pod* pod : new_pods(workload, context)) {
    if (std::string why = crash_of(*pod); !why.empty()) return why;
  }
  return std::nullopt;
}

std::string crash_of_new_image(const Workload& workload, const Context& context) {
  if (rollout_of(workload) != Rollout::under_way) return "";
  for (const Pod* pod : new_pods(workload, context)) {
    if (std::string why = crash_of(*pod); !why.empty() && has_images_of(workload.pod, *pod)) return why;
  }
  return "";
}

bool wants_pods_of_rollout(const Workload& workload, const Context& context) {
  const Moments& moments = context.view.moments;
  switch (rollout_of(workload)) {
    case Rollout::complete:
      return moments.over.contains(workload.key()) && asks_for_sidecar(workload) && is_ours_to_judge(workload);
    case Rollout::exceeded:
      return true;
    case Rollout::under_way:
      return lasts(workload, moments) >= kLookAtStuck;
    default:
      return false;
  }
}

std::optional<std::int64_t> look_again_after(const Workload& workload, const Context& context) {
  const std::int64_t lasted = lasts(workload, context.view.moments);
  if (lasted < 0) return std::nullopt;
  std::int64_t wait = kLookAtStuck - lasted % kLookAtStuck;
  const std::int64_t deadline = workload.progress_deadline_seconds * 1000;
  if (workload.kind != Kind::deployment && lasted < deadline) wait = std::min(wait, deadline - lasted);
  return wait;
}

std::string what_pods_wait_for(const Workload& workload, const Context& context) {
  for (const Pod* pod : new_pods(workload, context)) {
    if (!pod->unschedulable.empty()) return "no node takes pod " + pod->meta.name + ": " + pod->unschedulable;
  }
  for (const Pod* pod : new_pods(workload, context)) {
    const std::string& why = pod->waiting_reason;
    if (!why.empty() && why != "ContainerCreating" && why != "PodInitializing")
      return "pod " + pod->meta.name + " waits: " + why;
  }
  return "";
}

}  // namespace meshgraft
