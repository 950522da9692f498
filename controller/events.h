#pragma once
// EventRecorder: findings and news as Kubernetes Events on the objects that they are about: one per object and code
// until its text changes. Workers report, a thread of its own sends; reporting never blocks and never fails. What
// cannot be sent is dropped: /metrics and `meshgraft check` show the same findings.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "controller/cache.h"
#include "k8sclient/base/clock.h"
#include "k8sclient/net/api.h"
#include "reconcilers/types.h"

namespace meshgraft {

class EventRecorder {
 public:
  static constexpr std::size_t kQueue = 1000;                   // client-go tools/record event.go
  static constexpr int kTries = 12;                             // the same
  static constexpr Duration kPause = std::chrono::seconds(10);  // the same, between tries
  // Events give way to the writes that they tell of: kubelet's former --event-qps and --event-burst.
  static constexpr Duration kInterval = std::chrono::milliseconds(200);
  static constexpr int kBurst = 10;
  static constexpr std::size_t kMessageMost = 1024;             // bytes; kube-apiserver's validation of Events

  EventRecorder(Api& api, const Cache& cache, Clock& clock) : api_(api), cache_(cache), clock_(clock) {}

  // These are the findings of the namespace now. Those that were reported before, word for word, are not sent again.
  void report(const std::string& ns, const std::vector<Finding>& findings) EXCLUDES(mutex_);

  // One Event now. `reason`: one CamelCase word.
  void tell(const ObjectKey& about, std::string_view reason, std::string text) EXCLUDES(mutex_);

  void forget(const std::string& ns) EXCLUDES(mutex_);

  // Sends until stop(), kBurst at once and then one every kInterval.
  void run() EXCLUDES(mutex_);
  void stop() EXCLUDES(mutex_);
  // Sends the next one; false when none waits.
  bool step() EXCLUDES(mutex_);

 private:
  struct Item {
    ObjectKey about;
    std::string reason, text;
    bool warning = false;
    int tries = 0;
  };
  bool enqueue(Item item) REQUIRES(mutex_);
  // True when the item is dealt with, false when it should be tried again.
  bool send(const Item& item);

  Api& api_;
  const Cache& cache_;
  Clock& clock_;
  Mutex mutex_;
  Condition changed_;
  std::deque<Item> items_ GUARDED_BY(mutex_);
  // By namespace: fingerprint of object and code -> of the text. Texts themselves would be a good part of the memory.
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>> told_ GUARDED_BY(mutex_);
  bool stopped_ GUARDED_BY(mutex_) = false;
  bool said_refused_ = false;  // of the sending thread
};

// FNV-1a of 64 bits: the same for the same text in every run of the program.
std::uint64_t fingerprint(std::string_view text);

// "2026-01-01T00:00:00Z".
std::string rfc3339_utc(std::chrono::system_clock::time_point time);

}  // namespace meshgraft
