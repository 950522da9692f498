#include "cmd/manifests.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/cmd/call.h"

namespace meshgraft {
namespace {

Result<std::vector<Document>> read(const std::vector<std::string>& paths, const std::string& input = "") {
  std::istringstream in(input);
  return read_paths(paths, in, "shop");
}

TEST(Manifests, a_directory_is_walked_by_name_taking_what_kubectl_takes) {
  const test::Folder folder;
  folder.write("b.yml", test::service_yaml("b"));
  folder.write("a/deep/x.json", R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"x"}})");
  folder.write("c.yaml", test::service_yaml("c") + test::service_yaml("d"));
  folder.write("README.md", "# no manifest");
  const Result<std::vector<Document>> got = read({folder.path()});
  ASSERT_TRUE(got) << got.error().text;
  std::vector<std::string> names;
  for (const Document& document : *got) names.push_back(document.object->meta.name);
  EXPECT_EQ(names, (std::vector<std::string>{"x", "b", "c", "d"}));
  EXPECT_EQ(got->front().object->meta.ns, "shop");
}

TEST(Manifests, standard_input_is_a_file_called_dash) {
  const Result<std::vector<Document>> got = read({"-"}, test::service_yaml("a"));
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 1U);
  EXPECT_EQ(got->front().source, "-");
}

TEST(Manifests, every_bad_file_is_named_not_only_the_first) {
  const test::Folder folder;
  folder.write("a.yaml", "kind: [\n");
  folder.write("b.yaml", "metadata: {name: x}\n");
  const Result<std::vector<Document>> got = read({folder.path(), folder.path() + "/nowhere.yaml"});
  ASSERT_FALSE(got);
  for (const char* name : {"a.yaml", "b.yaml, document 1", "nowhere.yaml: No such file"}) {
    EXPECT_NE(got.error().text.find(name), std::string::npos) << got.error().text;
  }
}

TEST(Manifests, an_object_that_stands_twice_names_both_places) {
  const test::Folder folder;
  const std::string path = folder.write("a.yaml", test::service_yaml("a") + test::service_yaml("b") + test::service_yaml("a"));
  const Result<std::vector<Document>> got = read({path});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().text, path + ", document 3: Service shop/a stands already in " + path + ", document 1");
}

TEST(Manifests, a_directory_without_manifests_is_an_error) {
  const test::Folder folder;
  const Result<std::vector<Document>> got = read({folder.path()});
  ASSERT_FALSE(got);
  EXPECT_NE(got.error().text.find("holds no .yaml"), std::string::npos);
}

}  // namespace
}  // namespace meshgraft
