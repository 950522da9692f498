#pragma once
// The rule for Deployments (rules 2): labels and governance on a member's metadata, labels and sidecar on its
// template. A row of the registry. Pure.

#include "reconcilers/reconciler.h"

namespace meshgraft {

Decision desired_deployments(const Context& context);

// What keeps KubeSphere from making a subset of this Deployment behind this Service, for people; "" when nothing
// does. `labels`: the Deployment's metadata labels as they will be.
std::string governance_gap(const Workload& deployment, const Service& service, const Labels& labels);

}  // namespace meshgraft
