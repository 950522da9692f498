// Fields that somebody keeps changing back: when they are given up, with whose name, and when they are tried again.

#include <gmock/gmock.h>

#include "controller/field_managers.h"
#include "reconcilers/keys.h"
#include "tests/controller/rig.h"

namespace meshgraft {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

const ObjectKey kService{Kind::service, "shop", "web"};
constexpr const char* kPort = "spec.ports[80/TCP].name";

Change retake(const std::string& value = "http-web", Impact impact = Impact::none) {
  Change change;
  change.target = kService;
  change.impact = impact;
  change.overwrites = {{kPort, "web", value}};
  change.retakes = {kPort};
  return change;
}

Time at(Duration after) { return Time{} + std::chrono::hours(1) + after; }

TEST(Contests, a_field_is_given_up_after_three_rounds_in_ten_minutes) {
  Contests contests;
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(contests.give_up(retake(), at(minutes(i))), IsEmpty()) << i;
    contests.wrote(retake(), at(minutes(i)));
  }
  EXPECT_THAT(contests.give_up(retake(), at(minutes(3))), ElementsAre(kPort));
  contests.name(kService, kPort, "argocd-controller");
  EXPECT_EQ(contests.given_up(at(minutes(3)))[kService][kPort], "argocd-controller");
}

TEST(Contests, rounds_that_lie_further_apart_are_no_contest) {
  Contests contests;
  for (int i = 0; i < 12; ++i) {
    EXPECT_THAT(contests.give_up(retake(), at(minutes(5 * i))), IsEmpty()) << i;
    contests.wrote(retake(), at(minutes(5 * i)));
  }
}

TEST(Contests, a_field_that_restarts_pods_has_one_round_and_is_never_tried_again) {
  Contests contests;
  const Change change = retake("http-web", Impact::restart);
  contests.wrote(change, at(minutes(0)));
  EXPECT_THAT(contests.give_up(change, at(minutes(1))), ElementsAre(kPort));
  EXPECT_EQ(contests.next_retry(), std::nullopt);
  EXPECT_FALSE(contests.given_up(at(std::chrono::hours(48))).empty());
}

TEST(Contests, after_an_hour_it_is_tried_once_more_and_then_given_up_at_once) {
  Contests contests;
  for (int i = 0; i < 3; ++i) contests.wrote(retake(), at(minutes(i)));
  ASSERT_FALSE(contests.give_up(retake(), at(minutes(3))).empty());
  EXPECT_EQ(contests.next_retry(), at(minutes(63)));
  EXPECT_FALSE(contests.given_up(at(minutes(62))).empty());
  EXPECT_TRUE(contests.given_up(at(minutes(63))).empty());
  EXPECT_THAT(contests.give_up(retake(), at(minutes(63))), IsEmpty());
  contests.wrote(retake(), at(minutes(63)));
  EXPECT_THAT(contests.give_up(retake(), at(minutes(64))), ElementsAre(kPort));
}

TEST(Contests, a_value_that_we_change_ourselves_is_no_contest) {
  Contests contests;
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(contests.give_up(retake(std::to_string(i)), at(seconds(i))), IsEmpty());
    contests.wrote(retake(std::to_string(i)), at(seconds(i)));
  }
}

TEST(Contests, a_restoring_write_ends_it) {
  Contests contests;
  for (int i = 0; i < 3; ++i) contests.wrote(retake(), at(minutes(i)));
  ASSERT_FALSE(contests.give_up(retake(), at(minutes(3))).empty());
  Change back;
  back.target = kService;
  back.verb = Verb::restore;
  contests.wrote(back, at(minutes(4)));
  EXPECT_TRUE(contests.given_up(at(minutes(4))).empty());
  EXPECT_TRUE(contests.empty());
}

Json owned_by(const std::string& manager, const std::string& time, const Json& fields) {
  return {{"manager", manager}, {"operation", "Apply"}, {"time", time}, {"fieldsType", "FieldsV1"}, {"fieldsV1", fields}};
}

TEST(FieldManagers, the_latest_other_manager_of_the_field_is_named) {
  const Json ports{{"f:spec", {{"f:ports", {{"k:{\"port\":80,\"protocol\":\"TCP\"}", {{".", Json::object()}, {"f:name", Json::object()}}}}}}}};
  const Json labels{{"f:metadata", {{"f:labels", {{"f:app.kubernetes.io/name", Json::object()}}}}}};
  const Json object{{"metadata",
                     {{"managedFields",
                       Json::array({owned_by("helm", "2026-01-01T00:00:00Z", ports),
                                    owned_by("argocd-controller", "2026-01-02T00:00:00Z", ports),
                                    owned_by("kubectl-edit", "2026-01-03T00:00:00Z", labels),
                                    owned_by(std::string(keys::kFieldManager), "2026-01-04T00:00:00Z", ports)})}}}};
  EXPECT_EQ(manager_of(object, kPort), "argocd-controller");
  EXPECT_EQ(manager_of(object, "metadata.labels[app.kubernetes.io/name]"), "kubectl-edit");
  EXPECT_EQ(manager_of(object, "spec.ports[81/TCP].name"), "");
}

TEST(FieldManagers, whoever_owns_an_atomic_whole_owns_its_parts) {
  const Json rules{{"f:spec", {{"f:rules", Json::object()}}}};
  const Json object{{"metadata", {{"managedFields", Json::array({owned_by("helm", "2026-01-01T00:00:00Z", rules)})}}}};
  EXPECT_EQ(manager_of(object, "spec.rules[0].http.paths[0].backend.service.port"), "helm");
}

TEST(FieldManagers, an_object_without_managed_fields_names_nobody) {
  EXPECT_EQ(manager_of(Json::object(), kPort), "");
  EXPECT_EQ(manager_of(Json{{"metadata", {{"managedFields", "none"}}}}, kPort), "");
}

// The standing example: a pipeline that applies the Service's manifest over and over.
struct Pipeline : testing::Test {
  RigCluster cluster;

  Pipeline() {
    cluster.add_namespace("shop");
    Json service{{"apiVersion", "v1"}, {"kind", "Service"}, {"metadata", {{"name", "web"}, {"namespace", "shop"}}}};
    service["spec"] = {{"selector", {{"run", "web"}}}, {"ports", Json::array({{{"name", "web"}, {"port", 80}, {"targetPort", 8080}}})}};
    EXPECT_TRUE(cluster.engine.seed(service).ok());
    cluster.add_app("shop", "web");
    cluster.label("shop", std::string(keys::kApp), "bookshop");
  }
  void apply_manifest() {
    const fakes::Target target{cluster.engine.by_plural("", "v1", "services"), "v1", "shop", "web", ""};
    fakes::WriteOptions options;
    options.manager = "argocd-controller";
    options.force = true;
    const Json body{{"apiVersion", "v1"},
                    {"kind", "Service"},
                    {"metadata", {{"name", "web"}, {"namespace", "shop"}}},
                    {"spec", {{"ports", Json::array({{{"name", "web"}, {"port", 80}, {"protocol", "TCP"}, {"targetPort", 8080}}})}}}};
    const fakes::Answer answer = cluster.engine.patch(target, fakes::PatchFormat::apply, body, options);
    ASSERT_TRUE(answer.ok()) << to_text(answer.body);
  }
  std::string port_name() const { return cluster.object("v1", "Service", "shop", "web")["spec"]["ports"][0].value("name", ""); }
  std::string status() const {
    return cluster.object("v1", "Namespace", "", "shop")["metadata"]["annotations"].value(std::string(keys::kStatus), "");
  }
};

TEST_F(Pipeline, a_port_name_that_it_keeps_applying_is_given_up_with_its_name_and_tried_again_after_an_hour) {
  RigController controller(cluster);
  controller.settle();
  ASSERT_EQ(port_name(), "http-web");
  for (int round = 1; round <= 3; ++round) {
    apply_manifest();
    controller.settle();
    EXPECT_EQ(port_name(), "http-web") << "round " << round;
  }
  apply_manifest();
  controller.settle();
  EXPECT_EQ(port_name(), "web") << "given up";
  EXPECT_THAT(status(), testing::HasSubstr("MG913"));
  EXPECT_THAT(controller.metrics.text(), testing::HasSubstr("meshgraft_contested_fields 1"));
  bool told = false;
  for (const Json& event : cluster.events("shop")) {
    told = told || (event["reason"] == "MG913" && event.value("message", "").find("argocd-controller") != std::string::npos);
  }
  EXPECT_TRUE(told);

  // Quiet for the hour, then one more try.
  cluster.api.forget_calls();
  controller.settle(minutes(50));
  EXPECT_THAT(cluster.writes(), IsEmpty());
  for (int i = 0; i < 60 && port_name() == "web"; ++i) {
    cluster.clock.advance(seconds(30));
    controller.settle(seconds(1));
  }
  EXPECT_EQ(port_name(), "http-web");
  EXPECT_THAT(controller.metrics.text(), testing::HasSubstr("meshgraft_contested_fields 0"));
  apply_manifest();
  controller.settle();
  EXPECT_EQ(port_name(), "web") << "the next round of the same contest is the last";
}

TEST_F(Pipeline, a_pod_label_that_it_took_off_again_comes_with_a_new_value_of_retry_on_the_workload) {
  RigController controller(cluster);
  controller.settle();
  const auto pods_have_it = [this] {
    return cluster.object("apps/v1", "Deployment", "shop", "web")["spec"]["template"]["metadata"]["labels"].contains("app.kubernetes.io/version");
  };
  const auto patch = [this](const Json& body) {
    const fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "web", ""};
    fakes::WriteOptions options;
    options.manager = "pipeline";
    ASSERT_TRUE(cluster.engine.patch(target, fakes::PatchFormat::merge, body, options).ok());
  };
  const Json without{{"spec", {{"template", {{"metadata", {{"labels", {{"app.kubernetes.io/version", nullptr}}}}}}}}}};
  ASSERT_TRUE(pods_have_it());
  for (int round = 0; round < 2; ++round) {
    patch(without);
    controller.settle(minutes(2));
  }
  ASSERT_FALSE(pods_have_it()) << "given up";
  EXPECT_THAT(status(), testing::HasSubstr("MG913"));
  patch({{"metadata", {{"annotations", {{"meshgraft.io/retry", "1"}}}}}});
  controller.settle(minutes(2));
  EXPECT_TRUE(pods_have_it());
  EXPECT_THAT(status(), testing::Not(testing::HasSubstr("MG913")));
}

TEST_F(Pipeline, an_object_that_is_made_anew_has_had_no_contest) {
  Json fresh = cluster.deployment("shop", "web");
  fresh.erase("status");
  for (const char* key : {"uid", "resourceVersion", "generation", "managedFields", "creationTimestamp"}) fresh["metadata"].erase(key);
  RigController controller(cluster);
  controller.settle();
  const fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "web", ""};
  const Json without{{"spec", {{"template", {{"metadata", {{"labels", {{"app.kubernetes.io/version", nullptr}}}}}}}}}};
  for (int round = 0; round < 2; ++round) {
    fakes::WriteOptions options;
    options.manager = "pipeline";
    ASSERT_TRUE(cluster.engine.patch(target, fakes::PatchFormat::merge, without, options).ok());
    controller.settle(minutes(2));
  }
  ASSERT_THAT(status(), testing::HasSubstr("MG913"));
  ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
  controller.settle();
  ASSERT_TRUE(cluster.engine.seed(fresh).ok());
  controller.settle(minutes(2));
  EXPECT_TRUE(cluster.deployment("shop", "web")["spec"]["template"]["metadata"]["labels"].contains("app.kubernetes.io/version"));
  EXPECT_THAT(status(), testing::Not(testing::HasSubstr("MG913")));
}

}  // namespace
}  // namespace meshgraft
