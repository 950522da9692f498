#pragma once
// Dangling subsets (rules 14): a VirtualService that routes to a subset which no DestinationRule has answers every
// caller with a sidecar with 503 while the pods are healthy. Whoever caused it, it is named. Writes nothing. A row of
// the registry. Pure.

#include "reconcilers/reconciler.h"

namespace meshgraft {

Decision desired_subsets(const Context& context);

}  // namespace meshgraft
