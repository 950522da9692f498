// The small cluster: rollouts, adoption, host ports, endpoints.

#include "tests/fakes/cluster_play.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/fakes/world.h"

namespace meshgraft::fakes {
namespace {

constexpr std::int64_t kStart = 1'800'000'000'000;

Json deployment(const char* name, int replicas, Json extra = Json::object()) {
  Json out = {{"apiVersion", "apps/v1"},
              {"kind", "Deployment"},
              {"metadata", {{"name", name}, {"namespace", "shop"}}},
              {"spec",
               {{"replicas", replicas},
                {"selector", {{"matchLabels", {{"app", name}}}}},
                {"template",
                 {{"metadata", {{"labels", {{"app", name}}}}},
                  {"spec",
                   {{"containers",
                     Json::array({{{"name", "c"},
                                   {"image", "i:1"},
                                   {"ports", Json::array({{{"name", "web"}, {"containerPort", 8080}}})}}})}}}}}}}};
  out["spec"].merge_patch(extra);
  return out;
}

Json service(const char* name) {
  return {{"apiVersion", "v1"},
          {"kind", "Service"},
          {"metadata", {{"name", name}, {"namespace", "shop"}}},
          {"spec",
           {{"selector", {{"app", name}}},
            {"ports", Json::array({{{"name", "http"}, {"port", 80}, {"targetPort", "web"}}})}}}};
}

class ClusterPlayTest : public ::testing::Test {
 protected:
  ClusterPlayTest() { seed_world(engine, Profile::kubesphere_3_3); }

  Target target(const char* api_version, const char* kind, const char* name) {
    return {engine.by_kind(api_version, kind), "", "shop", name, ""};
  }
  Json live(const char* kind, const char* name) { return engine.get(target("apps/v1", kind, name)).body; }
  Answer patch(const char* name, const Json& body, const char* kind = "Deployment") {
    return engine.patch(target("apps/v1", kind, name), PatchFormat::strategic, body, {"kubectl", false, false});
  }
  static Json image(const char* value) {
    return {{"spec", {{"template", {{"spec", {{"containers", Json::array({{{"name", "c"}, {"image", value}}})}}}}}}}};
  }
  std::vector<Json> pods(const std::string& app = "") {
    std::vector<Json> out;
    for (const Object& pod : engine.objects("v1", "Pod", "shop")) {
      if (app.empty() || text_at(labels_of(*pod), {"app"}) == app) out.push_back(*pod);
    }
    return out;
  }
  std::size_t ready_pods() {
    const std::vector<Json> all = pods();
    return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_ready));
  }
  std::set<std::string> uids() {
    std::set<std::string> out;
    for (const Json& pod : pods()) out.insert(text_at(pod, {"metadata", "uid"}));
    return out;
  }
  std::string condition(const Json& object, const char* type) {
    for (const Json& one : at(object, {"status", "conditions"})) {
      if (text_at(one, {"type"}) == type) return text_at(one, {"status"}) + " " + text_at(one, {"reason"});
    }
    return "";
  }
  Engine engine;
  ClusterPlay play{engine};
};

TEST_F(ClusterPlayTest, a_deployment_becomes_pods_and_says_so) {
  engine.seed(deployment("web", 3));
  play.step(kStart);
  EXPECT_EQ(ready_pods(), 3u);
  const Json web = live("Deployment", "web");
  EXPECT_EQ(web["status"]["readyReplicas"], 3);
  EXPECT_EQ(web["status"]["observedGeneration"], 1);
  EXPECT_EQ(condition(web, "Available"), "True MinimumReplicasAvailable");
  EXPECT_EQ(condition(web, "Progressing"), "True NewReplicaSetAvailable");
  EXPECT_EQ(text_at(annotations_of(web), {"deployment.kubernetes.io/revision"}), "1");
  EXPECT_FALSE(play.step(kStart)) << "a settled cluster is left alone";
}

TEST_F(ClusterPlayTest, a_rolling_update_keeps_to_max_surge_and_max_unavailable) {
  play.set_pod_ready_millis(1000);
  engine.seed(deployment("web", 4));  // 25 %: at most 5 pods, at least 3 ready
  play.step(kStart);
  play.step(kStart + 1000);
  ASSERT_EQ(ready_pods(), 4u);
  patch("web", image("i:2"));
  std::int64_t now = kStart + 1000;
  for (int i = 0; i < 100; ++i) {
    if (!play.round(now)) {
      if (!play.next_due() || *play.next_due() > kStart + 60000) break;
      now = *play.next_due();
    }
    EXPECT_LE(pods().size(), 5u);
    EXPECT_GE(ready_pods(), 3u);
  }
  const Json web = live("Deployment", "web");
  EXPECT_EQ(web["status"]["updatedReplicas"], 4);
  EXPECT_EQ(web["status"]["replicas"], 4);
  EXPECT_EQ(text_at(annotations_of(web), {"deployment.kubernetes.io/revision"}), "2");
  for (const Json& pod : pods()) EXPECT_EQ(pod["spec"]["containers"][0]["image"], "i:2");
}

TEST_F(ClusterPlayTest, percentages_round_as_kubernetes_does) {
  EXPECT_EQ(resolved("25%", 1, true), 1);
  EXPECT_EQ(resolved("25%", 1, false), 0);
  EXPECT_EQ(resolved("25%", 10, true), 3);
  EXPECT_EQ(resolved("25%", 10, false), 2);
  EXPECT_EQ(resolved(2, 10, false), 2);
}

TEST_F(ClusterPlayTest, recreate_stops_the_old_pods_before_it_starts_new_ones) {
  engine.seed(deployment("web", 2, {{"strategy", {{"type", "Recreate"}}}}));
  play.step(kStart);
  const std::set<std::string> old = uids();
  patch("web", image("i:2"));
  bool gap = false;
  while (play.round(kStart)) {
    const std::vector<Json> now = pods();
    gap = gap || now.empty();
    const bool mixed = std::any_of(now.begin(), now.end(),
                                   [&](const Json& pod) {
                                     return old.contains(text_at(pod, {"metadata", "uid"}));
                                   }) &&
                       std::any_of(now.begin(), now.end(), [&](const Json& pod) {
                         return !old.contains(text_at(pod, {"metadata", "uid"}));
                       });
    EXPECT_FALSE(mixed);
  }
  EXPECT_TRUE(gap);
  EXPECT_EQ(ready_pods(), 2u);
}

TEST_F(ClusterPlayTest, a_paused_deployment_does_not_roll) {
  engine.seed(deployment("web", 1));
  play.step(kStart);
  patch("web", {{"spec", {{"paused", true}}}});
  patch("web", image("i:2"));
  play.step(kStart);
  EXPECT_EQ(pods()[0]["spec"]["containers"][0]["image"], "i:1");
  EXPECT_EQ(live("Deployment", "web")["status"]["updatedReplicas"], Json());
  patch("web", {{"spec", {{"paused", false}}}});
  play.step(kStart);
  EXPECT_EQ(pods()[0]["spec"]["containers"][0]["image"], "i:2");
}

TEST_F(ClusterPlayTest, a_broken_image_misses_the_progress_deadline_and_the_old_pods_serve_on) {
  engine.seed(deployment("web", 2, {{"progressDeadlineSeconds", 60}}));
  play.step(kStart);
  patch("web", image("i:broken"));
  play.step(kStart + 1000);
  EXPECT_EQ(condition(live("Deployment", "web"), "Progressing"), "True ReplicaSetUpdated");
  EXPECT_GE(ready_pods(), 2u);
  ASSERT_TRUE(play.next_due().has_value());
  play.step(*play.next_due());
  EXPECT_EQ(condition(live("Deployment", "web"), "Progressing"), "False ProgressDeadlineExceeded");
  patch("web", image("i:1"));
  play.step(*play.next_due() + 120000);
  EXPECT_EQ(condition(live("Deployment", "web"), "Progressing"), "True NewReplicaSetAvailable");
  EXPECT_EQ(text_at(annotations_of(live("Deployment", "web")), {"deployment.kubernetes.io/revision"}), "3")
      << "the old ReplicaSet got the next revision";
}

TEST_F(ClusterPlayTest, an_orphaned_replica_set_goes_on_and_a_deployment_with_a_fuller_selector_leaves_it_alone) {
  engine.seed(deployment("web", 1));
  engine.seed(service("web"));
  play.step(kStart);
  const std::set<std::string> before = uids();
  DeleteOptions orphan;
  orphan.propagation = DeleteOptions::orphan;
  EXPECT_EQ(engine.remove(target("apps/v1", "Deployment", "web"), orphan).code, 200);
  Json fuller = deployment("web", 1);
  fuller["spec"]["selector"]["matchLabels"]["version"] = "v1";
  fuller["spec"]["template"]["metadata"]["labels"]["version"] = "v1";
  engine.seed(fuller);
  play.step(kStart);
  EXPECT_EQ(engine.objects("apps/v1", "ReplicaSet", "shop").size(), 2u);
  EXPECT_EQ(pods().size(), 2u);
  const std::vector<Object> slices = engine.objects("discovery.k8s.io/v1", "EndpointSlice", "shop");
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ((*slices[0])["endpoints"].size(), 2u);
  // Way back: the new one deleted, the original created again adopts its ReplicaSet without restarting a pod.
  engine.remove(target("apps/v1", "Deployment", "web"), {});
  engine.seed(deployment("web", 1));
  play.step(kStart);
  EXPECT_EQ(uids(), before);
  EXPECT_EQ(engine.objects("apps/v1", "ReplicaSet", "shop").size(), 1u);
}

TEST_F(ClusterPlayTest, annotations_of_a_deployment_reach_its_replica_set) {
  engine.seed(deployment("web", 1));
  play.step(kStart);
  patch("web", {{"metadata", {{"annotations", {{"a", "b"}}}}}});
  play.step(kStart);
  EXPECT_EQ(text_at(annotations_of(*engine.objects("apps/v1", "ReplicaSet", "shop")[0]), {"a"}), "b");
}

TEST_F(ClusterPlayTest, annotations_that_come_with_a_template_never_reach_the_replica_set_before) {
  // Why `kubectl rollout undo` loses them: it puts the annotations of the ReplicaSet before over the Deployment's.
  engine.seed(deployment("web", 1));
  play.step(kStart);
  Json together = image("i:2");
  together["metadata"]["annotations"]["a"] = "b";
  patch("web", together);
  play.step(kStart);
  for (const Object& set : engine.objects("apps/v1", "ReplicaSet", "shop")) {
    const bool newest = text_at(annotations_of(*set), {"deployment.kubernetes.io/revision"}) == "2";
    EXPECT_EQ(annotations_of(*set).contains("a"), newest);
  }
}

TEST_F(ClusterPlayTest, host_ports_that_are_taken_leave_a_pod_pending) {
  Json gateway = deployment("gw", 4);
  gateway["spec"]["template"]["spec"]["containers"][0]["ports"][0]["hostPort"] = 80;
  engine.seed(gateway);
  play.step(kStart);
  EXPECT_EQ(ready_pods(), 3u);
  const std::vector<Json> all = pods();
  const auto pending = std::find_if(all.begin(), all.end(), [](const Json& pod) {
    return text_at(pod, {"status", "phase"}) == "Pending";
  });
  ASSERT_NE(pending, all.end());
  EXPECT_EQ((*pending)["status"]["conditions"][0]["message"],
            "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports.");
  patch("gw", {{"spec", {{"replicas", 3}}}});
  play.step(kStart);
  EXPECT_EQ(pods().size(), 3u);
  EXPECT_EQ(ready_pods(), 3u);
}

TEST_F(ClusterPlayTest, scaling_up_and_down_and_to_zero) {
  engine.seed(deployment("web", 1));
  play.step(kStart);
  for (int count : {5, 2, 0}) {
    patch("web", {{"spec", {{"replicas", count}}}});
    play.step(kStart);
    EXPECT_EQ(ready_pods(), static_cast<std::size_t>(count));
  }
  EXPECT_FALSE(live("Deployment", "web")["status"].contains("readyReplicas"));
}

TEST_F(ClusterPlayTest, endpoints_follow_ready_pods) {
  play.set_pod_ready_millis(500);
  engine.seed(deployment("web", 2));
  engine.seed(service("web"));
  play.step(kStart);
  const auto ready = [&] {
    int count = 0;
    for (const Object& slice : engine.objects("discovery.k8s.io/v1", "EndpointSlice", "shop")) {
      EXPECT_EQ((*slice)["ports"][0]["port"], 8080);
      for (const Json& endpoint : (*slice)["endpoints"]) count += at(endpoint, {"conditions", "ready"}) == true ? 1 : 0;
    }
    return count;
  };
  EXPECT_EQ(ready(), 0);
  play.step(kStart + 500);
  EXPECT_EQ(ready(), 2);
}

TEST_F(ClusterPlayTest, stateful_sets_start_in_order_and_update_from_the_end) {
  play.set_pod_ready_millis(100);
  Json db = deployment("db", 3);
  db["kind"] = "StatefulSet";
  db["spec"]["serviceName"] = "db";
  engine.seed(db);
  play.step(kStart);
  EXPECT_EQ(pods().size(), 1u);
  std::int64_t now = kStart;
  for (int i = 0; i < 5; ++i) play.step(now += 100);
  EXPECT_EQ(ready_pods(), 3u);
  EXPECT_EQ(pods()[0]["metadata"]["name"], "db-0");
  patch("db", image("i:2"), "StatefulSet");
  play.step(now);
  EXPECT_EQ(pods()[0]["spec"]["containers"][0]["image"], "i:1");
  EXPECT_EQ(pods()[2]["spec"]["containers"][0]["image"], "i:2");
  for (int i = 0; i < 8; ++i) play.step(now += 100);
  const Json status = live("StatefulSet", "db")["status"];
  EXPECT_EQ(status["updatedReplicas"], 3);
  EXPECT_EQ(status["currentRevision"], status["updateRevision"]);
}

TEST_F(ClusterPlayTest, daemon_sets_have_one_pod_a_node) {
  Json agent = deployment("agent", 1);
  agent["kind"] = "DaemonSet";
  agent["spec"].erase("replicas");
  engine.seed(agent);
  play.step(kStart);
  EXPECT_EQ(pods().size(), 3u);
  EXPECT_EQ(live("DaemonSet", "agent")["status"]["numberReady"], 3);
  patch("agent", image("i:2"), "DaemonSet");
  play.step(kStart);
  EXPECT_EQ(live("DaemonSet", "agent")["status"]["updatedNumberScheduled"], 3);
}

TEST_F(ClusterPlayTest, deleting_a_namespace_takes_everything_with_it) {
  engine.seed(deployment("web", 2));
  play.step(kStart);
  engine.remove({engine.by_kind("v1", "Namespace"), "", "", "shop", ""}, {});
  play.step(kStart);
  EXPECT_TRUE(pods().empty());
  EXPECT_FALSE(engine.object("v1", "Namespace", "", "shop"));
}

TEST_F(ClusterPlayTest, rolled_pods_get_sidecars_once_the_template_asks) {
  engine.seed(deployment("web", 2));
  play.step(kStart);
  patch("web", {{"spec", {{"template", {{"metadata", {{"annotations", {{"sidecar.istio.io/inject", "true"}}}}}}}}}});
  play.step(kStart);
  for (const Json& pod : pods()) EXPECT_EQ(pod["spec"]["containers"].size(), 2u);
}

}  // namespace
}  // namespace meshgraft::fakes
