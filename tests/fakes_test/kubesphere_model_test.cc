// The KubeSphere model against what KubeSphere 3.3.2's controllers really did: 41 recorded cases, the transitions of
// one namespace step by step, and a canary carried to its end.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "k8sclient/model/yaml_read.h"
#include "tests/fakes/cluster_play.h"
#include "tests/fakes/kubesphere_play.h"
#include "tests/fakes/world.h"

namespace meshgraft::fakes {
namespace {

constexpr std::int64_t kStart = 1'800'000'000'000;

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class Cluster {
 public:
  Cluster() {
    serve_custom_kinds(engine, Profile::kubesphere_3_3);
    engine.seed({{"apiVersion", "v1"}, {"kind", "Node"}, {"metadata", {{"name", "n"}}}});
  }

  void load(const std::string& text, const std::string& source) {
    const Result<std::vector<Document>> documents = read_manifests(text, source, "shop");
    ASSERT_TRUE(documents) << documents.error().text;
    for (const Document& document : *documents) {
      Json object = Json::parse(document.json.dump());
      object["metadata"]["namespace"] = "shop";
      const Answer answer = engine.seed(std::move(object));
      ASSERT_TRUE(answer.ok()) << to_text(answer.body);
      settle();
    }
  }
  void settle() {
    now += 1000;
    while (play.step(now) || kubesphere.step()) {
    }
  }
  Target target(const char* kind, const char* name) {
    return {engine.by_kind(kind == std::string("Deployment") ? "apps/v1" : model_api_version(kind), kind), "", "shop",
            name, ""};
  }
  void patch(const char* kind, const char* name, const char* body) {
    const Answer answer =
        engine.patch(target(kind, name), PatchFormat::merge, Json::parse(body), {"kubectl", false, false});
    ASSERT_TRUE(answer.ok()) << to_text(answer.body);
    settle();
  }
  void remove(const char* kind, const char* name, bool orphan = false) {
    DeleteOptions options;
    if (orphan) options.propagation = DeleteOptions::orphan;
    ASSERT_TRUE(engine.remove(target(kind, name), options).ok());
    settle();
  }

  // In the form of the recorded observed.yaml files, lists without an order sorted.
  Json observed() {
    Json out = {
        {"virtualServices", Json::array()}, {"destinationRules", Json::array()}, {"applications", Json::array()}};
    const auto shown = [](const Json& object) {
      return Json{
          {"name", object["metadata"]["name"]}, {"labels", object["metadata"]["labels"]}, {"spec", object["spec"]}};
    };
    for (const Object& one : engine.objects("networking.istio.io/v1alpha3", "VirtualService"))
      out["virtualServices"].push_back(shown(*one));
    for (const Object& one : engine.objects("networking.istio.io/v1alpha3", "DestinationRule"))
      out["destinationRules"].push_back(shown(*one));
    for (const Object& one : engine.objects("app.k8s.io/v1beta1", "Application")) {
      Json components = Json::array();
      for (const Json& member : at(*one, {"status", "components"})) {
        components.push_back(text_at(member, {"group"}) + "/" + text_at(member, {"kind"}) + "/" +
                             text_at(member, {"name"}) + " " + text_at(member, {"status"}));
      }
      out["applications"].push_back({{"name", (*one)["metadata"]["name"]},
                                     {"components", components},
                                     {"ready", text_at(*one, {"status", "componentsReady"})}});
    }
    return sorted(std::move(out));
  }
  static Json sorted(Json out) {
    for (Json& rule : out["destinationRules"]) {
      auto& subsets = rule["spec"]["subsets"];
      if (subsets.is_null()) subsets = Json::array();
      std::sort(subsets.begin(), subsets.end(), [](const Json& a, const Json& b) { return a["name"] < b["name"]; });
    }
    for (Json& application : out["applications"]) {
      if (application["components"].is_null()) application["components"] = Json::array();
      std::sort(application["components"].begin(), application["components"].end());
    }
    return out;
  }

  // "v1,gray", "none" without a DestinationRule.
  std::string subsets() {
    const Object rule = engine.object("networking.istio.io/v1alpha3", "DestinationRule", "shop", "web");
    if (!rule) return "none";
    std::string out;
    for (const Json& one : at(*rule, {"spec", "subsets"})) out += (out.empty() ? "" : ",") + text_at(one, {"name"});
    return out;
  }
  // "http: v1 70, gray 30", "none" without a VirtualService.
  std::string routes() {
    const Object service = engine.object("networking.istio.io/v1alpha3", "VirtualService", "shop", "web");
    if (!service) return "none";
    std::string out;
    for (const char* protocol : {"http", "tcp"}) {
      for (const Json& route : at(*service, {"spec", protocol})) {
        out += std::string(out.empty() ? "" : "; ") + protocol + ":";
        for (const Json& one : at(route, {"route"}))
          out += " " + text_at(one, {"destination", "subset"}) + " " + std::to_string(number_at(one, {"weight"}));
      }
    }
    return out;
  }
  std::string members() {
    const Object application = engine.object("app.k8s.io/v1beta1", "Application", "shop", "shop");
    std::string out;
    for (const Json& one : at(*application, {"status", "components"}))
      out += (out.empty() ? "" : ",") + text_at(one, {"kind"});
    return out;
  }

  Engine engine;
  ClusterPlay play{engine};
  KubeSpherePlay kubesphere{engine};
  std::int64_t now = kStart;
};

TEST(KubeSphereModel, reproduces_every_recorded_case) {
  int cases = 0;
  for (const auto& folder :
       std::filesystem::directory_iterator(std::string(MESHGRAFT_SOURCE_DIR) + "/tests/data/kubesphere-3.3.2")) {
    const std::string name = folder.path().filename();
    SCOPED_TRACE(name);
    Cluster cluster;
    cluster.load(read(folder.path() / "input.yaml"), name);
    Result<Json> wanted = yaml_to_json(read(folder.path() / "observed.yaml"), name);
    ASSERT_TRUE(wanted) << wanted.error().text;
    EXPECT_EQ(cluster.observed().dump(1), Cluster::sorted(std::move(*wanted)).dump(1));
    ++cases;
  }
  EXPECT_EQ(cases, 41);
}

const char* const kApplication = R"(
apiVersion: app.k8s.io/v1beta1
kind: Application
metadata: {name: shop, labels: {app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}, annotations: {servicemesh.kubesphere.io/enabled: 'true'}}
spec:
  addOwnerRef: false
  selector: {matchLabels: {app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}}
  componentKinds: [{group: '', kind: Service}, {group: apps, kind: Deployment}, {group: servicemesh.kubesphere.io, kind: Strategy}]
)";
const char* const kPlain = R"(
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: "i:1"}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec: {selector: {app: web}, ports: [{name: http-web, port: 80, targetPort: 8080}]}
)";
const char* const kLabels =
    R"({"metadata":{"labels":{"app":"web","version":"v1","app.kubernetes.io/name":"shop","app.kubernetes.io/version":"v1"}}})";
const char* const kEnabled = R"({"metadata":{"annotations":{"servicemesh.kubesphere.io/enabled":"true"}}})";
const char* const kDisabled = R"({"metadata":{"annotations":{"servicemesh.kubesphere.io/enabled":"false"}}})";
const char* const kRemoved = R"({"metadata":{"annotations":{"servicemesh.kubesphere.io/enabled":null}}})";

std::string deployment(const std::string& name, const std::string& version, int replicas) {
  const std::string labels =
      "{app: web, version: " + version + ", app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}";
  return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", labels: " + labels +
         ", annotations: {servicemesh.kubesphere.io/enabled: 'true'}}\nspec:\n  replicas: " + std::to_string(replicas) +
         "\n  selector: {matchLabels: " + labels + "}\n  template: {metadata: {labels: " + labels +
         "}, spec: {containers: [{name: c, image: \"i:1\"}]}}\n";
}

TEST(KubeSphereModel, reproduces_the_recorded_transitions) {
  Cluster cluster;
  const auto expect = [&](const char* step, const char* subsets, const char* routes, const char* members) {
    EXPECT_EQ(cluster.subsets(), subsets) << step;
    EXPECT_EQ(cluster.routes(), routes) << step;
    EXPECT_EQ(cluster.members(), members) << step;
  };
  cluster.load(kApplication, "application");
  cluster.load(kPlain, "plain");
  expect("plain", "none", "none", "");
  cluster.patch("Deployment", "web", kLabels);
  cluster.patch("Service", "web", kLabels);
  expect("labels added: the Application misses it", "none", "none", "");
  cluster.patch("Application", "shop", R"({"metadata":{"annotations":{"touched":"1"}}})");
  expect("Application touched", "none", "none", "Service,Deployment");
  cluster.patch("Deployment", "web", kEnabled);
  cluster.patch("Service", "web", kEnabled);
  expect("annotated, selector app only", "", "none", "Service,Deployment");
  cluster.remove("Deployment", "web", true);
  cluster.load(deployment("web", "v1", 1), "fuller");
  expect("re-created with the full selector", "v1", "http: v1 100", "Service,Deployment");
  cluster.patch("Service", "web", kRemoved);
  expect("Service annotation removed", "v1", "http: v1 100", "Service,Deployment");
  cluster.patch("Service", "web", kDisabled);
  expect("Service annotation false", "v1", "http: v1 100", "Service,Deployment");
  cluster.patch("Service", "web", kEnabled);
  cluster.patch("Deployment", "web", kRemoved);
  expect("Deployment annotation removed", "", "http: v1 100", "Service,Deployment");
  cluster.patch("Deployment", "web", kEnabled);
  cluster.patch("Deployment", "web", R"({"spec":{"replicas":0}})");
  expect("scaled to 0", "", "http: v1 100", "Service,Deployment");
  cluster.patch("Deployment", "web", R"({"spec":{"replicas":1}})");
  cluster.patch("Service", "web", R"({"metadata":{"labels":{"app.kubernetes.io/name":null}}})");
  expect("Service loses its name label", "v1", "http: v1 100", "Deployment");
  cluster.remove("Service", "web");
  expect("Service deleted", "none", "none", "Deployment");
}

TEST(KubeSphereModel, reproduces_the_recorded_canary) {
  Cluster cluster;
  const auto expect = [&](const char* step, const char* subsets, const char* routes) {
    EXPECT_EQ(cluster.subsets(), subsets) << step;
    EXPECT_EQ(cluster.routes(), routes) << step;
  };
  cluster.load(kApplication, "application");
  cluster.load(deployment("web-v1", "v1", 2), "v1");
  cluster.load(R"(
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}, annotations: {servicemesh.kubesphere.io/enabled: 'true'}}
spec: {selector: {app: web}, ports: [{name: http-web, port: 80}]}
)",
               "service");
  expect("one version", "v1", "http: v1 100");
  cluster.load(deployment("web-gray", "gray", 1), "gray");
  expect("gray created", "v1,gray", "http: v1 100");
  cluster.load(R"(
apiVersion: servicemesh.kubesphere.io/v1alpha2
kind: Strategy
metadata: {name: web, labels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}}
spec:
  type: Canary
  principal: v1
  strategyPolicy: WaitForWorkloadReady
  selector: {matchLabels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}}
  template: {spec: {hosts: [web], http: [{route: [{destination: {host: web, subset: v1}, weight: 70}, {destination: {host: web, subset: gray}, weight: 30}]}]}}
)",
               "strategy");
  expect("Strategy 70/30", "v1,gray", "http: v1 70 gray 30");
  cluster.patch("Strategy", "web", R"({"spec":{"governor":"gray"}})");
  expect("governor gray", "v1,gray", "http: gray 100");
  cluster.patch("Deployment", "web-v1",
                R"({"spec":{"template":{"spec":{"containers":[{"name":"c","image":"i:2"}]}}}})");
  expect("image rolled out", "v1,gray", "http: gray 100");
  cluster.patch("Strategy", "web", R"({"spec":{"governor":"v1"}})");
  expect("governor v1", "v1,gray", "http: v1 100");
  cluster.remove("Deployment", "web-gray");
  expect("gray deleted", "v1", "http: v1 100");
  cluster.remove("Strategy", "web");
  expect("Strategy deleted", "v1", "http: v1 100");
}

TEST(KubeSphereModel, a_settled_cluster_gets_no_writes) {
  Cluster cluster;
  cluster.load(kApplication, "application");
  cluster.load(deployment("web", "v1", 1), "v1");
  const std::uint64_t version = cluster.engine.version();
  cluster.settle();
  EXPECT_EQ(cluster.engine.version(), version);
}

}  // namespace
}  // namespace meshgraft::fakes
