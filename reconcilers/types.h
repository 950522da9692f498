#pragma once
// The types that everybody speaks: what a rule reads (NamespaceView, Facts, Settings) and what it answers
// (Finding, Change, MemberState). Plain values without behaviour; nothing here reads a clock or does I/O.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"
#include "k8sclient/model/objects.h"

namespace meshgraft {

// ---- what a rule reads -------------------------------------------------------------------------------------------

// Times that rules need, given by the caller: a rule reads no clock. Milliseconds since the epoch; 0 for unknown.
struct Moments {
  std::int64_t now = 0;
  std::int64_t watching_since = 0;          // what is not there and not in `gone` has been away at least since then
  std::map<ObjectKey, std::int64_t> gone;   // when the caller saw an object of this namespace vanish
  std::map<ObjectKey, ObjectPtr> vanished;  // what those Deployments were when they did
  std::map<ObjectKey, std::int64_t> rolling;  // when the caller first saw a workload's present rollout under way
  std::map<ObjectKey, std::int64_t> routed;   // when the caller first saw a VirtualService lead where it leads now
  std::set<ObjectKey> over;  // workloads whose rollout the caller saw end, and whose pods no plan has looked at since
  // Fields given up because somebody keeps changing them back, with who does ("" when nobody knows), by object and path.
  std::map<ObjectKey, std::map<std::string, std::string>> contested;
  // Objects that the API server refuses to change, with why they wait. Only what stands_alone() waits; the rest is tried.
  std::map<ObjectKey, std::string> refused;
};

// What bounds the pods of a namespace. Read on demand: a cluster has few of them, but each changes whenever a pod does.
struct Limits {
  std::vector<std::shared_ptr<const ResourceQuota>> quotas;
  std::vector<std::shared_ptr<const LimitRange>> ranges;
  std::vector<std::shared_ptr<const DisruptionBudget>> budgets;
  std::vector<std::shared_ptr<const Autoscaler>> autoscalers;
};

// All objects of one namespace that some rule reads; immutable, cheap to copy. Every list is sorted by name.
struct NamespaceView {
  std::string name;
  std::shared_ptr<const Namespace> ns;  // never null
  std::vector<std::shared_ptr<const Workload>> workloads;  // Deployments, then StatefulSets, then DaemonSets
  std::vector<std::shared_ptr<const Service>> services;
  std::vector<std::shared_ptr<const Ingress>> ingresses;
  std::vector<std::shared_ptr<const ConfigMap>> config_maps;
  std::vector<std::shared_ptr<const Application>> applications;
  std::vector<std::shared_ptr<const VirtualService>> virtual_services;
  std::vector<std::shared_ptr<const DestinationRule>> destination_rules;
  std::vector<std::shared_ptr<const EnvoyFilter>> envoy_filters;
  std::vector<std::shared_ptr<const Strategy>> strategies;
  std::vector<std::shared_ptr<const Gateway>> gateways;
  std::vector<std::shared_ptr<const ControllerRevision>> records;  // of replaces under way
  // Not watched: looked up by the caller when the last plan's wants_pods, wants_slices or wants_events asked for them.
  std::optional<std::vector<std::shared_ptr<const Pod>>> pods;
  std::optional<std::vector<std::shared_ptr<const EndpointSlice>>> slices;
  std::optional<std::vector<std::shared_ptr<const Event>>> events;
  std::optional<std::vector<std::shared_ptr<const ReplicaSet>>> replica_sets;
  std::optional<std::vector<std::shared_ptr<const VolumeClaim>>> claims;  // the same, as wants_claims asked for them
  std::map<std::string, std::shared_ptr<const Json>> manifests;  // whole Deployments by name, as files gave them
  // Whole objects with their managedFields, as wants_live named them; null: nobody knows more than the view.
  std::map<ObjectKey, std::shared_ptr<const Json>> live;
  std::optional<Limits> limits;  // the same, as wants_limits asked for them
  bool played = false;   // nothing happens here but what a plan says, and that succeeds (foresee)
  Moments moments;
};

struct Version {
  int major = 0, minor = 0, patch = 0;
  auto operator<=>(const Version&) const = default;
};
// "1.11.2", "v1.8.1", "1.31-dev", "controller:v1.8.1@sha256:…"; nullopt when there is no number to read.
std::optional<Version> parse_version(std::string_view text);
std::string to_string(const Version& version);

// What one sidecar asks for and may use at most: thousandths of a CPU, and bytes. The figures are those of Istio's
// chart istio-discovery (values.yaml, global.proxy.resources), which KubeSphere's installer keeps.
struct SidecarSize {
  std::int64_t cpu_request = 100, cpu_limit = 2000;
  std::int64_t memory_request = std::int64_t{128} << 20, memory_limit = std::int64_t{1} << 30;
  bool operator==(const SidecarSize&) const = default;
};

// One istiod of the cluster.
struct IstiodFacts {
  std::string ns, name, revision;
  std::optional<Version> version;
  bool ready = false;
  bool operator==(const IstiodFacts&) const = default;
};

struct MeshFacts {
  bool present = false;               // some sidecar injector exists
  bool ready = false;                 // istiod serves; no restart is spent while it does not
  std::string unready_why;            // when !ready for another reason than istiod's own: mesh.revision names none
  std::vector<std::string> disputed;  // values of mesh.* that say otherwise than the mesh itself, each as a clause
  std::optional<Version> version;     // of istiod
  std::string revision;               // "default", "1-11-2"
  std::string root_namespace = "istio-system";
  bool policy_enabled = false;        // injector policy: true injects pods that say nothing
  bool native_sidecars = false;       // the proxy is an initContainer
  SidecarSize sidecar;                // of a pod whose annotations say nothing else
  bool cni = false;                   // Istio's CNI plugin captures traffic from a pod's first moment on
  std::vector<IstiodFacts> istiods;   // every one, sorted by namespace and name; the figures above are of the chosen one
  std::map<std::string, std::string> tags;  // revision tags: "default" -> "1-14-6"
  std::vector<Webhook> injectors;     // every webhook of every injector configuration, pods only
  bool operator==(const MeshFacts&) const = default;
};

struct PlatformFacts {
  std::string name = "unknown";       // "kubesphere 3.3.2", "kubesphere 4", "istio"
  bool kubesphere = false;            // its controllers make VirtualServices from annotated Services
  bool mesh_on = true;                // KubeSphere says its mesh is on and ready; true where nobody says
  std::string mesh_why;               // when !mesh_on: what it says
  std::string cluster_domain = "cluster.local";
  std::set<Kind> served;              // kinds with Watch::if_served that the server has
  bool operator==(const PlatformFacts&) const = default;
};

// One backend use of an Ingress somewhere in the cluster.
struct IngressUse {
  ObjectKey ingress;
  std::string class_name;             // as resolved: spec, annotation or the default class; "" when none
  std::string service, port;          // port: number or name, as written
  bool service_upstream = false;      // the annotation is on already
  bool upstream_vhost = false;        // the Ingress sets the Host that goes upstream
  bool headless = false;              // the backend Service is
  bool sniffed = false;               // the backend port declares no protocol that Istio knows, by name or appProtocol
  bool mended = false;                // sniffed, but our own rules declare it before a gateway is injected
  std::string created;
  bool operator==(const IngressUse&) const = default;
};

// The ingress-nginx controllers of one namespace.
struct GatewayFacts {
  std::string ns;
  bool opted_in = false;              // it is, or will be, in the mesh: its namespace carries meshgraft.io/gateway and is admitted
  bool kubesphere = false;            // a KubeSphere Gateway object's, switched through that object
  std::string name;                   // of that object
  bool switchable = false;            // that object's API has the switch (v1alpha1)
  bool wanted = false;                // a label asks for it: its project's, or meshgraft.io/gateway where it runs
  std::string hold;                   // why its switch is not set although it is wanted: its project is paused
  bool in_mesh = false;               // its pods have sidecars already
  std::set<std::string> classes;      // IngressClass names that it serves
  bool serves_default = false;        // Ingresses without any class too
  std::optional<Version> version;     // of the controller, from its image tag
  std::string watched_namespace;      // "" for all
  bool snippets_allowed = false;      // its ConfigMap allows snippets and annotations of critical risk
  bool validates = true;              // it refuses or drops annotation values with unusual characters
  bool low_risk_only = false;         // its ConfigMap sets annotations-risk-level: Low
  std::string default_backend;        // --default-backend-service as "namespace/name"; "" for none
  std::string error_codes;            // its ConfigMap's custom-http-errors: for them that Service gives the pages
  bool operator==(const GatewayFacts&) const = default;
};

// What is true of the whole cluster; immutable, made by derive_facts or read from --facts.
struct Facts {
  MeshFacts mesh;
  PlatformFacts platform;
  std::vector<GatewayFacts> gateways;       // sorted by ns
  std::vector<IngressUse> ingress_uses;     // sorted; every Ingress of every namespace
  std::set<std::string> app_namespaces;     // labelled meshgraft.io/app and admitted
  std::set<std::string> unsettled;          // app namespaces with something still to do before the gateway stage
  std::set<std::string> nacos_wanted;       // namespaces whose Nacos is named by workloads of app namespaces
  std::vector<std::shared_ptr<const EnvoyFilter>> root_filters;  // EnvoyFilters of the mesh's root namespace
  std::vector<std::shared_ptr<const PeerAuthentication>> peer_authentications;  // of all namespaces
  std::vector<std::shared_ptr<const ServiceMonitor>> service_monitors;          // of all namespaces
  int rolling_elsewhere = 0;                // workloads restarting because of us in other namespaces
  bool operator==(const Facts&) const = default;
};

enum class Policy : std::uint8_t { observe, join, replace };
enum class ClientIpMode : std::uint8_t { envoy_filter, mesh_wide, bypass, off };

// The chart's mesh.*: what is taken instead of what is detected. "" for what is detected.
struct MeshSettings {
  std::string revision;         // or a revision tag: whose istiod speaks for the mesh
  std::string root_namespace, cluster_domain;
};

// The chart's values; constant for a process.
struct Settings {
  Policy default_policy = Policy::join;
  int max_rollouts = 3;                     // of the cluster at one time
  bool paused = false;
  LabelSelector namespace_selector;         // which namespaces may be labelled; empty: all
  std::set<std::string> gateway_namespaces; // where kGateway counts; empty: everywhere
  std::set<std::string> nacos_namespaces;   // where Nacos may be given its ports without a label
  ClientIpMode client_ip = ClientIpMode::envoy_filter;
  std::vector<std::string> trusted_proxies; // CIDRs
  bool replace_enabled = false;
  bool releases_enabled = false;
  MeshSettings mesh;
};

// ---- what a rule answers -----------------------------------------------------------------------------------------

enum class Severity : std::uint8_t { info, warning, error };

struct Finding {
  std::string code;       // "MG203"; its severity, cause and source stand in findings.h
  Severity severity = Severity::info;
  ObjectKey about;
  std::string text;       // what is the case, naming fields and values
  std::string remedy;     // what to do; "" when nothing needs to be done
};

// The order of the whole (rules 15). A stage of a namespace starts when the stages before it have nothing left to
// do but what is held.
enum class Stage : std::uint8_t {
  rollback,            // a failed restart is taken back, or its workload is tried again
  // The way back of what leaves (rules 14) goes before everything else.
  back_service_annotation,
  back_virtual_service,
  back_destination_rule,
  back_ingress,
  back_gateway_template,  // gated: restarts pods
  back_envoy_filter,
  back_gateway_config,
  back_service_ports,
  back_ingress_backend,
  back_template,       // gated: restarts pods
  back_metadata,
  back_application,
  back_middleware_ports,
  middleware_ports,
  member_metadata,
  member_replace,      // gated: Deployments created again with another selector
  member_template,     // gated: restarts pods
  service_ports,
  service_annotation,
  application,
  ingress_backend,     // backend numbers that service-upstream would kill
  ingress,
  gateway_config,      // ConfigMap
  envoy_filter,
  gateway_metadata,
  gateway_template,    // gated: restarts pods
  release,             // of a Strategy: beside all other stages, waits for none and holds none up; its restarts are gated
  namespace_status,
};
std::string_view to_string(Stage stage);  // "member-template"

// Whether an object that is left out of this stage takes nothing from the others: not so where the order keeps traffic
// served (middleware's ports, replaces, the gateway) and on the way back.
constexpr bool stands_alone(Stage stage) {
  switch (stage) {
    case Stage::member_metadata:
    case Stage::member_template:
    case Stage::service_ports:
    case Stage::service_annotation:
    case Stage::application:
    case Stage::ingress:
      return true;
    default:
      return false;
  }
}

enum class Verb : std::uint8_t { apply, restore, edit, create, remove, orphan, scale };
std::string_view to_string(Verb verb);

enum class Impact : std::uint8_t { none, traffic, restart };
std::string_view to_string(Impact impact);

struct Precondition {
  std::string uid, resource_version;  // "" for none
};

// A value that a change overwrites, for people: path as in "spec.ports[80/TCP].name".
struct Overwrite {
  std::string path, before, after;
};

// Another object that a change follows from. A create has no precondition of its own, and a delete none on what stays.
struct Witness {
  ObjectKey object;
  Precondition as;
};

// One request, complete. A Sink carries it out as it stands.
struct Change {
  ObjectKey target;
  Verb verb = Verb::apply;
  Json body;                // apply: exactly the fields we own; create: the object; edit: a JSON Patch; restore: a merge patch
  Precondition pre;
  std::optional<Witness> witness;  // create, remove: not unless this object is still there as it was, asked right before
  bool force = false;       // apply: takes fields that others own
  Stage stage = Stage::member_metadata;
  Impact impact = Impact::none;
  int restarts = 0;         // pods that it restarts
  bool at_once = false;     // a restart outside the gate: these pods serve nobody yet, or starve without it
  std::string rule;         // the reconciler's name
  std::string outcome;      // for the metrics of replaces and releases: what a success means ("started", "completed", "promoted"); "" else
  std::string why;          // one clause for people: "labels and governance of member catalog"
  std::vector<std::string> adds;        // fields that it adds, for people
  std::vector<Overwrite> overwrites;
  std::vector<std::string> retakes;     // of both: fields that were ours before and that somebody changed since
};

enum class MemberPhase : std::uint8_t { waiting, rolling, joined, held, blocked, excluded };
std::string_view to_string(MemberPhase phase);

// One row of `status`.
struct MemberState {
  ObjectKey workload;
  std::string service, version;
  MemberPhase phase = MemberPhase::waiting;
  bool sidecar_wanted = false;
  bool sidecar = false;       // the template asks for it and the rollout is complete
  bool governed = false;      // KubeSphere's conditions for a subset hold
  std::string why;            // why not joined, or why not governed; "" when there is nothing to say
};

// Where a release stands: a Strategy of KubeSphere, which shares the traffic of one Service between a principal and a
// gray version. Worked out anew from what is observed by every plan (releases.h).
enum class ReleasePhase : std::uint8_t { sharing, promoting, aborting, held, refused };
std::string_view to_string(ReleasePhase phase);
enum class ReleaseStep : std::uint8_t {
  none,           // nobody asks for anything: the traffic is shared as the Strategy says
  recording,      // what the principal is like goes into the Strategy's undo record
  to_gray,        // gray gets every request; until the VirtualService says so, and 12 s
  updating,       // the principal gets gray's images and rolls out, while gray serves
  restoring,      // the principal gets its former images again, while gray serves
  to_principal,   // the principal gets every request; until the VirtualService says so, and 12 s
  removing_gray,  // gray's Deployment goes, and its subset
  closing,        // the Strategy goes
};
std::string_view to_string(ReleaseStep step);  // "to gray"

struct ReleaseState {
  ObjectKey strategy;
  std::string service, type;                           // type: Canary, Bluegreen, Mirror
  std::string principal, gray;                         // versions; gray "" when the Strategy names none
  std::string principal_deployment, gray_deployment;   // names; "" when there is none
  ReleasePhase phase = ReleasePhase::sharing;
  ReleaseStep step = ReleaseStep::none;                // sharing and refused: none
  std::string traffic;      // "v1 70, gray 30", as the VirtualService has it; "" when it has no route to this Service
  std::string why;          // what it waits for, or why it is held or refused
  std::string finding;      // code of that, "" when there is none
  std::int64_t since = 0;   // milliseconds since the epoch: when it was begun, by the record; 0 for not begun
};

// What waits, and for what.
struct Waiting {
  ObjectKey target;
  Stage stage = Stage::member_metadata;
  std::string reason;   // "the rollout of Deployment shop/web", "max-rollouts 1 is reached"
};

}  // namespace meshgraft
