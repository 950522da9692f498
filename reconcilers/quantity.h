#pragma once
// A Kubernetes quantity as a number: "100m", "128Mi", "1.5", "2e3". Called where amounts of CPU and memory are added
// up; never rounds down what is asked for. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace meshgraft {

// In thousandths, rounded up as the API server does: "100m" is 100, "1" is 1000, "1Ki" is 1,024,000. Nullopt for
// what is no quantity, or does not fit.
std::optional<std::int64_t> parse_quantity(std::string_view text);

// Thousandths of a CPU for people: "200m", "3", "1.5".
std::string cpu_text(std::int64_t thousandths);

// Bytes for people, in the largest unit that needs no more than one digit behind the point: "256Mi", "1.5Gi".
std::string memory_text(std::int64_t bytes);

}  // namespace meshgraft
