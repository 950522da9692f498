#include "reconcilers/kubesphere_gateway.h"

#include <algorithm>
#include <array>

#include "reconcilers/envoy_filter.h"
#include "reconcilers/findings.h"
#include "reconcilers/gateway.h"
#include "reconcilers/gateway_facts.h"
#include "reconcilers/keys.h"
#include "reconcilers/platform.h"

namespace meshgraft {
namespace {

constexpr std::string_view kUseForwarded = "use-forwarded-headers";  // ingress-nginx, configmap.md

// What the facts say of this Gateway; null when they do not know it.
const GatewayFacts* facts_of(const Context& context, const Gateway& gateway) {
  for (const GatewayFacts& facts : context.facts.gateways) {
    if (facts.kubesphere && facts.ns == gateway.meta.ns && facts.name == gateway.meta.name) return &facts;
  }
  return nullptr;
}

// Why the switch waits; "" when it may be set.
GatewayHold hold_of(const Context& context, const GatewayFacts& facts) {
  if (!facts.hold.empty()) return {facts.hold, false};
  if (refuses_backends(context, facts)) return {"some of its Ingresses would answer 404 (MG506)", false};
  if (const std::string why = mesh_hold(context.facts); !why.empty()) return {why, true};
  for (const std::string& ns : context.facts.unsettled) {
    const bool serves_it = std::any_of(context.facts.ingress_uses.begin(), context.facts.ingress_uses.end(), [&](const IngressUse& use) {
      return use.ingress.ns == ns && serves(facts, ns, use.class_name);
    });
    if (serves_it) return {"namespace " + ns + ", whose Ingresses it serves, is not done yet", true};
  }
  return {};
}

void tell_values(const Gateway& gateway, std::vector<Finding>& findings) {
  findings.push_back(finding("MG508", gateway.key(), "gateway.kubesphere.io/" + gateway.version + " has no switch for the mesh that could be set from outside",
                             "In Gateway " + gateway.meta.name + " set spec.values.controller.integrateKubeSphere.tracing: true"));
}

// Only the article's way reaches nginx through the Gateway object: its pods can be told nothing else.
void tell_of_addresses(const Context& context, const Gateway& gateway, std::vector<Finding>& findings) {
  const ClientIpMode mode = context.settings.client_ip;
  if (mode == ClientIpMode::mesh_wide || mode == ClientIpMode::off) return;
  findings.push_back(finding("MG513", gateway.key(), "behind its sidecar nginx sees 127.0.0.6 for every client"));
}

}  // namespace

bool switches_kubesphere_gateway(const Context& context) {
  return std::any_of(context.view.gateways.begin(), context.view.gateways.end(), [&context](const auto& gateway) {
    const GatewayFacts* facts = facts_of(context, *gateway);
    return facts != nullptr && facts->wanted && facts->switchable;
  });
}

Decision desired_kubesphere_gateways(const Context& context) {
  Decision decision;
  for (const auto& gateway : context.view.gateways) {
    const GatewayFacts* facts = facts_of(context, *gateway);
    if (facts == nullptr || !facts->wanted || is_excluded(gateway->meta) || gateway->meta.deleting) continue;
    if (!facts->switchable) {
      tell_values(*gateway, decision.findings);
      continue;
    }
    for (Finding& one : judge_backends(context, *facts, gateway->key())) decision.findings.push_back(std::move(one));
    tell_of_addresses(context, *gateway, decision.findings);
    Intent intent;
    intent.object = gateway;
    intent.stage = Stage::gateway_metadata;
    intent.impact = Impact::traffic;
    intent.rule = "kubesphere_gateway";
    intent.wish.gateway_annotations.emplace(keys::kGoverned, "true");
    const bool filtered = context.settings.client_ip == ClientIpMode::mesh_wide && !mesh_wide_does_harm(context.facts.mesh);
    if (filtered) intent.wish.gateway_config.emplace(kUseForwarded, "true");
    intent.why = "KubeSphere restarts this gateway's pods with a sidecar";
    GatewayHold hold = hold_of(context, *facts);
    intent.hold = std::move(hold.why);
    intent.passing = hold.passing;
    decision.intents.push_back(std::move(intent));
  }
  return decision;
}

std::span<const RbacRule> rbac_kubesphere_gateways() {
  static constexpr std::array<std::string_view, 4> kVerbs{"get", "list", "watch", "patch"};
  static constexpr std::array kRbac{RbacRule{"gateway.kubesphere.io", "gateways", kVerbs, ""}};
  return kRbac;
}

}  // namespace meshgraft
