#include "reconcilers/plan.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/gate.h"
#include "reconcilers/keys.h"
#include "reconcilers/member_table.h"
#include "reconcilers/reconciler.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

constexpr Stage kFirstGatewayStage = Stage::gateway_config;

bool restarts(Stage stage) { return stage == Stage::member_template || stage == Stage::gateway_template; }

// The stage of metadata that goes before a stage of templates: the undo record is written there first (rules 2).
Stage metadata_before(Stage stage) { return stage == Stage::member_template ? Stage::member_metadata : Stage::gateway_metadata; }

// One plan in the making; lives for one call.
class Planner {
 public:
  Planner(const NamespaceView& view, const Facts& facts, const Settings& settings, Gating gating)
      : view_(view), facts_(facts), settings_(settings), gating_(gating), options_(read_options(*view.ns, settings)),
        membership_(find_members(view, options_, facts)), context_{view, facts, settings, options_, membership_} {}

  Plan take() {
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

 private:
  // The wishes of one object that are not fulfilled yet, by intent.
  struct Work {
    ObjectPtr object;
    std::vector<std::size_t> pending;   // indexes into intents_
    std::optional<Record> record;
    bool needs_record = false;          // the record has to be written before the template changes
  };

  void add(const std::vector<Finding>& findings) { plan_.findings.insert(plan_.findings.end(), findings.begin(), findings.end()); }

  // A joined namespace that is given another app or version is frozen: its members carry the former one (contract 1).
  void refuse_new_identity() {
    std::string former;
    for (const Member& member : membership_.members) {
      if (member.excluded || !member.blocked.empty()) continue;
      const Meta& meta = member.workload->meta;
      const auto label = meta.labels.find(keys::kAppName);
      if (label == meta.labels.end() || !looks_recorded(meta)) continue;
      if (label->second == member.app_name) {
        former.clear();
        break;
      }
      if (former.empty() && read_record(meta).owns("metadata.labels[app.kubernetes.io/name]")) former = label->second;
    }
    if (!former.empty()) {
      options_.frozen = true;
      plan_.findings.push_back(finding("MG108", view_.ns->key(), std::string(keys::kApp) + " is " + options_.app + ", but members joined " + former));
    }
    const auto version = view_.ns->meta.annotations.find(keys::kVersion);
    if (version == view_.ns->meta.annotations.end()) return;
    for (const Member& member : membership_.members) {
      if (member.excluded || !member.blocked.empty() || member.version == version->second) continue;
      const Meta& meta = member.workload->meta;
      if (meta.annotations.find(keys::kVersion) != meta.annotations.end() || !looks_recorded(meta)) continue;
      if (!read_record(meta).owns("spec.template.metadata.labels[version]")) continue;
      options_.frozen = true;
      plan_.findings.push_back(finding("MG108", view_.ns->key(), std::string(keys::kVersion) + " is " + version->second + ", but " +
                                                                     to_string(member.workload->key()) + " joined as version " + member.version));
      return;
    }
  }

  void ask_rules() {
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

  // What is fulfilled needs no keeping, but for restarts that may still be under way. In a joined namespace that is
  // nearly everything, and a plan's time goes by the memory it walks through.
  static bool matters(const Intent& intent) {
    if (!satisfied(intent.wish, *intent.object)) return true;
    if (intent.impact != Impact::restart) return false;
    const Workload* workload = as<Workload>(intent.object.get());
    return workload != nullptr && !rollout_is_over(*workload);
  }

  // Which intents are fulfilled, which are held, and what is left by object.
  void sort_intents() {
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
      work.needs_record = !work.record->present && std::any_of(work.pending.begin(), work.pending.end(),
                                                               [this](std::size_t i) { return restarts(intents_[i].stage); });
    }
    works_.erase(std::remove_if(works_.begin(), works_.end(), [](const Work& work) { return work.pending.empty(); }), works_.end());
  }

  // Without its record nothing can be changed safely: not knowing what is ours, an apply might drop it.
  void refuse_broken(Work& work) {
    plan_.findings.push_back(finding("MG107", work.object->key(), std::string(keys::kUndo) + ": " + work.record->broken));
    for (const std::size_t i : work.pending) {
      intents_[i].hold = "its undo record cannot be read (MG107)";
      held_.push_back(i);
    }
    work.pending.clear();
  }

  void report_stuck() {
    for (const auto& workload : rolling_.exceeded) {
      const std::string why = workload->status.message.empty() ? "" : ": " + workload->status.message;
      plan_.findings.push_back(finding("MG215", workload->key(), progress_text(*workload) + why));
    }
    plan_.rolling_count = static_cast<int>(rolling_.under_way.size());
    plan_.rolling = plan_.rolling_count > 0;
  }

  // The first stage with something to do; nothing behind a stage of restarts while one of them is not over.
  std::optional<Stage> current_stage() const {
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

  [[nodiscard]] bool is_rolling(const Object& object) const {
    const auto is_it = [&object](const auto& workload) { return static_cast<const Object*>(workload.get()) == &object; };
    return std::any_of(rolling_.under_way.begin(), rolling_.under_way.end(), is_it) ||
           std::any_of(rolling_.exceeded.begin(), rolling_.exceeded.end(), is_it);
  }

  void fill_now(Stage stage) {
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

  void open_gate(Stage stage, std::vector<std::size_t> gated) {
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
  std::optional<Change> change_of(const Work& work, Stage stage) {
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

  void wait(ObjectKey target, Stage stage, std::string reason) {
    if (waits_.emplace(std::tuple(target, stage)).second) plan_.waiting.push_back({std::move(target), stage, std::move(reason)});
  }

  void fill_waiting(std::optional<Stage> now) {
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
        if (work.needs_record && restarts(stage) && metadata_before(stage) != *now) wait(work.object->key(), metadata_before(stage), reason);
      }
    }
    for (const Extra& extra : extras_) {
      if (extra.hold.empty() && extra.change.stage != *now) wait(extra.change.target, extra.change.stage, reason);
    }
  }

  void settle() {
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

  // observe and paused: everything is worked out, nothing is sent.
  void obey_policy() {
    std::string reason;
    if (options_.frozen) reason = "paused";
    if (options_.policy == Policy::observe) reason = "policy observe";
    if (reason.empty()) return;
    for (Waiting& one : plan_.waiting) {
      if (!is_held(one)) one.reason = reason;
    }
    for (Change& change : plan_.now) wait(std::move(change.target), change.stage, reason);
    plan_.now.clear();
    plan_.wants_pods = false;
    plan_.settled = true;
    plan_.settled_before_gateway = true;
  }

  [[nodiscard]] bool is_held(const Waiting& one) const {
    return std::any_of(held_.begin(), held_.end(), [&](std::size_t i) {
      return intents_[i].stage == one.stage && intents_[i].object->key() == one.target;
    });
  }

  Plan finish_frozen() {
    // What was rolling when the bad value came goes on, and keeps its place in the cluster.
    for (const auto& workload : view_.workloads) {
      const Rollout state = rollout_of(*workload);
      if ((state != Rollout::under_way && state != Rollout::fresh) || !looks_recorded(workload->meta) || !read_record(workload->meta).owns_template()) continue;
      rolling_.under_way.push_back(workload);
    }
    plan_.rolling_count = static_cast<int>(rolling_.under_way.size());
    plan_.rolling = plan_.rolling_count > 0;
    plan_.members = member_table(context_, {}, rolling_);
    for (MemberState& member : plan_.members) {
      if (member.phase != MemberPhase::joined) continue;
      member.phase = looks_recorded_workload(member.workload) ? MemberPhase::joined : MemberPhase::held;
      if (member.phase == MemberPhase::held) member.why = "the namespace is frozen";
    }
    plan_.settled = true;
    plan_.settled_before_gateway = true;
    sort_findings();
    return std::move(plan_);
  }

  [[nodiscard]] bool looks_recorded_workload(const ObjectKey& key) const {
    return std::any_of(view_.workloads.begin(), view_.workloads.end(),
                       [&key](const auto& workload) { return workload->key() == key && looks_recorded(workload->meta); });
  }

  Plan finish() {
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

  void sort_findings() {
    const auto order = [](const Finding& one) { return std::tie(one.code, one.about, one.text); };
    std::sort(plan_.findings.begin(), plan_.findings.end(), [&order](const Finding& a, const Finding& b) { return order(a) < order(b); });
    plan_.findings.erase(std::unique(plan_.findings.begin(), plan_.findings.end(),
                                     [&order](const Finding& a, const Finding& b) { return order(a) == order(b); }),
                         plan_.findings.end());
  }

  const NamespaceView& view_;
  const Facts& facts_;
  const Settings& settings_;
  const Gating gating_;
  NamespaceOptions options_;
  const Membership membership_;
  const Context context_;

  std::vector<Intent> intents_;
  std::vector<Extra> extras_;
  std::vector<std::size_t> held_;  // indexes into intents_
  std::vector<Work> works_;
  Rolling rolling_;
  std::set<std::tuple<ObjectKey, Stage>> waits_;
  Plan plan_;
};

}  // namespace

bool concerned(const NamespaceView& view, const Facts& facts, const Settings& settings) {
  if (view.ns->meta.labels.find(keys::kApp) != view.ns->meta.labels.end()) return true;
  if (view.ns->meta.labels.find(keys::kGateway) != view.ns->meta.labels.end()) return true;
  if (settings.nacos_namespaces.contains(view.name) && facts.nacos_wanted.contains(view.name)) return true;
  return std::any_of(facts.gateways.begin(), facts.gateways.end(),
                     [&view](const GatewayFacts& gateway) { return gateway.kubesphere && gateway.ns == view.name; });
}

Plan plan(const NamespaceView& view, const Facts& facts, const Settings& settings, Gating gating) {
  if (!concerned(view, facts, settings)) {
    Plan nothing;
    nothing.settled = true;
    nothing.settled_before_gateway = true;
    return nothing;
  }
  return Planner(view, facts, settings, gating).take();
}

}  // namespace meshgraft
