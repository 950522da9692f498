#include <string>

#include "k8sclient/model/yaml_read.h"
#include "k8sclient/model/yaml_scalar.h"

// to_yaml: block style, two spaces a level, list items at the indentation of their key, as kubectl writes.

namespace meshgraft {
namespace {

// Text of several lines goes into a block ("|") when that keeps every character: ASCII without control characters, no
// space at a line's end that an editor would eat, no indentation or empty line at the start that would be taken for the
// block's.
bool fits_block(const std::string& text) {
  if (text.find('\n') == std::string::npos || text.front() == ' ' || text.front() == '\n') return false;
  char before = 0;
  for (const char c : text) {
    if (c == '\n' && (before == ' ')) return false;
    if (c != '\n' && (c < ' ' || c >= '\x7f')) return false;
    before = c;
  }
  return before != ' ';
}

template <typename Document>
class Writer {
 public:
  std::string write(const Document& value) {
    if (is_leaf(value)) {
      leaf(value, 1);
      out_ += '\n';
    } else {
      block(value, 0);
    }
    return std::move(out_);
  }

 private:
  static bool is_leaf(const Document& value) { return !value.is_structured() || value.empty(); }

  void indent(int depth) { out_.append(static_cast<std::size_t>(depth) * 2, ' '); }

  void text(const std::string& value, int depth) {
    if (stays_text(value)) {
      out_ += value;
      return;
    }
    if (!fits_block(value)) {
      out_ += Document(value).dump(-1, ' ', false, Document::error_handler_t::replace);  // JSON's quotes are YAML's
      return;
    }
    // "|-": no line break at the end; "|": one; "|+": as many as are there.
    const std::size_t last = value.find_last_not_of('\n');
    const std::size_t breaks = value.size() - last - 1;
    out_ += breaks == 0 ? "|-" : breaks == 1 ? "|" : "|+";
    for (std::size_t at = 0; at < value.size();) {
      const std::size_t end = value.find('\n', at);
      const std::string line = value.substr(at, end == std::string::npos ? end : end - at);
      out_ += '\n';
      if (!line.empty()) {
        indent(depth);
        out_ += line;
      }
      if (end == std::string::npos) break;
      at = end + 1;
    }
  }

  void leaf(const Document& value, int depth) {
    if (value.is_string())
      text(value.template get_ref<const std::string&>(), depth);
    else if (value.is_structured())
      out_ += value.is_array() ? "[]" : "{}";
    else
      out_ += value.dump();
  }

  void entry(const Document& value, int depth, bool in_map) {
    if (is_leaf(value)) {
      out_ += ' ';
      leaf(value, depth + 1);
      out_ += '\n';
    } else if (in_map) {
      out_ += '\n';
      block(value, value.is_array() ? depth : depth + 1);
    } else {
      out_ += ' ';
      block(value, depth + 1, true);
    }
  }

  // `started`: the first line's indentation is already there ("- ").
  void block(const Document& value, int depth, bool started = false) {
    if (value.is_array()) {
      for (const Document& item : value) {
        if (!started) indent(depth);
        started = false;
        out_ += '-';
        entry(item, depth, false);
      }
      return;
    }
    for (const auto& [key, item] : value.items()) {
      if (!started) indent(depth);
      started = false;
      if (stays_text(key))
        out_ += key;
      else
        out_ += Document(key).dump(-1, ' ', false, Document::error_handler_t::replace);
      out_ += ':';
      entry(item, depth, true);
    }
  }

  std::string out_;
};

}  // namespace

std::string to_yaml(const OrderedJson& value) { return Writer<OrderedJson>().write(value); }
std::string to_yaml(const Json& value) { return Writer<Json>().write(value); }

}  // namespace meshgraft
