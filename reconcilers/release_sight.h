#pragma once
// ReleaseSight: what a namespace's view shows of one Strategy: whose traffic it shares, between which Deployments, what
// its annotations ask for, where callers are sent at this moment, and whether anything is wrong with it (MG801, MG802).
// The rule for releases asks it for every Strategy; it decides no step. Pure.

#include <memory>
#include <string>
#include <vector>

#include "reconcilers/reconciler.h"

namespace meshgraft {

enum class ReleaseWay : std::uint8_t { none, promote, abort };

struct ReleaseSight {
  std::shared_ptr<const Strategy> strategy;
  std::shared_ptr<const Service> service;            // null when there is none
  std::shared_ptr<const Workload> principal, gray;   // Deployments; null when there is none
  std::string gray_version;                          // "" when the Strategy names none, or several
  ReleaseWay way = ReleaseWay::none;
  bool whole_template = false;                       // promote=template: env and resources too
  std::string traffic;                               // as ReleaseState's
  // What is wrong, "" when nothing is: the code of the finding, and its text and remedy.
  std::string finding, wrong, remedy;
  bool only_when_asked = false;                      // wrong only because a release was asked for
};

// `recorded`: the release has a record of its own, so that its gray Deployment may be gone by now.
ReleaseSight look_at_release(const Context& context, const std::shared_ptr<const Strategy>& strategy, bool recorded);

// The Service's routes of every VirtualService of its namespace that lead to a subset of it, mirrors included.
std::vector<const VirtualService*> routes_of(const NamespaceView& view, const Service& service);

// Whether every request for `service` goes to `subset`: some route leads there and none to another version.
bool sends_all_to(const NamespaceView& view, const Service& service, std::string_view subset);

// Whether a DestinationRule has `subset` of `service`.
bool has_subset(const NamespaceView& view, const Service& service, std::string_view subset);

// A version as KubeSphere names its subset: without '.', '_' and '-'.
std::string subset_name(std::string version);

}  // namespace meshgraft
