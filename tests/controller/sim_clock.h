#pragma once
// SimClock: a Clock that stands still until a test advances it. Used by every test of the controller; safe from
// several threads. Never waits for real time to pass.

#include <set>

#include "k8sclient/base/clock.h"

namespace meshgraft {

class SimClock final : public Clock {
 public:
  [[nodiscard]] Time now() const override EXCLUDES(state_);
  [[nodiscard]] std::chrono::system_clock::time_point utc() const override EXCLUDES(state_);

  // Blocks until notified or until advance() reaches `deadline`.
  void wait_until(Mutex& mutex, Condition& condition, Time deadline) override REQUIRES(mutex);

  // Moves both clocks and wakes everybody who waits.
  void advance(Duration by) EXCLUDES(state_);

  // Somebody sets the machine's clock: utc() jumps, now() goes on.
  void set_utc_by(Duration by) EXCLUDES(state_);

 private:
  mutable Mutex state_;
  Duration passed_ GUARDED_BY(state_) = std::chrono::hours(1);
  Duration set_by_ GUARDED_BY(state_) = Duration::zero();
  struct Waiter {
    Mutex* mutex;
    Condition* condition;
    auto operator<=>(const Waiter&) const = default;
  };
  std::multiset<Waiter> waiters_ GUARDED_BY(state_);
};

}  // namespace meshgraft
