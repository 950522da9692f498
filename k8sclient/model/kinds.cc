#include "k8sclient/model/kinds.h"

#include <array>
#include <cstddef>

namespace meshgraft {
namespace {

// Groups and plurals as the API server serves them. Where several versions are served, the one here is the newest
// that every release we support has: Istio 1.11 to 1.31 all serve networking v1alpha3, for EnvoyFilter it is the
// only one, and KubeSphere 3.3 writes VirtualService and DestinationRule in it.
constexpr std::array<KindInfo, 31> kKinds{{
    {Kind::namespace_, "Namespace", "", "v1", "namespaces", false, Watch::always},
    {Kind::deployment, "Deployment", "apps", "v1", "deployments", true, Watch::always},
    {Kind::stateful_set, "StatefulSet", "apps", "v1", "statefulsets", true, Watch::always},
    {Kind::daemon_set, "DaemonSet", "apps", "v1", "daemonsets", true, Watch::always},
    {Kind::service, "Service", "", "v1", "services", true, Watch::always},
    {Kind::ingress, "Ingress", "networking.k8s.io", "v1", "ingresses", true, Watch::always},
    {Kind::ingress_class, "IngressClass", "networking.k8s.io", "v1", "ingressclasses", false, Watch::always},
    {Kind::config_map, "ConfigMap", "", "v1", "configmaps", true, Watch::never},
    {Kind::webhook_configuration, "MutatingWebhookConfiguration", "admissionregistration.k8s.io", "v1",
     "mutatingwebhookconfigurations", false, Watch::always},
    {Kind::crd, "CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions", false,
     Watch::always},
    {Kind::application, "Application", "app.k8s.io", "v1beta1", "applications", true, Watch::if_served},
    {Kind::virtual_service, "VirtualService", "networking.istio.io", "v1alpha3", "virtualservices", true,
     Watch::if_served},
    {Kind::destination_rule, "DestinationRule", "networking.istio.io", "v1alpha3", "destinationrules", true,
     Watch::if_served},
    {Kind::envoy_filter, "EnvoyFilter", "networking.istio.io", "v1alpha3", "envoyfilters", true, Watch::if_served},
    {Kind::peer_authentication, "PeerAuthentication", "security.istio.io", "v1beta1", "peerauthentications", true,
     Watch::if_served},
    {Kind::strategy, "Strategy", "servicemesh.kubesphere.io", "v1alpha2", "strategies", true, Watch::if_served},
    {Kind::gateway, "Gateway", "gateway.kubesphere.io", "v1alpha1", "gateways", true, Watch::if_served},
    {Kind::cluster_configuration, "ClusterConfiguration", "installer.kubesphere.io", "v1alpha1",
     "clusterconfigurations", true, Watch::if_served},
    {Kind::install_plan, "InstallPlan", "kubesphere.io", "v1alpha1", "installplans", false, Watch::if_served},
    {Kind::service_monitor, "ServiceMonitor", "monitoring.coreos.com", "v1", "servicemonitors", true,
     Watch::if_served},
    // StatefulSets and DaemonSets have many, all of them somebody else's.
    {Kind::controller_revision, "ControllerRevision", "apps", "v1", "controllerrevisions", true, Watch::always,
     "meshgraft.io/record=replace"},
    {Kind::pod, "Pod", "", "v1", "pods", true, Watch::never},
    {Kind::replica_set, "ReplicaSet", "apps", "v1", "replicasets", true, Watch::never},
    {Kind::endpoint_slice, "EndpointSlice", "discovery.k8s.io", "v1", "endpointslices", true, Watch::never},
    {Kind::event, "Event", "", "v1", "events", true, Watch::never},
    {Kind::lease, "Lease", "coordination.k8s.io", "v1", "leases", true, Watch::never},
    {Kind::resource_quota, "ResourceQuota", "", "v1", "resourcequotas", true, Watch::never},
    {Kind::limit_range, "LimitRange", "", "v1", "limitranges", true, Watch::never},
    {Kind::disruption_budget, "PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets", true, Watch::never},
    // v1 is the one version that every supported server has: v2 came with 1.23, v2beta2 went with 1.26.
    {Kind::autoscaler, "HorizontalPodAutoscaler", "autoscaling", "v1", "horizontalpodautoscalers", true, Watch::never},
    {Kind::volume_claim, "PersistentVolumeClaim", "", "v1", "persistentvolumeclaims", true, Watch::never},
}};

constexpr bool rows_follow_the_enum() {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (static_cast<std::size_t>(kKinds[i].kind) != i) return false;
  }
  return kKinds.size() == static_cast<std::size_t>(Kind::other);
}
static_assert(rows_follow_the_enum());

// The group of "apps/v1" is "apps", of "v1" is "".
std::string_view group_of(std::string_view api_version) {
  const std::size_t slash = api_version.find('/');
  return slash == std::string_view::npos ? std::string_view{} : api_version.substr(0, slash);
}

// Groups that a kind of ours lived in before; manifests with them are still in people's repositories.
bool same_group(const KindInfo& row, std::string_view group) {
  if (row.group == group) return true;
  switch (row.kind) {
    case Kind::ingress:
    case Kind::deployment:
    case Kind::daemon_set:
    case Kind::replica_set:
      return group == "extensions";  // served until Kubernetes 1.16, Ingress until 1.22
    case Kind::event:
      return group == "events.k8s.io";
    default:
      return false;
  }
}

}  // namespace

std::span<const KindInfo> kinds() { return kKinds; }

const KindInfo& info(Kind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::string api_version(const KindInfo& info) {
  std::string text(info.group);
  if (!text.empty()) text += '/';
  return text.append(info.version);
}

std::optional<Kind> kind_of(std::string_view api_version, std::string_view name) {
  const std::string_view group = group_of(api_version);
  for (const KindInfo& row : kKinds) {
    if (row.name == name && same_group(row, group)) return row.kind;
  }
  return std::nullopt;
}

std::string path_of(Kind kind, std::string_view ns, std::string_view name) {
  const KindInfo& row = info(kind);
  std::string path = row.group.empty() ? "/api/" : "/apis/";
  path += api_version(row);
  if (row.namespaced && !ns.empty()) path.append("/namespaces/").append(ns);
  path.append("/").append(row.plural);
  if (!name.empty()) path.append("/").append(name);
  return path;
}

std::string to_string(const ObjectKey& key) {
  std::string text(key.kind == Kind::other ? std::string_view("Object") : info(key.kind).name);
  text += ' ';
  if (!key.ns.empty()) text.append(key.ns).append("/");
  return text.append(key.name);
}

}  // namespace meshgraft
