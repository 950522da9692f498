#pragma once
// Who owns a field of a live object, read from its managedFields: for the finding that names whoever keeps changing a
// field back. The worker asks; the object is read for this alone. Pure.

#include <string>
#include <string_view>

#include "k8sclient/base/json.h"

namespace meshgraft {

// The manager that owns the field at `path` (as in FieldState::path: "spec.ports[80/TCP].name",
// "metadata.labels[app]") of `object`, the latest to write if there are several; ourselves and Kubernetes' own
// controllers left out. An atomic field is its whole's owner's. "" when nobody says so.
std::string manager_of(const Json& object, std::string_view path);

}  // namespace meshgraft
