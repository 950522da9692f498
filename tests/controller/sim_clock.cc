#include "tests/controller/sim_clock.h"

#include <vector>

namespace meshgraft {

Time SimClock::now() const {
  const MutexLock lock(state_);
  return Time(passed_);
}

std::chrono::system_clock::time_point SimClock::utc() const {
  const MutexLock lock(state_);
  constexpr std::chrono::seconds kStart{1'767'225'600};  // 2026-01-01T00:00:00Z, where the fake server's clock begins too
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(kStart + passed_ + set_by_ - std::chrono::hours(1)));
}

void SimClock::set_utc_by(Duration by) {
  const MutexLock lock(state_);
  set_by_ += by;
}

void SimClock::wait_until(Mutex& mutex, Condition& condition, Time deadline) {
  {
    const MutexLock lock(state_);
    if (Time(passed_) >= deadline) return;
    waiters_.insert({&mutex, &condition});
  }
  condition.wait(mutex);
  const MutexLock lock(state_);
  waiters_.erase(waiters_.find({&mutex, &condition}));
}

void SimClock::advance(Duration by) {
  std::vector<Waiter> waiters;
  {
    const MutexLock lock(state_);
    passed_ += by;
    waiters.assign(waiters_.begin(), waiters_.end());
  }
  for (const Waiter& waiter : waiters) {
    // Holding the waiter's mutex, so that it cannot be between its look at the clock and its wait.
    const MutexLock lock(*waiter.mutex);
    waiter.condition->notify_all();
  }
}

}  // namespace meshgraft
