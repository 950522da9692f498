#pragma once
// StreamGauge: how many bytes of watches were read and wait for their consumers, over all streams. Told by the
// transport's pipes on any thread; read by metrics. Limits nothing itself: TransportOptions::stream_cap does, a stream.

#include <atomic>
#include <cstddef>

namespace meshgraft {

class StreamGauge {
 public:
  void add(std::ptrdiff_t bytes) {
    const std::ptrdiff_t now = bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    std::ptrdiff_t most = most_.load(std::memory_order_relaxed);
    while (now > most && !most_.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
    }
  }
  [[nodiscard]] std::size_t bytes() const { return static_cast<std::size_t>(bytes_.load(std::memory_order_relaxed)); }
  // The most that ever waited at one time.
  [[nodiscard]] std::size_t most() const { return static_cast<std::size_t>(most_.load(std::memory_order_relaxed)); }

 private:
  std::atomic<std::ptrdiff_t> bytes_{0}, most_{0};
};

}  // namespace meshgraft
