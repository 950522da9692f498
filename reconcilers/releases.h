#pragma once
// The rule for releases (rules 13): what meshgraft.io/promote and meshgraft.io/abort on a Strategy ask for, one step at
// a time, each decided from what is observed. One row of the registry. It tells of every Strategy how it stands, and
// guards them whether releases are switched on or not (MG801, MG802). It writes only to the Strategy, to the principal's
// and to the gray Deployment. Pure.

#include <span>

#include "reconcilers/reconciler.h"

namespace meshgraft {

Decision desired_releases(const Context& context);

std::span<const RbacRule> rbac_releases();

}  // namespace meshgraft
