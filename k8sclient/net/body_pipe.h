#pragma once
// BodyPipe: one answer on its way from the IO thread to the thread that asked for it. The IO thread pushes and never
// blocks; the caller waits with deadlines; any thread may stop it. Knows nothing of HTTP libraries.

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "k8sclient/base/clock.h"
#include "k8sclient/base/mutex.h"
#include "k8sclient/net/stream_gauge.h"
#include "k8sclient/net/transport.h"

namespace meshgraft {

class BodyPipe {
 public:
  using Head = HttpHead;
  struct End {
    bool complete = true;  // false: broke off, for this reason:
    int code = 0;
    std::string message;
  };
  enum class Push : std::uint8_t {
    more,    // room for the next piece
    wait,    // taken, but the next piece only after `resume` was called
    refuse,  // nobody wants it
  };
  enum class Seen : std::uint8_t { head, bytes, end, deadline, stopped };

  // At most `cap` bytes wait in it before it says Push::wait. `gauge`: told of every byte that waits, null for none.
  explicit BodyPipe(std::size_t cap, StreamGauge* gauge = nullptr) : cap_(cap), gauge_(gauge) {}
  ~BodyPipe() { count(-static_cast<std::ptrdiff_t>(waiting_.size())); }
  BodyPipe(const BodyPipe&) = delete;
  BodyPipe& operator=(const BodyPipe&) = delete;

  // For the IO thread. `resume` is kept only when the answer is Push::wait; it is then called once, from the caller's
  // thread.
  Push push(std::string_view piece, std::function<void()> resume);
  void begin(Head seen);
  void end(End seen);

  // For the caller's thread. Each returns as soon as it can say more than before.
  Seen wait_head(Time deadline);                                       // head, end (none will come), deadline, stopped
  Seen wait_bytes(std::string& into, std::chrono::milliseconds idle);  // bytes, end, deadline (idle so long), stopped
  Seen wait_end(Time deadline);  // end, bytes (as much as fits), deadline, stopped
  void abandon();                // pieces are refused from now on; wait_end_only still works
  void wait_end_only(Time deadline);

  // What is known after Seen::head and Seen::end.
  [[nodiscard]] Head head_seen() const;
  [[nodiscard]] End end_seen() const;
  [[nodiscard]] bool has_head() const;

  // For any thread: the caller's waits return Seen::stopped.
  void stop();

 private:
  void count(std::ptrdiff_t bytes) {
    if (gauge_ != nullptr) gauge_->add(bytes);
  }

  const std::size_t cap_;
  StreamGauge* const gauge_;
  mutable Mutex mutex_;
  Condition changed_;
  std::string waiting_ GUARDED_BY(mutex_);  // bytes pushed and not yet taken
  std::function<void()> resume_ GUARDED_BY(mutex_);
  Time last_arrival_ GUARDED_BY(mutex_) = std::chrono::steady_clock::now();
  Head head_ GUARDED_BY(mutex_);
  End end_ GUARDED_BY(mutex_);
  bool bytes_wanted_ GUARDED_BY(mutex_) = false;  // somebody is in wait_bytes
  bool has_head_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
  bool abandoned_ GUARDED_BY(mutex_) = false;
  bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace meshgraft
