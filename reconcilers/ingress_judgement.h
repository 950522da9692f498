#pragma once
// What stands in the way of upstream-vhost and service-upstream on one Ingress. Used by the rule for Ingresses
// alone. Pure.

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reconcilers/ingress_edit.h"
#include "reconcilers/reconciler.h"

namespace meshgraft {

// One Ingress of the namespace, looked at.
struct IngressCase {
  std::shared_ptr<const Ingress> ingress;
  std::vector<BackendPlace> places;
  std::set<std::string> services;           // names behind it
  bool has_member = false;                  // some backend is a member's Service
  bool excluded = false;                    // by its owner, or because no change of it would be admitted
  std::string class_name;
  const GatewayFacts* gateway = nullptr;    // the opted-in one that serves it; null: none
  std::vector<PortSwitch> switches;         // backend numbers that are only a targetPort
  std::vector<std::string> upstreams;       // "web/80": what nginx makes one upstream of, after the switches
  std::vector<Finding> findings;            // why the pair is refused, and what else was seen
  bool refused = false;
};

// Every Ingress of the view, in its order.
std::vector<IngressCase> judge_ingresses(const Context& context);

// MG415 of the Services of this namespace that give the pages for error codes of all Ingresses of a gateway in the mesh.
std::vector<Finding> judge_error_pages(const Context& context);

// The annotation asks for one upstream per client, which a ClusterIP makes meaningless.
bool has_cookie_affinity(const Ingress& ingress);

}  // namespace meshgraft
