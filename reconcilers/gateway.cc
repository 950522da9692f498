#include "reconcilers/gateway.h"

#include <algorithm>
#include <array>
#include <set>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/platform.h"

namespace meshgraft {
namespace {

constexpr std::array<std::string_view, 4> kVerbs{"get", "list", "watch", "patch"};
constexpr std::array kRbac{RbacRule{"apps", "deployments", kVerbs, ""}, RbacRule{"apps", "daemonsets", kVerbs, ""},
                           RbacRule{"", "configmaps", kVerbs, ""}};

// The gateway of this namespace as the facts have it; null when they have none.
const GatewayFacts* facts_of(const Context& context) {
  for (const GatewayFacts& gateway : context.facts.gateways) {
    if (gateway.ns == context.view.name && !gateway.kubesphere) return &gateway;
  }
  return nullptr;
}

std::vector<const IngressUse*> uses_of(const Context& context, const GatewayFacts* gateway) {
  std::vector<const IngressUse*> uses;
  if (gateway == nullptr) return uses;
  for (const IngressUse& use : context.facts.ingress_uses) {
    if (serves(*gateway, use.ingress.ns, use.class_name)) uses.push_back(&use);
  }
  return uses;
}

// What Istio to 1.11 answers with 404 once the sidecar is there: a sniffed port knows its own names alone, and the
// public Host is none of them.
bool would_be_refused(const IngressUse& use) {
  return use.sniffed && !use.mended && (use.headless || (use.service_upstream && !use.upstream_vhost));
}

bool refuses_foreign_hosts(const MeshFacts& mesh) { return !mesh.version || *mesh.version < Version{1, 12, 0}; }

std::string list_of(const std::vector<const IngressUse*>& uses) {
  std::set<std::string> names;
  for (const IngressUse* use : uses) names.insert(use->ingress.ns + "/" + use->ingress.name + " (Service " + use->service + " port " + use->port + ")");
  std::string text;
  std::size_t shown = 0;
  for (const std::string& name : names) {
    if (shown++ == 5) return text + " and " + std::to_string(names.size() - 5) + " more";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

std::vector<const IngressUse*> refused_uses(const Context& context, const GatewayFacts* gateway) {
  std::vector<const IngressUse*> refused;
  for (const IngressUse* use : uses_of(context, gateway)) {
    if (would_be_refused(*use)) refused.push_back(use);
  }
  return refused;
}

bool already_joined(const std::vector<OwnController>& controllers) {
  return std::all_of(controllers.begin(), controllers.end(), [](const OwnController& controller) {
    const auto label = controller.workload->pod.labels.find(keys::kSidecarInject);
    return label != controller.workload->pod.labels.end() && label->second == "true" && !controller.workload->pod.host_network;
  });
}

// The hold of the pods when none of the controllers may be changed: what is made for their sidecars waits with them.
GatewayHold held_with_pods(const Context& context, const std::vector<OwnController>& controllers) {
  GatewayHold hold;
  for (const OwnController& controller : controllers) {
    const Intent intent = gateway_template(context, controller).intent;
    if (intent.hold.empty()) return {};
    hold = {intent.hold, intent.passing};
  }
  return hold;
}

}  // namespace

std::vector<OwnController> own_controllers(const Context& context) {
  std::vector<OwnController> found;
  if (!context.options.gateway) return found;
  for (const auto& workload : context.view.workloads) {
    if (is_excluded(workload->meta) || workload->meta.deleting) continue;
    auto controller = read_ingress_controller(*workload);
    if (controller && !controller->kubesphere) found.push_back({workload, std::move(*controller)});
  }
  return found;
}

GatewayHold gateway_hold(const Context& context, const std::vector<OwnController>& controllers) {
  if (!already_joined(controllers) && refuses_foreign_hosts(context.facts.mesh) && !refused_uses(context, facts_of(context)).empty()) {
    return {"some of its Ingresses would answer 404 (MG506)", false};
  }
  if (const std::string why = mesh_hold(context.facts); !why.empty()) return {why, true};
  std::set<std::string> waited;
  for (const IngressUse* use : uses_of(context, facts_of(context))) {
    if (context.facts.unsettled.contains(use->ingress.ns) && use->ingress.ns != context.view.name) waited.insert(use->ingress.ns);
  }
  if (waited.empty()) return held_with_pods(context, controllers);
  std::string text;
  for (const std::string& ns : waited) text += (text.empty() ? "" : ", ") + ns;
  return {"namespace " + text + ", whose Ingresses it serves, is not done yet", true};
}

std::vector<Finding> judge_backends(const Context& context, const GatewayFacts& gateway, const ObjectKey& about) {
  const std::vector<const IngressUse*> refused = refused_uses(context, &gateway);
  if (refused.empty()) return {};
  if (!refuses_foreign_hosts(context.facts.mesh)) {
    return {finding("MG510", about, "nothing tells what these ports speak: " + list_of(refused))};
  }
  return {finding("MG506", about, "behind the sidecar Istio " + (context.facts.mesh.version ? to_string(*context.facts.mesh.version) : std::string("of unknown version")) +
                                      " would answer 404 for " + list_of(refused))};
}

std::vector<Finding> judge_backends(const Context& context, const std::vector<OwnController>& controllers) {
  const GatewayFacts* gateway = facts_of(context);
  if (controllers.empty() || gateway == nullptr) return {};
  return judge_backends(context, *gateway, context.view.ns->key());
}

bool refuses_backends(const Context& context, const GatewayFacts& gateway) {
  return !gateway.in_mesh && refuses_foreign_hosts(context.facts.mesh) && !refused_uses(context, &gateway).empty();
}

Decision desired_gateway(const Context& context) {
  Decision decision;
  const std::vector<OwnController> controllers = own_controllers(context);
  if (controllers.empty()) {
    if (context.options.gateway && context.view.gateways.empty()) {
      decision.findings.push_back(finding("MG501", context.view.ns->key(), "no Deployment or DaemonSet here runs ingress-nginx"));
    }
    return decision;
  }
  decision.findings = judge_backends(context, controllers);
  const GatewayHold hold = gateway_hold(context, controllers);
  std::set<std::string> configs;
  for (const OwnController& controller : controllers) {
    decision.findings.push_back(finding("MG409", controller.workload->key(),
                                        "ingress-nginx " + (controller.read.version ? to_string(*controller.read.version) : std::string("of unknown version")) +
                                            " gets no more fixes since March 2026"));
    std::vector<GatewayTemplate> parts;
    parts.push_back(gateway_template(context, controller));
    if (configs.insert(controller.read.config_map).second) parts.push_back(gateway_config(context, controller));
    for (GatewayTemplate& part : parts) {
      std::move(part.findings.begin(), part.findings.end(), std::back_inserter(decision.findings));
      if (part.intent.object == nullptr) continue;
      if (part.intent.hold.empty()) {
        part.intent.hold = hold.why;
        part.intent.passing = hold.passing;
      }
      decision.intents.push_back(std::move(part.intent));
    }
  }
  return decision;
}

std::span<const RbacRule> rbac_gateway() { return kRbac; }

}  // namespace meshgraft
