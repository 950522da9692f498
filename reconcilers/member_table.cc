#include "reconcilers/member_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "reconcilers/deployment.h"
#include "reconcilers/injection.h"
#include "reconcilers/keys.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

bool says(const Labels& labels, std::string_view key, std::string_view value) {
  const Labels::const_iterator found = labels.find(key);
  return found != labels.end() && found->second == value;
}

// KubeSphere's conditions for a subset, as they stand now (recorded, and destinationrule_controller.go).
bool is_governed(const Member& member) {
  const Workload& workload = *member.workload;
  if (workload.kind != Kind::deployment || member.service == nullptr || !member.gap.empty()) return false;
  const Service& service = *member.service;
  const Labels& labels = workload.meta.labels;
  for (const std::string_view key : {keys::kAppLabel, keys::kAppName, keys::kAppVersion}) {
    if (labels.find(key) == labels.end() || service.meta.labels.find(key) == service.meta.labels.end()) return false;
  }
  return labels.find(keys::kVersionLabel) != labels.end() && says(workload.meta.annotations, keys::kGoverned, "true") &&
         says(service.meta.annotations, keys::kGoverned, "true") &&
         (workload.status.known ? workload.status.ready > 0 : workload.replicas > 0);
}

// Of a joined member; "" when only KubeSphere's own condition, a ready pod, is open.
std::string why_not_governed(const Member& member) {
  if (member.workload->kind != Kind::deployment) return "KubeSphere governs Deployments only (MG206)";
  return member.gap.empty() ? "" : member.gap + " (MG203)";
}

bool contains(const std::vector<std::shared_ptr<const Workload>>& list, const Workload& workload) {
  return std::any_of(list.begin(), list.end(), [&workload](const auto& one) { return one.get() == &workload; });
}

void fill_phase(const Member& member, const Progress* progress, const Rolling& rolling, MemberState& state) {
  const Workload& workload = *member.workload;
  if (member.excluded) {
    state.phase = MemberPhase::excluded;
    state.why = member.why;
  } else if (!member.blocked.empty()) {
    state.phase = MemberPhase::blocked;
    state.why = member.blocked + ": " + member.why;
  } else if (contains(rolling.exceeded, workload)) {
    state.phase = MemberPhase::rolling;
    state.why = rollout_of(workload) == Rollout::complete ? "MG216: a pod came without its sidecar"
                                                          : "MG215: its rollout failed, " + progress_text(workload);
  } else if (contains(rolling.under_way, workload)) {
    state.phase = MemberPhase::rolling;
    state.why = progress_text(workload);
  } else if (contains(rolling.unserved, workload)) {
    state.phase = MemberPhase::rolling;
    state.why = "MG224: no pod of it was ever ready, " + progress_text(workload);
  } else if (progress != nullptr && !progress->hold.empty()) {
    state.phase = progress->passing ? MemberPhase::waiting : MemberPhase::held;
    state.why = progress->hold;
  } else if (progress != nullptr && progress->pending) {
    state.phase = MemberPhase::waiting;
  } else {
    state.phase = MemberPhase::joined;
    if (contains(rolling.theirs, workload)) {
      state.why = "a rollout of its own is under way: " + progress_text(workload);
    } else if (rollout_of(workload) == Rollout::degraded) state.why = "not all pods are available: " + progress_text(workload);
  }
}

// Not ours to change now, so its pods are as its own template says.
bool left_alone(MemberPhase phase) { return phase == MemberPhase::excluded || phase == MemberPhase::held || phase == MemberPhase::blocked; }

}  // namespace

bool has_sidecar(const Context& context, const Workload& workload) {
  return workload.replicas > 0 && rollout_is_over(workload) &&
         injection(context.facts.mesh, context.view.name, context.view.ns->meta.labels, workload.pod.labels, workload.pod.annotations, workload.pod.host_network).injected;
}

namespace {

// "findings 2 (MG203 MG401)"; infos are not counted.
std::string findings_part(const std::vector<Finding>& findings) {
  std::size_t count = 0;
  std::set<std::string_view> codes;
  for (const Finding& one : findings) {
    if (one.severity == Severity::info) continue;
    ++count;
    codes.insert(one.code);
  }
  std::string text = "findings " + std::to_string(count);
  if (codes.empty()) return text;
  std::string list;
  for (const std::string_view code : codes) list += (list.empty() ? "" : " ") + std::string(code);
  return text + " (" + list + ")";
}

}  // namespace

std::vector<MemberState> member_table(const Context& context, const std::map<ObjectKey, Progress>& progress,
                                      const Rolling& rolling) {
  std::vector<MemberState> table;
  table.reserve(context.membership.members.size());
  for (const Member& member : context.membership.members) {
    const Workload& workload = *member.workload;
    MemberState state;
    state.workload = workload.key();
    if (member.service != nullptr) state.service = member.service->meta.name;
    state.version = member.version;
    state.sidecar_wanted = member.sidecar;
    const auto found = progress.empty() ? progress.end() : progress.find(state.workload);
    fill_phase(member, found == progress.end() ? nullptr : &found->second, rolling, state);
    state.sidecar = state.phase == MemberPhase::joined ? member.sidecar : left_alone(state.phase) && has_sidecar(context, workload);
    state.governed = is_governed(member);
    if (state.why.empty() && !state.governed && state.phase == MemberPhase::joined &&
        context.facts.platform.kubesphere) {
      state.why = why_not_governed(member);
    }
    table.push_back(std::move(state));
  }
  return table;
}

void add_replacing(const std::vector<Replacing>& replacing, std::vector<MemberState>& table) {
  for (const Replacing& one : replacing) {
    const auto is_it = [&one](const MemberState& state) { return state.workload == one.deployment; };
    auto row = std::find_if(table.begin(), table.end(), is_it);
    if (row == table.end()) {
      row = table.emplace(row);
      row->workload = one.deployment;
    }
    row->phase = MemberPhase::rolling;
    row->why = one.why;
  }
}

std::string status_line(const std::vector<MemberState>& members, const std::vector<Finding>& findings) {
  std::size_t joined = 0;
  std::size_t rolling = 0;
  std::size_t held = 0;
  std::size_t excluded = 0;
  for (const MemberState& member : members) {
    if (member.phase == MemberPhase::joined) ++joined;
    if (member.phase == MemberPhase::rolling) ++rolling;
    if (member.phase == MemberPhase::held || member.phase == MemberPhase::blocked) ++held;
    if (member.phase == MemberPhase::excluded) ++excluded;
  }
  return "joined " + std::to_string(joined) + "/" + std::to_string(members.size() - excluded) + ", rolling " +
         std::to_string(rolling) + ", held " + std::to_string(held) + ", " + findings_part(findings);
}

std::string leaving_line(std::size_t workloads, const std::string& waits_for, const std::vector<Finding>& findings) {
  return "leaving, " + std::to_string(workloads) + (workloads == 1 ? " workload to go" : " workloads to go") + (waits_for.empty() ? "" : " (" + waits_for + ")") + ", " +
         findings_part(findings);
}

MemberState leaving_row(const Context& context, const std::shared_ptr<const Workload>& workload) {
  const NamespaceView& view = context.view;
  Member member;
  member.workload = workload;
  // Its Service is the one that its label names, as membership wrote it.
  const auto app = workload->meta.labels.find(keys::kAppLabel);
  for (const auto& service : view.services) {
    if (app != workload->meta.labels.end() && service->meta.name == app->second) member.service = service;
  }
  MemberState row;
  row.workload = workload->key();
  if (member.service != nullptr) row.service = member.service->meta.name;
  const auto version = workload->pod.labels.find(keys::kVersionLabel);
  if (version != workload->pod.labels.end()) row.version = version->second;
  row.sidecar = has_sidecar(context, *workload);
  if (workload->kind == Kind::deployment && member.service != nullptr) member.gap = governance_gap(*workload, *member.service, workload->meta.labels);
  row.governed = is_governed(member);
  return row;
}

void add_leaving(std::vector<MemberState> leaving, std::vector<MemberState>& table) {
  for (MemberState& row : leaving) {
    const auto found = std::find_if(table.begin(), table.end(), [&row](const MemberState& one) { return one.workload == row.workload; });
    if (found == table.end()) {
      table.push_back(std::move(row));
    } else {
      found->why = std::move(row.why);
    }
  }
}

Change status_removal(const Namespace& ns) {
  Change change;
  change.target = ns.key();
  change.verb = Verb::edit;
  change.stage = Stage::namespace_status;
  change.rule = "status";
  change.why = "the report on this namespace, which is as before";
  change.pre.uid = ns.meta.uid;
  change.body = Json::array({{{"op", "remove"}, {"path", "/metadata/annotations/meshgraft.io~1status"}}});
  return change;
}

std::optional<Change> status_change(const Namespace& ns, const std::string& line) {
  if (says(ns.meta.annotations, keys::kStatus, line)) return std::nullopt;
  Change change;
  change.target = ns.key();
  change.stage = Stage::namespace_status;
  change.rule = "status";
  change.why = "the report on this namespace";
  change.pre.uid = ns.meta.uid;
  change.force = true;
  Json meta{{"name", ns.meta.name}, {"annotations", {{std::string(keys::kStatus), line}}}};
  if (!ns.meta.uid.empty()) meta["uid"] = ns.meta.uid;
  change.body = {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", std::move(meta)}};
  return change;
}

}  // namespace meshgraft
