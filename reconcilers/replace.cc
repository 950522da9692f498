#include "reconcilers/replace.h"

#include <algorithm>
#include <array>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/member_template.h"
#include "reconcilers/replace_record.h"
#include "reconcilers/replace_scalers.h"
#include "reconcilers/replace_sight.h"
#include "reconcilers/replace_target.h"
#include "reconcilers/replace_under_way.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

std::string pods(std::int64_t count) { return std::to_string(count) + (count == 1 ? " pod" : " pods"); }

std::string what_pods_do(const ReplaceRecord& record, const Workload& workload) {
  if (keeps_pods(record)) return "its pods carry every label already and stay";
  return pods(workload.replicas) + (workload.replicas == 1 ? " comes" : " come") + " beside the old";
}

std::vector<RecordedSet> sets_of(const NamespaceView& view, const Workload& workload) {
  std::vector<RecordedSet> sets;
  for (const auto& set : *view.replica_sets) {
    const bool its = std::any_of(set->meta.owners.begin(), set->meta.owners.end(), [&workload](const OwnerReference& owner) {
      return owner.controller && owner.uid == workload.meta.uid && owner.name == workload.meta.name;
    });
    if (its) sets.push_back({set->meta.name, set->meta.uid, set->replicas});
  }
  return sets;
}

Wish metadata_and_template(const Context& context, const Member& member) {
  Wish wish = decide_template(context, member, NewPods::beside).intent.wish;
  wish.labels = member_labels(member);
  wish.annotations.emplace(keys::kGoverned, "true");
  return wish;
}

// The record of a replace that may begin: the request that takes a place at the gate.
Change begin(const Context& context, ReplaceRecord record, const Workload& workload, std::string why) {
  if (!record.beside()) record.sets = sets_of(context.view, workload);
  Change change = replace_change(Verb::create, {Kind::controller_revision, context.view.name, replace_record_name(record.deployment)}, std::move(why));
  change.body = replace_record_body(record, context.view.name);
  change.witness = Witness{workload.key(), {workload.meta.uid, ""}};
  change.restarts = keeps_pods(record) ? 0 : static_cast<int>(workload.replicas);
  change.impact = change.restarts > 0 ? Impact::restart : Impact::none;
  change.outcome = "started";
  return change;
}

void consider(const Context& context, const Member& member, Decision& decision) {
  ReplaceVerdict verdict = replace_verdict(context, member);
  if (!verdict.takes) return;  // the rule for Deployments says why
  std::move(verdict.findings.begin(), verdict.findings.end(), std::back_inserter(decision.findings));
  std::move(verdict.wants_live.begin(), verdict.wants_live.end(), std::back_inserter(decision.wants_live));
  decision.wants_replica_sets = decision.wants_replica_sets || verdict.wants_replica_sets;
  decision.wants_claims = decision.wants_claims || verdict.wants_claims;
  decision.wants_limits = decision.wants_limits || verdict.wants_limits;
  const Workload& workload = *member.workload;
  Extra extra;
  extra.hold = std::move(verdict.hold);
  extra.passing = verdict.passing;
  extra.change.target = {Kind::controller_revision, context.view.name, replace_record_name(workload.meta.name)};
  extra.change.stage = Stage::member_replace;
  extra.member = workload.key();
  if (extra.hold.empty()) {
    const ReplaceRecord record = record_of_replace(member, *whole_of(context.view, workload), metadata_and_template(context, member), verdict.name);
    extra.change = begin(context, record, workload,
                         "the record of " + to_string(workload.key()) + ", which is created again " + (record.beside() ? "as " + record.target_name() + ", " : "") + "with a fuller selector; " + what_pods_do(record, workload) +
                             "; its rollout history is lost");
  }
  decision.extras.push_back(std::move(extra));
}

// Whether a record speaks of this Deployment: as the one that goes, or by another name as the one that comes.
bool is_under_way(const std::vector<ReplaceRecord>& records, const NamespaceView& view, std::string_view deployment) {
  return std::any_of(view.records.begin(), view.records.end(), [deployment](const auto& object) { return object->meta.name == replace_record_name(deployment); }) ||
         std::any_of(records.begin(), records.end(), [deployment](const ReplaceRecord& record) { return record.target_name() == deployment; });
}

std::vector<ReplaceRecord> read_records(const NamespaceView& view) {
  std::vector<ReplaceRecord> records;
  for (const auto& object : view.records) records.push_back(read_replace_record(*object));
  return records;
}

// The name that a Deployment had before it was created again; its own where that never changed.
std::string former_name(const Workload& workload, const Record& record) { return text(record.replaced, "/name", workload.meta.name); }

// Whether `holder` is about to free its name: it goes, or it is on its way back to another than `wanted`, whose owner waits.
bool frees_its_name(const Context& context, const Workload& holder, const std::string& wanted) {
  if (holder.meta.deleting) return true;
  if (!context.options.app.empty() && !is_excluded(holder.meta)) return false;
  const Record record = read_record(holder.meta);
  if (!record.present || !record.broken.empty()) return false;
  const std::string next = former_name(holder, record);
  return next != holder.meta.name && next != wanted;
}

// Why one that was created under another name keeps it on the way back; "" when its former name can be had.
std::string name_that_stays(const NamespaceView& view, const Workload& workload, const std::string& former) {
  if (former == workload.meta.name) return "";
  if (deployment_named(view, former) != nullptr) return "somebody has created a Deployment of its former name " + former;
  return scaler_obstacle(view, workload.meta.name, former, Lead::back);
}

}  // namespace

std::string begin_return(const Context& context, const std::shared_ptr<const Workload>& workload, const Record& record, Decision& decision) {
  if (is_under_way(read_records(context.view), context.view, workload->meta.name)) return "";
  Extra extra;
  extra.change.target = {Kind::controller_revision, context.view.name, replace_record_name(workload->meta.name)};
  extra.change.stage = Stage::back_template;
  extra.member = workload->key();
  const Json* whole = whole_of(context.view, *workload);
  const Rollout state = rollout_of(*workload);
  std::string name = former_name(*workload, record);
  const std::shared_ptr<const Workload> holder = name == workload->meta.name ? nullptr : deployment_named(context.view, name);
  // Who scales it is asked where its name changes.
  const bool asks_limits = name != workload->meta.name && !context.view.limits && !context.view.played;
  if (!context.settings.replace_enabled) {
    extra.hold = "re-creating is switched off (the chart's replace.enabled)";
  } else if (workload->meta.annotations.find(keys::kHeld) != workload->meta.annotations.end()) {
    extra.hold = "it did not become ready with its former selector";
  } else if (state != Rollout::complete && state != Rollout::empty) {
    extra.hold = "not all of its pods are available: " + progress_text(*workload);
    extra.passing = true;
  } else if (holder != nullptr && frees_its_name(context, *holder, workload->meta.name)) {
    extra.hold = "Deployment " + name + ", which has its former name, goes first";
    extra.passing = true;
  } else if (whole == nullptr || !context.view.replica_sets || asks_limits) {
    decision.wants_limits = decision.wants_limits || asks_limits;
    decision.wants_replica_sets = decision.wants_replica_sets || !context.view.replica_sets;
    extra.hold = "the whole of it has to be read first";
    extra.passing = true;
  } else {
    if (const std::string why = name_that_stays(context.view, *workload, name); !why.empty()) {
      name = workload->meta.name;
      decision.findings.push_back(finding("MG112", workload->key(), "metadata.name stays: " + why,
                                          "It goes back with its former selector, under the name that it has: nothing needs to be done. To have the former name, create it "
                                          "under that name once nobody has it, lead what scales it there, and delete this one when the new pods are ready."));
    }
    Return made = record_of_return(*workload, *whole, record, name);
    std::move(made.findings.begin(), made.findings.end(), std::back_inserter(decision.findings));
    extra.change = begin(context, std::move(made.record), *workload,
                         "the record of " + to_string(workload->key()) + ", which is created again " + (name == workload->meta.name ? "" : "as " + name + ", ") + "with its former selector");
    extra.change.stage = Stage::back_template;
  }
  std::string until_somebody_acts = extra.passing ? "" : extra.hold;
  decision.extras.push_back(std::move(extra));
  return until_somebody_acts;
}

Decision replaces_under_way(const Context& context) {
  Decision decision;
  for (const auto& object : context.view.records) decide_under_way(context, *object, read_replace_record(*object), decision);
  return decision;
}

Decision desired_replaces(const Context& context) {
  Decision decision = replaces_under_way(context);
  const std::vector<ReplaceRecord> records = read_records(context.view);
  for (const Member& member : context.membership.members) {
    if (member.workload->kind != Kind::deployment || member.excluded || !member.blocked.empty()) continue;
    if (is_under_way(records, context.view, member.workload->meta.name)) continue;
    consider(context, member, decision);
    if (has_planted_mark(member.workload->meta))
      decision.findings.push_back(finding("MG107", member.workload->key(), "the record of its replace is gone, so its former ReplicaSets are left as they are"));
  }
  for (const auto& workload : context.view.workloads) {
    if (!comes_beside(context.view, *workload) || is_under_way(records, context.view, workload->meta.name)) continue;
    decision.findings.push_back(finding("MG107", workload->key(), "the record of its replace is gone: it stands beside the Deployment whose place it was to take",
                                        "Delete it, and the other one is created again; or delete the other one, and this one stays."));
  }
  return decision;
}

std::span<const RbacRule> rbac_replace() {
  static constexpr std::array<std::string_view, 5> kRecords{"get", "list", "watch", "create", "delete"};
  static constexpr std::array<std::string_view, 1> kProgress{"patch"};
  static constexpr std::array<std::string_view, 2> kRecreate{"create", "delete"};
  static constexpr std::array<std::string_view, 4> kSets{"get", "list", "patch", "delete"};
  static constexpr std::array<std::string_view, 1> kClaims{"list"};
  static constexpr std::array<std::string_view, 1> kLead{"patch"};
  static constexpr std::string_view kSwitch = "replace.enabled";
  static const std::array kRules{
      RbacRule{"apps", "controllerrevisions", kRecords, ""},
      RbacRule{"apps", "controllerrevisions", kProgress, ""},
      RbacRule{"apps", "deployments", kRecreate, kSwitch},
      RbacRule{"apps", "replicasets", kSets, kSwitch},
      RbacRule{"", "persistentvolumeclaims", kClaims, kSwitch},
      RbacRule{"autoscaling", "horizontalpodautoscalers", kLead, kSwitch},
  };
  return kRules;
}

}  // namespace meshgraft
