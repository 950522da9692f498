#include "controller/relevance.h"

#include <tuple>

#include "reconcilers/keys.h"
#include "reconcilers/mesh_facts.h"

namespace meshgraft {
namespace {

// The report that we write ourselves: reading it back changes nothing.
bool same_annotations(const Labels& a, const Labels& b) {
  auto left = a.begin();
  auto right = b.begin();
  while (true) {
    if (left != a.end() && left->first == keys::kStatus) ++left;
    if (right != b.end() && right->first == keys::kStatus) ++right;
    if (left == a.end() || right == b.end()) return left == a.end() && right == b.end();
    if (*left != *right) return false;
    ++left;
    ++right;
  }
}

bool same_meta(const Meta& a, const Meta& b) {
  return a.uid == b.uid && a.deleting == b.deleting && a.applied == b.applied && a.finalizers == b.finalizers &&
         a.labels == b.labels && same_annotations(a.annotations, b.annotations) && a.owners == b.owners;
}

// What can be concluded from a workload's counters. 4 of 10 or 5 of 10 pods updated is the same to every rule.
auto rollout_of(const Workload& w) {
  const Workload::Status& s = w.status;
  return std::tuple(s.known, s.observed_generation >= w.meta.generation, s.updated >= w.replicas,
                    s.updated >= s.replicas, s.available >= w.replicas, s.available >= s.updated, s.ready >= w.replicas,
                    s.ready > 0, s.available > 0, s.unavailable > 0, s.replicas > 0, s.rollout_complete,
                    s.deadline_exceeded, s.quota_exceeded, s.message);
}

bool same(const Namespace& a, const Namespace& b) { return a.terminating == b.terminating; }
bool same_spec(const Workload& a, const Workload& b) {
  return a.replicas == b.replicas && a.selector == b.selector && a.pod == b.pod && a.strategy == b.strategy &&
         a.max_unavailable == b.max_unavailable && a.max_surge == b.max_surge && a.partition == b.partition &&
         a.service_name == b.service_name && a.paused == b.paused &&
         a.progress_deadline_seconds == b.progress_deadline_seconds && a.min_ready_seconds == b.min_ready_seconds;
}
bool same(const Workload& a, const Workload& b) { return same_spec(a, b) && rollout_of(a) == rollout_of(b); }
bool same(const Service& a, const Service& b) {
  return a.type == b.type && a.cluster_ip == b.cluster_ip && a.selector == b.selector && a.ports == b.ports &&
         a.session_affinity == b.session_affinity;
}
bool same(const Ingress& a, const Ingress& b) {
  return a.class_name == b.class_name && a.default_backend == b.default_backend && a.rules == b.rules &&
         a.tls_hosts == b.tls_hosts && a.tls_spec == b.tls_spec;
}
bool same(const IngressClass& a, const IngressClass& b) {
  return a.controller == b.controller && a.is_default == b.is_default;
}
bool same(const ConfigMap& a, const ConfigMap& b) { return a.data == b.data; }
bool same(const WebhookConfiguration& a, const WebhookConfiguration& b) { return a.webhooks == b.webhooks; }
bool same(const Crd&, const Crd&) { return true; }
bool same(const Application& a, const Application& b) {
  return a.match_labels == b.match_labels && a.add_owner_ref == b.add_owner_ref && a.components == b.components;
}
bool same(const VirtualService& a, const VirtualService& b) {
  return a.hosts == b.hosts && a.destinations == b.destinations;
}
bool same(const DestinationRule& a, const DestinationRule& b) {
  return a.host == b.host && a.tls_mode == b.tls_mode && a.subsets == b.subsets;
}
bool same(const EnvoyFilter& a, const EnvoyFilter& b) {
  return a.workload_selector == b.workload_selector && a.spec == b.spec;
}
bool same(const PeerAuthentication& a, const PeerAuthentication& b) {
  return a.mode == b.mode && a.match_labels == b.match_labels;
}
bool same(const Strategy& a, const Strategy& b) {
  return std::tie(a.type, a.principal, a.governor, a.policy, a.match_labels, a.hosts, a.destinations) ==
         std::tie(b.type, b.principal, b.governor, b.policy, b.match_labels, b.hosts, b.destinations);
}
bool same(const Gateway& a, const Gateway& b) {
  return std::tie(a.deployment_annotations, a.controller_config, a.watched_namespace, a.version) ==
         std::tie(b.deployment_annotations, b.controller_config, b.watched_namespace, b.version);
}
bool same(const ClusterConfiguration& a, const ClusterConfiguration& b) {
  return a.mesh_enabled == b.mesh_enabled && a.mesh_status == b.mesh_status && a.version == b.version;
}
bool same(const InstallPlan& a, const InstallPlan& b) {
  return std::tie(a.extension, a.extension_version, a.state, a.enabled) ==
         std::tie(b.extension, b.extension_version, b.state, b.enabled);
}

bool same(const ServiceMonitor& a, const ServiceMonitor& b) {
  return std::tie(a.selector, a.any_namespace, a.namespaces, a.ports) ==
         std::tie(b.selector, b.any_namespace, b.namespaces, b.ports);
}

template <typename T>
bool same_as(const Object& a, const Object& b) {
  return same(*as<T>(&a), *as<T>(&b));
}

// Names and numbers of ports aside, which rules rewrite.
bool same_target(const Service& a, const Service& b) {
  if (a.type != b.type || a.cluster_ip != b.cluster_ip || a.selector != b.selector || a.ports.size() != b.ports.size())
    return false;
  for (std::size_t i = 0; i < a.ports.size(); ++i) {
    if (a.ports[i].port != b.ports[i].port) return false;
  }
  return true;
}

}  // namespace

bool same_for_rules(const Object& before, const Object& after) {
  if (!same_meta(before.meta, after.meta)) return false;
  switch (before.kind) {
    case Kind::namespace_:
      return same_as<Namespace>(before, after);
    case Kind::deployment:
    case Kind::stateful_set:
    case Kind::daemon_set:
      return same_as<Workload>(before, after);
    case Kind::service:
      return same_as<Service>(before, after);
    case Kind::ingress:
      return same_as<Ingress>(before, after);
    case Kind::ingress_class:
      return same_as<IngressClass>(before, after);
    case Kind::config_map:
      return same_as<ConfigMap>(before, after);
    case Kind::webhook_configuration:
      return same_as<WebhookConfiguration>(before, after);
    case Kind::crd:
      return same_as<Crd>(before, after);
    case Kind::application:
      return same_as<Application>(before, after);
    case Kind::virtual_service:
      return same_as<VirtualService>(before, after);
    case Kind::destination_rule:
      return same_as<DestinationRule>(before, after);
    case Kind::envoy_filter:
      return same_as<EnvoyFilter>(before, after);
    case Kind::peer_authentication:
      return same_as<PeerAuthentication>(before, after);
    case Kind::strategy:
      return same_as<Strategy>(before, after);
    case Kind::gateway:
      return same_as<Gateway>(before, after);
    case Kind::cluster_configuration:
      return same_as<ClusterConfiguration>(before, after);
    case Kind::install_plan:
      return same_as<InstallPlan>(before, after);
    case Kind::service_monitor:
      return same_as<ServiceMonitor>(before, after);
    default:
      return before.meta.resource_version == after.meta.resource_version;
  }
}

bool touches_facts(const Object* before, const Object* after, bool special) {
  const Object& any = after != nullptr ? *after : *before;
  switch (any.kind) {
    case Kind::namespace_:
    case Kind::ingress:
    case Kind::ingress_class:
    case Kind::config_map:
    case Kind::webhook_configuration:
    case Kind::peer_authentication:
    case Kind::envoy_filter:
    case Kind::gateway:
    case Kind::cluster_configuration:
    case Kind::install_plan:
    case Kind::service_monitor:
      return true;
    case Kind::deployment:
    case Kind::stateful_set:
    case Kind::daemon_set: {
      if (before == nullptr || after == nullptr || special) return true;
      if (is_istiod(*as<Workload>(before)) || is_istiod(*as<Workload>(after))) return true;
      return as<Workload>(before)->pod.containers != as<Workload>(after)->pod.containers;
    }
    case Kind::service:
      return before == nullptr || after == nullptr || !same_target(*as<Service>(before), *as<Service>(after));
    default:
      return false;
  }
}

}  // namespace meshgraft
