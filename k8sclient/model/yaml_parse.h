#pragma once
// Turns YAML text into documents of OrderedJson, typed as Kubernetes types them. Called by yaml_read alone, and
// for its words by the reader of kubeconfigs, the only other user of yaml-cpp. Never throws.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"
#include "k8sclient/base/result.h"

namespace meshgraft::yaml {

struct RawDocument {  // NOLINT(bugprone-exception-escape): nlohmann's ordered map moves without saying noexcept
  int number = 0;  // from 1, empty ones counted
  int line = 0;    // of its first value, from 1
  OrderedJson json;
  std::map<std::string, int, std::less<>> lines;  // field path -> line; only when asked for
};

// What went wrong and in which document; `text` names the line.
struct ParseError {
  int document = 0;
  std::string text;
};

// Anchors and aliases are replaced by their values, merge keys by what they merge (a map's own keys win). Errors:
// no YAML, a tab that indents, a key twice in a map, a key that is no scalar, nesting beyond kMaxJsonDepth,
// aliases that stand for more than a million values.
// `with_lines` fills RawDocument::lines with paths as decode writes them: "spec.ports[0].name".
Result<std::vector<RawDocument>, ParseError> parse(std::string_view text, bool with_lines);

// yaml-cpp's message about a text that is no YAML, in words that say what to mend; others as they are.
std::string in_plain_words(const std::string& message);

}  // namespace meshgraft::yaml
