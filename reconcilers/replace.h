#pragma once
// The rule for replaces (rules 3): a Deployment whose immutable selector keeps KubeSphere from governing it is created
// again with a fuller one, under its name or beside it under another, while its old pods serve until the new ones do.
// One row of the registry; the rule for Deployments asks replace_verdict, so that nobody joins in place what is to be
// re-created. Pure.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reconcilers/reconciler.h"

namespace meshgraft {

struct ReplaceVerdict {
  bool takes = false;          // it is re-created, or will be: nothing is written on it in place
  std::string hold;            // not now, and why
  bool passing = false;        // that ends by itself
  std::string refused;         // it was asked for and cannot be: why, for MG203
  std::string remedy;          // what to do about that
  bool born_later = false;     // …because it was created in a namespace that had joined
  std::vector<Finding> findings;
  std::vector<ObjectKey> wants_live;
  bool wants_replica_sets = false, wants_claims = false, wants_limits = false;
  std::string name;            // of the one that comes: its own, but for meshgraft.io/naming=versioned
};

// Precondition: a Deployment that is neither blocked nor excluded.
ReplaceVerdict replace_verdict(const Context& context, const Member& member);
// Why new pods of a Deployment can never run beside its old ones (MG205), whatever volumes they mount; "" when they can.
std::string replace_obstacle(const Workload& workload);
// The same of the volume claims that they mount. Precondition: view.claims was looked up, where there are any.
std::string claim_obstacle(const NamespaceView& view, const Workload& workload);

// Why a Deployment cannot be called `name` instead (naming=versioned, MG205): that is no name for pods, somebody has it, or an
// autoscaler would not follow; "" when it can. `updated`: what people apply carries the new name.
std::string versioned_obstacle(const NamespaceView& view, const Workload& workload, const std::string& name, bool updated);

Decision desired_replaces(const Context& context);
// Those alone that have begun.
Decision replaces_under_way(const Context& context);

// The way back of a Deployment that was re-created: it is created again as it is now, with its former selector and
// without what is ours. Called by undo when nothing routes to it any more; `record`: its undo record. Returns why it cannot
// begin until somebody does something; "" when it begins, is under way, or waits for what ends by itself.
std::string begin_return(const Context& context, const std::shared_ptr<const Workload>& workload, const Record& record, Decision& decision);

std::span<const RbacRule> rbac_replace();

}  // namespace meshgraft
