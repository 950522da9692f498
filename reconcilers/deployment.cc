#include "reconcilers/deployment.h"

#include <array>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/member_template.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

void append(std::string& list, std::string_view item) {
  if (!list.empty()) list += ", ";
  list += item;
}

bool has_metadata(const Workload& workload, const Labels& labels) {
  const Labels::const_iterator governed = workload.meta.annotations.find(keys::kGoverned);
  return governed != workload.meta.annotations.end() && governed->second == "true" &&
         is_subset(labels, workload.meta.labels);
}

Intent metadata_of(const Member& member, const Labels& labels) {
  Intent intent;
  intent.object = member.workload;
  intent.stage = Stage::member_metadata;
  intent.rule = "deployment";
  intent.wish.labels = labels;
  intent.wish.annotations.emplace(keys::kGoverned, "true");
  intent.why = "labels and governance of member " + member.service->meta.name;
  return intent;
}

void report_governance(const Context& context, const Member& member, const Labels& labels, Decision& decision) {
  if (!context.facts.platform.kubesphere) return;
  std::string gap;
  if (is_subset(labels, member.workload->meta.labels)) {
    gap = governance_gap(*member.workload, *member.service, member.workload->meta.labels);
  } else {
    Labels then = labels;
    then.insert(member.workload->meta.labels.begin(), member.workload->meta.labels.end());
    gap = governance_gap(*member.workload, *member.service, then);
  }
  if (gap.empty()) return;
  if (context.options.policy == Policy::replace)
    gap += "; policy replace is taken as join: re-creating is not part of this version";
  decision.findings.push_back(finding("MG203", member.workload->key(), std::move(gap)));
}

}  // namespace

std::string governance_gap(const Workload& deployment, const Service& service, const Labels& labels) {
  // kubesphere pkg/controller/utils/servicemesh, IsApplicationComponent: the keys alone count.
  constexpr std::array<std::string_view, 3> kKeys{keys::kAppLabel, keys::kAppName, keys::kAppVersion};
  std::string missing;
  for (const std::string_view key : kKeys) {
    if (deployment.selector.match_labels.find(key) == deployment.selector.match_labels.end()) append(missing, key);
  }
  if (!missing.empty()) return "spec.selector.matchLabels lacks " + missing;
  std::string foreign;
  for (const auto& [key, value] : service.selector) {
    const auto in_selector = deployment.selector.match_labels.find(key);
    if (in_selector == deployment.selector.match_labels.end() || in_selector->second != value) append(foreign, key);
  }
  if (!foreign.empty())
    return "spec.selector.matchLabels does not cover the selector of Service " + service.meta.name + ": " + foreign;
  for (const auto& [key, value] : service.selector) {
    const auto in_labels = labels.find(key);
    if (in_labels == labels.end() || in_labels->second != value) append(foreign, key);
  }
  if (!foreign.empty())
    return "metadata.labels does not cover the selector of Service " + service.meta.name + ": " + foreign;
  return "";
}

Decision desired_deployments(const Context& context) {
  Decision decision;
  for (const Member& member : context.membership.members) {
    if (member.workload->kind != Kind::deployment || member.excluded || !member.blocked.empty()) continue;
    const Labels labels = member_labels(member);
    if (!has_metadata(*member.workload, labels)) decision.intents.push_back(metadata_of(member, labels));
    report_governance(context, member, labels, decision);

    // An intent that is fulfilled matters only while its restart may still be under way.
    TemplateDecision pod = decide_template(context, member);
    if (!pod.held_template || !rollout_is_over(*member.workload)) decision.intents.push_back(std::move(pod.intent));
    for (Finding& one : pod.findings) decision.findings.push_back(std::move(one));
  }
  return decision;
}

}  // namespace meshgraft
