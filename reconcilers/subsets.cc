#include "reconcilers/subsets.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "reconcilers/findings.h"

namespace meshgraft {
namespace {

// The Service of this namespace that `host` names ("web", "web.shop", "web.shop.svc.cluster.local"); "" for others'.
std::string_view service_of(std::string_view host, std::string_view ns) {
  const std::size_t dot = host.find('.');
  if (dot == std::string_view::npos) return host;
  std::string_view rest = host.substr(dot + 1);
  if (!rest.starts_with(ns)) return {};
  rest.remove_prefix(ns.size());
  return rest.empty() || rest.starts_with(".svc") ? host.substr(0, dot) : std::string_view{};
}

}  // namespace

Decision desired_subsets(const Context& context) {
  Decision decision;
  if (context.options.app.empty() || context.view.virtual_services.empty()) return decision;
  std::set<std::pair<std::string_view, std::string_view>> there;  // Service, subset
  for (const auto& rule : context.view.destination_rules) {
    const std::string_view service = service_of(rule->host, context.view.name);
    for (const std::string& subset : rule->subsets) there.emplace(service, subset);
  }
  for (const auto& routes : context.view.virtual_services) {
    for (const auto& [host, subset, weight, route, mirror] : routes->destinations) {
      const std::string_view service = service_of(host, context.view.name);
      if (subset.empty() || service.empty() || there.contains({service, subset})) continue;
      decision.findings.push_back(finding(
          "MG208", routes->key(), "it routes to subset " + subset + " of " + host + ", which no DestinationRule has"));
    }
  }
  return decision;
}

}  // namespace meshgraft
