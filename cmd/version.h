#pragma once
// Version: what this program is and was built with. Called by the version command and by connect (User-Agent).

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/terminal.h"

namespace meshgraft {

std::string_view version_number();   // "0.1.0"
std::string_view version_commit();   // of the source at configuration, "unknown" outside a repository

// Name and version of compiler and libraries, in a fixed order.
std::vector<std::pair<std::string, std::string>> version_table();

// The command. Returns the exit status.
int print_version(const Options& options, const Terminal& terminal);

}  // namespace meshgraft
