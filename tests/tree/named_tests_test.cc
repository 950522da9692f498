// Every test and every fault that docs/design/client-cases.md names is there, under that name, and no fault is missing in
// its counts.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
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

}  // namespace
