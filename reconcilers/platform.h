#pragma once
// What of the cluster keeps a whole namespace from joining (rules 11, 12): reported once at the Namespace instead of
// at every member. Writes nothing. A row of the registry. Pure.

#include <string>

#include "reconcilers/reconciler.h"

namespace meshgraft {

// Why the mesh cannot take a new pod now; "" when it can. Ends by itself, or when the mesh is mended.
std::string mesh_hold(const Facts& facts);

Decision desired_platform(const Context& context);

}  // namespace meshgraft
