#pragma once
// The metrics that run serves, for `reference metrics` and docs/metrics.md. A test holds the table against what the
// controller really serves.

#include <span>
#include <string_view>

namespace meshgraft {

struct MetricInfo {
  std::string_view name, type, labels, meaning;  // type: counter, gauge, histogram
};

std::span<const MetricInfo> metric_table();  // in the order of the docs: ours, then the conventional ones

}  // namespace meshgraft
