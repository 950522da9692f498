// The whole controller re-creating Deployments over the embedded API server: nobody loses an endpoint, whatever
// happens on the way, and a stop before or after any write is made good by the next start.

#include <gmock/gmock.h>

#include <optional>
#include <set>

#include "reconcilers/keys.h"
#include "tests/controller/replace_shop.h"

namespace meshgraft {
namespace {

using fakes::Call;
using fakes::CallVerb;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr int kMostWrites = 12;  // for one Deployment, besides scaling

TEST_F(ReplaceRig, a_deployment_gets_a_fuller_selector_and_its_service_loses_no_endpoint) {
  open_shop();
  join();
  RigController controller(cluster, settings);
  controller.settle(minutes(2), [this] { look(); });
  EXPECT_TRUE(is_replaced()) << to_text(deployment(), 2) << to_text(record(), 2);
  EXPECT_NE(deployment()["metadata"]["uid"], before["metadata"]["uid"]);
  EXPECT_EQ(least["catalog"], kPods);
  EXPECT_EQ(sets().size(), 1U);
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), kPods);
  const std::string undo = deployment()["metadata"]["annotations"].value(std::string(keys::kUndo), "");
  EXPECT_THAT(undo, testing::HasSubstr(R"("replaced":{"selector":{"matchLabels":{"run":"catalog"}}})"));
  EXPECT_THAT(undo, testing::HasSubstr(deployment()["metadata"].value("uid", "-")));
  EXPECT_THAT(controller.metrics.text(), testing::HasSubstr("meshgraft_replacements_total{result=\"completed\"} 1"));
  const Json routes = cluster.object("networking.istio.io/v1alpha3", "VirtualService", "shop", "catalog");
  EXPECT_THAT(to_text(routes), testing::HasSubstr("\"subset\":\"v1\""));
}

TEST_F(ReplaceRig, it_costs_few_writes_besides_the_scaling_steps) {
  open_shop();
  join();
  cluster.api.forget_calls();
  run();
  int writes = 0;
  int scaled = 0;
  for (const Call& call : cluster.writes()) {
    const bool set = call.key.kind == Kind::replica_set;
    if (set && call.verb == CallVerb::patch) {
      ++scaled;
    } else if (set || call.key.kind == Kind::deployment || call.key.kind == Kind::controller_revision) {
      ++writes;
    }
  }
  EXPECT_LE(writes, kMostWrites);
  EXPECT_EQ(scaled, kPods) << "25 % of 3 is none: one pod at a time";
}

TEST_F(ReplaceRig, a_second_run_writes_nothing) {
  open_shop();
  join();
  run();
  cluster.api.forget_calls();
  run();
  EXPECT_THAT(cluster.writes(), testing::IsEmpty());
}

TEST_F(ReplaceRig, a_stop_before_or_after_any_write_is_made_good) {
  for (const bool done : {false, true}) {
    for (int k = 1; k < 40; ++k) {
      SCOPED_TRACE(std::string(done ? "after" : "before") + " write " + std::to_string(k));
      Shop rig;
      rig.open_shop();
      rig.join();
      int writes = 0;
      bool dead = false;
      rig.cluster.api.set_fault([&](const Call& call) -> std::optional<fakes::Fault> {
        if (dead) return fakes::refused_fault();
        if (!call.is_write() || call.key.kind == Kind::event || ++writes < k) return std::nullopt;
        dead = true;
        return done ? fakes::lost_answer_fault() : fakes::refused_fault();
      });
      {
        RigController first(rig.cluster, rig.settings);
        for (int i = 0; i < 2000 && !dead; ++i) {
          first.pump();
          first.work();
          rig.look();
          rig.cluster.play_on();
          rig.look();
          rig.cluster.clock.advance(std::chrono::milliseconds(500));
          if (rig.is_replaced() && i > 400) break;
        }
      }
      const bool all_seen = !dead;
      rig.cluster.api.set_fault(nullptr);
      rig.run();
      EXPECT_TRUE(rig.is_replaced()) << to_text(rig.deployment(), 2) << to_text(rig.record(), 2);
      EXPECT_GE(rig.least["catalog"], kPods);
      EXPECT_EQ(rig.sets().size(), 1U);
      if (HasFailure()) return;
      if (all_seen) break;
      ASSERT_LT(k, 39) << "more writes than this test tries";
    }
  }
}

TEST_F(ReplaceRig, new_pods_that_never_become_ready_are_rolled_back_and_not_tried_again) {
  open_shop();
  cluster.never_ready = has_sidecar;
  join();
  RigController controller(cluster, settings);
  controller.settle(minutes(15), [this] { look(); });
  EXPECT_THAT(controller.metrics.text(), testing::HasSubstr("meshgraft_replacements_total{result=\"rolled_back\"} 1"));
  EXPECT_EQ(kept(deployment()), kept(before));
  EXPECT_TRUE(record().is_null());
  EXPECT_THAT(deployment()["metadata"]["annotations"].value(std::string(keys::kHeld), ""),
              testing::HasSubstr("not available within 600 s"));
  EXPECT_EQ(least["catalog"], kPods);
  EXPECT_EQ(sets().size(), 1U) << "the original took its ReplicaSet over again";
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), 0);
  cluster.api.forget_calls();
  run();
  EXPECT_THAT(cluster.writes(), testing::IsEmpty());

  cluster.never_ready = nullptr;
  Json object = deployment();
  object["metadata"]["annotations"][std::string(keys::kRetry)] = "1";
  ASSERT_TRUE(cluster.engine.seed(object).ok());
  run();
  EXPECT_TRUE(is_replaced()) << to_text(deployment(), 2);
}

TEST_F(ReplaceRig, a_label_removed_on_the_way_puts_everything_back) {
  open_shop();
  join();
  cluster.never_ready = has_sidecar;
  RigController controller(cluster, settings);
  bool removed = false;
  controller.settle(minutes(3), [&] {
    look();
    if (removed || deployment().is_null() || deployment()["metadata"]["uid"] == before["metadata"]["uid"]) return;
    removed = true;
    cluster.label("shop", "meshgraft.io/app", "");
  });
  EXPECT_TRUE(removed);
  EXPECT_EQ(kept(deployment()), kept(before));
  EXPECT_TRUE(record().is_null());
  EXPECT_FALSE(deployment()["metadata"].value("annotations", Json::object()).contains(std::string(keys::kHeld)));
  EXPECT_EQ(least["catalog"], kPods);
}

TEST_F(ReplaceRig, the_way_back_after_it_is_a_second_replace_of_what_stands_there_by_then) {
  open_shop();
  join();
  run();
  ASSERT_TRUE(is_replaced());
  Json object = deployment();
  object["spec"]["template"]["spec"]["containers"][0]["image"] = "shop/app:2.0";
  ASSERT_TRUE(cluster.engine.seed(object).ok());
  run();
  cluster.label("shop", "meshgraft.io/app", "");
  run(minutes(6));
  before["spec"]["template"]["spec"]["containers"][0]["image"] = "shop/app:2.0";
  EXPECT_EQ(kept(deployment()), kept(before)) << to_text(record(), 2);
  EXPECT_FALSE(deployment()["metadata"].value("annotations", Json::object()).contains(std::string(keys::kUndo)));
  EXPECT_TRUE(record().is_null());
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), 0);
  EXPECT_GE(least["catalog"], kPods);
}

TEST_F(ReplaceRig, what_was_joined_before_keeps_its_pods) {
  open_shop();
  cluster.annotate("shop", "meshgraft.io/policy", "join");
  join();
  run();
  std::set<std::string> pods;
  for (const fakes::Object& pod : cluster.engine.objects("v1", "Pod", "shop")) pods.insert((*pod)["metadata"].value("name", ""));
  cluster.annotate("shop", "meshgraft.io/policy", "replace");
  run();
  EXPECT_TRUE(is_replaced()) << to_text(deployment(), 2);
  for (const fakes::Object& pod : cluster.engine.objects("v1", "Pod", "shop"))
    EXPECT_TRUE(pods.contains((*pod)["metadata"].value("name", ""))) << "a pod restarted";
  EXPECT_EQ(least["catalog"], kPods);
}

TEST_F(ReplaceRig, what_joined_was_replaced_and_rolled_back_still_goes_back_exactly) {
  open_shop();
  cluster.annotate("shop", "meshgraft.io/policy", "join");
  join();
  run();
  cluster.annotate("shop", "meshgraft.io/policy", "replace");
  {
    // The label goes while the new one stands: the original is created again, with all that joining had written.
    RigController controller(cluster, settings);
    bool removed = false;
    controller.settle(minutes(4), [&] {
      look();
      if (removed || record().is_null() || deployment().is_null() || deployment()["metadata"]["uid"] == before["metadata"]["uid"]) return;
      removed = true;
      cluster.label("shop", "meshgraft.io/app", "");
    });
    EXPECT_TRUE(removed);
    const std::string metrics = controller.metrics.text();
    EXPECT_THAT(metrics, testing::HasSubstr("meshgraft_replacements_total{result=\"dropped\"} 1")) << "nothing failed";
    EXPECT_THAT(metrics, testing::HasSubstr("meshgraft_replacements_total{result=\"rolled_back\"} 0"));
    EXPECT_THAT(metrics, testing::HasSubstr("meshgraft_replacements_total{result=\"completed\"} 0"));
  }
  run(minutes(4));
  EXPECT_EQ(kept(deployment()), kept(before)) << to_text(deployment(), 2);
  EXPECT_FALSE(deployment()["metadata"].value("annotations", Json::object()).contains(std::string(keys::kUndo)));
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), 0);
  EXPECT_GE(least["catalog"], kPods);
  cluster.api.forget_calls();
  run(minutes(10));
  EXPECT_THAT(cluster.writes(), testing::IsEmpty());
}

TEST_F(ReplaceRig, a_write_that_is_refused_backs_off_though_a_replace_waits_beside_it) {
  open_shop();
  before["metadata"]["labels"]["version"] = "v1";
  Json object = deployment();
  object["metadata"]["labels"]["version"] = object["spec"]["template"]["metadata"]["labels"]["version"] = "v1";
  ASSERT_TRUE(cluster.engine.seed(object).ok());
  cluster.play_on();
  // Somebody's own route needs what the replace would take away: it waits, and looks again every five seconds.
  const auto mesh = [this](const char* kind, Json spec) {
    const Json made{{"apiVersion", "networking.istio.io/v1alpha3"}, {"kind", kind}, {"metadata", {{"name", "own"}, {"namespace", "shop"}}}, {"spec", std::move(spec)}};
    ASSERT_TRUE(cluster.engine.seed(made).ok());
  };
  mesh("DestinationRule", Json::parse(R"({"host":"catalog","subsets":[{"name":"v1","labels":{"version":"v1"}}]})"));
  mesh("VirtualService", Json::parse(R"({"hosts":["catalog"],"http":[{"route":[{"destination":{"host":"catalog","subset":"v1"}}]}]})"));
  join();
  int refused = 0;
  cluster.api.set_fault([&refused](const Call& call) -> std::optional<fakes::Fault> {
    if (!call.is_write() || call.key.kind != Kind::namespace_) return std::nullopt;
    ++refused;
    fakes::Fault fault = fakes::server_fault();
    fault.error.kind = ErrorClass::forbidden;
    return fault;
  });
  RigController controller(cluster, settings);
  for (int i = 0; i < 600; ++i) {
    controller.pump();
    controller.work();
    cluster.play.round(cluster.millis());
    cluster.kubesphere.step();
    cluster.clock.advance(seconds(1));
  }
  ASSERT_FALSE(record().is_null()) << "the replace waits";
  EXPECT_GT(refused, 3);
  EXPECT_LT(refused, 40) << "5 ms doubled at every refusal: some twenty tries in ten minutes";
}

TEST_F(ReplaceRig, without_the_charts_switch_it_joins_in_place) {
  open_shop();
  join();
  settings.replace_enabled = false;
  run();
  EXPECT_EQ(deployment()["metadata"]["uid"], before["metadata"]["uid"]);
  EXPECT_EQ(deployment()["spec"]["selector"], before["spec"]["selector"]);
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), kPods);
}

TEST_F(ReplaceRig, paused_on_the_way_leaves_both_sides_serving) {
  open_shop();
  join();
  RigController controller(cluster, settings);
  bool paused = false;
  controller.settle(minutes(2), [&] {
    look();
    if (paused || deployment().is_null() || deployment()["metadata"]["uid"] == before["metadata"]["uid"]) return;
    paused = true;
    cluster.annotate("shop", "meshgraft.io/paused", "true");
  });
  EXPECT_FALSE(record().is_null());
  EXPECT_EQ(sets().size(), 2U);
  EXPECT_GE(least["catalog"], kPods);
  cluster.annotate("shop", "meshgraft.io/paused", "");
  controller.settle(minutes(2), [this] { look(); });
  EXPECT_TRUE(is_replaced());
  EXPECT_EQ(least["catalog"], kPods);
}

}  // namespace
}  // namespace meshgraft
