#include "reconcilers/facts.h"

#include <fstream>
#include <sstream>
#include <string>

#include "k8sclient/model/json_read.h"
#include "tests/reconcilers/given.h"

namespace meshgraft {
namespace {

const std::string kIstiod = R"(---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod-1-11-2, namespace: istio-system, labels: {app: istiod, istio.io/rev: 1-11-2}}
spec:
  selector: {matchLabels: {app: istiod}}
  template:
    metadata: {labels: {app: istiod, istio.io/rev: 1-11-2}}
    spec: {containers: [{name: discovery, image: "registry.cn-beijing.aliyuncs.com/kubesphereio/pilot:1.11.2", args: [discovery, --domain, k8s.corp]}]}
status: {readyReplicas: 1, replicas: 1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-sidecar-injector-1-11-2, namespace: istio-system}
data: {config: "policy: disabled\ntemplates: {}\n"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-1-11-2, namespace: istio-system}
data: {mesh: "enableTracing: true\nrootNamespace: mesh-root\n"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-sidecar-injector-1-11-2, labels: {app: sidecar-injector, istio.io/rev: 1-11-2}}
webhooks:
- name: rev.namespace.sidecar-injector.istio.io
  namespaceSelector: {matchExpressions: [{key: istio.io/rev, operator: In, values: [1-11-2]}]}
  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
---
apiVersion: installer.kubesphere.io/v1alpha1
kind: ClusterConfiguration
metadata: {name: ks-installer, namespace: kubesphere-system, labels: {version: v3.3.2}}
spec: {servicemesh: {enabled: true}}
status: {servicemesh: {status: enabled}}
)";

TEST(Facts, the_mesh_of_kubesphere_3_is_read_from_its_objects) {
  const Facts facts = derive_facts(given::world(kIstiod), {});
  EXPECT_TRUE(facts.mesh.present);
  EXPECT_TRUE(facts.mesh.ready);
  EXPECT_EQ(facts.mesh.version, (Version{1, 11, 2}));
  EXPECT_EQ(facts.mesh.revision, "1-11-2");
  EXPECT_EQ(facts.mesh.root_namespace, "mesh-root");
  EXPECT_FALSE(facts.mesh.policy_enabled);
  EXPECT_EQ(facts.mesh.injectors.size(), 1U);
  EXPECT_TRUE(facts.platform.kubesphere);
  EXPECT_TRUE(facts.platform.mesh_on) << facts.platform.mesh_why;
  EXPECT_EQ(facts.platform.cluster_domain, "k8s.corp");
}

TEST(Facts, kubesphere_says_itself_whether_its_mesh_is_on) {
  std::string off = kIstiod;
  off.replace(off.find("{servicemesh: {enabled: true}}"), 30, "{servicemesh: {enabled: false}}");
  EXPECT_FALSE(derive_facts(given::world(off), {}).platform.mesh_on);
  EXPECT_NE(derive_facts(given::world(off), {}).platform.mesh_why.find("enabled: false"), std::string::npos);
  std::string failed = kIstiod;
  failed.replace(failed.find("{status: enabled}"), 17, "{status: failed}");
  EXPECT_FALSE(derive_facts(given::world(failed), {}).platform.mesh_on);
  const auto plan = [](const std::string& enabled, const std::string& state) {
    return derive_facts(given::world("---\napiVersion: kubesphere.io/v1alpha1\nkind: InstallPlan\nmetadata: {name: servicemesh}\nspec: {extension: {name: servicemesh, version: 0.1.0}, enabled: " +
                                     enabled + "}\nstatus: {state: " + state + "}\n"),
                        {})
        .platform;
  };
  EXPECT_EQ(plan("true", "Installed").name, "kubesphere 4");
  EXPECT_TRUE(plan("true", "Installed").mesh_on);
  EXPECT_FALSE(plan("true", "InstallFailed").mesh_on);
  EXPECT_FALSE(plan("true", "Installing").mesh_on);
  EXPECT_FALSE(plan("false", "Installed").mesh_on);
}

TEST(Facts, without_istiod_there_is_no_mesh) {
  const Facts facts = derive_facts(given::world(""), {});
  EXPECT_FALSE(facts.mesh.present);
  EXPECT_FALSE(facts.mesh.ready);
  EXPECT_TRUE(facts.platform.mesh_on);
}

TEST(Facts, an_istiod_outside_the_cluster_is_taken_to_serve) {
  const std::string webhook = kIstiod.substr(kIstiod.find("---\napiVersion: admissionregistration"));
  EXPECT_TRUE(derive_facts(given::world(webhook), {}).mesh.ready);
  const std::string gone = webhook + "---\napiVersion: v1\nkind: Service\nmetadata: {name: istiod-1-11-2, namespace: istio-system}\nspec: {ports: [{port: 443}]}\n";
  EXPECT_FALSE(derive_facts(given::world(gone), {}).mesh.ready);
}

TEST(Facts, gateways_are_found_by_image_and_argument) {
  const auto found = [](const std::string& image, const std::string& args) {
    return derive_facts(given::world("---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: edge, namespace: edge}\nspec:\n  selector: {matchLabels: {a: b}}\n"
                                     "  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: \"" + image + "\", args: [" + args + "]}]}}\n"),
                        {})
        .gateways;
  };
  ASSERT_EQ(found("registry.k8s.io/ingress-nginx/controller:v1.8.1@sha256:00", "").size(), 1U);
  EXPECT_EQ(found("registry.k8s.io/ingress-nginx/controller:v1.8.1@sha256:00", "")[0].version, (Version{1, 8, 1}));
  EXPECT_EQ(found("harbor.corp/mirror/ingress-nginx/controller:v1.15.1", "").size(), 1U);
  EXPECT_EQ(found("registry.cn-hangzhou.aliyuncs.com/google_containers/nginx-ingress-controller:v1.8.1", "").size(), 1U);
  EXPECT_EQ(found("harbor.corp/edge:1", "--configmap=a/b, --controller-class=k8s.io/ingress-nginx").size(), 1U);
  EXPECT_EQ(found("nginx/nginx-ingress:3.3", "").size(), 0U);
  const GatewayFacts custom = found("ingress-nginx/controller:v1.9.0", "--ingress-class=inside, --watch-namespace=shop, --watch-ingress-without-class=true").at(0);
  EXPECT_EQ(custom.classes, std::set<std::string>{"inside"});
  EXPECT_EQ(custom.watched_namespace, "shop");
  EXPECT_TRUE(custom.serves_default);
}

TEST(Facts, a_chart_that_lists_gateway_namespaces_admits_no_other) {
  const std::string yaml =
      "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: edge, labels: {meshgraft.io/gateway: ingress-nginx}}\n"
      "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: edge, namespace: edge}\nspec:\n  selector: {matchLabels: {a: b}}\n"
      "  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: \"ingress-nginx/controller:v1.8.1\"}]}}\n";
  Settings settings;
  EXPECT_TRUE(derive_facts(given::world(yaml), settings).gateways.at(0).opted_in);
  settings.gateway_namespaces = {"other"};
  EXPECT_FALSE(derive_facts(given::world(yaml), settings).gateways.at(0).opted_in);
}

TEST(Facts, a_world_puts_objects_where_they_belong_and_makes_up_namespaces) {
  const World world = given::world(
      "---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
      "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: applications.app.k8s.io}\n");
  ASSERT_TRUE(world.namespaces.contains("shop"));
  const NamespaceView& view = world.namespaces.at("shop");
  ASSERT_NE(view.ns, nullptr);
  EXPECT_EQ(view.ns->meta.name, "shop");
  ASSERT_EQ(view.services.size(), 2U);
  EXPECT_EQ(view.services[0]->meta.name, "a");
  EXPECT_TRUE(world.served.contains(Kind::application));
}

TEST(Profiles, they_are_the_recorded_meshes) {
  for (const auto& [name, file] : {std::pair{"kubesphere-3.3", "kubesphere-3.3-istio-1.11.2"}, std::pair{"istio", "istio-1.31"}}) {
    std::ifstream recorded(std::string(MESHGRAFT_SOURCE_DIR) + "/tests/data/injection/" + file + ".webhooks.yaml");
    ASSERT_TRUE(recorded) << file;
    std::stringstream text;
    text << recorded.rdbuf();
    const World world = given::world(text.str());
    const auto chosen = profile(name);
    ASSERT_TRUE(chosen);
    const MeshFacts derived = derive_facts(world, {}).mesh;
    ASSERT_EQ(chosen->mesh.injectors.size(), derived.injectors.size());
    for (std::size_t i = 0; i < derived.injectors.size(); ++i) {
      EXPECT_EQ(chosen->mesh.injectors[i].name, derived.injectors[i].name);
      MeshFacts one, other;
      one.injectors = {chosen->mesh.injectors[i]};
      other.injectors = {derived.injectors[i]};
      EXPECT_EQ(facts_to_json(one, {})["mesh"]["webhooks"], facts_to_json(other, {})["mesh"]["webhooks"]);
    }
  }
}

TEST(Profiles, facts_go_into_a_file_and_come_back) {
  for (const std::string_view name : profile_names()) {
    const auto chosen = profile(name);
    ASSERT_TRUE(chosen) << name;
    const Json json = facts_to_json(chosen->mesh, chosen->platform);
    const auto back = facts_from_json(json);
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(facts_to_json(back->mesh, back->platform), json);
  }
  EXPECT_FALSE(profile("kubesphere-2"));
}

TEST(Profiles, a_bad_facts_file_is_said_by_its_field) {
  const struct {
    const char *json, *word;
  } rows[] = {
      {"[]", "no object"},
      {"{}", "neither"},
      {R"({"mesh":[1,2]})", "mesh is no object"},
      {R"({"platform":"istio"})", "platform is no object"},
      {R"({"mesh":{"istiods":{}}})", "mesh.istiods"},
      {R"({"mesh":{"tags":[]}})", "mesh.tags"},
      {R"({"mesh":{"version":"new"}})", "mesh.version"},
      {R"({"mesh":{"injectionPolicy":"maybe"}})", "mesh.injectionPolicy"},
      {R"({"mesh":{"webhooks":{}}})", "mesh.webhooks"},
      {R"({"mesh":{"webhooks":[{"objectSelector":{"matchLabels":[]}}]}})", "mesh.webhooks[0].objectSelector.matchLabels"},
      {R"({"platform":{"served":["Nothing"]}})", "platform.served"},
  };
  for (const auto& row : rows) {
    const auto read = facts_from_json(*read_json(row.json));
    ASSERT_FALSE(read) << row.json;
    EXPECT_NE(read.error().text.find(row.word), std::string::npos) << read.error().text;
  }
}

}  // namespace
}  // namespace meshgraft
