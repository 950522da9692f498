#pragma once
// Json: the document type for what we write and for small documents we read. Included where a Json is stored;
// elsewhere <nlohmann/json_fwd.hpp> is enough. API objects are never read through it (model/decode does that).

#include <nlohmann/json.hpp>
#include <string>

namespace meshgraft {

using Json = nlohmann::json;                 // keys sorted
using OrderedJson = nlohmann::ordered_json;  // keys in the order of the source: for manifests that go back to people

// One line of JSON; bytes that are no UTF-8 become U+FFFD instead of an exception.
inline std::string to_text(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace meshgraft
