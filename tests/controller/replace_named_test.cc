// naming=versioned: the whole controller creating a Deployment again as <service>-<version>, over the embedded API
// server. The original serves until the new one has done so for a while; a stop at any write is made good.

#include <gmock/gmock.h>

#include <optional>

#include "controller/contests.h"
#include "reconcilers/keys.h"
#include "tests/controller/replace_shop.h"

namespace meshgraft {
namespace {

using fakes::Call;
using std::chrono::minutes;
using testing::HasSubstr;

constexpr int kMostWrites = 7;  // of Deployments and records, for one Deployment

struct NamedShop : Shop {
  void open() {
    open_shop();
    cluster.annotate("shop", std::string(keys::kNaming), "versioned");
  }
  Json named() const { return cluster.deployment("shop", "catalog-v1"); }
  bool is_renamed() const {
    const Json now = named();
    if (now.is_null() || !deployment().is_null() || !record().is_null()) return false;
    const Json& labels = now["spec"]["selector"]["matchLabels"];
    return labels.contains("app") && labels.contains("app.kubernetes.io/name") && labels.contains("app.kubernetes.io/version") &&
           labels.contains("run") && now["status"].value("readyReplicas", 0) == now["spec"].value("replicas", 0);
  }
  std::string undo() const { return named()["metadata"]["annotations"].value(std::string(keys::kUndo), ""); }
  // An autoscaler of the Deployment `name`.
  void add_scaler(const std::string& name, const std::string& owner = "") {
    Json scaler{{"apiVersion", "autoscaling/v2"},
                      {"kind", "HorizontalPodAutoscaler"},
                      {"metadata", {{"name", "scaler"}, {"namespace", "shop"}}},
                      {"spec", {{"minReplicas", 1}, {"maxReplicas", 9}, {"scaleTargetRef", {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", name}}}}}};
    if (!owner.empty())
      scaler["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "keda.sh/v1alpha1"}, {"kind", owner}, {"name", "its"}, {"uid", "uid-owner"}, {"controller", true}}});
    ASSERT_TRUE(cluster.engine.seed(scaler).ok());
  }
  // The image of a Deployment, its strategy aside, becomes another.
  void set_image(Json object, const std::string& image, const Json& unavailable = "25%") {
    object["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] = unavailable;
    object["spec"]["template"]["spec"]["containers"][0]["image"] = image;
    ASSERT_TRUE(cluster.engine.seed(object).ok());
  }
  bool both_are_recorded() const {
    return !named().is_null() && !deployment().is_null() && !record().is_null() && to_text(record()["metadata"]["annotations"]).find("planted") != std::string::npos;
  }
  std::string scaled() const {
    return cluster.object("autoscaling/v2", "HorizontalPodAutoscaler", "shop", "scaler")["spec"]["scaleTargetRef"].value("name", "");
  }
};

struct NamedRig : testing::Test, NamedShop {};

TEST_F(NamedRig, the_new_one_comes_beside_the_old_which_goes_last_and_the_service_loses_no_endpoint) {
  open();
  join();
  RigController controller(cluster, settings);
  controller.settle(minutes(2), [this] { look(); });
  ASSERT_TRUE(is_renamed()) << to_text(named(), 2) << to_text(deployment(), 2) << to_text(record(), 2);
  EXPECT_EQ(least["catalog"], kPods);
  EXPECT_EQ(sets().size(), 1U);
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), kPods);
  EXPECT_THAT(undo(), HasSubstr(R"("replaced":{"name":"catalog","selector":{"matchLabels":{"run":"catalog"}}})"));
  EXPECT_THAT(controller.metrics.text(), HasSubstr("meshgraft_replacements_total{result=\"completed\"} 1"));
  const Json routes = cluster.object("networking.istio.io/v1alpha3", "VirtualService", "shop", "catalog");
  EXPECT_THAT(to_text(routes), HasSubstr("\"subset\":\"v1\""));
  const Json rule = cluster.object("networking.istio.io/v1alpha3", "DestinationRule", "shop", "catalog");
  EXPECT_EQ(rule["spec"]["subsets"].size(), 1U) << to_text(rule, 2);
}

TEST_F(NamedRig, it_costs_few_writes_and_a_second_run_none) {
  open();
  join();
  cluster.api.forget_calls();
  run();
  ASSERT_TRUE(is_renamed());
  int writes = 0;
  for (const Call& call : cluster.writes()) writes += call.key.kind == Kind::deployment || call.key.kind == Kind::controller_revision ? 1 : 0;
  EXPECT_LE(writes, kMostWrites);
  cluster.api.forget_calls();
  run();
  EXPECT_THAT(cluster.writes(), testing::IsEmpty());
}

TEST_F(NamedRig, a_stop_before_or_after_any_write_is_made_good) {
  for (const bool done : {false, true}) {
    for (int k = 1; k < 40; ++k) {
      SCOPED_TRACE(std::string(done ? "after" : "before") + " write " + std::to_string(k));
      NamedShop rig;
      rig.open();
      rig.add_scaler("catalog");
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
          if (rig.is_renamed() && i > 400) break;
        }
      }
      const bool all_seen = !dead;
      rig.cluster.api.set_fault(nullptr);
      rig.run();
      EXPECT_TRUE(rig.is_renamed()) << to_text(rig.named(), 2) << to_text(rig.record(), 2);
      EXPECT_GE(rig.least["catalog"], kPods);
      EXPECT_EQ(rig.sets().size(), 1U);
      EXPECT_EQ(rig.scaled(), "catalog-v1");
      if (HasFailure()) return;
      if (all_seen) break;
      ASSERT_LT(k, 39) << "more writes than this test tries";
    }
  }
}

TEST_F(NamedRig, new_pods_that_never_become_ready_go_and_the_original_was_never_touched) {
  open();
  cluster.never_ready = has_sidecar;
  join();
  RigController controller(cluster, settings);
  controller.settle(minutes(15), [this] { look(); });
  EXPECT_THAT(controller.metrics.text(), HasSubstr("meshgraft_replacements_total{result=\"rolled_back\"} 1"));
  EXPECT_EQ(deployment()["metadata"]["uid"], before["metadata"]["uid"]);
  EXPECT_EQ(kept(deployment()), kept(before));
  EXPECT_TRUE(named().is_null());
  EXPECT_TRUE(record().is_null());
  EXPECT_THAT(deployment()["metadata"]["annotations"].value(std::string(keys::kHeld), ""), HasSubstr("not available within 600 s"));
  EXPECT_EQ(least["catalog"], kPods);
  cluster.api.forget_calls();
  run();
  EXPECT_THAT(cluster.writes(), testing::IsEmpty());
}

TEST_F(NamedRig, a_label_removed_on_the_way_takes_the_new_one_away) {
  open();
  join();
  cluster.never_ready = has_sidecar;
  RigController controller(cluster, settings);
  bool removed = false;
  controller.settle(minutes(3), [&] {
    look();
    if (removed || named().is_null()) return;
    removed = true;
    cluster.label("shop", "meshgraft.io/app", "");
  });
  EXPECT_TRUE(removed);
  EXPECT_EQ(deployment()["metadata"]["uid"], before["metadata"]["uid"]);
  EXPECT_EQ(kept(deployment()), kept(before));
  EXPECT_TRUE(named().is_null());
  EXPECT_TRUE(record().is_null());
  EXPECT_EQ(least["catalog"], kPods);
}

TEST_F(NamedRig, the_way_back_is_a_second_replace_to_the_former_name_with_the_spec_of_then) {
  open();
  add_scaler("catalog");
  join();
  run();
  ASSERT_TRUE(is_renamed());
  EXPECT_EQ(scaled(), "catalog-v1");
  Json object = named();
  object["spec"]["template"]["spec"]["containers"][0]["image"] = "shop/app:2.0";
  ASSERT_TRUE(cluster.engine.seed(object).ok());
  run();
  cluster.label("shop", "meshgraft.io/app", "");
  run(minutes(6));
  before["spec"]["template"]["spec"]["containers"][0]["image"] = "shop/app:2.0";
  ASSERT_FALSE(deployment().is_null());
  EXPECT_EQ(kept(deployment()), kept(before));
  EXPECT_FALSE(deployment()["metadata"].value("annotations", Json::object()).contains(std::string(keys::kUndo)));
  EXPECT_TRUE(named().is_null());
  EXPECT_EQ(scaled(), "catalog");
  EXPECT_TRUE(cluster.engine.objects("apps/v1", "ControllerRevision", "shop").empty());
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), 0);
  EXPECT_GE(least["catalog"], kPods);
}

TEST_F(NamedRig, an_app_that_is_renamed_on_the_way_or_after_it_freezes_the_namespace) {
  for (const bool on_the_way : {true, false}) {
    NamedShop shop;
    shop.open();
    shop.join();
    RigController controller(shop.cluster, shop.settings);
    controller.settle(minutes(3), [&] {
      if (on_the_way ? !shop.record().is_null() : shop.is_renamed()) shop.cluster.label("shop", "meshgraft.io/app", "other");
    });
    EXPECT_TRUE(shop.is_renamed());
    EXPECT_EQ(shop.named()["metadata"]["labels"]["app.kubernetes.io/name"], "bookshop");
    EXPECT_TRUE(shop.cluster.object("app.k8s.io/v1beta1", "Application", "shop", "other").is_null());
    EXPECT_THAT(controller.metrics.text(), HasSubstr("code=\"MG108\""));
  }
}

TEST_F(NamedRig, what_a_user_changes_in_the_original_meanwhile_is_in_the_new_one) {
  open();
  join();
  RigController controller(cluster, settings);
  bool changed = false;
  controller.settle(minutes(4), [&] {
    look();
    if (changed || named().is_null() || deployment().is_null()) return;
    changed = true;
    Json object = deployment();
    object["spec"]["template"]["spec"]["containers"][0]["image"] = "shop/app:2.0";
    ASSERT_TRUE(cluster.engine.seed(object).ok());
  });
  EXPECT_TRUE(changed);
  EXPECT_TRUE(is_renamed()) << to_text(deployment(), 2);
  EXPECT_EQ(named()["spec"]["template"]["spec"]["containers"][0]["image"], "shop/app:2.0");
}

TEST_F(NamedRig, a_change_of_the_original_while_the_new_one_is_in_use_is_told_and_not_lost) {
  open();
  join();
  RigController controller(cluster, settings);
  bool changed = false;
  controller.settle(minutes(4), [&] {
    look();
    if (changed || !both_are_recorded()) return;
    changed = true;
    set_image(named(), "shop/app:2.0");
    set_image(deployment(), "shop/app:3.0");
  });
  EXPECT_TRUE(changed);
  EXPECT_THAT(controller.metrics.text(), HasSubstr("code=\"MG232\""));
  ASSERT_TRUE(both_are_recorded()) << "both serve until somebody decides";
  set_image(named(), "shop/app:3.0");
  remove("catalog");
  controller.settle(minutes(4), [this] { look(); });
  EXPECT_TRUE(is_renamed()) << to_text(named(), 2) << to_text(record(), 2);
  EXPECT_THAT(controller.metrics.text(), testing::Not(HasSubstr("code=\"MG232\"")));
  EXPECT_GE(least["catalog"], kPods);
}

TEST_F(NamedRig, an_original_that_somebody_breaks_meanwhile_has_the_new_one_serve_until_it_is_mended) {
  open();
  cluster.never_ready = [](const Json& pod) { return to_text(pod).find(":broken") != std::string::npos; };
  join();
  RigController controller(cluster, settings);
  bool changed = false;
  // It looks again every minute.
  controller.settle(std::chrono::seconds(45), [&] {
    look();
    if (changed || !both_are_recorded() || cluster.ready_endpoints("shop", "catalog") < 2 * kPods) return;
    changed = true;
    set_image(deployment(), "shop/app:broken", "100%");
  });
  EXPECT_TRUE(changed);
  EXPECT_EQ(named()["status"].value("readyReplicas", 0), kPods);
  EXPECT_EQ(deployment()["status"].value("readyReplicas", 0), 0);
  set_image(deployment(), "shop/app:2.0");
  controller.settle(minutes(6), [this] { look(); });
  EXPECT_TRUE(is_renamed()) << to_text(named(), 2) << to_text(record(), 2);
  EXPECT_EQ(named()["spec"]["template"]["spec"]["containers"][0]["image"], "shop/app:2.0");
  EXPECT_GE(least["catalog"], kPods);
}

TEST_F(NamedRig, a_new_one_that_is_paused_is_waited_for) {
  open();
  join();
  RigController controller(cluster, settings);
  bool changed = false;
  const auto pause = [this](bool paused) {
    Json object = named();
    object["spec"]["paused"] = paused;
    ASSERT_TRUE(cluster.engine.seed(object).ok());
  };
  controller.settle(minutes(2), [&] {
    look();
    if (!changed && !named().is_null() && named().value(Json::json_pointer("/status/readyReplicas"), 0) == kPods) pause(changed = true);
  });
  EXPECT_TRUE(changed);
  EXPECT_EQ(deployment()["metadata"]["uid"], before["metadata"]["uid"]);
  pause(false);
  controller.settle(minutes(2), [this] { look(); });
  EXPECT_TRUE(is_renamed());
  EXPECT_EQ(least["catalog"], kPods);
}

TEST_F(NamedRig, a_new_one_that_is_excluded_goes_and_does_not_come_again) {
  open();
  join();
  RigController controller(cluster, settings);
  bool changed = false;
  controller.settle(minutes(2), [&] {
    look();
    if (changed || named().is_null()) return;
    changed = true;
    Json object = named();
    object["metadata"]["annotations"][std::string(keys::kExclude)] = "true";
    ASSERT_TRUE(cluster.engine.seed(object).ok());
  });
  EXPECT_TRUE(changed);
  EXPECT_TRUE(named().is_null());
  EXPECT_THAT(deployment()["metadata"]["annotations"].value(std::string(keys::kHeld), ""), HasSubstr("meshgraft.io/exclude was set on the new one"));
  EXPECT_EQ(least["catalog"], kPods);
}

TEST_F(NamedRig, replicas_that_are_added_meanwhile_are_added_to_the_new_one) {
  open();
  join();
  RigController controller(cluster, settings);
  bool scaled = false;
  controller.settle(minutes(4), [&] {
    look();
    if (scaled || named().is_null() || deployment().is_null()) return;
    scaled = true;
    Json object = deployment();
    object["spec"]["replicas"] = kPods + 1;
    ASSERT_TRUE(cluster.engine.seed(object).ok());
  });
  EXPECT_TRUE(scaled);
  EXPECT_TRUE(is_renamed()) << to_text(named(), 2) << to_text(record(), 2);
  EXPECT_EQ(named()["spec"]["replicas"], kPods + 1);
  EXPECT_THAT(controller.metrics.text(), HasSubstr("meshgraft_replacements_total{result=\"completed\"} 1")) << "it was not begun anew";
}

TEST_F(NamedRig, a_new_one_that_somebody_deletes_stays_deleted_and_the_original_serves) {
  open();
  join();
  RigController controller(cluster, settings);
  bool removed = false;
  controller.settle(minutes(4), [&] {
    look();
    const Json written = record().is_null() ? Json() : record()["metadata"]["annotations"];
    if (removed || named().is_null() || to_text(written).find("planted") == std::string::npos) return;
    removed = true;
    remove("catalog-v1");
  });
  EXPECT_TRUE(removed);
  EXPECT_TRUE(named().is_null());
  EXPECT_EQ(deployment()["metadata"]["uid"], before["metadata"]["uid"]);
  EXPECT_THAT(deployment()["metadata"]["annotations"].value(std::string(keys::kHeld), ""), HasSubstr("somebody deleted the new Deployment"));
  EXPECT_EQ(least["catalog"], kPods);
}

TEST_F(NamedRig, who_keeps_leading_an_autoscaler_back_is_given_way_to_and_the_original_stays) {
  open();
  add_scaler("catalog");
  join();
  // Between any write of it and the next look at it.
  cluster.api.set_fault([this](const Call& call) -> std::optional<fakes::Fault> {
    if (call.verb != fakes::CallVerb::list || call.key.kind != Kind::autoscaler) return std::nullopt;
    Json object = cluster.object("autoscaling/v2", "HorizontalPodAutoscaler", "shop", "scaler");
    if (object["spec"]["scaleTargetRef"]["name"] == "catalog") return std::nullopt;
    object["spec"]["scaleTargetRef"]["name"] = "catalog";
    EXPECT_TRUE(cluster.engine.seed(object).ok());
    return std::nullopt;
  });
  cluster.api.forget_calls();
  RigController controller(cluster, settings);
  controller.settle(minutes(5), [this] { look(); });
  std::size_t led = 0;
  for (const Call& call : cluster.writes()) led += call.key.kind == Kind::autoscaler ? 1 : 0;
  EXPECT_EQ(led, Contests::kRounds);
  EXPECT_NE(controller.metrics.text().find("code=\"MG913\""), std::string::npos);
  EXPECT_EQ(scaled(), "catalog");
  EXPECT_EQ(deployment()["metadata"]["uid"], before["metadata"]["uid"]) << "what the autoscaler leads to stays";
  EXPECT_FALSE(named().is_null());
  EXPECT_GE(least["catalog"], kPods);
}

TEST_F(NamedRig, on_the_way_back_an_autoscaler_with_an_owner_is_left_alone_and_the_name_stays) {
  open();
  join();
  run();
  ASSERT_TRUE(is_renamed());
  add_scaler("catalog-v1", "ScaledObject");
  cluster.label("shop", "meshgraft.io/app", "");
  cluster.api.forget_calls();
  run(minutes(6));
  EXPECT_EQ(scaled(), "catalog-v1");
  for (const Call& call : cluster.writes()) EXPECT_NE(call.key.kind, Kind::autoscaler);
  EXPECT_TRUE(deployment().is_null());
  ASSERT_FALSE(named().is_null());
  EXPECT_EQ(named()["spec"]["selector"], before["spec"]["selector"]);
  EXPECT_EQ(undo(), "");
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), 0);
  EXPECT_TRUE(cluster.engine.objects("apps/v1", "ControllerRevision", "shop").empty());
}

TEST_F(NamedRig, who_may_not_list_autoscalers_does_not_take_a_name_away_from_one) {
  open();
  add_scaler("catalog");
  cluster.api.set_fault([](const Call& call) -> std::optional<fakes::Fault> {
    if (call.key.kind != Kind::autoscaler) return std::nullopt;
    fakes::Fault fault = fakes::server_fault();
    fault.error.kind = ErrorClass::forbidden;
    fault.error.code = 403;
    return fault;
  });
  join();
  RigController controller(cluster, settings);
  controller.settle(minutes(2), [this] { look(); });
  EXPECT_THAT(controller.metrics.text(), HasSubstr("code=\"MG205\""));
  EXPECT_EQ(deployment()["metadata"]["uid"], before["metadata"]["uid"]);
  EXPECT_TRUE(named().is_null());
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), kPods) << "it joins in place";
}

TEST_F(NamedRig, a_record_that_is_lost_while_both_stand_is_told) {
  open();
  join();
  RigController controller(cluster, settings);
  bool changed = false;
  controller.settle(minutes(2), [&] {
    look();
    if (changed || !both_are_recorded()) return;
    changed = true;
    Json object = record();
    object["metadata"].erase("finalizers");
    ASSERT_TRUE(cluster.engine.seed(object).ok());
    const fakes::Target target{cluster.engine.by_plural("apps", "v1", "controllerrevisions"), "v1", "shop", "meshgraft-catalog", ""};
    ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
  });
  EXPECT_TRUE(changed);
  EXPECT_FALSE(named().is_null());
  EXPECT_FALSE(deployment().is_null());
  EXPECT_THAT(controller.metrics.text(), HasSubstr("code=\"MG107\""));
  remove("catalog-v1");
  controller.settle(minutes(3), [this] { look(); });
  EXPECT_TRUE(is_renamed()) << "the other one is created again";
  EXPECT_GE(least["catalog"], kPods);
}

TEST_F(NamedRig, a_name_that_somebody_has_is_his) {
  open();
  Json his = before;
  for (const char* key : {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"}) his["metadata"].erase(key);
  his.erase("status");
  his["metadata"]["name"] = "catalog-v1";
  his["spec"]["selector"]["matchLabels"] = {{"run", "his"}};
  his["spec"]["template"]["metadata"]["labels"] = {{"run", "his"}};
  ASSERT_TRUE(cluster.engine.seed(his).ok());
  cluster.play_on();
  const Json was = kept(named());
  join();
  RigController controller(cluster, settings);
  controller.settle(minutes(2), [this] { look(); });
  EXPECT_THAT(controller.metrics.text(), HasSubstr("code=\"MG205\""));
  EXPECT_EQ(kept(named()), was);
  EXPECT_EQ(deployment()["metadata"]["uid"], before["metadata"]["uid"]);
  EXPECT_TRUE(record().is_null());
}

}  // namespace
}  // namespace meshgraft
