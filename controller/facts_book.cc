#include "controller/facts_book.h"

#include <algorithm>
#include <utility>

namespace meshgraft {

void FactsBook::touch() {
  const MutexLock lock(mutex_);
  stale_ = true;
}

FactsBook::Reading FactsBook::read(const std::string& ns) {
  Reading reading;
  const MutexLock lock(mutex_);
  if (std::exchange(stale_, false)) {
    Facts derived = derive_facts(cache_.world(), settings_);
    reading.changed = !std::exchange(first_, false) && !(derived == derived_);
    derived_ = std::move(derived);
  }
  reading.facts = derived_;
  for (const std::string& app : derived_.app_namespaces) {
    const auto known = settled_.find(app);
    if (known == settled_.end() || !known->second) reading.facts.unsettled.insert(app);
  }
  reading.facts.rolling_elsewhere = ledger_.elsewhere(ns);
  return reading;
}

bool FactsBook::settle(const std::string& ns, bool settled) {
  const MutexLock lock(mutex_);
  const auto [entry, added] = settled_.try_emplace(ns, settled);
  if (added) return settled;
  return std::exchange(entry->second, settled) != settled;
}

bool FactsBook::forget(const std::string& ns) {
  const MutexLock lock(mutex_);
  const auto known = settled_.find(ns);
  if (known == settled_.end()) return false;
  const bool waited = !known->second;
  settled_.erase(known);
  return waited;
}

bool FactsBook::concern(const std::string& ns) const {
  const MutexLock lock(mutex_);
  return derived_.nacos_wanted.contains(ns) ||
         std::any_of(derived_.gateways.begin(), derived_.gateways.end(),
                     [&ns](const GatewayFacts& gateway) { return gateway.kubesphere && gateway.ns == ns; });
}

}  // namespace meshgraft
