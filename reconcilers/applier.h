#pragma once
// Who keeps an object's manifest and applies it again: what such a tool wrote comes back. Pure.

#include <string_view>

#include "k8sclient/model/objects.h"

namespace meshgraft {

// "kubectl apply", "Argo CD", "Flux" or "Helm"; "" when nobody is known to apply the object again.
std::string_view applier_of(const Meta& meta);

}  // namespace meshgraft
