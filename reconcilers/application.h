#pragma once
// The rule for KubeSphere's Application, the self-built app itself (rules 8): created when missing, annotated, and
// touched once for every new set of members, because its controller misses labels that are added later. A row of the
// registry. Pure.

#include "reconcilers/reconciler.h"

namespace meshgraft {

Decision desired_application(const Context& context);

}  // namespace meshgraft
