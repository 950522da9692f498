#include "reconcilers/injection.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

// istio/istio pkg/kube/inject/initializer.go, IgnoredNamespaces.
constexpr std::array<std::string_view, 4> kIgnored{"kube-system", "kube-public", "kube-node-lease",
                                                   "local-path-storage"};

constexpr Version kReadsLabel{1, 12, 0};    // pkg/kube/inject/inject.go: from here the pod's label is read, and first
constexpr Version kStrictValues{1, 27, 0};  // from here only "true" and "false" are values

const std::string* value_of(const Labels& labels, std::string_view key) {
  const Labels::const_iterator found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

bool same_word(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

// What istiod takes from a value of sidecar.istio.io/inject; nullopt when it means nothing to it.
std::optional<bool> meaning(std::string_view value, bool strict) {
  if (value.empty()) return std::nullopt;
  if (strict) {
    if (value == "true") return true;
    if (value == "false") return false;
    return std::nullopt;
  }
  return same_word(value, "y") || same_word(value, "yes") || same_word(value, "true") || same_word(value, "on");
}

// Layer 1: does the API server ask any injector about this pod?
bool asked(const MeshFacts& mesh, const Labels& namespace_labels, const Labels& pod_labels) {
  return std::any_of(mesh.injectors.begin(), mesh.injectors.end(), [&](const Webhook& webhook) {
    return webhook.for_pods && webhook.namespace_selector.matches(namespace_labels) &&
           webhook.object_selector.matches(pod_labels);
  });
}

// Why layer 1 said no, in the words that help most.
InjectionVerdict not_asked(std::string_view ns, const Labels& namespace_labels, const Labels& pod_labels) {
  if (const std::string* label = value_of(pod_labels, keys::kSidecarInject); label != nullptr && *label == "false") {
    return {false, "the pod label sidecar.istio.io/inject is \"false\""};
  }
  const std::string name(ns);
  for (const std::string_view key : {keys::kIstioInjection, keys::kIstioRevision}) {
    if (const std::string* value = value_of(namespace_labels, key); value != nullptr) {
      const std::string label(key);
      return {false, "no injector webhook matches namespace " + name + " with the label " + label + "=" + *value,
              "Remove that label: kubectl label namespace " + name + " " + label + "-"};
    }
  }
  return {false, "no injector webhook matches namespace " + name + " and this pod's labels"};
}

}  // namespace

InjectionVerdict injection(const MeshFacts& mesh, std::string_view ns, const Labels& namespace_labels,
                           const Labels& pod_labels, const Labels& pod_annotations, bool host_network) {
  if (!mesh.present || mesh.injectors.empty()) return {false, "the cluster has no sidecar injector"};
  if (host_network) {
    return {false, "spec.template.spec.hostNetwork is true: such pods never get a sidecar",
            "Take it off the host's network, or annotate the workload with meshgraft.io/inject=false"};
  }
  if (!asked(mesh, namespace_labels, pod_labels)) return not_asked(ns, namespace_labels, pod_labels);
  if (std::find(kIgnored.begin(), kIgnored.end(), ns) != kIgnored.end()) {
    return {false, "istiod never injects in namespace " + std::string(ns)};
  }

  // Layer 2: istiod's injectRequired. An unknown version is taken for a current one.
  const bool reads_label = !mesh.version || *mesh.version >= kReadsLabel;
  const bool strict = !mesh.version || *mesh.version >= kStrictValues;
  const std::string* value = reads_label ? value_of(pod_labels, keys::kSidecarInject) : nullptr;
  const std::string_view where = value != nullptr ? "label" : "annotation";
  if (value == nullptr) value = value_of(pod_annotations, keys::kSidecarInject);
  if (const std::optional<bool> said = value == nullptr ? std::nullopt : meaning(*value, strict); said) {
    if (*said) return {true, ""};
    return {false, "the pod " + std::string(where) + " sidecar.istio.io/inject is \"" + *value + "\""};
  }
  if (mesh.policy_enabled) return {true, ""};
  return {false, "the injector's policy is disabled and the pod does not ask for a sidecar"};
}

}  // namespace meshgraft
