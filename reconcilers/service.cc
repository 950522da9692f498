#include "reconcilers/service.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/member_template.h"
#include "reconcilers/replace_sight.h"
#include "reconcilers/selection.h"

namespace meshgraft {
namespace {

using Members = std::span<const Member* const>;

bool says(const Labels& labels, std::string_view key, std::string_view wanted) {
  const Labels::const_iterator found = labels.find(key);
  return found != labels.end() && found->second == wanted;
}

// Decides the annotation of one Service after another.
class Governance {
 public:
  Governance(const Context& context, Decision& decision) : context_(context), decision_(decision) {}

  // nullopt: this Service has the annotation, or never gets it.
  std::optional<Intent> annotation(const std::shared_ptr<const Service>& service, Members members) {
    const bool deployments = std::any_of(members.begin(), members.end(), [](const Member* one) {
      return one->workload->kind == Kind::deployment && !one->excluded;
    });
    if (!deployments) return std::nullopt;  // MG206 at the StatefulSet says why
    const bool unclear = several_versions(*service, members);
    if (says(service->meta.annotations, keys::kGoverned, "true")) {
      tell_starved(*service, members);
      return std::nullopt;
    }
    Intent intent;
    intent.object = service;
    intent.stage = Stage::service_annotation;
    intent.impact = Impact::traffic;
    intent.rule = "service";
    intent.wish.annotations.emplace(keys::kGoverned, "true");
    intent.why = "governance of Service " + service->meta.name;
    if (unclear) {
      intent.hold = "several versions without a Strategy (MG204)";
    } else {
      intent.hold = not_yet(*service, members);
      if (intent.hold.empty()) intent.hold = strangers(*service, intent.passing);
    }
    return intent;
  }

 private:
  // Two or more versions with pods, and no Strategy that says how to share the traffic (rules 1.3).
  bool several_versions(const Service& service, Members members) {
    if (members.size() < 2) return false;
    std::set<std::string_view> versions;
    for (const Member* member : members) {
      const Workload& workload = *member->workload;
      const bool ready = workload.status.known ? workload.status.ready > 0 : workload.replicas > 0;
      if (workload.kind == Kind::deployment && !member->excluded && member->blocked.empty() && ready)
        versions.insert(member->version);
    }
    if (versions.size() < 2 || has_strategy(service)) return false;
    std::string list;
    for (const std::string_view version : versions) list += (list.empty() ? "" : ", ") + std::string(version);
    decision_.findings.push_back(
        finding("MG204", service.key(), "versions " + list + " are ready and no Strategy exists for it"));
    return true;
  }

  [[nodiscard]] bool has_strategy(const Service& service) const {
    return std::any_of(
        context_.view.strategies.begin(), context_.view.strategies.end(), [&service](const auto& strategy) {
          const auto app = strategy->meta.labels.find(keys::kAppLabel);
          return (app != strategy->meta.labels.end() && app->second == service.meta.name) ||
                 std::find(strategy->hosts.begin(), strategy->hosts.end(), service.meta.name) != strategy->hosts.end();
        });
  }

  // The first workload behind the Service that has pods and is no Deployment that joins; nullptr when there is none.
  template <typename Passes>
  const Workload* outsider(const Service& service, Members members, Passes passes) const {
    for (const std::uint32_t index : context_.membership.selection->indexes_of(service.selector)) {
      const Workload& workload = *context_.view.workloads[index];
      const bool member = std::any_of(members.begin(), members.end(), [&workload](const Member* one) {
        return one->workload.get() == &workload && one->blocked.empty() && !one->excluded;
      });
      if (member && workload.kind == Kind::deployment) continue;
      const bool without_pods = workload.kind != Kind::daemon_set && workload.replicas == 0;
      if (!without_pods && !passes(workload)) return &workload;
    }
    return nullptr;
  }

  // Of a Service that is governed already: KubeSphere's subsets go by the label version of its Deployments, and pods
  // with none of these get nothing.
  void tell_starved(const Service& service, Members members) {
    if (!context_.facts.platform.kubesphere) return;
    const auto in_a_subset = [&members](const Workload& workload) {
      return std::any_of(members.begin(), members.end(), [&workload](const Member* one) {
        return one->workload->kind == Kind::deployment && says(workload.pod.labels, keys::kVersionLabel, one->version);
      });
    };
    if (const Workload* workload = outsider(service, members, in_a_subset))
      decision_.findings.push_back(finding("MG211", service.key(), "the pods of " + to_string(workload->key()) + " are in no subset and get no requests"));
  }

  // Every workload behind the Service must carry its version, with the sidecar decision carried out.
  std::string not_yet(const Service& service, Members members) {
    for (const std::uint32_t index : context_.membership.selection->indexes_of(service.selector)) {
      const Workload& workload = *context_.view.workloads[index];
      if (comes_beside(context_.view, workload)) return to_string(workload.key()) + " comes beside the one that goes";
    }
    if (const Workload* workload = outsider(service, members, [](const Workload&) { return false; })) {
      decision_.findings.push_back(
          finding("MG211", service.key(),
                  "the pods of " + to_string(workload->key()) + " would be in no subset and get no requests"));
      return "pods of " + to_string(workload->key()) + " would starve (MG211)";
    }
    for (const Member* member : members) {
      if (member->excluded || !member->blocked.empty() || member->workload->kind != Kind::deployment) continue;
      if (!template_carried_out(context_, *member)) return to_string(member->workload->key()) + " is not joined yet";
    }
    return "";
  }

  // Pods that belong to no workload we know (rules 1.6). Asks for the pods when nobody has looked them up.
  std::string strangers(const Service& service, bool& passing) {
    if (!context_.view.pods) {
      decision_.wants_pods = true;
      passing = true;
      return "the pods behind it have to be looked at";
    }
    for (const auto& pod : *context_.view.pods) {
      // What ends gets no requests any more, governed or not.
      if (pod->phase == "Succeeded" || pod->phase == "Failed" || pod->meta.deleting || !is_subset(service.selector, pod->meta.labels))
        continue;
      if (const Member* member = member_of(*pod)) {
        if (!lacks_sidecar(*pod, *member)) continue;
        decision_.findings.push_back(finding("MG216", member->workload->key(), "pod " + pod->meta.name + " has no sidecar"));
        return "pod " + pod->meta.name + " has no sidecar (MG216)";
      }
      decision_.findings.push_back(
          finding("MG211", service.key(),
                  "pod " + pod->meta.name +
                      " belongs to no workload that is joined: it would be in no subset and get no requests"));
      return "pod " + pod->meta.name + " would starve (MG211)";
    }
    return "";
  }

  // The Deployment of the namespace that made this pod. Its pods of an older template are gone when its rollout is
  // complete, which was asked before.
  [[nodiscard]] const Member* member_of(const Pod& pod) const {
    for (const OwnerReference& owner : pod.meta.owners) {
      if (owner.kind != "ReplicaSet") continue;
      const std::size_t dash = owner.name.rfind('-');
      if (dash == std::string::npos) continue;
      const std::string_view deployment = std::string_view(owner.name).substr(0, dash);
      for (const Member& member : context_.membership.members) {
        if (member.workload->kind == Kind::deployment && member.workload->meta.name == deployment) return &member;
      }
    }
    return nullptr;
  }

  // Of a pod that the present template made, though it asks for a sidecar.
  static bool lacks_sidecar(const Pod& pod, const Member& member) {
    const PodTemplate& made_from = member.workload->pod;
    if (!member.sidecar || !is_subset(made_from.labels, pod.meta.labels) ||
        !is_subset(made_from.annotations, pod.meta.annotations))
      return false;
    const auto is_proxy = [](const std::string& name) { return name == keys::kProxyContainer; };
    return std::none_of(pod.containers.begin(), pod.containers.end(), is_proxy) &&
           std::none_of(pod.init_containers.begin(), pod.init_containers.end(), is_proxy);
  }

  const Context& context_;
  Decision& decision_;
};

// nullopt: it carries them.
std::optional<Intent> labels_of(const std::shared_ptr<const Service>& service, const Member& member) {
  const Labels& live = service->meta.labels;
  if (says(live, keys::kAppLabel, service->meta.name) && says(live, keys::kAppName, member.app_name) &&
      says(live, keys::kAppVersion, member.app_version)) {
    return std::nullopt;
  }
  Intent labels;
  labels.object = service;
  labels.stage = Stage::member_metadata;
  labels.rule = "service";
  labels.wish.labels.emplace(keys::kAppLabel, service->meta.name);
  labels.wish.labels.emplace(keys::kAppName, member.app_name);
  labels.wish.labels.emplace(keys::kAppVersion, member.app_version);
  labels.why = "labels of Service " + service->meta.name;
  return labels;
}

}  // namespace

Decision desired_services(const Context& context) {
  Decision decision;
  Governance governance(context, decision);
  for (std::size_t i = 0; i < context.membership.services.size(); ++i) {
    const std::shared_ptr<const Service>& service = context.membership.services[i];
    const Members members = context.membership.members_of(i);
    const auto first = std::find_if(members.begin(), members.end(), [](const Member* member) { return member->blocked.empty() && !member->excluded; });
    if (first == members.end()) continue;
    if (std::optional<Intent> labels = labels_of(service, **first)) decision.intents.push_back(*std::move(labels));
    if (std::optional<Intent> annotation = governance.annotation(service, members))
      decision.intents.push_back(*std::move(annotation));
  }
  return decision;
}

}  // namespace meshgraft
