#pragma once
// Refusals: objects whose writes the API server would not have, and until when each is left alone, so that one of them
// does not stop the others of its namespace. Kept by a worker for each namespace; guarded as its page is. Never writes,
// never reads a clock. What it remembers is gone with the process; then each object is tried anew.

#include <map>
#include <optional>
#include <string>

#include "controller/cache.h"
#include "k8sclient/base/clock.h"
#include "reconcilers/types.h"

namespace meshgraft {

class Refusals {
 public:
  static constexpr Duration kFirst = std::chrono::seconds(1);
  static constexpr Duration kLongest = std::chrono::minutes(5);

  // `change` was refused, for the reason that `code` names ("MG910"), when its target was as in `cache`. Each refusal of
  // an object doubles its pause. Does nothing for a stage that does not stand alone: there everything behind waits.
  void refused(const Change& change, const std::string& code, const Cache& cache, Time now);
  void succeeded(const ObjectKey& target) { pauses_.erase(target); }

  // Why each object is left alone at `now`, for Moments::refused. One that somebody changed since is tried at once.
  [[nodiscard]] std::map<ObjectKey, std::string> standing(const Cache& cache, Time now);
  // When the first of them is to be tried again; nullopt when none is left alone.
  [[nodiscard]] std::optional<Time> next_retry(Time now) const;

 private:
  struct Pause {
    Time until{};
    Duration length{};
    std::string why, seen;  // seen: version_of the object when it was refused
  };
  // What tells that somebody changed an object: a workload's generation, because its status changes all the time; else
  // its resourceVersion; "" for one that is not there.
  static std::string version_of(const Cache& cache, const ObjectKey& key);

  std::map<ObjectKey, Pause> pauses_;
};

}  // namespace meshgraft
