// The whole controller over the embedded API server: from a label to a joined namespace, and what stands in the way.

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "reconcilers/keys.h"
#include "tests/controller/rig.h"

namespace meshgraft {
namespace {

using fakes::Call;
using fakes::CallVerb;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kApp = "meshgraft.io/app";

struct Whole : testing::Test {
  RigCluster cluster;

  // A namespace of three microservices, running and unlabelled.
  void open_shop(const std::string& ns = "shop") {
    cluster.add_namespace(ns);
    for (const char* name : {"catalog", "cart", "web"}) cluster.add_app(ns, name);
  }
  void join(const std::string& ns = "shop") { cluster.label(ns, std::string(kApp), "bookshop"); }

  std::string status(const std::string& ns = "shop") const {
    const Json object = cluster.object("v1", "Namespace", "", ns);
    return object["metadata"].value("annotations", Json::object()).value(std::string(keys::kStatus), "");
  }
  bool is_joined(const std::string& ns, const std::string& name) const {
    const Json pod = cluster.deployment(ns, name)["spec"]["template"]["metadata"];
    return pod["labels"].contains("version") &&
           pod.value("annotations", Json::object()).value("sidecar.istio.io/inject", "") == "true";
  }
};

TEST_F(Whole, nothing_is_written_without_a_label) {
  open_shop();
  RigController controller(cluster);
  cluster.api.forget_calls();
  controller.settle();
  EXPECT_TRUE(controller.intake.ready());
  EXPECT_THAT(cluster.api.writes(), testing::IsEmpty());
}

TEST_F(Whole, a_labelled_namespace_joins) {
  open_shop();
  RigController controller(cluster);
  controller.settle();
  join();
  controller.settle();
  for (const char* name : {"catalog", "cart", "web"}) EXPECT_TRUE(is_joined("shop", name)) << name;
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), 6);
  EXPECT_THAT(status(), testing::HasSubstr("joined 3/3"));
  EXPECT_FALSE(cluster.object("app.k8s.io/v1beta1", "Application", "shop", "bookshop").is_null());
}

TEST_F(Whole, every_service_keeps_a_ready_endpoint_and_one_workload_restarts_at_a_time) {
  open_shop();
  RigController controller(cluster);
  controller.settle();
  join();
  int most = 0;
  controller.settle(seconds(5), [this, &most] {
    int rolling = 0;
    for (const char* name : {"catalog", "cart", "web"}) {
      EXPECT_GT(cluster.ready_endpoints("shop", name), 0) << name;
      const Json deployment = cluster.deployment("shop", name);
      const Json& status_now = deployment["status"];
      const bool complete =
          status_now.value("observedGeneration", 0) == deployment["metadata"].value("generation", 0) &&
          status_now.value("updatedReplicas", 0) == 2 && status_now.value("availableReplicas", 0) >= 2 &&
          status_now.value("replicas", 0) == 2;
      rolling += complete ? 0 : 1;
    }
    most = std::max(most, rolling);
  });
  EXPECT_EQ(most, 1);
}

TEST_F(Whole, a_second_run_writes_nothing) {
  open_shop();
  join();
  {
    RigController first(cluster);
    first.settle();
  }
  ASSERT_THAT(status(), testing::HasSubstr("joined 3/3"));
  cluster.api.forget_calls();
  RigController second(cluster);
  second.settle();
  EXPECT_THAT(cluster.writes(), testing::IsEmpty());
}

TEST_F(Whole, a_joined_namespace_is_left_alone) {
  open_shop();
  join();
  RigController controller(cluster);
  controller.settle();
  cluster.api.forget_calls();
  controller.settle(std::chrono::minutes(10));
  EXPECT_THAT(cluster.api.writes(), testing::IsEmpty());
  for (const Call& call : cluster.api.calls()) EXPECT_EQ(call.verb, CallVerb::watch) << "a quiet cluster is not polled";
}

TEST_F(Whole, observe_reports_and_writes_nothing) {
  open_shop();
  cluster.annotate("shop", "meshgraft.io/policy", "observe");
  join();
  RigController controller(cluster);
  controller.settle();
  EXPECT_THAT(cluster.writes(), testing::IsEmpty());
  EXPECT_THAT(controller.metrics.text(), testing::HasSubstr("meshgraft_namespaces{policy=\"observe\"} 1"));
}

TEST_F(Whole, the_totals_are_told_on_the_namespace_before_the_first_write) {
  open_shop();
  join();
  RigController controller(cluster);
  controller.settle();
  const std::vector<Json> events = cluster.events("shop");
  const auto is_plan = [](const Json& event) {
    return event["reason"] == "Plan" && event["involvedObject"]["kind"] == "Namespace";
  };
  EXPECT_EQ(std::count_if(events.begin(), events.end(), is_plan), 1);
}

TEST_F(Whole, a_deleted_object_is_not_created_again) {
  open_shop();
  RigController controller(cluster);
  controller.settle();
  join();
  controller.pump();  // the label is seen; catalog goes before the plan is carried out
  fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "catalog", ""};
  ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
  cluster.clock.advance(milliseconds(200));
  controller.work();
  EXPECT_TRUE(cluster.deployment("shop", "catalog").is_null());
  controller.settle();
  EXPECT_TRUE(cluster.deployment("shop", "catalog").is_null());
  EXPECT_TRUE(is_joined("shop", "cart")) << "one object that is gone stops no other";
}

TEST_F(Whole, an_object_of_the_same_name_with_another_uid_is_looked_at_anew) {
  open_shop();
  RigController controller(cluster);
  controller.settle();
  join();
  controller.pump();
  fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "catalog", ""};
  ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
  cluster.add_app("shop", "catalog");
  const std::string uid = cluster.deployment("shop", "catalog")["metadata"]["uid"];
  controller.settle();
  EXPECT_EQ(cluster.deployment("shop", "catalog")["metadata"]["uid"], uid);
  EXPECT_TRUE(is_joined("shop", "catalog"));
}

TEST_F(Whole, a_member_that_becomes_unready_loses_no_field) {
  open_shop();
  join();
  RigController controller(cluster);
  controller.settle();
  const Json before = cluster.deployment("shop", "catalog");
  const Json service = cluster.object("v1", "Service", "shop", "catalog");
  // Its pods fail: no ready replica is left.
  Json broken = before;
  broken["status"]["readyReplicas"] = 0;
  broken["status"]["availableReplicas"] = 0;
  broken["status"]["unavailableReplicas"] = 2;
  ASSERT_TRUE(cluster.engine.seed(broken, "kube-controller-manager").ok());
  cluster.api.forget_calls();
  for (int i = 0; i < 50; ++i) {
    controller.pump();
    controller.work();
    cluster.clock.advance(milliseconds(200));
  }
  const Json after = cluster.deployment("shop", "catalog");
  EXPECT_EQ(after["spec"], before["spec"]);
  EXPECT_EQ(after["metadata"]["labels"], before["metadata"]["labels"]);
  EXPECT_EQ(after["metadata"]["annotations"], before["metadata"]["annotations"]);
  EXPECT_EQ(cluster.object("v1", "Service", "shop", "catalog")["metadata"]["annotations"],
            service["metadata"]["annotations"]);
}

TEST_F(Whole, the_connection_breaks_at_any_write_and_the_job_is_finished) {
  std::size_t writes = 0;
  {
    RigCluster calm;
    calm.add_namespace("shop");
    calm.add_app("shop", "web");
    calm.label("shop", std::string(kApp), "bookshop");
    RigController controller(calm);
    calm.api.forget_calls();
    controller.settle();
    writes = calm.writes().size();
  }
  ASSERT_GT(writes, 5U);
  for (const bool done : {false, true}) {
    for (std::size_t k = 1; k <= writes; ++k) {
      RigCluster stormy;
      stormy.add_namespace("shop");
      stormy.add_app("shop", "web");
      stormy.label("shop", std::string(kApp), "bookshop");
      RigController controller(stormy);
      stormy.api.fail_write(k, done ? fakes::lost_answer_fault() : fakes::refused_fault());
      controller.settle(seconds(40));
      EXPECT_EQ(stormy.pods_with_sidecar("shop"), 2) << "write " << k << (done ? ", its answer lost" : ", refused");
      stormy.api.forget_calls();
      RigController again(stormy);
      again.settle();
      EXPECT_THAT(stormy.writes(), testing::IsEmpty()) << "write " << k;
    }
  }
}

TEST_F(Whole, a_kind_that_may_not_be_read_is_a_finding_and_others_go_on_and_it_goes_when_the_right_comes) {
  open_shop();
  join();
  const auto forbid = [](const Call& call) -> std::optional<fakes::Fault> {
    const bool reads = call.verb == CallVerb::list || call.verb == CallVerb::watch;
    if (!reads || call.key.kind != Kind::ingress) return std::nullopt;
    ApiError error;
    error.kind = ErrorClass::forbidden;
    error.code = 403;
    error.message = "ingresses.networking.k8s.io is forbidden";
    return fakes::Fault{error, false};
  };
  cluster.api.set_fault(forbid);
  RigController controller(cluster);
  controller.settle(Intake::kForbiddenGrace + seconds(5));
  EXPECT_TRUE(is_joined("shop", "catalog"));
  bool said = false;
  for (const KindState& state : controller.cache.states()) {
    said = said ||
           (state.kind == Kind::ingress && state.standing == WatchMachine::Standing::forbidden && !state.why.empty());
  }
  EXPECT_TRUE(said);
  const auto is_told = [&controller] {
    return controller.metrics.text().find(
               "meshgraft_findings{namespace=\"shop\",code=\"MG914\",severity=\"error\"} 1") != std::string::npos;
  };
  EXPECT_TRUE(is_told());
  bool event_said = false;
  for (const Json& event : cluster.events("shop")) {
    event_said = event_said || (event["reason"] == "MG914" &&
                                event["message"].get<std::string>().find("ingresses.networking.k8s.io is forbidden") !=
                                    std::string::npos);
  }
  EXPECT_TRUE(event_said);
  cluster.api.set_fault({});
  controller.settle();
  EXPECT_FALSE(is_told());
  cluster.api.set_fault(forbid);
  controller.settle(seconds(2));
  EXPECT_FALSE(is_told()) << "a starting API server forbids everything for a moment";
  controller.settle(Intake::kForbiddenGrace + seconds(5));
  EXPECT_TRUE(is_told());
}

TEST_F(Whole, a_write_that_is_forbidden_is_a_finding_and_others_go_on) {
  open_shop();
  join();
  cluster.api.set_fault([](const Call& call) -> std::optional<fakes::Fault> {
    if (call.verb != CallVerb::patch || call.key.kind != Kind::deployment || call.key.name != "catalog")
      return std::nullopt;
    ApiError error;
    error.kind = ErrorClass::forbidden;
    error.code = 403;
    error.message = "admission webhook \"policy.example.com\" denied the request";
    return fakes::Fault{error, false};
  });
  RigController controller(cluster);
  controller.settle(seconds(2));
  EXPECT_THAT(controller.metrics.text(),
              testing::HasSubstr("meshgraft_findings{namespace=\"shop\",code=\"MG910\",severity=\"error\"} 1"));
  bool told = false;
  for (const Json& event : cluster.events("shop"))
    told = told || (event["reason"] == "MG910" && event["involvedObject"]["name"] == "catalog");
  EXPECT_TRUE(told);
}

TEST_F(Whole, an_expired_watch_lists_again_and_misses_nothing) {
  open_shop();
  RigController controller(cluster);
  controller.settle();
  join();
  cluster.engine.compact();
  for (int i = 0; i < 20; ++i) {  // the back-off before a new list is real time of the watcher's own
    controller.pump();
    cluster.clock.advance(seconds(1));
  }
  controller.settle();
  EXPECT_TRUE(is_joined("shop", "catalog"));
}

TEST_F(Whole, no_more_workloads_restart_at_a_time_than_the_cluster_allows) {
  std::vector<std::string> shops;
  for (int i = 0; i < 5; ++i) {
    shops.push_back("shop-" + std::to_string(i));
    cluster.add_namespace(shops.back());
    for (const char* name : {"catalog", "web"}) cluster.add_app(shops.back(), name);
    cluster.label(shops.back(), std::string(kApp), "bookshop");
  }
  Settings settings;
  settings.max_rollouts = 2;
  RigController controller(cluster, settings);
  int most = 0;
  controller.settle(seconds(5), [this, &shops, &most] {
    int rolling = 0;
    for (const std::string& ns : shops) {
      for (const char* name : {"catalog", "web"}) {
        const Json deployment = cluster.deployment(ns, name);
        const Json& now = deployment["status"];
        const bool complete = now.value("observedGeneration", 0) == deployment["metadata"].value("generation", 0) &&
                              now.value("updatedReplicas", 0) == 2 && now.value("availableReplicas", 0) >= 2 &&
                              now.value("replicas", 0) == 2;
        rolling += complete ? 0 : 1;
      }
    }
    most = std::max(most, rolling);
  });
  EXPECT_EQ(most, 2);
  for (const std::string& ns : shops) EXPECT_EQ(cluster.pods_with_sidecar(ns), 4) << ns;
}

TEST_F(Whole, heartbeats_and_counters_enqueue_nothing) {
  open_shop();
  join();
  RigController controller(cluster);
  controller.settle();
  Json object = cluster.deployment("shop", "catalog");
  object["metadata"]["managedFields"] = Json::array();
  for (Json& condition : object["status"]["conditions"]) condition["lastUpdateTime"] = "2027-01-01T00:00:01Z";
  ASSERT_TRUE(cluster.engine.seed(object, "kube-controller-manager").ok());
  controller.pump();
  cluster.clock.advance(seconds(1));
  EXPECT_EQ(controller.work(), 0);
}

TEST_F(Whole, a_rollout_that_is_stuck_is_rolled_back_and_stops_the_queue) {
  cluster.add_namespace("shop");
  cluster.add_app("shop", "catalog", 2);
  cluster.add_app("shop", "web", 2);
  RigController controller(cluster);
  controller.settle();
  std::map<std::string, Json> before;
  for (const char* name : {"catalog", "web"}) before[name] = cluster.deployment("shop", name)["spec"];
  // From now on no pod with a sidecar becomes ready.
  cluster.never_ready = [](const Json& pod) { return to_text(pod).find("istio-proxy") != std::string::npos; };
  join();
  controller.settle(std::chrono::minutes(12));
  int held = 0;
  for (const char* name : {"catalog", "web"}) {
    EXPECT_EQ(cluster.deployment("shop", name)["spec"], before[name]) << name;
    EXPECT_EQ(cluster.ready_endpoints("shop", name), 2) << name;
    const Json annotations = cluster.deployment("shop", name)["metadata"].value("annotations", Json::object());
    held += annotations.contains(std::string(keys::kHeld)) ? 1 : 0;
  }
  EXPECT_EQ(held, 1) << "the second waits for the first";
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), 0);
  EXPECT_THAT(status(), testing::HasSubstr("held 1"));
  EXPECT_THAT(controller.metrics.text(), testing::HasSubstr("code=\"MG225\""));
  EXPECT_THAT(controller.metrics.text(), testing::HasSubstr("meshgraft_members{namespace=\"shop\",state=\"held\"} 1"));
  EXPECT_THAT(controller.metrics.text(), testing::HasSubstr("meshgraft_rollouts_total{result=\"failed\"} 1"));
  EXPECT_THAT(controller.metrics.text(), testing::HasSubstr("meshgraft_rollouts_total{result=\"rolled_back\"} 1"));

  cluster.api.forget_calls();
  controller.settle(std::chrono::minutes(30));
  EXPECT_THAT(cluster.writes(), testing::IsEmpty()) << "what is held is not touched";

  // The pods would come now, and its owner asks for another try.
  cluster.never_ready = nullptr;
  for (const char* name : {"catalog", "web"}) {
    fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", name, ""};
    const Json retry{{"metadata", {{"annotations", {{std::string(keys::kRetry), "1"}}}}}};
    ASSERT_TRUE(cluster.engine.patch(target, fakes::PatchFormat::merge, retry, {}).ok());
  }
  controller.settle(std::chrono::minutes(1));
  for (const char* name : {"catalog", "web"}) {
    EXPECT_TRUE(is_joined("shop", name)) << name;
    EXPECT_FALSE(cluster.deployment("shop", name)["metadata"]["annotations"].contains(std::string(keys::kHeld))) << name;
  }
}

TEST_F(Whole, a_namespace_that_goes_is_forgotten) {
  open_shop();
  join();
  RigController controller(cluster);
  controller.settle();
  fakes::Target target{cluster.engine.by_plural("", "v1", "namespaces"), "v1", "", "shop", ""};
  ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
  controller.settle();
  EXPECT_THAT(controller.metrics.text(), testing::Not(testing::HasSubstr("namespace=\"shop\"")));
  EXPECT_EQ(controller.ledger.total(), 0);
}

}  // namespace
}  // namespace meshgraft
