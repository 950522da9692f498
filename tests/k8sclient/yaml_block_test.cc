// The fast reader and the general one must say the same wherever the fast one says anything.

#include "k8sclient/model/yaml_block.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace meshgraft {
namespace {

namespace fs = std::filesystem;

std::string shown(const std::vector<yaml::RawDocument>& documents) {
  std::string text;
  for (const yaml::RawDocument& document : documents) {
    text += std::to_string(document.number) + (document.json.is_null() ? "" : " line " + std::to_string(document.line)) + ": " + document.json.dump() + '\n';
  }
  return text;
}

// What the fast reader says of `text`; a failure when the general one disagrees. "" when it gives the text up.
std::string agreed(const std::string& text) {
  const auto fast = yaml::parse_block(text);
  if (!fast) return "";
  const auto general = yaml::parse(text, false);
  EXPECT_TRUE(general) << text;
  if (general) {
    EXPECT_EQ(shown(*fast), shown(*general)) << text;
  }
  return shown(*fast);
}

TEST(YamlBlock, reads_what_people_write) {
  const std::vector<std::string> texts{
      "a: 1\n",
      "a: 1",
      "# comment\n---\na: b # c\n---\n# nothing\n---\nb:\n  c: d\n",
      "a:\n- b\n- c\nd:\n  - e: 1\n    f: 2\n  -\n    g: 3\n  - - 1\n    - 2\n",
      "a:\nb: ~\nc: null\nd: 'it''s'\ne: \"q\\\"\\\\n\"\nf: \"\"\n",
      "a: [x, 'y', \"z\", 1, true, [b], {c: d}]\nb: {}\nc: []\nd: { e: f, g: 'h' }\n",
      "a: |\n  one\n\n   two\n  three\nb: |-\n  x\nc: |+\n  y\n\n\nd: 1\n",
      "a: |\n  x\n\n\n# end\n",
      "spec:\n  ports:\n  - name: http\n    port: 80\n  selector: {app: web}\n",
      "url: http://a.b:80/c#d\ntime: 12:30:45\nflag: --x=y\nneg: -1\npath: /a/b\nat: a@b\n",
      "\"quoted.key/x\": y\n'other': z\na b: c d\n",
      "a:\n    deep:\n        deeper: x\nb: y\n",
      "on: off\nyes: no\nn: 0x1f\no: 017\n",
      "a: \xe4\xb8\xad\xe6\x96\x87\nb: '\xe4\xb8\xad'\n# \xe4\xb8\xad\n",
      "- a\n- b\n",
      "---\n---\na: 1\n---\n",
      "a:   \nb:   x   \n",
      "a: \"x\" # y\nb: 'z'   \n",
      "items:\n- a: |\n    x\n    y\n  b: 1\n",
  };
  for (const std::string& text : texts) EXPECT_NE(agreed(text), "") << "given up: " << text;
}

TEST(YamlBlock, leaves_the_rest_to_the_general_reader) {
  for (const char* text : {"a: &x 1\nb: *x\n", "a: !!str 1\n", "a: >\n  folded\n", "a: one\n  two\n", "a:\tb\n", "a: b\r\n", "%YAML 1.2\n---\na: 1\n", "a: 1\n...\n",
                           "a: 1\na: 2\n", "<<: {a: b}\n", "? a\n: b\n", "a: b: c\n", "a: \"open\n", "a: [1,\n  2]\n", "a: 'x' y\n", "text\n", "a:\n   b: 1\n  c: 2\n",
                           "a: 1\n  b: 2\n", "- a\nb: c\n", "a: |2\n   x\n", "a: |\n  no line feed at the end", "{a: b}\n", "a: {\"b\":1}\n", "a: [b: c]\n", "a: @b\n", "a: %b\n",
                           "~: a\n", "null: a\n", "a: \"\\x41\"\n", "a: - b\n", "--- a\n", "a:\n  text\n"}) {
    EXPECT_FALSE(yaml::parse_block(text)) << text;
  }
}

TEST(YamlBlock, agrees_about_every_manifest_of_this_tree) {
  int read = 0;
  int all = 0;
  for (const char* root : {"tests", "deploy", "charts"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(fs::path(MESHGRAFT_SOURCE_DIR) / root)) {
      if (entry.path().extension() != ".yaml" || !entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      std::ostringstream text;
      text << file.rdbuf();
      ++all;
      read += agreed(text.str()).empty() ? 0 : 1;
    }
  }
  EXPECT_GT(read * 10, all * 8) << "the fast reader is meant for nearly all: " << read << " of " << all;
}

// Every prefix and every text with one character more or less: whatever is accepted must mean the same.
TEST(YamlBlock, agrees_about_every_small_damage) {
  const std::string text = "kind: List # c\nitems:\n- a: |\n    x\n\n    y\n  b: {c: [d, \"e\"], f: 'g'}\n-\n  - 1\n  - h: i:j\nz: \"q\"\n---\nk: -1\n";
  for (std::size_t i = 0; i <= text.size(); ++i) {
    (void)agreed(text.substr(0, i));
    (void)agreed(text.substr(0, i) + text.substr(std::min(i + 1, text.size())));
    for (const char c : {' ', '\n', ':', '-', '#', '"', '\'', ',', '{', ']', '|', 'x', '&', '\\'}) {
      std::string more = text;
      more.insert(i, 1, c);
      (void)agreed(more);
    }
  }
}

}  // namespace
}  // namespace meshgraft
