#pragma once
// ReplaceUnderWay: the next request of a replace whose record stands, made of the step that replace_steps decides on
// what replace_sight sees. Called by the rule for replaces alone; begins none. Pure.

#include <string>

#include "reconcilers/reconciler.h"
#include "reconcilers/replace_record.h"

namespace meshgraft {

// Adds the request, or what is waited for, of the replace that `object` records, and the findings about it.
void decide_under_way(const Context& context, const ControllerRevision& object, ReplaceRecord record, Decision& decision);

// A request of a replace; its body and its preconditions are the caller's.
Change replace_change(Verb verb, ObjectKey target, std::string why);

}  // namespace meshgraft
