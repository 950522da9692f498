#pragma once
// The scenarios of the sim tier, as rows of one table: a cluster, what its user does while the controller works, and
// what must be true in the end. sim_test runs every row with a crash at every write, with each kind of fault and with
// all of them. To add a scenario, add a row in scenarios.cc; nothing else knows their number or names.

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/controller/rig.h"

namespace meshgraft::sim {

// Something that the user of the cluster does; several in the order of the row.
struct Act {
  std::string_view what;  // "kubectl set image deployment/cart app=shop/app:2.0"
  std::function<void(RigCluster&)> act;
  // Not while this is false; empty: at any time. The seed chooses the moment, or, with `at_once`, it is the first one,
  // even between two writes of one plan.
  std::function<bool(const RigCluster&)> when = nullptr;
  bool at_once = false;
};

struct Scenario {
  std::string_view name;                       // a sentence with underscores
  std::function<void(RigCluster&)> given;      // before the controller starts, the label included
  std::vector<Act> acts;
  // After everything came to rest: "" when it is as it should be, otherwise what is not.
  std::function<std::string(const RigCluster&)> in_the_end;
  Settings settings;
  std::int64_t pod_ready_millis = 700;         // how long a pod takes to become ready
  std::set<std::string> outage_by_user;        // "namespace/service": the user himself takes its pods away
  std::map<std::string, int> keeps = {};       // "namespace/service": ready endpoints that it never has fewer of
  std::function<std::string(const RigCluster&)> always = {};  // after every step: "" while it is as it should be; empty: nothing more
};

// All of them: those of this file, and those of each file by subject.
std::span<const Scenario> scenarios();

std::vector<Scenario> replace_scenarios();  // scenarios_replace.cc
std::vector<Scenario> rename_scenarios();   // scenarios_rename.cc
std::vector<Scenario> gateway_scenarios();  // scenarios_gateway.cc
std::vector<Scenario> release_scenarios();  // scenarios_release.cc

// ---- what rows are made of ----

// "" when `ns` reports that all its members are joined and the pods of `names` carry a sidecar.
std::string is_joined(const RigCluster& cluster, const std::string& ns, const std::vector<std::string>& names);
// A strategic part of a Deployment, as kubectl patch sends it.
void patch_deployment(RigCluster& cluster, const std::string& ns, const std::string& name, const Json& body);

}  // namespace meshgraft::sim
