#include "tests/sim/simulation.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <sstream>
#include <utility>

#include "controller/leader.h"
#include "reconcilers/keys.h"
#include "tests/fakes/selectors.h"
#include "tests/sim/invariants.h"

namespace meshgraft::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kStepsUnderSeed = 500;   // of a run in an order that the seed chooses, before it is brought to its end
constexpr int kStepsToTheEnd = 4000;   // a namespace of three members needs about a hundred
constexpr int kFaultsOfARun = 12;
// Everything is at rest when nothing is due so soon: longer than the queue's longest back-off (1000 s).
constexpr Duration kRest = std::chrono::minutes(20);

// One process of the controller. Its memory is gone when it is.
struct Process {
  Process(RigCluster& cluster, const Scenario& scenario, std::unique_ptr<FaultyApi> through, int number, bool elects)
      : api(std::move(through)),
        leader(*api, cluster.clock, "default", "meshgraft", "replica-" + std::to_string(number)),
        leads(!elects),
        controller(cluster, scenario.settings, api.get(), elects ? &leader : nullptr) {}

  std::unique_ptr<FaultyApi> api;
  Leader leader;
  bool leads;
  Time next_renewal{};
  Time reconnects{};
  std::uint64_t asked_at = 0;  // the server's version when the watchers last asked
  RigController controller;
};

class Simulation {
 public:
  explicit Simulation(const Trial& run)
      : run_(run), scenario_(*run.scenario), chance_(run.seed), elects_(run.faults.contains(FaultKind::leader_loss)) {
    weather_.kinds = run.faults;
    weather_.left = run.faults.empty() ? 0 : 1 + static_cast<int>(chance_.below(kFaultsOfARun));
    crash_ = run.crash;
    scenario_.given(cluster_);
    cluster_.play_on();
    cluster_.play.set_pod_ready_millis(scenario_.pod_ready_millis);
    watch_.user_acted();
    watch_.check();
  }

  Report take() {
    start_missing();
    if (run_.deletes) deletes_at_ = chance_.below(kStepsUnderSeed);
    if (run_.seed != 0) wander();
    // From here on nothing goes wrong any more.
    weather_.left = 0;
    for (const auto& process : processes_) {
      process->api->cut_off(false);
      process->api->listen();
    }
    while (acts_done_ < scenario_.acts.size() && report_.failure.empty()) {
      const std::size_t done = acts_done_;
      if (!scenario_.acts[done].at_once) {
        for (int i = 0; i < 5; ++i) calm_round();
      }
      go_on([this, done] { return acts_done_ > done || is_possible(); });
      if (acts_done_ == done && is_possible()) act();
      if (acts_done_ == done) fail("the moment never comes for " + std::string(scenario_.acts[done].what));
    }
    come_to_rest();
    if (deleted_) {
      if (!cluster_.deployment(deleted_->ns, deleted_->name).is_null()) fail("the deleted " + to_string(*deleted_) + " is back");
    } else if (report_.failure.empty()) {
      report_.failure = scenario_.in_the_end(cluster_);
    }
    const std::uint64_t written = writes_;
    if (report_.failure.empty()) {
      processes_.clear();
      come_to_rest();
      if (writes_ != written) fail("a second run over the finished namespace writes");
    }
    report_.writes = written;
    report_.fewest_ready = watch_.fewest_ready() == INT_MAX ? 0 : watch_.fewest_ready();
    return std::move(report_);
  }

 private:
  void fail(const std::string& why) {
    if (!report_.failure.empty() || why.empty()) return;
    report_.failure = why;
    tell(why);
  }
  // With MESHGRAFT_SIM_TRACE set: what happens, and when.
  void tell(const std::string& what) {
    if (!traced_) return;
    std::printf("%8lld ms  %s\n", static_cast<long long>(cluster_.millis() - began_), what.c_str());
  }
  void check() {
    fail(watch_.check());
    if (scenario_.always && !deleted_) fail(scenario_.always(cluster_));
    act_at_once();
  }

  void start_missing() {
    std::erase_if(processes_, [](const auto& process) { return process->api->crashed(); });
    while (processes_.size() < (elects_ || run_.twice ? 2U : 1U)) {
      tell("a process starts");
      auto api = std::make_unique<FaultyApi>(cluster_.api, cluster_.engine, weather_, chance_, crash_, writes_,
                                             [this](const ObjectKey& key) { wrote(key); });
      processes_.push_back(std::make_unique<Process>(cluster_, scenario_, std::move(api), ++report_.processes, elects_));
    }
  }

  void wrote(const ObjectKey& key) {
    tell("write " + std::to_string(writes_) + " " + to_string(key));
    watch_.wrote(key);
    act_at_once();
    if (!elects_) return;
    const auto leaders = std::count_if(processes_.begin(), processes_.end(), [](const auto& one) { return one->leader.may_write(); });
    if (leaders > 1) fail("two leaders may write at once");
  }

  // ---- in the order that the seed chooses ----

  void wander() {
    for (int i = 0; i < kStepsUnderSeed && report_.failure.empty(); ++i) {
      start_missing();
      if (deletes_at_ && static_cast<std::size_t>(i) >= *deletes_at_ && !deleted_) delete_one();
      Process& process = *processes_[chance_.below(processes_.size())];
      const std::size_t dice = chance_.below(100);
      if (dice < 40) {
        std::deque<Watcher>& watchers = process.controller.watchers.all();
        for (int j = 0; j < 6; ++j) watchers[chance_.below(watchers.size())].step();
      } else if (dice < 60) {
        if (process.leads) process.controller.worker.step();
      } else if (dice < 64) {
        process.controller.events.step();
      } else if (dice < 80) {
        cluster_.play.round(cluster_.millis());
      } else if (dice < 86) {
        cluster_.kubesphere.step();
      } else if (dice < 98) {
        let_time_pass(milliseconds(20 + chance_.below(600)));
      } else if (is_possible()) {
        act();
      } else if (elects_ && weather_.has(FaultKind::leader_loss)) {
        cut_off_the_leader();
      }
      check();
    }
  }

  void cut_off_the_leader() {
    for (const auto& process : processes_) {
      if (!process->leads) continue;
      --weather_.left;
      process->api->cut_off(true);
      process->reconnects = cluster_.clock.now() + seconds(1 + chance_.below(25));
      return;
    }
  }

  // Whether there is another act, and its moment has come or can be chosen.
  [[nodiscard]] bool is_possible() const {
    if (acts_done_ >= scenario_.acts.size()) return false;
    const Act& next = scenario_.acts[acts_done_];
    return !next.when || next.when(cluster_);
  }
  void act_at_once() {
    while (report_.failure.empty() && acts_done_ < scenario_.acts.size() && scenario_.acts[acts_done_].at_once && is_possible()) act();
  }

  void act() {
    tell(std::string(scenario_.acts[acts_done_].what));
    scenario_.acts[acts_done_++].act(cluster_);
    watch_.user_acted();
    check();
  }

  // What the record says of how far the replace has come that this Deployment goes or comes by; "" when there is none.
  std::string progress_of(const ObjectKey& key) const {
    for (const fakes::Object& object : cluster_.engine.objects("apps/v1", "ControllerRevision", key.ns)) {
      const Json& data = fakes::at(*object, {"data"});
      if (fakes::text_at(data, {"deployment", "name"}) == key.name || fakes::text_at(data, {"target", "metadata", "name"}) == key.name)
        return fakes::text_at(*object, {"metadata", "annotations", std::string(keys::kUndo)});
    }
    return "";
  }

  // The original of a replace under another name whose namespace leaves: once it is gone the new one is the Deployment, and
  // its way back leads to the former name.
  bool returns(const ObjectKey& key) const {
    const Json space = cluster_.object("v1", "Namespace", "", key.ns);
    if (fakes::at(space, {"metadata", "labels"}).contains(std::string(keys::kApp))) return false;
    const Json record = cluster_.object("apps/v1", "ControllerRevision", key.ns, "meshgraft-" + key.name);
    const std::string target = fakes::text_at(record, {"data", "target", "metadata", "name"});
    return !target.empty() && target != key.name && !cluster_.deployment(key.ns, target).is_null();
  }

  // kubectl delete deployment: one that nobody is about to create, so not between a create of ours and the record's word of
  // it. What else the scenario's user does has no object any more.
  void delete_one() {
    std::vector<ObjectKey> there;
    for (const fakes::Object& object : cluster_.engine.objects("apps/v1", "Deployment")) {
      const ObjectKey key{Kind::deployment, fakes::text_at(*object, {"metadata", "namespace"}), fakes::text_at(*object, {"metadata", "name"})};
      const std::string written = progress_of(key);
      const bool original = written == "{}" && fakes::text_at(*object, {"metadata", "annotations", std::string(keys::kUndo)}).find("replaces") == std::string::npos;
      const bool named = written.find("planted") != std::string::npos && written.find("back") == std::string::npos;
      if ((written.empty() || original || named) && !returns(key)) there.push_back(key);
    }
    if (there.empty()) return;
    deleted_ = there[chance_.below(there.size())];
    tell("kubectl delete " + to_string(*deleted_));
    watch_.allow_outage(deleted_->ns);
    const fakes::Target target{cluster_.engine.by_plural("apps", "v1", "deployments"), "v1", deleted_->ns, deleted_->name, ""};
    if (!cluster_.engine.remove(target, {}).ok()) fail("it cannot be deleted");
    watch_.user_acted();
    acts_done_ = scenario_.acts.size();
    check();
  }

  // ---- in the usual order ----

  // Watchers, workers, cluster. Returns whether anything happened.
  bool calm_round() {
    start_missing();
    const std::uint64_t before = cluster_.engine.version();
    int worked = 0;
    for (const auto& process : processes_) {
      // While the server stands still there is nothing to hear.
      if (process->asked_at != cluster_.engine.version() || !process->controller.intake.ready()) {
        process->asked_at = cluster_.engine.version();
        process->controller.pump();
      }
      if (process->leads) worked += process->controller.work();
    }
    check();
    cluster_.play.round(cluster_.millis());
    cluster_.kubesphere.step();
    check();
    cluster_.api.forget_calls();
    return worked > 0 || cluster_.engine.version() != before;
  }

  void come_to_rest() {
    for (const auto& process : processes_) {
      for (int i = 0; i < 3; ++i) process->controller.pump();  // whoever was told of trouble asks again
    }
    go_on([] { return false; });
  }

  // In the usual order, until `enough` or until nothing happens any more.
  template <typename F>
  void go_on(const F& enough) {
    for (int i = 0; i < kStepsToTheEnd && report_.failure.empty(); ++i) {
      if (enough()) return;
      if (calm_round()) continue;
      const std::optional<Duration> wait = next_due();
      if (!wait || *wait > kRest) return;
      let_time_pass(std::max<Duration>(*wait, milliseconds(1)));
    }
    fail("the controller does not come to rest");
  }

  // Until something happens by itself.
  std::optional<Duration> next_due() {
    std::optional<Duration> least;
    const auto consider = [&least](Duration wait) {
      if (!least || wait < *least) least = wait;
    };
    if (const std::optional<std::int64_t> due = cluster_.play.next_due()) consider(milliseconds(*due - cluster_.millis()));
    const bool led = std::any_of(processes_.begin(), processes_.end(), [](const auto& one) { return one->leads; });
    if (!led) consider(seconds(2));  // somebody will
    for (const auto& process : processes_) {
      if (!process->leads) continue;
      if (const std::optional<Time> due = process->controller.queue.next_due()) consider(*due - cluster_.clock.now());
    }
    return least;
  }

  // In steps that renew the Lease in time.
  void let_time_pass(Duration wait) {
    while (wait > Duration::zero()) {
      const Duration step = elects_ ? std::min<Duration>(wait, seconds(1)) : wait;
      cluster_.clock.advance(step);
      wait -= step;
      if (elects_) lead();
    }
  }

  void lead() {
    const Time now = cluster_.clock.now();
    std::erase_if(processes_, [now](const auto& process) {
      if (process->api->is_cut_off() && now >= process->reconnects) process->api->cut_off(false);
      if (now < process->next_renewal) return false;
      process->next_renewal = now + Leader::kRetry;
      const Leader::Standing standing = process->leader.step();
      process->leads = standing == Leader::Standing::leading;
      return standing == Leader::Standing::lost;  // the process ends
    });
    start_missing();
  }

  const Trial& run_;
  const Scenario& scenario_;
  RigCluster cluster_;
  Chance chance_;
  const bool elects_;
  std::optional<std::size_t> deletes_at_;  // step of wander
  std::optional<ObjectKey> deleted_;
  Weather weather_;
  CrashPoint crash_;
  std::uint64_t writes_ = 0;
  std::size_t acts_done_ = 0;
  Invariants watch_{cluster_, scenario_.settings.max_rollouts, run_.twice ? 2 : 1, scenario_.outage_by_user, scenario_.keeps};
  Report report_;
  const bool traced_ = std::getenv("MESHGRAFT_SIM_TRACE") != nullptr;
  const std::int64_t began_ = cluster_.millis();
  std::vector<std::unique_ptr<Process>> processes_;
};

}  // namespace

Report simulate(const Trial& run) { return Simulation(run).take(); }

std::string replay_command(const Trial& run) {
  std::string text = std::string(run.scenario->name) + " seed=" + std::to_string(run.seed);
  if (run.crash.write != 0)
    text += " crash=" + std::to_string(run.crash.write) + (run.crash.carried_out ? "-after" : "-before");
  for (const FaultKind kind : run.faults) text += " fault=" + std::string(to_string(kind));
  if (run.twice) text += " twice=1";
  if (run.deletes) text += " deletes=1";
  return "MESHGRAFT_SIM='" + text + "' build/dev/bin/sim_test --gtest_filter=Sim.replay";
}

Trial trial_from(std::string_view text) {
  Trial run;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    const std::string key = word.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
    if (key == "seed") {
      run.seed = std::strtoull(value.c_str(), nullptr, 10);
    } else if (key == "crash") {
      run.crash.write = std::strtoull(value.c_str(), nullptr, 10);
      run.crash.carried_out = value.ends_with("-after");
    } else if (key == "twice") {
      run.twice = true;
    } else if (key == "deletes") {
      run.deletes = true;
    } else if (key == "fault") {
      if (const std::optional<FaultKind> kind = fault_named(value)) run.faults.insert(*kind);
    } else {
      for (const Scenario& scenario : scenarios()) {
        if (scenario.name == key) run.scenario = &scenario;
      }
    }
  }
  return run;
}

}  // namespace meshgraft::sim
