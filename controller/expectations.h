#pragma once
// Expectations: what we wrote and the cache has not seen yet. A namespace with one is not planned, because its view
// would not contain our own write. Filled by workers, asked by them and by intake when the cache has come further.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "controller/cache.h"
#include "k8sclient/base/clock.h"
#include "k8sclient/base/mutex.h"

namespace meshgraft {

class Expectations {
 public:
  // A write that the cache does not show for so long will not be waited for: its watch is broken, and the next plan
  // is safe without it (preconditions, uid).
  static constexpr Duration kPatience = std::chrono::seconds(30);

  Expectations(Cache& cache, Clock& clock) : cache_(cache), clock_(clock) {}

  // A write for `ns` left `resource_version` on `key`.
  void expect(const std::string& ns, const ObjectKey& key, std::string_view resource_version) EXCLUDES(mutex_);

  // True when some write for `ns` is not in the cache yet.
  [[nodiscard]] bool waits(const std::string& ns) EXCLUDES(mutex_);

  // The namespaces that waited for `kind` and wait for nothing any more, each once.
  [[nodiscard]] std::vector<std::string> fulfilled_by(Kind kind) EXCLUDES(mutex_);

 private:
  struct Expected {
    ObjectKey key;
    std::string resource_version;
    Time until;
  };
  [[nodiscard]] bool is_over(const Expected& expected) const {
    return clock_.now() >= expected.until || cache_.has_seen(expected.key, expected.resource_version);
  }

  Cache& cache_;
  Clock& clock_;
  Mutex mutex_;
  std::map<std::string, std::vector<Expected>> by_namespace_ GUARDED_BY(mutex_);
};

}  // namespace meshgraft
