#pragma once
// AfterField: one field of a typed object set or taken away by its JSON Pointer, as a JSON Patch or a dropped field
// of an apply does on the server. Used by after() alone. Pure.

#include <string_view>

#include "k8sclient/base/json.h"
#include "k8sclient/model/objects.h"

namespace meshgraft {

// Sets the field at `pointer` ("/spec/ports/0/name") to `value`, or takes it away when that is null. Pointers to what
// no typed struct holds do nothing.
void set_field(std::string_view pointer, const Json* value, Object& object);

}  // namespace meshgraft
