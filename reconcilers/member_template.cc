#include "reconcilers/member_template.h"

#include <utility>

#include "reconcilers/applier.h"
#include "reconcilers/findings.h"
#include "reconcilers/injection.h"
#include "reconcilers/keys.h"
#include "reconcilers/platform.h"
#include "reconcilers/record.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

constexpr Version kHoldsApplication{1, 7, 0};  // istio/api mesh/v1alpha1: holdApplicationUntilProxyStarts

const std::string* value_of(const Labels& labels, std::string_view key) {
  const Labels::const_iterator found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

// Labels as they will be: the wished ones over those that stand there.
Labels over(Labels wished, const Labels& live) {
  wished.insert(live.begin(), live.end());
  return wished;
}

void ask_for_sidecar(Wish& wish, std::string_view answer) {
  wish.pod_labels.emplace(keys::kSidecarInject, answer);
  wish.pod_annotations.emplace(keys::kSidecarInject, answer);
}

InjectionVerdict simulate(const Context& context, const Workload& workload, const Wish& wish) {
  const Labels& space = context.view.ns->meta.labels;
  const bool host = wish.host_network.value_or(workload.pod.host_network);
  if (satisfied(wish, workload)) {
    return injection(context.facts.mesh, context.view.name, space, workload.pod.labels, workload.pod.annotations, host);
  }
  return injection(context.facts.mesh, context.view.name, space, over(wish.pod_labels, workload.pod.labels),
                   over(wish.pod_annotations, workload.pod.annotations), host);
}

// Whether the application would start before its proxy.
bool lacks_hold(const Context& context, const Workload& workload) {
  const MeshFacts& mesh = context.facts.mesh;
  const bool knows_hold = !mesh.version || *mesh.version >= kHoldsApplication;
  return knows_hold && !mesh.native_sidecars && value_of(workload.pod.annotations, keys::kProxyConfig) == nullptr;
}

// Whether the template holds all that wish_of asks for, told without building the wish; false when that is not plain.
bool holds_plainly(const Context& context, const Member& member) {
  const PodTemplate& pod = member.workload->pod;
  const auto asks = [](const Labels& labels) {
    const std::string* value = value_of(labels, keys::kSidecarInject);
    return value != nullptr && *value == "true";
  };
  return member.sidecar && asks(pod.labels) && asks(pod.annotations) && carries_labels(pod.labels, member) &&
         !lacks_hold(context, *member.workload);
}

Wish wish_of(const Context& context, const Member& member) {
  const Workload& workload = *member.workload;
  Wish wish;
  wish.pod_labels = member_labels(member);
  if (member.sidecar) {
    ask_for_sidecar(wish, "true");
    if (lacks_hold(context, workload)) {
      wish.pod_annotations.emplace(keys::kProxyConfig, R"({"holdApplicationUntilProxyStarts":true})");
    }
    return wish;
  }
  const std::string* own = value_of(workload.meta.annotations, keys::kInject);
  if ((own != nullptr && *own == "false") || simulate(context, workload, wish).injected) ask_for_sidecar(wish, "false");
  return wish;
}

bool accepts_outage(const Context& context, const Workload& workload) {
  if (const std::string* own = value_of(workload.meta.annotations, keys::kAcceptOutage)) return *own == "true";
  return context.options.accept_outage;
}

// A governed Service sends traffic to subsets alone: pods of a template without `version` starve until it is mended.
bool starves(const Member& member) {
  const std::string* governed = value_of(member.service->meta.annotations, keys::kGoverned);
  return governed != nullptr && *governed == "true" &&
         value_of(member.workload->pod.labels, keys::kVersionLabel) == nullptr;
}

// MG104: who replaces whole objects has just dropped a member's labels; they are mended at once.
void tell_of_dropped_labels(const Workload& workload, std::vector<Finding>& findings) {
  const std::string_view by = applier_of(workload.meta);
  findings.push_back(finding("MG104", workload.key(), "its template has lost label version, without which a governed Service sends it nothing" +
                                                          (by.empty() ? std::string() : "; " + std::string(by) + " applies it") + ": mended at once",
                             "Apply it (kubectl apply, Argo CD without Replace=true) instead of replacing it, or write the labels into its manifest"));
}

// Fills hold, passing, at_once and the findings that go with them.
void hold_back(const Context& context, const Member& member, NewPods how, TemplateDecision& decision) {
  const Workload& workload = *member.workload;
  Intent& intent = decision.intent;
  intent.hold = mesh_hold(context.facts);
  intent.passing = !intent.hold.empty();
  if (intent.passing) return;
  if (const std::string* held = value_of(workload.meta.annotations, keys::kHeld)) {
    intent.hold = "held: " + *held;
    decision.findings.push_back(finding("MG225", workload.key(), *held));
    return;
  }
  if (workload.paused) {
    intent.hold = "spec.paused is true";
    decision.findings.push_back(
        finding("MG223", workload.key(), "spec.paused is true: a new template would not roll out",
                "kubectl rollout resume deployment " + workload.meta.name + " -n " + workload.meta.ns));
    return;
  }
  const Rollout state = rollout_of(workload);
  // Released by a tool that drops our fields: it is rolling anyway, and nobody sends it requests until it is mended.
  if (state == Rollout::fresh || state == Rollout::empty || (state == Rollout::under_way && starves(member))) {
    intent.at_once = true;
    if (state == Rollout::under_way) tell_of_dropped_labels(workload, decision.findings);
    return;
  }
  if (how == NewPods::rollout && restart_leaves_a_gap(workload) && !accepts_outage(context, workload)) {
    intent.hold = "its restart would leave a gap (MG209)";
    std::string means =
        workload.strategy == "Recreate" ? "strategy Recreate" : std::to_string(workload.replicas) + " replica(s)";
    if (workload.kind == Kind::deployment && workload.strategy != "Recreate")
      means += " and a maxUnavailable that covers all of them";
    decision.findings.push_back(
        finding("MG209", workload.key(), "with " + means + " its last pod stops before a new one is ready"));
    return;
  }
  if (state == Rollout::complete || read_record(workload.meta).owns_template()) return;
  if (state == Rollout::under_way) {
    intent.hold = "a rollout of its own is under way: " + progress_text(workload);
    intent.passing = true;
    return;
  }
  intent.hold = "it was not available before (MG224)";
  const std::string why = workload.status.message.empty() ? "" : ": " + workload.status.message;
  decision.findings.push_back(finding("MG224", workload.key(), progress_text(workload) + why));
}

}  // namespace

TemplateDecision decide_template(const Context& context, const Member& member, NewPods how) {
  const Workload& workload = *member.workload;
  TemplateDecision decision;
  Intent& intent = decision.intent;
  intent.object = member.workload;
  intent.stage = Stage::member_template;
  intent.impact = Impact::restart;
  intent.rule = workload.kind == Kind::deployment ? "deployment" : "stateful_set";
  // Fulfilled and rolled out, it is looked at by nobody: the wish stays empty.
  const bool plain = rollout_is_over(workload) && holds_plainly(context, member);
  if (!plain) intent.wish = wish_of(context, member);
  decision.held_template = plain || satisfied(intent.wish, workload);
  if (member.sidecar && context.facts.mesh.present) {
    const InjectionVerdict verdict = simulate(context, workload, intent.wish);
    if (!verdict.injected) {
      intent.hold = "no sidecar would come: " + verdict.why;
      decision.findings.push_back(finding("MG212", workload.key(), verdict.why, verdict.remedy));
      return decision;
    }
  }
  if (decision.held_template) return decision;
  intent.why = (member.sidecar ? "labels and sidecar of member " : "pod labels of member ") + member.service->meta.name;
  hold_back(context, member, how, decision);
  return decision;
}

bool template_carried_out(const Context& context, const Member& member) {
  const Rollout state = rollout_of(*member.workload);
  if (state != Rollout::complete && state != Rollout::empty) return false;
  const TemplateDecision decision = decide_template(context, member);
  return decision.held_template && decision.intent.hold.empty();
}

}  // namespace meshgraft
