#pragma once
// Mutex and MutexLock: std::mutex with the annotations that let clang check GUARDED_BY. Used wherever two
// threads share state; libstdc++'s own mutex carries no annotations, so clang could not check it.

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define MG_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define MG_THREAD_ANNOTATION(x)
#endif
#define GUARDED_BY(x) MG_THREAD_ANNOTATION(guarded_by(x))
#define REQUIRES(...) MG_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) MG_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace meshgraft {

class MG_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() MG_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() MG_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class MG_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) MG_THREAD_ANNOTATION(acquire_capability(mutex)) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() MG_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits with a Mutex that the caller holds. Spurious wake-ups happen: callers loop on their condition.
using Condition = std::condition_variable_any;

}  // namespace meshgraft
