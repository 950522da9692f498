#pragma once
// Forced values: what was, or will be, written over a value that some tool goes on applying (rules 12, MG104). The
// planner asks it with the wishes that are not fulfilled yet. Pure.

#include <vector>

#include "reconcilers/reconciler.h"

namespace meshgraft {

// One finding for each object with an applier (applier.h): fields of `intents` whose present value differs, and
// fields whose former value stands in the undo record.
std::vector<Finding> forced_values(const NamespaceView& view, const std::vector<Intent>& intents);

}  // namespace meshgraft
