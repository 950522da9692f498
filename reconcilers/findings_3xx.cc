#include <vector>

#include "reconcilers/findings_rows.h"

namespace meshgraft {

// code, severity, title, cause, remedy, the same three in Chinese, source, istioctl's code
std::span<const FindingInfo> findings_3xx() {
  // clang-format off
  static const std::vector<FindingInfo> rows{
  };
  // clang-format on
  return rows;
}

}  // namespace meshgraft
