// What a plan says of what it does not send: what waits and for what, members, whether the namespace is done.

#include <algorithm>
#include <map>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/member_table.h"
#include "reconcilers/planner.h"
#include "reconcilers/rollout.h"

namespace meshgraft {

void Planner::report_stuck() {
  for (const auto& workload : rolling_.exceeded) {
    const std::string why = workload->status.message.empty() ? "" : ": " + workload->status.message;
    plan_.findings.push_back(finding("MG215", workload->key(), progress_text(*workload) + why));
  }
  plan_.rolling_count = static_cast<int>(rolling_.under_way.size());
  plan_.rolling = plan_.rolling_count > 0;
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
    if (extra.hold.empty() && extra.change.stage != *now) wait(extra.change.target, extra.change.stage, reason);
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
    if (extra.hold.empty()) open(extra.change.stage);
  }
  for (const std::size_t i : held_) {
    if (intents_[i].passing) open(intents_[i].stage);
  }
  for (const Intent& intent : intents_) {
    if (intent.impact == Impact::restart && is_rolling(*intent.object)) open(intent.stage);
  }
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
  plan_.members = member_table(context_, progress, rolling_);
  sort_findings();
  if (options_.concerned() && !options_.frozen && options_.policy != Policy::observe) {
    plan_.status = status_change(*view_.ns, status_line(plan_.members, plan_.findings));
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
