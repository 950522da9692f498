#include "reconcilers/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "reconcilers/findings.h"
#include "reconcilers/foresee.h"
#include "tests/reconcilers/live.h"

namespace meshgraft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Plan, writes_nothing_in_a_namespace_without_a_label) {
  const Plan none = live::plan(live::namespace_("") + live::deployment("web") + live::service("web"));
  EXPECT_THAT(none.now, IsEmpty());
  EXPECT_TRUE(none.settled);
  EXPECT_FALSE(none.status);
}

TEST(Plan, metadata_comes_first_with_the_record_of_what_the_template_will_overwrite) {
  const Plan first =
      live::plan(live::shop() + live::deployment("web", "pod_labels: {version: \"0.9\"}") + live::service("web"));
  EXPECT_THAT(live::targets(first),
              ElementsAre("member-metadata Deployment shop/web", "member-metadata Service shop/web"));
  const Json& body = first.now[0].body;
  EXPECT_FALSE(body.contains("spec"));
  const std::string undo = body["metadata"]["annotations"]["meshgraft.io/undo"];
  EXPECT_THAT(undo, HasSubstr(R"("was":{"spec.template.metadata.labels[version]":"0.9"})"));
  EXPECT_THAT(undo, testing::Not(HasSubstr(R"("spec.template.metadata.labels[version]",)"))) << "not ours yet";
}

TEST(Plan, a_template_gets_a_record_first_even_when_its_metadata_holds_already) {
  const std::string labels =
      "labels: {app: web, version: v1, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}, annotations: "
      "{servicemesh.kubesphere.io/enabled: \"true\"}";
  const Plan first = live::plan(live::shop() + live::deployment("web", "", labels) + live::service("web"));
  EXPECT_EQ(first.now[0].target.kind, Kind::deployment);
  EXPECT_EQ(first.now[0].stage, Stage::member_metadata);
  EXPECT_THAT(first.now[0].body["metadata"]["annotations"].size(), 1U);
}

TEST(Plan, every_body_carries_the_uid) {
  World world = live::world(live::shop() + live::deployment("web") + live::service("web"));
  for (const Foreseen::Step& step : foresee(world, {}).steps) {
    const bool has_uid = step.change.body["metadata"].contains("uid");
    EXPECT_EQ(has_uid, step.change.verb == Verb::apply) << to_string(step.change.target);
  }
}

TEST(Plan, a_second_run_writes_nothing) {
  const Foreseen once = foresee(live::world(live::shop() + live::deployment("web") + live::service("web")), {});
  EXPECT_THAT(once.steps, testing::SizeIs(5))
      << "two of metadata, the template, the Service's annotation, the Application";
  EXPECT_THAT(once.end.at("shop").now, IsEmpty());
  EXPECT_TRUE(once.end.at("shop").settled);
  const Foreseen again = foresee(once.after, {});
  EXPECT_THAT(again.steps, IsEmpty());
  EXPECT_EQ(again.members.at("shop").at(0).phase, MemberPhase::joined);
  EXPECT_TRUE(again.members.at("shop").at(0).sidecar);
}

TEST(Plan, what_is_ours_stays_in_every_body_when_the_conditions_no_longer_hold) {
  World world = foresee(live::world(live::shop() + live::deployment("web") + live::service("web")), {}).after;
  world.mesh->ready = false;
  auto service = std::make_shared<Service>(*world.namespaces["shop"].services[0]);
  service->meta.labels.erase("app");
  world.namespaces["shop"].services[0] = service;
  auto web = std::make_shared<Workload>(*world.namespaces["shop"].workloads[0]);
  web->meta.labels.erase("version");
  web->status.ready = web->status.available = 0;
  web->status.rollout_complete = true;
  world.namespaces["shop"].workloads[0] = web;
  const Plan mended = live::plan(world);
  ASSERT_THAT(live::targets(mended),
              ElementsAre("member-metadata Deployment shop/web", "member-metadata Service shop/web"));
  EXPECT_EQ(mended.now[0].body["spec"]["template"]["metadata"]["labels"].size(), 5U) << "four labels and the sidecar's";
  EXPECT_EQ(mended.now[0].body["metadata"]["labels"].size(), 4U);
  EXPECT_EQ(mended.now[1].body["metadata"]["annotations"]["servicemesh.kubesphere.io/enabled"], "true")
      << "latched though web is not ready";
}

TEST(Plan, policy_observe_and_pause_work_everything_out_and_send_nothing) {
  for (const char* annotation : {"meshgraft.io/policy: observe", "meshgraft.io/paused: \"true\""}) {
    const Plan seen = live::plan(live::shop(annotation) + live::deployment("web") + live::service("web"));
    EXPECT_THAT(seen.now, IsEmpty()) << annotation;
    EXPECT_FALSE(seen.status) << annotation;
    EXPECT_THAT(seen.waiting, testing::Not(IsEmpty())) << annotation;
    EXPECT_THAT(live::codes(seen), HasSubstr("MG203")) << annotation;
    EXPECT_TRUE(seen.settled_before_gateway) << annotation;
  }
}

TEST(Plan, a_bad_key_freezes_the_namespace) {
  const Plan frozen =
      live::plan(live::shop("meshgraft.io/policy: merge") + live::deployment("web") + live::service("web"));
  EXPECT_THAT(frozen.now, IsEmpty());
  EXPECT_EQ(live::codes(frozen), "MG101");
  EXPECT_EQ(frozen.members.at(0).why, "the namespace is frozen");
}

TEST(Plan, an_app_that_is_changed_on_a_joined_namespace_freezes_it) {
  World world = foresee(live::world(live::shop() + live::deployment("web") + live::service("web")), {}).after;
  auto ns = std::make_shared<Namespace>(*world.namespaces["shop"].ns);
  ns->meta.labels["meshgraft.io/app"] = "mall";
  world.namespaces["shop"].ns = ns;
  const Plan frozen = live::plan(world);
  EXPECT_THAT(frozen.now, IsEmpty());
  EXPECT_THAT(live::codes(frozen), HasSubstr("MG108"));
}

TEST(Plan, a_version_that_is_changed_on_a_joined_namespace_freezes_it) {
  World world = foresee(live::world(live::shop() + live::deployment("web") + live::service("web")), {}).after;
  auto ns = std::make_shared<Namespace>(*world.namespaces["shop"].ns);
  ns->meta.annotations["meshgraft.io/version"] = "v2";
  world.namespaces["shop"].ns = ns;
  const Plan frozen = live::plan(world);
  EXPECT_THAT(frozen.now, IsEmpty());
  EXPECT_THAT(live::codes(frozen), HasSubstr("MG108"));
}

TEST(Plan, a_record_that_cannot_be_read_stops_one_object_and_no_other) {
  const std::string broken = "annotations: {meshgraft.io/undo: \"{\"}";
  const Plan others = live::plan(live::shop() + live::deployment("a", "", broken) + live::service("a") +
                                 live::deployment("b") + live::service("b"));
  EXPECT_THAT(live::targets(others),
              ElementsAre("member-metadata Deployment shop/b", "member-metadata Service shop/b"));
  EXPECT_THAT(live::codes(others), HasSubstr("MG107"));
}

TEST(Plan, a_broken_record_on_a_service_is_named_and_the_service_left_alone) {
  std::string service = live::service("web");
  service.replace(service.find("uid:"), 0, "annotations: {meshgraft.io/undo: oops}, ");
  const Plan others = live::plan(live::shop() + live::deployment("web") + service);
  EXPECT_THAT(live::targets(others), ElementsAre("member-metadata Deployment shop/web"));
  EXPECT_THAT(live::codes(others), HasSubstr("MG107"));
}

TEST(Plan, the_report_on_the_namespace_changes_only_when_it_differs) {
  const Foreseen joined = foresee(live::world(live::shop() + live::deployment("web") + live::service("web")), {});
  const Plan& end = joined.end.at("shop");
  ASSERT_TRUE(end.status);
  EXPECT_EQ(end.status->body["metadata"]["annotations"]["meshgraft.io/status"],
            "joined 1/1, rolling 0, held 0, findings 2 (MG103 MG203)");
  World world = joined.after;
  world.namespaces["shop"].ns = as<Namespace>(after(world.namespaces["shop"].ns, *end.status));
  EXPECT_FALSE(live::plan(world).status);
}

TEST(Plan, no_restart_is_spent_on_a_sidecar_that_would_not_come) {
  const Plan refused =
      live::plan(live::shop("", "istio-injection: enabled") + live::deployment("web") + live::service("web"));
  EXPECT_THAT(live::codes(refused), HasSubstr("MG212"));
  const Foreseen end = foresee(
      live::world(live::shop("", "istio-injection: enabled") + live::deployment("web") + live::service("web")), {});
  for (const Foreseen::Step& step : end.steps) EXPECT_NE(step.change.stage, Stage::member_template);
  EXPECT_THAT(end.members.at("shop")[0].why, HasSubstr("no sidecar would come"));
  EXPECT_TRUE(end.end.at("shop").settled) << "what is held does not keep others waiting";
}

TEST(Plan, no_restart_while_istiod_is_not_ready_and_the_namespace_is_not_settled) {
  World world = live::world(live::shop() + live::deployment("web") + live::service("web"));
  world.mesh->ready = false;
  const Foreseen end = foresee(world, {});
  for (const Foreseen::Step& step : end.steps) EXPECT_NE(step.change.impact, Impact::restart);
  EXPECT_FALSE(end.end.at("shop").settled);
  EXPECT_EQ(end.end.at("shop").members[0].phase, MemberPhase::waiting);
}

TEST(Plan, a_mesh_that_is_missing_or_off_is_said_once) {
  World world = live::world(live::shop() + live::deployment("a") + live::service("a") + live::deployment("b") +
                            live::service("b"));
  world.mesh->present = false;
  EXPECT_THAT(live::codes(live::plan(world)), HasSubstr("MG904"));
  world.mesh->present = true;
  world.platform->mesh_on = false;
  EXPECT_THAT(live::codes(live::plan(world)), HasSubstr("MG902"));
}

}  // namespace
}  // namespace meshgraft
