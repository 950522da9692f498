// Golden cases: every directory here that holds a file `args` is one. Its manifests are planned with those flags, and
// the whole output must equal want.txt; a plan of the foreseen result must be empty.
//
// MESHGRAFT_GOLDEN_UPDATE=1 rewrites want.txt: read the difference before committing it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cmd/program.h"
#include "cmd/source.h"
#include "reconcilers/foresee.h"

namespace meshgraft {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = fs::path(MESHGRAFT_SOURCE_DIR) / "tests" / "golden";

std::vector<std::string> cases() {
  std::vector<std::string> found;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kRoot)) {
    if (entry.path().filename() == "args") found.push_back(fs::relative(entry.path().parent_path(), kRoot).string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The words of `args`; lines that begin with # say what the case is about. The case's own manifests are read first; a
// case without any names others with -f.
std::vector<std::string> flags_of(const fs::path& directory) {
  std::vector<std::string> words{"meshgraft", "plan"};
  const auto is_manifest = [](const fs::directory_entry& entry) { return entry.path().extension() == ".yaml"; };
  if (std::any_of(fs::recursive_directory_iterator(directory), fs::recursive_directory_iterator(), is_manifest)) words.insert(words.end(), {"-f", "."});
  std::istringstream lines(text_of(directory / "args"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream rest(line);
    for (std::string word; rest >> word;) words.push_back(word);
  }
  return words;
}

int no_controller(const Options&, const Terminal&) { return 1; }

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, case_) {
  const fs::path directory = kRoot / GetParam();
  fs::current_path(directory);
  const std::vector<std::string> flags = flags_of(directory);
  std::istringstream in;
  std::ostringstream out;
  const Terminal terminal{in, out, out};
  const int status = program(flags, terminal, no_controller);
  const bool refused = out.str().starts_with("error: ");
  EXPECT_EQ(status == 1, refused) << out.str();

  const char* update = std::getenv("MESHGRAFT_GOLDEN_UPDATE");
  if (update != nullptr && std::string(update) == "1") {
    std::ofstream(directory / "want.txt", std::ios::binary) << out.str();
  }
  EXPECT_EQ(text_of(directory / "want.txt"), out.str());

  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), refused ? 1000 : 80) << line;
  if (refused) return;

  const Parsed parsed = parse_options(flags);
  ASSERT_TRUE(parsed.options) << parsed.text;
  Result<Source> source = load(*parsed.options, terminal);
  ASSERT_TRUE(source);
  const Foreseen first = foresee(source->world, parsed.options->settings);
  EXPECT_EQ(status, first.steps.empty() ? 0 : 2);
  const Foreseen second = foresee(first.after, parsed.options->settings);
  for (const Foreseen::Step& step : second.steps) {
    ADD_FAILURE() << "a plan of the result still wants to " << to_string(step.change.verb) << ' ' << to_string(step.change.target) << " ("
                  << to_string(step.change.stage) << "): " << step.change.why << '\n'
                  << to_text(step.change.body, 2);
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  for (char& letter : name) letter = std::isalnum(static_cast<unsigned char>(letter)) != 0 ? letter : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Plan, Golden, testing::ValuesIn(cases()), test_name);

}  // namespace
}  // namespace meshgraft
