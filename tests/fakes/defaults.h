#pragma once
// The defaults that the API server fills in, for the fields that the program, kubectl or the player reads. Called
// by the engine before every write. Pure but for the address counter that its caller passes.

#include "k8sclient/base/json.h"
#include "tests/fakes/resource_types.h"

namespace meshgraft::fakes {

// `addresses` counts the ClusterIPs handed out so far.
void set_defaults(const ResourceType& type, Json& object, std::uint32_t& addresses);

}  // namespace meshgraft::fakes
