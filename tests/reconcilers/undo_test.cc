// The way back as a plan: what goes first, what waits for time, what is left alone.

#include "reconcilers/undo.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "reconcilers/foresee.h"
#include "reconcilers/keys.h"
#include "reconcilers/undo_services.h"
#include "tests/reconcilers/going.h"

namespace meshgraft {
namespace {

using going::plan_at;
using going::released;
using going::service;
using going::unlabelled;
using live::codes;
using live::targets;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string deployment(const std::string& annotations = "") {
  return R"yaml(---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  uid: uid-web
  generation: 3
  labels: {app: web, version: v1}
  annotations:
    servicemesh.kubesphere.io/enabled: "true"
    meshgraft.io/undo: '{"uid":"uid-web","own":["metadata.annotations[servicemesh.kubesphere.io/enabled]","metadata.labels[app]","metadata.labels[version]","spec.template.metadata.annotations[sidecar.istio.io/inject]","spec.template.metadata.labels[version]"]}'
)yaml" + annotations +
         R"yaml(spec:
  replicas: 2
  selector: {matchLabels: {run: web}}
  template:
    metadata: {labels: {run: web, version: v1}, annotations: {sidecar.istio.io/inject: "true"}}
    spec: {containers: [{name: c, image: "x:1"}]}
status: {observedGeneration: 3, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}
)yaml";
}

std::string made(const std::string& kind, const std::string& spec) {
  return "---\napiVersion: networking.istio.io/v1alpha3\nkind: " + kind + "\nmetadata: {name: web, uid: " + kind +
         "-web, labels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}}\nspec: " + spec + "\n";
}
std::string routes() { return made("VirtualService", "{hosts: [web], http: [{route: [{destination: {host: web, subset: v1}}]}]}"); }
std::string rule() { return made("DestinationRule", "{host: web, subsets: [{name: v1, labels: {version: v1}}]}"); }

TEST(Undo, the_annotation_of_the_Service_goes_first) {
  const Plan plan = plan_at(unlabelled() + service() + deployment() + routes() + rule(), 1000);
  ASSERT_THAT(targets(plan), ElementsAre("back-service-annotation Service shop/web"));
  EXPECT_EQ(plan.now.front().verb, Verb::apply);
  EXPECT_FALSE(plan.now.front().body["metadata"]["annotations"].contains(std::string(keys::kGoverned)));
  EXPECT_EQ(plan.now.front().body["metadata"]["labels"]["app"], "web") << "the labels stay until the end";
  EXPECT_FALSE(plan.settled);
}

TEST(Undo, a_row_on_the_way_back_says_what_the_workload_still_has) {
  const Plan before = plan_at(unlabelled() + service() + deployment() + routes() + rule(), 1000);
  ASSERT_EQ(before.members.size(), 1U);
  EXPECT_EQ(before.members.front().version, "v1");
  EXPECT_TRUE(before.members.front().sidecar);
  EXPECT_FALSE(before.members.front().sidecar_wanted);
  std::string bare = deployment();
  for (const std::string_view ours : {", version: v1}, annotations: {sidecar.istio.io/inject: \"true\"}"}) bare.replace(bare.find(ours), ours.size(), "}");
  const Plan after = plan_at(unlabelled() + released() + bare, 1000);
  ASSERT_EQ(after.members.size(), 1U);
  EXPECT_EQ(after.members.front().version, "");
  EXPECT_FALSE(after.members.front().sidecar) << "its template asks for none any more";
}

TEST(Undo, then_the_VirtualService) {
  const Plan plan = plan_at(unlabelled() + released() + deployment() + routes() + rule(), 1000);
  ASSERT_THAT(targets(plan), ElementsAre("back-virtual-service VirtualService shop/web"));
  EXPECT_EQ(plan.now.front().verb, Verb::remove);
  EXPECT_EQ(plan.now.front().pre.uid, "VirtualService-web");
}

TEST(Undo, the_DestinationRule_goes_twelve_seconds_later) {
  const Plan early = plan_at(unlabelled() + released() + deployment() + rule(), 11);
  EXPECT_THAT(targets(early), IsEmpty());
  EXPECT_EQ(early.wake_after, 1000);
  EXPECT_FALSE(early.settled);
  const Plan late = plan_at(unlabelled() + released() + deployment() + rule(), 12);
  EXPECT_THAT(targets(late), ElementsAre("back-destination-rule DestinationRule shop/web"));
}

TEST(Undo, the_pods_follow_when_both_stayed_away_for_ninety_seconds) {
  const Plan early = plan_at(unlabelled() + released() + deployment(), 89);
  EXPECT_THAT(targets(early), IsEmpty());
  EXPECT_EQ(early.wake_after, 1000);
  ASSERT_EQ(early.members.size(), 1U);
  EXPECT_EQ(early.members.front().why, "KubeSphere may route Service web again for 90 s") << "nobody should think that it is stuck";
  ASSERT_TRUE(early.status);
  EXPECT_THAT(to_text(early.status->body), HasSubstr("leaving, 1 workload to go, findings 0"));
  const Plan late = plan_at(unlabelled() + released() + deployment(), 90);
  ASSERT_THAT(targets(late), ElementsAre("back-template Deployment shop/web"));
  EXPECT_EQ(late.now.front().impact, Impact::restart);
  EXPECT_FALSE(late.now.front().body.contains("spec"));
  EXPECT_EQ(late.now.front().body["metadata"]["labels"]["version"], "v1") << "labels of the Deployment go when its pods are as before";
}

TEST(Undo, a_forecast_which_does_not_know_since_when_says_what_may_be_waited_for) {
  World world = live::world(unlabelled() + released() + deployment());
  world.served.insert({Kind::virtual_service, Kind::destination_rule});
  world.platform->served = world.served;
  const Foreseen seen = foresee(world, {});
  ASSERT_EQ(seen.members.at("shop").size(), 1U);
  EXPECT_EQ(seen.members.at("shop").front().why, "KubeSphere may route Service web again for 90 s; then its pods restart with their former template");
}

TEST(Undo, a_VirtualService_that_comes_again_goes_again) {
  const Plan plan = plan_at(unlabelled() + released() + deployment() + routes(), 50);
  EXPECT_THAT(targets(plan), ElementsAre("back-virtual-service VirtualService shop/web"));
}

TEST(Undo, a_Strategy_blocks_it) {
  const std::string strategy =
      "---\napiVersion: servicemesh.kubesphere.io/v1alpha2\nkind: Strategy\nmetadata: {name: canary, uid: s, labels: {app: web}}\nspec: {type: Canary}\n";
  const Plan plan = plan_at(unlabelled() + service() + deployment() + routes() + rule() + strategy, 1000);
  EXPECT_THAT(targets(plan), IsEmpty());
  ASSERT_THAT(codes(plan), HasSubstr("MG803"));
  const auto found = std::find_if(plan.findings.begin(), plan.findings.end(), [](const Finding& one) { return one.code == "MG803"; });
  EXPECT_THAT(found->remedy, HasSubstr("kubectl delete strategies.servicemesh.kubesphere.io canary -n shop"));
}

TEST(Undo, a_VirtualService_that_somebody_edited_is_left_and_named) {
  Json object{{"metadata", {{"managedFields", Json::array({{{"manager", "controller-manager"}, {"fieldsV1", Json::object()}},
                                                           {{"manager", "kubectl-edit"}, {"fieldsV1", Json::object()}}})}}}};
  const ObjectKey key{Kind::virtual_service, "shop", "web"};
  const Plan plan = plan_at(unlabelled() + released() + deployment() + routes() + rule(), 1000, {{key, std::make_shared<const Json>(object)}});
  EXPECT_THAT(codes(plan), HasSubstr("MG113"));
  for (const Change& change : plan.now) EXPECT_NE(change.target.kind, Kind::deployment) << "a route still leads to its subset";
}

Json managed_by(std::initializer_list<const char*> managers, const Json& spec = nullptr) {
  Json entries = Json::array();
  for (const char* manager : managers) entries.push_back({{"manager", manager}, {"operation", "Update"}, {"fieldsV1", {{"f:spec", Json::object()}}}});
  Json object{{"metadata", {{"managedFields", std::move(entries)}}}};
  if (!spec.is_null()) object["spec"] = spec;
  return object;
}
using Live = std::map<ObjectKey, std::shared_ptr<const Json>>;
const ObjectKey kRoutes{Kind::virtual_service, "shop", "web"};
const ObjectKey kRule{Kind::destination_rule, "shop", "web"};

TEST(Undo, what_goes_is_the_version_whose_owners_were_looked_at) {
  for (const ObjectKey& key : {kRoutes, kRule}) {
    Json whole = managed_by({"controller-manager"});
    whole["metadata"]["resourceVersion"] = "77";
    const std::string there = key == kRoutes ? routes() + rule() : rule();
    const Plan plan = plan_at(unlabelled() + released() + deployment() + there, 1000, Live{{key, std::make_shared<const Json>(whole)}});
    ASSERT_EQ(plan.now.size(), 1U);
    EXPECT_EQ(plan.now.front().target, key);
    EXPECT_EQ(plan.now.front().pre.resource_version, "77") << "who edits it now makes it his own";
  }
}

TEST(Undo, only_what_KubeSphere_alone_wrote_is_removed) {
  for (const char* manager : {"controller-manager", "servicemesh-controller-manager"}) {
    const Plan plan = plan_at(unlabelled() + released() + deployment() + routes() + rule(), 1000,
                              Live{{kRoutes, std::make_shared<const Json>(managed_by({manager}))}});
    EXPECT_THAT(targets(plan), ElementsAre("back-virtual-service VirtualService shop/web")) << manager;
  }
  for (const char* manager : {"argocd-controller", "helm", "Mozilla"}) {
    const Plan plan = plan_at(unlabelled() + released() + deployment() + routes() + rule(), 1000,
                              Live{{kRoutes, std::make_shared<const Json>(managed_by({manager}))}});
    EXPECT_THAT(targets(plan), IsEmpty()) << manager;
    EXPECT_THAT(codes(plan), HasSubstr("MG113")) << manager;
  }
}

std::string own_routes(const std::string& route) {
  return "---\napiVersion: networking.istio.io/v1alpha3\nkind: VirtualService\nmetadata: {name: web, uid: own}\nspec: {hosts: [web], http: [{route: [{destination: {" +
         route + "}}]}]}\n";
}
std::string own_rule() {
  return "---\napiVersion: networking.istio.io/v1alpha3\nkind: DestinationRule\nmetadata: {name: web, uid: own}\nspec: {host: web, subsets: [{name: s}]}\n";
}

TEST(Undo, a_VirtualService_of_the_users_own_is_in_the_way_only_if_it_needs_a_subset_that_goes) {
  const auto plan_with = [](const std::string& route, const char* label) {
    const Json spec{{"host", "web"}, {"subsets", Json::array({{{"name", "s"}, {"labels", {{label, "v1"}}}}})}};
    return plan_at(unlabelled() + released() + deployment() + own_routes(route) + own_rule(), 1000,
                   Live{{kRoutes, std::make_shared<const Json>(managed_by({"helm"}))}, {kRule, std::make_shared<const Json>(managed_by({"helm"}, spec))}});
  };
  for (const Plan& plan : {plan_with("host: web", "version"), plan_with("host: web.other, subset: s", "version"), plan_with("host: web, subset: s", "track")}) {
    EXPECT_THAT(targets(plan), ElementsAre("back-template Deployment shop/web")) << codes(plan);
  }
  const Plan needed = plan_with("host: web.shop.svc.cluster.local, subset: s", "version");
  EXPECT_THAT(targets(needed), IsEmpty()) << "its pods lose the label version";
  EXPECT_THAT(codes(needed), HasSubstr("MG113"));
}

TEST(Undo, a_DestinationRule_that_somebody_edited_stays_and_is_in_nobodys_way) {
  const Plan plan = plan_at(unlabelled() + released() + deployment() + rule(), 1000,
                            Live{{kRule, std::make_shared<const Json>(managed_by({"controller-manager", "kubectl-edit"}))}});
  EXPECT_THAT(targets(plan), ElementsAre("back-template Deployment shop/web"));
  EXPECT_THAT(codes(plan), HasSubstr("MG113"));
}

TEST(Undo, a_broken_record_is_named_and_nothing_happens) {
  std::string broken = deployment();
  broken.replace(broken.find("{\"uid\":\"uid-web\""), 6, "{{{{");
  const Plan plan = plan_at(unlabelled() + broken, 1000);
  EXPECT_THAT(targets(plan), IsEmpty());
  EXPECT_THAT(codes(plan), HasSubstr("MG107"));
}

TEST(Undo, a_record_of_another_object_is_ignored) {
  std::string foreign = deployment();
  foreign.replace(foreign.find("\"uid\":\"uid-web\""), 15, "\"uid\":\"uid-xxx\"");
  const Plan plan = plan_at(unlabelled() + foreign, 1000);
  EXPECT_THAT(targets(plan), IsEmpty());
  EXPECT_EQ(codes(plan), "");
}

TEST(Undo, paused_and_observe_and_a_bad_value_freeze_the_way_back) {
  for (const std::string annotation : {"meshgraft.io/paused: \"true\"", "meshgraft.io/policy: observe", "meshgraft.io/policy: remove"}) {
    EXPECT_THAT(targets(plan_at(unlabelled(annotation) + service() + deployment(), 1000)), IsEmpty()) << annotation;
  }
}

TEST(Undo, a_label_that_is_bad_or_not_admitted_undoes_nothing) {
  for (const std::string label : {"meshgraft.io/app: Not_A_Name", "meshgraft.io/app: other"}) {
    const std::string ns = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, uid: ns-uid, labels: {" + label + "}}\n";
    const Plan plan = plan_at(ns + service() + deployment(), 1000);
    for (const Change& change : plan.now) EXPECT_NE(change.rule, kUndoRule) << label;
  }
}

TEST(Undo, an_excluded_member_goes_back_alone) {
  const std::string excluded = deployment("    meshgraft.io/exclude: \"true\"\n");
  const Plan plan = plan_at(live::shop() + released() + excluded, 1000);
  ASSERT_THAT(targets(plan), ElementsAre("back-template Deployment shop/web"));
}

TEST(Undo, a_restart_that_leaves_a_gap_waits_for_its_owner) {
  std::string single = deployment();
  single.replace(single.find("replicas: 2"), 11, "replicas: 1\n  strategy: {type: Recreate}");
  const Plan plan = plan_at(unlabelled() + single, 1000);
  EXPECT_THAT(targets(plan), IsEmpty());
  EXPECT_THAT(codes(plan), HasSubstr("MG209"));
}

TEST(Undo, an_ordinary_namespace_is_nobodys_concern) {
  World world = live::world("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n" + live::service("web") + live::deployment("web"));
  const Facts facts = derive_facts(world, {});
  EXPECT_FALSE(concerned(world.namespaces.at("shop"), facts, {}));
}

TEST(Undo, the_report_goes_last) {
  const Plan plan = plan_at(unlabelled() + live::service("web"), 1000);
  EXPECT_THAT(targets(plan), IsEmpty());
  ASSERT_TRUE(plan.status.has_value());
  EXPECT_EQ(plan.status->verb, Verb::edit);
}

}  // namespace
}  // namespace meshgraft
