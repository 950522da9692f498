#include "reconcilers/deployment.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/member_template.h"
#include "reconcilers/replace.h"
#include "reconcilers/replace_record.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

void append(std::string& list, std::string_view item) {
  if (!list.empty()) list += ", ";
  list += item;
}

bool is_governed(const Workload& workload) {
  const Labels::const_iterator governed = workload.meta.annotations.find(keys::kGoverned);
  return governed != workload.meta.annotations.end() && governed->second == "true";
}

Intent metadata_of(const Member& member) {
  Intent intent;
  intent.object = member.workload;
  intent.stage = Stage::member_metadata;
  intent.rule = "deployment";
  intent.wish.labels = member_labels(member);
  intent.wish.annotations.emplace(keys::kGoverned, "true");
  intent.why = "labels and governance of member " + member.service->meta.name;
  return intent;
}

void report_governance(const Context& context, const Member& member, const ReplaceVerdict& replace, Decision& decision) {
  if (!context.facts.platform.kubesphere) return;
  std::string gap = member.gap;
  if (!member.labelled) {
    Labels then = member_labels(member);
    then.insert(member.workload->meta.labels.begin(), member.workload->meta.labels.end());
    gap = governance_gap(*member.workload, *member.service, then);
  }
  if (gap.empty()) return;
  if (replace.refused.empty()) {
    decision.findings.push_back(finding("MG203", member.workload->key(), std::move(gap)));
    return;
  }
  decision.findings.push_back(finding("MG203", member.workload->key(), gap + "; re-creating was asked for, but " + replace.refused, replace.remedy));
}

// The original of a replace under way: what is written on it would be lost, and its record would no longer be true.
bool is_recorded(const Context& context, const Workload& workload) {
  return std::any_of(context.view.records.begin(), context.view.records.end(), [&workload](const auto& object) {
    if (object->meta.name != replace_record_name(workload.meta.name)) return false;
    const ReplaceRecord record = read_replace_record(*object);
    return record.broken.empty() && (record.old_uid == workload.meta.uid || !record.back.empty());
  });
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
    ReplaceVerdict replace = replace_verdict(context, member);
    if (replace.takes || is_recorded(context, *member.workload)) continue;
    std::move(replace.findings.begin(), replace.findings.end(), std::back_inserter(decision.findings));
    // Put back as it was by a replace that failed: not a label of ours until it is tried again.
    const bool held = member.workload->meta.annotations.contains(keys::kHeld) && !read_record(member.workload->meta).held.empty();
    if (!held && !(member.labelled && is_governed(*member.workload))) {
      Intent metadata = metadata_of(member);
      // Said on the object: once its pods are ready nothing else tells when it was born.
      if (replace.born_later) metadata.wish.annotations.emplace(keys::kReplace, "false");
      decision.intents.push_back(std::move(metadata));
    }
    report_governance(context, member, replace, decision);

    // An intent that is fulfilled matters only while its restart may still be under way.
    TemplateDecision pod = decide_template(context, member);
    if (!pod.held_template || !rollout_is_over(*member.workload)) decision.intents.push_back(std::move(pod.intent));
    for (Finding& one : pod.findings) decision.findings.push_back(std::move(one));
  }
  return decision;
}

}  // namespace meshgraft
