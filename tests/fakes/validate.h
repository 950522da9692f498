#pragma once
// What the API server refuses: the checks that the program or its users can run into. Called by the engine before
// every write. Pure.

#include "tests/fakes/answer.h"
#include "tests/fakes/resource_types.h"

namespace meshgraft::fakes {

// Code 200 when `object` may be stored; `before` is what it replaces, null for a create.
Answer validated(const ResourceType& type, const Json& before, const Json& object);

}  // namespace meshgraft::fakes
