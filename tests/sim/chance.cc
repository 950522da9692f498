#include "tests/sim/chance.h"

namespace meshgraft::sim {

std::uint64_t Chance::next() {
  std::uint64_t value = (state_ += 0x9E3779B97F4A7C15ULL);
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}

}  // namespace meshgraft::sim
