#include "controller/rollout_ledger.h"

#include <utility>

namespace meshgraft {

void RolloutLedger::expect(std::set<std::string> namespaces) {
  const MutexLock lock(mutex_);
  unknown_ = std::move(namespaces);
}

std::vector<std::string> RolloutLedger::observe(const std::string& ns, int rolling, bool waits) {
  const MutexLock lock(mutex_);
  const bool last_unknown = unknown_.erase(ns) > 0 && unknown_.empty();
  const int before = total_locked();
  Entry& entry = entries_[ns];
  entry.rolling = rolling;
  entry.reserved.clear();
  std::erase_if(entry.uncertain, [now = clock_.now()](const auto& kept) { return kept.second <= now; });
  if (entry.places() == 0) entries_.erase(ns);
  std::vector<std::string> wake;
  if (last_unknown || total_locked() < before) wake = freed(ns);
  if (waits) {
    waiting_.insert(ns);
  } else {
    waiting_.erase(ns);
  }
  return wake;
}

bool RolloutLedger::reserve(const std::string& ns, const ObjectKey& workload) {
  const MutexLock lock(mutex_);
  Entry& entry = entries_[ns];
  // The same restart again, after an answer that was lost.
  if (entry.uncertain.erase(workload) > 0 || entry.reserved.contains(workload)) {
    entry.reserved.insert(workload);
    return true;
  }
  if (!unknown_.empty() || total_locked() >= most_) {
    if (entry.places() == 0) entries_.erase(ns);
    waiting_.insert(ns);
    return false;
  }
  entry.reserved.insert(workload);
  return true;
}

std::vector<std::string> RolloutLedger::release(const std::string& ns, const ObjectKey& workload) {
  const MutexLock lock(mutex_);
  const auto entry = entries_.find(ns);
  if (entry == entries_.end() || entry->second.reserved.erase(workload) == 0) return {};
  if (entry->second.places() == 0) entries_.erase(entry);
  return freed(ns);
}

void RolloutLedger::keep_uncertain(const std::string& ns, const ObjectKey& workload) {
  const MutexLock lock(mutex_);
  Entry& entry = entries_[ns];
  entry.reserved.erase(workload);
  entry.uncertain.insert_or_assign(workload, clock_.now() + kUncertain);
}

std::optional<Time> RolloutLedger::uncertain_until(const std::string& ns) const {
  const MutexLock lock(mutex_);
  const auto entry = entries_.find(ns);
  if (entry == entries_.end()) return std::nullopt;
  std::optional<Time> last;
  for (const auto& [workload, until] : entry->second.uncertain) {
    if (!last || until > *last) last = until;
  }
  return last;
}

std::vector<std::string> RolloutLedger::forget(const std::string& ns) {
  const MutexLock lock(mutex_);
  const bool last_unknown = unknown_.erase(ns) > 0 && unknown_.empty();
  waiting_.erase(ns);
  if (entries_.erase(ns) == 0 && !last_unknown) return {};
  return freed(ns);
}

int RolloutLedger::elsewhere(const std::string& ns) const {
  const MutexLock lock(mutex_);
  const auto own = entries_.find(ns);
  return total_locked() - (own == entries_.end() ? 0 : own->second.places());
}

int RolloutLedger::total() const {
  const MutexLock lock(mutex_);
  return total_locked();
}

int RolloutLedger::total_locked() const {
  int total = 0;
  for (const auto& [ns, entry] : entries_) total += entry.places();
  return total;
}

std::vector<std::string> RolloutLedger::freed(const std::string& by) {
  std::vector<std::string> wake;
  for (const std::string& ns : waiting_) {
    if (ns != by) wake.push_back(ns);
  }
  return wake;
}

}  // namespace meshgraft
