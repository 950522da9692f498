#include "cmd/reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "cmd/key_table.h"
#include "cmd/metric_table.h"
#include "controller/metrics.h"
#include "k8sclient/model/json_read.h"
#include "k8sclient/model/yaml_read.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/misplaced_keys.h"
#include "reconcilers/reconciler.h"
#include "tests/cmd/call.h"

namespace meshgraft {
namespace {

TEST(Reference, every_key_of_the_table_has_a_place_in_misplaced_keys) {
  for (const KeyInfo& row : key_table()) {
    const std::string key = std::string(row.key) + (row.key == keys::kProtocolPrefix ? "80" : "");
    EXPECT_TRUE(is_known_key(key)) << key << ": add it to kPlaces in reconcilers/misplaced_keys.cc";
  }
}
using testing::HasSubstr;

std::string file(const std::string& path) {
  std::ifstream in(std::string(MESHGRAFT_SOURCE_DIR) + "/" + path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

TEST(Reference, docs_are_what_the_program_prints) {
  for (const auto& [name, text] : reference_docs()) {
    EXPECT_TRUE(file("docs/" + name) == text) << "docs/" << name << " is old; run: meshgraft reference docs docs";
  }
}

TEST(Reference, the_chart_grants_what_the_program_prints) {
  EXPECT_TRUE(file("charts/meshgraft/files/rbac.yaml") == reference_rbac()) << "run: meshgraft reference rbac > charts/meshgraft/files/rbac.yaml";
}

TEST(Readme, shows_what_plan_prints) {
  const std::string want = file("tests/golden/two-plain-services/want.txt");
  for (const char* name : {"README.md", "README.zh-CN.md"}) {
    const std::string text = file(name);
    const std::size_t begin = text.find("member-template:");
    ASSERT_NE(begin, std::string::npos) << name;
    EXPECT_NE(want.find(text.substr(begin, text.find("```", begin) - begin)), std::string::npos) << name;
  }
}

TEST(Reference, every_key_of_ours_stands_in_the_table) {
  std::set<std::string> known;
  for (const KeyInfo& row : key_table()) known.emplace(row.key);
  const std::string header = file("reconcilers/keys.h");
  const std::regex pattern("\"(meshgraft\\.io/[^\"]+)\"");
  int seen = 0;
  for (std::sregex_iterator at(header.begin(), header.end(), pattern), end; at != end; ++at, ++seen) {
    EXPECT_TRUE(known.contains((*at)[1])) << (*at)[1];
  }
  EXPECT_GT(seen, 20);
}

TEST(Reference, every_metric_served_stands_in_the_table_with_its_type) {
  const Metrics metrics("test", "test");
  std::map<std::string, std::string> served;
  std::istringstream lines(metrics.text());
  for (std::string hash, type, name, kind; lines >> hash;) {
    std::string rest;
    if (hash == "#" && lines >> type && type == "TYPE" && lines >> name >> kind) served[name] = kind;
    std::getline(lines, rest);
  }
  std::map<std::string, std::string> told;
  for (const MetricInfo& row : metric_table()) told.emplace(row.name, row.type);
  EXPECT_EQ(served, told);
}

TEST(Reference, every_finding_has_a_paragraph_in_both_languages) {
  const std::string english = reference_findings();
  const std::string chinese = reference_findings_chinese();
  for (const FindingInfo& row : finding_table()) {
    EXPECT_THAT(english, HasSubstr("### " + std::string(row.code) + " " + std::string(row.title)));
    EXPECT_THAT(chinese, HasSubstr("### " + std::string(row.code) + " " + std::string(row.title_zh)));
    EXPECT_FALSE(row.title_zh.empty() || row.cause.empty() || row.cause_zh.empty() || row.source.empty()) << row.code;
  }
}

TEST(Reference, rights_are_those_of_the_rules_and_never_touch_secrets) {
  const Result<Json> rules = yaml_to_json(reference_rbac(), "rbac");
  ASSERT_TRUE(rules) << rules.error().text;
  std::map<std::string, std::set<std::string>> rights;
  for (const Json& rule : *rules) {
    for (const Json& resource : rule["resources"]) {
      for (const Json& verb : rule["verbs"]) {
        rights[rule["apiGroups"][0].get<std::string>() + "/" + resource.get<std::string>()].insert(verb.get<std::string>());
      }
    }
  }
  EXPECT_FALSE(rights.contains("/secrets"));
  for (const auto& [resource, verbs] : rights) EXPECT_FALSE(verbs.contains("*")) << resource;
  for (const Reconciler& row : registry()) {
    for (const RbacRule& rule : row.rbac) {
      for (const std::string_view verb : rule.verbs) {
        EXPECT_TRUE(rights[std::string(rule.group) + "/" + std::string(rule.resource)].contains(std::string(verb))) << row.name;
      }
    }
  }
}

TEST(Reference, every_flag_stands_in_its_table) {
  const test::Called got = test::call({"reference", "flags"});
  EXPECT_EQ(got.status, 0);
  for (const char* flag : {"`-f,--filename`", "`--app`", "`--metrics-address`", "`--fail-on`", "`-w,--watch`"}) EXPECT_THAT(got.out, HasSubstr(flag));
}

}  // namespace
}  // namespace meshgraft
