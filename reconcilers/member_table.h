#pragma once
// The member table: one row of `status` for every member, and the one-line report on the Namespace. plan makes both
// from what it has decided already. Pure.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reconcilers/gate.h"
#include "reconcilers/reconciler.h"

namespace meshgraft {

// What plan found out about a workload: something is still to be written, or is held back.
struct Progress {
  bool pending = false;
  std::string hold;      // why something is held back, "" when nothing is
  bool passing = false;  // that hold ends by itself
};

std::vector<MemberState> member_table(const Context& context, const std::map<ObjectKey, Progress>& progress,
                                      const Rolling& rolling);

// Whether the pods of `workload` have a sidecar by its template as it stands, asked for by whomever.
bool has_sidecar(const Context& context, const Workload& workload);

// Rows of what is being created again, whether it has its name at this moment or not.
void add_replacing(const std::vector<Replacing>& replacing, std::vector<MemberState>& table);

// "joined 11/12, rolling 1, held 0, findings 2 (MG203 MG401)". Infos are not counted.
std::string status_line(const std::vector<MemberState>& members, const std::vector<Finding>& findings);

// The apply that writes `line` on the Namespace; nullopt when it stands there.
std::optional<Change> status_change(const Namespace& ns, const std::string& line);

// The row of a workload that bears our record and belongs to nobody's app any more: what it still has, not what it would get.
// Its phase is `waiting`, and there is no reason yet.
MemberState leaving_row(const Context& context, const std::shared_ptr<const Workload>& workload);

// The rows of workloads on the way back among those of members.
void add_leaving(std::vector<MemberState> leaving, std::vector<MemberState>& table);

// "leaving, 3 workloads to go (re-creating is switched off), findings 1 (MG803)".
std::string leaving_line(std::size_t workloads, const std::string& waits_for, const std::vector<Finding>& findings);

// Takes the report off a Namespace that is as before.
Change status_removal(const Namespace& ns);

}  // namespace meshgraft
