#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "k8sclient/model/json_read.h"
#include "k8sclient/model/yaml_read.h"

namespace meshgraft {
namespace {

OrderedJson ordered(std::string_view text) {
  Result<OrderedJson> json = read_ordered_json(text);
  if (json) return *std::move(json);
  ADD_FAILURE() << json.error().text;
  return nullptr;
}

TEST(ToYaml, objects_look_as_kubectl_prints_them) {
  EXPECT_EQ(
      to_yaml(ordered(
          R"({"kind":"Service","apiVersion":"v1","metadata":{"name":"web","labels":{}},"spec":{"ports":[{"name":"http","port":80,
      "list":["a",["b","c"],[],{"d":null}]},{"port":8.5}],"ok":true}})")),
      "kind: Service\n"
      "apiVersion: v1\n"
      "metadata:\n"
      "  name: web\n"
      "  labels: {}\n"
      "spec:\n"
      "  ports:\n"
      "  - name: http\n"
      "    port: 80\n"
      "    list:\n"
      "    - a\n"
      "    - - b\n"
      "      - c\n"
      "    - []\n"
      "    - d: null\n"
      "  - port: 8.5\n"
      "  ok: true\n");
}

TEST(ToYaml, text_that_would_be_read_as_something_else_is_quoted) {
  const char* quoted[] = {"",           "1",     "1.0",  "true",  "yes",  "n",    "null", "~",   "0x1f", "1e3",
                          "2024-01-31", "12:30", " a",   "a ",    "a: b", "a #b", "- a",  "#a",  "*a",   "&a",
                          "!a",         "{a",    "[a",   "@a",    "`a",   "%a",   "'a",   "\"a", "a:",   "-",
                          ".5",         ".inf",  "a\tb", "a\x01", "?a",   ":a",   "|a",   ">a",  "=",    "<<",
                          ",a",         "]a",    "+1",   "1_000", "0o17", "OFF",  "\xff", "é"};
  for (const char* text : quoted) {
    const std::string yaml = to_yaml(Json(text));
    EXPECT_EQ(yaml[0], '"') << text << " -> " << yaml;
  }
  const char* plain[] = {
      "a",  "a b", "shop.example/web:1.4", "a-b", "v1", "nginx:latest", "http://a/b?c=d", "a#b", "a'b", "1.2.3", "$(A)",
      "/a", "y2"};
  for (const char* text : plain) EXPECT_EQ(to_yaml(Json(text)), std::string(text) + "\n");
}

TEST(ToYaml, keys_are_quoted_like_text) {
  EXPECT_EQ(to_yaml(ordered(R"({"80":1,"on":2,"a b":3,"a: b":4,"":5})")),
            "\"80\": 1\n\"on\": 2\na b: 3\n\"a: b\": 4\n\"\": 5\n");
}

TEST(ToYaml, text_of_several_lines_becomes_a_block) {
  EXPECT_EQ(to_yaml(ordered(R"({"a":{"b":"one\n  two\n\nthree"},"c":["x\ny\n","z\n\n"]})")),
            "a:\n"
            "  b: |-\n"
            "    one\n"
            "      two\n"
            "\n"
            "    three\n"
            "c:\n"
            "- |\n"
            "  x\n"
            "  y\n"
            "- |+\n"
            "  z\n"
            "\n");
}

TEST(ToYaml, text_that_a_block_would_change_is_quoted) {
  for (const char* text : {"a \nb", " a\nb", "\na", "a\r\nb", "a\n\tb", "a\nb "}) {
    EXPECT_EQ(to_yaml(Json(text))[0], '"') << text;
  }
}

TEST(ToYaml, what_is_written_is_read_back_as_the_same) {
  const char* values[] = {
      "null",
      "[]",
      "{}",
      "-7",
      "18446744073709551615",
      "0.1",
      "1e300",
      "\"\"",
      "\"a\\nb\"",
      "\"a\\nb\\n\\n\\n\"",
      "\"\\u0007\"",
      "\"\\u2028\"",
      "\"\xf0\x9f\x98\x80\"",
      R"([[[]],[{}],[[1,[2]]],{"a":[{"b":[]}]}])",
      R"({"a":"x\n\ny\n","b":{"c":"\n"},"d":["  lead\nx"],"e":"tail \nx","#":"#","? ":"? x","- ":"- "})",
      R"(["--- a","--- \na","...","a\n---\nb","a\n...\n","%a","\ufeffa","\u0085","a\u0085b\nc"])",
  };
  for (const char* value : values) {
    const OrderedJson before = ordered(value);
    const std::string yaml = to_yaml(before);
    const Result<Json> after = yaml_to_json(yaml, "written");
    ASSERT_TRUE(after) << value << "\n" << yaml << after.error().text;
    EXPECT_EQ(*after, Json(before)) << value << "\n" << yaml;
  }
}

TEST(ToYaml, the_manifests_of_the_tests_survive_a_round_trip) {
  for (const char* file : {"shop.yaml", "nacos.yaml", "gateway.yaml", "kubesphere.yaml"}) {
    std::ifstream stream(std::string(MESHGRAFT_SOURCE_DIR) + "/tests/data/model/" + file);
    std::stringstream text;
    text << stream.rdbuf();
    const Result<std::vector<Document>> documents = read_manifests(text.str(), file, "");
    ASSERT_TRUE(documents) << documents.error().text;
    for (const Document& document : *documents) {
      const Result<std::vector<Document>> again = read_manifests(to_yaml(document.json), "again", "");
      ASSERT_TRUE(again) << again.error().text;
      EXPECT_EQ(again->at(0).json.dump(), document.json.dump());
    }
  }
}

}  // namespace
}  // namespace meshgraft
