#include "reconcilers/plan.h"

#include <algorithm>

#include "reconcilers/keys.h"
#include "reconcilers/planner.h"
#include "reconcilers/undo.h"

namespace meshgraft {

bool concerned(const NamespaceView& view, const Facts& facts, const Settings& settings) {
  if (view.ns->meta.labels.find(keys::kApp) != view.ns->meta.labels.end()) return true;
  if (view.ns->meta.labels.find(keys::kGateway) != view.ns->meta.labels.end()) return true;
  if (!view.records.empty()) return true;
  if (view.ns->meta.annotations.contains(keys::kStatus) || holds_ours(view)) return true;  // on the way back
  if (settings.nacos_namespaces.contains(view.name) && facts.nacos_wanted.contains(view.name)) return true;
  return std::any_of(facts.gateways.begin(), facts.gateways.end(),
                     [&view](const GatewayFacts& gateway) { return gateway.kubesphere && gateway.ns == view.name; });
}

Plan plan(const NamespaceView& view, const Facts& facts, const Settings& settings, Gating gating) {
  if (!concerned(view, facts, settings)) {
    Plan nothing;
    nothing.settled = true;
    nothing.settled_before_gateway = true;
    return nothing;
  }
  return Planner(view, facts, settings, gating).take();
}

}  // namespace meshgraft
