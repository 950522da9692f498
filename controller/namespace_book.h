#pragma once
// NamespaceBook: what workers remember of a namespace from one plan to the next, for reporting. What it holds of contests
// decides what is not written; a restart only counts their rounds anew. A namespace is on one worker at a time, so its page needs
// no lock of its own.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controller/contests.h"
#include "controller/refusals.h"
#include "controller/whole_objects.h"
#include "k8sclient/base/clock.h"
#include "k8sclient/base/mutex.h"
#include "reconcilers/types.h"

namespace meshgraft {

struct NamespacePage {
  bool announced = false;                // the plan's totals were told before the first write
  std::optional<Time> joining_since;     // first plan that had something to do
  std::set<ObjectKey> restarted;         // by us, and not yet complete or failed
  std::map<ObjectKey, Finding> refused;  // writes that the server refused, until one succeeds
  Refusals refusals;                     // which of them are left alone for now, so that the others go on
  std::map<ObjectKey, int> conflicts;    // writes in a row that met another writer
  struct Seen {
    std::int64_t generation = 0;
    Time since{};
  };
  std::map<ObjectKey, Seen> rolling;     // rollouts under way that may be ours
  struct Routed {
    std::vector<RouteDestination> destinations;
    std::optional<Time> since;  // nullopt: just made
  };
  std::map<ObjectKey, Routed> routed;    // VirtualServices of a namespace with Strategies, and since when they lead there
  std::map<ObjectKey, ReleaseState> releases;  // as the last plan told
  std::set<ObjectKey> over;              // those that ended, until a plan has looked at their pods
  WholeObjects whole;                    // looked up for the way back
  Contests contests;                     // fields that somebody keeps changing back
  std::map<ObjectKey, std::string> retries;  // meshgraft.io/retry, as it was when a field of the object was given up
  std::set<std::uint64_t> logged;        // findings in the log, by fingerprint of object and code
};

class NamespaceBook {
 public:
  // The page of `ns`, made when there is none. Valid until forget(ns), which only the worker that holds ns calls.
  NamespacePage& page(const std::string& ns) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    std::unique_ptr<NamespacePage>& page = pages_[ns];
    if (page == nullptr) page = std::make_unique<NamespacePage>();
    return *page;
  }
  void forget(const std::string& ns) EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    pages_.erase(ns);
  }

 private:
  Mutex mutex_;
  std::map<std::string, std::unique_ptr<NamespacePage>> pages_ GUARDED_BY(mutex_);
};

}  // namespace meshgraft
