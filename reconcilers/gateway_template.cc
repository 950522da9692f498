// The pods of an ingress-nginx controller: sidecar, hostPorts instead of hostNetwork, ports that stay out of the
// sidecar, and a strategy that a hostPort lets through.

#include <algorithm>
#include <set>

#include "reconcilers/findings.h"
#include "reconcilers/gateway.h"
#include "reconcilers/injection.h"
#include "reconcilers/keys.h"
#include "reconcilers/record.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

const std::string* value_of(const Labels& labels, std::string_view key) {
  const auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

bool is_public(const IngressController& read, int port) { return port == read.http_port || port == read.https_port; }

// hostNetwork, or a hostPort on the ports that people reach: a node then has room for one such pod.
bool binds_nodes(const OwnController& controller) {
  if (controller.workload->pod.host_network) return true;
  return std::any_of(controller.read.container->ports.begin(), controller.read.container->ports.end(),
                     [&controller](const ContainerPort& port) { return port.host_port != 0 && is_public(controller.read, port.container_port); });
}

// The ports that the sidecar must leave alone: the admission webhook's, whose caller has no mesh certificate; 443,
// because TLS that ends in nginx never meets an HTTP filter; 80 too where nginx itself wants to see the peer.
std::set<int> bypassed_ports(const Context& context, const OwnController& controller) {
  std::set<int> ports;
  if (controller.read.webhook_port != 0) ports.insert(controller.read.webhook_port);
  const ClientIpMode mode = context.settings.client_ip;
  if (mode == ClientIpMode::envoy_filter || mode == ClientIpMode::bypass) ports.insert(controller.read.https_port);
  if (mode == ClientIpMode::bypass) ports.insert(controller.read.http_port);
  if (reads_proxy_protocol(context, controller)) ports.insert({controller.read.http_port, controller.read.https_port});
  return ports;
}

// The user's list with ours behind it; the user's own value is what stood there before us.
std::string exclusion(const Context& context, const OwnController& controller, const Record& record) {
  const std::string path = "spec.template.metadata.annotations[" + std::string(keys::kExcludeInboundPorts) + "]";
  std::string list;
  if (record.owns(path)) {
    if (const auto was = record.was.find(path); was != record.was.end() && was->second.is_string()) list = *was->second.get_ptr<const std::string*>();
  } else if (const std::string* live = value_of(controller.workload->pod.annotations, keys::kExcludeInboundPorts)) {
    list = *live;
  }
  if (list == "*") return list;
  const auto has = [&list](const std::string& number) {
    std::size_t at = 0;
    while (at <= list.size()) {
      const std::size_t end = std::min(list.find(',', at), list.size());
      std::string_view item = std::string_view(list).substr(at, end - at);
      while (item.starts_with(' ')) item.remove_prefix(1);
      while (item.ends_with(' ')) item.remove_suffix(1);
      if (item == number) return true;
      at = end + 1;
    }
    return false;
  };
  for (const int port : bypassed_ports(context, controller)) {
    const std::string number = std::to_string(port);
    if (!has(number)) list += (list.empty() ? "" : ",") + number;
  }
  return list;
}

void want_host_ports(const OwnController& controller, Wish& wish) {
  const Workload& workload = *controller.workload;
  if (!workload.pod.host_network) return;
  wish.host_network = false;
  if (workload.pod.dns_policy == "ClusterFirstWithHostNet") wish.dns_policy = "ClusterFirst";
  // Written out: since Kubernetes 1.28 the server no longer fills them into templates.
  for (const int port : {controller.read.http_port, controller.read.https_port}) {
    wish.host_ports.push_back({controller.read.container->name, port, "TCP", port});
  }
}

// A pod that waits for the port of the pod it replaces never starts: the old one has to go first.
void want_strategy(const OwnController& controller, Wish& wish) {
  const Workload& workload = *controller.workload;
  if (!binds_nodes(controller) || workload.strategy == "Recreate" || workload.strategy == "OnDelete") return;
  if (workload.kind == Kind::daemon_set) {
    // Its defaults are 1 and 0.
    const bool surges = workload.max_surge.is_text() ? workload.max_surge.text != "0%" : workload.max_surge.number > 0;
    if (!surges) return;
  }
  wish.rolling_update = RollingUpdate{1, 0};
}

Wish wish_of(const Context& context, const OwnController& controller, const Record& record) {
  const Workload& workload = *controller.workload;
  Wish wish;
  wish.pod_labels.emplace(keys::kSidecarInject, "true");
  wish.pod_annotations.emplace(keys::kSidecarInject, "true");
  if (const std::string ports = exclusion(context, controller, record); !ports.empty()) wish.pod_annotations.emplace(keys::kExcludeInboundPorts, ports);
  if (!context.facts.mesh.native_sidecars && value_of(workload.pod.annotations, keys::kProxyConfig) == nullptr) {
    wish.pod_annotations.emplace(keys::kProxyConfig, R"({"holdApplicationUntilProxyStarts":true})");
  }
  want_host_ports(controller, wish);
  want_strategy(controller, wish);
  return wish;
}

InjectionVerdict simulate(const Context& context, const Workload& workload, const Wish& wish) {
  Labels labels = wish.pod_labels;
  labels.insert(workload.pod.labels.begin(), workload.pod.labels.end());
  labels.insert_or_assign(std::string(keys::kSidecarInject), "true");
  Labels annotations = wish.pod_annotations;
  annotations.insert(workload.pod.annotations.begin(), workload.pod.annotations.end());
  annotations.insert_or_assign(std::string(keys::kSidecarInject), "true");
  return injection(context.facts.mesh, context.view.name, context.view.ns->meta.labels, labels, annotations, false);
}

bool accepts_outage(const Context& context, const Workload& workload) {
  if (const std::string* own = value_of(workload.meta.annotations, keys::kAcceptOutage)) return *own == "true";
  return context.options.accept_outage;
}

constexpr std::int64_t kDefaultGrace = 30;  // core/v1, terminationGracePeriodSeconds

void tell_of_costs(const Context& context, const OwnController& controller, GatewayTemplate& made) {
  const Workload& workload = *controller.workload;
  const ObjectKey about = workload.key();
  if (workload.pod.host_network) {
    made.findings.push_back(finding("MG505", about, "hostNetwork goes: the address that its Ingresses publish may change, or blink for a minute"));
    for (const ContainerPort& port : controller.read.container->ports) {
      if (port.host_port == 0 || is_public(controller.read, port.container_port)) continue;
      made.findings.push_back(finding("MG507", about, "hostPort " + std::to_string(port.host_port) + " of container port " +
                                                          std::to_string(port.container_port) + " stays: it is not ours to delete"));
    }
  }
  const bool binds = binds_nodes(controller);
  // A DaemonSet's manifest does not tell how many nodes there are; a live one (it has a uid) does.
  const bool known = workload.kind == Kind::deployment || !workload.meta.uid.empty();
  const bool single = known && workload.replicas == 1;
  const bool recreates = workload.strategy == "Recreate" && workload.replicas > 0;
  if (recreates || (known && workload.replicas > 0 && ((binds && single) || (!binds && restart_leaves_a_gap(workload))))) {
    const std::string how = recreates ? "strategy Recreate stops all pods first" : binds ? "its only pod holds the node's ports" : "its only pod stops before a new one is ready";
    made.findings.push_back(finding("MG502", about, how + ": nobody is served while it restarts"));
    if (!accepts_outage(context, workload)) made.intent.hold = "its restart would be an outage (MG502)";
    return;
  }
  if (!binds) return;
  const std::int64_t grace = workload.pod.termination_grace_seconds.value_or(kDefaultGrace);
  std::string nodes;
  if (context.view.pods) {
    std::set<std::string> names;
    for (const auto& pod : *context.view.pods) {
      if (!pod->node.empty() && workload.selector.matches(pod->meta.labels)) names.insert(pod->node);
    }
    for (const std::string& name : names) nodes += (nodes.empty() ? " (" : ", ") + name;
    if (!nodes.empty()) nodes += ")";
  }
  made.findings.push_back(finding("MG503", about, "one node at a time" + nodes + " has its ports " + std::to_string(controller.read.http_port) + " and " +
                                                      std::to_string(controller.read.https_port) + " closed while its pod restarts, up to " +
                                                      std::to_string(grace) + " s and the start of the new pod"));
}

// As for members: what people hold, and what was broken before.
void hold_back(const OwnController& controller, GatewayTemplate& made) {
  const Workload& workload = *controller.workload;
  if (const std::string* held = value_of(workload.meta.annotations, keys::kHeld)) {
    made.intent.hold = "held: " + *held;
    made.findings.push_back(finding("MG225", workload.key(), *held));
    return;
  }
  if (workload.paused) {
    made.intent.hold = "spec.paused is true";
    made.findings.push_back(finding("MG223", workload.key(), "spec.paused is true: a new template would not roll out"));
    return;
  }
  if (workload.strategy == "OnDelete") {
    made.intent.hold = "updateStrategy OnDelete";
    made.findings.push_back(finding("MG511", workload.key(), "with updateStrategy OnDelete no pod would be replaced"));
    return;
  }
  const Rollout state = rollout_of(workload);
  if (state == Rollout::fresh || state == Rollout::empty) {
    made.intent.at_once = true;
    made.intent.hold.clear();
    return;
  }
  if (state == Rollout::complete || read_record(workload.meta).owns_template()) return;
  if (state == Rollout::under_way) {
    made.intent.hold = "a rollout of its own is under way: " + progress_text(workload);
    made.intent.passing = true;
    return;
  }
  made.intent.hold = "it was not available before (MG224)";
  made.findings.push_back(finding("MG224", workload.key(), progress_text(workload)));
}

}  // namespace

GatewayTemplate gateway_template(const Context& context, const OwnController& controller) {
  const Workload& workload = *controller.workload;
  GatewayTemplate made;
  Intent& intent = made.intent;
  intent.object = controller.workload;
  intent.stage = Stage::gateway_template;
  intent.impact = Impact::restart;
  intent.rule = "gateway";
  intent.wish = wish_of(context, controller, read_record(workload.meta));
  if (context.facts.mesh.present) {
    const InjectionVerdict verdict = simulate(context, workload, intent.wish);
    if (!verdict.injected) {
      intent.hold = "no sidecar would come: " + verdict.why;
      made.findings.push_back(finding("MG212", workload.key(), verdict.why, verdict.remedy));
      return made;
    }
  }
  if (satisfied(intent.wish, workload)) return made;
  intent.why = workload.pod.host_network ? "sidecar of the gateway; its ports stay on the nodes without hostNetwork" : "sidecar of the gateway";
  if (workload.strategy != "OnDelete") tell_of_costs(context, controller, made);
  hold_back(controller, made);
  return made;
}

}  // namespace meshgraft
