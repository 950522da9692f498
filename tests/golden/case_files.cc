#include "tests/golden/case_files.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

namespace meshgraft {

namespace fs = std::filesystem;

const fs::path& golden_root() {
  static const fs::path root = fs::path(MESHGRAFT_SOURCE_DIR) / "tests" / "golden";
  return root;
}

std::vector<std::string> golden_cases() {
  std::vector<std::string> found;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(golden_root())) {
    if (entry.path().filename() == "args") found.push_back(fs::relative(entry.path().parent_path(), golden_root()).string());
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

std::string test_name_of(std::string name) {
  for (char& letter : name) letter = std::isalnum(static_cast<unsigned char>(letter)) != 0 ? letter : '_';
  return name;
}

}  // namespace meshgraft
