#include "reconcilers/facts.h"

#include <fstream>
#include <sstream>
#include <string>

#include "k8sclient/model/json_read.h"
#include "reconcilers/mesh_facts.h"
#include "reconcilers/mesh_host.h"
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

TEST(Facts, the_config_maps_to_read_are_those_of_what_counts_as_istiod_or_as_a_gateway) {
  const auto of = [](const std::string& name, const std::string& labels, const std::string& pod_labels, const std::string& container) {
    const auto objects = given::objects("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", namespace: mesh, labels: {" + labels + "}}\n" +
                                      "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {" + pod_labels + "}}, spec: {containers: [{" + container + "}]}}}\n");
    std::string names;
    for (const ObjectKey& key : config_maps_of(*as<Workload>(objects.front().get()))) names += key.ns + "/" + key.name + " ";
    return names;
  };
  const std::string pilot = "name: discovery, image: \"istio/pilot:1.11.2\"";
  EXPECT_EQ(of("istiod", "app: istiod", "app: istiod", pilot), "mesh/istio mesh/istio-sidecar-injector ");
  EXPECT_EQ(of("control-plane", "", "app: istiod, istio.io/rev: 1-11-2", pilot), "mesh/istio-1-11-2 mesh/istio-sidecar-injector-1-11-2 ")
      << "derive_mesh takes it for istiod, whatever its Deployment is called and labelled";
  EXPECT_EQ(of("istiod", "app: istiod, istio.io/rev: \"\"", "app: istiod", pilot), "mesh/istio mesh/istio-sidecar-injector ");
  EXPECT_EQ(of("istiod-proxy", "app: istiod", "app: web", pilot), "") << "nobody would read them";
  EXPECT_EQ(of("gate", "", "a: b", "name: c, image: \"ingress-nginx/controller:v1.8.1\", args: [--configmap=edge/conf]"), "edge/conf ");
  EXPECT_EQ(of("gate", "", "a: b", "name: c, image: \"ingress-nginx/controller:v1.8.1\""), "");
}

TEST(Facts, a_host_means_the_service_of_its_own_namespace) {
  EXPECT_EQ(service_of_host("web", "shop"), "web");
  EXPECT_EQ(service_of_host("web.shop", "shop"), "web");
  EXPECT_EQ(service_of_host("web.shop.svc", "shop"), "web");
  EXPECT_EQ(service_of_host("web.shop.svc.cluster.local", "shop"), "web");
  for (const char* other : {"web.other", "web.shops", "web.shop2.svc", "web.shop.svcs", "web.shop.example.org", "example.org"}) EXPECT_EQ(service_of_host(other, "shop"), "") << other;
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

// Another control plane beside kIstiod's: the default one of plain Istio, with its own configuration.
const std::string kSecond = R"(---
apiVersion: v1
kind: Namespace
metadata: {name: mesh-root}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: istiod, namespace: istio-system, labels: {app: istiod}}
spec:
  selector: {matchLabels: {app: istiod}}
  template:
    metadata: {labels: {app: istiod}}
    spec: {containers: [{name: discovery, image: "docker.io/istio/pilot:1.20.3", args: [discovery, --domain=cluster.local]}]}
status: {readyReplicas: 1, replicas: 1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "rootNamespace: istio-system\n"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: istio-revision-tag-stable, labels: {app: sidecar-injector, istio.io/rev: 1-11-2, istio.io/tag: stable}}
webhooks:
- name: rev.namespace.sidecar-injector.istio.io
  namespaceSelector: {matchExpressions: [{key: istio.io/rev, operator: In, values: [stable]}]}
  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
)";

Facts with_mesh(const std::string& yaml, const MeshSettings& mesh) {
  Settings settings;
  settings.mesh = mesh;
  return derive_facts(given::world(yaml), settings);
}

TEST(MeshSettings, where_two_istiods_run_the_revision_or_a_tag_says_which_speaks_for_the_mesh) {
  const Facts detected = with_mesh(kIstiod + kSecond, {});
  EXPECT_EQ(detected.mesh.revision, "default");
  EXPECT_EQ(detected.mesh.version, (Version{1, 20, 3}));
  EXPECT_EQ(detected.platform.cluster_domain, "cluster.local");
  for (const char* name : {"1-11-2", "stable"}) {
    const Facts chosen = with_mesh(kIstiod + kSecond, {.revision = name, .root_namespace = "", .cluster_domain = ""});
    EXPECT_EQ(chosen.mesh.revision, "1-11-2");
    EXPECT_EQ(chosen.mesh.version, (Version{1, 11, 2}));
    EXPECT_EQ(chosen.mesh.root_namespace, "mesh-root");
    EXPECT_EQ(chosen.platform.cluster_domain, "k8s.corp");
    EXPECT_TRUE(chosen.mesh.ready);
    EXPECT_EQ(chosen.mesh.injectors.size(), detected.mesh.injectors.size()) << "the webhooks of all revisions count";
  }
}

TEST(MeshSettings, a_revision_that_nothing_carries_is_told_with_those_there_are_and_spends_no_restart) {
  const MeshFacts mesh = with_mesh(kIstiod + kSecond, {.revision = "1-14-6", .root_namespace = "", .cluster_domain = ""}).mesh;
  EXPECT_FALSE(mesh.ready);
  EXPECT_EQ(mesh.unready_why, "mesh.revision is 1-14-6, but no istiod and no injector carries that revision or tag; there are: 1-11-2, default");
  EXPECT_EQ(with_mesh("", {.revision = "1-14-6", .root_namespace = "", .cluster_domain = ""}).mesh.unready_why, "") << "a cluster without a mesh: MG904 says so";
}

TEST(MeshSettings, an_istiod_outside_the_cluster_is_followed_beside_one_inside) {
  const std::string outside = "---\napiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\n"
                              "metadata: {name: injector-managed, labels: {app: sidecar-injector, istio.io/rev: managed}}\nwebhooks: []\n"
                              "---\napiVersion: v1\nkind: Service\nmetadata: {name: istiod-1-11-2, namespace: istio-system}\nspec: {ports: [{port: 443}]}\n"
                              "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: asm-system}\n";
  const Facts facts = with_mesh(kIstiod + outside, {.revision = "managed", .root_namespace = "asm-system", .cluster_domain = "corp.local"});
  EXPECT_EQ(facts.mesh.revision, "managed");
  EXPECT_TRUE(facts.mesh.ready);
  EXPECT_FALSE(facts.mesh.version);
  EXPECT_EQ(facts.mesh.root_namespace, "asm-system");
  EXPECT_EQ(facts.platform.cluster_domain, "corp.local");
  EXPECT_TRUE(facts.mesh.disputed.empty());
}

TEST(MeshSettings, root_namespace_and_cluster_domain_are_taken_as_said_and_disputed_where_the_mesh_says_otherwise) {
  const Facts facts = with_mesh(kIstiod + kSecond, {.revision = "1-11-2", .root_namespace = "istio-system", .cluster_domain = "cluster.local"});
  EXPECT_EQ(facts.mesh.root_namespace, "istio-system");
  EXPECT_EQ(facts.platform.cluster_domain, "cluster.local");
  EXPECT_EQ(facts.mesh.disputed,
            (std::vector<std::string>{"mesh.rootNamespace is istio-system, but istiod's mesh configuration says mesh-root",
                                      "mesh.clusterDomain is cluster.local, but istiod was started with --domain k8s.corp"}));
  EXPECT_EQ(with_mesh(kIstiod, {.revision = "", .root_namespace = "nowhere", .cluster_domain = ""}).mesh.disputed,
            (std::vector<std::string>{"mesh.rootNamespace is nowhere, but the cluster has no such namespace"}));
  EXPECT_TRUE(with_mesh(kIstiod + kSecond, {.revision = "1-11-2", .root_namespace = "mesh-root", .cluster_domain = "k8s.corp"}).mesh.disputed.empty());
}

TEST(MeshSettings, a_domain_that_only_istiods_environment_knows_is_not_taken_for_one) {
  std::string unknown = kIstiod;
  unknown.replace(unknown.find("--domain, k8s.corp"), 18, "--domain, $(DOMAIN)");
  EXPECT_EQ(with_mesh(unknown, {}).platform.cluster_domain, "cluster.local");
  const Facts said = with_mesh(unknown, {.revision = "", .root_namespace = "", .cluster_domain = "k8s.corp"});
  EXPECT_EQ(said.platform.cluster_domain, "k8s.corp");
  EXPECT_TRUE(said.mesh.disputed.empty());
}

TEST(MeshSettings, facts_that_were_given_are_held_against_the_revision_alone) {
  World world = given::world("");
  world.mesh = profile("kubesphere-3.3")->mesh;
  world.platform = profile("kubesphere-3.3")->platform;
  Settings settings;
  settings.mesh = {.revision = "1-11-2", .root_namespace = "other", .cluster_domain = "k8s.corp"};
  const Facts facts = derive_facts(world, settings);
  EXPECT_EQ(facts.mesh.unready_why, "");
  EXPECT_EQ(facts.mesh.root_namespace, "other");
  EXPECT_EQ(facts.platform.cluster_domain, "k8s.corp");
  settings.mesh.revision = "default";
  EXPECT_EQ(derive_facts(world, settings).mesh.unready_why, "mesh.revision is default, but the facts that were given are those of revision 1-11-2");
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
    MeshFacts mesh = chosen->mesh;
    mesh.unready_why = "nobody";
    mesh.disputed = {"one", "two"};
    const Json json = facts_to_json(mesh, chosen->platform);
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
