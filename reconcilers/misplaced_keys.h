#pragma once
// Misplaced keys: keys of ours that nobody reads where they stand: misspelt, a label instead of an annotation or the
// reverse, on another kind, on a pod template. Called by plan as a rule, and by foresee for namespaces without a label.
// Never judges values (options.cc and membership.cc do) and never freezes anything.

#include <vector>

#include "reconcilers/reconciler.h"

namespace meshgraft {

// MG115, one for each such key of the Namespace and of every object that a rule reads in it.
Decision desired_key_places(const Context& context);

// The same of the Namespace alone: what is set on it in vain before it joins.
std::vector<Finding> misplaced_keys(const Namespace& ns);

// Whether `key` is a key of ours; "meshgraft.io/protocol.8080" is one too.
bool is_known_key(std::string_view key);

}  // namespace meshgraft
