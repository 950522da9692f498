// Every test and every fault that docs/design/client-cases.md names is there, under that name, and no fault is missing in
// its counts; every test and every row of a test that docs/design/envoy-cases.md names is there, and no row is left out.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace {

namespace fs = std::filesystem;
const fs::path kRoot = MESHGRAFT_SOURCE_DIR;

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// "Suite.name" of every GoogleTest case and "test_name" of every Python one.
std::set<std::string> all_tests() {
  const std::regex cpp(R"(TEST(?:_F|_P)?\((\w+),\s*(\w+)\))"), python(R"(def (test_\w+)\()");
  std::set<std::string> names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kRoot / "tests")) {
    const bool is_python = entry.path().extension() == ".py";
    if (!is_python && entry.path().extension() != ".cc") continue;
    const std::string text = text_of(entry.path());
    for (std::sregex_iterator found(text.begin(), text.end(), is_python ? python : cpp), end; found != end; ++found)
      names.insert(is_python ? (*found)[1].str() : (*found)[1].str() + "." + (*found)[2].str());
  }
  return names;
}

TEST(NamedTests, every_test_that_the_clients_cases_name_is_there) {
  const std::set<std::string> names = all_tests();
  const std::string page = text_of(kRoot / "docs/design/client-cases.md");
  // `Suite.name`, `Suite.…`, `name_of_many_words`, `test_name`; "…" at either end stands for the rest.
  const std::regex quoted(R"(`(…)?((?:[A-Z]\w*\.)?(?:…)?[A-Za-z]*_\w+|[A-Z]\w*\.…)(…)?`)");
  int seen = 0;
  for (std::sregex_iterator found(page.begin(), page.end(), quoted), end; found != end; ++found) {
    std::string wanted = (*found)[2];
    std::string suite;
    if (const std::size_t dot = wanted.find('.'); dot != std::string::npos) {
      suite = wanted.substr(0, dot + 1);
      wanted.erase(0, dot + 1);
    }
    for (std::size_t at = 0; (at = wanted.find("…")) != std::string::npos;) wanted.erase(at, std::string("…").size());
    if (suite.empty() && std::count(wanted.begin(), wanted.end(), '_') < 3) continue;  // a file or a function
    ++seen;
    EXPECT_TRUE(std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return name.rfind(suite, 0) == 0 && name.find(wanted, suite.size()) != std::string::npos;
    })) << found->str();
  }
  EXPECT_GT(seen, 50);  // the reader works
}

// The faults of tests/fakes/list_watch_server.cc: name -> On::list, On::watch or On::any.
std::map<std::string, std::string> all_faults() {
  const std::regex row(R"x(\{"([a-z0-9-]+)", On::(list|watch|any)\b)x");
  const std::string text = text_of(kRoot / "tests/fakes/list_watch_server.cc");
  std::map<std::string, std::string> faults;
  for (std::sregex_iterator found(text.begin(), text.end(), row), end; found != end; ++found)
    faults.emplace((*found)[1], (*found)[2]);
  return faults;
}

TEST(NamedTests, every_fault_that_the_clients_cases_name_is_there_and_all_are_counted) {
  const std::map<std::string, std::string> faults = all_faults();
  const std::string page = text_of(kRoot / "docs/design/client-cases.md");
  const std::regex quoted(R"(`([a-z0-9]+(?:-[a-z0-9]+)+)`)");
  int seen = 0;
  for (std::sregex_iterator found(page.begin(), page.end(), quoted), end; found != end; ++found, ++seen)
    EXPECT_TRUE(faults.contains((*found)[1])) << found->str();
  EXPECT_GT(seen, 15);
  const auto meet = [&faults](std::string_view on) {
    return std::count_if(faults.begin(), faults.end(),
                         [on](const auto& fault) { return fault.second == on || fault.second == "any"; });
  };
  EXPECT_NE(page.find("wire: " + std::to_string(meet("list")) + " faults by name, at the first list"), std::string::npos)
      << meet("list");
  EXPECT_NE(page.find("wire: " + std::to_string(meet("watch")) + " faults by name"), std::string::npos) << meet("watch");
  EXPECT_NE(text_of(kRoot / "CHANGELOG.md").find("survives " + std::to_string(faults.size()) + " faults by name"),
            std::string::npos)
      << faults.size();
}

// The body of a Python test, to the next one.
std::string body_of(const std::string& text, const std::string& test) {
  const std::size_t begin = text.find("def " + test + "(");
  return begin == std::string::npos ? "" : text.substr(begin, text.find("\n    def test_", begin + 1) - begin);
}

TEST(NamedTests, every_fact_about_the_sidecars_names_the_tests_and_rows_that_ask_for_it_or_says_why_none_does) {
  const std::string tests = text_of(kRoot / "tests/e2e/test_sidecars.py");
  const std::regex row(R"(\| ([^|]+) \| ([^|]+) \| ([^|]+) \|)"), word(R"x(\b(test_\w+)|"([^"]+)")x");
  std::set<std::string> asked, labels;
  int facts = 0;
  std::istringstream page(text_of(kRoot / "docs/design/envoy-cases.md"));
  for (std::string line; std::getline(page, line);) {
    std::smatch cells;
    if (!line.starts_with("| ") || line.starts_with("| fact ")) continue;
    ASSERT_TRUE(std::regex_match(line, cells, row)) << line;
    ++facts;
    const std::string by = cells[3];
    if (by.starts_with('(')) {
      EXPECT_GT(by.size(), 40U) << "no reason: " << line;
      continue;
    }
    std::string body;
    for (std::sregex_iterator found(by.begin(), by.end(), word), end; found != end; ++found) {
      if ((*found)[1].matched) {
        body = body_of(tests, (*found)[1]);
        EXPECT_FALSE(body.empty()) << (*found)[1] << " is no test: " << line;
        asked.insert((*found)[1]);
      } else {
        EXPECT_NE(body.find("\"" + (*found)[2].str() + "\""), std::string::npos) << (*found)[2] << " is no row: " << line;
        labels.insert((*found)[2]);
      }
    }
    EXPECT_FALSE(body.empty()) << "no test: " << line;
  }
  EXPECT_GT(facts, 25);  // the reader works
  const std::regex test(R"(def (test_\w+)\()"), label(R"x(\n                \("([^"]+)",)x");
  for (std::sregex_iterator found(tests.begin(), tests.end(), test), end; found != end; ++found) EXPECT_TRUE(asked.contains((*found)[1])) << (*found)[1] << " asks for no fact of the page";
  for (std::sregex_iterator found(tests.begin(), tests.end(), label), end; found != end; ++found) EXPECT_TRUE(labels.contains((*found)[1])) << (*found)[1] << " stands in no row of the page";
}

}  // namespace
