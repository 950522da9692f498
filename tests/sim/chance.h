#pragma once
// Chance: the only source of randomness of a simulation. The same seed gives the same run on every machine. Used by
// everything in tests/sim; reads no clock and no device.

#include <cstddef>
#include <cstdint>

namespace meshgraft::sim {

class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}

  // SplitMix64 (Steele, Lea, Flood 2014).
  std::uint64_t next();
  // 0 to `limit` - 1; `limit` > 0.
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(next() % limit); }
  // True in `percent` of 100 calls.
  bool hits(int percent) { return below(100) < static_cast<std::size_t>(percent); }

 private:
  std::uint64_t state_;
};

}  // namespace meshgraft::sim
