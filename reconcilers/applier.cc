#include "reconcilers/applier.h"

namespace meshgraft {

std::string_view applier_of(const Meta& meta) {
  const auto labelled = [&meta](std::string_view key) { return meta.labels.find(key) != meta.labels.end(); };
  const auto annotated = [&meta](std::string_view key) { return meta.annotations.find(key) != meta.annotations.end(); };
  if (annotated("argocd.argoproj.io/tracking-id") || labelled("argocd.argoproj.io/instance")) return "Argo CD";
  if (labelled("kustomize.toolkit.fluxcd.io/name") || labelled("helm.toolkit.fluxcd.io/name")) return "Flux";
  if (annotated("meta.helm.sh/release-name")) return "Helm";
  if (const auto manager = meta.labels.find("app.kubernetes.io/managed-by"); manager != meta.labels.end() && manager->second == "Helm") return "Helm";
  if (meta.applied) return "kubectl apply";
  return "";
}

}  // namespace meshgraft
