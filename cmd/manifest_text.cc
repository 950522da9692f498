#include "cmd/manifest_text.h"

#include <algorithm>
#include <map>
#include <utility>

#include "k8sclient/model/yaml_read.h"

namespace meshgraft {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kSpace = " \t\r";

std::size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }
bool is_blank(std::string_view line) { return line.find_first_not_of(kSpace) == std::string_view::npos; }
bool is_comment(std::string_view line) {
  const std::size_t at = line.find_first_not_of(kSpace);
  return at != std::string_view::npos && line[at] == '#';
}
bool is_content(std::string_view line) { return !is_blank(line) && !is_comment(line); }

bool is_separator(std::string_view line) { return line.starts_with("---") && (line.size() == 3 || kSpace.find(line[3]) != std::string_view::npos); }

bool is_item(std::string_view line) {
  const std::size_t at = indent_of(line);
  return at < line.size() && line[at] == '-' && (at + 1 == line.size() || kSpace.find(line[at + 1]) != std::string_view::npos);
}

bool may_have_comment(std::string_view line) {
  for (std::size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    if (at == 0 || kSpace.find(line[at - 1]) != std::string_view::npos) return true;
  }
  return false;
}

// Behind the closing quote of what begins at `at`; npos when it does not end in this line.
std::size_t end_of_quoted(std::string_view line, std::size_t at) {
  const char quote = line[at];
  for (std::size_t i = at + 1; i < line.size(); ++i) {
    if (quote == '"' && line[i] == '\\') {
      ++i;
    } else if (line[i] == quote) {
      if (quote == '"' || i + 1 == line.size() || line[i + 1] != quote) return i + 1;
      ++i;
    }
  }
  return std::string_view::npos;
}

// Behind the bracket that closes what begins at `at`; npos when it does not end in this line.
std::size_t end_of_flow(std::string_view line, std::size_t at) {
  int depth = 0;
  for (std::size_t i = at; i < line.size(); ++i) {
    const char c = line[i];
    if ((c == '"' || c == '\'') && std::string_view(" {[,:").find(line[i - 1]) != std::string_view::npos) {
      i = end_of_quoted(line, i);
      if (i == std::string_view::npos) return i;
      --i;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) return i + 1;
    }
  }
  return std::string_view::npos;
}

// The comment at the end of `rest`, with the blanks before it and what ends the line; "" when there is none.
std::string comment_in(std::string_view rest) {
  for (std::size_t at = rest.find('#'); at != std::string_view::npos; at = rest.find('#', at + 1)) {
    if (at > 0 && kSpace.find(rest[at - 1]) == std::string_view::npos) continue;
    const std::size_t end = rest.substr(0, at).find_last_not_of(kSpace);
    return std::string(rest.substr(end == std::string_view::npos ? 0 : end + 1));
  }
  return "";
}

bool is_leaf(const OrderedJson& value) { return !value.is_structured() || value.empty(); }

// The lines of one document while they are changed. Entries are changed from the last to the first, so that the
// numbers of those before stay right.
class Lines {
 public:
  Lines(std::vector<std::string> lines, bool carriage_returns) : lines_(std::move(lines)), carriage_returns_(carriage_returns) {}

  bool edit(std::size_t begin, const OrderedJson& was, const OrderedJson& is) {
    const std::optional<std::size_t> indent = first_indent(begin, lines_.size());
    return indent && edit_map(begin, lines_.size(), *indent, was, is, false);
  }

  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] bool comments_lost() const { return lost_; }

 private:
  // A key with its value, or an item: [begin, end), without blank lines and comments that follow.
  struct Entry {
    std::size_t begin = 0, end = 0;
  };
  struct Key {
    std::string text;
    std::size_t end = 0;  // behind the colon
  };

  [[nodiscard]] std::optional<std::size_t> first_indent(std::size_t begin, std::size_t end) const {
    for (std::size_t i = begin; i < end; ++i) {
      if (is_content(lines_[i])) return indent_of(lines_[i]);
    }
    return std::nullopt;
  }

  // What starts at exactly `indent`; empty when lines are there that belong to none.
  [[nodiscard]] std::vector<Entry> entries(std::size_t begin, std::size_t end, std::size_t indent, bool items) const {
    std::vector<Entry> found;
    for (std::size_t i = begin; i < end; ++i) {
      const std::string& line = lines_[i];
      if (is_content(line) && indent_of(line) <= indent) {
        const bool starts = indent_of(line) == indent && is_item(line) == items;
        const bool continues = indent_of(line) == indent && !items && !found.empty();  // a list at its key's indentation
        if (!starts && !continues) return {};
        if (starts) found.push_back({i, i});
      } else if (found.empty() && is_content(line)) {
        return {};
      }
      const bool trails = is_blank(line) || (is_comment(line) && indent_of(line) <= indent);
      if (!found.empty() && !trails) found.back().end = i + 1;
    }
    return found;
  }

  [[nodiscard]] std::optional<Key> key_of(std::size_t line) const {
    const std::string& text = lines_[line];
    const std::size_t at = indent_of(text);
    if (at >= text.size()) return std::nullopt;
    const bool quoted = text[at] == '"' || text[at] == '\'';
    std::size_t end = quoted ? end_of_quoted(text, at) : text.find(':', at);
    while (!quoted && end != std::string::npos && end + 1 < text.size() && kSpace.find(text[end + 1]) == std::string_view::npos) end = text.find(':', end + 1);
    if (end == std::string::npos || end >= text.size() || text[end] != ':') return std::nullopt;
    Key key;
    key.text = quoted ? text.substr(at + 1, end - at - 2) : text.substr(at, end - at);
    key.end = end + 1;
    return key;
  }

  void insert(std::size_t at, std::size_t indent, const std::string& yaml) {
    std::vector<std::string> made;
    for (std::size_t from = 0; from < yaml.size();) {
      const std::size_t end = std::min(yaml.find('\n', from), yaml.size());
      std::string line = end == from ? "" : std::string(indent, ' ') + yaml.substr(from, end - from);
      if (carriage_returns_) line += '\r';
      made.push_back(std::move(line));
      from = end + 1;
    }
    lines_.insert(lines_.begin() + static_cast<std::ptrdiff_t>(at), std::make_move_iterator(made.begin()), std::make_move_iterator(made.end()));
  }

  void erase(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) lost_ = lost_ || may_have_comment(lines_[i]);
    lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(begin), lines_.begin() + static_cast<std::ptrdiff_t>(end));
  }

  // `in_item`: the first line began with a dash, so it has to stay. False, and nothing is changed, when the lines are
  // not the keys of `was` one below the other.
  bool edit_map(std::size_t begin, std::size_t end, std::size_t indent, const OrderedJson& was, const OrderedJson& is, bool in_item) {
    const std::vector<Entry> found = entries(begin, end, indent, false);
    if (found.empty() || found.size() != was.size()) return false;
    std::vector<Key> keys;
    for (auto at = was.begin(); at != was.end(); ++at) {
      std::optional<Key> key = key_of(found[keys.size()].begin);
      if (!key || key->text != at.key()) return false;
      keys.push_back(std::move(*key));
    }
    if (in_item && !is.contains(keys.front().text)) return false;
    std::map<std::size_t, std::vector<std::string>> added;  // behind which entry
    std::size_t before = found.size() - 1;
    for (auto at = is.begin(); at != is.end(); ++at) {
      const auto old = std::find_if(keys.begin(), keys.end(), [&at](const Key& key) { return key.text == at.key(); });
      if (old != keys.end()) {
        before = static_cast<std::size_t>(old - keys.begin());
      } else {
        added[before].push_back(at.key());
      }
    }
    for (std::size_t i = found.size(); i-- > 0;) {
      OrderedJson more = OrderedJson::object();
      for (const std::string& key : added[i]) more[key] = is.at(key);
      if (!more.empty()) insert(found[i].end, indent, to_yaml(more));
      const OrderedJson& old = was.at(keys[i].text);
      if (!is.contains(keys[i].text)) {
        erase(found[i].begin, found[i].end);
      } else if (is.at(keys[i].text) != old) {
        edit_value(found[i], indent, keys[i], old, is.at(keys[i].text));
      }
    }
    return true;
  }

  void edit_value(const Entry& entry, std::size_t indent, const Key& key, const OrderedJson& was, const OrderedJson& is) {
    const std::string_view rest = std::string_view(lines_[entry.begin]).substr(key.end);
    if (!is_content(rest) && !is_leaf(was) && !is_leaf(is)) {
      const std::size_t begin = entry.begin + 1;
      const std::optional<std::size_t> below = first_indent(begin, entry.end);
      if (below && was.is_object() && is.is_object() && *below > indent && edit_map(begin, entry.end, *below, was, is, false)) return;
      if (below && was.is_array() && is.is_array() && *below >= indent && edit_list(begin, entry.end, *below, was, is)) return;
    }
    replace_value(entry, indent, key, is);
  }

  bool edit_list(std::size_t begin, std::size_t end, std::size_t indent, const OrderedJson& was, const OrderedJson& is) {
    const std::vector<Entry> found = entries(begin, end, indent, true);
    if (found.size() != was.size() || is.size() < was.size()) return false;
    OrderedJson more = OrderedJson::array();
    for (std::size_t i = was.size(); i < is.size(); ++i) more.push_back(is[i]);
    if (!more.empty()) insert(found.back().end, indent, to_yaml(more));
    for (std::size_t i = found.size(); i-- > 0;) {
      if (was[i] != is[i]) edit_item(found[i], indent, was[i], is[i]);
    }
    return true;
  }

  void edit_item(const Entry& entry, std::size_t indent, const OrderedJson& was, const OrderedJson& is) {
    if (!is_leaf(was) && !is_leaf(is) && was.is_object() && is.is_object()) {
      lines_[entry.begin][indent] = ' ';
      const std::optional<std::size_t> below = first_indent(entry.begin, entry.end);
      // A dash in a line of its own, or before a comment, has nothing below it in its line.
      const bool done = below && edit_map(entry.begin, entry.end, *below, was, is, is_content(lines_[entry.begin]));
      lines_[entry.begin][indent] = '-';
      if (done) return;
    }
    erase(entry.begin, entry.end);
    insert(entry.begin, indent, to_yaml(OrderedJson::array({is})));
  }

  // Writes the value anew behind its key; the comment at the end of the key's line stays.
  void replace_value(const Entry& entry, std::size_t indent, const Key& key, const OrderedJson& is) {
    const std::string line = lines_[entry.begin];
    const std::string_view rest = std::string_view(line).substr(key.end);
    const std::size_t first = rest.find_first_not_of(kSpace);
    std::size_t value_end = 0;  // in `rest`
    if (first != std::string_view::npos && (rest[first] == '"' || rest[first] == '\'')) {
      value_end = end_of_quoted(rest, first);
    } else if (first != std::string_view::npos && (rest[first] == '{' || rest[first] == '[')) {
      value_end = end_of_flow(rest, first);
    }
    const std::string comment = value_end == std::string_view::npos ? "" : comment_in(rest.substr(value_end));
    if (value_end == std::string_view::npos) lost_ = lost_ || may_have_comment(rest);
    erase(entry.begin + 1, entry.end);
    lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(entry.begin));

    const std::size_t written_key = to_yaml(OrderedJson{{key.text, nullptr}}).size() - std::string_view(" null\n").size();
    insert(entry.begin, indent, to_yaml(OrderedJson{{key.text, is}}));
    std::string& fresh = lines_[entry.begin];
    fresh = line.substr(0, key.end) + fresh.substr(indent + written_key);
    if (comment.empty()) return;
    if (fresh.ends_with('\r')) fresh.pop_back();
    fresh += (comment.front() == '#' ? " " : "") + comment;
  }

  std::vector<std::string> lines_;
  bool carriage_returns_;
  bool lost_ = false;
};

}  // namespace

std::optional<EditedText> edit_text(std::string_view text, const OrderedJson& was, const OrderedJson& is) {
  if (!was.is_object() || !is.is_object() || was.empty() || is.empty()) return std::nullopt;
  const bool marked = text.starts_with(kByteOrderMark);
  if (marked) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  std::size_t begin = 0;
  while (begin < lines.size() && !is_content(lines[begin])) ++begin;
  if (begin < lines.size() && is_separator(lines[begin])) {
    if (is_content(lines[begin].substr(3))) return std::nullopt;
    ++begin;
  } else {
    begin = 0;
  }
  Lines edited(std::move(lines), text.find("\r\n") != std::string_view::npos);
  if (!edited.edit(begin, was, is)) return std::nullopt;
  EditedText result;
  if (marked) result.text = kByteOrderMark;
  for (const std::string& line : edited.lines()) result.text += line + '\n';
  result.comments_lost = edited.comments_lost();
  const Result<RawManifests> read = read_raw_manifests(result.text, "");
  if (!read || read->documents.size() != 1 || Json(read->documents.front().json) != Json(is)) return std::nullopt;
  return result;
}

std::vector<std::string> split_documents(std::string_view text) {
  std::vector<std::string> pieces;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string_view line = text.substr(at, end - at);
    const std::string_view bare = line.ends_with('\n') ? line.substr(0, line.size() - 1) : line;
    if (pieces.empty() || is_separator(bare)) pieces.emplace_back();
    pieces.back() += line;
    at = end;
  }
  return pieces;
}

bool may_have_comments(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (may_have_comment(text.substr(at, end - at))) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace meshgraft
