#include "k8sclient/model/yaml_read.h"

#include <gtest/gtest.h>

namespace meshgraft {
namespace {

std::vector<Document> read(std::string_view text) {
  Result<std::vector<Document>> documents = read_manifests(text, "shop.yaml", "shop");
  if (documents) return *std::move(documents);
  ADD_FAILURE() << documents.error().text;
  return {};
}

std::string error_of(std::string_view text) {
  const Result<std::vector<Document>> documents = read_manifests(text, "shop.yaml", "shop");
  return documents ? "(no error)" : documents.error().text;
}

Json json_of(std::string_view text) {
  Result<Json> json = yaml_to_json(text, "small.yaml");
  if (json) return *std::move(json);
  ADD_FAILURE() << json.error().text;
  return nullptr;
}

std::string json_error_of(std::string_view text) {
  const Result<Json> json = yaml_to_json(text, "small.yaml");
  return json ? "(no error)" : json.error().text;
}

constexpr std::string_view kService = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n";

TEST(ReadManifests, several_documents_keep_their_numbers_and_lines) {
  const std::vector<Document> documents =
      read("# a comment\n---\n" + std::string(kService) + "---\n# nothing here\n---\n\n" + std::string(kService));
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[0].source, "shop.yaml");
  EXPECT_EQ(documents[0].number, 1);
  EXPECT_EQ(documents[0].line, 3);
  EXPECT_EQ(documents[0].item, -1);
  EXPECT_EQ(documents[1].number, 3);
  EXPECT_EQ(documents[1].line, 11);
}

TEST(ReadManifests, namespaced_objects_get_the_default_namespace_and_the_document_stays_as_it_was) {
  const std::vector<Document> documents = read(std::string(kService) +
                                               "---\napiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: "
                                               "data}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n");
  ASSERT_EQ(documents.size(), 3u);
  EXPECT_EQ(documents[0].object->meta.ns, "shop");
  EXPECT_EQ(documents[1].object->meta.ns, "data");
  EXPECT_EQ(documents[2].object->meta.ns, "");
  EXPECT_EQ(documents[0].json.dump(), R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web"}})");
}

TEST(ReadManifests, unknown_kinds_and_unknown_fields_pass_through) {
  const std::vector<Document> documents =
      read("kind: Job\napiVersion: batch/v1\nmetadata: {name: once}\nspec: {z: 1, a: [x]}\n");
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_EQ(documents[0].object->kind, Kind::other);
  EXPECT_EQ(documents[0].json.dump(),
            R"({"kind":"Job","apiVersion":"batch/v1","metadata":{"name":"once"},"spec":{"z":1,"a":["x"]}})");
}

TEST(ReadManifests, lists_give_one_document_an_item) {
  const std::vector<Document> documents = read(
      "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}}\n- {apiVersion: v1, "
      "kind: Service, metadata: {name: b}}\n");
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[1].number, 1);
  EXPECT_EQ(documents[1].item, 1);
  EXPECT_EQ(documents[1].object->meta.name, "b");
}

TEST(ReadManifests, items_of_a_typed_list_may_leave_out_what_the_list_says) {
  const std::vector<Document> documents =
      read("apiVersion: apps/v1\nkind: DeploymentList\nitems: [{metadata: {name: a}}]\n");
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_EQ(documents[0].object->kind, Kind::deployment);
  EXPECT_EQ(error_of("apiVersion: v1\nkind: List\nitems: [{metadata: {name: a}}]\n"),
            "shop.yaml, document 1, item 1, line 3: the document has no kind");
}

TEST(ReadManifests, json_is_read_too_and_may_be_several_documents) {
  const std::vector<Document> documents = read(
      "\n{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"a}\\\"\"}}\n{\n\t\"apiVersion\":\"v1\","
      "\"kind\":\"Service\",\"metadata\":{\"name\":\"\\ud83d\\ude00\"}}");
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[0].object->meta.name, "a}\"");
  EXPECT_EQ(documents[0].line, 2);
  EXPECT_EQ(documents[1].object->meta.name, "\xf0\x9f\x98\x80");
  EXPECT_EQ(documents[1].number, 2);
  EXPECT_EQ(documents[1].line, 3);
}

TEST(ReadManifests, yaml_that_begins_with_a_brace_is_yaml) {
  EXPECT_EQ(read("{apiVersion: v1, kind: Service, metadata: {name: a}}").size(), 1u);
}

TEST(ReadManifests, byte_order_marks_and_windows_line_ends_are_fine) {
  const std::vector<Document> documents = read(
      "\xef\xbb\xbf"
      "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: a\r\ndata:\r\n  text: |\r\n    one\r\n    two\r\n");
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_EQ(as<ConfigMap>(documents[0].object.get())->data.at("text"), "one\ntwo\n");
}

TEST(ReadManifests, nothing_gives_no_documents) {
  EXPECT_TRUE(read("").empty());
  EXPECT_TRUE(read("\n# only a comment\n---\n---\n").empty());
}

struct BadCase {
  const char* name;
  std::string text;
  const char* error;
};

TEST(ReadManifests, an_error_names_source_document_and_line) {
  const std::string service(kService);
  const BadCase cases[] = {
      {"a wrong field, with its line", service + "---\n" + service + "spec:\n  ports:\n  - port: 80\n  - port: http\n",
       "shop.yaml, document 2, line 13: spec.ports[1].port: expected a whole number, found \"http\""},
      {"a label that YAML takes for a boolean", service + "  labels:\n    app.kubernetes.io/managed: yes\n",
       "shop.yaml, document 1, line 6: metadata.labels[\"app.kubernetes.io/managed\"]: expected text, found true"},
      {"a field inside a list",
       "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata:\n    name: a\n  spec:\n    "
       "ports: 7\n",
       "shop.yaml, document 1, item 1, line 9: spec.ports: expected a list, found 7"},
      {"a value that came by an alias is found at its parent",
       "x: &p {port: http}\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  ports:\n  - *p\n",
       "shop.yaml, document 1, line 7: spec.ports[0].port: expected a whole number, found \"http\""},
      {"a document without kind", service + "---\nmetadata:\n  name: a\n",
       "shop.yaml, document 2, line 6: the document has no kind"},
      {"a document without name", "apiVersion: v1\nkind: Service\n",
       "shop.yaml, document 1, line 1: the object has no metadata.name"},
      {"a document that is text", service + "---\nhello\n",
       "shop.yaml, document 2, line 6: expected an object with apiVersion and kind, found a single value"},
      {"a document that is a list", "- a\n- b\n",
       "shop.yaml, document 1, line 1: expected an object with apiVersion and kind, found a list"},
      {"a key twice", "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels:\n    app: x\n    app: y\n",
       "shop.yaml, document 1, line 7: the key \"app\" stands twice in one map"},
      {"a tab that indents", "apiVersion: v1\nmetadata:\n\tname: a\n",
       "shop.yaml, document 1, line 3: a tab may not indent YAML, only spaces may"},
      {"UTF-16", std::string("\xff\xfe" "a\0:\0", 6), "shop.yaml, document 1, line 1: this is UTF-16, as PowerShell writes it: save it as UTF-8"},
      {"a control character", "apiVersion: v1\nkind: \x04Service\n",
       "shop.yaml, document 1, line 2: a control character (byte 4) may not stand in YAML"},
      {"an alias inside its own anchor", "a: &a\n  b: *a\n",
       "shop.yaml, document 1, line 2: an alias stands inside the value that it names"},
      {"a key that is a map", "? {a: b}\n: c\n", "shop.yaml, document 1, line 1: a key must be text, or a bracket from here on is never closed"},
      {"a merge of text", "a:\n  <<: text\n", "shop.yaml, document 1, line 2: \"<<\" merges a map, or a list of maps"},
  };
  for (const BadCase& each : cases) EXPECT_EQ(error_of(each.text), each.error) << each.name;
}

TEST(ReadManifests, what_is_no_yaml_is_an_error_with_a_line) {
  const std::string bad[] = {"a: b: c\n",        "a: [1, 2\n",   "a: \"open\n",
                             "a: 1\n b: 2\n",    "*unknown\n",   "<html>\n<p class=\"x\">: :\n",
                             "a: &x 1\nb: *y\n", "%TAG !\n---\n"};
  for (const std::string& text : bad) {
    const std::string error = error_of(text);
    EXPECT_EQ(error.substr(0, 28), "shop.yaml, document 1, line ") << text << ": " << error;
  }
}

TEST(ReadManifests, punctuation_that_belongs_to_nothing_ends_the_reading) {
  EXPECT_EQ(error_of(", a: b"), "shop.yaml, document 1, line 1: unexpected \",\"");
  EXPECT_EQ(error_of("a: 1\n---\n]"), "shop.yaml, document 2, line 3: a ] or } closes nothing here");
  for (const std::string text : {"]", "}", ": a\n,", "- a\n]", ",", "? ,"})
    EXPECT_NE(error_of(text), "(no error)") << text;
}

TEST(ReadManifests, a_bad_document_does_not_hide_behind_good_ones) {
  EXPECT_EQ(error_of(std::string(kService) + "---\na: [1\n").substr(0, 23), "shop.yaml, document 2, ");
}

TEST(ReadManifests, json_with_an_error_is_told_with_its_line) {
  const std::string error =
      error_of("{\"apiVersion\":\"v1\",\n \"kind\":\"Service\",\n \"metadata\" {\"name\":\"a\"}}");
  EXPECT_EQ(error.substr(0, 28), "shop.yaml, document 1, line ") << error;
}

TEST(YamlToJson, plain_scalars_are_typed_as_kubernetes_types_them) {
  const Json json = json_of(R"(
none: [null, ~, Null, NULL, ]
yes: [true, True, yes, Yes, on, ON, y]
no: [false, FALSE, no, off, n]
whole: [0, 12, -3, +4, 0x1F, 0o17, 017, 0b101, 1_000, 9223372036854775807, 18446744073709551615]
broken: [1.5, .5, -0.25, 1e3, 5.0, 1.5e-3]
text: [1.2.3, 2024-01-31, "12:30:45", 1d, 0x, e3, -, .inf, .NaN, 1.2e, 0xZZ, tRue, nO]
quoted: ["12", 'true', "null", '']
forced: [!!str 12, !!str true, !!int "7"]
)");
  EXPECT_EQ(json["none"].dump(), "[null,null,null,null]");
  EXPECT_EQ(json["yes"].dump(), "[true,true,true,true,true,true,true]");
  EXPECT_EQ(json["no"].dump(), "[false,false,false,false,false]");
  EXPECT_EQ(json["whole"].dump(), "[0,12,-3,4,31,15,15,5,1000,9223372036854775807,18446744073709551615]");
  EXPECT_EQ(json["broken"].dump(), "[1.5,0.5,-0.25,1000,5,0.0015]");
  EXPECT_EQ(json["text"].dump(),
            R"(["1.2.3","2024-01-31","12:30:45","1d","0x","e3","-",".inf",".NaN","1.2e","0xZZ","tRue","nO"])");
  EXPECT_EQ(json["quoted"].dump(), R"(["12","true","null",""])");
  EXPECT_EQ(json["forced"].dump(), R"(["12","true",7])");
}

TEST(YamlToJson, keys_are_text_whatever_they_look_like) {
  EXPECT_EQ(json_of("80: http\non: push\ntrue: x\n").dump(), R"({"80":"http","on":"push","true":"x"})");
}

TEST(YamlToJson, anchors_aliases_and_merges_are_replaced_by_what_they_name) {
  const Json json = json_of(R"(
base: &base {a: 1, b: 2}
more: &more {b: 3, c: 4}
one: {<<: *base, b: 9}
two: {x: 0, <<: [*base, *more]}
plain: *base
"<<": kept
key: &k name
*k : by alias
)");
  EXPECT_EQ(json["one"].dump(), R"({"a":1,"b":9})");
  EXPECT_EQ(json["two"].dump(), R"({"a":1,"b":2,"c":4,"x":0})");
  EXPECT_EQ(json["plain"].dump(), R"({"a":1,"b":2})");
  EXPECT_EQ(json["<<"], "kept");
  EXPECT_EQ(json["name"], "by alias");
}

TEST(YamlToJson, a_maps_own_keys_win_over_merged_ones_wherever_the_merge_stands) {
  EXPECT_EQ(json_of("a: &a {k: 1}\nb:\n  k: 2\n  <<: *a\n")["b"].dump(), R"({"k":2})");
}

TEST(YamlToJson, block_text_keeps_its_lines) {
  const Json json = json_of("a: |\n  one\n\n  two\nb: >-\n  one\n  two\nc: |+\n  end\n\n");
  EXPECT_EQ(json["a"], "one\n\ntwo\n");
  EXPECT_EQ(json["b"], "one two");
  EXPECT_EQ(json["c"], "end\n\n");
}

TEST(YamlToJson, tabs_may_stand_in_text_and_in_flow_style) {
  EXPECT_EQ(json_of("a: |\n  one\n  \ttwo\n")["a"], "one\n\ttwo\n");
  EXPECT_EQ(json_of("a: {\n\tb: 1,\n\tc: [\n\t\t2]}\n").dump(), R"({"a":{"b":1,"c":[2]}})");
}

TEST(YamlToJson, aliases_that_expand_without_end_are_refused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 10; ++k) bomb += ", " + before;
    bomb += "]\n";
  }
  EXPECT_EQ(json_error_of(bomb), "small.yaml, document 1, line 6: the aliases stand for more than a million values");
}

TEST(YamlToJson, endless_nesting_is_refused) {
  const std::string error = json_error_of(std::string(300, '[') + std::string(300, ']'));
  EXPECT_EQ(error, "small.yaml, document 1, line 1: nested deeper than 200 levels");
  EXPECT_NE(json_error_of("{\"a\":" + std::string(100000, '[')), "(no error)");
}

TEST(YamlToJson, one_document_is_expected) {
  EXPECT_EQ(json_of("---\n---\na: 1\n").dump(), R"({"a":1})");
  EXPECT_TRUE(json_of("").is_null());
  EXPECT_EQ(json_error_of("a: 1\n---\nb: 2\n"), "small.yaml, document 2, line 3: expected one document only");
}

}  // namespace
}  // namespace meshgraft
