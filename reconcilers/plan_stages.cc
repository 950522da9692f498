// The present stage of a plan: which one it is, its requests, and which restarts the gate lets through.

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "reconcilers/planner.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

bool takes_a_place(const Change& change) { return change.impact == Impact::restart && !change.at_once; }

}  // namespace

// The first stage with something to do; nothing behind a stage of restarts while one of them is not over.
std::optional<Stage> Planner::current_stage() const {
  std::optional<Stage> first;
  const auto consider = [&first](Stage stage) {
    if (!first || stage < *first) first = stage;
  };
  for (const Work& work : works_) {
    for (const std::size_t i : work.pending) {
      consider(intents_[i].stage);
      if (work.needs_record && restarts(intents_[i].stage)) consider(metadata_before(intents_[i].stage));
    }
  }
  for (const Extra& extra : extras_) {
    if (extra.change.stage == Stage::release) continue;  // beside all others
    if (extra.hold.empty() || extra.passing) consider(extra.change.stage);
  }
  for (const Intent& intent : intents_) {
    if (intent.impact == Impact::restart && is_rolling(*intent.object)) consider(intent.stage);
  }
  for (const Replacing& one : replacing_) consider(one.stage);
  // What ends by itself is waited for: a Deployment whose metadata was just written says for a moment that it rolls.
  for (const std::size_t i : held_) {
    if (intents_[i].passing) consider(intents_[i].stage);
  }
  return first;
}

bool Planner::is_rolling(const Object& object) const {
  const auto is_it = [&object](const auto& workload) { return static_cast<const Object*>(workload.get()) == &object; };
  return std::any_of(rolling_.under_way.begin(), rolling_.under_way.end(), is_it) ||
         std::any_of(rolling_.exceeded.begin(), rolling_.exceeded.end(), is_it);
}

// One that restarts in `stage` and whose latest change, mostly our own of its metadata, its controller has not looked at
// yet; nullptr when there is none.
const Workload* Planner::unseen_of(Stage stage) const {
  for (const std::size_t i : held_) {
    const Intent& intent = intents_[i];
    if (intent.stage != stage || !intent.passing || intent.impact != Impact::restart) continue;
    const Workload* workload = as<Workload>(intent.object.get());
    if (workload != nullptr && !latest_change_is_seen(*workload)) return workload;
  }
  return nullptr;
}

void Planner::fill_now(Stage stage) {
  std::vector<std::size_t> gated;  // indexes into intents_
  for (const Work& work : works_) {
    if (restarts(stage)) {
      for (const std::size_t i : work.pending) {
        if (intents_[i].stage == stage && intents_[i].impact == Impact::restart && !intents_[i].at_once) {
          gated.push_back(i);
          break;
        }
      }
      if (!gated.empty() && intents_[gated.back()].object == work.object) continue;
    }
    if (std::optional<Change> change = change_of(work, stage)) plan_.now.push_back(*std::move(change));
  }
  for (const Extra& extra : extras_) {
    if (extra.hold.empty() && (extra.change.stage == stage || extra.goes_on) && !takes_a_place(extra.change)) plan_.now.push_back(extra.change);
  }
  if (!gated.empty()) open_gate(stage, std::move(gated));
  open_gate_back(stage);
}

// Releases go on beside whatever else the namespace waits for, but an object gets one request at a time.
void Planner::fill_releases() {
  for (Extra& extra : extras_) {
    if (!extra.hold.empty() || extra.change.stage != Stage::release) continue;
    const auto is_its = [&extra](const Change& change) { return change.target == extra.change.target; };
    if (std::any_of(plan_.now.begin(), plan_.now.end(), is_its)) {
      extra.hold = "another change of it comes first";
      extra.passing = true;
    } else if (!takes_a_place(extra.change)) {
      plan_.now.push_back(extra.change);
    }
  }
  open_gate_back(Stage::release);
}

// The Deployments of which a replace may begin now.
std::vector<const Workload*> Planner::to_be_replaced() const {
  std::vector<const Workload*> found;
  for (const Extra& extra : extras_) {
    if (!extra.hold.empty() || extra.change.stage != Stage::member_replace || !takes_a_place(extra.change) || !extra.member) continue;
    const auto its = std::find_if(view_.workloads.begin(), view_.workloads.end(), [&extra](const auto& one) { return one->key() == *extra.member; });
    if (its != view_.workloads.end()) found.push_back(its->get());
  }
  return found;
}

// The same gate for restarts that are no apply of a wish: former templates on the way back.
void Planner::open_gate_back(Stage stage) {
  Rolling rolling = rolling_;
  if (stage != Stage::member_replace && stage != Stage::release) rolling.held.clear();  // a restart that failed on the way in is no reason not to go back
  Room room = room_for_restarts(rolling, options_, settings_, facts_);
  if (gating_ == Gating::open && rolling_.exceeded.empty()) room.places = static_cast<int>(extras_.size());
  const LimitsVerdict limits = stage == Stage::member_replace ? look_at_limits(to_be_replaced(), room, true) : LimitsVerdict{};
  for (const Extra& extra : extras_) {
    if (!extra.hold.empty() || extra.change.stage != stage || !takes_a_place(extra.change)) continue;
    if (const auto waits = extra.member ? limits.waits.find(*extra.member) : limits.waits.end(); waits != limits.waits.end()) {
      wait(extra.change.target, stage, waits->second);
      continue;
    }
    if (room.places == 0) {
      wait(extra.change.target, stage, room.why);
      say_of_release(extra.change.target, room.why);
      continue;
    }
    --room.places;
    plan_.now.push_back(extra.change);
  }
}

// Why the release whose Strategy or principal this is goes no further.
void Planner::say_of_release(const ObjectKey& written, const std::string& why) {
  for (ReleaseState& release : plan_.releases) {
    const bool principal = written.kind == Kind::deployment && release.principal_deployment == written.name && release.why.empty();
    if (principal || release.strategy == written) release.why = why;
  }
}

void Planner::open_gate(Stage stage, std::vector<std::size_t> gated) {
  Room room = room_for_restarts(rolling_, options_, settings_, facts_);
  if (gating_ == Gating::open && rolling_.exceeded.empty() && rolling_.held.empty()) room.places = static_cast<int>(gated.size());
  // It may be the one that has to go first, which a moment will show.
  if (const Workload* unseen = room.places > 0 ? unseen_of(stage) : nullptr)
    room = {0, "the latest change of " + to_string(unseen->key()) + " has not been seen by its controller"};
  std::unordered_map<const Object*, const Work*> by_object;
  for (const Work& work : works_) by_object.emplace(work.object.get(), &work);
  std::vector<const Workload*> restarting;
  for (const std::size_t i : gated) restarting.push_back(as<Workload>(intents_[i].object.get()));
  const LimitsVerdict limits = look_at_limits(restarting, room, false);
  for (const std::size_t i : restart_order(intents_, std::move(gated), context_)) {
    const Work& work = *by_object.at(intents_[i].object.get());
    if (const auto waits = limits.waits.find(work.object->key()); waits != limits.waits.end()) {
      wait(work.object->key(), stage, waits->second);
      continue;
    }
    // Its own restart is not over: it waits for itself.
    if (room.places == 0 || is_rolling(*work.object)) {
      wait(work.object->key(), stage, is_rolling(*work.object) ? "its own rollout: " + room.why : room.why);
      continue;
    }
    --room.places;
    if (std::optional<Change> change = change_of(work, stage)) plan_.now.push_back(*std::move(change));
  }
}

// Whether the namespace has room for what is about to begin. Asked only when something is; looked at again after a
// while, because nobody watches quotas.
LimitsVerdict Planner::look_at_limits(const std::vector<const Workload*>& restarting, Room& room, bool beside) {
  constexpr std::int64_t kRoomAgain = 300'000, kScalerAgain = 30'000;  // milliseconds
  if (room.places == 0 || restarting.empty()) return {};
  if (!view_.limits) {
    plan_.wants_limits = true;
    return {};
  }
  LimitsVerdict verdict = judge_limits(context_, restarting, beside);
  add(std::move(verdict.findings));
  const auto wake = [this](std::int64_t after) {
    if (!plan_.wake_after || after < *plan_.wake_after) plan_.wake_after = after;
  };
  if (!verdict.hold.empty()) {
    room = {0, verdict.hold};
    wake(kRoomAgain);
  }
  if (!verdict.waits.empty()) wake(kScalerAgain);
  return verdict;
}

// The request of one object in `stage`; nullopt when it has none there.
std::optional<Change> Planner::change_of(const Work& work, Stage stage) {
  Wish wish;
  Wish announced;
  const Intent* first = nullptr;
  std::string why;
  Impact impact = Impact::none;
  bool at_once = false;
  bool announce = false;
  bool wanted = false;
  for (const std::size_t i : work.pending) {
    const Intent& intent = intents_[i];
    if (intent.stage == stage) {
      wish = merged(std::move(wish), intent.wish);
      if (first == nullptr) first = &intent;
      impact = std::max(impact, intent.impact);
      at_once = at_once || intent.at_once;
      if (why.find(intent.why) == std::string::npos) why += (why.empty() ? "" : "; ") + intent.why;
      wanted = true;
    } else if (restarts(intent.stage) && metadata_before(intent.stage) == stage) {
      announced = merged(std::move(announced), intent.wish);
      announce = true;
      if (first == nullptr) first = &intent;
      wanted = wanted || work.needs_record;
    }
  }
  if (!wanted) return std::nullopt;
  Change change = apply_of(wish, *work.object, *work.record, announce ? &announced : nullptr);
  for (const Overwrite& one : change.overwrites) {
    if (work.record->owns(one.path)) change.retakes.push_back(one.path);
  }
  for (const std::string& path : change.adds) {
    if (work.record->owns(path)) change.retakes.push_back(path);
  }
  change.stage = stage;
  change.impact = impact;
  change.at_once = at_once;
  // That no pod is ready is true of this version of the object alone (rules 0.3).
  if (at_once && impact == Impact::restart) change.pre.resource_version = work.object->meta.resource_version;
  change.rule = std::string(first->rule);
  change.why = why.empty() ? "the undo record, before the template changes" : why;
  if (const Workload* workload = as<Workload>(work.object.get()); workload != nullptr && impact == Impact::restart) {
    change.restarts = static_cast<int>(workload->replicas);
    if (change.restarts == 0) change.impact = Impact::none;
  }
  return change;
}

}  // namespace meshgraft
