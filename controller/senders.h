#pragma once
// Senders: threads that carry out the changes of one plan side by side, shared by all workers, so that a namespace with
// many Services is not one request after another. run.cc gives each a thread in run(); without any, the calling worker
// does all by itself. Knows nothing of errors: each answer goes back to the worker.

#include <deque>
#include <memory>
#include <vector>

#include "controller/sink.h"
#include "k8sclient/base/mutex.h"

namespace meshgraft {

class Senders {
 public:
  explicit Senders(Sink& sink) : sink_(sink) {}

  // Carries out all of them in any order, the caller helping, and returns their answers in the order of `changes`.
  std::vector<ApiResult<Outcome>> carry_out(const std::vector<const Change*>& changes) EXCLUDES(mutex_);

  // Takes work until stop(). Any number of threads may be in it.
  void run() EXCLUDES(mutex_);
  void stop() EXCLUDES(mutex_);

 private:
  struct Batch {
    const std::vector<const Change*>* changes;
    std::vector<ApiResult<Outcome>> answers;
    std::size_t next = 0;  // index of the first change that nobody took
    std::size_t done = 0;
  };
  void send_one(const std::shared_ptr<Batch>& batch) REQUIRES(mutex_);

  Sink& sink_;
  Mutex mutex_;
  Condition changed_;
  std::deque<std::shared_ptr<Batch>> batches_ GUARDED_BY(mutex_);  // those with changes that nobody took
  bool stopped_ GUARDED_BY(mutex_) = false;
};

}  // namespace meshgraft
