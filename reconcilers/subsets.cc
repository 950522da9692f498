#include "reconcilers/subsets.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/mesh_host.h"

namespace meshgraft {
Decision desired_subsets(const Context& context) {
  Decision decision;
  if (context.options.app.empty() || context.view.virtual_services.empty()) return decision;
  std::set<std::pair<std::string_view, std::string_view>> there;  // Service, subset
  for (const auto& rule : context.view.destination_rules) {
    const std::string_view service = service_of_host(rule->host, context.view.name);
    for (const std::string& subset : rule->subsets) there.emplace(service, subset);
  }
  for (const auto& routes : context.view.virtual_services) {
    for (const auto& [host, subset, weight, route, mirror] : routes->destinations) {
      const std::string_view service = service_of_host(host, context.view.name);
      if (subset.empty() || service.empty() || there.contains({service, subset})) continue;
      decision.findings.push_back(finding(
          "MG208", routes->key(), "it routes to subset " + subset + " of " + host + ", which no DestinationRule has"));
    }
  }
  return decision;
}

}  // namespace meshgraft
