#include "reconcilers/mutual_tls.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string_view>

#include "reconcilers/callers.h"
#include "reconcilers/findings.h"
#include "reconcilers/gateway_facts.h"
#include "reconcilers/ingress_edit.h"
#include "reconcilers/keys.h"
#include "reconcilers/mesh_host.h"

namespace meshgraft {
namespace {

// The oldest policy of `ns` for these pods, of those with a selector or of those without; null when there is none.
const PeerAuthentication* oldest(const Facts& facts, std::string_view ns, const Labels& pod_labels, bool with_selector) {
  const PeerAuthentication* found = nullptr;
  for (const auto& policy : facts.peer_authentications) {
    if (policy->meta.ns != ns || policy->match_labels.empty() == with_selector) continue;
    if (with_selector && !is_subset(policy->match_labels, pod_labels)) continue;
    if (found == nullptr || policy->meta.created < found->meta.created) found = policy.get();
  }
  return found;
}

bool is_set(const PeerAuthentication* policy) { return policy != nullptr && !policy->mode.empty() && policy->mode != "UNSET"; }

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  std::size_t shown = 0;
  for (const std::string& name : names) {
    if (shown++ == 4) return text + " and " + std::to_string(names.size() - 4) + " more";
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

bool asks_for_sidecar(const Workload& workload) {
  for (const Labels* labels : {&workload.pod.labels, &workload.pod.annotations}) {
    if (const auto found = labels->find(keys::kSidecarInject); found != labels->end() && found->second == "true") return true;
  }
  return false;
}

using Members = std::span<const Member* const>;

// Works on one namespace; lives for one call.
class Rule {
 public:
  explicit Rule(const Context& context) : context_(context) {
    const std::vector<std::shared_ptr<const Service>>& services = context.membership.services;
    for (std::size_t i = 0; i < services.size(); ++i) {
      const Members members = context.membership.members_of(i);
      const auto injected = [](const Member* member) { return member->sidecar && !member->excluded && member->blocked.empty(); };
      const std::string& name = services[i]->meta.name;
      if (std::any_of(members.begin(), members.end(), injected)) {
        meshed_.push_back(name);
        if (is_strict(members)) strict_.insert(name);
      } else {
        plain_.push_back(name);
      }
    }
  }

  Decision take() {
    look_at_callers();
    look_at_gateways();
    look_at_rules();
    return std::move(decision_);
  }

 private:
  bool is_strict(Members members) const {
    if (context_.facts.peer_authentications.empty()) return false;
    return std::any_of(members.begin(), members.end(), [this](const Member* member) {
      return mtls_mode(context_.facts, context_.view.name, member->workload->pod.labels) == "STRICT";
    });
  }

  // The workloads whose pods have no sidecar. Members come in the view's order, so that none has to be searched.
  std::set<const Workload*> without_sidecar() const {
    std::set<const Workload*> without;
    auto next = context_.membership.members.begin();
    for (const auto& workload : context_.view.workloads) {
      const bool member = next != context_.membership.members.end() && next->workload == workload;
      if (!has_sidecar(*workload, member ? &*next++ : nullptr)) without.insert(workload.get());
    }
    return without;
  }

  static bool has_sidecar(const Workload& workload, const Member* member) {
    const bool joins = member != nullptr && !member->excluded && member->blocked.empty();
    return joins ? member->sidecar : asks_for_sidecar(workload);
  }

  void look_at_callers() {
    const std::set<const Workload*> without = without_sidecar();
    if (without.empty()) return;
    for (const auto& [service, workloads] : callers_of(context_.view, {meshed_.begin(), meshed_.end()})) {
      std::vector<std::string> bare;
      for (const auto& workload : workloads) {
        if (without.contains(workload.get())) bare.push_back(std::string(info(workload->kind).name) + " " + workload->meta.name);
      }
      if (bare.empty()) continue;
      const ObjectKey about{Kind::service, context_.view.name, service};
      if (strict_.contains(service)) {
        decision_.findings.push_back(finding("MG611", about, "mTLS is STRICT for it, and these callers have no sidecar: " + list_of(bare)));
      } else {
        decision_.findings.push_back(finding("MG614", about, "these callers have no sidecar, so its traffic rules do not apply to their calls: " + list_of(bare)));
      }
    }
  }

  void look_at_gateways() {
    std::map<std::string, std::string> classes;
    for (const IngressUse& use : context_.facts.ingress_uses) {
      if (use.ingress.ns == context_.view.name) classes[use.ingress.name] = use.class_name;
    }
    for (const auto& ingress : context_.view.ingresses) {
      const std::string& class_name = classes[ingress->meta.name];
      const auto meshed = [&](const GatewayFacts& gateway) {
        return (gateway.opted_in || gateway.in_mesh) && serves(gateway, context_.view.name, class_name);
      };
      if (std::any_of(context_.facts.gateways.begin(), context_.facts.gateways.end(), meshed)) continue;
      for (const BackendPlace& place : backends_of(*ingress)) {
        if (!strict_.contains(place.backend->service)) continue;
        decision_.findings.push_back(finding("MG612", ingress->key(), "mTLS is STRICT for Service " + place.backend->service + ", and the gateway before it has no sidecar"));
        break;
      }
    }
  }

  void look_at_rules() {
    for (const auto& rule : context_.view.destination_rules) {
      if (rule->tls_mode != "ISTIO_MUTUAL") continue;
      const std::string_view service = service_of_host(rule->host, context_.view.name);
      const bool plain = std::find(plain_.begin(), plain_.end(), service) != plain_.end() ||
                         context_.membership.middleware.has_service(service);
      if (!plain) continue;
      decision_.findings.push_back(finding("MG613", rule->key(), "it asks callers to speak mTLS to " + rule->host + ", whose pods have no sidecar"));
    }
  }

  const Context& context_;
  std::vector<std::string_view> meshed_;  // member Services whose pods have sidecars
  std::set<std::string_view> strict_;     // those of them that take mTLS alone
  std::vector<std::string_view> plain_;   // member Services whose pods have none
  Decision decision_;
};

}  // namespace

std::string mtls_mode(const Facts& facts, std::string_view ns, const Labels& pod_labels) {
  for (const PeerAuthentication* policy : {oldest(facts, ns, pod_labels, true), oldest(facts, ns, pod_labels, false),
                                           oldest(facts, facts.mesh.root_namespace, pod_labels, false)}) {
    if (is_set(policy)) return policy->mode;
  }
  return "PERMISSIVE";
}

Decision desired_mutual_tls(const Context& context) {
  if (context.options.app.empty() || !context.facts.mesh.present) return {};
  return Rule(context).take();
}

}  // namespace meshgraft
