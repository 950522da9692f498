#include "reconcilers/planner.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/forced.h"
#include "reconcilers/keys.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

// What is fulfilled needs no keeping, but for restarts that may still be under way. In a joined namespace that is
// nearly everything, and a plan's time goes by the memory it walks through.
bool matters(const Intent& intent) {
  if (!satisfied(intent.wish, *intent.object)) return true;
  if (intent.impact != Impact::restart) return false;
  const Workload* workload = as<Workload>(intent.object.get());
  return workload != nullptr && !rollout_is_over(*workload);
}

}  // namespace

bool restarts(Stage stage) {
  return stage == Stage::member_template || stage == Stage::gateway_template || stage == Stage::back_template ||
         stage == Stage::back_gateway_template;
}

Stage metadata_before(Stage stage) {
  return stage == Stage::member_template ? Stage::member_metadata : Stage::gateway_metadata;
}

Planner::Planner(const NamespaceView& view, const Facts& facts, const Settings& settings, Gating gating)
    : view_(view),
      facts_(facts),
      settings_(settings),
      gating_(gating),
      options_(read_options(*view.ns, settings)),
      membership_(find_members(view, options_, facts)),
      context_{view, facts, settings, options_, membership_} {}

Plan Planner::take() {
  add(options_.findings);
  add(membership_.findings);
  refuse_new_identity();
  // A bad value says nothing about what is wanted, so nothing is worked out from it.
  if (options_.frozen && !options_.paused) return finish_frozen();
  ask_rules();
  give_up_contested();
  leave_refused();
  if (options_.concerned()) add(forced_values(view_, intents_));
  sort_intents();
  rolling_ = rolling_of(intents_, context_);
  rolling_.held = held_back_;
  for (const auto& workload : going_back_) {
    (rollout_of(*workload) == Rollout::exceeded ? rolling_.exceeded : rolling_.under_way).push_back(workload);
  }
  count_releasing();
  for (const Replacing& one : replacing_) rolling_.replacing.push_back(one.deployment);
  report_stuck();
  const std::optional<Stage> stage = current_stage();
  if (stage) fill_now(*stage);
  fill_releases();
  fill_waiting(stage);
  settle();
  obey_policy();
  release_records();
  return finish();
}

void Planner::add(std::vector<Finding> findings) {
  std::move(findings.begin(), findings.end(), std::back_inserter(plan_.findings));
}

// Restarts of releases take places like every other; one whose rollout failed is the release's to judge.
void Planner::count_releasing() {
  for (const auto& workload : releasing_) {
    for (auto* list : {&rolling_.under_way, &rolling_.exceeded, &rolling_.theirs}) std::erase(*list, workload);
    rolling_.under_way.push_back(workload);
  }
}

void Planner::ask_rules() {
  for (const Reconciler& rule : registry()) take_in(rule.desired(context_));
}

void Planner::take_in(Decision decision) {
  for (Intent& intent : decision.intents) {
    if (matters(intent)) intents_.push_back(std::move(intent));
  }
  std::move(decision.extras.begin(), decision.extras.end(), std::back_inserter(extras_));
  add(std::move(decision.findings));
  plan_.wants_pods = plan_.wants_pods || decision.wants_pods;
  plan_.wants_slices = plan_.wants_slices || decision.wants_slices;
  plan_.wants_events = plan_.wants_events || decision.wants_events;
  plan_.wants_replica_sets = plan_.wants_replica_sets || decision.wants_replica_sets;
  std::move(decision.replacing.begin(), decision.replacing.end(), std::back_inserter(replacing_));
  plan_.wants_live.insert(plan_.wants_live.end(), decision.wants_live.begin(), decision.wants_live.end());
  if (decision.wake_after) plan_.wake_after = std::min(plan_.wake_after.value_or(*decision.wake_after), *decision.wake_after);
  std::move(decision.going_back.begin(), decision.going_back.end(), std::back_inserter(going_back_));
  std::move(decision.held.begin(), decision.held.end(), std::back_inserter(held_back_));
  std::move(decision.releases.begin(), decision.releases.end(), std::back_inserter(plan_.releases));
  std::move(decision.releasing.begin(), decision.releasing.end(), std::back_inserter(releasing_));
  plan_.wants_limits = plan_.wants_limits || (decision.wants_limits && !view_.limits);
  plan_.wants_claims = plan_.wants_claims || decision.wants_claims;
  std::move(decision.leaving.begin(), decision.leaving.end(), std::back_inserter(leaving_));
  if (leaving_waits_for_.empty()) leaving_waits_for_ = std::move(decision.waits_for);
}

// What somebody keeps changing back is not wanted for now, and neither is the rest of that intent, which depends on it.
void Planner::give_up_contested() {
  const auto hold = [this](const ObjectKey& key, const std::map<std::string, std::string>& paths, const std::string& path,
                           std::string& reason, const std::string& remedy = "") {
    const auto found = paths.find(path);
    if (found == paths.end()) return false;
    const std::string who = found->second.empty() ? "somebody" : found->second;
    plan_.findings.push_back(finding("MG913", key, path + " is changed back by " + who, remedy));
    if (reason.empty()) reason = who + " keeps changing " + path + " back (MG913)";
    return true;
  };
  for (const auto& [key, paths] : view_.moments.contested) {
    for (Intent& intent : intents_) {
      if (!intent.hold.empty() || !(intent.object->key() == key)) continue;
      for (const FieldState& field : compare(intent.wish, *intent.object)) {
        if (field.live && *field.live == field.wanted) continue;
        if (hold(key, paths, field.path, intent.hold)) intent.passing = false;
      }
    }
    for (Extra& extra : extras_) {
      if (!extra.hold.empty() || !(extra.change.target == key)) continue;
      const std::string remedy = extra.change.stage == Stage::release ? remedy_of_release(key) : "";
      for (const Overwrite& one : extra.change.overwrites) hold(key, paths, one.path, extra.hold, remedy);
      for (const std::string& path : extra.change.adds) hold(key, paths, path, extra.hold, remedy);
      if (!extra.hold.empty() && extra.change.stage == Stage::release) say_of_release(key, extra.hold);
    }
  }
}

// What a release writes stands in nobody's manifests: its owner ends what sets it back, and asks again, or takes it back.
std::string Planner::remedy_of_release(const ObjectKey& written) const {
  for (const ReleaseState& release : plan_.releases) {
    if (!(release.strategy == written) && !(written.kind == Kind::deployment && release.principal_deployment == written.name)) continue;
    const std::string& name = release.strategy.name;
    return "End what sets it back, then ask again with a new value: kubectl annotate strategies.servicemesh.kubesphere.io " + name + " -n " + view_.name + " " +
           std::string(keys::kRetry) + "=1 --overwrite. Or take the release back: meshgraft release " + name + " -n " + view_.name + " --abort";
  }
  return "";
}

// An object that the server refuses to change is left alone for a while, and the others go on without it.
void Planner::leave_refused() {
  for (const auto& [key, why] : view_.moments.refused) {
    for (Intent& intent : intents_) {
      if (!intent.hold.empty() || !stands_alone(intent.stage) || !(intent.object->key() == key)) continue;
      intent.hold = why;
      intent.passing = false;
    }
    for (Extra& extra : extras_) {
      if (!extra.hold.empty() || !stands_alone(extra.change.stage) || !(extra.change.target == key)) continue;
      extra.hold = why;
      extra.passing = false;
    }
  }
}

// Which intents are fulfilled, which are held, and what is left by object.
void Planner::sort_intents() {
  std::unordered_map<const Object*, std::size_t> known;
  for (std::size_t i = 0; i < intents_.size(); ++i) {
    Intent& intent = intents_[i];
    if (satisfied(intent.wish, *intent.object)) continue;
    if (!intent.hold.empty()) {
      held_.push_back(i);
      continue;
    }
    const auto [at, added] = known.try_emplace(intent.object.get(), works_.size());
    if (added) {
      Work work;
      work.object = intent.object;
      work.record = read_record(intent.object->meta);
      // An apply for other fields of the object must not take a field back that was given up.
      if (const auto contested = view_.moments.contested.find(intent.object->key()); contested != view_.moments.contested.end()) {
        for (const auto& [path, who] : contested->second) {
          work.record->own.erase(path);
          work.record->was.erase(path);
        }
      }
      works_.push_back(std::move(work));
    }
    works_[at->second].pending.push_back(i);
  }
  for (Work& work : works_) {
    if (!work.record->broken.empty()) {
      refuse_broken(work);
      continue;
    }
    work.needs_record =
        !work.record->present && std::any_of(work.pending.begin(), work.pending.end(),
                                             [this](std::size_t i) { return restarts(intents_[i].stage); });
  }
  works_.erase(std::remove_if(works_.begin(), works_.end(), [](const Work& work) { return work.pending.empty(); }),
               works_.end());
}

// Without its record nothing can be changed safely: not knowing what is ours, an apply might drop it.
void Planner::refuse_broken(Work& work) {
  plan_.findings.push_back(finding("MG107", work.object->key(), std::string(keys::kUndo) + ": " + work.record->broken));
  for (const std::size_t i : work.pending) {
    intents_[i].hold = "its undo record cannot be read (MG107)";
    held_.push_back(i);
  }
  work.pending.clear();
}

}  // namespace meshgraft
