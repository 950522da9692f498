#pragma once
// How errors name a field: "spec.ports[0].port", metadata.annotations["a.b/c"]. Used by decode and yaml_parse, so
// that a line can be found for a path. Pure.

#include <cstddef>
#include <string>
#include <string_view>

namespace meshgraft {

// The path of the field `key`, or of the list member `index`, inside `parent` ("" at the top).
std::string field_path(std::string_view parent, std::string_view key);
std::string field_path(std::string_view parent, std::size_t index);

// `outer` followed by `inner`, either may be "".
std::string join_paths(std::string_view outer, std::string_view inner);

// Without its last step; "" when there is only one.
std::string_view parent_path(std::string_view path);

}  // namespace meshgraft
