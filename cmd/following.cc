#include "cmd/following.h"

#include <thread>

#include "cmd/plan.h"

namespace meshgraft {

Time time_of(const Terminal& terminal) { return terminal.now ? terminal.now() : std::chrono::steady_clock::now(); }

void pause_between_looks(const Terminal& terminal) {
  if (terminal.pause) {
    terminal.pause(kLookEvery);
  } else {
    std::this_thread::sleep_for(kLookEvery);
  }
}

bool Outage::bears(const ReadError& error, Time begun) {
  const bool is_news = !since_;
  if (is_news) since_ = begun;
  const bool borne = error.passes && time_of(terminal_) - *since_ < kAnswersWithin;
  if (is_news || !borne) print_error(error.text, terminal_);
  return borne;
}

Duration Outage::end() {
  const Duration lasted = since_ ? time_of(terminal_) - *since_ : Duration::zero();
  since_.reset();
  return lasted;
}

}  // namespace meshgraft
