#include "reconcilers/platform.h"

#include <algorithm>
#include <string>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

// Who runs the cluster or the mesh from this namespace; "" for an ordinary one.
std::string whose_system(const Context& context) {
  const std::string& name = context.view.name;
  if (name.starts_with("kube-")) return "the prefix kube- is reserved for Kubernetes itself";  // kubernetes.io, Namespaces
  // ks-installer and ks-core name theirs kubesphere-system, kubesphere-controls-system and so on.
  if (name.starts_with("kubesphere-") && name.ends_with("-system")) return "KubeSphere itself runs here";
  const MeshFacts& mesh = context.facts.mesh;
  const bool istiod = std::any_of(mesh.istiods.begin(), mesh.istiods.end(), [&name](const IstiodFacts& one) { return one.ns == name; });
  if (istiod || (mesh.present && name == mesh.root_namespace)) return "the mesh itself runs here";
  const bool gateway = std::any_of(context.facts.gateways.begin(), context.facts.gateways.end(),
                                   [&name](const GatewayFacts& one) { return one.ns == name && !one.kubesphere; });
  return gateway ? "an ingress-nginx runs here" : "";
}

}  // namespace

std::string mesh_hold(const Facts& facts) {
  if (!facts.mesh.present) return "the cluster has no sidecar injector";
  if (!facts.platform.mesh_on) return "KubeSphere's service mesh is not on: " + facts.platform.mesh_why;
  if (!facts.mesh.ready) return facts.mesh.unready_why.empty() ? "istiod is not ready" : facts.mesh.unready_why + " (MG906)";
  return "";
}

Decision desired_platform(const Context& context) {
  Decision decision;
  const Namespace& ns = *context.view.ns;
  if (context.options.concerned()) {
    const MeshFacts& mesh = context.facts.mesh;
    if (!mesh.unready_why.empty()) decision.findings.push_back(finding("MG906", ns.key(), mesh.unready_why));
    for (const std::string& clause : mesh.disputed) decision.findings.push_back(finding("MG907", ns.key(), clause));
  }
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
        finding("MG103", ns.key(), "the label " + std::string(keys::kWorkspace) + " is missing",
                "Assign the project to a workspace: kubectl label namespace " + ns.meta.name + " " + std::string(keys::kWorkspace) + "=WORKSPACE"));
  }
  if (const std::string whose = whose_system(context); !whose.empty()) {
    decision.findings.push_back(finding("MG116", ns.key(), whose + ": " + std::string(keys::kApp) + "=" + context.options.app + " makes its workloads members of an app",
                                        "Take the label off: kubectl label namespace " + ns.meta.name + " " + std::string(keys::kApp) +
                                            "-. An ingress-nginx joins by " + std::string(keys::kGateway) + "=ingress-nginx instead."));
  }
  return decision;
}

}  // namespace meshgraft
