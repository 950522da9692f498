#pragma once
// Reads small JSON documents (a Status, a Lease, a kubeconfig entry, an answer of ours) without exceptions. Called
// by api_error, yaml_read, net and controller; never used for lists or watched objects, which decode reads.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"
#include "k8sclient/base/result.h"

namespace meshgraft {

// Deeper documents are refused: whoever writes a value out again recurses once per level.
constexpr int kMaxJsonDepth = 200;

// `text` must be one JSON document. The error says line and what was expected there.
Result<Json> read_json(std::string_view text);
Result<OrderedJson> read_ordered_json(std::string_view text);

// The value at a path of keys and indexes separated by '/': "/spec/ports/0/name". "~1" is a slash inside a key and
// "~0" a tilde (RFC 6901). Null when something on the way is missing or of another type.
const Json* value_at(const Json& document, std::string_view path);

// A key as a step of such a path (without the '/'), and the key that a step stands for.
std::string pointer_step(std::string_view key);
std::string key_of_step(std::string_view step);

// The text, number or boolean at `path`; nullopt when it is missing, null or of another type.
std::optional<std::string> maybe_text(const Json& document, std::string_view path);
std::optional<std::int64_t> maybe_number(const Json& document, std::string_view path);
std::optional<bool> maybe_bool(const Json& document, std::string_view path);

// The same with a value for "not there".
std::string text(const Json& document, std::string_view path, std::string_view otherwise = "");
std::int64_t number(const Json& document, std::string_view path, std::int64_t otherwise = 0);

// The members of the array at `path`; empty when it is missing, null or no array.
std::vector<const Json*> items(const Json& document, std::string_view path);

}  // namespace meshgraft
