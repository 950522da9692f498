#pragma once
// undo: prints the way back of a namespace as plan prints the way in, or with --yes takes its labels off and follows
// the controller until the namespace is as before. Called by program(). Writes nothing but those labels: all else is
// the controller's.

#include "cmd/options.h"
#include "cmd/terminal.h"

namespace meshgraft {

// Exit status: 0 nothing to take back, or --yes and all is back; 2 there is something to take back (without --yes);
// 1 an error, and with --yes also when no controller takes it up: then the labels stand again.
int print_undo(const Options& options, const Terminal& terminal);

}  // namespace meshgraft
