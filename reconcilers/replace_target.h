#pragma once
// ReplaceTarget: the Deployment that takes another's place (rules 3): the whole original with the selector that
// KubeSphere asks for and everything that joining would write, or, on the way back, the present one with the selector
// and the values from before. Asked by the rule for replaces when it makes a record. Pure.

#include <string>
#include <vector>

#include "reconcilers/reconciler.h"
#include "reconcilers/replace_record.h"

namespace meshgraft {

// The record of a replace of `member`, all but the ReplicaSets. `whole`: the Deployment as the server shows it;
// `wish`: what joining writes on it, metadata and template. `name`: of the one that comes.
ReplaceRecord record_of_replace(const Member& member, const Json& whole, const Wish& wish, const std::string& name);

// The same for the way back of a Deployment that we re-created: `record.replaced` is not null. A field that somebody
// else changed meanwhile stays as it is and is named (MG112), as in every other way back. `name` as above.
struct Return {
  ReplaceRecord record;
  std::vector<Finding> findings;
};
Return record_of_return(const Workload& workload, const Json& whole, const Record& record, const std::string& name);

}  // namespace meshgraft
