#include "k8sclient/model/json_read.h"

#include <algorithm>
#include <charconv>

namespace meshgraft {
namespace {

int line_of(std::string_view text, std::size_t byte) {
  return 1 + static_cast<int>(std::count(
                 text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(byte, text.size())), '\n'));
}

// The byte where brackets nest deeper than kMaxJsonDepth; nullopt when they never do. Text in quotes does not count.
std::optional<std::size_t> too_deep(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) return i;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return std::nullopt;
}

// nlohmann's text is "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error while …".
std::string reason_of(std::string_view what) {
  const std::size_t at = what.find(": ");
  return std::string(at == std::string_view::npos ? what : what.substr(at + 2));
}

template <typename Document>
Result<Document> read(std::string_view text) {
  if (const std::optional<std::size_t> byte = too_deep(text)) {
    return fail("line " + std::to_string(line_of(text, *byte)) + ": nested deeper than " +
                std::to_string(kMaxJsonDepth) + " levels");
  }
  try {
    return Document::parse(text.begin(), text.end());
  } catch (const nlohmann::json::parse_error& error) {
    const std::size_t byte = error.byte == 0 ? 0 : error.byte - 1;
    return fail("line " + std::to_string(line_of(text, byte)) + ": " + reason_of(error.what()));
  } catch (const nlohmann::json::exception& error) {
    return fail(reason_of(error.what()));  // a number that no double can hold
  }
}

const Json* child(const Json& parent, const std::string& step) {
  if (parent.is_object()) {
    const Json::const_iterator found = parent.find(step);
    return found == parent.end() ? nullptr : &*found;
  }
  if (parent.is_array()) {
    std::size_t index = 0;
    const std::from_chars_result parsed = std::from_chars(step.data(), step.data() + step.size(), index);
    if (parsed.ec == std::errc() && parsed.ptr == step.data() + step.size() && index < parent.size())
      return &parent[index];
  }
  return nullptr;
}

}  // namespace

Result<Json> read_json(std::string_view text) { return read<Json>(text); }
Result<OrderedJson> read_ordered_json(std::string_view text) { return read<OrderedJson>(text); }

const Json* value_at(const Json& document, std::string_view path) {
  const Json* here = &document;
  while (here != nullptr && !path.empty()) {
    if (path.front() != '/') return nullptr;
    path.remove_prefix(1);
    const std::string_view step = path.substr(0, path.find('/'));
    here = child(*here, key_of_step(step));
    path.remove_prefix(step.size());
  }
  return here;
}

std::string pointer_step(std::string_view key) {
  std::string step;
  for (const char c : key) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

std::string key_of_step(std::string_view step) {
  std::string key;
  for (std::size_t i = 0; i < step.size(); ++i) {
    if (step[i] == '~' && i + 1 < step.size() && (step[i + 1] == '0' || step[i + 1] == '1')) {
      key += step[++i] == '0' ? '~' : '/';
    } else {
      key += step[i];
    }
  }
  return key;
}

std::optional<std::string> maybe_text(const Json& document, std::string_view path) {
  const Json* value = value_at(document, path);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return *value->get_ptr<const std::string*>();
}

std::optional<std::int64_t> maybe_number(const Json& document, std::string_view path) {
  const Json* value = value_at(document, path);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  return value->get<std::int64_t>();
}

std::optional<bool> maybe_bool(const Json& document, std::string_view path) {
  const Json* value = value_at(document, path);
  if (value == nullptr || !value->is_boolean()) return std::nullopt;
  return value->get<bool>();
}

std::string text(const Json& document, std::string_view path, std::string_view otherwise) {
  return maybe_text(document, path).value_or(std::string(otherwise));
}

std::int64_t number(const Json& document, std::string_view path, std::int64_t otherwise) {
  return maybe_number(document, path).value_or(otherwise);
}

std::vector<const Json*> items(const Json& document, std::string_view path) {
  std::vector<const Json*> members;
  const Json* list = value_at(document, path);
  if (list == nullptr || !list->is_array()) return members;
  members.reserve(list->size());
  for (const Json& member : *list) members.push_back(&member);
  return members;
}

}  // namespace meshgraft
