// What must not change: a joined namespace with another app or version, a bad value, paused, policy observe.

#include <algorithm>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/member_table.h"
#include "reconcilers/planner.h"
#include "reconcilers/replace.h"
#include "reconcilers/replace_record.h"
#include "reconcilers/rollout.h"

namespace meshgraft {

namespace {

bool selects_by_app(const Json& with_selector) { return value_at(with_selector, "/selector/matchLabels/app.kubernetes.io~1name") != nullptr; }

}  // namespace

// The app that a Deployment has from being created again: its selector asks for that app's name by now, and did not
// before. "" when there is none, or one has the present app's.
std::string Planner::former_app_of_replaced() const {
  std::string former;
  for (const auto& object : view_.records) {
    const ReplaceRecord record = read_replace_record(*object);
    if (!record.broken.empty() || record.undoing || !record.back.empty() || selects_by_app(record.original["spec"])) continue;
    const std::string app = text(record.target, "/metadata/labels/app.kubernetes.io~1name");
    if (app == options_.app) return "";
    if (!app.empty()) former = app;
  }
  for (const auto& workload : view_.workloads) {
    const auto label = workload->meta.labels.find(keys::kAppName);
    if (label == workload->meta.labels.end() || !looks_recorded(workload->meta) || is_excluded(workload->meta)) continue;
    const Record record = read_record(workload->meta);
    if (record.replaced.is_null() || selects_by_app(record.replaced)) continue;
    if (label->second == options_.app) return "";
    former = label->second;
  }
  return former;
}

// A joined namespace that is given another app or version is frozen: its members carry the former one (contract 1).
void Planner::refuse_new_identity() {
  std::string former;
  bool replaced = !options_.app.empty();
  for (const Member& member : membership_.members) {
    if (member.excluded || !member.blocked.empty()) continue;
    if (member.app_name != options_.app) continue;  // a Service selects by its own name: it never had the app's
    const Meta& meta = member.workload->meta;
    const auto label = meta.labels.find(keys::kAppName);
    if (label == meta.labels.end() || !looks_recorded(meta)) continue;
    if (label->second == member.app_name) {
      former.clear();
      replaced = false;
      break;
    }
    if (former.empty() && read_record(meta).owns("metadata.labels[app.kubernetes.io/name]")) former = label->second;
  }
  if (former.empty() && replaced) former = former_app_of_replaced();
  if (!former.empty()) {
    options_.frozen = renamed_ = true;
    // Not the reason why they appear under another app.
    std::erase_if(plan_.findings, [](const Finding& one) { return one.code == "MG210"; });
    plan_.findings.push_back(finding(
        "MG108", view_.ns->key(), std::string(keys::kApp) + " is " + options_.app + ", but members joined " + former,
        "kubectl label namespace " + view_.name + " " + std::string(keys::kApp) + "=" + former + " --overwrite goes on as before. To move the namespace, do that first, then: meshgraft undo -n " +
            view_.name + " --yes, and label it anew."));
  }
  const auto version = view_.ns->meta.annotations.find(keys::kVersion);
  if (version == view_.ns->meta.annotations.end()) return;
  for (const Member& member : membership_.members) {
    if (member.excluded || !member.blocked.empty() || member.version == version->second) continue;
    const Meta& meta = member.workload->meta;
    if (meta.annotations.find(keys::kVersion) != meta.annotations.end() || !looks_recorded(meta)) continue;
    if (!read_record(meta).owns("spec.template.metadata.labels[version]")) continue;
    options_.frozen = renamed_ = true;
    plan_.findings.push_back(finding("MG108", view_.ns->key(),
                                     std::string(keys::kVersion) + " is " + version->second + ", but " +
                                         to_string(member.workload->key()) + " joined as version " + member.version,
                                     "kubectl annotate namespace " + view_.name + " " + std::string(keys::kVersion) + "=" + member.version + " --overwrite goes on as before. To change the version, do that first, then: meshgraft undo -n " +
                                         view_.name + " --yes, set the version and label it anew."));
    return;
  }
}

// observe and paused: everything is worked out, nothing is sent.
void Planner::obey_policy() {
  std::string reason;
  if (options_.frozen) reason = "paused";
  if (options_.policy == Policy::observe) reason = "policy observe";
  if (reason.empty()) return;
  for (Waiting& one : plan_.waiting) {
    if (!is_held(one)) one.reason = reason;
  }
  for (Change& change : plan_.now) wait(std::move(change.target), change.stage, reason);
  for (ReleaseState& release : plan_.releases) {
    if (release.step != ReleaseStep::none) release.why = reason + ": nothing is written in its namespace" + (release.why.empty() ? "" : "; ") + release.why;
  }
  plan_.now.clear();
  plan_.wants_pods = false;
  plan_.wants_live.clear();
  plan_.wake_after.reset();
  plan_.wants_slices = false;
  plan_.wants_claims = false;
  plan_.wants_events = false;
  plan_.settled = true;
  plan_.settled_before_gateway = true;
}

// In a namespace that is being deleted our finalizers would keep it for ever: what they keep goes with the rest, whatever
// else is frozen.
void Planner::release_records() {
  if (!view_.ns->terminating && !view_.ns->meta.deleting) return;
  for (const auto& record : view_.records) {
    if (!keeps_record(record->meta)) continue;
    Change change = release_change(*record);
    change.stage = Stage::member_replace;
    change.rule = "replace";
    change.why = "the namespace is being deleted";
    plan_.now.push_back(std::move(change));
  }
}

bool Planner::is_held(const Waiting& one) const {
  return std::any_of(held_.begin(), held_.end(), [&](std::size_t i) {
    return intents_[i].stage == one.stage && intents_[i].object->key() == one.target;
  });
}

// A Deployment that is being created again when the app is renamed becomes what its record says: halfway it has no name.
void Planner::end_replaces() {
  take_in(replaces_under_way(context_));
  for (const Replacing& one : replacing_) rolling_.replacing.push_back(one.deployment);
  for (const Extra& extra : extras_) plan_.now.push_back(extra.change);
  fill_waiting(std::nullopt);
}

Plan Planner::finish_frozen() {
  if (renamed_ && options_.policy != Policy::observe) end_replaces();
  // What was rolling when the bad value came goes on, and keeps its place in the cluster.
  for (const auto& workload : view_.workloads) {
    const Rollout state = rollout_of(*workload);
    if ((state != Rollout::under_way && state != Rollout::fresh) || !looks_recorded(workload->meta) ||
        !read_record(workload->meta).owns_template())
      continue;
    rolling_.under_way.push_back(workload);
  }
  plan_.rolling_count = static_cast<int>(rolling_.under_way.size() + rolling_.replacing.size());
  plan_.rolling = plan_.rolling_count > 0;
  plan_.members = members_of_frozen();
  for (MemberState& member : plan_.members) {
    if (member.phase != MemberPhase::joined) continue;
    const auto workload = std::find_if(view_.workloads.begin(), view_.workloads.end(), [&member](const auto& one) { return one->key() == member.workload; });
    if (workload == view_.workloads.end()) continue;
    member.sidecar = has_sidecar(context_, **workload);
    if (looks_recorded((*workload)->meta)) continue;
    member.phase = MemberPhase::held;
    member.why = "the namespace is frozen";
  }
  add_replacing(replacing_, plan_.members);
  settle();
  release_records();
  sort_findings();
  return std::move(plan_);
}

// An app's name that cannot be read says nothing of who its members are: those that joined are of the app that they carry.
std::vector<MemberState> Planner::members_of_frozen() const {
  if (!options_.app.empty() || !view_.ns->meta.labels.contains(keys::kApp)) return member_table(context_, {}, rolling_);
  NamespaceOptions former = options_;
  for (const auto& workload : view_.workloads) {
    const auto app = workload->meta.labels.find(keys::kAppName);
    if (app == workload->meta.labels.end() || !looks_recorded(workload->meta)) continue;
    former.app = app->second;
    break;
  }
  if (former.app.empty()) return {};
  const Membership membership = find_members(view_, former, facts_);
  const Context context{view_, facts_, settings_, former, membership};
  return member_table(context, {}, rolling_);
}

}  // namespace meshgraft
