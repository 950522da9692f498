#include "reconcilers/pod_traps.h"

#include <algorithm>
#include <array>
#include <optional>

#include "reconcilers/findings.h"
#include "reconcilers/image.h"

namespace meshgraft {
namespace {

// istio release notes: 1.12 rewrites tcpSocket probes (33734), 1.13 grpc probes (36706).
constexpr Version kRewritesTcp{1, 12, 0};
constexpr Version kRewritesGrpc{1, 13, 0};
constexpr std::int64_t kProxyUser = 1337;  // istio.io, Application Requirements
// The same page, "Ports used by Istio": those that the sidecar listens on.
constexpr std::array kProxyPorts{15000, 15001, 15002, 15004, 15006, 15008, 15020, 15021, 15053, 15090};

std::string port_text(const IntOrString& port) { return port.is_text() ? port.text : std::to_string(port.number); }

// The port of some httpGet probe of the container, "" when it has none: what to read instead.
std::string http_port(const Container& container) {
  for (const Probe* probe : {&container.readiness, &container.liveness, &container.startup}) {
    if (probe->type == ProbeType::http_get) return port_text(probe->port);
  }
  return "";
}

struct NamedProbe {
  std::string_view name;
  const Probe* probe;
};

// What comes of tcpSocket probes that succeed whatever the program does.
std::string_view what_a_lie_does(const Container& container) {
  if (container.readiness.type == ProbeType::tcp_socket) return "the pod is ready before the program is";
  return container.startup.type == ProbeType::tcp_socket ? "the pod counts as started before the program is" : "a program that hangs is not started again";
}

void look_at_probes(const Context& context, const Workload& workload, const Container& container, std::vector<Finding>& findings) {
  const auto& version = context.facts.mesh.version;
  const std::array<NamedProbe, 3> probes{{{"readinessProbe", &container.readiness}, {"livenessProbe", &container.liveness}, {"startupProbe", &container.startup}}};
  std::string names, port;
  bool grpc = false;
  for (const NamedProbe& one : probes) {
    const bool tcp_lies = one.probe->type == ProbeType::tcp_socket && version && *version < kRewritesTcp;
    const bool grpc_lies = one.probe->type == ProbeType::grpc && version && *version < kRewritesGrpc;
    if (!tcp_lies && !grpc_lies) continue;
    names += (names.empty() ? "" : ", ") + std::string(one.name);
    port = port_text(one.probe->port);
    grpc = grpc || grpc_lies;
  }
  if (names.empty()) return;
  std::string text = names + " of container " + container.name + " on port " + port;
  if (grpc) {
    text += " is a grpc probe, which the sidecar of Istio " + to_string(*version) + " does not pass on";
  } else {
    text += " is a tcpSocket probe, which the sidecar of Istio " + to_string(*version) + " answers itself: " + std::string(what_a_lie_does(container));
  }
  const std::string known = http_port(container);
  findings.push_back(finding("MG221", workload.key(), std::move(text),
                             "Write instead: httpGet: {path: /, port: " + (known.empty() ? port : known) + "}; or run Istio " +
                                 (grpc ? "1.13" : "1.12") + " or later"));
}

void look_at_user(const Workload& workload, const Container& container, std::vector<Finding>& findings) {
  const std::optional<std::int64_t> user = container.run_as_user ? container.run_as_user : workload.pod.run_as_user;
  if (user != kProxyUser) return;
  findings.push_back(finding("MG222", workload.key(), "container " + container.name + " runs as user 1337, the sidecar's own: none of its calls goes through the sidecar"));
}

void look_at_ports(const Workload& workload, const Container& container, std::vector<Finding>& findings) {
  for (const ContainerPort& port : container.ports) {
    if (std::find(kProxyPorts.begin(), kProxyPorts.end(), port.container_port) == kProxyPorts.end()) continue;
    findings.push_back(finding("MG227", workload.key(), "container " + container.name + " listens on port " + std::to_string(port.container_port) +
                                                            ", which the sidecar needs: one of the two does not start"));
  }
}

// Words of commands that need the network: waiting for a database, migrations, downloads.
bool needs_network(const Container& container) {
  constexpr std::array<std::string_view, 12> kWords{"wait-for", "nc ", "curl", "wget", "http://", "https://", "flyway",
                                                    "liquibase", "nslookup", "pg_isready", "mysqladmin", "redis-cli"};
  const std::string name = image_name(container.image);
  for (const std::string_view known : {"flyway", "liquibase", "wait-for", "dockerize", "k8s-wait-for", "groundnuty"}) {
    if (name.find(known) != std::string::npos) return true;
  }
  return std::any_of(container.args.begin(), container.args.end(), [&kWords](const std::string& arg) {
    return arg == "nc" || std::any_of(kWords.begin(), kWords.end(), [&arg](std::string_view word) { return arg.find(word) != std::string::npos; });
  });
}

void look_at_init_containers(const Context& context, const Workload& workload, std::vector<Finding>& findings) {
  if (!context.facts.mesh.cni || context.facts.mesh.native_sidecars) return;
  for (const Container& container : workload.pod.init_containers) {
    const std::optional<std::int64_t> user = container.run_as_user ? container.run_as_user : workload.pod.run_as_user;
    if (user == kProxyUser || !needs_network(container)) continue;
    findings.push_back(finding("MG228", workload.key(), "init container " + container.name + " uses the network before the sidecar runs"));
  }
}

}  // namespace

Decision desired_pod_traps(const Context& context) {
  Decision decision;
  for (const Member& member : context.membership.members) {
    if (!member.sidecar || member.excluded || !member.blocked.empty()) continue;
    for (const Container& container : member.workload->pod.containers) {
      look_at_probes(context, *member.workload, container, decision.findings);
      look_at_user(*member.workload, container, decision.findings);
      look_at_ports(*member.workload, container, decision.findings);
    }
    look_at_init_containers(context, *member.workload, decision.findings);
  }
  return decision;
}

}  // namespace meshgraft
