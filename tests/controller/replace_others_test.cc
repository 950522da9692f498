// Other people's hands on a Deployment that is being re-created: its name taken, it or its record deleted. What they did
// stands, and nothing is lost.

#include <gmock/gmock.h>

#include <optional>
#include <set>

#include "tests/controller/replace_shop.h"

namespace meshgraft {
namespace {

using fakes::Call;
using fakes::CallVerb;
using std::chrono::minutes;

TEST_F(ReplaceRig, a_name_that_somebody_takes_between_orphan_and_plant_is_his) {
  open_shop();
  join();
  Json his = before;
  for (const char* key : {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"})
    his["metadata"].erase(key);
  his.erase("status");
  bool taken = false;
  cluster.api.set_fault([&](const Call& call) -> std::optional<fakes::Fault> {
    if (taken || call.verb != CallVerb::create || call.key.kind != Kind::deployment) return std::nullopt;
    taken = true;
    EXPECT_TRUE(cluster.engine.seed(his).ok());
    return std::nullopt;
  });
  RigController controller(cluster, settings);
  controller.settle(minutes(2), [this] { look(); });
  EXPECT_TRUE(taken);
  EXPECT_EQ(deployment()["spec"]["selector"], before["spec"]["selector"]);
  EXPECT_FALSE(record().is_null()) << "what stood there is kept";
  EXPECT_THAT(controller.metrics.text(), testing::HasSubstr("code=\"MG214\""));
  EXPECT_EQ(least["catalog"], kPods);
}

TEST_F(ReplaceRig, a_deployment_deleted_by_its_owner_on_the_way_stays_deleted) {
  open_shop();
  join();
  RigController controller(cluster, settings);
  bool removed = false;
  controller.settle(minutes(3), [&] {
    const Json planted = record().is_null() ? Json() : record()["metadata"]["annotations"];
    if (removed || to_text(planted).find("planted") == std::string::npos || deployment().is_null()) return;
    removed = true;
    remove("catalog");
  });
  EXPECT_TRUE(removed);
  EXPECT_TRUE(deployment().is_null());
  EXPECT_TRUE(record().is_null());
  EXPECT_TRUE(sets().empty());
}

TEST_F(ReplaceRig, a_new_deployment_that_is_deleted_before_the_record_names_it_stays_deleted) {
  open_shop();
  join();
  RigController controller(cluster, settings);
  bool removed = false;
  controller.settle(minutes(3), [&] {
    if (removed || deployment().is_null() || deployment()["metadata"]["uid"] == before["metadata"]["uid"]) return;
    EXPECT_THAT(to_text(record()["metadata"]["annotations"]), testing::Not(testing::HasSubstr("planted")));
    removed = true;
    remove("catalog");
  });
  EXPECT_TRUE(removed);
  EXPECT_TRUE(deployment().is_null());
  EXPECT_TRUE(record().is_null());
  EXPECT_TRUE(sets().empty());
}

TEST_F(ReplaceRig, a_restored_deployment_that_is_deleted_at_once_stays_deleted) {
  open_shop();
  join();
  cluster.never_ready = has_sidecar;
  RigController controller(cluster, settings);
  std::set<Json> seen{before["metadata"]["uid"]};
  bool left = false;
  bool removed = false;
  controller.settle(minutes(5), [&] {
    if (removed || deployment().is_null() || !seen.insert(deployment()["metadata"]["uid"]).second) return;
    if (std::exchange(left, true)) {
      removed = true;
      remove("catalog");
    } else {
      cluster.label("shop", "meshgraft.io/app", "");
    }
  });
  EXPECT_TRUE(removed);
  EXPECT_TRUE(deployment().is_null());
  EXPECT_TRUE(record().is_null());
}

TEST_F(ReplaceRig, a_record_that_somebody_deletes_stays_until_the_replace_is_over_and_it_is_said) {
  open_shop();
  join();
  RigController controller(cluster, settings);
  bool dropped = false;
  bool said = false;
  controller.settle(minutes(2), [&] {
    look();
    if (!dropped && !record().is_null() && deployment().is_null()) {
      dropped = true;
      const fakes::Target target{cluster.engine.by_plural("apps", "v1", "controllerrevisions"), "v1", "shop", "meshgraft-catalog", ""};
      ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
      EXPECT_FALSE(record().is_null()) << "its finalizer keeps it";
    }
    said = said || (dropped && controller.metrics.text().find("code=\"MG119\"") != std::string::npos);
  });
  EXPECT_TRUE(dropped);
  EXPECT_TRUE(said);
  EXPECT_TRUE(is_replaced());
  EXPECT_EQ(least["catalog"], kPods);
  EXPECT_THAT(controller.metrics.text(), testing::HasSubstr("meshgraft_replacements_total{result=\"completed\"} 1"));
}

// Whether a replace has come as far as `moment`.
bool has_come_to(const Shop& shop, std::string_view moment) {
  const Json now = shop.deployment();
  if (moment == "replaced") return shop.is_replaced();
  if (shop.record().is_null()) return false;
  if (moment == "recorded") return true;
  return moment == "orphaned" ? now.is_null() : !now.is_null() && now["metadata"]["uid"] != shop.before["metadata"]["uid"];
}

TEST(ReplaceRenamedApp, freezes_the_namespace_and_a_replace_under_way_comes_to_its_end) {
  for (const std::string_view moment : {"recorded", "orphaned", "planted", "replaced"}) {
    SCOPED_TRACE(moment);
    Shop shop;
    shop.open_shop();
    shop.cluster.add_app("shop", "wares", kPods);
    shop.cluster.annotate("shop", "meshgraft.io/max-rollouts", "1");
    shop.join();
    RigController controller(shop.cluster, shop.settings);
    bool renamed = false;
    controller.settle(minutes(3), [&] {
      shop.look();
      if (renamed || !has_come_to(shop, moment)) return;
      renamed = true;
      shop.cluster.label("shop", "meshgraft.io/app", "other");
    });
    EXPECT_TRUE(renamed);
    EXPECT_TRUE(shop.is_replaced()) << to_text(shop.record(), 2);
    EXPECT_EQ(shop.deployment()["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"], "bookshop");
    EXPECT_TRUE(shop.cluster.engine.objects("apps/v1", "ControllerRevision", "shop").empty());
    EXPECT_TRUE(shop.cluster.object("app.k8s.io/v1beta1", "Application", "shop", "other").is_null());
    EXPECT_FALSE(shop.cluster.deployment("shop", "wares")["spec"]["selector"]["matchLabels"].contains("app")) << "it had not begun";
    const std::string told = controller.metrics.text();
    EXPECT_THAT(told, testing::HasSubstr("code=\"MG108\""));
    EXPECT_THAT(told, testing::Not(testing::HasSubstr("code=\"MG210\"")));

    shop.cluster.label("shop", "meshgraft.io/app", "bookshop");
    controller.settle(minutes(3), [&] { shop.look(); });
    EXPECT_TRUE(shop.cluster.deployment("shop", "wares")["spec"]["selector"]["matchLabels"].contains("app"));
    EXPECT_FALSE(shop.cluster.object("app.k8s.io/v1beta1", "Application", "shop", "bookshop").is_null());
    EXPECT_EQ(shop.least["catalog"], kPods);
  }
}

}  // namespace
}  // namespace meshgraft
