#pragma once
// What the commands share that look at a cluster again and again (release, undo, status --watch): the pause between two
// looks, the one clock that says how long something has lasted, and how long a server without an answer is borne. Reads
// no cluster itself.

#include <chrono>
#include <optional>

#include "cmd/live_world.h"
#include "cmd/terminal.h"
#include "k8sclient/base/clock.h"

namespace meshgraft {

constexpr std::chrono::seconds kLookEvery{2};  // watch(1)'s default
// A controller answers in a second; one that starts, or takes over a lease of 15 s, in a minute at most. Twice that.
constexpr std::chrono::seconds kAnswersWithin{120};

// Now, by the terminal's clock. A call may take 30 s, so how long something lasts is never told by counting pauses.
Time time_of(const Terminal& terminal);

void pause_between_looks(const Terminal& terminal);

// One outage of the API server after the other, as somebody meets them who looks every kLookEvery.
class Outage {
 public:
  // `terminal` outlives this.
  explicit Outage(const Terminal& terminal) : terminal_(terminal) {}

  // Judges the look that was begun at `begun` and failed. An outage is said once, and borne for kAnswersWithin from the
  // first look that failed. False, and said, when it lasts longer or is an error that stays: the following ends.
  bool bears(const ReadError& error, Time begun);

  // A look succeeded. Returns how long none had: nobody can have done anything meanwhile.
  Duration end();

 private:
  const Terminal& terminal_;
  std::optional<Time> since_;  // the first look that failed
};

}  // namespace meshgraft
