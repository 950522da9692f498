#include "reconcilers/ports.h"

#include <algorithm>

#include "reconcilers/ingress_edit.h"
#include "reconcilers/keys.h"
#include "reconcilers/selection.h"

namespace meshgraft {
namespace {

constexpr std::string_view kBackendProtocol = "nginx.ingress.kubernetes.io/backend-protocol";
constexpr std::size_t kLongestName = 63;  // a Service port's name is a DNS label

// The parts of a port name between '-', digits at their end taken off: "web8080" -> web.
Protocol protocol_of_words(std::string_view name) {
  Protocol found = Protocol::unknown;
  while (!name.empty()) {
    const std::size_t dash = name.find('-');
    std::string_view word = name.substr(0, dash);
    name = dash == std::string_view::npos ? std::string_view{} : name.substr(dash + 1);
    while (!word.empty() && word.back() >= '0' && word.back() <= '9') word.remove_suffix(1);
    if (word == "grpc") return Protocol::grpc;
    if (word == "http" || word == "web" || word == "api" || word == "ui") found = Protocol::http;
  }
  return found;
}

bool targets(const Probe& probe, const Container& container, int pod_port) {
  if (!probe.port.is_text()) return probe.port.number == pod_port;
  return std::any_of(container.ports.begin(), container.ports.end(), [&](const ContainerPort& port) {
    return port.name == probe.port.text && port.container_port == pod_port;
  });
}

void add_probes(PortEvidence& evidence, const std::vector<std::shared_ptr<const Workload>>& workloads) {
  for (const auto& workload : workloads) {
    for (const Container& container : workload->pod.containers) {
      for (const Probe* probe : {&container.readiness, &container.liveness, &container.startup}) {
        if (!targets(*probe, container, evidence.pod_port)) continue;
        if (probe->type == ProbeType::http_get) (probe->https ? evidence.tls_probe : evidence.http_probe) = true;
        if (probe->type == ProbeType::grpc) evidence.grpc_probe = true;
      }
    }
  }
}

void add_ingress(PortEvidence& evidence, const Service& service, const ServicePort& port, const BackendIndex& backends) {
  for (const auto& ingress : backends.users_of(service.meta.name)) {
    for (const BackendPlace& place : backends_of(*ingress)) {
      if (place.backend->service != service.meta.name) continue;
      const bool by_name = place.backend->port == 0 && place.backend->port_name == port.name;
      const bool by_number = place.backend->port != 0 && (place.backend->port == port.port || place.backend->port == evidence.pod_port);
      if (!by_name && !by_number) continue;
      evidence.ingress = ingress->meta.name;
      if (const auto protocol = ingress->meta.annotations.find(kBackendProtocol); protocol != ingress->meta.annotations.end()) {
        evidence.ingress_protocol = protocol->second;
      }
      return;
    }
  }
}

PortVerdict by_ingress(const PortEvidence& evidence) {
  const std::string why = "it is a backend of Ingress " + evidence.ingress;
  std::string_view protocol = evidence.ingress_protocol;
  if (protocol.empty() || protocol == "HTTP" || protocol == "AUTO_HTTP") return {Protocol::http, why};
  if (protocol == "GRPC") return {Protocol::grpc, why + " with backend-protocol GRPC"};
  return {Protocol::tcp, why + " with backend-protocol " + evidence.ingress_protocol};
}

}  // namespace

PortVerdict spoken_protocol(const ServicePort& port, const PortEvidence& evidence) {
  if (port.protocol != "TCP") return {};
  if (evidence.product != nullptr && evidence.of_product) {
    return {protocol_of_word(protocol_of(*evidence.product, evidence.pod_port)), std::string(evidence.product->name) + " speaks it there"};
  }
  if (evidence.http_probe) return {Protocol::http, "an httpGet probe reads it"};
  if (evidence.tls_probe) return {Protocol::tcp, "an httpGet probe reads it over TLS"};
  if (evidence.grpc_probe) return {Protocol::grpc, "a grpc probe reads it"};
  if (evidence.product == nullptr && is_plain_tcp_port(evidence.pod_port)) {
    return {Protocol::tcp, "port " + std::to_string(evidence.pod_port) + " is no HTTP port"};
  }
  if (!evidence.ingress.empty()) return by_ingress(evidence);
  if (evidence.product != nullptr) return {Protocol::tcp, "it belongs to " + std::string(evidence.product->name)};
  if (const Protocol word = protocol_of_words(port.name); word != Protocol::unknown) return {word, "its name says so: " + port.name};
  if (const Protocol said = protocol_of_word(evidence.annotation); said != Protocol::unknown) {
    return {said, std::string(keys::kProtocolPrefix) + std::to_string(port.port) + " says so"};
  }
  return {};
}

std::string port_name_for(Protocol protocol, const ServicePort& port, const std::vector<ServicePort>& others) {
  const std::string prefix = std::string(to_string(protocol)) + "-";
  const auto taken = [&](const std::string& name) {
    return std::any_of(others.begin(), others.end(), [&](const ServicePort& other) {
      return other.name == name && !(other.port == port.port && other.protocol == port.protocol);
    });
  };
  if (!port.name.empty()) {
    std::string name = prefix + port.name;
    if (name.size() <= kLongestName && !taken(name)) return name;
  }
  return prefix + std::to_string(port.port);
}

BackendIndex::BackendIndex(const NamespaceView& view) {
  for (const auto& ingress : view.ingresses) {
    for (const BackendPlace& place : backends_of(*ingress)) {
      auto& users = users_[place.backend->service];
      if (users.empty() || users.back() != ingress) users.push_back(ingress);
    }
  }
}

const std::vector<std::shared_ptr<const Ingress>>& BackendIndex::users_of(std::string_view service) const {
  static const std::vector<std::shared_ptr<const Ingress>> kNone;
  const auto found = users_.find(service);
  return found == users_.end() ? kNone : found->second;
}

std::vector<PortEvidence> port_evidence(const Service& service, const std::vector<std::shared_ptr<const Workload>>& workloads,
                                        const BackendIndex& backends, const Product* product) {
  std::vector<PortEvidence> all;
  for (const ServicePort& port : service.ports) {
    PortEvidence evidence;
    const int number = pod_port(port, workloads);
    evidence.pod_port = number == 0 ? port.port : number;
    evidence.product = product;
    evidence.of_product = product != nullptr && knows_port(*product, evidence.pod_port);
    add_probes(evidence, workloads);
    add_ingress(evidence, service, port, backends);
    const auto said = service.meta.annotations.find(std::string(keys::kProtocolPrefix) + std::to_string(port.port));
    if (said != service.meta.annotations.end()) evidence.annotation = said->second;
    all.push_back(std::move(evidence));
  }
  return all;
}

}  // namespace meshgraft
