// The rule for members' ports: a name that KubeSphere reads, a protocol that Istio reads.

#include <algorithm>
#include <array>
#include <map>

#include "reconcilers/applier.h"
#include "reconcilers/findings.h"
#include "reconcilers/ingress_edit.h"
#include "reconcilers/keys.h"
#include "reconcilers/ports.h"
#include "reconcilers/selection.h"

namespace meshgraft {
namespace {

constexpr std::string_view kRule = "service_ports";

// An Ingress backend that names a port which gets another name.
struct NameUse {
  std::shared_ptr<const Ingress> ingress;
  PortSwitch change;
};

std::vector<NameUse> users_of_name(const BackendIndex& backends, const Service& service, const ServicePort& port) {
  std::vector<NameUse> uses;
  if (port.name.empty()) return uses;
  for (const auto& ingress : backends.users_of(service.meta.name)) {
    for (BackendPlace& place : backends_of(*ingress)) {
      if (place.backend->service != service.meta.name || place.backend->port != 0 || place.backend->port_name != port.name) continue;
      uses.push_back({ingress, {std::move(place), port.port}});
    }
  }
  return uses;
}

// Why `ingress` is not switched to the number; "" when it is.
std::string why_not_ours(const Ingress& ingress) {
  if (is_excluded(ingress.meta)) return "it carries " + std::string(keys::kExclude);
  if (ingress.old_version) return "it is written in an API version that Kubernetes 1.22 removed";
  const std::string_view applier = applier_of(ingress.meta);
  return applier.empty() ? "" : std::string(applier) + " would bring the name back";
}

// Whether `monitor` scrapes a port of `service` by this name.
bool scrapes(const ServiceMonitor& monitor, const Service& service, const std::string& name) {
  const auto has = [](const std::vector<std::string>& list, const std::string& one) { return std::find(list.begin(), list.end(), one) != list.end(); };
  if (!has(monitor.ports, name) || !monitor.selector.matches(service.meta.labels)) return false;
  if (monitor.any_namespace || has(monitor.namespaces, service.meta.ns)) return true;
  return monitor.namespaces.empty() && monitor.meta.ns == service.meta.ns;
}

// The endpoint controllers write the new name by themselves (kubernetes pkg/controller/endpointslice).
bool is_hand_made(const EndpointSlice& slice) {
  return slice.managed_by != "endpointslice-controller.k8s.io" && slice.managed_by != "endpointslicemirroring-controller.k8s.io";
}

// Works on one namespace; lives for one call.
class Naming {
 public:
  explicit Naming(const Context& context) : context_(context), backends_(context.view) {}

  Decision take() {
    for (const auto& service : context_.membership.services) look_at(service);
    for (auto& [name, switches] : switches_) {
      const Ingress& ingress = *switches.first;
      Extra extra;
      // Before the stage of the rename: no moment may have neither name.
      extra.change = ingress_edit(ingress, switches.second, Stage::member_metadata, "backend by number, because the port gets another name");
      extra.change.rule = std::string(kRule);
      decision_.extras.push_back(std::move(extra));
    }
    return std::move(decision_);
  }

 private:
  // Says how it is spoken to, in a way that KubeSphere and Istio both read: nothing is to be found out.
  static bool is_settled(const ServicePort& port) {
    if (port.protocol != "TCP") return true;
    const Protocol declared = declared_protocol(port);
    return declared != Protocol::unknown && (!is_http_family(declared) || is_http_name(port.name));
  }

  void look_at(const std::shared_ptr<const Service>& service) {
    if (std::all_of(service->ports.begin(), service->ports.end(), is_settled)) return;
    const auto workloads = context_.membership.selection->workloads_of(service->selector);
    const auto evidence = port_evidence(*service, workloads, backends_, nullptr);
    Intent intent;
    for (std::size_t i = 0; i < service->ports.size(); ++i) decide(*service, service->ports[i], evidence[i], intent);
    if (intent.wish.ports.empty()) return;
    intent.object = service;
    intent.stage = Stage::service_ports;
    intent.impact = Impact::traffic;
    intent.rule = kRule;
    decision_.intents.push_back(std::move(intent));
  }

  void decide(const Service& service, const ServicePort& port, const PortEvidence& evidence, Intent& intent) {
    if (port.protocol != "TCP") return;
    const Protocol declared = declared_protocol(port);
    if (declared == Protocol::unknown && port.app_protocol && !port.app_protocol->empty()) {
      decision_.findings.push_back(finding("MG303", service.key(),
                                           "port " + label(port) + " has appProtocol " + *port.app_protocol +
                                               ", which Istio does not know" + (is_http_name(port.name) ? "; it hides the name " + port.name : "")));
      return;
    }
    if (declared == Protocol::unknown && !evidence.annotation.empty() && protocol_of_word(evidence.annotation) == Protocol::unknown) {
      decision_.findings.push_back(finding("MG304", service.key(), std::string(keys::kProtocolPrefix) + std::to_string(port.port) + " is \"" +
                                                                       evidence.annotation + "\"; allowed: http, http2, grpc, tcp"));
    }
    const PortVerdict verdict = declared == Protocol::unknown ? spoken_protocol(port, evidence) : PortVerdict{declared, "it is declared"};
    if (verdict.protocol == Protocol::unknown) {
      decision_.findings.push_back(finding("MG301", service.key(), "nothing tells what port " + label(port) + " speaks",
                                           "Annotate the Service: meshgraft.io/protocol." + std::to_string(port.port) + "=http (or http2, grpc, tcp)"));
      return;
    }
    if (!is_http_family(verdict.protocol)) {
      if (declared == Protocol::unknown) want_app_protocol(port, verdict, intent);
      return;
    }
    if (is_http_name(port.name)) return;
    if (!context_.facts.platform.kubesphere) {
      if (declared == Protocol::unknown) want_app_protocol(port, verdict, intent);
      return;
    }
    want_name(service, port, declared, verdict, intent);
  }

  // Who else goes by the port's name and would lose it; "" when nobody does.
  std::string other_user(const Service& service, const ServicePort& port) {
    if (port.name.empty()) return "";
    for (const auto& monitor : context_.facts.service_monitors) {
      if (scrapes(*monitor, service, port.name)) return "ServiceMonitor " + monitor->meta.ns + "/" + monitor->meta.name + " scrapes it by that name";
    }
    if (!context_.view.slices) {
      decision_.wants_slices = true;
      return "";
    }
    for (const auto& slice : *context_.view.slices) {
      const bool names = std::find(slice->ports.begin(), slice->ports.end(), port.name) != slice->ports.end();
      if (slice->service == service.meta.name && names && is_hand_made(*slice)) return "EndpointSlice " + slice->meta.name + ", which no controller keeps, goes by that name";
    }
    return "";
  }

  void want_name(const Service& service, const ServicePort& port, Protocol declared, const PortVerdict& verdict, Intent& intent) {
    const std::vector<NameUse> uses = users_of_name(backends_, service, port);
    for (const NameUse& use : uses) {
      const std::string why = why_not_ours(*use.ingress);
      if (why.empty()) continue;
      decision_.findings.push_back(finding("MG302", service.key(),
                                           "port " + label(port) + " is not renamed: Ingress " + use.ingress->meta.name + " uses the name, and " + why,
                                           "In the manifest of Ingress " + use.ingress->meta.name + " write port.number " + std::to_string(port.port) +
                                               " instead of port.name " + port.name));
      if (declared == Protocol::unknown) want_app_protocol(port, verdict, intent);
      return;
    }
    if (const std::string user = other_user(service, port); !user.empty()) {
      decision_.findings.push_back(finding("MG302", service.key(), "port " + label(port) + " is not renamed: " + user,
                                           "Let it name port " + port_name_for(verdict.protocol, port, service.ports) + " and rename the port in the Service's manifest in the same step"));
      if (declared == Protocol::unknown) want_app_protocol(port, verdict, intent);
      return;
    }
    for (const NameUse& use : uses) {
      auto& switches = switches_[use.ingress->meta.name];
      switches.first = use.ingress;
      switches.second.push_back(use.change);
    }
    PortWish& wish = add(port, intent);
    wish.name = port_name_for(verdict.protocol, port, service.ports);
    say(intent, "port " + label(port) + " named " + *wish.name + ": " + verdict.because);
    if (!uses.empty()) intent.hold = "Ingress " + uses.front().ingress->meta.name + " still uses the name " + port.name;
  }

  static void want_app_protocol(const ServicePort& port, const PortVerdict& verdict, Intent& intent) {
    PortWish& wish = add(port, intent);
    wish.app_protocol = std::string(to_string(verdict.protocol));
    say(intent, "port " + label(port) + " is " + *wish.app_protocol + ": " + verdict.because);
  }

  static PortWish& add(const ServicePort& port, Intent& intent) {
    PortWish wish;
    wish.port = port.port;
    wish.protocol = port.protocol;
    intent.wish.ports.push_back(std::move(wish));
    return intent.wish.ports.back();
  }

  static void say(Intent& intent, const std::string& text) { intent.why += (intent.why.empty() ? "" : "; ") + text; }

  static std::string label(const ServicePort& port) {
    return port.name.empty() ? std::to_string(port.port) : port.name + " (" + std::to_string(port.port) + ")";
  }

  const Context& context_;
  const BackendIndex backends_;
  Decision decision_;
  std::map<std::string, std::pair<std::shared_ptr<const Ingress>, std::vector<PortSwitch>>> switches_;  // by Ingress
};

constexpr std::array<std::string_view, 4> kVerbs{"get", "list", "watch", "patch"};
constexpr std::array<std::string_view, 2> kReads{"list", "watch"};
constexpr std::array<std::string_view, 1> kLookUps{"list"};
constexpr std::array kRbac{RbacRule{"", "services", kVerbs, ""}, RbacRule{"networking.k8s.io", "ingresses", kVerbs, ""},
                           RbacRule{"monitoring.coreos.com", "servicemonitors", kReads, ""},
                           RbacRule{"discovery.k8s.io", "endpointslices", kLookUps, ""}};

}  // namespace

Decision desired_service_ports(const Context& context) {
  if (context.options.app.empty()) return {};
  return Naming(context).take();
}

std::span<const RbacRule> rbac_service_ports() { return kRbac; }

}  // namespace meshgraft
