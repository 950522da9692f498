#pragma once
// list_world: reads everything that some rule looks at from a cluster, once. Called by source.cc for plan, check and
// status without -f, and by undo and release. Lists only; never watches, never writes.

#include <functional>
#include <string>
#include <vector>

#include "k8sclient/base/result.h"
#include "k8sclient/net/api.h"
#include "reconcilers/facts.h"

namespace meshgraft {

struct LiveWorld {
  World world;
  std::vector<std::string> notes;  // kinds that we may not list, and what follows
};

// Why a cluster could not be read.
struct ReadError {
  std::string text;     // one sentence for a person
  bool passes = false;  // the same may be read a moment later: passing()
};

// Errors: no answer, an answer that is none of Kubernetes, or a kind without which no plan is true and that we may
// not list.
// `joining`: namespaces that are to be read as if they were labelled. The overload reads labelled ones alone.
Result<LiveWorld, ReadError> list_world(Api& api, const std::function<bool(const std::string& ns)>& joining);
Result<LiveWorld, ReadError> list_world(Api& api);

// The same for one namespace of `live`, which takes the place of what was known of it; facts of the cluster stay.
// Errors: as above; the namespace is gone.
Result<Unit, ReadError> list_namespace(Api& api, LiveWorld& live, const std::string& ns);

// What plans want beyond these lists (whole Deployments, volume claims of those that would be created again, ReplicaSets of
// a replace under way), read for every namespace that a rule may write in. What cannot be read is noted, and the rest goes
// on.
void read_wanted(Api& api, World& world, const Settings& settings, std::vector<std::string>& notes);

// `error` in one sentence for a person: "cannot list deployments: forbidden: …".
std::string describe(std::string_view doing, const ApiError& error);

// Whether the same request may succeed a moment later: no answer, an overloaded or a failing server, a list that took
// so long that its pages were forgotten.
bool passing(const ApiError& error);

// Both of `error`.
ReadError read_error(std::string_view doing, const ApiError& error);

}  // namespace meshgraft
