#include "reconcilers/foresee.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/foresee_releases.h"
#include "reconcilers/foresee_sets.h"
#include "reconcilers/keys.h"
#include "reconcilers/misplaced_keys.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

// Stages of one namespace follow each other, and gateways wait for the namespaces behind them: far fewer rounds than
// this bring any world to its end. More means that two rules undo each other.
constexpr int kMaxRounds = 200;

// The time at which a play begins, in milliseconds: any that is long after 0.
constexpr std::int64_t kBegin = 3'600'000;

// Where `key` stands, or belongs, in a list sorted as NamespaceView's are.
template <typename List>
auto place_of(List& list, const ObjectKey& key) {
  return std::lower_bound(list.begin(), list.end(), key, [](const auto& one, const ObjectKey& wanted) {
    return std::tie(one->kind, one->meta.name) < std::tie(wanted.kind, wanted.name);
  });
}

template <typename T>
ObjectPtr get(const std::vector<std::shared_ptr<const T>>& list, const ObjectKey& key) {
  const auto at = place_of(list, key);
  return at != list.end() && (*at)->kind == key.kind && (*at)->meta.name == key.name ? ObjectPtr(*at) : nullptr;
}

// `next` in the place of the object of the same kind and name; null removes it.
template <typename T>
void put(std::vector<std::shared_ptr<const T>>& list, const ObjectKey& key, const ObjectPtr& next) {
  const auto at = place_of(list, key);
  const bool found = at != list.end() && (*at)->kind == key.kind && (*at)->meta.name == key.name;
  if (next == nullptr) {
    if (found) list.erase(at);
  } else if (found) {
    *at = std::static_pointer_cast<const T>(next);
  } else {
    list.insert(at, std::static_pointer_cast<const T>(next));
  }
}

// Calls `f` with the list of `view` that holds objects of `kind`; nothing for kinds that no view holds.
template <typename View, typename F>
void with_list(View& view, Kind kind, F f) {
  switch (kind) {
    case Kind::service:
      return f(view.services);
    case Kind::ingress:
      return f(view.ingresses);
    case Kind::config_map:
      return f(view.config_maps);
    case Kind::application:
      return f(view.applications);
    case Kind::virtual_service:
      return f(view.virtual_services);
    case Kind::destination_rule:
      return f(view.destination_rules);
    case Kind::envoy_filter:
      return f(view.envoy_filters);
    case Kind::strategy:
      return f(view.strategies);
    case Kind::gateway:
      return f(view.gateways);
    case Kind::controller_revision:
      return f(view.records);
    case Kind::autoscaler:
      return view.limits ? f(view.limits->autoscalers) : void();
    default:
      return;
  }
}

bool is_workload(Kind kind) {
  return kind == Kind::deployment || kind == Kind::stateful_set || kind == Kind::daemon_set;
}

// Plays one world; lives for one call.
class Play {
 public:
  Play(const World& world, const Settings& settings) : settings_(settings) {
    result_.after = world;
    for (auto& [name, view] : result_.after.namespaces) {
      view.played = true;
      view.moments.now = kBegin;
      view.moments.watching_since = 0;  // nothing went in the last minutes
    }
  }

  Foreseen take() {
    const Facts at_first = facts();
    for (const auto& [name, view] : result_.after.namespaces) {
      if (view.ns == nullptr) continue;
      if (view.ns->meta.labels.find(keys::kApp) != view.ns->meta.labels.end()) unsettled_.insert(name);
      if (concerned(view, at_first, settings_)) continue;
      for (Finding& one : misplaced_keys(*view.ns)) result_.findings.push_back(std::move(one));
    }
    int round = 0;
    for (int i = 0; i < kMaxRounds; ++i) {
      const std::map<std::string, Plan> plans = plan_all();
      if (i == 0) first(plans);
      collect(plans);
      if (const int used = carry_out(plans, round); used > 0) {
        round += used;
        continue;
      }
      if (finish_rollouts(plans) || let_time_pass(plans)) continue;
      result_.end = plans;
      return finish();
    }
    for (const auto& [name, plan] : plan_all()) {
      if (!plan.now.empty()) {
        note(finding("MG199", {Kind::namespace_, "", name},
                     "after " + std::to_string(kMaxRounds) + " rounds " + to_string(plan.now.front().target) +
                         " would still change"));
      }
      result_.end[name] = plan;
    }
    return finish();
  }

 private:
  Facts facts() const {
    Facts facts = derive_facts(result_.after, settings_);
    facts.unsettled = unsettled_;
    facts.rolling_elsewhere = 0;  // a rollout takes no time here
    return facts;
  }

  // Namespaces of apps first, so that gateways see which of them are done.
  std::map<std::string, Plan> plan_all() {
    Facts now = facts();
    std::map<std::string, Plan> plans;
    for (auto& [name, view] : result_.after.namespaces) {
      if (view.ns == nullptr || !concerned(view, now, settings_)) continue;
      Plan made = plan_one(view, now);
      if (made.settled_before_gateway) {
        unsettled_.erase(name);
      } else if (now.app_namespaces.contains(name)) {
        unsettled_.insert(name);
      }
      plans.emplace(name, std::move(made));
    }
    if (now.unsettled == unsettled_) return plans;
    now.unsettled = unsettled_;
    for (auto& [name, made] : plans) made = plan_one(result_.after.namespaces.at(name), now);
    return plans;
  }

  Plan plan_one(NamespaceView& view, const Facts& now) {
    Plan made = plan(view, now, settings_, Gating::open);
    if (made.wants_replica_sets && !view.replica_sets) {
      imagine_replica_sets(view);
      made = plan(view, now, settings_, Gating::open);
    }
    // Nobody knows more of an object than the view: all that its record lists is ours.
    while (!made.wants_live.empty()) {
      for (const ObjectKey& key : made.wants_live) view.live.emplace(key, nullptr);
      made = plan(view, now, settings_, Gating::open);
    }
    if (!made.wants_pods || view.pods) return made;
    view.pods.emplace();  // files without Pods: there are none to starve
    return plan(view, now, settings_, Gating::open);
  }

  void first(const std::map<std::string, Plan>& plans) {
    for (const auto& [name, plan] : plans) {
      result_.members[name] = plan.members;
      result_.releases[name] = plan.releases;
    }
  }

  void note(Finding finding) {
    if (noted_.emplace(finding.code, finding.about).second) {
      result_.findings.push_back(std::move(finding));
    }
  }

  // A finding that a later round repeats in other words is the same; one that only comes up later is news. Several of
  // one code about one object in one round are all kept.
  void collect(const std::map<std::string, Plan>& plans) {
    std::set<std::pair<std::string, ObjectKey>> now;
    for (const auto& [name, plan] : plans) {
      for (const Finding& one : plan.findings) {
        if (noted_.contains({one.code, one.about})) continue;
        now.emplace(one.code, one.about);
        result_.findings.push_back(one);
      }
    }
    noted_.merge(now);
  }

  // Sends everything that may be sent; how many rounds that took: 0 when there was nothing.
  int carry_out(const std::map<std::string, Plan>& plans, int round) {
    int rounds = 0;
    for (const auto& [name, plan] : plans) {
      int restarts = 0;
      const int at_a_time =
          std::max(1, std::min(read_options(*result_.after.namespaces.at(name).ns, settings_).max_rollouts,
                               settings_.max_rollouts));
      for (const Change& change : plan.now) {
        const bool gated = change.impact == Impact::restart;
        const int behind = gated ? restarts++ / at_a_time : 0;
        Foreseen::Step step{name, change, round + behind, ""};
        if (behind > 0) {
          step.waits_for = "max-rollouts " + std::to_string(at_a_time) + " is reached";
        } else if (round > 0) {
          const auto waited = waited_.find({name, change.target, change.stage});
          step.waits_for = waited == waited_.end() ? "the changes before it" : waited->second;
        }
        rounds = std::max(rounds, behind + 1);
        apply(change);
        result_.steps.push_back(std::move(step));
      }
    }
    waited_.clear();
    for (const auto& [name, plan] : plans) {
      for (const Waiting& one : plan.waiting) waited_.emplace(std::tuple(name, one.target, one.stage), one.reason);
    }
    return rounds;
  }

  void apply(const Change& change) {
    const ObjectKey& key = change.target;
    const auto space = result_.after.namespaces.find(key.ns);
    if (space == result_.after.namespaces.end()) {
      if (change.verb != Verb::create && change.verb != Verb::apply) return;
      NamespaceView& made = result_.after.namespaces[key.ns];
      made.name = key.ns;
      auto ns = std::make_shared<Namespace>();
      ns->meta.name = key.ns;
      made.ns = std::move(ns);
      return put_object(made, key, meshgraft::after(nullptr, change));
    }
    if (change.verb == Verb::remove || change.verb == Verb::orphan) {
      space->second.moments.gone.insert_or_assign(key, space->second.moments.now);
    } else {
      space->second.moments.gone.erase(key);
    }
    const ObjectPtr before = find(space->second, key);
    const ObjectPtr next = meshgraft::after(before, change);
    play_on_sets(space->second, change, before, next);
    play_on_routes(space->second, change, before, next);
    if (key.kind == Kind::deployment && change.stage == Stage::release && change.verb == Verb::edit) {
      const auto edit = [&change](auto& wholes, const auto& name) {
        const auto whole = wholes.find(name);
        if (whole != wholes.end() && whole->second != nullptr) whole->second = std::make_shared<const Json>(patched(*whole->second, change.body));
      };
      edit(space->second.manifests, key.name);
      edit(space->second.live, key);
    }
    if (key.kind == Kind::deployment && change.verb == Verb::create) {
      space->second.manifests.insert_or_assign(key.name, std::make_shared<const Json>(change.body));
      space->second.live.erase(key);
    }
    put_object(space->second, key, next);
  }

  static ObjectPtr find(const NamespaceView& view, const ObjectKey& key) {
    if (is_workload(key.kind)) return get(view.workloads, key);
    ObjectPtr found;
    with_list(view, key.kind, [&](const auto& list) { found = get(list, key); });
    return found;
  }

  static void put_object(NamespaceView& view, const ObjectKey& key, const ObjectPtr& next) {
    if (is_workload(key.kind)) return put(view.workloads, key, next);
    with_list(view, key.kind, [&](auto& list) { put(list, key, next); });
  }

  // Nothing is left but what waits for time.
  bool let_time_pass(const std::map<std::string, Plan>& plans) {
    std::optional<std::int64_t> wait;
    for (const auto& [name, plan] : plans) {
      if (plan.wake_after && (!plan.settled || plan.releasing)) wait = std::min(wait.value_or(*plan.wake_after), *plan.wake_after);
    }
    if (!wait) return false;
    for (auto& [name, view] : result_.after.namespaces) view.moments.now += std::max<std::int64_t>(*wait, 1);
    return true;
  }

  // Rollouts that were under way before anything was written succeed as well.
  bool finish_rollouts(const std::map<std::string, Plan>& plans) {
    bool finished = false;
    for (const auto& [name, plan] : plans) {
      for (auto& workload : result_.after.namespaces.at(name).workloads) {
        const Rollout state = rollout_of(*workload);
        if (state != Rollout::under_way && state != Rollout::fresh) continue;
        auto next = std::make_shared<Workload>(*workload);
        Workload::Status& status = next->status;
        status.observed_generation = next->meta.generation;
        status.replicas = status.updated = status.ready = status.available = next->replicas;
        status.rollout_complete = next->kind == Kind::deployment;
        workload = std::move(next);
        finished = true;
      }
    }
    return finished;
  }

  Foreseen finish() {
    std::stable_sort(result_.steps.begin(), result_.steps.end(),
                     [](const Foreseen::Step& a, const Foreseen::Step& b) { return a.round < b.round; });
    std::sort(result_.findings.begin(), result_.findings.end(), [](const Finding& a, const Finding& b) {
      return std::tie(a.code, a.about, a.text) < std::tie(b.code, b.about, b.text);
    });
    return std::move(result_);
  }

  const Settings& settings_;
  std::set<std::string> unsettled_;
  std::set<std::pair<std::string, ObjectKey>> noted_;
  std::map<std::tuple<std::string, ObjectKey, Stage>, std::string> waited_;
  Foreseen result_;
};

}  // namespace

Foreseen foresee(const World& world, const Settings& settings) { return Play(world, settings).take(); }

}  // namespace meshgraft
