#pragma once
// DirtyQueue: the names of namespaces that must be planned again, each at most once. Filled by intake and workers,
// emptied by workers. Its contract is client-go's workqueue: fair (first come, first served), stingy (a name waits
// once however often it is added), multi-consumer (never two workers on a name; one re-added while it is worked on
// comes once more afterwards), shut down by one call. Knows nothing of what a name means.

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "k8sclient/base/clock.h"
#include "k8sclient/base/mutex.h"

namespace meshgraft {

// Hears what the queue does; called with the queue's mutex held, so it must be quick and must not call back.
class QueueListener {
 public:
  virtual ~QueueListener() = default;
  virtual void on_added(std::size_t depth) = 0;
  virtual void on_taken(std::size_t depth, Duration waited) = 0;
  virtual void on_done(Duration worked) = 0;
  virtual void on_retried() = 0;
};

class DirtyQueue {
 public:
  static constexpr Duration kDebounce = std::chrono::milliseconds(200);  // docs/design: one plan for a burst of events
  static constexpr Duration kBackoffFirst = std::chrono::milliseconds(5);  // client-go default_rate_limiters.go
  static constexpr Duration kBackoffMost = std::chrono::seconds(1000);     // the same

  explicit DirtyQueue(Clock& clock, QueueListener* listener = nullptr) : clock_(clock), listener_(listener) {}
  DirtyQueue(const DirtyQueue&) = delete;
  DirtyQueue& operator=(const DirtyQueue&) = delete;

  // Ready at once. No effect when the name is ready already, or after shut_down().
  void add(const std::string& name) EXCLUDES(mutex_);

  // Ready after `delay`; of several delayed adds of a name the earliest counts. A delayed add does not hold back an
  // add() that comes meanwhile, and falls away when the name is taken before it is due.
  void add_after(const std::string& name, Duration delay) EXCLUDES(mutex_);

  // For events: ready kDebounce after the first of a burst.
  void add_debounced(const std::string& name) EXCLUDES(mutex_) { add_after(name, kDebounce); }

  // For failures: ready after 5 ms · 2ⁿ, at most 1000 s, n being the calls for this name since forget(), or after
  // `at_least` when that is longer. As with add_after(), whatever else happens to the name may make it ready sooner.
  void add_rate_limited(const std::string& name, Duration at_least = Duration::zero()) EXCLUDES(mutex_);

  // The name succeeded: its back-off starts anew.
  void forget(const std::string& name) EXCLUDES(mutex_);

  // How often add_rate_limited was called for the name since forget().
  [[nodiscard]] int retries(const std::string& name) const EXCLUDES(mutex_);

  // The next name, waiting for one; nullopt once the queue is shut down. The caller must call done() for it.
  [[nodiscard]] std::optional<std::string> take() EXCLUDES(mutex_);

  // The same without waiting; nullopt when none is ready.
  [[nodiscard]] std::optional<std::string> try_take() EXCLUDES(mutex_);

  // The worker finished with `name`; when it was added meanwhile it is ready again.
  void done(const std::string& name) EXCLUDES(mutex_);

  // take() returns nullopt from now on, also to those who wait in it; adds have no effect.
  void shut_down() EXCLUDES(mutex_);

  // Ready names, delayed ones not counted.
  [[nodiscard]] std::size_t depth() const EXCLUDES(mutex_);

  // When the earliest delayed name becomes ready; nullopt when none is delayed. For tests that advance a clock.
  [[nodiscard]] std::optional<Time> next_due() const EXCLUDES(mutex_);

  // Seconds that names under work have been worked on so far: all together, and the longest.
  struct Running {
    double total_seconds = 0, longest_seconds = 0;
  };
  [[nodiscard]] Running running() const EXCLUDES(mutex_);

 private:
  void add_locked(const std::string& name) REQUIRES(mutex_);
  void delay_locked(const std::string& name, Time due) REQUIRES(mutex_);
  void move_due_locked(Time now) REQUIRES(mutex_);
  std::optional<std::string> take_locked(Time now) REQUIRES(mutex_);

  Clock& clock_;
  QueueListener* const listener_;
  mutable Mutex mutex_;
  Condition changed_;
  std::deque<std::string> ready_ GUARDED_BY(mutex_);
  std::map<std::string, Time> dirty_ GUARDED_BY(mutex_);       // ready, or to be ready after done(); since when
  std::map<std::string, Time> processing_ GUARDED_BY(mutex_);  // since when
  std::map<std::string, Time> due_ GUARDED_BY(mutex_);         // delayed names
  std::set<std::pair<Time, std::string>> by_due_ GUARDED_BY(mutex_);
  std::map<std::string, int> failures_ GUARDED_BY(mutex_);
  bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace meshgraft
