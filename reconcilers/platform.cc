#include "reconcilers/platform.h"

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"

namespace meshgraft {

Decision desired_platform(const Context& context) {
  Decision decision;
  const Namespace& ns = *context.view.ns;
  if (context.options.app.empty()) return decision;
  const PlatformFacts& platform = context.facts.platform;
  if (!context.facts.mesh.present) {
    decision.findings.push_back(finding("MG904", ns.key(), "no sidecar injector was found in this cluster"));
  } else if (!platform.mesh_on) {
    decision.findings.push_back(
        finding("MG902", ns.key(), platform.mesh_why.empty() ? "the mesh is not on" : platform.mesh_why));
  }
  if (platform.kubesphere && !platform.served.contains(Kind::application)) {
    decision.findings.push_back(finding("MG905", ns.key(), "the cluster does not serve applications.app.k8s.io"));
  }
  // A Namespace that only files describe has no uid yet and no workspace either.
  if (platform.kubesphere && !ns.meta.uid.empty() && ns.meta.labels.find(keys::kWorkspace) == ns.meta.labels.end()) {
    decision.findings.push_back(
        finding("MG103", ns.key(), "the label " + std::string(keys::kWorkspace) + " is missing"));
  }
  return decision;
}

}  // namespace meshgraft
