// What a plan says of what it does not send: what waits and for what, members, whether the namespace is done.

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/member_table.h"
#include "reconcilers/planner.h"
#include "reconcilers/rollout.h"
#include "reconcilers/rollout_failure.h"

namespace meshgraft {

void Planner::report_stuck() {
  const auto wake = [this](const Workload& workload) {
    const std::optional<std::int64_t> after = look_again_after(workload, context_);
    if (after && (!plan_.wake_after || *after < *plan_.wake_after)) plan_.wake_after = after;
  };
  for (const ObjectKey& key : view_.moments.over) look_at_finished(key);
  for (const auto& workload : rolling_.exceeded) {
    const bool bare = rollout_of(*workload) == Rollout::complete;
    plan_.findings.push_back(
        finding(bare ? "MG216" : "MG215", workload->key(), failed_rollout(*workload, context_).value_or("")));
    plan_.wants_pods = plan_.wants_pods || wants_pods_of_rollout(*workload, context_);
  }
  for (const auto& workload : rolling_.under_way) {
    wake(*workload);
    plan_.wants_pods = plan_.wants_pods || wants_pods_of_rollout(*workload, context_);
    const std::string why = what_pods_wait_for(*workload, context_);
    if (!why.empty()) plan_.findings.push_back(finding("MG229", workload->key(), why));
  }
  for (const auto& workload : rolling_.unserved)
    plan_.findings.push_back(finding("MG224", workload->key(), "no pod of it was ever ready: " + progress_text(*workload)));
  plan_.rolling_count = static_cast<int>(rolling_.under_way.size() + rolling_.replacing.size());
  plan_.rolling = plan_.rolling_count > 0;
}

// A rollout of ours that has just ended: its pods must have come with their sidecars.
void Planner::look_at_finished(const ObjectKey& key) {
  for (const auto& workload : view_.workloads) {
    if (workload->key() != key || !wants_pods_of_rollout(*workload, context_)) continue;
    if (!view_.pods) {
      plan_.wants_pods = true;
    } else if (failed_rollout(*workload, context_)) {
      rolling_.exceeded.push_back(workload);
    }
  }
}

void Planner::wait(ObjectKey target, Stage stage, std::string reason) {
  if (waits_.emplace(std::tuple(target, stage)).second)
    plan_.waiting.push_back({std::move(target), stage, std::move(reason)});
}

void Planner::fill_waiting(std::optional<Stage> now) {
  for (const std::size_t i : held_) wait(intents_[i].object->key(), intents_[i].stage, intents_[i].hold);
  for (const Extra& extra : extras_) {
    if (!extra.hold.empty()) wait(extra.change.target, extra.change.stage, extra.hold);
  }
  for (const Replacing& one : replacing_) {
    const auto is_its = [&one](const Change& change) { return change.stage == one.stage; };
    if (std::none_of(plan_.now.begin(), plan_.now.end(), is_its)) wait(one.deployment, one.stage, one.why);
  }
  if (!now) return;
  const std::string reason = rolling_.under_way.empty() || !restarts(*now)
                                 ? "stage " + std::string(to_string(*now)) + " comes first"
                                 : "the rollout of " + to_string(rolling_.under_way.front()->key());
  for (const Work& work : works_) {
    for (const std::size_t i : work.pending) {
      const Stage stage = intents_[i].stage;
      if (stage != *now) wait(work.object->key(), stage, reason);
      if (work.needs_record && restarts(stage) && metadata_before(stage) != *now)
        wait(work.object->key(), metadata_before(stage), reason);
    }
  }
  for (const Extra& extra : extras_) {
    if (extra.hold.empty() && extra.change.stage != *now && extra.change.stage != Stage::release && !extra.goes_on) wait(extra.change.target, extra.change.stage, reason);
  }
}

void Planner::settle() {
  plan_.settled = true;
  plan_.settled_before_gateway = true;
  const auto open = [this](Stage stage) {
    plan_.settled = false;
    if (stage < kFirstGatewayStage) plan_.settled_before_gateway = false;
  };
  for (const Work& work : works_) {
    for (const std::size_t i : work.pending) open(intents_[i].stage);
  }
  for (const Extra& extra : extras_) {
    if (extra.change.stage == Stage::release) {
      plan_.releasing = plan_.releasing || extra.hold.empty() || extra.passing;
    } else if (extra.hold.empty() || extra.passing) {
      open(extra.change.stage);
    }
  }
  if (!plan_.wants_live.empty()) open(Stage::rollback);
  for (const Replacing& one : replacing_) open(one.stage);
  for (const std::size_t i : held_) {
    if (intents_[i].passing) open(intents_[i].stage);
  }
  for (const Intent& intent : intents_) {
    if (intent.impact == Impact::restart && is_rolling(*intent.object)) open(intent.stage);
  }
}

// Pods are not watched: one that stood in the way may be gone by now.
void Planner::look_at_strangers_again() {
  constexpr std::int64_t kAgain = 300'000;  // milliseconds
  const bool any = view_.pods && std::any_of(plan_.findings.begin(), plan_.findings.end(), [](const Finding& one) {
                     return one.code == "MG211" || one.code == "MG216";
                   });
  if (any && (!plan_.wake_after || *plan_.wake_after > kAgain)) plan_.wake_after = kAgain;
}

Plan Planner::finish() {
  std::map<ObjectKey, Progress> progress;
  for (const Work& work : works_) {
    if (as<Workload>(work.object.get()) != nullptr) progress[work.object->key()].pending = true;
  }
  for (const std::size_t i : held_) {
    if (as<Workload>(intents_[i].object.get()) == nullptr) continue;
    Progress& one = progress[intents_[i].object->key()];
    one.hold = intents_[i].hold;
    one.passing = intents_[i].passing;
  }
  for (const Extra& extra : extras_) {
    if (!extra.member) continue;
    Progress& one = progress[*extra.member];
    one.pending = true;
    one.hold = extra.hold;
    one.passing = extra.passing;
  }
  plan_.members = member_table(context_, progress, rolling_);
  // One that is created again on its way back has no undo record for a while.
  std::set<ObjectKey> still;
  for (const MemberState& one : leaving_) still.insert(one.workload);
  for (const Replacing& one : replacing_) still.insert(one.deployment);
  const std::size_t going = still.size();
  add_leaving(std::move(leaving_), plan_.members);
  look_at_strangers_again();
  add_replacing(replacing_, plan_.members);
  sort_findings();
  if (options_.frozen || options_.policy == Policy::observe) return std::move(plan_);
  if (options_.concerned()) {
    plan_.status = status_change(*view_.ns, status_line(plan_.members, plan_.findings));
  } else if (view_.ns->meta.annotations.contains(keys::kStatus)) {
    const bool back = plan_.settled && going == 0 && plan_.now.empty() && plan_.waiting.empty() && plan_.wants_live.empty();
    plan_.status = back ? status_removal(*view_.ns) : status_change(*view_.ns, leaving_line(going, leaving_waits_for_, plan_.findings));
  }
  return std::move(plan_);
}

void Planner::sort_findings() {
  const auto order = [](const Finding& one) { return std::tie(one.code, one.about, one.text); };
  std::sort(plan_.findings.begin(), plan_.findings.end(),
            [&order](const Finding& a, const Finding& b) { return order(a) < order(b); });
  plan_.findings.erase(std::unique(plan_.findings.begin(), plan_.findings.end(),
                                   [&order](const Finding& a, const Finding& b) { return order(a) == order(b); }),
                       plan_.findings.end());
}

}  // namespace meshgraft
