#pragma once
// Reconciler: one row of the registry, one rule per kind. plan calls every row's `desired`; the command `reference`
// prints their RBAC rules and findings. Adding a rule is one file and one row.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reconcilers/membership.h"
#include "reconcilers/options.h"
#include "reconcilers/types.h"
#include "reconcilers/wish.h"

namespace meshgraft {

// What a rule may look at.
struct Context {
  const NamespaceView& view;
  const Facts& facts;
  const Settings& settings;
  const NamespaceOptions& options;
  const Membership& membership;
};

// A rule's wish for one object. plan merges the intents of an object, drops what is satisfied and orders by stage.
struct Intent {
  ObjectPtr object;
  Wish wish;
  Stage stage = Stage::member_metadata;
  Impact impact = Impact::none;
  std::string_view rule;
  std::string why;
  std::string hold;   // not now, and why; "" when nothing holds it. What we own already stays (law 1).
  bool passing = false;   // the hold ends by itself: istiod comes back, somebody's own rollout ends
  bool at_once = false;   // a restart outside the gate: these pods serve nobody yet, or starve without it
};

// A request that is no apply on an existing object: create, edit, remove.
struct Extra {
  Change change;
  std::string hold;
  bool passing = false;   // the hold ends by itself
  std::optional<ObjectKey> member = std::nullopt;   // the workload whose state this is, when the target is another object
  bool goes_on = false;   // waits for no stage: meanwhile a Deployment is away
};

// A Deployment that is being created again: it takes a place at the gate until that is over.
struct Replacing {
  ObjectKey deployment;
  std::string why;   // what it waits for, or does next
  Stage stage = Stage::member_replace;
};

struct Decision {
  std::vector<Intent> intents;
  std::vector<Extra> extras;
  std::vector<Finding> findings;
  bool wants_pods = false;   // the rule could not decide without the namespace's pods (view.pods is nullopt)
  bool wants_slices = false, wants_events = false;   // the same of view.slices, view.events
  bool wants_replica_sets = false;   // the same of view.replica_sets, view.slices and view.pods together
  std::vector<Replacing> replacing;
  // Of the way back (undo.h):
  std::vector<ObjectKey> wants_live;         // the rule could not decide without these (view.live)
  std::optional<std::int64_t> wake_after;    // milliseconds: something waits for time
  std::vector<std::shared_ptr<const Workload>> going_back;  // their template is as before, the rollout is not over
  std::vector<MemberState> leaving;          // workloads on the way back
  // What holds the way back up until somebody acts, for its report; "" for nothing. Never what time brings: two controllers,
  // each with its own moments, would take the report from each other without end.
  std::string waits_for;
  std::vector<ReleaseState> releases;        // of every Strategy (releases.h)
  std::vector<std::shared_ptr<const Workload>> releasing;   // restarting because of a release: they take places at the gate
  bool wants_limits = false;                 // the rule could not decide without view.limits
  bool wants_claims = false;                 // the same of view.claims
  std::vector<std::shared_ptr<const Workload>> held;  // rolled back: they stop the queue (rollback.h)
};

struct RbacRule {
  std::string_view group, resource;
  std::span<const std::string_view> verbs;
  std::string_view when;   // the chart value that switches it, "" for always
};

struct Reconciler {
  std::string_view name;
  Decision (*desired)(const Context&);
  std::span<const RbacRule> rbac;
};

// All rules, in the order in which plan asks them.
std::span<const Reconciler> registry();

}  // namespace meshgraft
