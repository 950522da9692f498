#pragma once
// The command completion: scripts for bash, zsh and fish, made from the table of commands and flags.

#include <string>
#include <string_view>

#include "cmd/terminal.h"

namespace meshgraft {

// `shell`: bash, zsh or fish.
std::string completion_script(std::string_view shell);

}  // namespace meshgraft
