#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "k8sclient/model/decode.h"
#include "k8sclient/model/yaml_read.h"

namespace meshgraft {
namespace {

// The objects of a file in tests/data/model, looked up by kind and name.
class Manifests {
 public:
  explicit Manifests(const std::string& file) {
    std::ifstream stream(std::string(MESHGRAFT_SOURCE_DIR) + "/tests/data/model/" + file);
    std::stringstream text;
    text << stream.rdbuf();
    Result<std::vector<Document>> read = read_manifests(text.str(), file, "shop");
    if (read)
      documents_ = *std::move(read);
    else
      ADD_FAILURE() << read.error().text;
  }

  // A default one, and a failure, when the file has no such object.
  template <typename T>
  const T& get(const std::string& name) const {
    for (const Document& document : documents_) {
      const T* object = as<T>(document.object.get());
      if (object != nullptr && object->meta.name == name) return *object;
    }
    ADD_FAILURE() << "no such object: " << name;
    static const T kNone;
    return kNone;
  }

 private:
  std::vector<Document> documents_;
};

ObjectPtr read(std::string_view bytes) {
  Decoder decoder;
  Result<ObjectPtr> object = decoder.object(bytes);
  if (object) return *object;
  ADD_FAILURE() << object.error().text;
  return nullptr;
}

TEST(DecodeKinds, a_volume_claim_says_how_many_nodes_may_mount_it) {
  Decoder decoder;
  const Result<ObjectPtr> read = decoder.object(R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"data","namespace":"shop"},
    "spec":{"accessModes":["ReadWriteMany","ReadOnlyMany"],"resources":{"requests":{"storage":"1Gi"}}},"status":{"accessModes":["ReadWriteOnce"]}})");
  ASSERT_TRUE(read);
  EXPECT_EQ(as<VolumeClaim>(read->get())->modes, (std::vector<std::string>{"ReadWriteMany", "ReadOnlyMany"}));
}

TEST(DecodeKinds, finalizers_are_kept_in_their_order_and_one_that_is_no_text_is_there_all_the_same) {
  Decoder decoder;
  const Result<ObjectPtr> read = decoder.object(
      R"({"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{"name":"a","namespace":"b","finalizers":["meshgraft.io/record",7,"foregroundDeletion"]}})");
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)->meta.finalizers, (std::vector<std::string>{"meshgraft.io/record", "", "foregroundDeletion"}));
}

TEST(DecodeWorkload, a_deployment_gives_all_that_rules_read) {
  const Manifests manifests("shop.yaml");
  const Workload& web = manifests.get<Workload>("catalog");
  EXPECT_EQ(web.key(), (ObjectKey{Kind::deployment, "shop", "catalog"}));
  EXPECT_EQ(web.replicas, 3);
  EXPECT_EQ(web.min_ready_seconds, 5);
  EXPECT_EQ(web.progress_deadline_seconds, 120);
  EXPECT_EQ(web.max_surge.text, "25%");
  EXPECT_EQ(web.max_unavailable.number, 1);
  EXPECT_EQ(web.strategy, "");
  EXPECT_EQ(web.selector.match_labels, (Labels{{"app", "catalog"}, {"version", "1"}}));
  ASSERT_EQ(web.selector.expressions.size(), 1u);
  EXPECT_EQ(web.selector.expressions[0].op, "In");
  EXPECT_EQ(web.selector.expressions[0].values, (std::vector<std::string>{"front", "back"}));
  EXPECT_FALSE(web.status.known);

  const PodTemplate& pod = web.pod;
  EXPECT_EQ(pod.labels, (Labels{{"app", "catalog"}, {"version", "1"}, {"tier", "front"}}));
  EXPECT_EQ(pod.annotations, (Labels{{"sidecar.istio.io/inject", "true"}}));
  EXPECT_TRUE(pod.host_network);
  EXPECT_EQ(pod.dns_policy, "ClusterFirstWithHostNet");
  EXPECT_EQ(pod.termination_grace_seconds, 45);
  EXPECT_EQ(pod.run_as_user, 1000);
  EXPECT_EQ(pod.claims, (std::vector<std::string>{"catalog-data"}));
  ASSERT_EQ(pod.init_containers.size(), 1u);
  ASSERT_EQ(pod.containers.size(), 2u);

  const Container& main = pod.containers[0];
  EXPECT_EQ(main.image, "registry.example/catalog:1.4");
  EXPECT_EQ(main.args, (std::vector<std::string>{"/bin/catalog", "--port", "8080"}));
  ASSERT_EQ(main.env.size(), 2u);
  EXPECT_EQ(main.env[0].value, "fast");
  EXPECT_EQ(main.env[1].value, "");
  ASSERT_EQ(main.ports.size(), 2u);
  EXPECT_EQ(main.ports[0].protocol, "TCP");
  EXPECT_EQ(main.ports[0].host_port, 80);
  EXPECT_EQ(main.ports[1].protocol, "UDP");
  EXPECT_EQ(main.readiness.type, ProbeType::http_get);
  EXPECT_EQ(main.readiness.port.text, "http");
  EXPECT_EQ(main.liveness.type, ProbeType::tcp_socket);
  EXPECT_EQ(main.liveness.port.number, 8080);
  EXPECT_EQ(main.startup.type, ProbeType::exec);
  EXPECT_EQ(main.run_as_user, 1337);
  EXPECT_EQ(pod.containers[1].readiness.type, ProbeType::grpc);
  EXPECT_EQ(pod.containers[1].readiness.port.number, 9000);
}

TEST(DecodeWorkload, a_stateful_set_has_service_name_and_partition) {
  const Manifests manifests("nacos.yaml");
  const Workload& nacos = manifests.get<Workload>("nacos");
  EXPECT_EQ(nacos.kind, Kind::stateful_set);
  EXPECT_EQ(nacos.service_name, "nacos-headless");
  EXPECT_EQ(nacos.strategy, "RollingUpdate");
  EXPECT_EQ(nacos.partition, 2);
  EXPECT_TRUE(manifests.get<Service>("nacos-headless").headless());
}

TEST(DecodeWorkload, the_status_of_a_live_deployment) {
  const ObjectPtr object =
      read(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","uid":"1"},"spec":{},
    "status":{"observedGeneration":4,"replicas":5,"updatedReplicas":2,"readyReplicas":4,"availableReplicas":3,"unavailableReplicas":2,"conditions":[
    {"type":"Available","status":"True","reason":"MinimumReplicasAvailable","message":"fine"},
    {"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded","message":"has timed out"},
    {"type":"ReplicaFailure","status":"True","reason":"FailedCreate","message":"exceeded quota: compute"}]}})");
  const Workload::Status& status = as<Workload>(object.get())->status;
  EXPECT_TRUE(status.known);
  EXPECT_EQ(status.observed_generation, 4);
  EXPECT_EQ(status.replicas, 5);
  EXPECT_EQ(status.updated, 2);
  EXPECT_EQ(status.ready, 4);
  EXPECT_EQ(status.available, 3);
  EXPECT_EQ(status.unavailable, 2);
  EXPECT_TRUE(status.deadline_exceeded);
  EXPECT_TRUE(status.quota_exceeded);
  EXPECT_EQ(status.message, "exceeded quota: compute");
}

TEST(DecodeWorkload, a_rollout_that_is_complete_says_so) {
  const ObjectPtr object =
      read(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","uid":"1"},"status":{"conditions":[
    {"type":"Progressing","status":"True","reason":"NewReplicaSetAvailable","message":"ReplicaSet has successfully progressed."}]}})");
  EXPECT_TRUE(as<Workload>(object.get())->status.rollout_complete);
  EXPECT_FALSE(as<Workload>(object.get())->status.deadline_exceeded);
}

TEST(DecodeWorkload, zero_is_told_from_unset) {
  const ObjectPtr object = read(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},
    "spec":{"strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":null}}}})");
  EXPECT_TRUE(as<Workload>(object.get())->max_surge.is_set());
  EXPECT_FALSE(as<Workload>(object.get())->max_unavailable.is_set());
}

TEST(DecodeWorkload, a_probe_over_tls_says_so) {
  const ObjectPtr object = read(
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"template":{"spec":{"containers":[
    {"readinessProbe":{"httpGet":{"scheme":"HTTPS","port":8443}},"livenessProbe":{"httpGet":{"scheme":"HTTP","port":80}},"startupProbe":null}]}}}})");
  const Container& container = as<Workload>(object.get())->pod.containers.at(0);
  EXPECT_TRUE(container.readiness.https);
  EXPECT_FALSE(container.liveness.https);
  EXPECT_EQ(container.startup.type, ProbeType::none);
}

TEST(DecodeWorkload, a_live_object_that_its_controller_has_not_seen_is_known_to_have_nothing) {
  const ObjectPtr object =
      read(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","uid":"1"},"spec":{},"status":{}})");
  EXPECT_TRUE(as<Workload>(object.get())->status.known);
  EXPECT_EQ(as<Workload>(object.get())->replicas, 1);
  EXPECT_EQ(as<Workload>(object.get())->progress_deadline_seconds, 600);
}

TEST(DecodeWorkload, a_daemon_set_counts_by_its_own_names) {
  const ObjectPtr object = read(R"({"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"web","uid":"1"},
    "spec":{"updateStrategy":{"type":"OnDelete"}},"status":{"desiredNumberScheduled":6,"currentNumberScheduled":5,
    "updatedNumberScheduled":4,"numberReady":3,"numberAvailable":2,"numberUnavailable":4,"numberMisscheduled":0}})");
  const Workload& workload = *as<Workload>(object.get());
  EXPECT_EQ(workload.strategy, "OnDelete");
  EXPECT_EQ(workload.replicas, 6);
  EXPECT_EQ(workload.status.replicas, 5);
  EXPECT_EQ(workload.status.updated, 4);
  EXPECT_EQ(workload.status.ready, 3);
  EXPECT_EQ(workload.status.available, 2);
  EXPECT_EQ(workload.status.unavailable, 4);
}

TEST(DecodeWorkload, a_stateful_set_of_an_old_server_is_as_available_as_it_is_ready) {
  const ObjectPtr old = read(
      R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"a","uid":"1"},"status":{"readyReplicas":2}})");
  EXPECT_EQ(as<Workload>(old.get())->status.available, 2);
  const ObjectPtr now = read(
      R"({"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"a","uid":"1"},"status":{"readyReplicas":2,"availableReplicas":1}})");
  EXPECT_EQ(as<Workload>(now.get())->status.available, 1);
}

TEST(DecodePod, readiness_names_and_why_it_waits) {
  const ObjectPtr object = read(R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-1","namespace":"shop"},
    "spec":{"nodeName":"n1","hostNetwork":true,"initContainers":[{"name":"istio-init","image":"i"}],
    "containers":[{"name":"web","image":"w:1"},{"name":"istio-proxy","image":"p:2"}]},
    "status":{"phase":"Pending","conditions":[{"type":"Ready","status":"False"}],
    "initContainerStatuses":[{"name":"istio-init","state":{"terminated":{"reason":"Completed"}}}],
    "containerStatuses":[{"name":"a","state":{"waiting":{"reason":"ContainerCreating"}}},{"name":"web","state":{"waiting":{"reason":"ImagePullBackOff"}}},
    {"name":"b","state":{"waiting":{"reason":"PodInitializing"}},"lastState":{"waiting":{"reason":"Old"}}}]}})");
  const Pod& pod = *as<Pod>(object.get());
  EXPECT_EQ(pod.node, "n1");
  EXPECT_TRUE(pod.host_network);
  EXPECT_EQ(pod.phase, "Pending");
  EXPECT_FALSE(pod.ready);
  EXPECT_EQ(pod.containers, (std::vector<std::string>{"web", "istio-proxy"}));
  EXPECT_EQ(pod.images, (std::vector<std::string>{"w:1", "p:2"}));
  EXPECT_EQ(pod.init_containers, (std::vector<std::string>{"istio-init"}));
  EXPECT_EQ(pod.waiting_reason, "ImagePullBackOff");
  const ObjectPtr ready = read(
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"status":{"conditions":[{"type":"Ready","status":"True"}]}})");
  EXPECT_TRUE(as<Pod>(ready.get())->ready);
}

TEST(DecodeService, ports_selector_and_type) {
  const Manifests manifests("shop.yaml");
  const Service& service = manifests.get<Service>("catalog");
  EXPECT_EQ(service.meta.ns, "books");
  EXPECT_EQ(service.type, "NodePort");
  EXPECT_EQ(service.session_affinity, "ClientIP");
  EXPECT_EQ(service.selector, (Labels{{"app", "catalog"}}));
  ASSERT_EQ(service.ports.size(), 2u);
  EXPECT_EQ(service.ports[0].target_port.text, "http");
  EXPECT_EQ(service.ports[0].app_protocol, "http");
  EXPECT_EQ(service.ports[1].target_port.number, 5353);
  EXPECT_EQ(service.ports[1].protocol, "UDP");
  EXPECT_EQ(service.ports[1].app_protocol, std::nullopt);
}

TEST(DecodeIngress, the_version_of_today) {
  const Manifests manifests("shop.yaml");
  const Ingress& ingress = manifests.get<Ingress>("shop");
  EXPECT_FALSE(ingress.old_version);
  EXPECT_EQ(ingress.class_name, "nginx");
  EXPECT_TRUE(ingress.tls);
  EXPECT_EQ(ingress.tls_hosts, (std::vector<std::string>{"shop.example", "www.shop.example"}));
  ASSERT_TRUE(ingress.default_backend);
  EXPECT_EQ(ingress.default_backend->service, "catalog");
  EXPECT_EQ(ingress.default_backend->port, 80);
  ASSERT_EQ(ingress.rules.size(), 1u);
  EXPECT_EQ(ingress.rules[0].host, "shop.example");
  ASSERT_EQ(ingress.rules[0].paths.size(), 2u);
  EXPECT_EQ(ingress.rules[0].paths[0].path_type, "Prefix");
  EXPECT_EQ(ingress.rules[0].paths[0].backend.port_name, "http");
  EXPECT_EQ(ingress.rules[0].paths[1].backend.service, "");
}

TEST(DecodeIngress, the_version_before) {
  const Manifests manifests("shop.yaml");
  const Ingress& ingress = manifests.get<Ingress>("old");
  EXPECT_TRUE(ingress.old_version);
  ASSERT_TRUE(ingress.default_backend);
  EXPECT_EQ(ingress.default_backend->port, 80);
  ASSERT_EQ(ingress.rules.size(), 1u);
  ASSERT_EQ(ingress.rules[0].paths.size(), 1u);
  EXPECT_EQ(ingress.rules[0].paths[0].backend.service, "catalog");
  EXPECT_EQ(ingress.rules[0].paths[0].backend.port_name, "http");
  EXPECT_EQ(ingress.rules[0].paths[0].backend.port, 0);
}

TEST(DecodeIngress, a_null_default_backend_is_none) {
  const ObjectPtr object = read(
      R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"a"},"spec":{"defaultBackend":null}})");
  EXPECT_FALSE(as<Ingress>(object.get())->default_backend);
}

TEST(DecodeCluster, the_small_kinds_of_a_cluster) {
  const Manifests manifests("gateway.yaml");
  EXPECT_EQ(manifests.get<Workload>("ingress-nginx-controller").kind, Kind::daemon_set);
  EXPECT_EQ(manifests.get<ConfigMap>("ingress-nginx-controller").data, (Labels{{"use-forwarded-headers", "true"}}));
  EXPECT_EQ(manifests.get<IngressClass>("nginx").controller, "k8s.io/ingress-nginx");
  EXPECT_TRUE(manifests.get<IngressClass>("nginx").is_default);
  EXPECT_EQ(manifests.get<IngressClass>("nginx").meta.ns, "");
  EXPECT_EQ(manifests.get<Crd>("applications.app.k8s.io").key().kind, Kind::crd);
  EXPECT_EQ(manifests.get<ResourceQuota>("compute").hard,
            (Labels{{"pods", "10"}, {"limits.cpu", "4"}, {"requests.storage", "0.5"}}));
}

TEST(DecodeCluster, a_terminating_namespace) {
  const ObjectPtr object = read(
      R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","deletionTimestamp":"2024-01-01T00:00:00Z"},
    "status":{"phase":"Terminating"}})");
  EXPECT_TRUE(as<Namespace>(object.get())->terminating);
  EXPECT_TRUE(object->meta.deleting);
  const ObjectPtr active =
      read(R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"},"status":{"phase":"Active"}})");
  EXPECT_FALSE(as<Namespace>(active.get())->terminating);
}

TEST(DecodeCluster, a_webhook_is_for_pods_when_a_rule_speaks_of_their_creation) {
  const Manifests manifests("gateway.yaml");
  const std::vector<Webhook>& webhooks = manifests.get<WebhookConfiguration>("istio-sidecar-injector").webhooks;
  ASSERT_EQ(webhooks.size(), 3u);
  EXPECT_TRUE(webhooks[0].for_pods);
  EXPECT_EQ(webhooks[0].namespace_selector.match_labels, (Labels{{"istio-injection", "enabled"}}));
  EXPECT_EQ(webhooks[0].object_selector.expressions.at(0).op, "NotIn");
  EXPECT_FALSE(webhooks[1].for_pods);
  EXPECT_TRUE(webhooks[2].for_pods);
}

TEST(DecodeMesh, an_envoy_filter_keeps_its_spec_with_sorted_keys) {
  const Manifests manifests("gateway.yaml");
  const EnvoyFilter& filter = manifests.get<EnvoyFilter>("preserve-client-ip");
  EXPECT_EQ(filter.workload_selector, (Labels{{"app.kubernetes.io/component", "controller"}}));
  EXPECT_EQ(filter.spec, R"({"configPatches":[{"applyTo":"NETWORK_FILTER","match":{"context":"SIDECAR_INBOUND"}}],)"
                         R"("workloadSelector":{"labels":{"app.kubernetes.io/component":"controller"}}})");
}

TEST(DecodeMesh, an_envoy_filter_with_a_bad_spec_is_an_error_and_one_without_is_none) {
  Decoder decoder;
  const Result<ObjectPtr> bad = decoder.object(
      R"({"apiVersion":"networking.istio.io/v1alpha3","kind":"EnvoyFilter","metadata":{"name":"a"},"spec":{"workloadSelector":{"labels":{"a":1}}}})");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().text, "spec: workloadSelector.labels: expected text");
  EXPECT_FALSE(decoder.object(
      R"({"apiVersion":"networking.istio.io/v1alpha3","kind":"EnvoyFilter","metadata":{"name":"a"},"spec":[]})"));
  const ObjectPtr none =
      read(R"({"apiVersion":"networking.istio.io/v1alpha3","kind":"EnvoyFilter","metadata":{"name":"a"},"spec":null})");
  EXPECT_EQ(as<EnvoyFilter>(none.get())->spec, "");
}

TEST(DecodeMesh, virtual_services_destination_rules_and_peer_authentications) {
  const Manifests kubesphere("kubesphere.yaml");
  const VirtualService& service = kubesphere.get<VirtualService>("catalog");
  EXPECT_EQ(service.hosts, (std::vector<std::string>{"catalog"}));
  const std::vector<RouteDestination> destinations{
      {"catalog", "v1", 70, 0}, {"catalog", "v2", 30, 0}, {"shadow", "", -1, 0, true}, {"catalog-tcp", "", -1, 1}};
  EXPECT_EQ(service.destinations, destinations);
  const DestinationRule& rule = kubesphere.get<DestinationRule>("catalog");
  EXPECT_EQ(rule.host, "catalog");
  EXPECT_EQ(rule.tls_mode, "ISTIO_MUTUAL");
  EXPECT_EQ(rule.subsets, (std::vector<std::string>{"v1", "v2"}));
  const Manifests gateway("gateway.yaml");
  EXPECT_EQ(gateway.get<PeerAuthentication>("default").mode, "STRICT");
  EXPECT_EQ(gateway.get<PeerAuthentication>("default").match_labels, (Labels{{"app", "web"}}));
}

TEST(DecodeKubeSphere, applications_and_strategies) {
  const Manifests manifests("kubesphere.yaml");
  const Application& application = manifests.get<Application>("shop");
  EXPECT_EQ(application.match_labels,
            (Labels{{"app.kubernetes.io/name", "shop"}, {"app.kubernetes.io/version", "v1"}}));
  EXPECT_TRUE(application.add_owner_ref);
  EXPECT_EQ(application.components, (std::vector<std::string>{"Deployment/catalog", "Service/catalog"}));
  const Strategy& strategy = manifests.get<Strategy>("catalog-canary");
  EXPECT_EQ(strategy.type, "Canary");
  EXPECT_EQ(strategy.principal, "v1");
  EXPECT_EQ(strategy.governor, "v2");
  EXPECT_EQ(strategy.policy, "WaitForWorkloadReady");
  EXPECT_EQ(strategy.match_labels, (Labels{{"app", "catalog"}}));
  EXPECT_EQ(strategy.hosts, (std::vector<std::string>{"catalog"}));
  EXPECT_EQ(strategy.subsets, (std::vector<std::string>{"v1", "v2"}));
  const std::vector<RouteDestination> shares{{"catalog", "v1", 70, 0}, {"catalog", "v2", 30, 0}, {"catalog", "v1", -1, 1}};
  EXPECT_EQ(strategy.destinations, shares);
}

TEST(DecodeKubeSphere, gateways_of_both_generations) {
  const Manifests manifests("kubesphere.yaml");
  const Gateway& project = manifests.get<Gateway>("kubesphere-router-shop");
  EXPECT_EQ(project.version, "v1alpha1");
  EXPECT_EQ(project.watched_namespace, "shop");
  EXPECT_EQ(project.controller_config, (Labels{{"use-forwarded-headers", "true"}}));
  EXPECT_EQ(project.deployment_annotations, (Labels{{"servicemesh.kubesphere.io/enabled", "true"}}));
  const Gateway& cluster = manifests.get<Gateway>("kubesphere-router-cluster");
  EXPECT_EQ(cluster.version, "v2alpha2");
  EXPECT_EQ(cluster.watched_namespace, "");
}

TEST(DecodeKubeSphere, how_the_platform_says_that_the_mesh_is_installed) {
  const Manifests manifests("kubesphere.yaml");
  const ClusterConfiguration& configuration = manifests.get<ClusterConfiguration>("ks-installer");
  EXPECT_TRUE(configuration.mesh_enabled);
  EXPECT_EQ(configuration.mesh_status, "enabled");
  EXPECT_EQ(configuration.version, "v3.3.2");
  const ObjectPtr fresh = read(R"({"apiVersion":"installer.kubesphere.io/v1alpha1","kind":"ClusterConfiguration",
    "metadata":{"name":"ks-installer","labels":{"version":"v3.3.1"}},"spec":{"servicemesh":{"enabled":false}}})");
  EXPECT_EQ(as<ClusterConfiguration>(fresh.get())->version, "v3.3.1");
  EXPECT_FALSE(as<ClusterConfiguration>(fresh.get())->mesh_enabled);
  const InstallPlan& plan = manifests.get<InstallPlan>("servicemesh");
  EXPECT_TRUE(plan.enabled);
  EXPECT_EQ(plan.extension, "servicemesh");
  EXPECT_EQ(plan.extension_version, "0.1.0");
  EXPECT_EQ(plan.state, "Installed");
}

TEST(DecodeKinds, every_row_of_the_table_is_decoded_as_its_own_kind) {
  Decoder decoder;
  for (const KindInfo& row : kinds()) {
    const std::string bytes =
        R"({"apiVersion":")" + api_version(row) + R"(","kind":")" + std::string(row.name) +
        R"(","metadata":{"name":"a","namespace":"shop","uid":"1"},"spec":{},"status":{},"data":{},"webhooks":[]})";
    const Result<ObjectPtr> object = decoder.object(bytes);
    ASSERT_TRUE(object) << row.name << ": " << object.error().text;
    EXPECT_EQ((*object)->kind, row.kind) << row.name;
    EXPECT_EQ((*object)->meta.ns, row.namespaced ? "shop" : "") << row.name;
  }
}

}  // namespace
}  // namespace meshgraft
