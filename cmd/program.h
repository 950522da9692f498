#pragma once
// program: one call of the command line, from arguments to exit status. main calls it; tests call it with string
// streams. Exit statuses are the contract's: 0, 1 error, 2 something to change or found.

#include <string>
#include <vector>

#include "cmd/terminal.h"

namespace meshgraft {

// `arguments`: argv, the program's name first. What starts the controller is `start`, so that tests need no daemon.
int program(const std::vector<std::string>& arguments, const Terminal& terminal, int (*start)(const Options&, const Terminal&));

}  // namespace meshgraft
