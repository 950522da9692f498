// The rule for middleware: appProtocol on the ports of Nacos, databases and queues, before any client is injected.

#include <algorithm>
#include <array>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/middleware_table.h"
#include "reconcilers/ports.h"
#include "reconcilers/selection.h"

namespace meshgraft {
namespace {

using Workloads = std::vector<std::shared_ptr<const Workload>>;
constexpr std::string_view kRule = "middleware_ports";

enum class NacosPort : std::uint8_t { none, main, rpc };

// Sources of the offsets: alibaba/nacos GrpcSdkServer (+1000), GrpcClusterServer (+1001), JRaft (-1000).
NacosPort nacos_port(const MiddlewareService& service, int pod_port) {
  if (service.product != kNacos) return NacosPort::none;
  const int main = service.nacos_port;
  if (pod_port == main) return NacosPort::main;
  if (pod_port == main + 1000 || pod_port == main + 1001 || pod_port == main - 1000) return NacosPort::rpc;
  return NacosPort::none;
}

// What to write on one port; "" for nothing.
std::string wanted_protocol(const MiddlewareService& service, const ServicePort& port, const PortEvidence& evidence) {
  if (port.protocol != "TCP") return "";
  const Protocol declared = declared_protocol(port);
  switch (nacos_port(service, evidence.pod_port)) {
    case NacosPort::rpc: return declared == Protocol::tcp ? "" : "tcp";  // whatever else it says would be torn apart
    case NacosPort::main: return declared == Protocol::unknown && !port.app_protocol ? "http" : "";
    case NacosPort::none: break;
  }
  if (declared != Protocol::unknown || port.app_protocol) return "";
  const Protocol spoken = spoken_protocol(port, evidence).protocol;
  return spoken == Protocol::unknown ? "tcp" : std::string(to_string(spoken));
}

bool says_true(const Labels& labels, std::string_view key) {
  const auto found = labels.find(key);
  return found != labels.end() && found->second == "true";
}

// MG701: somebody injects Nacos itself.
void look_at_nacos_pods(const Context& context, std::vector<Finding>& findings) {
  for (const auto& workload : context.view.workloads) {
    const auto product = context.membership.middleware.workloads.find(workload->key());
    if (product == context.membership.middleware.workloads.end() || product->second != kNacos) continue;
    if (says_true(workload->pod.labels, keys::kSidecarInject) || says_true(workload->pod.annotations, keys::kSidecarInject)) {
      findings.push_back(finding("MG701", workload->key(), "its template asks for a sidecar (" + std::string(keys::kSidecarInject) + ": true)"));
    }
  }
}

// MG703, once for the namespace: its members look each other up in Nacos.
void look_at_clients(const Context& context, std::vector<Finding>& findings) {
  if (context.options.app.empty()) return;
  for (const Member& member : context.membership.members) {
    if (!member.blocked.empty() || member.excluded || member.workload == nullptr) continue;
    for (const Container& container : member.workload->pod.containers) {
      for (const EnvVar& env : container.env) {
        const bool named = env.name.find("NACOS") != std::string::npos || env.name.find("nacos") != std::string::npos ||
                           env.value.find("nacos") != std::string::npos;
        if (!named) continue;
        findings.push_back(finding("MG703", context.view.ns->key(),
                                   "members use Nacos (" + to_string(member.workload->key()) + ", variable " + env.name +
                                       "): calls between instances found there go to pod IPs"));
        return;
      }
    }
  }
}

constexpr std::array<std::string_view, 4> kServiceVerbs{"get", "list", "watch", "patch"};
constexpr std::array kRbac{RbacRule{"", "services", kServiceVerbs, ""}};

}  // namespace

Decision desired_middleware_ports(const Context& context) {
  Decision decision;
  const bool joined = !context.options.app.empty();
  const bool nacos_only = !joined && context.settings.nacos_namespaces.contains(context.view.name) && context.facts.nacos_wanted.contains(context.view.name);
  if (!joined && !nacos_only) return decision;
  const BackendIndex backends(context.view);
  for (const auto& service : context.view.services) {
    const auto found = context.membership.middleware.services.find(service->meta.name);
    if (found == context.membership.middleware.services.end() || is_excluded(service->meta) || service->external_name()) continue;
    const MiddlewareService& middleware = found->second;
    const bool is_nacos = middleware.product == kNacos;
    if (nacos_only && !is_nacos) continue;
    const Workloads workloads = context.membership.selection->workloads_of(service->selector);
    const auto evidence = port_evidence(*service, workloads, backends, product(middleware.product));
    Intent intent;
    for (std::size_t i = 0; i < service->ports.size(); ++i) {
      const std::string wanted = wanted_protocol(middleware, service->ports[i], evidence[i]);
      if (wanted.empty()) continue;
      PortWish wish;
      wish.port = service->ports[i].port;
      wish.protocol = service->ports[i].protocol;
      wish.app_protocol = wanted;
      intent.wish.ports.push_back(std::move(wish));
    }
    if (!is_nacos) {
      decision.findings.push_back(finding("MG702", service->key(), middleware.product + " (" + middleware.evidence + ")"));
    }
    if (intent.wish.ports.empty()) continue;
    intent.object = service;
    intent.stage = Stage::middleware_ports;
    intent.impact = Impact::traffic;
    intent.rule = kRule;
    intent.why = "protocols of " + middleware.product + " ports (" + middleware.evidence + ")";
    decision.intents.push_back(std::move(intent));
  }
  look_at_nacos_pods(context, decision.findings);
  look_at_clients(context, decision.findings);
  return decision;
}

std::span<const RbacRule> rbac_middleware_ports() { return kRbac; }

}  // namespace meshgraft
