#include "cmd/totals.h"

#include <algorithm>
#include <string_view>
#include <tuple>

#include "reconcilers/gateway_facts.h"
#include "reconcilers/injection.h"
#include "reconcilers/keys.h"
#include "reconcilers/sidecar_size.h"

namespace meshgraft {
namespace {

constexpr std::int64_t kDefaultGrace = 30;  // seconds; core/v1, terminationGracePeriodSeconds

const Workload* find_workload(const World& world, const ObjectKey& key) {
  const auto view = world.namespaces.find(key.ns);
  if (view == world.namespaces.end()) return nullptr;
  for (const auto& workload : view->second.workloads) {
    if (workload->key() == key) return workload.get();
  }
  return nullptr;
}

const Ingress* find_ingress(const World& world, const ObjectKey& key) {
  const auto view = world.namespaces.find(key.ns);
  if (view == world.namespaces.end()) return nullptr;
  for (const auto& ingress : view->second.ingresses) {
    if (ingress->meta.name == key.name) return ingress.get();
  }
  return nullptr;
}

bool gets_sidecar(const World& world, const Workload* workload, const MeshFacts& mesh) {
  if (workload == nullptr) return false;
  const Labels& ns = world.namespaces.at(workload->meta.ns).ns->meta.labels;
  return injection(mesh, workload->meta.ns, ns, workload->pod.labels, workload->pod.annotations, workload->pod.host_network).injected;
}

// The ports of its nodes that a pod of `workload` holds: the public ones of a gateway, else every host port.
std::set<int> node_ports(const Workload& workload) {
  std::set<int> ports;
  const auto gateway = read_ingress_controller(workload);
  for (const Container& container : workload.pod.containers) {
    for (const ContainerPort& port : container.ports) {
      const int held = workload.pod.host_network ? port.container_port : port.host_port;
      if (held == 0) continue;
      if (!gateway || port.container_port == gateway->http_port || port.container_port == gateway->https_port) ports.insert(held);
    }
  }
  return ports;
}

void count_restart(const ObjectKey& key, int pods, const World& before, const World& after, const MeshFacts& mesh, Totals& totals) {
  const Workload* old = find_workload(before, key);
  const Workload* next = find_workload(after, key);
  if (old == nullptr) return;
  if (!gets_sidecar(before, old, mesh) && gets_sidecar(after, next, mesh)) {
    const SidecarSize size = sidecar_size(mesh, next->pod.annotations);
    totals.sidecars += pods;
    totals.sidecar_cpu += size.cpu_request * pods;
    totals.sidecar_memory += size.memory_request * pods;
  }
  if (std::set<int> ports = node_ports(*old); !ports.empty()) {
    totals.closed.push_back({key, std::move(ports), pods, old->pod.termination_grace_seconds.value_or(kDefaultGrace)});
  }
}

int& count_of(FindingCounts& counts, Severity severity) {
  return severity == Severity::error ? counts.errors : severity == Severity::warning ? counts.warnings : counts.infos;
}

std::string host_of(const Ingress* ingress) {
  if (ingress == nullptr) return "";
  const auto found = ingress->meta.annotations.find(keys::kUpstreamVhost);
  return found == ingress->meta.annotations.end() ? "" : found->second;
}

}  // namespace

Totals count_totals(const std::vector<Foreseen::Step>& steps, const std::vector<Finding>& findings, const World& before,
                    const World& after, const MeshFacts& mesh) {
  Totals totals;
  std::set<ObjectKey> seen;
  std::map<ObjectKey, int> restarting;
  for (const Foreseen::Step& step : steps) {
    const Change& change = step.change;
    ++totals.requests;
    if (seen.insert(change.target).second) ++totals.objects[change.target.kind];
    totals.created += change.verb == Verb::create ? 1 : 0;
    totals.removed += change.verb == Verb::remove ? 1 : 0;
    totals.restarts += change.restarts;
    if (change.impact != Impact::restart) continue;
    int& pods = restarting[change.target];
    pods = std::max(pods, change.restarts);
  }
  totals.restarting = static_cast<int>(restarting.size());
  for (const auto& [workload, pods] : restarting) count_restart(workload, pods, before, after, mesh, totals);
  for (const ObjectKey& key : seen) {
    if (key.kind != Kind::ingress) continue;
    const std::string was = host_of(find_ingress(before, key));
    const std::string will = host_of(find_ingress(after, key));
    if (was != will) totals.hosts.push_back({key, was, will});
  }
  std::set<std::tuple<std::string_view, std::string_view, std::string_view>> listed;
  for (const Finding& finding : findings) {
    ++count_of(totals.findings, finding.severity);
    if (listed.emplace(finding.code, finding.text, finding.remedy).second) ++count_of(totals.listed, finding.severity);
  }
  return totals;
}

}  // namespace meshgraft
