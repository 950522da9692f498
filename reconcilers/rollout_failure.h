#pragma once
// RolloutFailure: when a rollout that we began has failed, so that the workload is put back to the template it had
// (contract, section 3, line 4). The way back asks it for every workload whose template is ours, the gate for those
// that are restarting. Pure.

#include <cstdint>
#include <optional>
#include <string>

#include "reconcilers/reconciler.h"

namespace meshgraft {

// A rollout that is under way for so long is looked at: its new pods are read, and read again after as long.
// Milliseconds; a pod with a sidecar is usually ready within half of it.
constexpr std::int64_t kLookAtStuck = 60'000;

// A pod that restarted so often and waits to be started once more is taken for one that will never run.
constexpr int kCrashes = 3;

// Why the present rollout of `workload` has failed, for people and for meshgraft.io/held: "not available within 600 s:
// 1 of 2 updated, 2 available"; nullopt while it may still succeed, and for a rollout that somebody else began or
// that no ready pod depends on. Precondition: its template is ours.
std::optional<std::string> failed_rollout(const Workload& workload, const Context& context);

// "its new pod web-1 crashes: 4 restarts", of a rollout under way that changed images, which a release began; "" while no
// such pod was looked up. A pod is new here when its containers have the template's images: one whose images somebody
// rewrites at admission counts as none.
std::string crash_of_new_image(const Workload& workload, const Context& context);

// Whether failed_rollout cannot tell without the namespace's pods: the rollout has been under way for kLookAtStuck, or
// is just over and nobody has seen that its pods have their sidecars.
bool wants_pods_of_rollout(const Workload& workload, const Context& context);

// In how many milliseconds failed_rollout may answer otherwise though nothing changes; nullopt when time alone changes
// nothing. Precondition: the rollout is under way and ours.
std::optional<std::int64_t> look_again_after(const Workload& workload, const Context& context);

// Why the new pods of a rollout do not come: "no node takes pod web-1: 0/3 nodes are available", "pod web-1 waits:
// ImagePullBackOff"; "" when nothing says so or the pods were not looked up.
std::string what_pods_wait_for(const Workload& workload, const Context& context);

}  // namespace meshgraft
