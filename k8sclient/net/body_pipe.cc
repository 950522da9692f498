#include "k8sclient/net/body_pipe.h"

#include <utility>

namespace meshgraft {
namespace {

constexpr std::size_t kKeptPiece = std::size_t{64} * 1024;  // bytes

}  // namespace

BodyPipe::Push BodyPipe::push(std::string_view piece, std::function<void()> resume) {
  MutexLock lock(mutex_);
  if (abandoned_ || stopped_) return Push::refuse;
  waiting_.append(piece);
  count(static_cast<std::ptrdiff_t>(piece.size()));
  last_arrival_ = std::chrono::steady_clock::now();
  const bool full = waiting_.size() >= cap_;
  if (full) resume_ = std::move(resume);
  if (full || bytes_wanted_) changed_.notify_all();
  return full ? Push::wait : Push::more;
}

void BodyPipe::begin(Head seen) {
  MutexLock lock(mutex_);
  head_ = std::move(seen);
  has_head_ = true;
  last_arrival_ = std::chrono::steady_clock::now();
  changed_.notify_all();
}

void BodyPipe::end(End seen) {
  MutexLock lock(mutex_);
  end_ = std::move(seen);
  ended_ = true;
  changed_.notify_all();
}

BodyPipe::Seen BodyPipe::wait_head(Time deadline) {
  MutexLock lock(mutex_);
  while (true) {
    if (stopped_) return Seen::stopped;
    if (has_head_) return Seen::head;
    if (ended_) return Seen::end;
    if (std::chrono::steady_clock::now() >= deadline) return Seen::deadline;
    changed_.wait_until(mutex_, deadline);
  }
}

BodyPipe::Seen BodyPipe::wait_bytes(std::string& into, std::chrono::milliseconds idle) {
  if (into.capacity() > kKeptPiece) std::string().swap(into);  // of a burst: an idle watch must not hold it for good
  into.clear();
  std::function<void()> resume;
  {
    MutexLock lock(mutex_);
    while (true) {
      if (stopped_) return Seen::stopped;
      if (!waiting_.empty()) {
        std::swap(into, waiting_);
        count(-static_cast<std::ptrdiff_t>(into.size()));
        resume = std::exchange(resume_, nullptr);
        if (resume != nullptr) last_arrival_ = std::chrono::steady_clock::now();  // it was we who were slow
        break;
      }
      if (ended_) return Seen::end;
      const Time deadline = last_arrival_ + idle;
      if (std::chrono::steady_clock::now() >= deadline) return Seen::deadline;
      bytes_wanted_ = true;
      changed_.wait_until(mutex_, deadline);
      bytes_wanted_ = false;
    }
  }
  if (resume != nullptr) resume();
  return Seen::bytes;
}

BodyPipe::Seen BodyPipe::wait_end(Time deadline) {
  MutexLock lock(mutex_);
  while (true) {
    if (stopped_) return Seen::stopped;
    if (ended_) return Seen::end;
    if (resume_ != nullptr) return Seen::bytes;
    if (std::chrono::steady_clock::now() >= deadline) return Seen::deadline;
    changed_.wait_until(mutex_, deadline);
  }
}

void BodyPipe::abandon() {
  std::function<void()> resume;
  {
    MutexLock lock(mutex_);
    abandoned_ = true;
    count(-static_cast<std::ptrdiff_t>(waiting_.size()));
    waiting_.clear();
    resume = std::exchange(resume_, nullptr);
  }
  if (resume != nullptr) resume();
}

void BodyPipe::wait_end_only(Time deadline) {
  MutexLock lock(mutex_);
  while (!ended_ && std::chrono::steady_clock::now() < deadline) changed_.wait_until(mutex_, deadline);
}

BodyPipe::Head BodyPipe::head_seen() const {
  MutexLock lock(mutex_);
  return head_;
}

BodyPipe::End BodyPipe::end_seen() const {
  MutexLock lock(mutex_);
  return end_;
}

bool BodyPipe::has_head() const {
  MutexLock lock(mutex_);
  return has_head_;
}

void BodyPipe::stop() {
  MutexLock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

}  // namespace meshgraft
