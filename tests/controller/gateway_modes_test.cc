// How client addresses are kept, switched on a living cluster: the chart's value changes, the controller starts anew,
// and what the former mode made goes. Each object is made once.

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "k8sclient/model/json_read.h"
#include "reconcilers/keys.h"
#include "tests/controller/rig.h"

namespace meshgraft {
namespace {

const std::string kNginx = "ingress-nginx";
constexpr Duration kQuiet = std::chrono::seconds(120);  // longer than the way back waits for KubeSphere (rules 14)
const std::string kController = "ingress-nginx-controller";

struct GatewayModes : testing::Test {
  RigCluster cluster;

  GatewayModes() {
    for (const std::string& ns : {kNginx, std::string("istio-system")}) cluster.add_namespace(ns);
    for (const std::string_view object :
         {R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"ingress-nginx-controller","namespace":"ingress-nginx"},"data":{}})",
          R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"ingress-nginx-controller","namespace":"ingress-nginx"},"spec":{
            "selector":{"app.kubernetes.io/name":"ingress-nginx"},"ports":[{"name":"http","port":80,"targetPort":"http","appProtocol":"http"}]}})",
          R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"ingress-nginx-controller","namespace":"ingress-nginx"},"spec":{"replicas":2,
            "selector":{"matchLabels":{"app.kubernetes.io/name":"ingress-nginx"}},"template":{"metadata":{"labels":{"app.kubernetes.io/name":"ingress-nginx"}},"spec":{
            "containers":[{"name":"controller","image":"registry.k8s.io/ingress-nginx/controller:v1.8.1","args":["/nginx-ingress-controller",
            "--controller-class=k8s.io/ingress-nginx","--configmap=$(POD_NAMESPACE)/ingress-nginx-controller","--validating-webhook=:8443"],
            "ports":[{"name":"http","containerPort":80},{"name":"https","containerPort":443},{"name":"webhook","containerPort":8443}]}]}}}})"}) {
      cluster.engine.seed(Json::parse(object));
    }
    cluster.play_on();
    cluster.label(kNginx, std::string(keys::kGateway), "ingress-nginx");
  }

  // The controller runs under `mode` until the cluster is quiet. Returns what it wrote of EnvoyFilters and
  // DestinationRules, "create EnvoyFilter ingress-nginx/preserve-client-ip"; a removal, which leaves no version to wait
  // for and may be sent twice, once.
  std::vector<std::string> run(ClientIpMode mode) {
    Settings settings;
    settings.client_ip = mode;
    RigController controller(cluster, settings);
    cluster.api.forget_calls();
    controller.settle(kQuiet);
    std::vector<std::string> mesh;
    for (const fakes::Call& call : cluster.writes()) {
      if (call.key.kind != Kind::envoy_filter && call.key.kind != Kind::destination_rule) continue;
      const bool removed = call.verb == fakes::CallVerb::remove;
      std::string line = (call.verb == fakes::CallVerb::create ? "create " : removed ? "delete " : "patch ") + to_string(call.key);
      if (!removed || std::find(mesh.begin(), mesh.end(), line) == mesh.end()) mesh.push_back(std::move(line));
    }
    cluster.api.forget_calls();
    controller.settle();
    EXPECT_TRUE(cluster.writes().empty()) << "a settled gateway is written again";
    return mesh;
  }

  [[nodiscard]] std::string captured() const {
    const Json pod = cluster.deployment(kNginx, kController)["spec"]["template"]["metadata"];
    return pod["annotations"].value("traffic.sidecar.istio.io/excludeInboundPorts", "");
  }
};

TEST_F(GatewayModes, the_mesh_wide_filter_is_made_once) {
  EXPECT_THAT(run(ClientIpMode::mesh_wide), testing::ElementsAre("create EnvoyFilter istio-system/preserve-client-ip"));
}

TEST_F(GatewayModes, each_mode_takes_back_what_the_former_made) {
  EXPECT_THAT(run(ClientIpMode::envoy_filter), testing::ElementsAre("create EnvoyFilter ingress-nginx/preserve-client-ip"));
  EXPECT_EQ(captured(), "443,8443");
  EXPECT_THAT(run(ClientIpMode::mesh_wide), testing::UnorderedElementsAre("create EnvoyFilter istio-system/preserve-client-ip",
                                                                          "delete EnvoyFilter ingress-nginx/preserve-client-ip"));
  EXPECT_THAT(run(ClientIpMode::bypass), testing::UnorderedElementsAre("create DestinationRule ingress-nginx/meshgraft-ingress-nginx-controller",
                                                                       "delete EnvoyFilter istio-system/preserve-client-ip"));
  EXPECT_EQ(captured(), "80,443,8443");
  EXPECT_THAT(run(ClientIpMode::off), testing::ElementsAre("delete DestinationRule ingress-nginx/meshgraft-ingress-nginx-controller"));
  EXPECT_THAT(run(ClientIpMode::envoy_filter), testing::ElementsAre("create EnvoyFilter ingress-nginx/preserve-client-ip"));
  EXPECT_EQ(captured(), "443,8443");
}

TEST_F(GatewayModes, the_mesh_wide_filter_goes_with_the_last_gateway) {
  run(ClientIpMode::mesh_wide);
  cluster.label(kNginx, std::string(keys::kGateway), "");
  EXPECT_THAT(run(ClientIpMode::mesh_wide), testing::ElementsAre("delete EnvoyFilter istio-system/preserve-client-ip"));
  // Who wrote `data: {}` owns no key of it.
  EXPECT_TRUE(cluster.object("v1", "ConfigMap", kNginx, kController).value("data", Json::object()).empty());
}

// KubeSphere's gateways live in a namespace that nobody labels: nothing there changes when a project is done.
TEST(KubeSphereGateway, is_switched_when_its_project_is_done_and_back_when_the_label_goes) {
  RigCluster cluster;
  for (const char* name : {"shop", "kubesphere-controls-system"}) cluster.add_namespace(name);
  cluster.add_app("shop", "web");
  for (const std::string_view object :
       {R"({"apiVersion":"gateway.kubesphere.io/v1alpha1","kind":"Gateway","metadata":{"name":"kubesphere-router-shop","namespace":"kubesphere-controls-system"},
          "spec":{"controller":{"replicas":1,"scope":{"enabled":true,"namespace":"shop"}}}})",
        R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"edge","namespace":"shop"},"spec":{"ingressClassName":"nginx",
          "rules":[{"host":"shop.example.com","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"web","port":{"number":80}}}}]}}]}})"}) {
    ASSERT_TRUE(cluster.engine.seed(Json::parse(object)).ok());
  }
  cluster.play_on();
  const auto is_on = [&cluster] {
    const Json gateway = cluster.object("gateway.kubesphere.io/v1alpha1", "Gateway", "kubesphere-controls-system", "kubesphere-router-shop");
    const Json* value = value_at(gateway, "/spec/deployment/annotations/servicemesh.kubesphere.io~1enabled");
    return value != nullptr && *value == "true";
  };
  RigController controller(cluster);
  controller.settle(kQuiet);
  EXPECT_FALSE(is_on());
  cluster.label("shop", std::string(keys::kApp), "shop");
  controller.settle(kQuiet);
  EXPECT_TRUE(is_on());
  cluster.label("shop", std::string(keys::kApp), "");
  controller.settle(kQuiet);
  EXPECT_FALSE(is_on());
}

}  // namespace
}  // namespace meshgraft
