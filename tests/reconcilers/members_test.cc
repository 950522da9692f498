// The rules for Deployments, StatefulSets, Services and the Application, through plan and foresee.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "reconcilers/foresee.h"
#include "tests/reconcilers/live.h"

namespace meshgraft {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string steps(const Foreseen& foreseen) {
  std::string list;
  for (const Foreseen::Step& step : foreseen.steps) {
    list += std::string(to_string(step.change.stage)) + " " + step.change.target.name + "\n";
  }
  return list;
}

const Change* find(const Foreseen& foreseen, Stage stage, const std::string& name) {
  for (const Foreseen::Step& step : foreseen.steps) {
    if (step.change.stage == stage && step.change.target.name == name) return &step.change;
  }
  return nullptr;
}

std::string codes(const Foreseen& foreseen) {
  std::string list;
  for (const Finding& one : foreseen.findings) list += (list.empty() ? "" : " ") + one.code;
  return list;
}

Foreseen play(const std::string& yaml) { return foresee(live::world(live::shop() + yaml), {}); }

TEST(Deployment, gets_label_and_annotation_for_the_sidecar_and_holds_the_application_back) {
  const Foreseen end = play(live::deployment("web") + live::service("web"));
  const Change* change = find(end, Stage::member_template, "web");
  ASSERT_NE(change, nullptr);
  const Json& pod = change->body["spec"]["template"]["metadata"];
  EXPECT_EQ(pod["labels"], (Json{{"app", "web"},
                                 {"version", "v1"},
                                 {"app.kubernetes.io/name", "shop"},
                                 {"app.kubernetes.io/version", "v1"},
                                 {"sidecar.istio.io/inject", "true"}}));
  EXPECT_EQ(pod["annotations"], (Json{{"sidecar.istio.io/inject", "true"},
                                      {"proxy.istio.io/config", R"({"holdApplicationUntilProxyStarts":true})"}}));
  EXPECT_EQ(change->restarts, 2);
}

TEST(Deployment, a_proxy_config_of_the_user_stays) {
  std::string web = live::deployment("web");
  web.replace(web.find("metadata: {labels: {run"), 10,
              "metadata: {annotations: {proxy.istio.io/config: \"concurrency: 2\"}, ");
  const std::size_t brace = web.find(", {labels");
  if (brace != std::string::npos) web.replace(brace, 3, ", ");
  const Foreseen end = play(web + live::service("web"));
  const Change* change = find(end, Stage::member_template, "web");
  ASSERT_NE(change, nullptr);
  EXPECT_FALSE(change->body["spec"]["template"]["metadata"]["annotations"].contains("proxy.istio.io/config"));
}

TEST(Deployment, native_sidecars_need_no_hold) {
  World world = live::world(live::shop() + live::deployment("web") + live::service("web"));
  world.mesh->native_sidecars = true;
  const Foreseen end = foresee(world, {});
  EXPECT_FALSE(find(end, Stage::member_template, "web")
                   ->body["spec"]["template"]["metadata"]["annotations"]
                   .contains("proxy.istio.io/config"));
}

TEST(Deployment, one_that_declines_gets_its_labels_and_false) {
  const Foreseen end =
      play(live::deployment("web", "", "annotations: {meshgraft.io/inject: \"false\"}") + live::service("web"));
  const Json& pod = find(end, Stage::member_template, "web")->body["spec"]["template"]["metadata"];
  EXPECT_EQ(pod["labels"]["sidecar.istio.io/inject"], "false");
  EXPECT_EQ(pod["labels"]["version"], "v1");
  EXPECT_FALSE(end.members.at("shop")[0].sidecar_wanted);
}

TEST(Deployment, what_keeps_kubesphere_from_governing_it_is_named) {
  const Foreseen end = play(live::deployment("web") + live::service("web"));
  ASSERT_THAT(codes(end), HasSubstr("MG203"));
  EXPECT_EQ(end.findings[1].text,
            "spec.selector.matchLabels lacks app, app.kubernetes.io/name, app.kubernetes.io/version");
  EXPECT_FALSE(end.end.at("shop").members[0].governed);
}

TEST(Deployment, a_full_selector_is_governed_in_the_end) {
  std::string web =
      live::deployment("web", "pod_labels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}");
  const std::string keys = "{matchLabels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}}";
  web.replace(web.find("{matchLabels: {run: web}}"), 25, keys);
  std::string service = live::service("web");
  service.replace(service.find("{run: web}"), 10, "{app: web}");
  const Foreseen end = play(web + service);
  EXPECT_THAT(codes(end), Not(HasSubstr("MG203")));
  EXPECT_TRUE(end.end.at("shop").members[0].governed);
}

TEST(Deployment, policy_replace_joins_in_place_where_the_chart_does_not_allow_it) {
  World world =
      live::world(live::shop("meshgraft.io/policy: replace") + live::deployment("web") + live::service("web"));
  const Plan planned = live::plan(world);
  std::string text;
  for (const Finding& one : planned.findings) {
    if (one.code == "MG203") text = one.text;
  }
  EXPECT_THAT(text, HasSubstr("the chart's replace.enabled is off"));
  EXPECT_THAT(planned.now, Not(IsEmpty()));
}

TEST(Deployment, one_released_by_a_tool_that_drops_our_fields_is_mended_outside_the_gate) {
  World world = play(live::deployment("a") + live::service("a") + live::deployment("b") + live::service("b")).after;
  NamespaceView& view = world.namespaces["shop"];
  const World fresh = given::world(live::deployment(
      "a", "", "", "observedGeneration: 3, replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2"));
  view.workloads[0] = fresh.namespaces.at("shop").workloads[0];
  const Plan first = live::plan(world);
  ASSERT_EQ(first.now.size(), 1U) << "its metadata and record";
  view.workloads[0] = as<Workload>(after(view.workloads[0], first.now[0]));
  const Plan second = live::plan(world);
  ASSERT_EQ(second.now.size(), 1U);
  EXPECT_EQ(second.now[0].impact, Impact::restart);
}

constexpr const char* kSet = R"(---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, uid: db, generation: 2, annotations: {%}}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {run: db}}
  updateStrategy: {type: ^}
  template:
    metadata: {labels: {run: db}}
    spec: {containers: [{name: c, image: "x:1"}]}
status: {observedGeneration: 2, replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3}
)";
std::string stateful(const std::string& annotations, const std::string& strategy = "RollingUpdate") {
  std::string text = kSet;
  text.replace(text.find('%'), 1, annotations);
  return text.replace(text.find('^'), 1, strategy);
}

TEST(StatefulSet, is_listed_in_the_app_and_its_service_is_not_annotated) {
  const Foreseen end = play(stateful("") + live::service("db"));
  EXPECT_EQ(steps(end), "member-metadata db\nmember-metadata db\napplication shop\n");
  EXPECT_THAT(codes(end), HasSubstr("MG206"));
}

TEST(StatefulSet, gets_a_sidecar_only_when_asked_and_not_by_hand) {
  EXPECT_NE(find(play(stateful("meshgraft.io/inject: \"true\"") + live::service("db")), Stage::member_template, "db"),
            nullptr);
  const Foreseen by_hand = play(stateful("meshgraft.io/inject: \"true\"", "OnDelete") + live::service("db"));
  EXPECT_EQ(find(by_hand, Stage::member_template, "db"), nullptr);
  EXPECT_THAT(codes(by_hand), HasSubstr("MG217"));
}

TEST(Service, is_annotated_after_everything_behind_it) {
  const Foreseen end = play(live::deployment("web") + live::service("web"));
  EXPECT_EQ(
      steps(end),
      "member-metadata web\nmember-metadata web\nmember-template web\nservice-annotation web\napplication shop\n");
  EXPECT_THAT(find(end, Stage::service_annotation, "web")->body["metadata"]["labels"], testing::SizeIs(3))
      << "with what is ours already";
}

TEST(Service, with_several_ready_versions_and_no_strategy_is_not_annotated) {
  std::string second = live::deployment("web2", "pod_labels: {run: web, version: v2}");
  second =
      "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web2, uid: web2}\nspec:\n  replicas: 2\n  "
      "selector: {matchLabels: {run: web, version: v2}}\n  template:\n"
      "    metadata: {labels: {run: web, version: v2}}\n    spec: {containers: [{name: c, image: \"x:2\"}]}\n";
  const std::string yaml = live::deployment("web") + second + live::service("web");
  const Foreseen without = play(yaml);
  EXPECT_THAT(codes(without), HasSubstr("MG204"));
  EXPECT_EQ(find(without, Stage::service_annotation, "web"), nullptr);
  EXPECT_TRUE(without.end.at("shop").settled);
  const Foreseen with = play(yaml +
                             "---\napiVersion: servicemesh.kubesphere.io/v1alpha2\nkind: Strategy\nmetadata: {name: s, "
                             "labels: {app: web}}\nspec: {type: Canary}\n");
  EXPECT_THAT(codes(with), Not(HasSubstr("MG204")));
  EXPECT_NE(find(with, Stage::service_annotation, "web"), nullptr);
}

TEST(Service, that_selects_pods_which_would_starve_is_not_annotated) {
  const std::string web = live::deployment("web") + live::service("web");
  const std::string daemon =
      "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent, uid: d}\nspec:\n  selector: {matchLabels: "
      "{run: web}}\n  template:\n    metadata: "
      "{labels: {run: web}}\n    spec: {containers: [{name: c, image: \"x:1\"}]}\n";
  const std::string pod =
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: lonely, labels: {run: web}}\nspec: {containers: [{name: c, "
      "image: \"x:1\"}]}\nstatus: {phase: Running}\n";
  const std::string done =
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: job-1, labels: {run: web}}\nspec: {containers: [{name: c, "
      "image: \"x:1\"}]}\nstatus: {phase: Succeeded}\n";
  const std::string ending =
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: leaving, labels: {run: web}, deletionTimestamp: \"2026-01-01T00:00:00Z\"}\nspec: {containers: [{name: c, "
      "image: \"x:1\"}]}\nstatus: {phase: Running}\n";
  const std::string own =
      "---\napiVersion: v1\nkind: Pod\nmetadata: {name: web-1-x, labels: {run: web}, ownerReferences: [{apiVersion: "
      "apps/v1, kind: ReplicaSet, name: web-1, uid: r, controller: true}]}\n"
      "spec: {containers: [{name: c, image: \"x:1\"}]}\nstatus: {phase: Running}\n";
  const std::string excluded =
      live::deployment("old", "pod_labels: {run: web}", "annotations: {meshgraft.io/exclude: \"true\"}");
  struct Case {
    const char* sentence;
    std::string yaml;
    bool annotated;
  };
  const Case cases[] = {
      {"members alone", web, true},         {"a DaemonSet", web + daemon, false},     {"a bare Pod", web + pod, false},
      {"a finished Pod", web + done, true}, {"a Pod that is being deleted", web + ending, true}, {"a Pod of the member", web + own, true},
  };
  for (const Case& one : cases) {
    const Foreseen end = play(one.yaml);
    EXPECT_EQ(find(end, Stage::service_annotation, "web") != nullptr, one.annotated) << one.sentence;
    EXPECT_EQ(codes(end).find("MG211") == std::string::npos, one.annotated) << one.sentence;
  }
}

TEST(Service, asks_for_the_pods_only_when_nothing_else_is_missing) {
  World world = live::world(live::shop() + live::deployment("web") + live::service("web"));
  EXPECT_FALSE(live::plan(world).wants_pods);
  world = foresee(world, {}).after;
  EXPECT_FALSE(live::plan(world).wants_pods) << "it is annotated";
  NamespaceView& view = world.namespaces["shop"];
  view.pods.reset();
  auto service = std::make_shared<Service>(*view.services[0]);
  service->meta.annotations.erase("servicemesh.kubesphere.io/enabled");
  view.services[0] = service;
  const Plan asks = live::plan(world);
  EXPECT_TRUE(asks.wants_pods);
  EXPECT_THAT(asks.now, IsEmpty());
  EXPECT_FALSE(asks.settled);
}

TEST(Application, is_created_when_missing_as_the_console_would_but_never_owns_its_members) {
  const Foreseen end = play(live::deployment("web") + live::service("web"));
  const Json& body = find(end, Stage::application, "shop")->body;
  EXPECT_EQ(body["spec"]["addOwnerRef"], false);
  EXPECT_EQ(body["spec"]["componentKinds"].size(), 6U);
  EXPECT_EQ(body["spec"]["selector"]["matchLabels"],
            (Json{{"app.kubernetes.io/name", "shop"}, {"app.kubernetes.io/version", "v1"}}));
  EXPECT_EQ(body["metadata"]["annotations"]["servicemesh.kubesphere.io/enabled"], "true");
}

constexpr const char* kApp = R"(---
apiVersion: app.k8s.io/v1beta1
kind: Application
metadata: {name: shop, uid: app, annotations: {servicemesh.kubesphere.io/enabled: "true"}}
spec: {addOwnerRef: true, selector: {matchLabels: {app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}}}
)";

TEST(Application, one_that_exists_is_touched_once_for_a_set_of_members) {
  const Foreseen end = play(live::deployment("web") + live::service("web") + kApp);
  ASSERT_NE(find(end, Stage::application, "shop"), nullptr);
  EXPECT_THAT(codes(end), HasSubstr("MG102"));
  EXPECT_THAT(foresee(end.after, {}).steps, IsEmpty()) << "though its status still lists nobody";
  World more = end.after;
  const World added = given::world(live::deployment("zoo") + live::service("zoo"));
  more.namespaces["shop"].workloads.push_back(added.namespaces.at("shop").workloads[0]);
  more.namespaces["shop"].services.push_back(added.namespaces.at("shop").services[0]);
  const Foreseen again = foresee(more, {});
  EXPECT_NE(find(again, Stage::application, "shop"), nullptr) << "a new member, another touch";
  EXPECT_THAT(foresee(again.after, {}).steps, IsEmpty());
}

TEST(Application, of_a_helm_chart_s_name_is_made_beside_the_namespace_s) {
  std::string web = live::deployment("web", "pod_labels: {app.kubernetes.io/name: foo}");
  web.replace(web.find("{matchLabels: {run: web}}"), 25, "{matchLabels: {app.kubernetes.io/name: foo}}");
  const Foreseen end = play(web + live::service("web"));
  EXPECT_NE(find(end, Stage::application, "foo"), nullptr);
  EXPECT_NE(find(end, Stage::application, "shop"), nullptr);
  EXPECT_EQ(find(end, Stage::member_metadata, "web")->body["metadata"]["labels"]["app.kubernetes.io/name"], "foo");
  EXPECT_THAT(codes(end), HasSubstr("MG210"));
  EXPECT_THAT(foresee(end.after, {}).steps, IsEmpty());
}

TEST(Application, is_left_out_where_its_crd_is_not_served) {
  World world = live::world(live::shop() + live::deployment("web") + live::service("web"));
  world.served.erase(Kind::application);
  world.platform->served.erase(Kind::application);
  const Foreseen end = foresee(world, {});
  EXPECT_EQ(find(end, Stage::application, "shop"), nullptr);
  EXPECT_THAT(codes(end), HasSubstr("MG905"));
}

TEST(Subsets, a_route_to_a_subset_that_is_gone_is_named) {
  const auto routes = [](const std::string& host, const std::string& subset) {
    return "---\napiVersion: networking.istio.io/v1alpha3\nkind: VirtualService\nmetadata: {name: web}\nspec: {hosts: "
           "[web], http: [{route: [{destination: {host: " +
           host + ", subset: " + subset + "}}]}]}\n";
  };
  const auto subsets = [](const std::string& list) {
    return "---\napiVersion: networking.istio.io/v1alpha3\nkind: DestinationRule\nmetadata: {name: web}\nspec: {host: "
           "web, subsets: [" +
           list + "]}\n";
  };
  struct Case {
    const char* sentence;
    std::string yaml;
    bool named;
  };
  const Case cases[] = {
      {"it is there", routes("web", "v1") + subsets("{name: v1, labels: {version: v1}}"), false},
      {"it is there under the long name",
       routes("web.shop.svc.cluster.local", "v1") + subsets("{name: v1, labels: {version: v1}}"), false},
      {"the list is empty", routes("web", "v1") + subsets(""), true},
      {"there is no DestinationRule", routes("web", "v1"), true},
      {"another namespace's is not ours to know", routes("web.mall", "v1"), false},
  };
  for (const Case& one : cases) {
    const Plan seen = live::plan(live::shop() + live::deployment("web") + live::service("web") + one.yaml);
    EXPECT_EQ(live::codes(seen).find("MG208") != std::string::npos, one.named) << one.sentence;
  }
}

}  // namespace
}  // namespace meshgraft
