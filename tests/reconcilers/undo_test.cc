// The way back as a plan: what goes first, what waits for time, what is left alone.

#include "reconcilers/undo.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "reconcilers/foresee.h"
#include "reconcilers/keys.h"
#include "reconcilers/undo_services.h"
#include "tests/reconcilers/live.h"

namespace meshgraft {
namespace {

using live::codes;
using live::targets;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kGoing =
    "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, uid: ns-uid, annotations: {meshgraft.io/status: joined, X}}\n";

std::string unlabelled(const std::string& annotation = "a: b") {
  std::string text(kGoing);
  return text.replace(text.find('X'), 1, annotation);
}

// A Service that we governed and labelled.
std::string service(const std::string& extra = "") {
  return R"yaml(---
apiVersion: v1
kind: Service
metadata:
  name: web
  uid: svc-web
  labels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1, team: blue}
  annotations:
    servicemesh.kubesphere.io/enabled: "true"
    meshgraft.io/undo: '{"uid":"svc-web","own":["metadata.annotations[servicemesh.kubesphere.io/enabled]","metadata.labels[app]","metadata.labels[app.kubernetes.io/name]","metadata.labels[app.kubernetes.io/version]"],"was":{"metadata.labels[app]":"old"}}'
)yaml" + extra +
         "spec:\n  clusterIP: 10.0.0.1\n  selector: {run: web}\n  ports: [{port: 80, name: http}]\n";
}

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

// The plan of `yaml` when the server knows of no other owner, `seconds` after the VirtualService and the
// DestinationRule went (if they are gone).
Plan plan_at(const std::string& yaml, std::int64_t seconds, const std::map<ObjectKey, std::shared_ptr<const Json>>& live_objects = {}) {
  World world = live::world(yaml);
  world.served.insert({Kind::virtual_service, Kind::destination_rule, Kind::application});
  world.platform->served = world.served;
  NamespaceView& view = world.namespaces.at("shop");
  view.moments.now = 1'000'000;
  view.moments.watching_since = view.moments.now - seconds * 1000;
  view.live = live_objects;
  Plan made = live::plan(world);
  while (!made.wants_live.empty()) {
    for (const ObjectKey& key : made.wants_live) view.live.emplace(key, nullptr);
    made = live::plan(world);
  }
  return made;
}

TEST(Undo, the_annotation_of_the_Service_goes_first) {
  const Plan plan = plan_at(unlabelled() + service() + deployment() + routes() + rule(), 1000);
  ASSERT_THAT(targets(plan), ElementsAre("back-service-annotation Service shop/web"));
  EXPECT_EQ(plan.now.front().verb, Verb::apply);
  EXPECT_FALSE(plan.now.front().body["metadata"]["annotations"].contains(std::string(keys::kGoverned)));
  EXPECT_EQ(plan.now.front().body["metadata"]["labels"]["app"], "web") << "the labels stay until the end";
  EXPECT_FALSE(plan.settled);
}

std::string released() {
  std::string text = service();
  const std::string line = "    servicemesh.kubesphere.io/enabled: \"true\"\n";
  text.erase(text.find(line), line.size());
  const std::string path = "\"metadata.annotations[servicemesh.kubesphere.io/enabled]\",";
  return text.erase(text.find(path), path.size());
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
  const Plan late = plan_at(unlabelled() + released() + deployment(), 90);
  ASSERT_THAT(targets(late), ElementsAre("back-template Deployment shop/web"));
  EXPECT_EQ(late.now.front().impact, Impact::restart);
  EXPECT_FALSE(late.now.front().body.contains("spec"));
  EXPECT_EQ(late.now.front().body["metadata"]["labels"]["version"], "v1") << "labels of the Deployment go when its pods are as before";
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

TEST(Undo, a_former_value_is_put_back_before_the_field_is_dropped) {
  const std::string back = released();
  const Plan plan = plan_at(unlabelled() + back, 1000);
  ASSERT_THAT(targets(plan), ElementsAre("back-metadata Service shop/web"));
  EXPECT_EQ(plan.now.front().verb, Verb::restore);
  EXPECT_EQ(to_text(plan.now.front().body), R"([{"op":"add","path":"/metadata/labels/app","value":"old"}])");
}

Json owned_by(const std::string& manager, const std::string& label, const char* operation = "Update") {
  return {{"manager", manager}, {"operation", operation}, {"fieldsV1", {{"f:metadata", {{"f:labels", {{"f:" + label, Json::object()}}}}}}}};
}

TEST(Undo, a_field_that_somebody_changed_is_left_and_named) {
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

const Json kBothParts{{"f:maxSurge", Json::object()}, {"f:maxUnavailable", Json::object()}};

TEST(Undo, a_strategy_whose_former_owner_keeps_the_map_or_a_shared_part_is_nobody_elses) {
  // What a force apply leaves the creator: the map itself, and maxUnavailable, which was 1 before us too.
  const Json theirs = strategy_of("kubectl-create", {{".", Json::object()}, {"f:maxUnavailable", Json::object()}});
  const Plan plan = gateway_plan("{maxUnavailable: 1, maxSurge: 0}", Json::array({theirs, strategy_of("meshgraft", kBothParts)}));
  EXPECT_THAT(codes(plan), testing::Not(HasSubstr("MG112")));
  ASSERT_EQ(plan.now.size(), 1U);
  EXPECT_EQ(plan.now.front().verb, Verb::restore);
  EXPECT_EQ(to_text(plan.now.front().body), R"([{"op":"add","path":"/spec/strategy/rollingUpdate","value":{"maxSurge":"25%","maxUnavailable":1}}])");
}

TEST(Undo, a_strategy_of_which_the_manifest_names_a_part_is_put_back_once) {
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

TEST(Undo, a_strategy_that_a_tool_applies_as_we_wrote_it_is_left_and_named) {
  Json theirs = strategy_of("argocd-controller", kBothParts);
  theirs["operation"] = "Apply";
  const Plan plan = gateway_plan("{maxUnavailable: 1, maxSurge: 0}", Json::array({theirs, strategy_of("meshgraft", kBothParts)}));
  const auto found = std::find_if(plan.findings.begin(), plan.findings.end(), [](const Finding& one) { return one.code == "MG112"; });
  ASSERT_NE(found, plan.findings.end());
  EXPECT_THAT(found->text, HasSubstr("argocd-controller has set since, and was {\"maxSurge\":\"25%\",\"maxUnavailable\":1} before"));
  ASSERT_EQ(plan.now.size(), 1U);
  EXPECT_EQ(plan.now.front().verb, Verb::apply) << "we only let go of it";
}

TEST(Undo, a_label_that_a_tool_applies_as_we_wrote_it_is_left_and_named) {
  Json object{{"metadata", {{"managedFields", Json::array({owned_by("meshgraft", "app", "Apply"), owned_by("argocd-controller", "app", "Apply")})}}}};
  const Plan plan = plan_at(unlabelled() + released(), 1000, {{{Kind::service, "shop", "web"}, std::make_shared<const Json>(object)}});
  ASSERT_THAT(targets(plan), ElementsAre("back-metadata Service shop/web"));
  EXPECT_EQ(plan.now.front().verb, Verb::apply) << "nothing is put back";
  const auto found = std::find_if(plan.findings.begin(), plan.findings.end(), [](const Finding& one) { return one.code == "MG112"; });
  ASSERT_NE(found, plan.findings.end());
  EXPECT_THAT(found->text, HasSubstr("metadata.labels[app] is web, which argocd-controller has set since, and was old before"));
}

TEST(Undo, a_strategy_of_which_somebody_took_a_part_is_left_and_named) {
  const Json theirs = strategy_of("kubectl-edit", {{"f:maxSurge", Json::object()}});
  const Plan plan = gateway_plan("{maxUnavailable: 1, maxSurge: 3}", Json::array({theirs, strategy_of("meshgraft", {{"f:maxUnavailable", Json::object()}})}));
  EXPECT_THAT(codes(plan), HasSubstr("MG112"));
}

TEST(Undo, a_field_of_ours_that_another_manager_holds_too_is_named_though_nothing_was_overwritten) {
  Json object{{"metadata", {{"managedFields", Json::array({owned_by("meshgraft", "app"), owned_by("a-pipeline", "app.kubernetes.io/name")})}}}};
  const Plan plan = plan_at(unlabelled() + released(), 1000, {{{Kind::service, "shop", "web"}, std::make_shared<const Json>(object)}});
  const auto found = std::find_if(plan.findings.begin(), plan.findings.end(), [](const Finding& one) { return one.code == "MG112"; });
  ASSERT_NE(found, plan.findings.end());
  EXPECT_THAT(found->text, HasSubstr("a-pipeline"));
}

TEST(Undo, a_field_that_came_with_the_request_that_created_the_object_is_removed_by_the_patch) {
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

TEST(Undo, a_record_that_an_edit_wrote_is_first_taken_over_and_then_removed) {
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

TEST(Undo, a_record_that_a_rollout_undo_copied_back_is_removed_though_it_is_the_last_thing_left) {
  Json copied = kEdited;
  copied["metadata"]["managedFields"][0]["manager"] = "kubectl";
  const ObjectKey key{Kind::ingress, "shop", "edge"};
  const Plan last = plan_at(unlabelled() + edited_ingress(""), 1000, {{key, std::make_shared<const Json>(copied)}});
  ASSERT_THAT(targets(last), ElementsAre("back-ingress Ingress shop/edge"));
  EXPECT_EQ(to_text(last.now.front().body), R"([{"op":"remove","path":"/metadata/annotations/meshgraft.io~1undo"}])");
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

TEST(Undo, what_the_last_applied_manifest_has_by_then_stays_the_users) {
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
