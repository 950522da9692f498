#pragma once
// Clock: the only way to read or wait for time, so that tests advance it instead of sleeping. Used by queue,
// watcher, leader and worker; never by the pure layers, which get time as a value.

#include <chrono>

#include "k8sclient/base/mutex.h"

namespace meshgraft {

using Time = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

class Clock {
 public:
  virtual ~Clock() = default;

  // Monotonic; for intervals and deadlines.
  [[nodiscard]] virtual Time now() const = 0;

  // Wall time, UTC; for what is shown or stored in an object.
  [[nodiscard]] virtual std::chrono::system_clock::time_point utc() const = 0;

  // Blocks until `condition` is notified or `deadline` is reached, whichever is first; may wake early.
  // The caller holds `mutex`; it is released while waiting.
  virtual void wait_until(Mutex& mutex, Condition& condition, Time deadline) REQUIRES(mutex) = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Time now() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] std::chrono::system_clock::time_point utc() const override { return std::chrono::system_clock::now(); }
  void wait_until(Mutex& mutex, Condition& condition, Time deadline) override { condition.wait_until(mutex, deadline); }
};

}  // namespace meshgraft
