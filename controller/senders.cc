#include "controller/senders.h"

#include <algorithm>
#include <utility>

namespace meshgraft {

std::vector<ApiResult<Outcome>> Senders::carry_out(const std::vector<const Change*>& changes) {
  auto batch = std::make_shared<Batch>();
  batch->changes = &changes;
  batch->answers.assign(changes.size(), Outcome{});
  const MutexLock lock(mutex_);
  if (changes.size() > 1) {
    batches_.push_back(batch);
    changed_.notify_all();
  }
  while (batch->next < changes.size()) send_one(batch);
  while (batch->done < changes.size()) changed_.wait(mutex_);
  return std::move(batch->answers);
}

void Senders::run() {
  const MutexLock lock(mutex_);
  while (!stopped_) {
    if (batches_.empty()) {
      changed_.wait(mutex_);
    } else {
      send_one(batches_.front());
    }
  }
}

void Senders::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void Senders::send_one(const std::shared_ptr<Batch>& given) {
  const std::shared_ptr<Batch> batch = given;  // the deque's own may go away meanwhile
  const std::size_t index = batch->next++;
  if (batch->next == batch->changes->size()) std::erase(batches_, batch);
  const Change& change = *(*batch->changes)[index];
  mutex_.unlock();
  ApiResult<Outcome> answer = sink_.carry_out(change);
  mutex_.lock();
  batch->answers[index] = std::move(answer);
  if (++batch->done == batch->changes->size()) changed_.notify_all();
}

}  // namespace meshgraft
