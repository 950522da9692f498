#include "reconcilers/release_steps.h"

#include <utility>

namespace meshgraft {
namespace {

using Do = ReleaseAct::Kind;
using Who = ReleaseSeen::Version;

ReleaseAct act(Do kind, ReleaseStep step, std::string why) { return {kind, step, std::move(why), "", 0}; }
ReleaseAct wait(ReleaseStep step, std::string why) { return act(Do::wait, step, std::move(why)); }
ReleaseAct stop(ReleaseStep step, std::string why, std::string finding) { return {Do::stop, step, std::move(why), std::move(finding), 0}; }

// What keeps requests from being all at `version`, and known to every proxy; a Do::update when nothing does.
ReleaseAct handed_over(const ReleaseSeen& seen, Who version, ReleaseStep step) {
  const std::string name = version == Who::gray ? "gray" : "the principal";
  if (seen.governor != version) {
    if (!(version == Who::gray ? seen.gray_subset : seen.principal_subset))
      return wait(step, "KubeSphere has no subset for " + name + " yet: it needs a ready pod");
    return act(version == Who::gray ? Do::to_gray : Do::to_principal, step, name + " takes every request");
  }
  if (seen.routes != version) return wait(step, "KubeSphere's VirtualService does not send every request to " + name + " yet");
  if (seen.routed_for < kRouteSettles) {
    ReleaseAct one = wait(step, "12 s after the VirtualService: proxies may still have the former route");
    one.wake = kRouteSettles - seen.routed_for;
    return one;
  }
  return act(Do::update, step, "");
}

bool rollout_is_settled(Rollout rollout) { return rollout == Rollout::complete || rollout == Rollout::degraded || rollout == Rollout::empty; }

// Whether the principal may take what a gray that serves has. A promotion asks for every pod: what was available once and
// crashes now is no reason to delete the version that works. Who takes a release back wants the former version as it is.
bool may_take_over(const ReleaseSeen& seen) {
  return seen.rollout == Rollout::complete || (seen.rollout == Rollout::degraded && (!seen.promote || seen.gray_ready == 0));
}

// The principal is to be made of something else. Nobody but gray serves meanwhile.
ReleaseAct change_principal(const ReleaseSeen& seen) {
  const ReleaseStep step = seen.promote && !seen.held ? ReleaseStep::updating : ReleaseStep::restoring;
  const Do kind = step == ReleaseStep::updating ? Do::update : Do::restore;
  if (seen.gray_ready == 0) {
    if (kind == Do::update) return wait(ReleaseStep::to_gray, "gray has no ready pod");
    // Gray serves nobody: the principal does, as far as it can, while it rolls back.
    if (seen.governor != Who::principal && seen.principal_subset && seen.ready > 0)
      return act(Do::to_principal, ReleaseStep::to_principal, "gray has no ready pod: the principal takes every request");
    return act(kind, step, "");
  }
  if (kind == Do::update && !rollout_is_settled(seen.gray_rollout)) {
    // Pods that serve may be of another image than gray's template names: nobody has seen that one ready.
    return wait(seen.governor == Who::gray ? ReleaseStep::updating : ReleaseStep::to_gray,
                (seen.gray_rollout == Rollout::exceeded ? "gray's own rollout failed: " : "gray's own rollout is under way: ") + seen.gray_progress);
  }
  if (kind == Do::update && seen.governor != Who::gray) {
    if (seen.gray_ready < seen.gray_replicas)
      return wait(ReleaseStep::to_gray, std::to_string(seen.gray_ready) + " of gray's " + std::to_string(seen.gray_replicas) + " pods are ready");
    if (!rollout_is_settled(seen.rollout)) return wait(ReleaseStep::to_gray, "the principal's own rollout is under way: " + seen.progress);
  }
  const ReleaseAct first = handed_over(seen, Who::gray, ReleaseStep::to_gray);
  return first.kind == Do::update ? act(kind, step, "") : first;
}

// The principal is made of what it shall be, and takes the requests; then gray goes, and the Strategy.
ReleaseAct hand_back(const ReleaseSeen& seen) {
  const bool nobody_else = seen.gray_ready == 0;
  if (!may_take_over(seen) && !(nobody_else && seen.ready > 0))
    return wait(seen.promote ? ReleaseStep::updating : ReleaseStep::restoring, "the principal is not ready: " + seen.progress);
  const ReleaseAct first = handed_over(seen, Who::principal, ReleaseStep::to_principal);
  if (first.kind != Do::update) return first;
  if (!seen.principal_subset) return wait(ReleaseStep::to_principal, "KubeSphere has no subset for the principal");
  if (!may_take_over(seen)) return wait(ReleaseStep::to_principal, "the principal is not ready: " + seen.progress);
  if (seen.gray_leaving) return wait(ReleaseStep::removing_gray, "gray's Deployment is going");
  if (seen.gray_there) return act(Do::remove_gray, ReleaseStep::removing_gray, "no request goes to gray any more");
  if (seen.gray_subset) return wait(ReleaseStep::removing_gray, "KubeSphere still has a subset for gray");
  return act(Do::close, ReleaseStep::closing, seen.promote ? "the release is complete" : "the release is taken back");
}

// Somebody deleted gray's Deployment while the release was under way.
ReleaseAct without_gray(const ReleaseSeen& seen) {
  if (seen.governor != Who::principal) {
    if (seen.principal_subset) return act(Do::to_principal, ReleaseStep::to_principal, "gray's Deployment is gone: the principal takes every request");
    return wait(ReleaseStep::to_principal, "gray's Deployment is gone, and KubeSphere has no subset for the principal: it needs a ready pod");
  }
  if (seen.promote && !seen.wanted)
    return stop(ReleaseStep::to_principal, "gray's Deployment went before the principal had its images; the principal serves with what it had", "MG805");
  if (!seen.promote && !seen.former && (seen.wanted || seen.written)) return act(Do::restore, ReleaseStep::restoring, "");
  return hand_back(seen);
}

}  // namespace

ReleaseAct next_release_step(const ReleaseSeen& seen) {
  if (!seen.recorded) return act(Do::record, ReleaseStep::recording, "what the principal is like is kept");
  if (!seen.gray_there || (seen.gray_leaving && seen.governor != Who::principal)) return without_gray(seen);
  if (!seen.promote) return !seen.former && (seen.wanted || seen.written) ? change_principal(seen) : hand_back(seen);
  if (seen.held) {
    if (seen.wanted && !seen.former) return change_principal(seen);
    return stop(ReleaseStep::none, "the principal did not become ready with gray's images; gray serves", "MG804");
  }
  if (!seen.wanted && !seen.former && !seen.written)
    return stop(ReleaseStep::updating, "somebody has changed the principal's images since the release began", "MG805");
  if (!seen.wanted) return change_principal(seen);
  if (!seen.failed.empty() && seen.governor != Who::principal) return act(Do::hold, ReleaseStep::restoring, seen.failed);
  return hand_back(seen);
}

}  // namespace meshgraft
