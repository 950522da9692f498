#pragma once
// UndoCreated: objects that we created go away on the way back: the Application, the gateway's EnvoyFilters and
// DestinationRules. Only what nobody else put a field into is deleted. Asked by undo.h. Pure.

#include "reconcilers/reconciler.h"

namespace meshgraft {

// True when we created this Application: it was given meshgraft.io/touched-at before any record.
bool created_by_us(const Application& application);

// Whether the namespace holds an object that we created.
bool holds_created(const NamespaceView& view);

// Adds the removals that are due. `app_gone`, `gateway_gone`: that label of the namespace is gone.
void take_back_created(const Context& context, bool app_gone, bool gateway_gone, Decision& decision);

}  // namespace meshgraft
