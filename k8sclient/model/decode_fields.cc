#include "k8sclient/model/decode_fields.h"

#include "k8sclient/model/field_path.h"

namespace meshgraft::decoding {
namespace {

constexpr std::size_t kShown = 40;  // bytes of a wrong value that an error repeats

std::string found(Value value) {
  simdjson::ondemand::json_type type{};
  if (value.type().get(type)) return "nothing readable";
  if (type == simdjson::ondemand::json_type::object) return "an object";
  if (type == simdjson::ondemand::json_type::array) return "a list";
  std::string_view token = value.raw_json_token();
  while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
  if (token.size() <= kShown) return std::string(token);
  return std::string(token.substr(0, kShown)) + "…";
}

}  // namespace

bool FieldReader::fail(std::string problem) {
  problem_ = std::move(problem);
  return false;
}

bool FieldReader::broken(simdjson::error_code code) {
  return fail(std::string("not JSON: ") + simdjson::error_message(code));
}

bool FieldReader::wrong(Value value, std::string_view expected, simdjson::error_code code) {
  if (code != simdjson::INCORRECT_TYPE && code != simdjson::NUMBER_ERROR && code != simdjson::NUMBER_OUT_OF_RANGE)
    return broken(code);
  return fail(std::string("expected ").append(expected).append(", found ").append(found(value)));
}

// Keys are compared as they are written; only one with an escape in it pays for being unescaped.
bool FieldReader::key_of(simdjson::ondemand::field& field, std::string_view& key) {
  const char* const begin = field.key().raw();
  const char* end = begin;
  while (*end != '"' && *end != '\\') ++end;
  if (*end == '"') {
    key = std::string_view(begin, static_cast<std::size_t>(end - begin));
    return true;
  }
  if (const simdjson::error_code code = field.unescaped_key().get(key)) return broken(code);
  return true;
}

void FieldReader::inside(std::string_view key) { path_ = join_paths(field_path("", key), path_); }
void FieldReader::inside(std::size_t index) { path_ = join_paths(field_path("", index), path_); }

bool FieldReader::present(Value value, bool& is) {
  bool null = false;
  if (const simdjson::error_code code = value.is_null().get(null)) return broken(code);
  is = !null;
  return true;
}

bool FieldReader::text(Value value, std::string& out) {
  bool is = false;
  if (!present(value, is)) return false;
  if (!is) return true;
  std::string_view read;
  if (const simdjson::error_code code = value.get_string().get(read)) return wrong(value, "text", code);
  out = std::string(read);  // a fresh string has no slack
  return true;
}

bool FieldReader::text(Value value, std::optional<std::string>& out) {
  bool is = false;
  if (!present(value, is)) return false;
  if (!is) return true;
  return text(value, out.emplace());
}

bool FieldReader::boolean(Value value, bool& out) {
  bool is = false;
  if (!present(value, is)) return false;
  if (!is) return true;
  if (const simdjson::error_code code = value.get_bool().get(out)) return wrong(value, "true or false", code);
  return true;
}

bool FieldReader::whole_number(Value value, std::int64_t& out) {
  if (const simdjson::error_code code = value.get_int64().get(out)) return wrong(value, "a whole number", code);
  return true;
}

bool FieldReader::number(Value value, std::int64_t& out) {
  bool is = false;
  if (!present(value, is)) return false;
  return !is || whole_number(value, out);
}

bool FieldReader::number(Value value, std::optional<std::int64_t>& out) {
  bool is = false;
  if (!present(value, is)) return false;
  return !is || whole_number(value, out.emplace());
}

bool FieldReader::number(Value value, int& out) {
  std::int64_t wide = out;
  if (!number(value, wide)) return false;
  if (wide < std::numeric_limits<int>::min() || wide > std::numeric_limits<int>::max()) {
    return fail("expected a whole number of 32 bits, found " + std::to_string(wide));
  }
  out = static_cast<int>(wide);
  return true;
}

bool FieldReader::number32(Value value, std::int64_t& out) {
  int narrow = static_cast<int>(out);
  if (!number(value, narrow)) return false;
  out = narrow;
  return true;
}

bool FieldReader::int_or_text(Value value, IntOrString& out) {
  simdjson::ondemand::json_type type{};
  if (const simdjson::error_code code = value.type().get(type)) return broken(code);
  if (type == simdjson::ondemand::json_type::string) return text(value, out.text);
  if (type == simdjson::ondemand::json_type::number) {
    if (!number(value, out.number)) return false;
    out.zero = out.number == 0;
    return true;
  }
  if (type == simdjson::ondemand::json_type::null) return number(value, out.number);
  return wrong(value, "a whole number or text", simdjson::INCORRECT_TYPE);
}

bool FieldReader::text_list(Value value, std::vector<std::string>& out) {
  return list(value, out, [this](Value item, std::string& member) { return text(item, member); });
}

// The last of two equal keys wins, as in Go.
bool FieldReader::text_map(Value value, Labels& out) {
  return fields(value, [this, &out](std::string_view key, Value member) {
    return text(member, out.insert_or_assign(key, "").first->second);
  });
}

bool FieldReader::quantity_map(Value value, Labels& out) {
  return fields(value, [this, &out](std::string_view key, Value member) {
    std::string& target = out.insert_or_assign(key, "").first->second;
    simdjson::ondemand::json_type type{};
    if (const simdjson::error_code code = member.type().get(type)) return broken(code);
    if (type != simdjson::ondemand::json_type::number) return text(member, target);
    target = found(member);
    return true;
  });
}

}  // namespace meshgraft::decoding
