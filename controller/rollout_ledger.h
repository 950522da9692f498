#pragma once
// RolloutLedger: how many workloads restart because of us in the whole cluster. plan limits a namespace by itself;
// the limit of the cluster holds over workers that plan at the same time, so each restart takes a place here before its
// request is sent. Workers call it; it sends nothing.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "k8sclient/base/clock.h"
#include "k8sclient/base/mutex.h"
#include "k8sclient/model/kinds.h"

namespace meshgraft {

class RolloutLedger {
 public:
  // A write whose answer was lost may have been done and not be in the cache yet; its place is kept so long.
  static constexpr Duration kUncertain = std::chrono::seconds(30);

  // `most`: workloads restarting at one time (the chart's maxRollouts).
  RolloutLedger(Clock& clock, int most) : clock_(clock), most_(most) {}

  // At the start: these namespaces may have rollouts of ours under way that nobody has counted yet. No place is given
  // until each was observed or forgotten.
  void expect(std::set<std::string> namespaces) EXCLUDES(mutex_);

  // What plan saw in `ns`, from a view that contains all our writes there: `rolling` workloads restart because of us.
  // `waits`: something there waits, maybe for a place. Returns the other namespaces that should plan again because a
  // place came free.
  std::vector<std::string> observe(const std::string& ns, int rolling, bool waits) EXCLUDES(mutex_);

  // A place for restarting `workload` of `ns`; false when all are taken. Then the namespace is among those that a
  // later observe() or forget() returns.
  [[nodiscard]] bool reserve(const std::string& ns, const ObjectKey& workload) EXCLUDES(mutex_);

  // The request for a reserved workload surely had no effect: its place is free again.
  std::vector<std::string> release(const std::string& ns, const ObjectKey& workload) EXCLUDES(mutex_);

  // Nobody knows whether the request had an effect.
  void keep_uncertain(const std::string& ns, const ObjectKey& workload) EXCLUDES(mutex_);

  // When the last place of `ns` that was kept for an uncertain request comes free, if nothing is known by then: the
  // caller observes `ns` again at that moment. Nullopt when there is none.
  [[nodiscard]] std::optional<Time> uncertain_until(const std::string& ns) const EXCLUDES(mutex_);

  // The namespace is gone.
  std::vector<std::string> forget(const std::string& ns) EXCLUDES(mutex_);

  // Places taken by namespaces other than `ns`.
  [[nodiscard]] int elsewhere(const std::string& ns) const EXCLUDES(mutex_);
  [[nodiscard]] int total() const EXCLUDES(mutex_);

 private:
  struct Entry {
    int rolling = 0;
    std::set<ObjectKey> reserved;
    std::map<ObjectKey, Time> uncertain;  // until when
    [[nodiscard]] int places() const { return rolling + static_cast<int>(reserved.size() + uncertain.size()); }
  };
  int total_locked() const REQUIRES(mutex_);
  std::vector<std::string> freed(const std::string& by) REQUIRES(mutex_);

  Clock& clock_;
  const int most_;
  mutable Mutex mutex_;
  std::map<std::string, Entry> entries_ GUARDED_BY(mutex_);
  std::set<std::string> unknown_ GUARDED_BY(mutex_);  // not observed since the start
  std::set<std::string> waiting_ GUARDED_BY(mutex_);
};

}  // namespace meshgraft
