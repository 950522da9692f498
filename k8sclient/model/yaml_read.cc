#include "k8sclient/model/yaml_read.h"

#include <charconv>
#include <optional>
#include <utility>

#include "k8sclient/model/decode.h"
#include "k8sclient/model/field_path.h"
#include "k8sclient/model/json_read.h"
#include "k8sclient/model/yaml_block.h"
#include "k8sclient/model/yaml_parse.h"

namespace meshgraft {
namespace {

using yaml::ParseError;
using yaml::RawDocument;

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kSpace = " \t\r\n";

// Behind the closing bracket of the JSON document that `text` starts with; npos when it never closes.
std::size_t end_of_json(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        quoted = false;
      continue;
    }
    if (text[i] == '"') quoted = true;
    if (text[i] == '{' || text[i] == '[') ++depth;
    if ((text[i] == '}' || text[i] == ']') && --depth <= 0) return i + 1;
  }
  return std::string_view::npos;
}

int lines_in(std::string_view text) {
  int lines = 0;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  return lines;
}

// An error of read_ordered_json, "line 2: …", in a document that begins on line `first`.
std::string with_line(std::string_view problem, int first) {
  constexpr std::string_view kLine = "line ";
  int line = 0;
  if (!problem.starts_with(kLine)) return "line " + std::to_string(first) + ": " + std::string(problem);
  problem.remove_prefix(kLine.size());
  const char* const end = std::from_chars(problem.data(), problem.data() + problem.size(), line).ptr;
  return "line " + std::to_string(first + line - 1) + std::string(problem.substr(static_cast<std::size_t>(end - problem.data())));
}

// One JSON document after another, as kubectl takes them. What is no JSON may still be YAML.
Result<std::vector<RawDocument>, ParseError> parse_json(std::string_view text) {
  std::vector<RawDocument> documents;
  int line = 1;
  for (int number = 1;; ++number) {
    const std::size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) return documents;
    line += lines_in(text.substr(0, begin));
    text.remove_prefix(begin);
    const auto refuse = [&](const std::string& why) { return Unexpected<ParseError>({number, why}); };
    if (text.front() != '{') return refuse("line " + std::to_string(line) + ": behind a JSON document only another may follow");
    const std::size_t end = end_of_json(text);
    if (end == std::string_view::npos) return refuse("line " + std::to_string(line) + ": the JSON that begins here has no end: a bracket or a quote is never closed");
    Result<OrderedJson> json = read_ordered_json(text.substr(0, end));
    if (!json) return refuse(with_line(json.error().text, line));
    documents.push_back({number, line, *std::move(json), {}});
    line += lines_in(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// Whether `text`, which begins with a bracket, is meant as JSON: YAML's maps in brackets seldom quote their keys.
bool is_meant_as_json(std::string_view text) {
  const std::size_t next = text.find_first_not_of(kSpace, 1);
  return next != std::string_view::npos && text[next] == '"';
}

Result<std::vector<RawDocument>, ParseError> parse_documents(std::string_view text, bool with_lines) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const std::size_t begin = text.find_first_not_of(kSpace);
  std::optional<ParseError> of_json;
  if (!with_lines && begin != std::string_view::npos && text[begin] == '{') {
    Result<std::vector<RawDocument>, ParseError> documents = parse_json(text);
    if (documents) return *std::move(documents);
    if (is_meant_as_json(text.substr(begin))) of_json = documents.error();
  }
  if (!with_lines) {
    if (std::optional<std::vector<RawDocument>> documents = yaml::parse_block(text)) return *std::move(documents);
  }
  Result<std::vector<RawDocument>, ParseError> documents = yaml::parse(text, with_lines);
  if (!documents && of_json) return Unexpected<ParseError>(*std::move(of_json));
  return documents;
}

std::string place_of(std::string_view source, int document, int item, int line) {
  std::string place = std::string(source) + ", document " + std::to_string(document);
  if (item >= 0) place += ", item " + std::to_string(item + 1);
  if (line > 0) place += ", line " + std::to_string(line);
  return place;
}

// Reads the raw documents of one source into Documents.
class Manifests {
 public:
  Manifests(std::string_view text, std::string_view source, std::string_view default_namespace)
      : text_(text), source_(source), default_namespace_(default_namespace) {}

  std::optional<Error> add(RawDocument raw) {
    if (raw.json.is_null()) return std::nullopt;
    if (const OrderedJson* items = odd_items_of(raw.json); items != nullptr) {
      if (items->is_null()) return std::nullopt;
      return Error{place_of(source_, raw.number, -1, raw.line) + ": items: expected a list, found " + (items->is_object() ? "a map" : "a single value")};
    }
    const OrderedJson* list = items_of(raw.json);
    if (list == nullptr) return add_object(std::move(raw.json), raw, -1);
    const std::string list_kind = raw.json.value("kind", std::string("List"));
    for (std::size_t i = 0; i < list->size(); ++i) {
      OrderedJson item = (*list)[i];
      // Items of a ServiceList may leave out what the list says.
      if (item.is_object() && list_kind != "List" && !item.contains("kind")) {
        item["kind"] = list_kind.substr(0, list_kind.size() - 4);
        if (!item.contains("apiVersion") && raw.json.contains("apiVersion"))
          item["apiVersion"] = raw.json["apiVersion"];
      }
      if (std::optional<Error> error = add_object(std::move(item), raw, static_cast<int>(i))) return error;
    }
    return std::nullopt;
  }

  std::vector<Document> take() { return std::move(documents_); }

 private:
  // What a List has for items when that is no list, a null when it has none; null for any other document.
  static const OrderedJson* odd_items_of(const OrderedJson& json) {
    static const OrderedJson kNone;
    if (!json.is_object()) return nullptr;
    const OrderedJson::const_iterator kind = json.find("kind");
    if (kind == json.end() || *kind != "List") return nullptr;
    const OrderedJson::const_iterator items = json.find("items");
    if (items == json.end()) return &kNone;
    return items->is_array() ? nullptr : &*items;
  }

  // The items of a List or of a <Kind>List; null for any other document.
  static const OrderedJson* items_of(const OrderedJson& json) {
    if (!json.is_object()) return nullptr;
    const OrderedJson::const_iterator kind = json.find("kind");
    const OrderedJson::const_iterator items = json.find("items");
    if (kind == json.end() || !kind->is_string() || !kind->get_ref<const std::string&>().ends_with("List"))
      return nullptr;
    return items != json.end() && items->is_array() ? &*items : nullptr;
  }

  std::optional<Error> add_object(OrderedJson json, const RawDocument& raw, int item) {
    if (!json.is_object()) {
      const std::string found = json.is_array() ? "a list" : "a single value";
      return Error{place_of(source_, raw.number, item, raw.line) +
                   ": expected an object with apiVersion and kind, found " + found};
    }
    const std::string bytes = json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    Result<ObjectPtr> object = decoder_.object(bytes);
    if (!object) {
      const std::string prefix = item < 0 ? "" : field_path("items", static_cast<std::size_t>(item));
      return Error{place_of(source_, raw.number, item, line_of(raw, prefix, object.error().text)) + ": " +
                   object.error().text};
    }
    ObjectPtr read = *std::move(object);
    if (read->kind != Kind::other && info(read->kind).namespaced && read->meta.ns.empty()) {
      std::const_pointer_cast<Object>(read)->meta.ns = std::string(default_namespace_);  // nobody else has it yet
    }
    documents_.push_back({std::string(source_), raw.number, raw.line, item, std::move(read), std::move(json)});
    return std::nullopt;
  }

  // The line of the field that a decoding error starts with, or of the nearest value around it. The text is parsed
  // once more for it: errors are rare and end the reading.
  int line_of(const RawDocument& raw, const std::string& prefix, std::string_view problem) const {
    const Result<std::vector<RawDocument>, ParseError> documents = parse_documents(text_, true);
    if (!documents) return raw.line;
    for (const RawDocument& document : *documents) {
      if (document.number != raw.number) continue;
      const std::size_t end = problem.find(": ");
      const std::string full = join_paths(prefix, end == std::string_view::npos ? "" : problem.substr(0, end));
      for (std::string_view path = full; !path.empty(); path = parent_path(path)) {
        const auto found = document.lines.find(path);
        if (found != document.lines.end()) return found->second;
      }
    }
    return raw.line;
  }

  const std::string_view text_, source_, default_namespace_;
  Decoder decoder_;
  std::vector<Document> documents_;
};

Unexpected<Error> at_document(std::string_view source, const ParseError& error) {
  // The parser's text begins with the line: "line 3: …".
  const bool has_line = error.text.starts_with("line ");
  return fail(std::string(source) + ", document " + std::to_string(error.document) + (has_line ? ", " : ": ") +
              error.text);
}

}  // namespace

Result<std::vector<Document>> read_manifests(std::string_view text, std::string_view source,
                                             std::string_view default_namespace) {
  Result<std::vector<RawDocument>, ParseError> raw = parse_documents(text, false);
  if (!raw) return at_document(source, raw.error());
  Manifests manifests(text, source, default_namespace);
  for (RawDocument& document : *raw) {
    if (std::optional<Error> error = manifests.add(std::move(document))) return Unexpected<Error>(*std::move(error));
  }
  return manifests.take();
}

Result<RawManifests> read_raw_manifests(std::string_view text, std::string_view source) {
  Result<std::vector<RawDocument>, ParseError> raw = parse_documents(text, false);
  if (!raw) return at_document(source, raw.error());
  RawManifests read;
  for (RawDocument& document : *raw) {
    if (!document.json.is_null()) read.documents.push_back({document.number, std::move(document.json)});
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const std::size_t begin = text.find_first_not_of(kSpace);
  read.is_json = begin != std::string_view::npos && text[begin] == '{' && static_cast<bool>(parse_json(text));
  return read;
}

Result<Json> yaml_to_json(std::string_view text, std::string_view source) {
  Result<std::vector<RawDocument>, ParseError> raw = parse_documents(text, false);
  if (!raw) return at_document(source, raw.error());
  const OrderedJson* only = nullptr;
  for (const RawDocument& document : *raw) {
    if (document.json.is_null()) continue;
    if (only != nullptr)
      return fail(place_of(source, document.number, -1, document.line) + ": expected one document only");
    only = &document.json;
  }
  return only == nullptr ? Json() : Json(*only);
}

}  // namespace meshgraft
