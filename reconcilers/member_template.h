#pragma once
// What the pod template of a member must hold (rules 2), and whether it may be written now. Asked by the rules for
// Deployments and StatefulSets, and by the rule for Services, which waits for it. Pure.

#include <cstdint>
#include <string>
#include <vector>

#include "reconcilers/reconciler.h"

namespace meshgraft {

struct TemplateDecision {
  Intent intent;                   // stage member_template; `hold` says why not now
  bool held_template = false;      // the live template holds every wished field
  std::vector<Finding> findings;
};

// How the new pods come: the workload's own rollout, or beside the old ones, which go when the new ones serve.
enum class NewPods : std::uint8_t { rollout, beside };

// Precondition: the member is neither blocked nor excluded.
TemplateDecision decide_template(const Context& context, const Member& member, NewPods how = NewPods::rollout);

// True when nothing is left to do on the member's template: it holds what it must and the rollout is complete.
bool template_carried_out(const Context& context, const Member& member);

}  // namespace meshgraft
