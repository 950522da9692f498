// Rows of the sim tier's table with a gateway: an ingress-nginx controller in a namespace of its own, which serves the
// namespace of an application.

#include "reconcilers/keys.h"
#include "tests/fakes/selectors.h"
#include "tests/sim/invariants.h"
#include "tests/sim/scenarios.h"

namespace meshgraft::sim {
namespace {

using fakes::at;
using fakes::text_at;

const std::string kAppKey(keys::kApp);
const std::string kGatewayKey(keys::kGateway);
const std::string kNginx = "ingress-nginx";
const std::string kController = "ingress-nginx-controller";

void seed(RigCluster& cluster, std::string_view object) {
  const fakes::Answer answer = cluster.engine.seed(Json::parse(object));
  ASSERT_TRUE(answer.ok()) << to_text(answer.body);
}

// A shop behind an Ingress, and the controller that serves it, on the hosts' network or not.
void open_shop(RigCluster& cluster, bool host_network) {
  cluster.add_namespace("shop");
  cluster.add_app("shop", "web");
  cluster.add_namespace(kNginx);
  seed(cluster, R"({"apiVersion":"networking.k8s.io/v1","kind":"IngressClass","metadata":{"name":"nginx"},"spec":{"controller":"k8s.io/ingress-nginx"}})");
  seed(cluster, R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"shop","namespace":"shop"},"spec":{"ingressClassName":"nginx",
    "rules":[{"host":"shop.example.com","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"web","port":{"number":80}}}}]}}]}})");
  seed(cluster, R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"ingress-nginx-controller","namespace":"ingress-nginx"},"data":{"allow-snippet-annotations":"true"}})");
  seed(cluster, R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"ingress-nginx-controller","namespace":"ingress-nginx"},"spec":{
    "selector":{"app.kubernetes.io/name":"ingress-nginx"},"ports":[{"name":"http","port":80,"targetPort":"http","appProtocol":"http"}]}})");
  Json controller = Json::parse(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"ingress-nginx-controller","namespace":"ingress-nginx"},"spec":{"replicas":2,
    "selector":{"matchLabels":{"app.kubernetes.io/name":"ingress-nginx"}},"template":{"metadata":{"labels":{"app.kubernetes.io/name":"ingress-nginx"}},"spec":{
    "containers":[{"name":"controller","image":"registry.k8s.io/ingress-nginx/controller:v1.8.1","args":["/nginx-ingress-controller",
    "--controller-class=k8s.io/ingress-nginx","--configmap=$(POD_NAMESPACE)/ingress-nginx-controller","--validating-webhook=:8443"],
    "ports":[{"name":"http","containerPort":80},{"name":"https","containerPort":443},{"name":"webhook","containerPort":8443}]}]}}}})");
  if (host_network) {
    Json& pod = controller["spec"]["template"]["spec"];
    pod["hostNetwork"] = true;
    pod["dnsPolicy"] = "ClusterFirstWithHostNet";
    for (Json& port : pod["containers"][0]["ports"]) port["hostPort"] = port["containerPort"];
  }
  const fakes::Answer answer = cluster.engine.seed(controller);
  ASSERT_TRUE(answer.ok()) << to_text(answer.body);
  cluster.play_on();
}

void label(RigCluster& cluster, const std::string& app, const std::string& gateway) {
  cluster.label("shop", kAppKey, app);
  cluster.label(kNginx, kGatewayKey, gateway);
}

std::string is_in_the_mesh(const RigCluster& cluster) {
  if (std::string shop = is_joined(cluster, "shop", {"web"}); !shop.empty()) return shop;
  const Json pod = at(cluster.deployment(kNginx, kController), {"spec", "template"});
  if (text_at(pod, {"metadata", "annotations", std::string(keys::kSidecarInject)}) != "true") return "the gateway asks for no sidecar";
  if (at(pod, {"spec", "hostNetwork"}) == true) return "the gateway is on the hosts' network";
  if (cluster.object("networking.istio.io/v1alpha3", "EnvoyFilter", kNginx, "preserve-client-ip").is_null()) return "there is no EnvoyFilter";
  const Json ingress = cluster.object("networking.k8s.io/v1", "Ingress", "shop", "shop");
  if (text_at(ingress, {"metadata", "annotations", "nginx.ingress.kubernetes.io/upstream-vhost"}) != "web.shop.svc.cluster.local") return "the Ingress names no inside host";
  const Json config = cluster.object("v1", "ConfigMap", kNginx, kController);
  return text_at(config, {"data", "enable-real-ip"}) == "true" ? "" : "the ConfigMap keeps no client address";
}

std::string is_as_before(const RigCluster& cluster, bool host_network) {
  RigCluster fresh;
  open_shop(fresh, host_network);
  for (const std::string& ns : {std::string("shop"), kNginx}) {
    const Json want = image_of(fresh, ns);
    const Json have = image_of(cluster, ns);
    if (want != have) return ns + " is not as before: " + to_text(Json::diff(want, have));
  }
  return "";
}

}  // namespace

std::vector<Scenario> gateway_scenarios() {
  std::vector<Scenario> rows;
  const auto add = [&rows](std::string_view name, bool host_network, bool (*when)(const RigCluster&)) {
    const Act leave{"kubectl label ns --all meshgraft.io/app- meshgraft.io/gateway-", [](RigCluster& cluster) { label(cluster, "", ""); }, when, when != nullptr};
    rows.push_back({.name = name,
                    .given =
                        [host_network](RigCluster& cluster) {
                          open_shop(cluster, host_network);
                          label(cluster, "bookshop", kNginx);
                        },
                    .acts = {leave},
                    .in_the_end = [host_network](const RigCluster& cluster) { return is_as_before(cluster, host_network); },
                    .settings = {},
                    .outage_by_user = {}});
  };
  const auto joined = [](const RigCluster& cluster) { return is_in_the_mesh(cluster).empty(); };
  add("a_gateway_joins_and_goes_back", false, joined);
  add("a_gateway_on_the_hosts_network_joins_and_goes_back", true, joined);
  add("the_labels_are_removed_while_a_gateway_joins", true, nullptr);
  return rows;
}

}  // namespace meshgraft::sim
