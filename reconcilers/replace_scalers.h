#pragma once
// ReplaceScalers: the autoscalers of a Deployment that comes under another name (naming=versioned). They are led to
// the new one by their name for it alone, and back by the same. Asked by the rule for replaces. Pure.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reconcilers/types.h"

namespace meshgraft {

// The HorizontalPodAutoscalers that scale the Deployment `name`; none where view.limits was not looked up.
std::vector<std::shared_ptr<const Autoscaler>> scalers_of(const NamespaceView& view, std::string_view name);

// What stands in Limits::autoscalers where whoever plans may not list them: one without a name, which scales nothing.
std::shared_ptr<const Autoscaler> unlisted_autoscalers();

// The change that leads `scaler` from the Deployment `from` to `to`; it fails when it leads elsewhere by then.
Change lead_change(const Autoscaler& scaler, std::string_view from, std::string_view to, std::string why);

// Where the autoscalers of a Deployment shall be led: to its new name, which what people apply may carry already, as
// meshgraft.io/manifests-updated says, or back to its former one.
enum class Lead : std::uint8_t { on, on_updated, back };

// Why an autoscaler of the Deployment `from` would not stay led to `to`: who owns it, or applies it with another name, or
// nobody may read it; "" when nothing is known to.
std::string scaler_obstacle(const NamespaceView& view, std::string_view from, std::string_view to, Lead lead);

}  // namespace meshgraft
