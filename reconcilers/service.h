#pragma once
// The rule for member Services (rules 5): labels, and the governance annotation as the last of all. Port names are
// the business of ports.h. A row of the registry. Pure.

#include "reconcilers/reconciler.h"

namespace meshgraft {

Decision desired_services(const Context& context);

}  // namespace meshgraft
