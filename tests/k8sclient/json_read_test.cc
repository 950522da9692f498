#include "k8sclient/model/json_read.h"

#include <gtest/gtest.h>

namespace meshgraft {
namespace {

TEST(JsonRead, finds_values_by_path_through_objects_and_lists) {
  const Result<Json> read =
      read_json(R"({"spec":{"ports":[{"name":"http","port":80}],"a/b":{"c~d":true}},"none":null})");
  ASSERT_TRUE(read);
  EXPECT_EQ(text(*read, "/spec/ports/0/name"), "http");
  EXPECT_EQ(number(*read, "/spec/ports/0/port"), 80);
  EXPECT_EQ(maybe_bool(*read, "/spec/a~1b/c~0d"), true);
  EXPECT_EQ(items(*read, "/spec/ports").size(), 1u);
}

TEST(JsonRead, what_is_missing_null_or_of_another_type_is_not_there) {
  const Result<Json> read = read_json(R"({"text":"x","none":null,"list":[1]})");
  ASSERT_TRUE(read);
  EXPECT_EQ(maybe_text(*read, "/none"), std::nullopt);
  EXPECT_EQ(maybe_text(*read, "/list"), std::nullopt);
  EXPECT_EQ(maybe_text(*read, "/list/0"), std::nullopt);
  EXPECT_EQ(maybe_number(*read, "/text"), std::nullopt);
  EXPECT_EQ(value_at(*read, "/list/1"), nullptr);
  EXPECT_EQ(value_at(*read, "/list/-1"), nullptr);
  EXPECT_EQ(value_at(*read, "/text/deeper"), nullptr);
  EXPECT_EQ(value_at(*read, "no-slash"), nullptr);
  EXPECT_EQ(text(*read, "/missing", "otherwise"), "otherwise");
  EXPECT_TRUE(items(*read, "/text").empty());
}

TEST(JsonRead, an_error_names_the_line) {
  const Result<Json> read = read_json("{\n  \"a\": 1,\n  b: 2\n}");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().text.substr(0, 7), "line 3:") << read.error().text;
}

TEST(JsonRead, text_after_the_document_is_an_error) { EXPECT_FALSE(read_json("{} {}")); }
TEST(JsonRead, nothing_is_an_error) { EXPECT_FALSE(read_json("")); }

TEST(JsonRead, endless_nesting_is_refused_before_it_is_read) {
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  const Result<Json> read = read_json(deep);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().text, "line 1: nested deeper than 200 levels");
  EXPECT_TRUE(read_json("[\"" + std::string(1000, '[') + "\\\"[\"]"));  // brackets in text do not count
}

TEST(JsonRead, a_number_beyond_every_double_is_an_error) { EXPECT_FALSE(read_json("[1e999]")); }

TEST(JsonRead, ordered_documents_keep_the_order_of_keys) {
  const Result<OrderedJson> read = read_ordered_json(R"({"z":1,"a":2})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->dump(), R"({"z":1,"a":2})");
}

}  // namespace
}  // namespace meshgraft
