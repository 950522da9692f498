#include "k8sclient/model/yaml_block.h"

#include <simdjson.h>

#include <string>
#include <unordered_set>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "k8sclient/model/yaml_scalar.h"

namespace meshgraft::yaml {
namespace {

constexpr int kMostDepth = kMaxJsonDepth - 10;  // deeper documents are parse()'s to refuse
constexpr std::size_t kLongestKey = 900;        // yaml-cpp takes no key beyond 1024 characters
constexpr std::size_t kFewKeys = 16;            // up to here looking through them is faster than a set

constexpr bool is_space(char c) { return c == ' '; }

// Whether a plain scalar may begin with `c` in the subset that is read here.
bool may_start_plain(char c) { return std::string_view("?:,[]{}#&*!|>'\"%@`-").find(c) == std::string_view::npos; }

// No tab, no control character, line feeds alone, UTF-8 without the breaks that only some readers know.
bool is_tame(std::string_view text) {
  bool ascii = true;
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f) return false;
    ascii = ascii && byte < 0x80;
  }
  if (ascii) return true;
  for (const std::string_view rare : {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xef\xbb\xbf", "\xef\xbf\xbe", "\xef\xbf\xbf"}) {
    if (text.find(rare) != std::string_view::npos) return false;
  }
  return simdjson::validate_utf8(text.data(), text.size());
}

// Every function that answers bool: false gives the text up.
class Block {
 public:
  explicit Block(std::string_view text) : text_(text) {}

  std::optional<std::vector<RawDocument>> read() {
    next_line();
    bool begun = false;  // a "---" without anything behind it yet
    while (!at_end_) {
      if (marker_) {
        if (begun) documents_.push_back({++number_, line_, nullptr, {}});
        begun = true;
        next_line();
        continue;
      }
      begun = false;
      if (indent_ != 0) return std::nullopt;
      RawDocument document;
      document.number = ++number_;
      document.line = line_;
      if (!node(document.json, 0)) return std::nullopt;
      if (!at_end_ && !marker_) return std::nullopt;
      documents_.push_back(std::move(document));
    }
    if (begun) documents_.push_back({++number_, line_, nullptr, {}});
    if (given_up_) return std::nullopt;
    return std::move(documents_);
  }

 private:
  // Goes to the next line with content. At the end of the text, and at a "---", `indent_` is -1.
  void next_line() {
    while (next_ < text_.size()) {
      const std::size_t begin = next_;
      const std::size_t found = text_.find('\n', begin);
      end_ = found == std::string_view::npos ? text_.size() : found;
      next_ = found == std::string_view::npos ? text_.size() : found + 1;
      ++line_;
      std::size_t at = begin;
      while (at < end_ && is_space(text_[at])) ++at;
      if (at == end_ || text_[at] == '#') continue;
      start_ = at;
      indent_ = static_cast<int>(at - begin);
      marker_ = false;
      if (indent_ > 0) return;
      const std::string_view rest = text_.substr(at, end_ - at);
      if (rest.front() == '%' || rest.starts_with("...")) return give_up();
      if (!rest.starts_with("---")) return;
      if (!only_comment(at + 3)) return give_up();
      marker_ = true;
      indent_ = -1;
      return;
    }
    at_end_ = true;
    marker_ = false;
    indent_ = -1;
  }

  void give_up() {
    given_up_ = true;
    at_end_ = true;
    indent_ = -1;
  }

  // Nothing but blanks, or blanks and a comment, from `at` to the line's end.
  [[nodiscard]] bool only_comment(std::size_t at) const {
    const std::size_t from = at;
    while (at < end_ && is_space(text_[at])) ++at;
    return at == end_ || (text_[at] == '#' && at > from);
  }

  [[nodiscard]] bool is_dash() const { return start_ < end_ && text_[start_] == '-' && (start_ + 1 == end_ || is_space(text_[start_ + 1])); }

  // The value that begins at the current line's content.
  bool node(OrderedJson& out, int depth) {
    if (depth > kMostDepth) return false;
    return is_dash() ? list(out, depth) : map(out, depth);
  }

  bool list(OrderedJson& out, int depth) {
    const int at = indent_;
    out = OrderedJson::array();
    OrderedJson::array_t& items = out.get_ref<OrderedJson::array_t&>();
    while (indent_ == at && is_dash()) {
      OrderedJson& item = items.emplace_back(nullptr);
      std::size_t from = start_ + 1;
      if (only_comment(from)) {
        next_line();
        if (indent_ > at && !node(item, depth + 1)) return false;
        if (indent_ > at) return false;
        continue;
      }
      while (is_space(text_[from])) ++from;
      const int column = at + static_cast<int>(from - start_);
      const std::size_t before = start_;
      start_ = from;
      if (is_dash() || key_here()) {  // "- - a" and "- a: b": a collection that begins in this line
        indent_ = column;
        if (!node(item, depth + 1)) return false;
      } else {
        start_ = before;
        if (!value(from, at, item, depth)) return false;
      }
      if (indent_ > at) return false;
    }
    return true;
  }

  bool map(OrderedJson& out, int depth) {
    const int at = indent_;
    out = OrderedJson::object();
    OrderedJson::object_t& fields = out.get_ref<OrderedJson::object_t&>();
    std::unordered_set<std::string> seen;
    while (indent_ == at && !is_dash()) {
      if (!key_here()) return false;
      std::string key = std::move(key_);
      std::size_t from = value_at_;
      if (!is_new(key, fields, seen)) return false;
      fields.emplace_back(std::move(key), nullptr);
      OrderedJson& field = fields.back().second;
      if (only_comment(from)) {
        next_line();
        const bool nested = indent_ > at || (indent_ == at && is_dash());
        if (nested && !(indent_ > at ? node(field, depth + 1) : list(field, depth + 1))) return false;
      } else {
        while (is_space(text_[from])) ++from;
        if (!value(from, at, field, depth)) return false;
      }
      if (indent_ > at) return false;
    }
    return indent_ < at;
  }

  static bool is_new(const std::string& key, const OrderedJson::object_t& fields, std::unordered_set<std::string>& seen) {
    if (fields.size() < kFewKeys) {
      for (const auto& [other, value] : fields) {
        if (other == key) return false;
      }
      return true;
    }
    if (seen.empty()) {
      for (const auto& [other, value] : fields) seen.insert(other);
    }
    return seen.insert(key).second;
  }

  // Whether a key begins at start_; then key_ is it, and value_at_ is behind its colon.
  bool key_here() {
    std::size_t at = start_;
    const char first = text_[at];
    if (first == '"' || first == '\'') {
      if (!quoted(at, key_)) return false;
    } else {
      if (!may_start_plain(first)) {
        const bool dashed = first == '-' && at + 1 < end_ && !is_space(text_[at + 1]);
        if (!dashed) return false;
      }
      while (at < end_ && !(text_[at] == ':' && (at + 1 == end_ || is_space(text_[at + 1])))) {
        if (text_[at] == '#' && is_space(text_[at - 1])) return false;
        ++at;
      }
      if (at >= end_ || is_space(text_[at - 1])) return false;
      key_ = text_.substr(start_, at - start_);
      if (key_ == "<<" || key_ == "~" || key_ == "null" || key_ == "Null" || key_ == "NULL") return false;
    }
    if (at >= end_ || text_[at] != ':' || key_.size() > kLongestKey) return false;
    if (at + 1 < end_ && !is_space(text_[at + 1])) return false;
    value_at_ = at + 1;
    return true;
  }

  // A value that begins in the current line at `from`, inside the collection indented by `parent`. Goes on to the
  // next line.
  bool value(std::size_t from, int parent, OrderedJson& out, int depth) {
    const char first = text_[from];
    if (first == '|') return literal(from + 1, parent, out);
    if (first == '"' || first == '\'') {
      std::string text;
      if (!quoted(from, text) || !only_comment(from)) return false;
      out = std::move(text);
    } else if (first == '[' || first == '{') {
      if (!flow(from, out, depth + 1) || !only_comment(from)) return false;
    } else if (!plain(from, out)) {
      return false;
    }
    next_line();
    return indent_ <= parent;  // deeper: the scalar goes on, or a mistake
  }

  bool plain(std::size_t from, OrderedJson& out) const {
    const char first = text_[from];
    if (!may_start_plain(first)) {
      if (first != '-' || from + 1 >= end_ || is_space(text_[from + 1])) return false;
    }
    std::size_t end = end_;
    for (std::size_t at = from; at < end; ++at) {
      if (text_[at] == ':' && (at + 1 == end_ || is_space(text_[at + 1]))) return false;
      if (text_[at] == '#' && is_space(text_[at - 1])) end = at;
    }
    while (is_space(text_[end - 1])) --end;
    out = type_plain(std::string(text_.substr(from, end - from)));
    return true;
  }

  // A quoted scalar of one line; `at` goes behind its closing quote.
  bool quoted(std::size_t& at, std::string& out) const {
    const char quote = text_[at++];
    out.clear();
    while (at < end_) {
      const char c = text_[at++];
      if (c == quote) {
        if (quote == '"' || at >= end_ || text_[at] != quote) return true;
        out += text_[at++];
      } else if (c == '\\' && quote == '"') {
        if (at >= end_) return false;
        switch (text_[at++]) {
          case '"': out += '"'; break;
          case '\\': out += '\\'; break;
          case '/': out += '/'; break;
          case 'n': out += '\n'; break;
          case 't': out += '\t'; break;
          case 'r': out += '\r'; break;
          default: return false;
        }
      } else {
        out += c;
      }
    }
    return false;
  }

  // ---- flow collections of one line ----

  void skip_spaces(std::size_t& at) const {
    while (at < end_ && is_space(text_[at])) ++at;
  }

  bool flow(std::size_t& at, OrderedJson& out, int depth) {
    if (depth > kMostDepth) return false;
    const bool is_map = text_[at] == '{';
    const char close = is_map ? '}' : ']';
    out = is_map ? OrderedJson::object() : OrderedJson::array();
    skip_spaces(++at);
    if (at < end_ && text_[at] == close) {
      ++at;
      return true;
    }
    while (at < end_) {
      OrderedJson item;
      if (is_map) {
        std::string key;
        if (!flow_key(at, key) || out.contains(key)) return false;
        if (!flow_value(at, item, depth)) return false;
        out.get_ref<OrderedJson::object_t&>().emplace_back(std::move(key), std::move(item));
      } else {
        if (!flow_value(at, item, depth)) return false;
        out.push_back(std::move(item));
      }
      skip_spaces(at);
      if (at >= end_) return false;
      const char c = text_[at++];
      if (c == close) return true;
      if (c != ',') return false;
      skip_spaces(at);
    }
    return false;
  }

  // "key: ", with the blanks behind it.
  bool flow_key(std::size_t& at, std::string& key) {
    if (at >= end_) return false;
    if (text_[at] == '"' || text_[at] == '\'') {
      if (!quoted(at, key)) return false;
    } else {
      const std::size_t from = at;
      while (at < end_ && is_flow_plain(at)) ++at;
      key = text_.substr(from, at - from);
      if (key.empty() || key.front() == '-' || key.front() == ':' || is_space(key.back()) || type_plain(key).is_null()) return false;
    }
    if (key.size() > kLongestKey || at + 1 >= end_ || text_[at] != ':' || !is_space(text_[at + 1])) return false;
    skip_spaces(++at);
    return true;
  }

  bool flow_value(std::size_t& at, OrderedJson& out, int depth) {
    if (at >= end_) return false;
    if (text_[at] == '[' || text_[at] == '{') return flow(at, out, depth + 1);
    if (text_[at] == '"' || text_[at] == '\'') {
      std::string text;
      if (!quoted(at, text)) return false;
      out = std::move(text);
      return true;
    }
    const std::size_t from = at;
    while (at < end_ && is_flow_plain(at)) ++at;
    std::size_t end = at;
    while (end > from && is_space(text_[end - 1])) --end;
    if (end == from || text_[from] == ':') return false;
    if (text_[from] == '-' && (from + 1 == end || is_space(text_[from + 1]))) return false;
    out = type_plain(std::string(text_.substr(from, end - from)));
    return true;
  }

  // The characters of plain scalars inside brackets about which all readers agree.
  [[nodiscard]] bool is_flow_plain(std::size_t at) const {
    const char c = text_[at];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || c == '_' || c == '/' || c == '.' || c == '-' || c == ' ') return true;
    if (c != ':' || at + 1 >= end_) return false;
    const char next = text_[at + 1];
    return (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || (next >= '0' && next <= '9') || next == '/';
  }

  // ---- literal blocks ----

  // "|", "|-" and "|+"; `at` is behind the bar.
  bool literal(std::size_t at, int parent, OrderedJson& out) {
    char chomp = ' ';
    if (at < end_ && (text_[at] == '-' || text_[at] == '+')) chomp = text_[at++];
    if (!only_comment(at)) return false;
    std::string text;
    std::size_t block = 0;  // its indentation, once known
    std::size_t breaks = 0; // line feeds that are kept when another line follows
    bool any = false;
    while (next_ < text_.size()) {
      const std::size_t begin = next_;
      const std::size_t found = text_.find('\n', begin);
      if (found == std::string_view::npos) return false;  // a last line without line feed
      std::size_t first = begin;
      while (first < found && is_space(text_[first])) ++first;
      const std::size_t spaces = first - begin;
      if (first == found && (!any || spaces <= block)) {  // an empty line
        if (!any && spaces > 0) return false;
        ++breaks;
      } else {
        if (!any) {
          if (static_cast<int>(spaces) <= parent) return false;
          block = spaces;
        } else if (spaces < block) {
          break;
        }
        text.append(breaks, '\n');
        breaks = 1;
        any = true;
        text += text_.substr(begin + block, found - begin - block);
      }
      next_ = found + 1;
      ++line_;
    }
    if (!any) return false;
    if (chomp == ' ') text += '\n';
    if (chomp == '+') text.append(breaks, '\n');
    out = std::move(text);
    next_line();
    return indent_ <= parent;
  }

  const std::string_view text_;
  std::vector<RawDocument> documents_;
  int number_ = 0;
  bool given_up_ = false;

  // The current line.
  std::size_t start_ = 0, end_ = 0;  // of its content; [start_, end_)
  std::size_t next_ = 0;             // where the next line begins
  int line_ = 0;                     // from 1
  int indent_ = -1;
  bool marker_ = false, at_end_ = false;

  // What key_here found.
  std::string key_;
  std::size_t value_at_ = 0;
};

}  // namespace

std::optional<std::vector<RawDocument>> parse_block(std::string_view text) {
  if (!is_tame(text)) return std::nullopt;
  return Block(text).read();
}

}  // namespace meshgraft::yaml
