#pragma once
// The command status: one row per member of a live cluster, the facts, and following both. Called by program.cc;
// changes nothing.

#include <string>

#include "cmd/report.h"
#include "cmd/terminal.h"

namespace meshgraft {

// Exit status: 0, 1 error; with --settled 2 while something is still to be done.
int print_status(const Options& options, const Terminal& terminal);

// The rows as text, columns aligned, and a line of counts for every namespace.
std::string status_rows(const Report& report, const Terminal& terminal);

// "[#######---] 7/12 joined, 1 rolling": one line, no newline.
std::string progress_bar(const Report& report, int width);

}  // namespace meshgraft
