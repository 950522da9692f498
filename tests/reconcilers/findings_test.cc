#include "reconcilers/findings.h"

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace meshgraft {
namespace {

namespace fs = std::filesystem;

// Every "MGnnn" that stands in `text`.
std::set<std::string> codes_in(const std::string& text) {
  std::set<std::string> codes;
  for (std::size_t at = text.find("MG"); at != std::string::npos; at = text.find("MG", at + 1)) {
    const std::string code = text.substr(at, 5);
    if (code.size() == 5 && std::isdigit(static_cast<unsigned char>(code[2])) &&
        std::isdigit(static_cast<unsigned char>(code[3])) && std::isdigit(static_cast<unsigned char>(code[4]))) {
      codes.insert(code);
    }
  }
  return codes;
}

TEST(Findings, the_table_is_sorted_and_every_row_is_complete_in_both_languages) {
  std::string_view last;
  for (const FindingInfo& row : finding_table()) {
    EXPECT_LT(last, row.code);
    last = row.code;
    EXPECT_EQ(row.code.size(), 5U);
    for (const std::string_view text : {row.title, row.cause, row.title_zh, row.cause_zh, row.source})
      EXPECT_FALSE(text.empty()) << row.code;
    EXPECT_EQ(row.remedy.empty(), row.remedy_zh.empty()) << row.code;
    if (row.severity != Severity::info) {
      EXPECT_FALSE(row.remedy.empty()) << row.code << " can be acted on, so it says how";
    }
  }
}

TEST(Findings, every_code_that_a_rule_names_has_a_row) {
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(MESHGRAFT_SOURCE_DIR) / "reconcilers")) {
    const std::string name = entry.path().filename().string();
    if (entry.path().extension() != ".cc" || name.starts_with("findings_")) continue;
    std::ifstream file(entry.path());
    std::stringstream text;
    text << file.rdbuf();
    for (const std::string& code : codes_in(text.str()))
      EXPECT_NE(finding_info(code), nullptr) << code << " in " << name;
  }
}

TEST(Findings, take_severity_and_remedy_from_the_table) {
  const ObjectKey web{Kind::deployment, "shop", "web"};
  const Finding made = finding("MG209", web, "text");
  EXPECT_EQ(made.severity, Severity::error);
  EXPECT_EQ(made.remedy, finding_info("MG209")->remedy);
  EXPECT_EQ(finding("MG209", web, "text", "do this").remedy, "do this");
  EXPECT_EQ(finding_info("MG000"), nullptr);
}

}  // namespace
}  // namespace meshgraft
