#include "controller/config_maps.h"

#include <algorithm>
#include <string>

#include "reconcilers/gateway_facts.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

// istiod is called so in every release since 1.5, with the revision behind it; its image is pilot.
bool is_istiod(const Workload& workload) {
  if (workload.meta.name.starts_with("istiod")) return true;
  return std::any_of(workload.pod.containers.begin(), workload.pod.containers.end(),
                     [](const Container& container) { return container.image.find("/pilot") != std::string::npos; });
}

void add_istio(const Workload& istiod, std::set<Scope>& wanted) {
  const auto revision = istiod.meta.labels.find(keys::kIstioRevision);
  const bool named = revision != istiod.meta.labels.end() && !revision->second.empty() && revision->second != "default";
  const std::string suffix = named ? "-" + revision->second : "";
  wanted.insert({istiod.meta.ns, "istio" + suffix});
  wanted.insert({istiod.meta.ns, "istio-sidecar-injector" + suffix});
}

}  // namespace

std::set<Scope> wanted_config_maps(const World& world) {
  std::set<Scope> wanted;
  for (const auto& [ns, view] : world.namespaces) {
    for (const std::shared_ptr<const Workload>& workload : view.workloads) {
      if (is_istiod(*workload)) add_istio(*workload, wanted);
      const std::optional<IngressController> controller = read_ingress_controller(*workload);
      if (controller && !controller->config_map.empty()) {
        wanted.insert({controller->config_map_ns.empty() ? ns : controller->config_map_ns, controller->config_map});
      }
    }
  }
  return wanted;
}

bool names_config_maps(const Workload& workload) {
  return is_istiod(workload) || read_ingress_controller(workload).has_value();
}

}  // namespace meshgraft
