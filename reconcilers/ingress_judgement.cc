#include "reconcilers/ingress_judgement.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "reconcilers/applier.h"
#include "reconcilers/findings.h"
#include "reconcilers/gateway_facts.h"
#include "reconcilers/ingress_split.h"
#include "reconcilers/ingress_values.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

constexpr std::string_view kCustomHttpErrors = "nginx.ingress.kubernetes.io/custom-http-errors";
constexpr std::string_view kDefaultBackend = "nginx.ingress.kubernetes.io/default-backend";

const std::string* annotation(const Ingress& ingress, std::string_view key) {
  const auto found = ingress.meta.annotations.find(key);
  return found == ingress.meta.annotations.end() ? nullptr : &found->second;
}

bool is_canary(const Ingress& ingress) {
  const std::string* value = annotation(ingress, keys::kCanary);
  return value != nullptr && is_on(*value);
}

const Service* find_service(const NamespaceView& view, std::string_view name) {
  const auto found = std::lower_bound(view.services.begin(), view.services.end(), name,
                                      [](const auto& service, std::string_view wanted) { return service->meta.name < wanted; });
  return found != view.services.end() && (*found)->meta.name == name ? found->get() : nullptr;
}

// The Service of this namespace that the controller's own pages come from; "" for none.
std::string default_backend_here(const GatewayFacts& gateway, const Context& context) {
  const std::string prefix = context.view.name + "/";
  return gateway.default_backend.starts_with(prefix) ? gateway.default_backend.substr(prefix.size()) : "";
}

std::string error_pages_text(const std::string& codes, const std::string& service) {
  return "pages for " + codes + " come from Service " + service + " by pod IP and with the public Host: traffic rules do not apply to them";
}

std::string port_text(const IngressBackend& backend) { return backend.port != 0 ? std::to_string(backend.port) : backend.port_name; }

// Looks at the Ingresses of one namespace; lives for one call.
class Court {
 public:
  explicit Court(const Context& context) : context_(context) {
    for (const IngressUse& use : context.facts.ingress_uses) {
      if (use.ingress.ns == context.view.name) classes_[use.ingress.name] = use.class_name;
    }
    for (const auto& ingress : context.view.ingresses) {
      if (!is_canary(*ingress)) continue;
      for (const BackendPlace& place : backends_of(*ingress)) canaries_.emplace(location(place), ingress->meta.name);
    }
  }

  IngressCase judge(const std::shared_ptr<const Ingress>& ingress) {
    IngressCase made;
    made.ingress = ingress;
    made.places = backends_of(*ingress);
    made.excluded = is_excluded(ingress->meta) || ingress->meta.deleting;
    if (const auto found = classes_.find(ingress->meta.name); found != classes_.end()) made.class_name = found->second;
    for (const BackendPlace& place : made.places) {
      made.services.insert(place.backend->service);
      made.has_member = made.has_member || context_.membership.is_member(place.backend->service);
    }
    made.gateway = gateway_of(made);
    if (made.excluded) return made;
    look_at_snippets(made);
    if (made.excluded) return made;
    for (const BackendPlace& place : made.places) look_at_backend(made, place);
    for (const BackendPlace& place : made.places) made.upstreams.push_back(upstream_of(made, place));
    if (made.has_member) {
      look_at_gateway(made);
      look_at_affinity(made);
      look_at_canary(made);
      look_at_paths(made);
    }
    look_at_error_pages(made);
    return made;
  }

 private:
  static std::string location(const BackendPlace& place) {
    return place.ingress_path == nullptr ? std::string("*") : place.rule->host + " " + place.ingress_path->path;
  }

  void refuse(IngressCase& made, std::string_view code, std::string text, std::string remedy = "") const {
    made.refused = true;
    made.findings.push_back(finding(code, made.ingress->key(), std::move(text), std::move(remedy)));
  }

  const GatewayFacts* gateway_of(const IngressCase& made) const {
    for (const GatewayFacts& gateway : context_.facts.gateways) {
      if (gateway.opted_in && serves(gateway, context_.view.name, made.class_name)) return &gateway;
    }
    return nullptr;
  }

  void look_at_gateway(IngressCase& made) const {
    if (made.gateway != nullptr) return;
    const std::string class_text = made.class_name.empty() ? "no ingress class" : "class " + made.class_name;
    for (const GatewayFacts& gateway : context_.facts.gateways) {
      if (!serves(gateway, context_.view.name, made.class_name)) continue;
      if (gateway.kubesphere) {
        return refuse(made, "MG401", "the KubeSphere gateway in " + gateway.ns + " that serves " + class_text + " is not in the mesh",
                      !gateway.hold.empty() ? gateway.hold + ": remove that"
                      : !gateway.switchable ? "In its Gateway object set spec.values.controller.integrateKubeSphere.tracing: true"
                                          : "kubectl label namespace " + gateway.ns + " meshgraft.io/gateway=ingress-nginx, or switch it on in its Gateway object: "
                                                "spec.deployment.annotations[\"servicemesh.kubesphere.io/enabled\"]: \"true\"");
      }
      return refuse(made, "MG401", "the ingress-nginx in namespace " + gateway.ns + " that serves " + class_text + " is not in the mesh",
                    "kubectl label namespace " + gateway.ns + " meshgraft.io/gateway=ingress-nginx");
    }
    refuse(made, "MG401", "no ingress-nginx controller that serves " + class_text + " is known here");
  }

  // A port by number or name; null when the Service has none such.
  static const ServicePort* find_port(const Service& service, const IngressBackend& backend) {
    for (const ServicePort& port : service.ports) {
      if (backend.port != 0 ? port.port == backend.port : port.name == backend.port_name) return &port;
    }
    return nullptr;
  }

  static const ServicePort* by_target(const Service& service, const IngressBackend& backend) {
    for (const ServicePort& port : service.ports) {
      if (backend.port != 0 && !port.target_port.is_text() && port.target_port.number == backend.port) return &port;
    }
    return nullptr;
  }

  void look_at_backend(IngressCase& made, const BackendPlace& place) const {
    const IngressBackend& backend = *place.backend;
    const Service* service = find_service(context_.view, backend.service);
    if (service == nullptr) {
      made.findings.push_back(finding("MG411", made.ingress->key(), "its backend Service " + backend.service + " does not exist"));
      return;
    }
    if (service->external_name()) return refuse_backend(made, "Service " + backend.service + " is an ExternalName: the inside name would go to the outside host");
    if (service->headless()) return refuse_backend(made, "Service " + backend.service + " is headless: it has no ClusterIP to dial");
    const ServicePort* port = find_port(*service, backend);
    if (port == nullptr) {
      port = by_target(*service, backend);
      if (port == nullptr) {
        made.findings.push_back(finding("MG411", made.ingress->key(), "Service " + backend.service + " has no port " + port_text(backend)));
        return;
      }
      const std::string_view applier = applier_of(made.ingress->meta);
      if (!applier.empty() || made.ingress->old_version) {
        return refuse_backend(made,
                              "port " + port_text(backend) + " is only the targetPort of Service " + backend.service + ", and " +
                                  (applier.empty() ? std::string("the manifest's API version") : std::string(applier)) + " would bring it back",
                              "Write port " + std::to_string(port->port) + " of Service " + backend.service + " in the Ingress' manifest");
      }
      made.switches.push_back({place, port->port});
    }
    if (port->target_port.is_text()) {
      refuse_backend(made, "port " + port_text(backend) + " of Service " + backend.service + " has the name " + port->target_port.text + " as targetPort",
                     "Write the number of the container port as targetPort in Service " + backend.service);
    }
  }

  void refuse_backend(IngressCase& made, std::string text, std::string remedy = "") const {
    // Without a member behind it nothing would be written anyway.
    if (!made.has_member) {
      made.refused = true;
      return;
    }
    const bool said = std::any_of(made.findings.begin(), made.findings.end(), [&text](const Finding& one) { return one.text == text; });
    if (said) return;
    refuse(made, "MG402", std::move(text), std::move(remedy));
  }

  static std::string upstream_of(const IngressCase& made, const BackendPlace& place) {
    for (const PortSwitch& change : made.switches) {
      if (change.place.path == place.path) return place.backend->service + "/" + std::to_string(change.number);
    }
    return place.backend->service + "/" + port_text(*place.backend);
  }

  void look_at_affinity(IngressCase& made) const {
    if (has_cookie_affinity(*made.ingress)) refuse(made, "MG402", "nginx.ingress.kubernetes.io/affinity: cookie picks pods, which a ClusterIP does not let it do");
  }

  void look_at_canary(IngressCase& made) const {
    if (is_canary(*made.ingress)) {
      return refuse(made, "MG405", "it is a canary Ingress: its requests run in the main Ingress' location and would carry that one's Host");
    }
    for (const BackendPlace& place : made.places) {
      const auto canary = canaries_.find(location(place));
      if (canary == canaries_.end()) continue;
      return refuse(made, "MG405", "Ingress " + canary->second + " is its canary: the canary's requests would carry this Ingress' Host");
    }
  }

  // One path as Exact to one Service and as Prefix to another: nginx' variable names the other.
  void look_at_paths(IngressCase& made) const {
    if (asks_for_split(*made.ingress) && split_obstacle(context_.view, *made.ingress).empty()) return;
    std::map<std::string, const IngressPath*> seen;
    for (const BackendPlace& place : made.places) {
      if (place.ingress_path == nullptr) continue;
      const auto [other, fresh] = seen.emplace(location(place), place.ingress_path);
      if (fresh || other->second->path_type == place.ingress_path->path_type) continue;
      if (other->second->backend.service == place.backend->service) continue;
      return refuse(made, "MG406", "path " + place.ingress_path->path + " goes to Service " + other->second->backend.service + " as " +
                                       other->second->path_type + " and to Service " + place.backend->service + " as " + place.ingress_path->path_type);
    }
  }

  // Pages for error codes are fetched from a pod of the default backend, with the public Host (RI 2): no route applies.
  // The backend may be the Ingress' own, and no Service of its rules; else it is the controller's.
  void look_at_error_pages(IngressCase& made) const {
    const std::string* codes = annotation(*made.ingress, kCustomHttpErrors);
    if (made.gateway == nullptr || codes == nullptr || codes->empty()) return;
    const std::string* own = annotation(*made.ingress, kDefaultBackend);
    const std::string pages = own != nullptr ? *own : default_backend_here(*made.gateway, context_);
    if (pages.empty() || !context_.membership.is_member(pages)) return;
    made.findings.push_back(finding("MG415", made.ingress->key(), error_pages_text(*codes, pages)));
  }

  // The webhook looks at the whole object: with such a snippet it refuses any change, ours too.
  void look_at_refused_snippets(IngressCase& made) const {
    const GatewayFacts* gateway = made.gateway;
    if (gateway == nullptr || gateway->snippets_allowed || !gateway->version || *gateway->version < Version{1, 12, 0}) return;
    for (const auto& [key, value] : made.ingress->meta.annotations) {
      if (!key.starts_with("nginx.ingress.kubernetes.io/") || !key.ends_with("-snippet")) continue;
      made.findings.push_back(finding("MG408", made.ingress->key(),
                                      "controller " + to_string(*gateway->version) + " would refuse every change of it: " + key.substr(key.find('/') + 1),
                                      "Remove the annotation " + key));
      made.excluded = true;
      return;
    }
  }

  void look_at_snippets(IngressCase& made) const {
    for (const std::string_view key : {keys::kServerSnippet, keys::kConfigurationSnippet}) {
      const std::string* snippet = annotation(*made.ingress, key);
      if (snippet == nullptr || snippet->find("proxy_set_header") == std::string::npos || snippet->find("Host") == std::string::npos) continue;
      made.findings.push_back(finding("MG403", made.ingress->key(), std::string(key.substr(key.find('/') + 1)) + " sets Host"));
    }
    look_at_refused_snippets(made);
  }

  const Context& context_;
  std::map<std::string, std::string> classes_;       // by Ingress
  std::multimap<std::string, std::string> canaries_; // location -> canary Ingress
};

}  // namespace

bool has_cookie_affinity(const Ingress& ingress) {
  const std::string* value = annotation(ingress, keys::kAffinity);
  return value != nullptr && *value == "cookie";
}

std::vector<Finding> judge_error_pages(const Context& context) {
  std::vector<Finding> findings;
  for (const GatewayFacts& gateway : context.facts.gateways) {
    const std::string pages = default_backend_here(gateway, context);
    if (!gateway.opted_in || gateway.error_codes.empty() || pages.empty() || !context.membership.is_member(pages)) continue;
    findings.push_back(finding("MG415", {Kind::service, context.view.name, pages},
                               error_pages_text(gateway.error_codes, pages) + "; so says the ConfigMap of the ingress-nginx in namespace " + gateway.ns + " for all Ingresses"));
  }
  return findings;
}

std::vector<IngressCase> judge_ingresses(const Context& context) {
  Court court(context);
  std::vector<IngressCase> cases;
  cases.reserve(context.view.ingresses.size());
  for (const auto& ingress : context.view.ingresses) cases.push_back(court.judge(ingress));
  return cases;
}

}  // namespace meshgraft
