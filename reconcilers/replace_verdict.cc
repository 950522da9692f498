// Whether a Deployment is re-created: asked for, needed, possible, and possible now.

#include <algorithm>
#include <array>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/applier.h"
#include "reconcilers/deployment.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/member_template.h"
#include "reconcilers/replace.h"
#include "reconcilers/replace_scalers.h"
#include "reconcilers/replace_sight.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

// A record's name is a DNS subdomain too (apimachinery validation, 253 characters).
constexpr std::size_t kLongestName = 253 - std::string_view("meshgraft-").size();

// Tools that apply a Deployment's manifest again and again, by what they write on it: Argo CD (resource tracking),
// Flux (kustomize-controller). Flux' helm-controller upgrades as helm does and is not among them.
constexpr std::array<std::string_view, 3> kAppliersMarks{"argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance",
                                                         "kustomize.toolkit.fluxcd.io/name"};
constexpr std::array<std::string_view, 3> kAppliers{"argocd-controller", "argocd-application-controller", "kustomize-controller"};

const std::string* value_of(const Labels& labels, std::string_view key) {
  const Labels::const_iterator found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

// The selector keeps KubeSphere away; labels alone would be added in place.
std::string selector_gap(const Member& member) {
  Labels labels = member_labels(member);
  labels.insert(member.workload->meta.labels.begin(), member.workload->meta.labels.end());
  labels.insert(member.service->selector.begin(), member.service->selector.end());
  return governance_gap(*member.workload, *member.service, labels);
}

// Who applies its manifest, as far as labels and annotations tell; "" when nobody seems to.
std::string applier_by_marks(const Workload& workload) {
  if (workload.meta.applied) return "kubectl apply (kubectl.kubernetes.io/last-applied-configuration)";
  for (const std::string_view mark : kAppliersMarks) {
    if (value_of(workload.meta.annotations, mark) != nullptr || value_of(workload.meta.labels, mark) != nullptr)
      return std::string(mark);
  }
  return "";
}

std::string applier_by_managers(const Json& whole) {
  for (const Json* entry : items(whole, "/metadata/managedFields")) {
    const std::string manager = text(*entry, "/manager");
    if (manager == keys::kFieldManager) continue;
    // Helm 4 applies on the server's side; Helm 3 sends the difference between two charts, which leaves the selector alone.
    if (text(*entry, "/operation") == "Apply") return manager == "helm" ? "helm (server-side apply, as Helm 4 does)" : manager;
    if (std::find(kAppliers.begin(), kAppliers.end(), manager) != kAppliers.end()) return manager;
  }
  return "";
}

bool manifests_updated(const Context& context, const Workload& workload) {
  if (const std::string* own = value_of(workload.meta.annotations, keys::kManifestsUpdated)) return *own == "true";
  return context.options.manifests_updated;
}

void refuse_applied(const Workload& workload, const std::string& by, ReplaceVerdict& verdict) {
  verdict.takes = false;
  verdict.refused = "its manifest is applied by " + by + " (MG106)";
  verdict.remedy = "MG106 says what to do.";
  const bool renamed = verdict.name != workload.meta.name;
  // A commit of the new name would be applied at once, beside the one that stands (MG202).
  const std::string remedy = "Let nothing apply its manifest for the moment (Argo CD and Flux: suspend; a pipeline: do not run it). Annotate the Deployment, or the namespace, with "
                             "meshgraft.io/manifests-updated=true and wait until it is called " + verdict.name +
                             ". Then commit what meshgraft plan -f FILES -o manifests prints, and let it be applied again.";
  verdict.findings.push_back(finding("MG106", workload.key(), "it is applied by " + by + ": the next apply of the former manifest would " +
                                                                  (renamed ? "create it once more, beside " + verdict.name : "be refused"),
                                     renamed ? remedy : ""));
}

// Why no Deployment of this name can be created (naming=versioned). Its name is in the names of its pods, which are host
// names too (kubernetes.io, Object Names and IDs, RFC 1123 Label Names).
std::string name_obstacle(const NamespaceView& view, const std::string& name) {
  constexpr std::size_t kLongest = 63;
  const auto is_fine = [](char letter) { return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-'; };
  if (name.size() > kLongest) return "its new name " + name + " would have " + std::to_string(name.size()) + " characters, " + std::to_string(kLongest) + " are allowed";
  if (!std::all_of(name.begin(), name.end(), is_fine) || name.front() == '-' || name.back() == '-')
    return "its new name " + name + " would be no DNS label (a-z, 0-9 and - in between)";
  if (deployment_named(view, name) != nullptr) return "a Deployment of its new name " + name + " exists";
  return "";
}

}  // namespace

std::string replace_obstacle(const Workload& workload) {
  if (workload.strategy == "Recreate" && workload.replicas > 0)
    return "strategy Recreate: its old and new pods must not run at the same time";
  if (!workload.meta.owners.empty())
    return workload.meta.owners.front().kind + " " + workload.meta.owners.front().name + " owns it and would create it again";
  if (!workload.meta.finalizers.empty()) return "it has a finalizer, which would act when it is deleted";
  if (workload.meta.name.size() > kLongestName) return "its name is too long for a record of it";
  if (workload.pod.host_network && workload.replicas > 0) return "hostNetwork: its new pods would need the ports of the old ones";
  for (const Container& container : workload.pod.containers) {
    for (const ContainerPort& port : container.ports) {
      if (port.host_port != 0 && workload.replicas > 0)
        return "hostPort " + std::to_string(port.host_port) + ": its new pods would need the ports of the old ones";
    }
  }
  return "";
}

// Pods on two nodes share a ReadWriteMany claim, and a ReadOnlyMany one (kubernetes.io, Persistent Volumes, Access Modes). One
// that is ReadOnlyMany or ReadWriteOnce, as its pods mount it, is the latter to whoever writes. A claim of a pod's own
// (an ephemeral volume) is not among them.
std::string claim_obstacle(const NamespaceView& view, const Workload& workload) {
  if (workload.replicas == 0) return "";
  const auto has = [](const VolumeClaim& claim, std::string_view mode) { return std::find(claim.modes.begin(), claim.modes.end(), mode) != claim.modes.end(); };
  for (const std::string& name : workload.pod.claims) {
    const auto found = std::find_if(view.claims->begin(), view.claims->end(), [&name](const auto& claim) { return claim->meta.name == name; });
    if (found == view.claims->end())
      return "it mounts the volume claim " + name + ", and no PersistentVolumeClaim of that name can be seen: whether pods on two nodes may share it is not known";
    const VolumeClaim& claim = **found;
    const bool once = has(claim, "ReadWriteOnce") || has(claim, "ReadWriteOncePod");
    if (has(claim, "ReadWriteMany") || (has(claim, "ReadOnlyMany") && !once)) continue;
    std::string modes;
    for (const std::string& mode : claim.modes) modes += (modes.empty() ? "" : ", ") + mode;
    return "it mounts the volume claim " + name + ", whose accessModes are " + (modes.empty() ? "none" : modes) + ": pods on two nodes cannot share it";
  }
  return "";
}

std::string versioned_obstacle(const NamespaceView& view, const Workload& workload, const std::string& name, bool updated) {
  std::string why = name_obstacle(view, name);
  return why.empty() ? scaler_obstacle(view, workload.meta.name, name, updated ? Lead::on_updated : Lead::on) : why;
}

ReplaceVerdict replace_verdict(const Context& context, const Member& member) {
  ReplaceVerdict verdict;
  const Workload& workload = *member.workload;
  if (context.options.app.empty() || member.service == nullptr || !context.facts.platform.kubesphere) return verdict;
  const std::string* own = value_of(workload.meta.annotations, keys::kReplace);
  const bool insists = own != nullptr && *own == "true";
  if (!insists && context.options.policy != Policy::replace) return verdict;
  if (own != nullptr && !insists) {
    verdict.refused = std::string(keys::kReplace) + " is " + *own + " on it";
    verdict.remedy = "Take that annotation off the Deployment, or set it to true.";
    return verdict;
  }
  if (selector_gap(member).empty()) return verdict;
  if (!context.settings.replace_enabled) {
    verdict.refused = "the chart's replace.enabled is off";
    verdict.remedy = "Set replace.enabled to true in the chart's values.";
    return verdict;
  }
  // A roll-back left its reason here; whoever never had a ready pod joins in place at once (rules 2, born later).
  if (value_of(workload.meta.annotations, keys::kHeld) != nullptr || workload.meta.deleting) return verdict;
  if (!insists && rollout_of(workload) == Rollout::fresh) {
    verdict.born_later = true;
    verdict.refused = "it was created after the namespace joined: " + std::string(keys::kReplace) + "=true re-creates it all the same";
    verdict.remedy = "Annotate it with " + std::string(keys::kReplace) + "=true, or leave it as it is: it is in the app and in the mesh.";
    return verdict;
  }
  verdict.name = context.options.versioned_names ? member.service->meta.name + "-" + member.version : workload.meta.name;
  const bool renamed = verdict.name != workload.meta.name;
  std::string obstacle = replace_obstacle(workload);
  const bool asks = obstacle.empty() && !workload.pod.claims.empty() && !context.view.claims;
  if (obstacle.empty() && !asks && !workload.pod.claims.empty()) obstacle = claim_obstacle(context.view, workload);
  if (!obstacle.empty()) {
    verdict.refused = "it cannot be re-created (MG205)";
    verdict.remedy = "MG205 says what stands in the way.";
    verdict.findings.push_back(finding("MG205", workload.key(), std::move(obstacle)));
    return verdict;
  }
  const bool updated = manifests_updated(context, workload);
  std::string by = applier_by_marks(workload);
  if (by.empty() && renamed) by = applier_of(workload.meta);  // helm too: an upgrade creates what it does not find
  if (!updated && !by.empty()) {
    refuse_applied(workload, by, verdict);
    return verdict;
  }
  if (std::string unnameable = renamed ? versioned_obstacle(context.view, workload, verdict.name, updated) : ""; !unnameable.empty()) {
    verdict.refused = "it cannot get another name (MG205)";
    verdict.remedy = "MG205 says what stands in the way.";
    verdict.findings.push_back(finding("MG205", workload.key(), std::move(unnameable),
                                       "Remove what the text names, or take the annotation " + std::string(keys::kNaming) +
                                           " off the Namespace: it is then created again under the name it has."));
    return verdict;
  }
  verdict.takes = true;
  if (renamed && !context.view.limits && !context.view.played) {
    verdict.wants_limits = true;
    verdict.hold = "its autoscalers have to be read first";
    verdict.passing = true;
    return verdict;
  }
  if (asks) {
    verdict.wants_claims = true;
    verdict.hold = "its volume claims have to be read first";
    verdict.passing = true;
    return verdict;
  }
  TemplateDecision pod = decide_template(context, member, NewPods::beside);
  verdict.findings = std::move(pod.findings);
  verdict.hold = std::move(pod.intent.hold);
  verdict.passing = pod.intent.passing;
  if (verdict.hold.empty() && workload.paused) verdict.hold = "spec.paused is true";
  const Rollout state = rollout_of(workload);
  if (verdict.hold.empty() && state != Rollout::complete && state != Rollout::empty) {
    verdict.hold = "not all of its pods are available: " + progress_text(workload);
    verdict.passing = state == Rollout::under_way;
  }
  if (!verdict.hold.empty()) return verdict;

  const Json* whole = whole_of(context.view, workload);
  if (whole == nullptr || !context.view.replica_sets) {
    const bool asked = context.view.live.find(workload.key()) != context.view.live.end();
    if (whole == nullptr && !asked) verdict.wants_live.push_back(workload.key());
    verdict.wants_replica_sets = !context.view.replica_sets;
    verdict.hold = "the whole of it has to be read first";
    verdict.passing = true;
    return verdict;
  }
  by = applier_by_managers(*whole);
  if (!updated && !by.empty()) {
    refuse_applied(workload, by, verdict);
    return verdict;
  }
  const std::string uid = text(*whole, "/metadata/uid");
  if (!uid.empty() && (uid != workload.meta.uid || number(*whole, "/metadata/generation") != workload.meta.generation)) {
    verdict.hold = "it has just changed";
    verdict.passing = true;
  }
  return verdict;
}

}  // namespace meshgraft
