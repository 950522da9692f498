#pragma once
// The member table: one row of `status` for every member, and the one-line report on the Namespace. plan makes both
// from what it has decided already. Pure.

#include <map>
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

// "joined 11/12, rolling 1, held 0, findings 2 (MG203 MG401)". Infos are not counted.
std::string status_line(const std::vector<MemberState>& members, const std::vector<Finding>& findings);

// The apply that writes `line` on the Namespace; nullopt when it stands there.
std::optional<Change> status_change(const Namespace& ns, const std::string& line);

}  // namespace meshgraft
