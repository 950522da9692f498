#pragma once
// ForeseeReleases: what KubeSphere does in a world that is played to its end when a release changes a Strategy or a
// Deployment goes: the routes of its VirtualService, and the subsets of its DestinationRule (recorded, docs/design/recorded.md).
// Called by foresee alone. Pure.

#include "reconcilers/types.h"

namespace meshgraft {

// What `change` leads to; `before`, `after`: the object that it changes, null when there is none.
void play_on_routes(NamespaceView& view, const Change& change, const ObjectPtr& before, const ObjectPtr& after);

// The document that a JSON Patch makes of `document`: steps that lead nowhere, and tests, are passed over.
Json patched(Json document, const Json& patch);

}  // namespace meshgraft
