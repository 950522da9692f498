// Which fields the way back puts back, drops or leaves, by who owns them.

#include "reconcilers/undo_fields.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "reconcilers/footprint.h"
#include "tests/reconcilers/going.h"

namespace meshgraft {
namespace {

using going::plan_at;
using going::released;
using going::unlabelled;
using live::codes;
using live::targets;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(UndoFields, a_former_value_is_put_back_before_the_field_is_dropped) {
  const std::string back = released();
  const Plan plan = plan_at(unlabelled() + back, 1000);
  ASSERT_THAT(targets(plan), ElementsAre("back-metadata Service shop/web"));
  EXPECT_EQ(plan.now.front().verb, Verb::restore);
  EXPECT_EQ(to_text(plan.now.front().body), R"([{"op":"add","path":"/metadata/labels/app","value":"old"}])");
}

Json owned_by(const std::string& manager, const std::string& label, const char* operation = "Update") {
  return {{"manager", manager}, {"operation", operation}, {"fieldsV1", {{"f:metadata", {{"f:labels", {{"f:" + label, Json::object()}}}}}}}};
}

TEST(UndoFields, a_field_that_somebody_changed_is_left_and_named) {
  Json object{{"metadata", {{"managedFields", Json::array({owned_by("kubectl-edit", "app")})}}}};
  const ObjectKey key{Kind::service, "shop", "web"};
  const Plan plan = plan_at(unlabelled() + released(), 1000, {{key, std::make_shared<const Json>(object)}});
  ASSERT_THAT(targets(plan), ElementsAre("back-metadata Service shop/web"));
  EXPECT_EQ(plan.now.front().verb, Verb::apply);
  EXPECT_THAT(codes(plan), HasSubstr("MG112"));
  const auto found = std::find_if(plan.findings.begin(), plan.findings.end(), [](const Finding& one) { return one.code == "MG112"; });
  EXPECT_THAT(found->text, HasSubstr("kubectl-edit"));
}

// A gateway whose rollingUpdate we wrote: nginx-ingress of ingress-nginx on a hostPort.
std::string gateway(const std::string& rolling) {
  return R"yaml(---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: controller
  uid: uid-gw
  generation: 3
  annotations:
    meshgraft.io/undo: '{"uid":"uid-gw","own":["spec.strategy.rollingUpdate"],"was":{"spec.strategy.rollingUpdate":{"maxSurge":"25%","maxUnavailable":1}}}'
spec:
  replicas: 2
  strategy: {type: RollingUpdate, rollingUpdate: )yaml" + rolling + R"yaml(}
  selector: {matchLabels: {app: nginx}}
  template:
    metadata: {labels: {app: nginx}}
    spec: {containers: [{name: controller, image: "registry.k8s.io/ingress-nginx/controller:v1.8.1", args: [/nginx-ingress-controller], ports: [{containerPort: 80, hostPort: 80}]}]}
status: {observedGeneration: 3, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}
)yaml";
}

Json strategy_of(const std::string& manager, const Json& parts) {
  return {{"manager", manager}, {"operation", "Update"}, {"fieldsV1", {{"f:spec", {{"f:strategy", {{"f:rollingUpdate", parts}}}}}}}};
}

Plan gateway_plan(const std::string& rolling, const Json& managers, const Json& manifest = Json()) {
  Json object{{"metadata", {{"managedFields", managers}}}};
  if (!manifest.is_null()) object["metadata"]["annotations"] = {{"kubectl.kubernetes.io/last-applied-configuration", to_text(manifest)}};
  return plan_at(unlabelled() + gateway(rolling), 1000, {{{Kind::deployment, "shop", "controller"}, std::make_shared<const Json>(object)}});
}

TEST(UndoFields, who_wrote_an_empty_map_owns_no_key_of_it) {
  const auto empty = [](const char* map) { return Json{{"f:spec", {{"f:controller", {{map, Json::object()}}}}}}; };
  EXPECT_FALSE(owns_field(empty("f:config"), "spec.controller.config[enable-real-ip]"));
  EXPECT_TRUE(owns_field({{"f:spec", {{"f:controller", {{"f:config", {{"f:enable-real-ip", Json::object()}}}}}}}}, "spec.controller.config[enable-real-ip]"));
  EXPECT_FALSE(owns_field({{"f:data", Json::object()}}, "data[enable-real-ip]"));
}

const Json kBothParts{{"f:maxSurge", Json::object()}, {"f:maxUnavailable", Json::object()}};

TEST(UndoFields, a_strategy_whose_former_owner_keeps_the_map_or_a_shared_part_is_nobody_elses) {
  // What a force apply leaves the creator: the map itself, and maxUnavailable, which was 1 before us too.
  const Json theirs = strategy_of("kubectl-create", {{".", Json::object()}, {"f:maxUnavailable", Json::object()}});
  const Plan plan = gateway_plan("{maxUnavailable: 1, maxSurge: 0}", Json::array({theirs, strategy_of("meshgraft", kBothParts)}));
  EXPECT_THAT(codes(plan), testing::Not(HasSubstr("MG112")));
  ASSERT_EQ(plan.now.size(), 1U);
  EXPECT_EQ(plan.now.front().verb, Verb::restore);
  EXPECT_EQ(to_text(plan.now.front().body), R"([{"op":"add","path":"/spec/strategy/rollingUpdate","value":{"maxSurge":"25%","maxUnavailable":1}}])");
}

TEST(UndoFields, a_strategy_of_which_the_manifest_names_a_part_is_put_back_once) {
  const Json manifest{{"spec", {{"strategy", {{"rollingUpdate", {{"maxUnavailable", 1}}}}}}}};
  const Json theirs = strategy_of("kubectl-client-side-apply", {{".", Json::object()}, {"f:maxUnavailable", Json::object()}});
  const Plan plan = gateway_plan("{maxUnavailable: 1, maxSurge: 0}", Json::array({theirs, strategy_of("meshgraft", kBothParts)}), manifest);
  ASSERT_EQ(plan.now.size(), 1U);
  EXPECT_EQ(to_text(plan.now.front().body), R"([{"op":"add","path":"/spec/strategy/rollingUpdate","value":{"maxSurge":"25%","maxUnavailable":1}}])");

  const Json undone = strategy_of("meshgraft-undo", {{"f:maxSurge", Json::object()}});
  const Plan after = gateway_plan("{maxUnavailable: 1, maxSurge: 25%}", Json::array({theirs, undone, strategy_of("meshgraft", {{"f:maxUnavailable", Json::object()}})}), manifest);
  EXPECT_THAT(codes(after), testing::Not(HasSubstr("MG112")));
  ASSERT_EQ(after.now.size(), 1U);
  EXPECT_EQ(after.now.front().verb, Verb::apply) << "the record goes";
}

TEST(UndoFields, a_strategy_that_a_tool_applies_as_we_wrote_it_is_left_and_named) {
  Json theirs = strategy_of("argocd-controller", kBothParts);
  theirs["operation"] = "Apply";
  const Plan plan = gateway_plan("{maxUnavailable: 1, maxSurge: 0}", Json::array({theirs, strategy_of("meshgraft", kBothParts)}));
  const auto found = std::find_if(plan.findings.begin(), plan.findings.end(), [](const Finding& one) { return one.code == "MG112"; });
  ASSERT_NE(found, plan.findings.end());
  EXPECT_THAT(found->text, HasSubstr("argocd-controller has set since, and was {\"maxSurge\":\"25%\",\"maxUnavailable\":1} before"));
  ASSERT_EQ(plan.now.size(), 1U);
  EXPECT_EQ(plan.now.front().verb, Verb::apply) << "we only let go of it";
}

TEST(UndoFields, a_label_that_a_tool_applies_as_we_wrote_it_is_left_and_named) {
  Json object{{"metadata", {{"managedFields", Json::array({owned_by("meshgraft", "app", "Apply"), owned_by("argocd-controller", "app", "Apply")})}}}};
  const Plan plan = plan_at(unlabelled() + released(), 1000, {{{Kind::service, "shop", "web"}, std::make_shared<const Json>(object)}});
  ASSERT_THAT(targets(plan), ElementsAre("back-metadata Service shop/web"));
  EXPECT_EQ(plan.now.front().verb, Verb::apply) << "nothing is put back";
  const auto found = std::find_if(plan.findings.begin(), plan.findings.end(), [](const Finding& one) { return one.code == "MG112"; });
  ASSERT_NE(found, plan.findings.end());
  EXPECT_THAT(found->text, HasSubstr("metadata.labels[app] is web, which argocd-controller has set since, and was old before"));
}

TEST(UndoFields, a_strategy_of_which_somebody_took_a_part_is_left_and_named) {
  const Json theirs = strategy_of("kubectl-edit", {{"f:maxSurge", Json::object()}});
  const Plan plan = gateway_plan("{maxUnavailable: 1, maxSurge: 3}", Json::array({theirs, strategy_of("meshgraft", {{"f:maxUnavailable", Json::object()}})}));
  EXPECT_THAT(codes(plan), HasSubstr("MG112"));
}

TEST(UndoFields, a_field_of_ours_that_another_manager_holds_too_is_named_though_nothing_was_overwritten) {
  Json object{{"metadata", {{"managedFields", Json::array({owned_by("meshgraft", "app"), owned_by("a-pipeline", "app.kubernetes.io/name")})}}}};
  const Plan plan = plan_at(unlabelled() + released(), 1000, {{{Kind::service, "shop", "web"}, std::make_shared<const Json>(object)}});
  const auto found = std::find_if(plan.findings.begin(), plan.findings.end(), [](const Finding& one) { return one.code == "MG112"; });
  ASSERT_NE(found, plan.findings.end());
  EXPECT_THAT(found->text, HasSubstr("a-pipeline"));
}

TEST(UndoFields, a_field_that_came_with_the_request_that_created_the_object_is_removed_by_the_patch) {
  // For the API server who created it is another owner than who applies: leaving the field out would keep it.
  Json object{{"metadata", {{"managedFields", Json::array({owned_by("meshgraft", "app"), owned_by("meshgraft", "app.kubernetes.io/name")})}}}};
  const Plan plan = plan_at(unlabelled() + released(), 1000, {{{Kind::service, "shop", "web"}, std::make_shared<const Json>(object)}});
  ASSERT_THAT(targets(plan), ElementsAre("back-metadata Service shop/web"));
  EXPECT_EQ(plan.now.front().verb, Verb::restore);
  EXPECT_EQ(plan.now.front().body, Json::parse(R"([{"op":"remove","path":"/metadata/labels/app.kubernetes.io~1name"},
    {"op":"add","path":"/metadata/labels/app","value":"old"}])"));
}

// An Ingress whose backend was switched by an edit, which wrote the record; its labels were there before.
std::string edited_ingress(const std::string& own) {
  return R"yaml(---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: edge
  uid: ing-edge
  labels: {app.kubernetes.io/name: shop}
  annotations:
    meshgraft.io/undo: '{"uid":"ing-edge","own":[)yaml" + own + R"yaml(]}'
spec: {rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
)yaml";
}
const Json kEdited{{"metadata",
                    {{"managedFields",
                      Json::array({{{"manager", "meshgraft"},
                                    {"operation", "Update"},
                                    {"fieldsV1", {{"f:metadata", {{"f:annotations", {{"f:meshgraft.io/undo", Json::object()}}}}}}}},
                                   {{"manager", "meshgraft"},
                                    {"operation", "Apply"},
                                    {"fieldsV1", {{"f:metadata", {{"f:labels", {{"f:app.kubernetes.io/name", Json::object()}}}}}}}}})}}}};

TEST(UndoFields, a_record_that_an_edit_wrote_is_first_taken_over_and_then_removed) {
  const ObjectKey key{Kind::ingress, "shop", "edge"};
  const Plan first = plan_at(unlabelled() + edited_ingress("\"metadata.labels[app.kubernetes.io/name]\""), 1000, {{key, std::make_shared<const Json>(kEdited)}});
  ASSERT_THAT(targets(first), ElementsAre("back-ingress Ingress shop/edge"));
  EXPECT_EQ(first.now.front().verb, Verb::apply);
  EXPECT_TRUE(first.now.front().force) << "the edit counts as another owner of the record";
  EXPECT_FALSE(first.now.front().body["metadata"].contains("labels"));
  const Plan last = plan_at(unlabelled() + edited_ingress(""), 1000, {{key, std::make_shared<const Json>(kEdited)}});
  ASSERT_THAT(targets(last), ElementsAre("back-ingress Ingress shop/edge"));
  EXPECT_EQ(last.now.front().verb, Verb::restore);
  EXPECT_EQ(to_text(last.now.front().body), R"([{"op":"remove","path":"/metadata/annotations/meshgraft.io~1undo"}])");
}

TEST(UndoFields, a_record_that_a_rollout_undo_copied_back_is_removed_though_it_is_the_last_thing_left) {
  Json copied = kEdited;
  copied["metadata"]["managedFields"][0]["manager"] = "kubectl";
  const ObjectKey key{Kind::ingress, "shop", "edge"};
  const Plan last = plan_at(unlabelled() + edited_ingress(""), 1000, {{key, std::make_shared<const Json>(copied)}});
  ASSERT_THAT(targets(last), ElementsAre("back-ingress Ingress shop/edge"));
  EXPECT_EQ(to_text(last.now.front().body), R"([{"op":"remove","path":"/metadata/annotations/meshgraft.io~1undo"}])");
}

TEST(UndoFields, what_the_last_applied_manifest_has_by_then_stays_the_users) {
  Json manifest{{"metadata", {{"labels", {{"app", "web"}}}}}};
  Json object{{"metadata",
               {{"annotations", {{"kubectl.kubernetes.io/last-applied-configuration", to_text(manifest)}}},
                {"managedFields", Json::array({owned_by("meshgraft", "app", "Apply"), owned_by("meshgraft", "app.kubernetes.io/name", "Apply")})}}}};
  const ObjectKey key{Kind::service, "shop", "web"};
  const Plan plan = plan_at(unlabelled() + released(), 1000, {{key, std::make_shared<const Json>(object)}});
  ASSERT_THAT(targets(plan), ElementsAre("back-metadata Service shop/web"));
  ASSERT_EQ(plan.now.front().verb, Verb::apply);
  const Json& meta = plan.now.front().body["metadata"];
  EXPECT_EQ(meta["labels"], (Json{{"app", "web"}})) << "an apply without it would take it away";
  EXPECT_FALSE(meta.contains("annotations")) << "the record is gone";
}

}  // namespace
}  // namespace meshgraft
