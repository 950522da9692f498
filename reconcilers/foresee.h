#pragma once
// foresee: plays plan to its end over a whole world, assuming that nobody else writes and every rollout succeeds.
// `meshgraft plan`, `check` and the golden tests call it; the controller does not need it. Pure.

#include <map>
#include <string>
#include <vector>

#include "reconcilers/facts.h"
#include "reconcilers/plan.h"

namespace meshgraft {

struct Foreseen {
  struct Step {
    std::string ns;
    Change change;
    int round = 0;          // 0: would be sent at once; later rounds wait for the ones before
    std::string waits_for;  // "" in round 0
  };
  std::vector<Step> steps;                       // in the order in which run would write them
  std::vector<Finding> findings;                 // of every namespace, sorted
  std::map<std::string, std::vector<MemberState>> members;  // as they are now, by namespace
  std::map<std::string, std::vector<ReleaseState>> releases;  // the same of Strategies
  std::map<std::string, Plan> end;               // each namespace's plan at the end: empty unless something is held
  World after;                                   // the world as it would be
};

// Namespaces that carry neither label are not planned. Precondition: world.facts hold what derive_facts cannot see.
Foreseen foresee(const World& world, const Settings& settings);

// `object` as it is after `change`; null after a remove. Rollouts are complete at once, uids of created objects are "new".
ObjectPtr after(const ObjectPtr& object, const Change& change);

}  // namespace meshgraft
