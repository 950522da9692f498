#pragma once
// ReleaseLook: what one look at a live namespace shows of one release, worked out by the same plan
// that the controller makes. Called by release; writes nothing.

#include <map>
#include <optional>
#include <string>

#include "cmd/live_world.h"
#include "reconcilers/plan.h"

namespace meshgraft {

using Images = std::map<std::string, std::string>;  // of a Deployment's containers, by name

// `state` is none when there is no such Strategy among the releases of a joined namespace.
struct ReleaseLook {
  std::optional<ReleaseState> state;
  std::string remedy;      // of the finding that refuses it
  bool ours = false;       // the next thing to happen is a write of the controller
  Images gray;             // empty where there is no such Deployment
};

// `settings` as the controller that is to carry it out has them. Reads what the plan wants to see whole.
ReleaseLook take_look(Api& api, LiveWorld& live, const std::string& ns, const std::string& name, const Settings& settings);

// The plan of a namespace with the whole objects that it asks for.
Plan plan_of(Api& api, LiveWorld& live, const std::string& ns, const Settings& settings);

// Empty where there is no such Deployment.
Images images_of(const NamespaceView& view, const std::string& deployment);

// Null when there is none.
const Strategy* named_strategy(const NamespaceView& view, const std::string& name);

}  // namespace meshgraft
