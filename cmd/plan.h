#pragma once
// The commands plan and check: what run would change and in which order, and what is wrong. Called by program.cc;
// change nothing. Files and a cluster go through the same foresee().

#include "cmd/report.h"
#include "cmd/terminal.h"

namespace meshgraft {

// The report of everything that the options name. Errors: what load() could not read.
Result<Report> foretell(const Options& options, const Terminal& terminal);

// Exit status: 0 nothing to change, 2 changes, 1 error.
int print_plan(const Options& options, const Terminal& terminal);

// Exit status: 0 no finding at or above --fail-on, 2 some, 1 error.
int print_check(const Options& options, const Terminal& terminal);

// "error: …" for every line of `text`; returns 1.
int print_error(const std::string& text, const Terminal& terminal);

}  // namespace meshgraft
