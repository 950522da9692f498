#pragma once
// The rule for ingress-nginx (rules 9): its sidecar, its hostPorts without hostNetwork, its ConfigMap. plan calls
// desired_gateway through the registry; the rule for the EnvoyFilter asks the same precautions. KubeSphere's own
// gateways have a rule of their own (kubesphere_gateway.h). Pure.
//
// Before anything of a gateway is written:
//   a namespace whose Ingresses it serves is not done yet        wait for it
//   Istio to 1.11 would answer 404 for some of its Ingresses     MG506, held
//   no injector, mesh off, istiod not ready                      wait
// The ConfigMap and the EnvoyFilter wait with the pods that need them.

#include <map>
#include <string>
#include <vector>

#include "reconcilers/gateway_facts.h"
#include "reconcilers/reconciler.h"

namespace meshgraft {

// A controller of the namespace that is ours to change.
struct OwnController {
  std::shared_ptr<const Workload> workload;
  IngressController read;
};
// In the view's order; without excluded ones and KubeSphere's. Empty when the namespace is no gateway.
std::vector<OwnController> own_controllers(const Context& context);

// Why nothing of the gateway may be written now; "" when it may. `passing`: ends by itself.
struct GatewayHold {
  std::string why;
  bool passing = false;
};
GatewayHold gateway_hold(const Context& context, const std::vector<OwnController>& controllers);

// Findings MG506 and MG510: Ingresses of every namespace as the gateway's sidecar would treat them.
std::vector<Finding> judge_backends(const Context& context, const std::vector<OwnController>& controllers);
// The same for one gateway of the facts, named to people as `about`.
std::vector<Finding> judge_backends(const Context& context, const GatewayFacts& gateway, const ObjectKey& about);
// Whether that is a reason to hold it (MG506).
bool refuses_backends(const Context& context, const GatewayFacts& gateway);

// The wish for one controller's pods and strategy, and what it costs people: MG212, MG502, MG503, MG505, MG507, MG511.
struct GatewayTemplate {
  Intent intent;
  std::vector<Finding> findings;
};
GatewayTemplate gateway_template(const Context& context, const OwnController& controller);

// Whether nginx reads the PROXY protocol, which a sidecar would not understand.
bool reads_proxy_protocol(const Context& context, const OwnController& controller);

// The wish for the controller's ConfigMap, MG504, MG509, MG514. Without an object when there is nothing to write.
GatewayTemplate gateway_config(const Context& context, const OwnController& controller);

// "10.0.0.0/8", "2001:db8::/32": what nginx' set_real_ip_from takes. A bad one breaks every reload.
bool is_cidr(std::string_view text);

Decision desired_gateway(const Context& context);
std::span<const RbacRule> rbac_gateway();

}  // namespace meshgraft
