#pragma once
// The typed objects: structs that hold only the fields that some rule reads. Made by decode (API bytes) and
// yaml_read (manifests, through decode); immutable afterwards and shared by pointer. Nothing here has behaviour
// beyond small questions about its own fields.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "k8sclient/model/kinds.h"
#include "k8sclient/model/labels.h"

namespace meshgraft {

struct OwnerReference {
  std::string kind, name, uid;
  bool controller = false;
  bool operator==(const OwnerReference&) const = default;
};

struct Meta {
  std::string ns, name, uid, resource_version;
  std::int64_t generation = 0;
  Labels labels;
  Labels annotations;             // without …/last-applied-configuration (see applied), but for an Autoscaler's
  bool applied = false;           // carries last-applied-configuration: somebody runs `kubectl apply` on it
  bool deleting = false;          // deletionTimestamp is set
  std::string created;            // creationTimestamp, RFC 3339
  std::vector<OwnerReference> owners;
  std::vector<std::string> finalizers;
};

// The base of all typed objects. `kind` says which struct it is; as<T>() below is the checked way down.
struct Object {
  Kind kind = Kind::other;
  Meta meta;
  explicit Object(Kind k) : kind(k) {}
  Object(const Object&) = default;
  Object& operator=(const Object&) = default;
  virtual ~Object() = default;
  [[nodiscard]] ObjectKey key() const { return {kind, meta.ns, meta.name}; }
};
using ObjectPtr = std::shared_ptr<const Object>;

struct IntOrString {  // 0 and "" when unset
  int number = 0;
  std::string text;
  bool zero = false;  // written as the number 0: "maxSurge: 0" is not the same as no maxSurge
  [[nodiscard]] bool is_text() const { return !text.empty(); }
  [[nodiscard]] bool is_set() const { return number != 0 || !text.empty() || zero; }
  bool operator==(const IntOrString&) const = default;
};

struct Requirement {  // of a label selector
  std::string key, op;  // In, NotIn, Exists, DoesNotExist
  std::vector<std::string> values;
  bool operator==(const Requirement&) const = default;
};
struct LabelSelector {
  Labels match_labels;
  std::vector<Requirement> expressions;
  // True when `labels` satisfies every clause; an empty selector matches everything.
  [[nodiscard]] bool matches(const Labels& labels) const;
  bool operator==(const LabelSelector&) const = default;
};
// True when every pair of `selector` stands in `labels`. An empty selector is true: callers decide what that means.
bool is_subset(const Labels& selector, const Labels& labels);

struct Namespace : Object {
  static constexpr Kind kKind = Kind::namespace_;
  bool terminating = false;
  Namespace() : Object(kKind) {}
};

enum class ProbeType : std::uint8_t { none, http_get, tcp_socket, grpc, exec };
struct Probe {
  ProbeType type = ProbeType::none;
  IntOrString port;
  bool https = false;  // an httpGet over TLS
  bool operator==(const Probe&) const = default;
};
struct ContainerPort {
  std::string name, protocol = "TCP";
  int container_port = 0, host_port = 0;  // host_port 0: none
  bool operator==(const ContainerPort&) const = default;
};
struct EnvVar {
  std::string name, value;  // value "" when it comes from a reference
  bool operator==(const EnvVar&) const = default;
};
struct Container {
  std::string name, image;
  std::vector<std::string> args;  // command and args, in that order
  std::vector<EnvVar> env;
  std::vector<ContainerPort> ports;
  Probe readiness, liveness, startup;
  std::optional<std::int64_t> run_as_user;
  bool operator==(const Container&) const = default;
};
struct PodTemplate {
  Labels labels, annotations;
  bool host_network = false;
  std::string dns_policy;  // "" when unset
  std::optional<std::int64_t> termination_grace_seconds;
  std::vector<Container> containers, init_containers;
  std::vector<std::string> claims;  // names of the persistent volume claims it mounts
  std::optional<std::int64_t> run_as_user;
  bool operator==(const PodTemplate&) const = default;
};

// A Deployment, StatefulSet or DaemonSet: `kind` tells which.
struct Workload : Object {
  std::int64_t replicas = 1;  // spec.replicas; for a DaemonSet desiredNumberScheduled
  LabelSelector selector;
  PodTemplate pod;
  std::string strategy;                       // RollingUpdate, Recreate, OnDelete; "" when unset
  IntOrString max_unavailable, max_surge;     // as written; unset means the server's default
  std::optional<std::int64_t> partition;      // StatefulSet
  std::string service_name;                   // StatefulSet
  bool paused = false;
  std::int64_t progress_deadline_seconds = 600;  // the server's default; 600 too where the kind has none
  std::int64_t min_ready_seconds = 0;
  struct Status {
    bool known = false;  // false for a manifest without status
    std::int64_t observed_generation = 0, replicas = 0, updated = 0, ready = 0, available = 0, unavailable = 0;
    bool rollout_complete = false;   // condition Progressing=True with reason NewReplicaSetAvailable: stays when a pod fails later
    bool deadline_exceeded = false;  // condition Progressing=False with reason ProgressDeadlineExceeded
    bool quota_exceeded = false;     // condition ReplicaFailure=True
    std::string message;             // of whichever of these two conditions holds
    std::int64_t complete_since = 0; // seconds since the epoch: when rollout_complete came true; 0 when nobody says
    bool operator==(const Status&) const = default;
  } status;
  Workload(Kind k = Kind::deployment) : Object(k) {}  // NOLINT: default is the usual kind
};

struct ServicePort {
  std::string name, protocol = "TCP";
  int port = 0;
  IntOrString target_port;                    // unset means port
  std::optional<std::string> app_protocol;
  bool operator==(const ServicePort&) const = default;
};
struct Service : Object {
  static constexpr Kind kKind = Kind::service;
  std::string type = "ClusterIP", cluster_ip;
  Labels selector;
  std::vector<ServicePort> ports;
  std::string session_affinity;
  Service() : Object(kKind) {}
  [[nodiscard]] bool headless() const { return cluster_ip == "None"; }
  [[nodiscard]] bool external_name() const { return type == "ExternalName"; }
};

struct IngressBackend {
  std::string service;  // "" when the backend is a resource
  int port = 0;         // 0 when by name
  std::string port_name;
  bool operator==(const IngressBackend&) const = default;
};
struct IngressPath {
  std::string path, path_type;
  IngressBackend backend;
  bool operator==(const IngressPath&) const = default;
};
struct IngressRule {
  std::string host;
  std::vector<IngressPath> paths;
  bool operator==(const IngressRule&) const = default;
};
struct Ingress : Object {
  static constexpr Kind kKind = Kind::ingress;
  std::string class_name;  // spec.ingressClassName, "" when unset
  std::optional<IngressBackend> default_backend;
  std::vector<IngressRule> rules;
  std::vector<std::string> tls_hosts;
  std::string tls_spec;    // spec.tls as compact JSON with sorted keys, for a copy of the object; "" when unset
  bool tls = false;
  bool old_version = false;  // a manifest of extensions/v1beta1 or networking.k8s.io/v1beta1
  Ingress() : Object(kKind) {}
};
struct IngressClass : Object {
  static constexpr Kind kKind = Kind::ingress_class;
  std::string controller;
  bool is_default = false;
  IngressClass() : Object(kKind) {}
};

struct ConfigMap : Object {
  static constexpr Kind kKind = Kind::config_map;
  Labels data;
  ConfigMap() : Object(kKind) {}
};

struct Webhook {
  std::string name;
  LabelSelector namespace_selector, object_selector;
  bool for_pods = false;  // some rule is CREATE of pods
  bool operator==(const Webhook&) const = default;
};
struct WebhookConfiguration : Object {
  static constexpr Kind kKind = Kind::webhook_configuration;
  std::vector<Webhook> webhooks;
  WebhookConfiguration() : Object(kKind) {}
};

struct Crd : Object {
  static constexpr Kind kKind = Kind::crd;  // meta.name is "<plural>.<group>"
  Crd() : Object(kKind) {}
};

struct Application : Object {
  static constexpr Kind kKind = Kind::application;
  Labels match_labels;
  bool add_owner_ref = false;
  std::vector<std::string> components;  // status.components as "kind/name", lower-cased kind not assumed
  Application() : Object(kKind) {}
};
// Where a route of a VirtualService leads: one of its weighted destinations, or a mirror.
struct RouteDestination {
  std::string host, subset;   // subset "" when none
  std::int64_t weight = -1;   // as written; -1 when it is not
  int route = 0;              // counts the routes of the whole spec from 0
  bool mirror = false;        // gets copies of requests, and nobody its answers
  bool operator==(const RouteDestination&) const = default;
};
struct VirtualService : Object {
  static constexpr Kind kKind = Kind::virtual_service;
  std::vector<std::string> hosts;
  std::vector<RouteDestination> destinations;  // of every route
  VirtualService() : Object(kKind) {}
};
struct DestinationRule : Object {
  static constexpr Kind kKind = Kind::destination_rule;
  std::string host, tls_mode;
  std::vector<std::string> subsets;
  DestinationRule() : Object(kKind) {}
};
struct EnvoyFilter : Object {
  static constexpr Kind kKind = Kind::envoy_filter;
  Labels workload_selector;
  std::string spec;  // the whole spec as compact JSON with sorted keys, for comparison
  EnvoyFilter() : Object(kKind) {}
};
struct PeerAuthentication : Object {
  static constexpr Kind kKind = Kind::peer_authentication;
  std::string mode;  // "", PERMISSIVE, STRICT, DISABLE
  Labels match_labels;
  PeerAuthentication() : Object(kKind) {}
};
struct Strategy : Object {
  static constexpr Kind kKind = Kind::strategy;
  std::string type, principal, governor, policy;
  Labels match_labels;
  std::vector<std::string> hosts, subsets;      // of template.spec; every subset once, in the order of the routes
  std::vector<RouteDestination> destinations;   // of template.spec
  Strategy() : Object(kKind) {}
};
struct Gateway : Object {  // KubeSphere's, v1alpha1
  static constexpr Kind kKind = Kind::gateway;
  Labels deployment_annotations, controller_config;
  std::string watched_namespace;  // spec.controller.scope.namespace, "" for a cluster gateway
  std::string version;            // of the served API: v1alpha1, v2alpha1 ...
  Gateway() : Object(kKind) {}
};
struct ClusterConfiguration : Object {
  static constexpr Kind kKind = Kind::cluster_configuration;
  bool mesh_enabled = false;
  std::string mesh_status, version;  // status.servicemesh.status
  ClusterConfiguration() : Object(kKind) {}
};
struct InstallPlan : Object {
  static constexpr Kind kKind = Kind::install_plan;
  std::string extension, extension_version, state;
  bool enabled = false;
  InstallPlan() : Object(kKind) {}
};
// What Prometheus' operator scrapes: Services by label, and their ports by name.
struct ServiceMonitor : Object {
  static constexpr Kind kKind = Kind::service_monitor;
  LabelSelector selector;
  bool any_namespace = false;
  std::vector<std::string> namespaces;  // none and not any: its own
  std::vector<std::string> ports;       // names of Service ports
  ServiceMonitor() : Object(kKind) {}
};
struct ReplicaSet : Object {
  static constexpr Kind kKind = Kind::replica_set;
  std::int64_t replicas = 1;                                 // spec.replicas
  std::int64_t observed_generation = 0, pods = 0, ready = 0;  // of its status
  ReplicaSet() : Object(kKind) {}
};
// A record of ours: what stood there before something was deleted.
struct ControllerRevision : Object {
  static constexpr Kind kKind = Kind::controller_revision;
  std::string data;  // the whole of `data` as compact JSON with sorted keys
  ControllerRevision() : Object(kKind) {}
};

// Addresses of a Service: the endpoint controller's, or somebody's own.
struct EndpointSlice : Object {
  static constexpr Kind kKind = Kind::endpoint_slice;
  std::string service, managed_by;      // labels kubernetes.io/service-name, endpointslice.kubernetes.io/managed-by
  std::vector<std::string> ports;       // names
  std::vector<std::string> ready_pods;  // names of the pods that serve; a missing condition counts as ready
  EndpointSlice() : Object(kKind) {}
};
struct Event : Object {
  static constexpr Kind kKind = Kind::event;
  std::string reason, message, about_kind, about_name;
  Event() : Object(kKind) {}
};
struct ResourceQuota : Object {
  static constexpr Kind kKind = Kind::resource_quota;
  Labels hard, used;
  ResourceQuota() : Object(kKind) {}
};

// Bounds of what one container or pod may ask for.
struct LimitRange : Object {
  static constexpr Kind kKind = Kind::limit_range;
  struct Bound {
    std::string type;  // Container, Pod, PersistentVolumeClaim
    Labels max, min;   // resource -> quantity
  };
  std::vector<Bound> bounds;
  LimitRange() : Object(kKind) {}
};
struct DisruptionBudget : Object {
  static constexpr Kind kKind = Kind::disruption_budget;
  LabelSelector selector;
  std::int64_t allowed = 0, expected = 0;  // status.disruptionsAllowed, .expectedPods
  DisruptionBudget() : Object(kKind) {}
};
struct Autoscaler : Object {
  static constexpr Kind kKind = Kind::autoscaler;
  std::string target_kind, target_name;
  std::int64_t current = 0, desired = 0;  // replicas, by its status
  std::int64_t cpu_percent = 0;           // spec.targetCPUUtilizationPercentage; 0 for none
  Autoscaler() : Object(kKind) {}
};
struct VolumeClaim : Object {
  static constexpr Kind kKind = Kind::volume_claim;
  std::vector<std::string> modes;  // spec.accessModes: ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod
  VolumeClaim() : Object(kKind) {}
};

struct Pod : Object {
  static constexpr Kind kKind = Kind::pod;
  std::string phase, node;
  bool ready = false;
  bool host_network = false;
  std::vector<std::string> containers, init_containers;  // names
  std::vector<std::string> images;                       // of containers, same order
  std::string waiting_reason;                            // CrashLoopBackOff, ImagePullBackOff …; "" when none waits
  int restarts = 0;                                      // of the container that restarted most
  std::string unschedulable;                             // why no node takes it; "" when one did or nobody has tried
  Pod() : Object(kKind) {}
};

// A document of a kind that no rule reads. Kept so that output can say it was passed through.
struct Unknown : Object {
  static constexpr Kind kKind = Kind::other;
  std::string api_version, kind_name;
  Unknown() : Object(kKind) {}
};

// The object as T; null when it is of another kind. Workload answers for its three kinds.
template <typename T>
const T* as(const Object* object) {
  if (object == nullptr) return nullptr;
  if constexpr (std::is_same_v<T, Workload>) {
    const bool fits = object->kind == Kind::deployment || object->kind == Kind::stateful_set || object->kind == Kind::daemon_set;
    return fits ? static_cast<const Workload*>(object) : nullptr;
  } else {
    return object->kind == T::kKind ? static_cast<const T*>(object) : nullptr;
  }
}
template <typename T>
std::shared_ptr<const T> as(const ObjectPtr& object) {
  return as<T>(object.get()) == nullptr ? nullptr : std::static_pointer_cast<const T>(object);
}

}  // namespace meshgraft
