#pragma once
// The rule for pods that never start because their node gives them no network (rules 12): read from the Events of the
// namespace, and only while a rollout of ours is late. Reports only: MG901. Pure.

#include "reconcilers/reconciler.h"

namespace meshgraft {

Decision desired_sandbox_events(const Context& context);
std::span<const RbacRule> rbac_sandbox_events();

}  // namespace meshgraft
