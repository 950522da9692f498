#include "tests/fakes/injection.h"

#include <algorithm>
#include <array>

#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

bool for_created_pods(const Json& webhook) {
  for (const Json& rule : at(webhook, {"rules"})) {
    const Json& operations = at(rule, {"operations"});
    const Json& resources = at(rule, {"resources"});
    const auto has = [](const Json& list, const char* value) {
      return std::any_of(list.begin(), list.end(), [value](const Json& one) { return one == value || one == "*"; });
    };
    if (has(operations, "CREATE") && has(resources, "pods")) return true;
  }
  return false;
}

Selector selector_or_all(const Json& selector) {
  return Selector::of(selector.is_object() ? selector : Json::object());
}

bool reaches_injector(const std::vector<Json>& configurations, const Json& namespace_labels, const Json& pod_labels) {
  for (const Json& configuration : configurations) {
    for (const Json& webhook : at(configuration, {"webhooks"})) {
      if (!text_at(webhook, {"name"}).ends_with("sidecar-injector.istio.io") || !for_created_pods(webhook)) continue;
      if (selector_or_all(at(webhook, {"namespaceSelector"})).matches(namespace_labels) &&
          selector_or_all(at(webhook, {"objectSelector"})).matches(pod_labels)) {
        return true;
      }
    }
  }
  return false;
}

// Namespaces that the injector never touches (istio pkg/kube/inject: IgnoredNamespaces).
constexpr std::array<std::string_view, 4> kIgnored = {"kube-system", "kube-public", "kube-node-lease",
                                                      "local-path-storage"};

}  // namespace

bool gets_sidecar(const std::vector<Json>& configurations, const std::string& ns, const Json& namespace_labels,
                  const Json& pod, const Injector& injector) {
  const Json& labels = labels_of(pod);
  if (!reaches_injector(configurations, namespace_labels, labels)) return false;
  if (at(pod, {"spec", "hostNetwork"}) == true) return false;
  if (std::find(kIgnored.begin(), kIgnored.end(), ns) != kIgnored.end()) return false;
  std::string wish = text_at(annotations_of(pod), {"sidecar.istio.io/inject"});
  if (injector.honours_label && labels.contains("sidecar.istio.io/inject"))
    wish = text_at(labels, {"sidecar.istio.io/inject"});
  if (wish.empty()) return injector.enabled_by_default;
  std::transform(wish.begin(), wish.end(), wish.begin(), [](unsigned char c) { return std::tolower(c); });
  return wish == "y" || wish == "yes" || wish == "true" || wish == "on";
}

void add_sidecar(Json& pod, const Injector& injector) {
  Json& spec = pod["spec"];
  if (!spec.contains("containers")) spec["containers"] = Json::array();
  for (const Json& container : spec["containers"]) {
    if (text_at(container, {"name"}) == "istio-proxy") return;
  }
  spec["containers"].push_back(
      {{"name", "istio-proxy"},
       {"image", injector.image},
       {"ports", Json::array({{{"name", "http-envoy-prom"}, {"containerPort", 15090}, {"protocol", "TCP"}}})},
       {"readinessProbe", {{"httpGet", {{"path", "/healthz/ready"}, {"port", 15021}}}}}});
  if (!spec.contains("initContainers")) spec["initContainers"] = Json::array();
  spec["initContainers"].push_back({{"name", "istio-init"}, {"image", injector.image}});
  Json& metadata = pod["metadata"];
  if (!metadata.contains("annotations") || !metadata["annotations"].is_object())
    metadata["annotations"] = Json::object();
  metadata["annotations"]["sidecar.istio.io/status"] =
      to_text({{"initContainers", {"istio-init"}}, {"containers", {"istio-proxy"}}, {"revision", injector.revision}});
}

}  // namespace meshgraft::fakes
