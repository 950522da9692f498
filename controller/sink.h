#pragma once
// Sink: carries out one Change as it stands. The worker calls it; LiveSink sends it to the API server, RecordingSink
// writes it down for tests. Decides nothing about what should change; never retries.

#include <string>
#include <vector>

#include "k8sclient/base/mutex.h"
#include "k8sclient/net/api.h"
#include "reconcilers/types.h"

namespace meshgraft {

// What a Change left behind.
struct Outcome {
  std::string resource_version;  // of the object as it is now; "" when it is gone or was there before
  bool was_there = false;        // create: the object exists already and is ours
};

class Sink {
 public:
  virtual ~Sink() = default;
  // Errors as the API server gave them, but for one: a write refused because the object is not the one that was
  // planned for (another uid, gone) is always ErrorClass::conflict, "look again".
  virtual ApiResult<Outcome> carry_out(const Change& change) = 0;
};

// Expected flow: one request a Change; after some errors one GET to tell what they mean.
// Guarantees: an apply never creates (its body carries the uid), a create that was carried out before is success.
// Assumptions: the Api's deadline for a call is kWriteDeadline.
class LiveSink final : public Sink {
 public:
  // A write that is under way for longer might outlive the lease of who sent it (15 s, renewed within 10 s).
  static constexpr std::chrono::milliseconds kWriteDeadline{4000};

  explicit LiveSink(Api& api) : api_(api) {}
  ApiResult<Outcome> carry_out(const Change& change) override;

 private:
  ApiResult<Outcome> patch(const Change& change, PatchType type, std::string_view manager);
  // Whether what a change follows from is still as it was: conflict when not.
  ApiResult<Unit> ask(const Witness& witness);
  ApiResult<Outcome> create(const Change& change);
  ApiResult<Outcome> remove(const Change& change, bool orphan);
  ApiError judged(const Change& change, ApiError error);

  Api& api_;
};

// Says yes to everything.
class RecordingSink final : public Sink {
 public:
  ApiResult<Outcome> carry_out(const Change& change) override EXCLUDES(mutex_);
  [[nodiscard]] std::vector<Change> changes() const EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::vector<Change> changes_ GUARDED_BY(mutex_);
};

}  // namespace meshgraft
