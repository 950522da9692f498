// The present stage of a plan: which one it is, its requests, and which restarts the gate lets through.

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "reconcilers/planner.h"

namespace meshgraft {

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
    if (extra.hold.empty()) consider(extra.change.stage);
  }
  for (const Intent& intent : intents_) {
    if (intent.impact == Impact::restart && is_rolling(*intent.object)) consider(intent.stage);
  }
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
    if (extra.hold.empty() && extra.change.stage == stage) plan_.now.push_back(extra.change);
  }
  if (!gated.empty()) open_gate(stage, std::move(gated));
}

void Planner::open_gate(Stage stage, std::vector<std::size_t> gated) {
  Room room = room_for_restarts(rolling_, options_, settings_, facts_);
  if (gating_ == Gating::open && rolling_.exceeded.empty()) room.places = static_cast<int>(gated.size());
  std::unordered_map<const Object*, const Work*> by_object;
  for (const Work& work : works_) by_object.emplace(work.object.get(), &work);
  for (const std::size_t i : restart_order(intents_, std::move(gated), context_)) {
    const Work& work = *by_object.at(intents_[i].object.get());
    // Its own restart is not over: it waits for itself.
    if (room.places == 0 || is_rolling(*work.object)) {
      wait(work.object->key(), stage, is_rolling(*work.object) ? "its own rollout: " + room.why : room.why);
      continue;
    }
    --room.places;
    if (std::optional<Change> change = change_of(work, stage)) plan_.now.push_back(*std::move(change));
  }
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
  change.stage = stage;
  change.impact = impact;
  change.at_once = at_once;
  change.rule = std::string(first->rule);
  change.why = why.empty() ? "the undo record, before the template changes" : why;
  if (const Workload* workload = as<Workload>(work.object.get()); workload != nullptr && impact == Impact::restart) {
    change.restarts = static_cast<int>(workload->replicas);
    if (change.restarts == 0) change.impact = Impact::none;
  }
  return change;
}

}  // namespace meshgraft
