#pragma once
// Rig: the whole controller over an embedded API server with a small cluster behind it, in one thread under a clock
// that the test advances. Every test of the controller as a whole starts from one. Never sleeps; nothing in it is
// random.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "controller/leader.h"
#include "controller/worker.h"
#include "tests/controller/sim_clock.h"
#include "tests/fakes/cluster_play.h"
#include "tests/fakes/engine.h"
#include "tests/fakes/fake_api.h"
#include "tests/fakes/kubesphere_play.h"
#include "tests/fakes/world.h"

namespace meshgraft {

// The API server and the cluster; outlives the controllers that work on it one after another.
struct RigCluster {
  explicit RigCluster(fakes::Profile profile = fakes::Profile::kubesphere_3_3);

  SimClock clock;
  fakes::Engine engine;
  std::function<bool(const Json& pod)> never_ready;  // pods that never become ready; empty: all do
  fakes::ClusterPlay play{engine, {0, [this](const Json& pod) { return never_ready && never_ready(pod); }}};
  fakes::KubeSpherePlay kubesphere{engine};
  fakes::FakeApi api{engine, fakes::FakeApi::WatchMode::drain};

  // Milliseconds since 1970 for the cluster's own controllers.
  [[nodiscard]] std::int64_t millis() const;
  // Lets Deployments, KubeSphere and the rest act until nothing is left to do now.
  void play_on();

  // A namespace, and in it a Deployment `name` with a Service of the same name on port 80.
  void add_namespace(const std::string& name);
  void add_app(const std::string& ns, const std::string& name, int replicas = 2,
               const std::string& image = "shop/app:1.0");
  void label(const std::string& ns, const std::string& key, const std::string& value);
  void annotate(const std::string& ns, const std::string& key, const std::string& value);

  [[nodiscard]] Json object(const std::string& api_version, const std::string& kind, const std::string& ns,
                            const std::string& name) const;
  [[nodiscard]] Json deployment(const std::string& ns, const std::string& name) const {
    return object("apps/v1", "Deployment", ns, name);
  }
  // Pods of `ns` that carry the sidecar.
  [[nodiscard]] int pods_with_sidecar(const std::string& ns) const;
  // Ready endpoints of a Service, over all its slices.
  [[nodiscard]] int ready_endpoints(const std::string& ns, const std::string& service) const;
  // Writes since forget_calls(), Events left out.
  [[nodiscard]] std::vector<fakes::Call> writes() const;
  [[nodiscard]] std::vector<Json> events(const std::string& ns) const;
};

// One run of the controller: its memory is gone when this is.
struct RigController {
  // `api` null: the cluster's own. `leader`: asked before every write, null for no election; outlives this.
  explicit RigController(RigCluster& cluster, Settings settings = {}, Api* api = nullptr,
                         const Leader* leader = nullptr);

  // Every watcher asks once, in order; twice from nothing: list and watch.
  void pump();
  // Works on what is ready now, without letting time or the cluster go on. Returns how many namespaces were worked on.
  int work();
  // Lets controller and cluster go on until nothing happens for `quiet` and nothing is due before. `each` is called
  // after every step of either.
  void settle(
      Duration quiet = std::chrono::seconds(5), const std::function<void()>& each = [] {});

  RigCluster& cluster;
  const Settings settings;
  Api& api;
  Metrics metrics{"test", "none"};
  Cache cache;
  DirtyQueue queue;
  RolloutLedger ledger;
  FactsBook facts;
  Expectations expectations;
  Intake intake;
  Watchers watchers;
  LiveSink sink;
  GuardedSink guarded;
  Senders senders;
  EventRecorder events;
  NamespaceBook book;
  OutcomeLog log{false, false};
  Worker worker;
};

}  // namespace meshgraft
