#include "controller/expectations.h"

#include <algorithm>

namespace meshgraft {

void Expectations::expect(const std::string& ns, const ObjectKey& key, std::string_view resource_version) {
  Expected expected{key, std::string(resource_version), clock_.now() + kPatience};
  if (is_over(expected)) return;
  const MutexLock lock(mutex_);
  by_namespace_[ns].push_back(std::move(expected));
}

bool Expectations::waits(const std::string& ns) {
  const MutexLock lock(mutex_);
  const auto found = by_namespace_.find(ns);
  if (found == by_namespace_.end()) return false;
  std::erase_if(found->second, [this](const Expected& expected) { return is_over(expected); });
  if (!found->second.empty()) return true;
  by_namespace_.erase(found);
  return false;
}

std::vector<std::string> Expectations::fulfilled_by(Kind kind) {
  const MutexLock lock(mutex_);
  std::vector<std::string> done;
  for (auto entry = by_namespace_.begin(); entry != by_namespace_.end();) {
    const std::size_t fell = std::erase_if(entry->second, [this, kind](const Expected& expected) {
      return expected.key.kind == kind && is_over(expected);
    });
    if (fell > 0 && entry->second.empty()) {
      done.push_back(entry->first);
      entry = by_namespace_.erase(entry);
    } else {
      ++entry;
    }
  }
  return done;
}

}  // namespace meshgraft
