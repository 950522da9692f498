#include "tests/controller/rig.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

using fakes::CallVerb;

Json named(const std::string& api_version, const std::string& kind, const std::string& ns, const std::string& name) {
  Json object{{"apiVersion", api_version}, {"kind", kind}, {"metadata", {{"name", name}}}};
  if (!ns.empty()) object["metadata"]["namespace"] = ns;
  return object;
}

void patch(RigCluster& cluster, const std::string& ns, const Json& body) {
  fakes::Target target{cluster.engine.by_plural("", "v1", "namespaces"), "v1", "", ns, ""};
  const fakes::Answer answer = cluster.engine.patch(target, fakes::PatchFormat::merge, body, {});
  ASSERT_TRUE(answer.ok()) << to_text(answer.body);
}

}  // namespace

RigCluster::RigCluster(fakes::Profile profile) {
  fakes::seed_world(engine, profile);
  play_on();
}

std::int64_t RigCluster::millis() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock.utc().time_since_epoch()).count();
}

void RigCluster::play_on() {
  for (int i = 0; i < 100; ++i) {
    const bool played = play.step(millis());
    if (!kubesphere.step() && !played) return;
  }
  FAIL() << "the cluster does not come to rest";
}

void RigCluster::add_namespace(const std::string& name) {
  ASSERT_TRUE(engine.seed(named("v1", "Namespace", "", name)).ok());
}

void RigCluster::add_app(const std::string& ns, const std::string& name, int replicas, const std::string& image) {
  Json deployment = named("apps/v1", "Deployment", ns, name);
  deployment["metadata"]["labels"] = {{"run", name}};
  deployment["spec"] = {
      {"replicas", replicas},
      {"selector", {{"matchLabels", {{"run", name}}}}},
      {"template",
       {{"metadata", {{"labels", {{"run", name}}}}},
        {"spec",
         {{"containers",
           Json::array(
               {{{"name", "app"}, {"image", image}, {"ports", Json::array({{{"containerPort", 8080}}})}}})}}}}}};
  Json service = named("v1", "Service", ns, name);
  service["spec"] = {{"selector", {{"run", name}}},
                     {"ports", Json::array({{{"name", "http"}, {"port", 80}, {"targetPort", 8080}}})}};
  for (const Json& object : {deployment, service}) {
    if (object["kind"] == "Service" && engine.object("v1", "Service", ns, name) != nullptr) continue;
    const fakes::Answer answer = engine.seed(object);
    ASSERT_TRUE(answer.ok()) << to_text(answer.body);
  }
  play_on();
}

void RigCluster::label(const std::string& ns, const std::string& key, const std::string& value) {
  patch(*this, ns, {{"metadata", {{"labels", {{key, value.empty() ? Json(nullptr) : Json(value)}}}}}});
}
void RigCluster::annotate(const std::string& ns, const std::string& key, const std::string& value) {
  patch(*this, ns, {{"metadata", {{"annotations", {{key, value.empty() ? Json(nullptr) : Json(value)}}}}}});
}

Json RigCluster::object(const std::string& api_version, const std::string& kind, const std::string& ns,
                        const std::string& name) const {
  const fakes::Object found = engine.object(api_version, kind, ns, name);
  return found == nullptr ? Json() : *found;
}

int RigCluster::pods_with_sidecar(const std::string& ns) const {
  int count = 0;
  for (const fakes::Object& pod : engine.objects("v1", "Pod", ns)) {
    const Json& containers = (*pod)["spec"]["containers"];
    count += std::any_of(containers.begin(), containers.end(),
                         [](const Json& one) { return one["name"] == keys::kProxyContainer; })
                 ? 1
                 : 0;
  }
  return count;
}

int RigCluster::ready_endpoints(const std::string& ns, const std::string& service) const {
  int count = 0;
  for (const fakes::Object& slice : engine.objects("discovery.k8s.io/v1", "EndpointSlice", ns)) {
    if ((*slice)["metadata"]["labels"].value("kubernetes.io/service-name", "") != service ||
        !slice->contains("endpoints"))
      continue;
    for (const Json& endpoint : (*slice)["endpoints"]) count += endpoint["conditions"].value("ready", false) ? 1 : 0;
  }
  return count;
}

std::vector<fakes::Call> RigCluster::writes() const {
  std::vector<fakes::Call> writes = api.writes();
  std::erase_if(writes, [](const fakes::Call& call) { return call.key.kind == Kind::event; });
  return writes;
}

std::vector<Json> RigCluster::events(const std::string& ns) const {
  std::vector<Json> events;
  for (const fakes::Object& event : engine.objects("v1", "Event", ns)) events.push_back(*event);
  return events;
}

RigController::RigController(RigCluster& on, Settings with, Api* through, const Leader* leader)
    : cluster(on),
      settings(std::move(with)),
      api(through == nullptr ? static_cast<Api&>(on.api) : *through),
      queue(on.clock, &metrics),
      ledger(on.clock, settings.max_rollouts),
      facts(cache, ledger, settings),
      expectations(cache, on.clock),
      intake(cache, queue, facts, ledger, expectations, on.clock),
      watchers(api, cache, intake, on.clock),
      sink(api),
      guarded(sink, leader),
      senders(guarded),
      events(api, cache, on.clock),
      worker(WorkerParts{cache, queue, intake, facts, ledger, expectations, senders, api, events, metrics, book, log,
                         on.clock, settings}) {
  spdlog::set_level(spdlog::level::off);
  intake.connect(watchers);
  intake.on_restarts([this](Kind kind, ErrorClass reason) { metrics.on_watch_restart(kind, reason); });
  metrics.set_sources([this] { return cache.states(); }, [this] { return queue.running(); });
  watchers.start();
}

void RigController::pump() {
  for (Watcher& watcher : watchers.all()) {
    const bool listed = watcher.step();
    if (listed && watcher.wait() == Duration::zero()) watcher.step();
  }
}

int RigController::work() {
  int worked = 0;
  while (worker.step()) ++worked;
  while (events.step()) {
  }
  return worked;
}

void RigController::settle(Duration quiet, const std::function<void()>& each) {
  Time last = cluster.clock.now();
  for (int i = 0; i < 5000; ++i) {
    const std::uint64_t before = cluster.engine.version();
    pump();
    const bool worked = work() > 0;
    each();
    cluster.play.round(cluster.millis());
    cluster.kubesphere.step();
    each();
    if (worked || cluster.engine.version() != before) {
      last = cluster.clock.now();
      continue;
    }
    if (cluster.clock.now() - last >= quiet) return;
    // Small steps while something may still follow, long ones to pass the time.
    const bool busy = cluster.clock.now() - last < std::chrono::seconds(2);
    cluster.clock.advance(busy ? Duration(std::chrono::milliseconds(200)) : std::chrono::seconds(5));
  }
  FAIL() << "the controller does not come to rest";
}

}  // namespace meshgraft
