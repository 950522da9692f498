#include "k8sclient/model/yaml_parse.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <streambuf>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "k8sclient/model/field_path.h"
#include "k8sclient/model/json_read.h"
#include "k8sclient/model/yaml_scalar.h"

namespace meshgraft::yaml {
namespace {

constexpr std::size_t kMostExpanded = 1'000'000;  // values that aliases stand for; more is an attack or a mistake

// Reads a string_view in place.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* const begin = const_cast<char*>(text.data());  // NOLINT: streambuf wants char*, and never writes here
    setg(begin, begin, begin + text.size());
  }
};

struct Level {  // NOLINT(bugprone-exception-escape): as RawDocument
  OrderedJson value;
  bool is_map = false, flow = false;
  YAML::anchor_t anchor = 0;
  std::string path;
  bool has_key = false, merges = false;  // merges: the key is "<<"
  std::string key;
  std::unordered_set<std::string> keys;
  std::vector<OrderedJson> merged;  // what "<<" named, in order
};

class Builder : public YAML::EventHandler {
 public:
  Builder(std::string_view text, bool with_lines) : text_(text), with_lines_(with_lines) {
    line_starts_.push_back(0);
    for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n', end + 1))
      line_starts_.push_back(end + 1);
  }

  // A "," or "]" outside of any list is a document for yaml-cpp, again and again: it never gets past it.
  void OnDocumentStart(const YAML::Mark& mark) override {
    stuck_ = mark.pos == started_at_;
    if (stuck_) complain(mark, "unexpected " + character_at(mark));
    started_at_ = mark.pos;
    document_ = RawDocument{};
    anchors_.clear();
    levels_.clear();
    values_ = expanded_ = 0;
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (expects_key()) complain(mark, "a key without a name");
    put(mark, nullptr, anchor, 1);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) complain(mark, "an alias stands inside the value that it names");
    if (expects_key()) {
      if (!found->second.first.is_string()) complain(mark, "a key must be text");
      take_key(mark, *found->second.first.get_ptr<const std::string*>(), false);
      return;
    }
    expanded_ += found->second.second;
    values_ += found->second.second;
    if (expanded_ > kMostExpanded) complain(mark, "the aliases stand for more than a million values");
    OrderedJson copy = found->second.first;
    put(mark, std::move(copy), 0, 0);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool plain = tag == "?" || tag.empty();
    if (tag == "!") last_quoted_ = mark;
    if (expects_key()) {
      check_indent(mark);
      if (anchor != 0) anchors_[anchor] = {value, 1};
      take_key(mark, value, plain);
      return;
    }
    const bool typed = plain || tag == "tag:yaml.org,2002:int" || tag == "tag:yaml.org,2002:float" ||
                       tag == "tag:yaml.org,2002:bool" || tag == "tag:yaml.org,2002:null";
    put(mark, typed ? type_plain(value) : OrderedJson(value), anchor, 1);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(mark, OrderedJson::array(), false, anchor, style);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(mark, OrderedJson::object(), true, anchor, style);
  }
  void OnMapEnd() override {
    Level& level = levels_.back();
    OrderedJson::object_t& fields = level.value.get_ref<OrderedJson::object_t&>();
    for (OrderedJson& source : level.merged) {
      for (auto& [key, value] : source.get_ref<OrderedJson::object_t&>()) {
        if (level.keys.insert(key).second) fields.emplace_back(key, std::move(value));
      }
    }
    close();
  }

  RawDocument take(int number) {
    document_.number = number;
    return std::move(document_);
  }

  // True when the document at fault is the one before, met again.
  [[nodiscard]] bool stuck() const { return stuck_; }

  // True when the line's indentation holds a tab: often the reason for an error there.
  [[nodiscard]] bool tab_indents(int line) const {
    const std::string_view indent = indent_of(line);
    return indent.find('\t') != std::string_view::npos;
  }

  // yaml-cpp takes a quote that is never closed for one that the end of the text closes, where a line ends there: what
  // stands behind it would be lost in one value. Throws what is wrong.
  void check_last_quote() const {
    if (last_quoted_.is_null()) return;
    std::size_t at = line_starts_[static_cast<std::size_t>(last_quoted_.line)] + static_cast<std::size_t>(last_quoted_.column);  // in bytes
    if (last_quoted_.line == 0 && text_.starts_with("\xef\xbb\xbf")) at += 3;  // the byte order mark has no column
    const char quote = at < text_.size() ? text_[at] : '\0';
    if (quote != '"' && quote != '\'') return;  // behind a tag or an anchor
    for (++at; at < text_.size(); ++at) {
      const bool doubled = quote == '\'' && text_.substr(at, 2) == "''";
      if (doubled || (quote == '"' && text_[at] == '\\')) {
        ++at;
      } else if (text_[at] == quote) {
        return;
      }
    }
    complain(last_quoted_, YAML::ErrorMsg::EOF_IN_SCALAR);
  }

 private:
  [[noreturn]] static void complain(const YAML::Mark& mark, const std::string& what) {
    throw YAML::ParserException(mark, what);
  }

  [[nodiscard]] bool expects_key() const {
    return !levels_.empty() && levels_.back().is_map && !levels_.back().has_key;
  }

  [[nodiscard]] std::string_view indent_of(int line) const {
    if (line < 0 || static_cast<std::size_t>(line) >= line_starts_.size()) return {};
    const std::string_view rest = text_.substr(line_starts_[static_cast<std::size_t>(line)]);
    return rest.substr(0, rest.find_first_not_of(" \t"));
  }

  [[nodiscard]] std::string character_at(const YAML::Mark& mark) const {
    if (mark.line < 0 || static_cast<std::size_t>(mark.line) >= line_starts_.size()) return "text";
    const std::size_t at = line_starts_[static_cast<std::size_t>(mark.line)] + static_cast<std::size_t>(mark.column);
    const bool ascii = at < text_.size() && text_[at] > ' ' && text_[at] < '\x7f';
    return ascii ? "\"" + std::string(1, text_[at]) + "\"" : "text";
  }

  // yaml-cpp takes a tab for one column; other readers refuse it, and so do we.
  void check_indent(const YAML::Mark& mark) const {
    if (!levels_.empty() && levels_.back().flow) return;
    const std::string_view indent = indent_of(mark.line);
    if (indent.size() == static_cast<std::size_t>(mark.column) && indent.find('\t') != std::string_view::npos) {
      complain(mark, "a tab may not indent YAML, only spaces may");
    }
  }

  void take_key(const YAML::Mark& mark, const std::string& key, bool plain) {
    Level& level = levels_.back();
    level.merges = plain && key == "<<";
    if (!level.merges && !level.keys.insert(key).second)
      complain(mark, "the key \"" + key + "\" stands twice in one map");
    level.key = key;
    level.has_key = true;
  }

  [[nodiscard]] std::string next_path() const {
    if (!with_lines_ || levels_.empty()) return "";
    const Level& level = levels_.back();
    return level.is_map ? field_path(level.path, level.key) : field_path(level.path, level.value.size());
  }

  void note_line(const YAML::Mark& mark, const std::string& path) {
    if (levels_.empty()) document_.line = mark.line + 1;
    if (with_lines_) document_.lines.emplace(path, mark.line + 1);
  }

  void open(const YAML::Mark& mark, OrderedJson empty, bool is_map, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    check_indent(mark);
    // A list or map as a key is mostly a bracket that is never closed.
    if (expects_key()) complain(mark, "a key must be text, or a bracket from here on is never closed");
    if (levels_.size() >= static_cast<std::size_t>(kMaxJsonDepth))
      complain(mark, "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
    Level level;
    level.path = next_path();
    note_line(mark, level.path);
    level.value = std::move(empty);
    level.is_map = is_map;
    level.flow = style == YAML::EmitterStyle::Flow || (!levels_.empty() && levels_.back().flow);
    level.anchor = anchor;
    opened_at_.push_back({mark, values_});
    levels_.push_back(std::move(level));
  }

  void close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    const auto [mark, before] = opened_at_.back();
    opened_at_.pop_back();
    place(mark, std::move(level.value), level.anchor, values_ - before + 1);
  }

  void put(const YAML::Mark& mark, OrderedJson value, YAML::anchor_t anchor, std::size_t values) {
    check_indent(mark);
    ++values_;
    note_line(mark, next_path());
    place(mark, std::move(value), anchor, values);
  }

  void place(const YAML::Mark& mark, OrderedJson value, YAML::anchor_t anchor, std::size_t values) {
    if (anchor != 0) anchors_[anchor] = {value, values};
    if (levels_.empty()) {
      document_.json = std::move(value);
      return;
    }
    Level& level = levels_.back();
    if (!level.is_map) {
      level.value.push_back(std::move(value));
      return;
    }
    level.has_key = false;
    if (!level.merges) {
      level.value.get_ref<OrderedJson::object_t&>().emplace_back(std::move(level.key), std::move(value));
      return;
    }
    if (value.is_object()) {
      level.merged.push_back(std::move(value));
      return;
    }
    if (!value.is_array()) complain(mark, "\"<<\" merges a map, or a list of maps");
    for (OrderedJson& each : value) {
      if (!each.is_object()) complain(mark, "\"<<\" merges a map, or a list of maps");
      level.merged.push_back(std::move(each));
    }
  }

  const std::string_view text_;
  const bool with_lines_;
  std::vector<std::size_t> line_starts_;
  RawDocument document_;
  std::vector<Level> levels_;
  std::vector<std::pair<YAML::Mark, std::size_t>> opened_at_;
  std::unordered_map<YAML::anchor_t, std::pair<OrderedJson, std::size_t>> anchors_;  // value, and how many it holds
  YAML::Mark last_quoted_ = YAML::Mark::null_mark();
  bool stuck_ = false;
  int started_at_ = -1;       // where the document began, in characters
  std::size_t values_ = 0;    // so far in this document
  std::size_t expanded_ = 0;  // of them those that came by aliases
};

// yaml-cpp takes the byte 4 for the end of its input, and YAML allows no control characters.
std::optional<std::string> control_character(std::string_view text) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) return "line 1: this is UTF-16, as PowerShell writes it: save it as UTF-8";
  int line = 1;
  for (const char c : text) {
    if (c == '\n') ++line;
    const unsigned char byte = static_cast<unsigned char>(c);
    const bool allowed = byte >= 0x20 || c == '\t' || c == '\n' || c == '\r';
    if (!allowed || byte == 0x7f)
      return "line " + std::to_string(line) + ": a control character (byte " + std::to_string(byte) +
             ") may not stand in YAML";
  }
  return std::nullopt;
}

}  // namespace

std::string in_plain_words(const std::string& message) {
  namespace Said = YAML::ErrorMsg;
  if (message == Said::END_OF_SEQ_FLOW) return "a [ is never closed, or a comma is missing in its list";
  if (message == Said::END_OF_MAP_FLOW) return "a { is never closed, or a comma is missing in its map";
  if (message == Said::FLOW_END) return "a ] or } closes nothing here";
  if (message == Said::END_OF_MAP) return "no \"key: value\" of the map above: a colon is missing, or the line is indented otherwise";
  if (message == Said::END_OF_SEQ) return "no \"- \" of the list above: it is missing, or the line is indented otherwise";
  if (message == Said::MAP_VALUE) return "a \": \" may not stand here: the line is indented too far, or a value with \": \" in it lacks quotes";
  if (message == Said::MAP_KEY) return "a \"? \" may not stand here";
  if (message == Said::BLOCK_ENTRY) return "a \"- \" may not stand here: it is indented otherwise than its list";
  if (message == Said::EOF_IN_SCALAR || message == Said::DOC_IN_SCALAR) return "a quote is never closed";
  if (message == Said::UNKNOWN_TOKEN) return "a value may not begin with this character: put it into quotes";
  if (message == Said::ALIAS_NOT_FOUND || message == Said::CHAR_IN_ALIAS) return "a value that begins with * has to be put into quotes";
  if (message.starts_with(Said::UNKNOWN_ANCHOR)) return "no & says what this * stands for; a value that begins with * has to be put into quotes";
  if (message == Said::ANCHOR_NOT_FOUND || message == Said::CHAR_IN_ANCHOR) return "a value that begins with & has to be put into quotes";
  return message;
}

Result<std::vector<RawDocument>, ParseError> parse(std::string_view text, bool with_lines) {
  if (const std::optional<std::string> problem = control_character(text)) return Unexpected<ParseError>({1, *problem});
  std::vector<RawDocument> documents;
  Builder builder(text, with_lines);
  int number = 1;
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    for (; parser.HandleNextDocument(builder); ++number) documents.push_back(builder.take(number));
    --number;  // the document that has been read last
    builder.check_last_quote();
  } catch (const YAML::Exception& error) {
    std::string what = in_plain_words(error.msg);
    if (!error.mark.is_null()) what.insert(0, "line " + std::to_string(error.mark.line + 1) + ": ");
    const bool says_tab = error.msg.find("tab ") != std::string::npos;
    if (!says_tab && builder.tab_indents(error.mark.line)) what += " (the line is indented with a tab)";
    return Unexpected<ParseError>({builder.stuck() ? number - 1 : number, std::move(what)});
  } catch (const std::exception& error) {
    return Unexpected<ParseError>({number, error.what()});
  }
  return documents;
}

}  // namespace meshgraft::yaml
