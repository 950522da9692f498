// The tables of docs/design/rule-cases.md, traps.md and ingress-cases.md against the golden cases: every case that they name
// is there and shows what its column says, every rule has its row, and every finding of the table is shown by a case or
// by a named test.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cmd/source.h"
#include "reconcilers/findings.h"
#include "reconcilers/foresee.h"
#include "reconcilers/reconciler.h"
#include "tests/golden/case_files.h"

namespace meshgraft {
namespace {

namespace fs = std::filesystem;
using Row = std::vector<std::string>;

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) parts.push_back(trimmed(part));
  return parts;
}

// The rows of the table that begins with the column `first` and has `columns` columns.
std::vector<Row> table(const std::string& page, const std::string& first, std::size_t columns) {
  std::vector<Row> rows;
  bool inside = false;
  for (const std::string& line : split(text_of(fs::path(MESHGRAFT_SOURCE_DIR) / "docs/design" / page), '\n')) {
    if (!line.starts_with('|')) {
      inside = false;
      continue;
    }
    Row row = split(line, '|');
    row.erase(row.begin());
    if (row.front() == first && row.size() == columns) {
      inside = true;
    } else if (inside && !row.front().starts_with("---")) {
      EXPECT_EQ(row.size(), columns) << line;
      if (row.size() == columns) rows.push_back(std::move(row));
    }
  }
  EXPECT_FALSE(rows.empty()) << page << ": " << first;
  return rows;
}

// "MG204 members/two-versions" or "members/two-versions".
struct Cell {
  std::string word, name;
};
std::vector<Cell> cells(const std::string& text) {
  std::vector<Cell> all;
  if (text.starts_with('(')) return all;
  for (const std::string& one : split(text, ',')) {
    const std::size_t space = one.find(' ');
    all.push_back(space == std::string::npos ? Cell{"", one} : Cell{one.substr(0, space), one.substr(space + 1)});
  }
  return all;
}

struct Played {
  Foreseen foreseen;
  bool is_old = false;  // KubeSphere with Istio to 1.11
};

// Plays a case once.
const Played& play(const std::string& name) {
  static std::map<std::string, std::unique_ptr<Played>> known;
  std::unique_ptr<Played>& played = known[name];
  if (played) return *played;
  played = std::make_unique<Played>();
  const fs::path directory = golden_root() / name;
  EXPECT_TRUE(fs::exists(directory / "args")) << name << " is no golden case";
  if (!fs::exists(directory / "args")) return *played;
  fs::current_path(directory);
  const Parsed parsed = parse_options(flags_of("."));
  EXPECT_TRUE(parsed.options) << name;
  if (!parsed.options) return *played;
  std::istringstream in;
  std::ostringstream out;
  Result<Source, ReadError> source = load(*parsed.options, Terminal{in, out, out});
  EXPECT_TRUE(source) << name;
  if (!source) return *played;
  const Facts facts = derive_facts(source->world, parsed.options->settings);
  played->is_old = facts.platform.kubesphere && facts.mesh.version && *facts.mesh.version < Version{1, 12, 0};
  played->foreseen = foresee(source->world, parsed.options->settings);
  return *played;
}

bool writes(const Played& played, const std::string& rule, const std::string& kind = "") {
  return std::any_of(played.foreseen.steps.begin(), played.foreseen.steps.end(), [&](const Foreseen::Step& step) {
    return step.change.rule == rule && (kind.empty() || to_string(step.change.target).starts_with(kind + " "));
  });
}

bool finds(const Played& played, const std::string& code) {
  return std::any_of(played.foreseen.findings.begin(), played.foreseen.findings.end(), [&code](const Finding& one) { return one.code == code; });
}

TEST(RuleCases, every_rule_that_writes_is_shown_plain_under_both_meshes_satisfied_refused_and_taken_back) {
  for (const Row& row : table("rule-cases.md", "rule", 6)) {
    const std::string& rule = row[0];
    for (const std::size_t column : {1U, 2U}) {
      EXPECT_FALSE(cells(row[column]).empty()) << rule;
      for (const Cell& cell : cells(row[column])) {
        EXPECT_TRUE(writes(play(cell.name), rule)) << rule << " writes nothing in " << cell.name;
        EXPECT_EQ(play(cell.name).is_old, column == 1) << cell.name << " stands in the wrong column";
      }
    }
    EXPECT_FALSE(cells(row[3]).empty()) << rule;
    for (const Cell& cell : cells(row[3])) EXPECT_FALSE(writes(play(cell.name), rule)) << rule << " writes in " << cell.name;
    EXPECT_FALSE(cells(row[4]).empty()) << rule;
    for (const Cell& cell : cells(row[4])) EXPECT_TRUE(finds(play(cell.name), cell.word)) << cell.word << " is not told in " << cell.name;
    for (const Cell& cell : cells(row[5])) EXPECT_TRUE(writes(play(cell.name), "undo", cell.word) || (cell.name.starts_with("back/") && writes(play(cell.name), rule, cell.word))) << "no " << cell.word << " is taken back in " << cell.name;
  }
}

TEST(RuleCases, every_rule_that_only_reports_is_shown_under_both_meshes_and_silent) {
  for (const Row& row : table("rule-cases.md", "rule", 4)) {
    for (const std::size_t column : {1U, 2U}) {
      for (const Cell& cell : cells(row[column])) {
        EXPECT_TRUE(finds(play(cell.name), cell.word)) << cell.word << " is not told in " << cell.name;
        EXPECT_EQ(play(cell.name).is_old, column == 1) << cell.name << " stands in the wrong column";
      }
    }
    std::set<std::string> codes;
    for (const std::size_t column : {1U, 2U}) {
      for (const Cell& cell : cells(row[column])) codes.insert(cell.word);
    }
    for (const Cell& cell : cells(row[3])) {
      for (const std::string& code : codes) {
        if (row[0] == "pod_traps" && code != "MG221") continue;  // its cases are about the probe alone
        EXPECT_FALSE(finds(play(cell.name), code)) << code << " is told in " << cell.name;
      }
    }
  }
}

TEST(RuleCases, every_rule_of_the_registry_has_a_row) {
  std::set<std::string> rows;
  for (const std::size_t columns : {6U, 4U}) {
    for (const Row& row : table("rule-cases.md", "rule", columns)) EXPECT_TRUE(rows.insert(row[0]).second) << row[0] << " stands there twice";
  }
  std::set<std::string> rules;
  for (const Reconciler& rule : registry()) rules.emplace(rule.name);
  EXPECT_EQ(rows, rules);
}

// Every MGnnn that stands in the file.
std::set<std::string> codes_in(const fs::path& file) {
  std::set<std::string> codes;
  const std::string text = text_of(file);
  const std::regex code("MG[0-9]{3}");
  for (std::sregex_iterator found(text.begin(), text.end(), code), end; found != end; ++found) codes.insert(found->str());
  return codes;
}

TEST(FindingCases, every_finding_is_in_the_output_of_a_case_or_in_a_named_test) {
  std::set<std::string> shown;
  for (const std::string& name : golden_cases()) shown.merge(codes_in(golden_root() / name / "want.txt"));
  const fs::path root = MESHGRAFT_SOURCE_DIR;
  const std::regex quoted("`(\\w+)\\.(\\w+)`");
  for (const Row& row : table("rule-cases.md", "finding", 2)) {
    EXPECT_FALSE(shown.contains(row[0])) << row[0] << " is in the output of a case by now: take its row out";
    shown.insert(row[0]);
    if (row[1].starts_with('(')) continue;
    if (!row[1].starts_with('`')) {
      EXPECT_TRUE(codes_in(root / row[1]).contains(row[0])) << row[1] << " does not ask for " << row[0];
      continue;
    }
    std::smatch name;
    ASSERT_TRUE(std::regex_match(row[1], name, quoted)) << row[1];
    const std::string suite = name[1], test = name[2];
    bool found = false;
    for (const fs::directory_entry& file : fs::recursive_directory_iterator(root / "tests")) {
      if (file.path().extension() != ".cc") continue;
      const std::string text = text_of(file.path());
      found = found || ((text.find("TEST_F(" + suite + ", " + test + ")") != std::string::npos || text.find("TEST(" + suite + ", " + test + ")") != std::string::npos) &&
                        text.find(row[0]) != std::string::npos);
    }
    EXPECT_TRUE(found) << row[1] << " is not there, or does not ask for " << row[0];
  }
  for (const FindingInfo& info : finding_table()) EXPECT_TRUE(shown.contains(std::string(info.code))) << info.code << " is shown nowhere";
}

// Every case that the rows of a page name is there, and every finding of a row is told in one of its cases.
void expect_told(const std::string& page, const std::string& first) {
  const std::vector<std::string> all = golden_cases();
  const std::regex code("MG[0-9]{3}");
  std::set<std::string> in_tests;
  for (const Row& row : table("rule-cases.md", "finding", 2)) in_tests.insert(row[0]);
  for (const Row& row : table(page, first, 3)) {
    std::set<std::string> told;
    for (std::string name : split(row[2], ',')) {
      if (name.starts_with("the cases ")) name.erase(0, 10);  // "the cases middleware-…"
      const std::size_t more = name.find("…");
      const std::string wanted = name.substr(0, more);
      int found = 0;
      for (const std::string& one : all) {
        if (more == std::string::npos ? one != wanted : !one.starts_with(wanted)) continue;
        ++found;
        told.merge(codes_in(golden_root() / one / "want.txt"));
      }
      EXPECT_GT(found, 0) << name << " is no golden case: " << row[0];
    }
    for (std::sregex_iterator one(row[1].begin(), row[1].end(), code), end; one != end; ++one) {
      EXPECT_TRUE(told.contains(one->str()) || in_tests.contains(one->str())) << one->str() << " is told in none of the cases of: " << row[0];
    }
  }
}

TEST(TrapCases, every_case_that_the_table_of_traps_names_is_there_and_every_finding_is_told_in_one_of_its_cases) { expect_told("traps.md", "trap"); }

TEST(IngressCases, every_case_of_the_recorded_facts_is_there_and_every_finding_is_told_in_one_of_its_cases) { expect_told("ingress-cases.md", "fact"); }

}  // namespace
}  // namespace meshgraft
