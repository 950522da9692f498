#pragma once
// The golden cases: every directory under tests/golden that holds a file `args` is one. Read by the tests of this
// folder, which play them; never writes.

#include <filesystem>
#include <string>
#include <vector>

namespace meshgraft {

// tests/golden.
const std::filesystem::path& golden_root();

// Their names, "members/two-versions", sorted.
std::vector<std::string> golden_cases();

// The command line of the case in `directory`: the words of `args`, where lines that begin with # say what the case is
// about. The case's own manifests are read first; a case without any names others with -f, from its directory on.
std::vector<std::string> flags_of(const std::filesystem::path& directory);

// The whole file; "" when it cannot be read.
std::string text_of(const std::filesystem::path& path);

// `name` with everything that GoogleTest does not allow in a test's name replaced.
std::string test_name_of(std::string name);

}  // namespace meshgraft
