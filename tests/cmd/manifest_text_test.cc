#include "cmd/manifest_text.h"

#include <gtest/gtest.h>

#include "k8sclient/model/yaml_read.h"

namespace meshgraft {
namespace {

OrderedJson read(const std::string& text) {
  const Result<RawManifests> raw = read_raw_manifests(text, "text");
  EXPECT_TRUE(raw) << text;
  return raw && !raw->documents.empty() ? raw->documents.front().json : OrderedJson();
}

// The text after `change`; "nothing" when it has no answer.
template <typename Change>
std::string edited(const std::string& text, Change change) {
  const OrderedJson was = read(text);
  OrderedJson is = was;
  change(is);
  const std::optional<EditedText> result = edit_text(text, was, is);
  return result ? result->text : "nothing";
}

TEST(ManifestText, a_value_changes_and_the_comment_behind_it_stays) {
  const auto change = [](OrderedJson& json) { json["a"]["b"] = "new"; };
  EXPECT_EQ(edited("a:\n  b: old # why\n  c: 1\n", change), "a:\n  b: new # why\n  c: 1\n");
  EXPECT_EQ(edited("a:\n  b: 'o#l''d' # why\n", change), "a:\n  b: new # why\n");
  EXPECT_EQ(edited("a:\n  \"b\": \"old\"   # why\n", change), "a:\n  \"b\": new   # why\n");
  EXPECT_EQ(edited("a:\n  b: {c: 1} # why\n", change), "a:\n  b: new # why\n");
}

TEST(ManifestText, a_key_is_added_where_its_map_ends) {
  const auto change = [](OrderedJson& json) { json["a"]["new"] = "x"; };
  EXPECT_EQ(edited("a:\n    b: 1\n    # below b\n\n# about z\nz: 1\n", change), "a:\n    b: 1\n    new: x\n    # below b\n\n# about z\nz: 1\n");
  EXPECT_EQ(edited("a: {b: 1} # both\nz: 1\n", change), "a: # both\n  b: 1\n  new: x\nz: 1\n");
  EXPECT_EQ(edited("a: {} # none\nz: 1\n", change), "a: # none\n  new: x\nz: 1\n");
  EXPECT_EQ(edited("a: # none\nz: 1\n", [](OrderedJson& json) { json["a"] = {{"new", "x"}}; }), "a: # none\n  new: x\nz: 1\n");
}

TEST(ManifestText, a_key_is_added_behind_a_block_of_text) {
  EXPECT_EQ(edited("a:\n  b: |\n    one\n    # two\nz: 1\n", [](OrderedJson& json) { json["a"]["new"] = "x\ny\n"; }),
            "a:\n  b: |\n    one\n    # two\n  new: |\n    x\n    y\nz: 1\n");
}

TEST(ManifestText, items_are_edited_where_they_stand) {
  const auto change = [](OrderedJson& json) {
    json["list"][1]["name"] = "new";
    json["list"].push_back({{"name", "last"}, {"port", 3}});
  };
  EXPECT_EQ(edited("list:\n# one\n- name: a # first\n- # two\n  name: b # second\n  port: 2\nz: 1\n", change),
            "list:\n# one\n- name: a # first\n- # two\n  name: new # second\n  port: 2\n- name: last\n  port: 3\nz: 1\n");
  EXPECT_EQ(edited("list:\n  -   name: a\n  -   name: b # second\n      port: 2\n", change),
            "list:\n  -   name: a\n  -   name: new # second\n      port: 2\n  - name: last\n    port: 3\n");
}

TEST(ManifestText, a_key_goes_with_its_lines) {
  const auto change = [](OrderedJson& json) { json["a"].erase("b"); };
  EXPECT_EQ(edited("a:\n  # about b\n  b:\n    deep: 1\n  c: 2\n", change), "a:\n  # about b\n  c: 2\n");
}

TEST(ManifestText, separators_windows_line_ends_and_a_byte_order_mark_stay) {
  const auto change = [](OrderedJson& json) { json["a"] = 2; };
  EXPECT_EQ(edited("---\n# x\na: 1\n", change), "---\n# x\na: 2\n");
  EXPECT_EQ(edited("a: 1 # x\r\nb: {c: 1}\r\n", [](OrderedJson& json) { json["b"]["d"] = 1; }), "a: 1 # x\r\nb:\r\n  c: 1\r\n  d: 1\r\n");
  EXPECT_EQ(edited("\xEF\xBB\xBF" "a: 1", change), "\xEF\xBB\xBF" "a: 2\n");
}

TEST(ManifestText, what_it_cannot_edit_it_does_not_answer) {
  EXPECT_EQ(edited("{a: 1}\n", [](OrderedJson& json) { json["a"] = 2; }), "nothing");
  EXPECT_EQ(edited("a: &x\n  b: 1\nc: *x\n", [](OrderedJson& json) { json["a"]["b"] = 2; }), "nothing") << "c would change too";
}

TEST(ManifestText, lost_comments_are_told) {
  const std::string text = "a: {b: 1, # why\n  c: 2}\n";
  OrderedJson is = read(text);
  is["a"]["b"] = 2;
  const std::optional<EditedText> result = edit_text(text, read(text), is);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->comments_lost);
  EXPECT_EQ(result->text, "a:\n  b: 2\n  c: 2\n");
}

TEST(ManifestText, pieces_make_the_file_again) {
  const std::string text = "# top\n---\na: 1\n--- # two\nb: |\n  ---\n";
  const std::vector<std::string> pieces = split_documents(text);
  EXPECT_EQ(pieces, (std::vector<std::string>{"# top\n", "---\na: 1\n", "--- # two\nb: |\n  ---\n"}));
  EXPECT_TRUE(split_documents("").empty());
}

}  // namespace
}  // namespace meshgraft
