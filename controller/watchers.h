#pragma once
// Watchers: every Watcher of the controller: one a kind, and a few for single ConfigMaps. Intake tells them which
// optional kinds are served and which ConfigMaps are wanted; run.cc gives each a thread. Starts none itself.

#include <deque>
#include <set>

#include "controller/watcher.h"

namespace meshgraft {

class Watchers {
 public:
  // Single ConfigMaps that can be followed at one time: two of each istiod revision, one of each ingress controller.
  static constexpr std::size_t kConfigMaps = 8;

  Watchers(Api& api, Cache& cache, WatchListener& listener, Clock& clock);

  // Follow the kinds that are always there; the optional ones wait for serve().
  void start();

  // The CRD of an optional kind is there, or is not.
  void serve(Kind kind, bool served);

  // Follow exactly these; those beyond kConfigMaps are left out and said in the log. Single-threaded: intake's lock.
  void follow_config_maps(const std::set<Scope>& wanted);

  // Every watcher, in a fixed order. The deque never changes after construction.
  [[nodiscard]] std::deque<Watcher>& all() { return watchers_; }

 private:
  Watcher* of(Kind kind);

  Cache& cache_;
  std::deque<Watcher> watchers_;  // in the order of the table of kinds, then the ConfigMaps'
};

}  // namespace meshgraft
