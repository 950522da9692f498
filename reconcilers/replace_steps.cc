#include "reconcilers/replace_steps.h"

#include <algorithm>

namespace meshgraft {
namespace {

using Kind = Step::Kind;

// An orphaned ReplicaSet changes without an event that anybody follows.
constexpr std::int64_t kSoon = 1000;
// Nor does a pod that crashes or finds no node make one of its Deployment.
constexpr std::int64_t kPodsAgain = 60'000;

Step step(Kind kind, std::string why = "") {
  Step made;
  made.kind = kind;
  made.why = std::move(why);
  return made;
}

Step wait(std::string why, std::int64_t wake = 0) {
  Step made = step(Kind::wait, std::move(why));
  made.wake = wake;
  return made;
}

std::string of(std::int64_t some, std::int64_t all) { return std::to_string(some) + " of " + std::to_string(all); }

Step turn_back(std::string why, bool held) {
  Step made = step(Kind::turn_back, std::move(why));
  made.held = held;
  return made;
}

// Its owner has something in mind with it.
Step paused() { return wait("somebody has paused the new one; it goes on after kubectl rollout resume"); }

// The next old pods go while every Service keeps as many ready endpoints as the Deployment has replicas.
Step hand_over(const Seen& seen, std::size_t at) {
  const OldSet& old = seen.old[at];
  if (std::any_of(seen.old.begin(), seen.old.end(), [](const OldSet& one) { return !one.settled; }))
    return wait("pods of the former ReplicaSet stop", kSoon);
  // These go first and serve nobody. A ReplicaSet's count and the endpoints follow a pod each in its own time.
  const std::int64_t silent = std::max<std::int64_t>(0, old.pods - std::max(old.ready, seen.most_old));
  const std::int64_t may_go = std::max<std::int64_t>(0, seen.serving - seen.replicas) + silent;
  const std::int64_t go = std::min({old.replicas, std::max<std::int64_t>(1, seen.max_unavailable), may_go});
  if (go <= 0) return wait(of(seen.serving, seen.replicas) + " endpoints are ready: no old pod can go yet", kSoon);
  Step made = step(Kind::scale_down, "the new pods serve: " + std::to_string(go) + " old " + (go == 1 ? "pod" : "pods") + " of " + old.name + " can go");
  made.set = at;
  made.replicas = old.replicas - go;
  return made;
}

Step finish(const Seen& seen) {
  if (std::any_of(seen.old.begin(), seen.old.end(), [](const OldSet& one) { return one.pods > 0; }))
    return wait("the last old pods stop", kSoon);
  const std::int64_t probation = seen.replicas == 0 ? 0 : std::max(kProbation, seen.min_ready_seconds);
  if (!seen.old.empty() && seen.available_for >= 0 && seen.available_for < probation)
    return wait("available for " + std::to_string(seen.available_for) + " s, " + std::to_string(probation) + " s are asked for before the former ReplicaSets go",
                (probation - seen.available_for) * 1000);
  if (!seen.old.empty()) return step(Kind::remove_sets, "the former ReplicaSets have no pods any more");
  if (seen.no_record) return step(Kind::bind, "its undo record: the former selector and labels");
  return step(Kind::forget, "it is done: the record goes");
}

Step with_planted(const Seen& seen) {
  if (seen.leaving) return wait("it is being deleted");
  if (!seen.acknowledged) return step(Kind::acknowledge, "the record names the new Deployment");
  // What somebody changed meanwhile would be lost with the original, and without the former ReplicaSets there is no
  // exact way back: then it goes on, and back afterwards.
  const bool way_back = seen.adopted || std::any_of(seen.old.begin(), seen.old.end(), [](const OldSet& one) { return one.serving; });
  if (!seen.others_template && way_back) {
    if (!seen.wanted) return turn_back(seen.unwanted, false);
    if (!seen.failed.empty()) return turn_back(seen.failed, true);
  }
  if (seen.rollout != Rollout::complete && seen.rollout != Rollout::empty)
    return wait(seen.failed.empty() ? "the new pods become ready" : seen.failed, kPodsAgain);
  if (seen.paused) return paused();
  for (std::size_t i = 0; i < seen.old.size(); ++i) {
    if (seen.old[i].replicas > 0) return hand_over(seen, i);
  }
  return finish(seen);
}

Step without_holder(const Seen& seen) {
  if (seen.acknowledged) {
    // Its owner deleted what we had created: the old pods go too, unless he comes back.
    // By his own of this name, whose event is on its way: the record is what says that it stays his.
    if (seen.old.empty() && seen.taken && seen.gone_for >= 0 && seen.gone_for < kAfterDeletion)
      return wait("somebody has taken its former pods over", kSoon);
    if (seen.old.empty()) return step(Kind::forget, "the Deployment was deleted");
    if (seen.gone_for >= 0 && seen.gone_for < kAfterDeletion)
      return wait("somebody deleted it; its former pods serve for a minute more", (kAfterDeletion - seen.gone_for) * 1000);
    return step(Kind::clean_up, "the Deployment was deleted by somebody else");
  }
  // What somebody adopted meanwhile is his; the Deployment that went comes all the same.
  if (seen.old.empty() && !seen.taken) {
    if (seen.collected) return wait("its ReplicaSets are being deleted", 5 * kSoon);
    return step(Kind::forget, "the Deployment was deleted");
  }
  if (!seen.wanted) return turn_back(seen.unwanted, false);
  return step(Kind::plant, seen.undoing ? "the same Deployment with its former selector" : "the same Deployment with the selector that KubeSphere asks for");
}

Step forward(const Seen& seen) {
  switch (seen.holder) {
    case Seen::Holder::nobody:
      return without_holder(seen);
    case Seen::Holder::original:
      if (seen.leaving) return wait("its deletion is under way: the ReplicaSets stay");
      if (!seen.wanted) return step(Kind::forget, seen.unwanted);
      if (seen.changed) return step(Kind::forget, "it has changed since it was recorded");
      if (!seen.blocked.empty()) return wait(seen.blocked, 5 * kSoon);
      return step(Kind::orphan, "its pods go on serving");
    case Seen::Holder::planted:
      return with_planted(seen);
    case Seen::Holder::other:
      break;
  }
  if (!seen.wanted) return step(Kind::forget, seen.unwanted);
  return step(Kind::stop, "somebody else created a Deployment of this name meanwhile");
}

Step backward(const Seen& seen) {
  if (seen.holder == Seen::Holder::nobody && seen.taken_away) return step(Kind::forget, "the Deployment was deleted by somebody else");
  if (seen.holder == Seen::Holder::nobody) return step(Kind::restore, "the Deployment as it was");
  if (seen.holder != Seen::Holder::planted) {
    if (seen.unbound) return step(Kind::bind_restored, "the way back of what was joined before");
    return step(Kind::forget, "all is as before: the record goes");
  }
  if (seen.leaving) return wait("the new Deployment is being deleted");
  if (seen.adopted) return step(Kind::remove_planted, "the former ReplicaSets stay");
  const auto serving = std::find_if(seen.old.begin(), seen.old.end(), [](const OldSet& one) { return one.serving; });
  if (serving == seen.old.end()) return wait("the ReplicaSet to go back to is gone");
  if (serving->replicas < seen.replicas) {
    Step made = step(Kind::scale_up, "the former pods come back first");
    made.set = static_cast<std::size_t>(serving - seen.old.begin());
    made.replicas = seen.replicas;
    return made;
  }
  if (seen.serving_old < seen.replicas)
    return wait(of(seen.serving_old, seen.replicas) + " former pods serve again", kSoon);
  return step(Kind::remove_planted, "the former pods serve");
}

// ---- under another name: the original serves beside the new one until that has done so for a while ----

Step beside_planted(const Seen& seen) {
  if (seen.leaving) return wait("it is being deleted");
  // Whoever deleted the original: from now on this is the Deployment, and its way back another replace.
  if (!seen.former) {
    if (seen.scaled_former) return step(Kind::lead, "the former one was deleted");
    // Its undo record would let a failed restart take the labels back that its selector asks for.
    if (seen.rollout != Rollout::complete && seen.rollout != Rollout::empty) return wait("the former one was deleted; the new pods become ready");
    if (seen.no_record) return step(Kind::bind, "its undo record: the former name, selector and labels");
    return step(Kind::forget, "it is done: the record goes");
  }
  if (seen.former_leaving) return wait("the former one is being deleted", kSoon);
  if (seen.back) {
    if (seen.scaled_new) return step(Kind::lead_back, "it goes back");
    // Whoever broke the former one meanwhile keeps the pods that serve.
    if (seen.former_rolls && seen.serving > 0) return wait("the former one's rollout is under way: the new one stays until it is over", kPodsAgain);
    if (seen.former_serving < seen.former_replicas && seen.serving > 0)
      return wait(of(seen.former_serving, seen.former_replicas) + " pods of the former one serve: the new one stays until all do",
                  seen.former_ready < seen.former_replicas ? kPodsAgain : kSoon);
    return step(Kind::remove_planted, "the former one serves");
  }
  if (!seen.acknowledged) return step(Kind::acknowledge, "the record names the new Deployment");
  if (!seen.others_template) {
    if (!seen.wanted) return turn_back(seen.unwanted, false);
    if (!seen.failed.empty()) return turn_back(seen.failed, true);
    if (seen.changed) return turn_back("it has changed since it was recorded", false);
  } else if (seen.changed) {
    return wait("the former one has changed since it was recorded, and the new one is in use");
  }
  if (seen.replicas != seen.former_replicas && !seen.scaled_new) return step(Kind::follow, "as many replicas as the former one has by now");
  if (seen.rollout != Rollout::complete && seen.rollout != Rollout::empty)
    return wait(seen.failed.empty() ? "the new pods become ready" : seen.failed, kPodsAgain);
  if (seen.paused) return paused();
  if (seen.serving < seen.replicas) return wait(of(seen.serving, seen.replicas) + " endpoints of the new pods are ready", kSoon);
  const std::int64_t probation = seen.replicas == 0 ? 0 : std::max(kProbation, seen.min_ready_seconds);
  if (seen.available_for >= 0 && seen.available_for < probation)
    return wait("available for " + std::to_string(seen.available_for) + " s, " + std::to_string(probation) + " s are asked for before the former one goes",
                (probation - seen.available_for) * 1000);
  if (!seen.blocked.empty()) return wait(seen.blocked, 5 * kSoon);
  if (seen.scaled_former) return step(Kind::lead, "the new pods serve");
  return step(Kind::remove_former, "the new pods serve");
}

Step beside_nobody(const Seen& seen) {
  if (!seen.former || seen.former_leaving) return step(Kind::forget, "the Deployment was deleted");
  if (seen.back) {
    if (seen.scaled_new && seen.holder == Seen::Holder::nobody) return step(Kind::lead_back, "the former one serves");
    if (seen.unbound) return step(Kind::bind_restored, "it stays as it is");
    return step(Kind::forget, "all is as before: the record goes");
  }
  if (!seen.wanted) return step(Kind::forget, seen.unwanted);
  if (seen.holder == Seen::Holder::other) return step(Kind::forget, "somebody else created a Deployment of the new name meanwhile");
  if (seen.acknowledged) return turn_back("somebody deleted the new Deployment", true);
  if (seen.changed) return step(Kind::forget, "it has changed since it was recorded");
  return step(Kind::plant, seen.undoing ? "the same Deployment with its former name and selector" : "the same Deployment with the name and the selector that KubeSphere asks for");
}

}  // namespace

Step next_step(const Seen& seen) {
  if (seen.beside) return seen.holder == Seen::Holder::planted ? beside_planted(seen) : beside_nobody(seen);
  return seen.back ? backward(seen) : forward(seen);
}

}  // namespace meshgraft
