#pragma once
// give_back_memory: returns to the kernel what only the start needed. Called by run when every kind was listed, and
// once more when the first plans are made.

namespace meshgraft {

// The heap's free pages, and the mapped pages of program code: start-up touches most of it (relocation, TLS tables,
// first lists), work afterwards a third. Code that is needed again comes back from the page cache by itself. Pages that
// somebody wrote to (a debugger's breakpoints) stay.
void give_back_memory();

}  // namespace meshgraft
