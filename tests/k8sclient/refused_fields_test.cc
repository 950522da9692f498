// Fields that API servers refuse. tests/data/refused says which they are; the e2e tier asks a real API server the same
// (test_live_equals_file).

#include "k8sclient/model/refused_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace meshgraft {
namespace {

std::vector<Document> documents_of(const std::string& name) {
  std::ifstream file(std::string(MESHGRAFT_SOURCE_DIR) + "/tests/data/refused/" + name);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  Result<std::vector<Document>> read = read_manifests(text, name, "shop");
  EXPECT_TRUE(read) << read.error().text;
  return read ? *std::move(read) : std::vector<Document>{};
}

std::vector<RefusedField> refused_in(const std::string& text) {
  Result<std::vector<Document>> read = read_manifests(text, "-", "shop");
  EXPECT_TRUE(read) << read.error().text;
  return read ? refused_fields(read->front()) : std::vector<RefusedField>{};
}

TEST(RefusedFields, each_document_of_the_table_has_just_the_fields_that_it_names) {
  const std::vector<Document> documents = documents_of("refused.yaml");
  ASSERT_GT(documents.size(), 30U);
  for (const Document& document : documents) {
    const Labels::const_iterator wanted = document.object->meta.annotations.find("refused");
    ASSERT_NE(wanted, document.object->meta.annotations.end()) << document.object->meta.name;
    std::string found;
    for (const RefusedField& field : refused_fields(document)) {
      found += (found.empty() ? "" : " ") + field.path;
      EXPECT_FALSE(field.why.empty());
    }
    EXPECT_EQ(found, wanted->second) << document.object->meta.name;
  }
}

TEST(RefusedFields, what_looks_odd_and_is_taken_has_none) {
  for (const Document& document : documents_of("accepted.yaml")) {
    for (const RefusedField& field : refused_fields(document)) ADD_FAILURE() << document.object->meta.name << ": " << field.path << ": " << field.why;
  }
}

TEST(RefusedFields, a_namespace_that_is_no_name_is_named) {
  const std::vector<RefusedField> found = refused_in("apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: my_shop}\nspec: {ports: [{port: 80}]}\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].path, "metadata.namespace");
  EXPECT_THAT(found[0].why, testing::HasSubstr("\"my_shop\" is no name of a namespace"));
}

TEST(RefusedFields, groups_before_apps_v1_took_the_selector_from_the_template) {
  EXPECT_TRUE(refused_in("apiVersion: extensions/v1beta1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {labels: {app: a}}, "
                         "spec: {containers: [{name: a, image: a}]}}}\n")
                  .empty());
}

TEST(RefusedFields, an_Ingress_of_an_old_group_needs_no_path_type) {
  EXPECT_TRUE(refused_in("apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: [{http: {paths: [{backend: {serviceName: a, servicePort: 80}}]}}]}\n").empty());
}

TEST(RefusedFields, kinds_that_no_rule_reads_are_not_judged) {
  EXPECT_TRUE(refused_in("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: \"system:Some_Role\"}\n").empty());
}

}  // namespace
}  // namespace meshgraft
