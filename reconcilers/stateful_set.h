#pragma once
// The rule for StatefulSets (rules 4): labels and governance so that the app lists them; the template only when the
// owner asks for a sidecar. A row of the registry. Pure.

#include "reconcilers/reconciler.h"

namespace meshgraft {

Decision desired_stateful_sets(const Context& context);

}  // namespace meshgraft
