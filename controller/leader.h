#pragma once
// Leader: holds a Lease so that of several replicas one writes. run.cc gives it a thread; workers wait for it, and
// GuardedSink asks it before every write. Judges another's lease by when it was last seen to change here, never by the
// times in it: clocks of machines differ. Never starts or ends anything itself.
//
// Guarantees
// - Two that write at one moment do not exist: a holder starts no write kRenewDeadline after it began its last renewal,
//   a write takes at most LiveSink::kWriteDeadline (the server is told so too), and nobody takes the Lease before kLease
//   has passed since it saw that renewal. The second that is left is for clocks: 3 % between two machines.
// - The caller releases only after the last write ended.

#include <functional>
#include <string>

#include "controller/sink.h"
#include "k8sclient/base/clock.h"
#include "k8sclient/base/mutex.h"

namespace meshgraft {

class Leader {
 public:
  static constexpr Duration kLease = std::chrono::seconds(15);          // client-go leaderelection.go's defaults
  static constexpr Duration kRenewDeadline = std::chrono::seconds(10);  // the same
  static constexpr Duration kRetry = std::chrono::seconds(2);           // the same

  // `identity`: of this replica, unlike every other's.
  Leader(Api& api, Clock& clock, std::string ns, std::string name, std::string identity)
      : api_(api), clock_(clock), key_{Kind::lease, std::move(ns), std::move(name)}, identity_(std::move(identity)) {}

  // Holds or tries to get the Lease until stop() or until it is lost: then `on_lost` is called, once, and the process
  // must end. `on_led` is called when the Lease is ours for the first time.
  void run(const std::function<void()>& on_led, const std::function<void()>& on_lost) EXCLUDES(mutex_);
  void stop() EXCLUDES(mutex_);

  // How long run() waits before its next round: kRetry, or until another's Lease is over when that is sooner.
  [[nodiscard]] Duration wait() const EXCLUDES(mutex_);

  // One round of run(), without its waiting and calls.
  enum class Standing : std::uint8_t { waiting, leading, lost };
  Standing step() EXCLUDES(mutex_);

  // One try; true when the Lease is ours afterwards.
  bool try_acquire_or_renew() EXCLUDES(mutex_);

  // True while a write that begins now ends before anybody else may hold the Lease. From any thread.
  [[nodiscard]] bool may_write() const EXCLUDES(mutex_);

  // Blocks until the Lease is ours; false when stop() was called before.
  [[nodiscard]] bool wait_until_leading() EXCLUDES(mutex_);

  // Gives the Lease away, so that the next need not wait for its end. After the last write. Tries twice.
  void release() EXCLUDES(mutex_);

 private:
  bool write(const Json& lease, bool create, Time begin) EXCLUDES(mutex_);
  Json renewed(const Json& lease) const;
  void observe(const Json& lease) EXCLUDES(mutex_);
  [[nodiscard]] bool is_held_by_other(const Json& lease) const EXCLUDES(mutex_);

  Api& api_;
  Clock& clock_;
  const ObjectKey key_;
  const std::string identity_;

  mutable Mutex mutex_;
  Condition changed_;
  bool leading_ GUARDED_BY(mutex_) = false;
  bool stopped_ GUARDED_BY(mutex_) = false;
  Time renewed_at_ GUARDED_BY(mutex_);   // when the last renewal that succeeded began
  std::string seen_ GUARDED_BY(mutex_);  // the Lease's content as last seen
  Time seen_at_ GUARDED_BY(mutex_);      // when it was last seen to change
  Time free_at_ GUARDED_BY(mutex_){};    // when the Lease of the other who holds it is over; the epoch when nobody does

  // Of the thread in run().
  Json last_;         // as we wrote it last
  bool led_ = false;  // it was ours once
};

// Lets a change through while its leader may write; otherwise it is ErrorClass::cancelled.
class GuardedSink final : public Sink {
 public:
  GuardedSink(Sink& sink, const Leader* leader) : sink_(sink), leader_(leader) {}
  ApiResult<Outcome> carry_out(const Change& change) override;

 private:
  Sink& sink_;
  const Leader* const leader_;  // null: there is no election
};

}  // namespace meshgraft
