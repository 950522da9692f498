#include "reconcilers/gateway.h"

#include <string>

#include "reconcilers/envoy_filter.h"
#include "reconcilers/foresee.h"
#include "reconcilers/keys.h"
#include "reconcilers/kubesphere_gateway.h"
#include "tests/reconcilers/ruling.h"

namespace meshgraft {
namespace {

using given::app_namespace;
using given::gateway;
using given::ingress;
using given::member;
using given::path;
using given::Ruling;
using given::told;

const std::string kNs = "ingress-nginx";
const std::string kProfile = "kubesphere-3.3";

const Intent* intent_of(const Decision& decision, Stage stage) {
  for (const Intent& intent : decision.intents) {
    if (intent.stage == stage) return &intent;
  }
  return nullptr;
}

// "enable-real-ip=true …" of the ConfigMap's intent; "" without one.
std::string data_of(const Decision& decision) {
  const Intent* intent = intent_of(decision, Stage::gateway_config);
  std::string text;
  if (intent == nullptr) return text;
  for (const auto& [key, value] : intent->wish.data) text += (text.empty() ? "" : " ") + key + "=" + value;
  return text;
}

std::string exclusion_of(const Decision& decision) {
  const Intent* intent = intent_of(decision, Stage::gateway_template);
  if (intent == nullptr) return "no intent";
  const auto found = intent->wish.pod_annotations.find(keys::kExcludeInboundPorts);
  return found == intent->wish.pod_annotations.end() ? "" : found->second;
}

Decision decide(const std::string& yaml, const Settings& settings = {}, const std::string& profile_name = kProfile) {
  return desired_gateway(Ruling(yaml, profile_name, kNs, settings).context());
}

bool says(const Decision& decision, std::string_view code) {
  for (const Finding& one : decision.findings) {
    if (one.code == code) return true;
  }
  return false;
}

// An ingress-nginx on the host network in a namespace with both labels, joined.
World joined_twice() {
  World world = given::world(gateway("v1.8.1", "hostNetwork: true\n      dnsPolicy: ClusterFirstWithHostNet", "replicas: 2", "",
                                     "meshgraft.io/gateway: ingress-nginx, meshgraft.io/app: edge") +
                             "---\napiVersion: v1\nkind: Service\nmetadata: {name: controller, namespace: " + std::string(kNs) +
                             "}\nspec: {selector: {app.kubernetes.io/name: ingress-nginx}, ports: [{name: http, port: 80}]}\n");
  const auto chosen = profile(kProfile);
  world.mesh = chosen->mesh;
  world.platform = chosen->platform;
  world.served = chosen->platform.served;
  return foresee(world, {}).after;
}

World without_label(const World& world, std::string_view key) {
  World after = world;
  auto ns = std::make_shared<Namespace>(*after.namespaces.at(kNs).ns);
  ns->meta.labels.erase(key);
  after.namespaces.at(kNs).ns = std::move(ns);
  return foresee(after, {}).after;
}

TEST(Gateway, with_both_labels_the_gateway_is_taken_back_when_its_own_label_goes) {
  const World joined = joined_twice();
  ASSERT_FALSE(joined.namespaces.at(kNs).workloads.front()->pod.host_network);
  const World after = without_label(joined, keys::kGateway);
  const Workload& controller = *after.namespaces.at(kNs).workloads.front();
  EXPECT_TRUE(controller.pod.host_network);
  EXPECT_FALSE(controller.pod.annotations.contains(keys::kExcludeInboundPorts));
  const World settled = foresee(after, {}).after;
  EXPECT_EQ(settled.namespaces.at(kNs).workloads.front()->meta.annotations, controller.meta.annotations) << "nothing goes on";
}

TEST(Gateway, with_both_labels_it_stays_a_gateway_when_the_app_goes_and_is_no_member_any_more) {
  const World joined = joined_twice();
  ASSERT_TRUE(joined.namespaces.at(kNs).workloads.front()->meta.labels.contains("version"));
  ASSERT_TRUE(joined.namespaces.at(kNs).workloads.front()->pod.labels.contains("version"));
  const World after = without_label(joined, keys::kApp);
  const Workload& controller = *after.namespaces.at(kNs).workloads.front();
  EXPECT_FALSE(controller.meta.labels.contains("version"));
  EXPECT_FALSE(controller.pod.labels.contains("version"));
  EXPECT_FALSE(controller.meta.annotations.contains(keys::kGoverned));
  EXPECT_FALSE(controller.pod.host_network) << "it stays a gateway";
  EXPECT_EQ(controller.pod.labels.at(std::string(keys::kSidecarInject)), "true");
  EXPECT_TRUE(controller.pod.annotations.contains(keys::kExcludeInboundPorts));
  const World settled = foresee(after, {}).after;
  EXPECT_EQ(settled.namespaces.at(kNs).workloads.front()->meta.annotations, controller.meta.annotations) << "nothing goes on";
  const World gone = without_label(after, keys::kGateway);
  EXPECT_TRUE(gone.namespaces.at(kNs).workloads.front()->pod.host_network);
  EXPECT_FALSE(gone.namespaces.at(kNs).workloads.front()->meta.annotations.contains(keys::kUndo));
}

TEST(Gateway, a_controller_on_the_host_network_keeps_its_ports_without_it) {
  const Decision decision = decide(gateway("v1.8.1", "hostNetwork: true\n      dnsPolicy: ClusterFirstWithHostNet\n      terminationGracePeriodSeconds: 300"));
  const Intent* intent = intent_of(decision, Stage::gateway_template);
  ASSERT_NE(intent, nullptr);
  EXPECT_EQ(intent->wish.host_network, false);
  EXPECT_EQ(intent->wish.dns_policy, "ClusterFirst");
  ASSERT_EQ(intent->wish.host_ports.size(), 2U);
  EXPECT_EQ(intent->wish.host_ports[0].container_port, 80);
  EXPECT_EQ(intent->wish.host_ports[0].host_port, 80);
  EXPECT_EQ(intent->wish.host_ports[1].host_port, 443);
  EXPECT_EQ(intent->wish.rolling_update, (RollingUpdate{1, 0}));
  EXPECT_EQ(intent->wish.pod_labels.at(std::string(keys::kSidecarInject)), "true");
  EXPECT_EQ(intent->wish.pod_annotations.at(std::string(keys::kSidecarInject)), "true");
  EXPECT_EQ(intent->wish.pod_annotations.at(std::string(keys::kProxyConfig)), R"({"holdApplicationUntilProxyStarts":true})");
  EXPECT_EQ(exclusion_of(decision), "443,8443");
  EXPECT_EQ(intent->impact, Impact::restart);
  EXPECT_EQ(intent->hold, "");
  EXPECT_EQ(told(decision), (std::vector<std::string>{"MG409 Deployment ingress-nginx/ingress-nginx-controller", "MG505 Deployment ingress-nginx/ingress-nginx-controller",
                                                      "MG503 Deployment ingress-nginx/ingress-nginx-controller"}));
  EXPECT_NE(decision.findings[2].text.find("300 s"), std::string::npos);
}

TEST(Gateway, behind_a_load_balancer_neither_ports_nor_strategy_change) {
  const Decision decision = decide(gateway());
  const Intent* intent = intent_of(decision, Stage::gateway_template);
  ASSERT_NE(intent, nullptr);
  EXPECT_FALSE(intent->wish.host_network);
  EXPECT_FALSE(intent->wish.dns_policy);
  EXPECT_TRUE(intent->wish.host_ports.empty());
  EXPECT_FALSE(intent->wish.rolling_update);
  EXPECT_EQ(told(decision), std::vector<std::string>{"MG409 Deployment ingress-nginx/ingress-nginx-controller"});
}

TEST(Gateway, a_single_pod_on_node_ports_is_held_until_the_outage_is_accepted) {
  const std::string yaml = gateway("v1.8.1", "hostNetwork: true", "replicas: 1");
  const Decision held = decide(yaml);
  EXPECT_EQ(intent_of(held, Stage::gateway_template)->hold, "its restart would be an outage (MG502)");
  EXPECT_TRUE(says(held, "MG502"));
  EXPECT_EQ(intent_of(held, Stage::gateway_config)->hold, "its restart would be an outage (MG502)");
  std::string accepted = yaml;
  accepted.replace(accepted.find("labels: {meshgraft.io/gateway"), 7, "annotations: {meshgraft.io/accept-outage: \"true\"}, labels:");
  const Decision open = decide(accepted);
  EXPECT_EQ(intent_of(open, Stage::gateway_template)->hold, "");
  EXPECT_TRUE(says(open, "MG502"));
}

TEST(Gateway, recreate_is_an_outage_however_many_pods_there_are) {
  const Decision decision = decide(gateway("v1.8.1", "hostNetwork: true", "replicas: 3\n  strategy: {type: Recreate}"));
  EXPECT_TRUE(says(decision, "MG502"));
  EXPECT_FALSE(intent_of(decision, Stage::gateway_template)->wish.rolling_update);
}

TEST(Gateway, a_daemon_set_keeps_its_strategy_unless_it_surges) {
  const auto with = [](const std::string& spec) {
    std::string yaml = gateway("v1.8.1", "hostNetwork: true", spec);
    yaml.replace(yaml.find("kind: Deployment"), 16, "kind: DaemonSet");
    return intent_of(decide(yaml), Stage::gateway_template)->wish.rolling_update;
  };
  EXPECT_EQ(with("minReadySeconds: 0"), std::nullopt);
  EXPECT_EQ(with("updateStrategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}"), (RollingUpdate{1, 0}));
}

TEST(Gateway, a_daemon_sets_manifest_does_not_tell_how_many_nodes_there_are) {
  std::string yaml = gateway("v1.8.1", "hostNetwork: true", "minReadySeconds: 0");
  yaml.replace(yaml.find("kind: Deployment"), 16, "kind: DaemonSet");
  EXPECT_FALSE(says(decide(yaml), "MG502"));
  EXPECT_TRUE(says(decide(yaml), "MG503"));
  std::string live = yaml;
  live.replace(live.find("name: ingress-nginx-controller"), 4, "uid: u-1, name");
  live.insert(live.find("---\napiVersion: v1\nkind: ConfigMap"), "status: {desiredNumberScheduled: 1, currentNumberScheduled: 1, updatedNumberScheduled: 1, numberReady: 1, numberAvailable: 1}\n");
  EXPECT_TRUE(says(decide(live), "MG502"));
}

TEST(Gateway, what_is_carried_out_is_not_wished_again_and_costs_nothing) {
  std::string yaml = gateway();
  yaml.replace(yaml.find("template:\n    metadata: {labels: {"), 34, "template:\n    metadata: {annotations: {sidecar.istio.io/inject: \"true\", "
                                                                  "traffic.sidecar.istio.io/excludeInboundPorts: \"443,8443\", proxy.istio.io/config: \"{}\"}, labels: {sidecar.istio.io/inject: \"true\", ");
  const Decision decision = decide(yaml);
  const Intent* intent = intent_of(decision, Stage::gateway_template);
  ASSERT_NE(intent, nullptr);
  EXPECT_TRUE(satisfied(intent->wish, *intent->object));
  EXPECT_EQ(told(decision), std::vector<std::string>{"MG409 Deployment ingress-nginx/ingress-nginx-controller"});
}

TEST(Gateway, ports_that_people_exclude_already_stay) {
  std::string yaml = gateway();
  yaml.replace(yaml.find("template:\n    metadata: {labels: {"), 34, "template:\n    metadata: {annotations: {traffic.sidecar.istio.io/excludeInboundPorts: \"10254, 443\"}, labels: {");
  EXPECT_EQ(exclusion_of(decide(yaml)), "10254, 443,8443");
}

TEST(Gateway, the_mode_decides_what_the_sidecar_leaves_alone_and_what_nginx_reads) {
  const struct {
    ClientIpMode mode;
    const char *ports, *data;
  } rows[] = {
      {ClientIpMode::envoy_filter, "443,8443", "enable-real-ip=true proxy-real-ip-cidr=127.0.0.6/32"},
      {ClientIpMode::mesh_wide, "8443", "use-forwarded-headers=true"},
      {ClientIpMode::bypass, "80,443,8443", ""},
      {ClientIpMode::off, "8443", ""},
  };
  for (const auto& row : rows) {
    Settings settings;
    settings.client_ip = row.mode;
    const Decision decision = decide(gateway(), settings);
    EXPECT_EQ(exclusion_of(decision), row.ports);
    EXPECT_EQ(data_of(decision), row.data);
  }
}

TEST(GatewayConfig, trusted_proxies_are_trusted_beside_the_sidecar) {
  Settings settings;
  settings.trusted_proxies = {"10.0.0.0/8", "192.0.2.1"};
  EXPECT_EQ(data_of(decide(gateway(), settings)), "proxy-real-ip-cidr=127.0.0.6/32,10.0.0.0/8,192.0.2.1 use-forwarded-headers=true");
  settings.trusted_proxies = {"10.0.0.0/33"};
  const Decision bad = decide(gateway(), settings);
  EXPECT_EQ(data_of(bad), "");
  EXPECT_TRUE(says(bad, "MG514"));
}

TEST(GatewayConfig, a_choice_of_the_users_is_left_and_judged) {
  const Decision open = decide(gateway("v1.8.1", "", "replicas: 2", "use-forwarded-headers: \"true\""));
  EXPECT_EQ(data_of(open), "");
  EXPECT_TRUE(says(open, "MG504"));
  const Decision narrow = decide(gateway("v1.8.1", "", "replicas: 2", "use-forwarded-headers: \"true\", proxy-real-ip-cidr: 10.0.0.0/8"));
  EXPECT_TRUE(says(narrow, "MG504"));
  const Decision right = decide(gateway("v1.8.1", "", "replicas: 2", "use-forwarded-headers: \"true\", proxy-real-ip-cidr: \"10.0.0.0/8, 127.0.0.6/32\""));
  EXPECT_FALSE(says(right, "MG504"));
  EXPECT_EQ(data_of(decide(gateway("v1.8.1", "", "replicas: 2", "proxy-real-ip-cidr: 10.0.0.0/8"))), "enable-real-ip=true proxy-real-ip-cidr=127.0.0.6/32,10.0.0.0/8");
}

TEST(GatewayConfig, the_proxy_protocol_stays_out_of_the_sidecar) {
  const Decision decision = decide(gateway("v1.8.1", "", "replicas: 2", "use-proxy-protocol: \"true\""));
  EXPECT_EQ(data_of(decision), "");
  EXPECT_EQ(exclusion_of(decision), "80,443,8443");
  EXPECT_TRUE(says(decision, "MG512"));
}

TEST(GatewayConfig, a_missing_config_map_is_named) {
  std::string yaml = gateway();
  yaml.erase(yaml.find("---\napiVersion: v1\nkind: ConfigMap"));
  EXPECT_TRUE(says(decide(yaml), "MG509"));
}

TEST(GatewayConfig, address_ranges_are_read_before_nginx_does) {
  for (const char* good : {"10.0.0.0/8", "127.0.0.6/32", "192.0.2.1", "::1", "2001:db8::/32", "fe80::1:2/64", "0.0.0.0/0", "1:2:3:4:5:6:7:8"}) EXPECT_TRUE(is_cidr(good)) << good;
  for (const char* bad : {"", "10.0.0/8", "10.0.0.0/33", "10.0.0.256", "a", "10.0.0.0/", "1.2.3.4.5", "2001:db8::/129", ":::", "1::2::3", "10.0.0.0/8;", "1:2:3", "12345::", "10.0.0.0/-0", "-0.0.0.0", "10.0.0.0/+8"}) {
    EXPECT_FALSE(is_cidr(bad)) << bad;
  }
}

TEST(Gateway, it_waits_for_the_namespaces_behind_it) {
  Ruling ruling(app_namespace() + member("web", "[{name: http, port: 80}]") + ingress("edge", path("/", "web", "number: 80")) + gateway(), kProfile, kNs);
  ruling.facts.unsettled = {"shop", "elsewhere"};
  const Decision decision = desired_gateway(ruling.context());
  for (const Intent& intent : decision.intents) {
    EXPECT_EQ(intent.hold, "namespace shop, whose Ingresses it serves, is not done yet");
    EXPECT_TRUE(intent.passing);
  }
  const Decision filter = desired_envoy_filter(ruling.context());
  ASSERT_EQ(filter.extras.size(), 1U);
  EXPECT_EQ(filter.extras[0].hold, "namespace shop, whose Ingresses it serves, is not done yet");
}

TEST(Gateway, it_waits_for_istiod) {
  Ruling ruling(gateway(), kProfile, kNs);
  ruling.facts.mesh.ready = false;
  EXPECT_EQ(intent_of(desired_gateway(ruling.context()), Stage::gateway_template)->hold, "istiod is not ready");
}

const std::string kHeadlessElsewhere =
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: old, namespace: legacy}\nspec: {clusterIP: None, selector: {app: old}, ports: [{name: web, port: 8080}]}\n"
    "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: old, namespace: legacy}\nspec:\n  ingressClassName: nginx\n"
    "  rules: [{host: old.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: old, port: {number: 8080}}}}]}}]\n";

TEST(Gateway, to_istio_1_11_a_sniffed_headless_backend_of_anybody_holds_it) {
  const Decision old_mesh = decide(gateway() + kHeadlessElsewhere);
  EXPECT_EQ(told(old_mesh).at(0), "MG506 Namespace ingress-nginx");
  EXPECT_NE(old_mesh.findings[0].text.find("legacy/old (Service old port 8080)"), std::string::npos);
  for (const Intent& intent : old_mesh.intents) EXPECT_EQ(intent.hold, "some of its Ingresses would answer 404 (MG506)");
  const Decision new_mesh = decide(gateway() + kHeadlessElsewhere, {}, "kubesphere-3.4");
  EXPECT_EQ(told(new_mesh).at(0), "MG510 Namespace ingress-nginx");
  for (const Intent& intent : new_mesh.intents) EXPECT_EQ(intent.hold, "");
}

TEST(Gateway, a_backend_that_declares_itself_or_that_we_mend_holds_nothing) {
  std::string declared = kHeadlessElsewhere;
  declared.replace(declared.find("port: 8080}]}"), 10, "port: 8080, appProtocol: http");
  EXPECT_FALSE(says(decide(gateway() + declared), "MG506"));
  const std::string nacos =
      app_namespace() + "---\napiVersion: v1\nkind: Service\nmetadata: {name: nacos}\nspec: {clusterIP: None, selector: {app: nacos}, ports: [{name: server, port: 8848}, {name: rpc, port: 9848}]}\n" +
      ingress("nacos", path("/", "nacos", "number: 8848"));
  EXPECT_FALSE(says(decide(gateway() + nacos), "MG506"));
  std::string plain = kHeadlessElsewhere;
  plain.replace(plain.find("clusterIP: None, "), 17, "");
  EXPECT_FALSE(says(decide(gateway() + plain), "MG506"));
}

TEST(Gateway, a_namespace_that_forbids_injection_is_told_before_any_restart) {
  const Decision decision = decide(gateway("v1.8.1", "", "replicas: 2", "", "istio-injection: enabled, meshgraft.io/gateway: ingress-nginx"));
  EXPECT_TRUE(says(decision, "MG212"));
  EXPECT_NE(intent_of(decision, Stage::gateway_template)->hold.find("no sidecar would come"), std::string::npos);
}

TEST(Gateway, a_labelled_namespace_without_a_controller_is_named) {
  const Decision decision = decide("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ingress-nginx, labels: {meshgraft.io/gateway: ingress-nginx}}\n");
  EXPECT_EQ(told(decision), std::vector<std::string>{"MG501 Namespace ingress-nginx"});
}

TEST(Gateway, a_kubesphere_gateway_is_switched_through_its_object_alone) {
  const std::string yaml =
      "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ingress-nginx, labels: {meshgraft.io/gateway: ingress-nginx}}\n"
      "---\napiVersion: gateway.kubesphere.io/v1alpha1\nkind: Gateway\nmetadata: {name: kubesphere-router-kubesphere-system, namespace: ingress-nginx}\nspec: {controller: {replicas: 1}}\n"
      "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: kubesphere-router-kubesphere-system, namespace: ingress-nginx}\nspec:\n  selector: {matchLabels: {a: b}}\n"
      "  template: {metadata: {labels: {a: b}}, spec: {containers: [{name: controller, image: \"kubesphere/nginx-ingress-controller:v1.1.0\"}]}}\n";
  const Decision decision = decide(yaml);
  EXPECT_TRUE(decision.intents.empty());
  EXPECT_EQ(told(decision), std::vector<std::string>{});

  const Decision through_object = desired_kubesphere_gateways(given::Ruling(yaml, kProfile, "ingress-nginx").context());
  ASSERT_EQ(through_object.intents.size(), 1U);
  EXPECT_EQ(through_object.intents[0].object->kind, Kind::gateway);
  EXPECT_EQ(through_object.intents[0].wish.gateway_annotations.at("servicemesh.kubesphere.io/enabled"), "true");
  EXPECT_FALSE(through_object.intents[0].wish.touches_template());
}

// ---- the EnvoyFilter ---------------------------------------------------------------------------------------------

std::string filter(const std::string& ns, const std::string& meta, const Json& spec) {
  return "---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: preserve-client-ip, namespace: " + ns + meta + "}\nspec: " + to_text(spec) + "\n";
}
const std::string kOurs = ", labels: {app.kubernetes.io/managed-by: meshgraft}";
const Labels kSelector{{"app.kubernetes.io/name", "ingress-nginx"}};

// "create EnvoyFilter ingress-nginx/preserve-client-ip": every request, one after the other.
std::string requests(const Decision& decision) {
  std::string text;
  for (const Extra& extra : decision.extras) {
    text += (text.empty() ? "" : "; ") + std::string(to_string(extra.change.verb)) + " " + to_string(extra.change.target);
  }
  return text;
}

Decision decide_filter(const std::string& yaml, ClientIpMode mode = ClientIpMode::envoy_filter, const std::string& profile_name = kProfile) {
  Settings settings;
  settings.client_ip = mode;
  return desired_envoy_filter(Ruling(yaml, profile_name, kNs, settings).context());
}

TEST(ClientIpFilter, it_names_the_gateways_inbound_alone) {
  const Decision decision = decide_filter(gateway());
  EXPECT_EQ(requests(decision), "create EnvoyFilter ingress-nginx/preserve-client-ip");
  const Json& spec = decision.extras[0].change.body["spec"];
  EXPECT_EQ(spec["workloadSelector"]["labels"]["app.kubernetes.io/name"], "ingress-nginx");
  EXPECT_EQ(spec["configPatches"][0]["match"]["context"], "SIDECAR_INBOUND");
  const Json& config = spec["configPatches"][0]["patch"]["value"]["typed_config"];
  EXPECT_EQ(config["use_remote_address"], true);
  EXPECT_EQ(config["xff_num_trusted_hops"], 1);
  EXPECT_EQ(config["skip_xff_append"], false);
}

TEST(ClientIpFilter, the_proxy_protocol_needs_none) {
  EXPECT_EQ(requests(decide_filter(gateway("v1.8.1", "", "replicas: 2", "use-proxy-protocol: \"true\""))), "");
}

TEST(ClientIpFilter, it_waits_with_the_pods_that_need_it) {
  const Decision decision = decide_filter(gateway("v1.8.1", "hostNetwork: true", "replicas: 1"));
  ASSERT_EQ(decision.extras.size(), 1U);
  EXPECT_EQ(decision.extras[0].hold, "its restart would be an outage (MG502)");
}

TEST(ClientIpFilter, one_that_stands_as_it_should_is_left) {
  EXPECT_EQ(requests(decide_filter(gateway() + filter(kNs, kOurs, client_ip_filter(kSelector)))), "");
  EXPECT_EQ(requests(decide_filter(gateway() + filter(kNs, kOurs, client_ip_filter({{"a", "b"}})))), "apply EnvoyFilter ingress-nginx/preserve-client-ip");
}

TEST(ClientIpFilter, one_of_somebody_else_is_left_and_named) {
  const Decision own_place = decide_filter(gateway() + filter(kNs, "", client_ip_filter({{"a", "b"}})));
  EXPECT_EQ(requests(own_place), "");
  EXPECT_EQ(told(own_place), std::vector<std::string>{"MG602 EnvoyFilter ingress-nginx/preserve-client-ip"});
  const Decision article = decide_filter(gateway() + filter("istio-system", "", client_ip_filter({})));
  EXPECT_EQ(requests(article), "");
  EXPECT_EQ(told(article), std::vector<std::string>{"MG602 EnvoyFilter istio-system/preserve-client-ip"});
}

TEST(ClientIpFilter, mesh_wide_is_the_articles_object_in_the_root_namespace) {
  const Decision decision = decide_filter(gateway(), ClientIpMode::mesh_wide);
  EXPECT_EQ(requests(decision), "create EnvoyFilter istio-system/preserve-client-ip");
  EXPECT_EQ(told(decision), std::vector<std::string>{"MG601 EnvoyFilter istio-system/preserve-client-ip"});
  EXPECT_EQ(to_text(decision.extras[0].change.body["spec"]),
            R"({"configPatches":[{"applyTo":"NETWORK_FILTER","match":{"context":"ANY","listener":{"filterChain":{"filter":{"name":"envoy.filters.network.http_connection_manager"}}}},)"
            R"("patch":{"operation":"MERGE","value":{"typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",)"
            R"("skip_xff_append":false,"use_remote_address":true,"xff_num_trusted_hops":1}}}}]})");
}

TEST(ClientIpFilter, mesh_wide_is_refused_from_istio_1_25) {
  const Decision decision = decide_filter(gateway(), ClientIpMode::mesh_wide, "istio");
  EXPECT_EQ(requests(decision), "");
  EXPECT_EQ(told(decision), std::vector<std::string>{"MG604 EnvoyFilter istio-system/preserve-client-ip"});
}

TEST(ClientIpFilter, another_mode_removes_what_the_last_one_made) {
  const std::string scoped = gateway() + filter(kNs, kOurs, client_ip_filter(kSelector));
  const std::string wide = gateway() + filter("istio-system", kOurs, client_ip_filter({}));
  EXPECT_EQ(requests(decide_filter(scoped, ClientIpMode::off)), "remove EnvoyFilter ingress-nginx/preserve-client-ip");
  EXPECT_EQ(requests(decide_filter(wide, ClientIpMode::off)), "remove EnvoyFilter istio-system/preserve-client-ip");
  EXPECT_EQ(requests(decide_filter(wide)), "create EnvoyFilter ingress-nginx/preserve-client-ip; remove EnvoyFilter istio-system/preserve-client-ip");
  EXPECT_EQ(requests(decide_filter(scoped, ClientIpMode::mesh_wide)), "create EnvoyFilter istio-system/preserve-client-ip; remove EnvoyFilter ingress-nginx/preserve-client-ip");
}

TEST(ClientIpFilter, bypass_lets_meshed_callers_still_in) {
  const std::string service =
      "---\napiVersion: v1\nkind: Service\nmetadata: {name: edge, namespace: ingress-nginx}\nspec: {selector: {app.kubernetes.io/name: ingress-nginx}, ports: [{name: http, port: 80, targetPort: http}]}\n"
      "---\napiVersion: v1\nkind: Service\nmetadata: {name: admission, namespace: ingress-nginx}\nspec: {selector: {app.kubernetes.io/name: ingress-nginx}, ports: [{port: 443, targetPort: webhook}]}\n";
  const Decision decision = decide_filter(gateway() + service, ClientIpMode::bypass);
  EXPECT_EQ(requests(decision), "create DestinationRule ingress-nginx/meshgraft-edge");
  EXPECT_EQ(decision.extras[0].change.body["spec"], Json({{"host", "edge.ingress-nginx.svc.cluster.local"}, {"trafficPolicy", {{"tls", {{"mode", "DISABLE"}}}}}}));
  const std::string foreign =
      "---\napiVersion: networking.istio.io/v1alpha3\nkind: DestinationRule\nmetadata: {name: theirs, namespace: ingress-nginx}\nspec: {host: edge.ingress-nginx.svc.cluster.local}\n";
  const Decision blocked = decide_filter(gateway() + service + foreign, ClientIpMode::bypass);
  EXPECT_EQ(requests(blocked), "");
  EXPECT_EQ(told(blocked), std::vector<std::string>{"MG605 DestinationRule ingress-nginx/theirs"});
}

TEST(ClientIpFilter, a_cluster_without_the_kind_is_told) {
  Ruling ruling(gateway(), kProfile, kNs);
  ruling.facts.platform.served.clear();
  EXPECT_EQ(told(desired_envoy_filter(ruling.context())), std::vector<std::string>{"MG603 Namespace ingress-nginx"});
}

}  // namespace
}  // namespace meshgraft
