#pragma once
// CallSlots: bounds how many calls run at the same time. Used by the transport; fair enough: a freed slot wakes one
// waiter.

#include <cstddef>

#include "k8sclient/base/clock.h"
#include "k8sclient/base/mutex.h"

namespace meshgraft {

class CallSlots {
 public:
  explicit CallSlots(std::size_t limit) : limit_(limit) {}

  // A taken place, given back at the end of the scope. False when none came free before `deadline`.
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

 private:
  bool take(Time deadline) {
    MutexLock lock(mutex_);
    while (taken_ >= limit_) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      freed_.wait_until(mutex_, deadline);
    }
    ++taken_;
    return true;
  }

  void give() {
    MutexLock lock(mutex_);
    --taken_;
    freed_.notify_one();
  }

  const std::size_t limit_;
  Mutex mutex_;
  Condition freed_;
  std::size_t taken_ GUARDED_BY(mutex_) = 0;
};

}  // namespace meshgraft
