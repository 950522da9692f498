#pragma once
// FieldReader: typed reads of JSON fields that know where they are when something is wrong. Used by the decode_*
// files alone (it shows simdjson); nothing else includes it. `null` is everywhere the same as an absent field.

#include <simdjson.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "k8sclient/model/objects.h"

namespace meshgraft::decoding {

using Value = simdjson::ondemand::value;

// Every read returns true when all is well, also for null, which leaves the target as it is. After false, error()
// says what was wrong and where; callers return at once, and each level on the way up adds its own step of the path.
class FieldReader {
 public:
  // Calls `on_field(key, value) -> bool` for every field; values it does not touch are skipped.
  template <typename F>
  bool fields(Value value, F&& on_field);
  template <typename F>
  bool fields(simdjson::ondemand::object& object, F&& on_field);

  // Calls `on_item(value) -> bool` for every member of an array.
  template <typename F>
  bool items(Value value, F&& on_item);

  // Appends one T for every member of an array, filled by `read(value, T&) -> bool`; leaves no slack.
  template <typename T, typename F>
  bool list(Value value, std::vector<T>& out, F&& read);

  // Whether the value is anything but null.
  bool present(Value value, bool& is);

  bool text(Value value, std::string& out);
  bool text(Value value, std::optional<std::string>& out);
  bool boolean(Value value, bool& out);
  bool number(Value value, std::int64_t& out);
  bool number(Value value, int& out);
  bool number32(Value value, std::int64_t& out);  // a field that the API keeps in 32 bits
  bool number(Value value, std::optional<std::int64_t>& out);
  bool int_or_text(Value value, IntOrString& out);
  bool text_list(Value value, std::vector<std::string>& out);
  bool text_map(Value value, Labels& out);
  // A quantity is text or a number ("10", 10, 0.5); numbers keep their spelling.
  bool quantity_map(Value value, Labels& out);

  bool fail(std::string problem);  // always false
  [[nodiscard]] bool failed() const { return !problem_.empty(); }
  // "spec.ports[0].port: expected a whole number, found \"http\""
  [[nodiscard]] std::string error() const { return path_.empty() ? problem_ : path_ + ": " + problem_; }
  void clear() { problem_.clear(), path_.clear(); }

  // Of the object being read, "" when it does not say.
  std::string api_version;

 private:
  bool broken(simdjson::error_code code);
  bool wrong(Value value, std::string_view expected, simdjson::error_code code);
  bool key_of(simdjson::ondemand::field& field, std::string_view& key);
  bool whole_number(Value value, std::int64_t& out);
  void inside(std::string_view key);
  void inside(std::size_t index);

  std::string problem_, path_;
};

template <typename F>
bool FieldReader::fields(simdjson::ondemand::object& object, F&& on_field) {
  for (simdjson::simdjson_result<simdjson::ondemand::field> each : object) {
    simdjson::ondemand::field field;
    if (const simdjson::error_code code = std::move(each).get(field)) return broken(code);
    std::string_view key;
    if (!key_of(field, key)) return false;
    if (!on_field(key, field.value())) {
      inside(key);
      return false;
    }
  }
  return true;
}

template <typename F>
bool FieldReader::fields(Value value, F&& on_field) {
  bool is = false;
  if (!present(value, is)) return false;
  if (!is) return true;
  simdjson::ondemand::object object;
  if (const simdjson::error_code code = value.get_object().get(object)) return wrong(value, "an object", code);
  return fields(object, std::forward<F>(on_field));
}

template <typename F>
bool FieldReader::items(Value value, F&& on_item) {
  bool is = false;
  if (!present(value, is)) return false;
  if (!is) return true;
  simdjson::ondemand::array array;
  if (const simdjson::error_code code = value.get_array().get(array)) return wrong(value, "a list", code);
  std::size_t index = 0;
  for (simdjson::simdjson_result<Value> each : array) {
    if (const simdjson::error_code code = each.error()) return broken(code);
    if (!on_item(each.value_unsafe())) {
      inside(index);
      return false;
    }
    ++index;
  }
  return true;
}

template <typename T, typename F>
bool FieldReader::list(Value value, std::vector<T>& out, F&& read) {
  const bool good = items(value, [&out, &read](Value item) { return read(item, out.emplace_back()); });
  out.shrink_to_fit();
  return good;
}

}  // namespace meshgraft::decoding
