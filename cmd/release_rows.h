#pragma once
// Grayscale releases as text: the rows of `meshgraft release` and `meshgraft status`, and the one line that follows a
// release. Called by those commands; asks no cluster.

#include <map>
#include <string>
#include <vector>

#include "cmd/terminal.h"
#include "reconcilers/types.h"

namespace meshgraft {

using Releases = std::map<std::string, std::vector<ReleaseState>>;  // by namespace

// One row for each release, columns aligned; "" when there is none.
std::string release_rows(const Releases& releases, const Terminal& terminal);

// Where a release is on its way: step `at` of `of`, both 0 while it is on none.
struct ReleaseProgress {
  int at = 0, of = 0;
};
ReleaseProgress progress_of(const ReleaseState& state);

// "shop/web: promoting 3/6, updating; traffic v1 0, gray 100; waits for …": no newline.
std::string release_line(const ReleaseState& state);

// The same with a bar before it, cut to one line of the terminal.
std::string release_bar(const ReleaseState& state, int width);

}  // namespace meshgraft
