#pragma once
// Reconciler: one row of the registry, one rule per kind. plan calls every row's `desired`; the command `reference`
// prints their RBAC rules and findings. Adding a rule is one file and one row.

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
};

struct Decision {
  std::vector<Intent> intents;
  std::vector<Extra> extras;
  std::vector<Finding> findings;
  bool wants_pods = false;   // the rule could not decide without the namespace's pods (view.pods is nullopt)
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
