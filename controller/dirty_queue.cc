#include "controller/dirty_queue.h"

#include <algorithm>
#include <utility>

namespace meshgraft {

void DirtyQueue::add(const std::string& name) {
  const MutexLock lock(mutex_);
  add_locked(name);
}

void DirtyQueue::add_after(const std::string& name, Duration delay) {
  const MutexLock lock(mutex_);
  if (delay <= Duration::zero()) {
    add_locked(name);
  } else {
    delay_locked(name, clock_.now() + delay);
  }
}

void DirtyQueue::add_rate_limited(const std::string& name, Duration at_least) {
  const MutexLock lock(mutex_);
  if (stopped_) return;
  const int failures = failures_[name]++;
  // 5 ms · 2^18 is past 1000 s already; the shift must not overflow.
  const Duration delay =
      failures >= 18 ? kBackoffMost : std::min<Duration>(kBackoffFirst * (1 << failures), kBackoffMost);
  if (listener_ != nullptr) listener_->on_retried();
  delay_locked(name, clock_.now() + std::max(delay, at_least));
}

void DirtyQueue::forget(const std::string& name) {
  const MutexLock lock(mutex_);
  failures_.erase(name);
}

int DirtyQueue::retries(const std::string& name) const {
  const MutexLock lock(mutex_);
  const auto found = failures_.find(name);
  return found == failures_.end() ? 0 : found->second;
}

std::optional<std::string> DirtyQueue::take() {
  const MutexLock lock(mutex_);
  while (!stopped_) {
    if (std::optional<std::string> name = take_locked(clock_.now())) return name;
    const Time deadline = by_due_.empty() ? clock_.now() + std::chrono::hours(1) : by_due_.begin()->first;
    clock_.wait_until(mutex_, changed_, deadline);
  }
  return std::nullopt;
}

std::optional<std::string> DirtyQueue::try_take() {
  const MutexLock lock(mutex_);
  if (stopped_) return std::nullopt;
  return take_locked(clock_.now());
}

void DirtyQueue::done(const std::string& name) {
  const MutexLock lock(mutex_);
  const auto found = processing_.find(name);
  if (found == processing_.end()) return;
  if (listener_ != nullptr) listener_->on_done(clock_.now() - found->second);
  processing_.erase(found);
  if (dirty_.contains(name)) {
    ready_.push_back(name);
    changed_.notify_one();
  }
}

void DirtyQueue::shut_down() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

std::size_t DirtyQueue::depth() const {
  const MutexLock lock(mutex_);
  return ready_.size();
}

std::optional<Time> DirtyQueue::next_due() const {
  const MutexLock lock(mutex_);
  if (by_due_.empty()) return std::nullopt;
  return by_due_.begin()->first;
}

DirtyQueue::Running DirtyQueue::running() const {
  const MutexLock lock(mutex_);
  Running running;
  const Time now = clock_.now();
  for (const auto& [name, since] : processing_) {
    const double seconds = std::chrono::duration<double>(now - since).count();
    running.total_seconds += seconds;
    running.longest_seconds = std::max(running.longest_seconds, seconds);
  }
  return running;
}

void DirtyQueue::add_locked(const std::string& name) {
  if (stopped_ || dirty_.contains(name)) return;
  dirty_.emplace(name, clock_.now());
  if (!processing_.contains(name)) {
    ready_.push_back(name);
    changed_.notify_one();
  }
  if (listener_ != nullptr) listener_->on_added(ready_.size());
}

void DirtyQueue::delay_locked(const std::string& name, Time due) {
  if (stopped_) return;
  const auto found = due_.find(name);
  if (found != due_.end()) {
    if (found->second <= due) return;
    by_due_.erase({found->second, name});
    due_.erase(found);
  }
  due_.emplace(name, due);
  by_due_.emplace(due, name);
  // Whoever waits may have to wake sooner now.
  if (by_due_.begin()->second == name) changed_.notify_one();
}

void DirtyQueue::move_due_locked(Time now) {
  while (!by_due_.empty() && by_due_.begin()->first <= now) {
    const std::string name = by_due_.begin()->second;
    by_due_.erase(by_due_.begin());
    due_.erase(name);
    add_locked(name);
  }
}

std::optional<std::string> DirtyQueue::take_locked(Time now) {
  move_due_locked(now);
  if (ready_.empty()) return std::nullopt;
  std::string name = std::move(ready_.front());
  ready_.pop_front();
  const auto dirty = dirty_.find(name);
  const Duration waited = now - dirty->second;
  dirty_.erase(dirty);
  // What was to be done later is done by this run.
  if (const auto delayed = due_.find(name); delayed != due_.end()) {
    by_due_.erase({delayed->second, name});
    due_.erase(delayed);
  }
  processing_.emplace(name, now);
  if (listener_ != nullptr) listener_->on_taken(ready_.size(), waited);
  return name;
}

}  // namespace meshgraft
