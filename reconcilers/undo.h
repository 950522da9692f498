#pragma once
// Undo: the way back of a namespace whose label is gone, and of members with meshgraft.io/exclude (rules 14). plan
// asks it like any rule; its stages come before all others. What was ours stands in the undo records, so that it
// needs nothing but the view. A broken or foreign record leads to nothing. Pure.

#include <optional>
#include <span>
#include <string_view>

#include "reconcilers/footprint.h"
#include "reconcilers/reconciler.h"

namespace meshgraft {

constexpr std::string_view kUndoRule = "undo";

// Whether the namespace holds something of ours: a record, or an object that we created.
bool holds_ours(const NamespaceView& view);

// Whether `workload` is on the way back: the label that it joined for is gone, or it is excluded.
bool leaves(const Context& context, const Workload& workload);

// What the server knows of `key`. When nobody looked yet it is asked for (decision.wants_live) and nullopt.
std::optional<Footprint> footprint_of(const Context& context, const ObjectKey& key, Decision& decision);

Decision desired_way_back(const Context& context);
std::span<const RbacRule> rbac_way_back();

}  // namespace meshgraft
