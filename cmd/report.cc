#include "cmd/report.h"

#include <algorithm>
#include <tuple>

#include "reconcilers/keys.h"
#include "reconcilers/options.h"
#include "reconcilers/record.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

// Whether a finding or object of `ns` belongs to the namespace asked for. Cluster-wide ones always do.
bool in_scope(const std::string& scope, const ObjectKey& key) {
  if (scope.empty()) return true;
  if (key.kind == Kind::namespace_) return key.name == scope;
  return key.ns.empty() || key.ns == scope;
}

bool in_mesh(const Facts& facts, const std::string& ns) {
  bool any = false;
  for (const GatewayFacts& gateway : facts.gateways) {
    if (gateway.ns != ns || !gateway.opted_in) continue;
    if (!gateway.in_mesh) return false;
    any = true;
  }
  return any;
}

// Whether a namespace without a label has something of ours to give back: its report, workloads, or changes to come.
bool on_the_way_back(const NamespaceView& view, const Foreseen& foreseen) {
  if (view.ns->meta.annotations.contains(keys::kStatus)) return true;
  const auto members = foreseen.members.find(view.name);
  if (members != foreseen.members.end() && !members->second.empty()) return true;
  return std::any_of(foreseen.steps.begin(), foreseen.steps.end(), [&view](const Foreseen::Step& step) {
    return step.ns == view.name && step.change.stage < Stage::middleware_ports;
  });
}

// What the restart of a waiting member waits for; where it has none to come, its last change. "" when nothing is to come.
std::string awaited(const MemberState& member, const std::vector<Foreseen::Step>& steps) {
  const Foreseen::Step* found = nullptr;
  for (const Foreseen::Step& step : steps) {
    if (step.change.target != member.workload) continue;
    if (found == nullptr || found->change.impact != Impact::restart) found = &step;
  }
  if (found == nullptr) return "";
  return found->waits_for.empty() ? "its turn is next" : found->waits_for;
}

// Whether the annotation of the member's Service, the last condition for a subset, is still to come.
bool governance_to_come(const MemberState& member, const std::vector<Foreseen::Step>& steps) {
  return std::any_of(steps.begin(), steps.end(), [&member](const Foreseen::Step& step) {
    return step.change.stage == Stage::service_annotation && step.change.target == ObjectKey{Kind::service, member.workload.ns, member.service};
  });
}

// A member that does not say itself why it is not joined, or not governed: what it waits for, else what was found about it.
void explain(MemberState& member, const std::vector<Finding>& findings, const std::vector<Foreseen::Step>& steps) {
  if (member.phase == MemberPhase::held) {
    // A reason that is a finding's own text begins with its code, as all reasons do that have one.
    const auto told = std::find_if(findings.begin(), findings.end(), [&member](const Finding& one) {
      return one.about == member.workload && member.why.ends_with(one.text) && member.why.find(one.code) == std::string::npos;
    });
    if (told != findings.end()) member.why = told->code + ": " + member.why;
  }
  if (!member.why.empty() || (member.governed && member.phase == MemberPhase::joined)) return;
  if (member.phase == MemberPhase::waiting) {
    member.why = awaited(member, steps);
    if (!member.why.empty()) return;
  }
  if (member.phase == MemberPhase::joined && governance_to_come(member, steps)) {
    member.why = "its Service is annotated when every member has restarted";
    return;
  }
  for (const Finding& finding : findings) {
    if (finding.about != member.workload || finding.severity == Severity::info) continue;
    member.why = finding.code + ": " + finding.text;
    return;
  }
}

// A value that cannot be read, another app or version, a deletion: nothing is written, whether the options tell it or not.
void tell_frozen(Concern& concern, const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (finding.about.kind != Kind::namespace_ || finding.about.name != concern.ns) continue;
    if (finding.code != "MG101" && finding.code != "MG108" && finding.code != "MG109") continue;
    concern.frozen = true;
    concern.why_frozen = finding.code + ": " + finding.text;
    return;
  }
}

// Whether a workload that we changed is still rolling out.
bool rolling(const Source& source) {
  for (const auto& [name, view] : source.world.namespaces) {
    if (!source.scope.empty() && name != source.scope) continue;
    for (const auto& workload : view.workloads) {
      if (rollout_of(*workload) == Rollout::under_way && read_record(workload->meta).owns_template()) return true;
    }
  }
  return false;
}

// The element of a list that `key` names: "80/TCP" by port and protocol, else by name.
const Json* element(const Json& list, std::string_view key) {
  const std::size_t slash = key.rfind('/');
  for (const Json& item : list) {
    if (!item.is_object()) continue;
    const auto name = item.find("name");
    if (name != item.end() && name->is_string() && name->get_ref<const std::string&>() == key) return &item;
    if (slash == std::string_view::npos) continue;
    for (const char* member : {"port", "containerPort"}) {
      const auto port = item.find(member);
      if (port == item.end() || !port->is_number_integer() || std::to_string(port->get<int>()) != key.substr(0, slash)) continue;
      const auto protocol = item.find("protocol");
      const bool same = protocol == item.end() || !protocol->is_string() ? key.substr(slash + 1) == "TCP" : protocol->get_ref<const std::string&>() == key.substr(slash + 1);
      if (same) return &item;
    }
  }
  return nullptr;
}

const Json* member(const Json* from, std::string_view key) {
  if (from == nullptr) return nullptr;
  if (from->is_array()) return element(*from, key);
  if (!from->is_object()) return nullptr;
  const auto found = from->find(std::string(key));
  return found == from->end() ? nullptr : &*found;
}

}  // namespace

const Json* field_value(const Json& body, std::string_view path) {
  const Json* at = &body;
  while (!path.empty() && at != nullptr) {
    if (path.front() == '.') {
      path.remove_prefix(1);
    } else if (path.front() == '[') {
      const std::size_t end = std::min(path.find(']'), path.size());
      at = member(at, path.substr(1, end - 1));
      path.remove_prefix(std::min(end + 1, path.size()));
    } else {
      const std::size_t end = std::min(path.find_first_of(".["), path.size());
      at = member(at, path.substr(0, end));
      path.remove_prefix(end);
    }
  }
  return at;
}

std::string_view to_string(Policy policy) {
  switch (policy) {
    case Policy::observe: return "observe";
    case Policy::join: return "join";
    case Policy::replace: return "replace";
  }
  return "";
}

std::string counted(int number, std::string_view noun) {
  std::string text = std::to_string(number) + ' ' + std::string(noun);
  if (number == 1) return text;
  if (noun.ends_with("cy")) return text.replace(text.size() - 1, 1, "ies");  // IngressClass and NetworkPolicy of kubectl alike
  return text + (noun.ends_with('s') ? "es" : "s");
}

Report make_report(const Foreseen& foreseen, const Source& source) {
  const Settings& settings = source.settings;
  Report report;
  report.scope = source.scope;
  Facts facts = derive_facts(source.world, settings);
  for (const auto& [name, view] : source.world.namespaces) {
    const bool labelled = view.ns->meta.labels.contains(keys::kApp) || view.ns->meta.labels.contains(keys::kGateway);
    if (!source.scope.empty() && name != source.scope) {
      if (labelled) report.elsewhere.push_back(name);
      continue;
    }
    if (!labelled && !on_the_way_back(view, foreseen)) continue;
    const NamespaceOptions options = read_options(*view.ns, settings);
    report.concerns.push_back({name, options.app, options.gateway, options.policy, options.frozen, in_mesh(facts, name), options.paused, !labelled});
  }
  for (const Foreseen::Step& step : foreseen.steps) {
    if (source.scope.empty() || step.ns == source.scope) report.steps.push_back(step);
  }
  std::stable_sort(report.steps.begin(), report.steps.end(),
                   [](const Foreseen::Step& left, const Foreseen::Step& right) { return left.change.stage < right.change.stage; });
  for (const auto& [ns, plan] : foreseen.end) {
    if (!source.scope.empty() && ns != source.scope) continue;
    for (const Waiting& waiting : plan.waiting) report.held.push_back({ns, waiting});
  }
  for (const auto& [ns, members] : foreseen.members) {
    if (source.scope.empty() || ns == source.scope) report.members.emplace(ns, members);
  }
  for (const auto& [ns, releases] : foreseen.releases) {
    if ((source.scope.empty() || ns == source.scope) && !releases.empty()) report.releases.emplace(ns, releases);
  }
  for (const std::vector<Finding>* findings : {&foreseen.findings, &source.refused}) {
    for (const Finding& finding : *findings) {
      if (in_scope(source.scope, finding.about)) report.findings.push_back(finding);
    }
  }
  std::stable_sort(report.findings.begin(), report.findings.end(), [](const Finding& left, const Finding& right) {
    return std::tie(right.severity, left.code, left.about) < std::tie(left.severity, right.code, right.about);
  });
  for (Concern& concern : report.concerns) tell_frozen(concern, report.findings);
  for (auto& [ns, members] : report.members) {
    for (MemberState& member : members) explain(member, report.findings, report.steps);
  }
  report.totals = count_totals(report.steps, report.findings, source.world, foreseen.after, facts.mesh);
  report.settled = report.steps.empty() && !rolling(source);
  report.mesh = std::move(facts.mesh);
  report.platform = std::move(facts.platform);
  return report;
}

}  // namespace meshgraft
