#include "reconcilers/planner.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "reconcilers/findings.h"
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

bool restarts(Stage stage) { return stage == Stage::member_template || stage == Stage::gateway_template; }

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
  sort_intents();
  rolling_ = rolling_of(intents_);
  report_stuck();
  const std::optional<Stage> stage = current_stage();
  if (stage) fill_now(*stage);
  fill_waiting(stage);
  settle();
  obey_policy();
  return finish();
}

void Planner::add(const std::vector<Finding>& findings) {
  plan_.findings.insert(plan_.findings.end(), findings.begin(), findings.end());
}

void Planner::ask_rules() {
  for (const Reconciler& rule : registry()) {
    Decision decision = rule.desired(context_);
    for (Intent& intent : decision.intents) {
      if (matters(intent)) intents_.push_back(std::move(intent));
    }
    std::move(decision.extras.begin(), decision.extras.end(), std::back_inserter(extras_));
    add(decision.findings);
    plan_.wants_pods = plan_.wants_pods || decision.wants_pods;
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
