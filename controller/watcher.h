#pragma once
// Watcher: keeps the cache true for one kind, or for one named object of a kind, by listing and watching. run.cc gives
// each its own thread; tests call step(). What to ask next is WatchMachine's decision; this carries it out and waits.
// Knows nothing of rules.

#include <cstdint>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "controller/cache.h"
#include "k8sclient/base/clock.h"
#include "k8sclient/base/mutex.h"
#include "k8sclient/model/watch_decoder.h"
#include "k8sclient/net/api.h"

namespace meshgraft {

// Hears from watchers, on their threads.
class WatchListener {
 public:
  virtual ~WatchListener() = default;
  // Objects changed in a way that some rule may read. Never empty.
  virtual void on_changes(Kind kind, const std::vector<CacheChange>& changes) = 0;
  // The copy of the kind has come further, with or without changes.
  virtual void on_progress(Kind kind) = 0;
  // The kind's standing changed, or nobody follows it any more.
  virtual void on_standing(Kind kind) = 0;
  // A stream or list ended other than by the server's timeout.
  virtual void on_restart(Kind kind, ErrorClass reason) = 0;
};

class Watcher {
 public:
  // Follows nothing until assign(). `seed`: of the jitter in its waits.
  Watcher(Kind kind, Api& api, Cache& cache, WatchListener& listener, Clock& clock, std::uint32_t seed);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // What to follow from the next request on; nullopt: nothing. An empty Scope is every object of the kind. From any
  // thread. Assigning nullopt empties the cache of what was followed before, once the running stream has ended. The same
  // once more: the next request does not wait out its back-off.
  void assign(std::optional<Scope> scope) EXCLUDES(mutex_);
  [[nodiscard]] std::optional<Scope> assigned() const EXCLUDES(mutex_);
  // What it follows until it hears of another assignment; nullopt: it waits for one. From any thread.
  [[nodiscard]] std::optional<Scope> following() const EXCLUDES(mutex_);

  // Follows until stop(). Never throws.
  void run() EXCLUDES(mutex_);

  // run() returns after the request that it is in; the caller ends that with Api::stop_watches(). From any thread.
  void stop() EXCLUDES(mutex_);

  // Sends the next request without the wait before it, and puts the answer into the cache. False: nothing to follow.
  bool step() EXCLUDES(mutex_);

  // The wait before the next request; for tests.
  [[nodiscard]] Duration wait() const { return machine_->next().wait; }
  [[nodiscard]] Kind kind() const { return kind_; }

 private:
  void take_assignment() EXCLUDES(mutex_);
  void send(const NextList& request);
  void send(const NextWatch& request);
  void carry_out(CacheStep step);
  void report_standing();
  double random() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  const Kind kind_;
  Api& api_;
  Cache& cache_;
  WatchListener& listener_;
  Clock& clock_;

  // Of the thread that runs it.
  std::optional<WatchMachine> machine_;  // always there; made anew for a new assignment
  Decoder decoder_;
  std::mt19937 random_;
  Shelf list_;  // of a list under way
  std::optional<Scope> following_;

  mutable Mutex mutex_;
  Condition changed_;
  std::optional<Scope> assigned_ GUARDED_BY(mutex_);
  std::optional<Scope> shown_ GUARDED_BY(mutex_);  // following_, for other threads
  bool reassigned_ GUARDED_BY(mutex_) = false;
  bool hurried_ GUARDED_BY(mutex_) = false;
  bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace meshgraft
