#pragma once
// CallSlots: bounds how many calls run at the same time, and yields to a server that says it is too busy. Used by the
// transport. Kubernetes' priority and fairness answers 429 with Retry-After to whom it has no seat for: until then no
// call is begun, and half as many run afterwards; every good answer gives a part of a place back. Fair enough: a freed
// slot wakes one waiter.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string_view>

#include "k8sclient/base/clock.h"
#include "k8sclient/base/mutex.h"

namespace meshgraft {

class CallSlots {
 public:
  // A proxy's Retry-After of an hour must not stop us for an hour.
  static constexpr std::chrono::seconds kPauseMost{30};

  // `yields`: false leaves 429 to the caller alone, as leader election needs it: a pause would cost the Lease.
  explicit CallSlots(std::size_t limit, bool yields = true)
      : limit_(limit), yields_(yields), places_(static_cast<double>(limit)) {}

  // A taken place, given back at the end of the scope. False when none came free before `deadline`; at once when the
  // server's pause lasts longer than that.
  class Slot {
   public:
    Slot(CallSlots& slots, Time deadline) : slots_(slots), taken_(slots.take(deadline)) {}
    ~Slot() {
      if (taken_) slots_.give();
    }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    explicit operator bool() const { return taken_; }

   private:
    CallSlots& slots_;
    const bool taken_;
  };

  // What a call was answered: an HTTP status and the text of its Retry-After, "" when it had none.
  void answered(int status, std::string_view retry_after, Time now) {
    if (!yields_) return;
    MutexLock lock(mutex_);
    if (status != 429) {
      if (status >= 200 && status < 300) places_ = std::min(static_cast<double>(limit_), places_ + 1 / places_);
      return;
    }
    // Answers to calls that were under way together count once.
    if (now >= paused_until_) places_ = std::max(1.0, places_ / 2);
    std::chrono::seconds::rep seconds = 0;
    std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), seconds);
    const std::chrono::seconds pause = std::clamp(std::chrono::seconds(seconds), std::chrono::seconds(0), kPauseMost);
    paused_until_ = std::max(paused_until_, now + pause);
  }

  // How long the server's pause still lasts; zero without one.
  [[nodiscard]] Duration pause_left(Time now) const {
    MutexLock lock(mutex_);
    return std::max(Duration::zero(), paused_until_ - now);
  }
  // How many calls may run at this moment.
  [[nodiscard]] std::size_t places() const {
    MutexLock lock(mutex_);
    return static_cast<std::size_t>(places_);
  }

 private:
  bool take(Time deadline) {
    MutexLock lock(mutex_);
    while (true) {
      const Time now = std::chrono::steady_clock::now();
      const bool paused = now < paused_until_;
      if (!paused && taken_ < static_cast<std::size_t>(places_)) break;
      if (now >= deadline || (paused && paused_until_ >= deadline)) return false;
      freed_.wait_until(mutex_, paused ? paused_until_ : deadline);
    }
    ++taken_;
    // Several places may have come back with one.
    if (taken_ < static_cast<std::size_t>(places_)) freed_.notify_one();
    return true;
  }

  void give() {
    MutexLock lock(mutex_);
    --taken_;
    freed_.notify_one();
  }

  const std::size_t limit_;
  const bool yields_;
  mutable Mutex mutex_;
  Condition freed_;
  double places_ GUARDED_BY(mutex_);  // from 1 to limit_
  Time paused_until_ GUARDED_BY(mutex_){};
  std::size_t taken_ GUARDED_BY(mutex_) = 0;
};

}  // namespace meshgraft
