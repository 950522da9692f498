#pragma once
// Report: what plan and check have to say, cut to the namespaces asked for and counted. Made once from what foresee
// found; every form of output prints the same report.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/release_rows.h"
#include "cmd/source.h"
#include "cmd/totals.h"
#include "reconcilers/foresee.h"

namespace meshgraft {

// One namespace that carries a label of ours, or is on its way back after that was removed.
struct Concern {
  std::string ns, app;   // app "" when it is a gateway alone
  bool gateway = false;
  Policy policy = Policy::join;
  bool frozen = false;
  bool gateway_in_mesh = false;  // its controllers have sidecars
  bool paused = false;           // frozen because somebody said so: meshgraft.io/paused, or the chart's paused
  bool leaving = false;          // carries neither label, and something of ours is still there or going
  std::string why_frozen = {};   // "MG108: meshgraft.io/app is store, but members joined shop"; "" when nothing is found about it
};

// What an object's plan ended on without being done.
struct Held {
  std::string ns;
  Waiting waiting;
};

struct Report {
  std::vector<Concern> concerns;               // by name
  std::vector<Foreseen::Step> steps;           // by stage, then in the order in which run writes them
  std::vector<Held> held;
  std::vector<Finding> findings;               // errors first, then by code and object
  std::map<std::string, std::vector<MemberState>> members;
  Releases releases;
  Totals totals;
  std::string scope;                           // the one namespace that was looked at; "" for all of them
  std::vector<std::string> elsewhere;          // what else carries a label of ours, outside of the scope
  bool settled = true;                         // nothing to change and no rollout of ours under way; held things aside
  MeshFacts mesh;
  PlatformFacts platform;
};

// `foreseen` of the source's world with the source's settings.
Report make_report(const Foreseen& foreseen, const Source& source);

// The value that `body` holds at a path as FieldState has it, such as
// "spec.template.metadata.labels[app]" or "spec.ports[80/TCP].name"; null when there is none.
const Json* field_value(const Json& body, std::string_view path);

std::string_view to_string(Policy policy);

// "1 pod", "2 pods", "1 finding".
std::string counted(int number, std::string_view noun);

}  // namespace meshgraft
