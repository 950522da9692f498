#pragma once
// What of the cluster keeps a whole namespace from joining (rules 11, 12): reported once at the Namespace instead of
// at every member. Writes nothing. A row of the registry. Pure.

#include "reconcilers/reconciler.h"

namespace meshgraft {

Decision desired_platform(const Context& context);

}  // namespace meshgraft
