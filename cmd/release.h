#pragma once
// release: prints the grayscale releases of a namespace, or asks for one to be promoted or aborted (one annotation on
// its Strategy) and follows it to its end. Called by program(). Writes nothing but that annotation: all else is the
// controller's.

#include "cmd/options.h"
#include "cmd/terminal.h"

namespace meshgraft {

// Exit status: 0 printed, or ended as asked; 1 an error, or it was held, refused or ended otherwise. With --promote and
// --abort also when no controller takes it up: then the annotations are as they were before.
int print_release(const Options& options, const Terminal& terminal);

}  // namespace meshgraft
