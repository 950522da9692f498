#include "reconcilers/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace meshgraft {
namespace {

// k8s.io/apimachinery/pkg/api/resource, suffix.go. Binary ones first: "Ki" ends in no decimal suffix.
struct Suffix {
  std::string_view text;
  long double factor;
};
constexpr std::array<Suffix, 15> kSuffixes{{{"Ki", 0x1p10L},
                                            {"Mi", 0x1p20L},
                                            {"Gi", 0x1p30L},
                                            {"Ti", 0x1p40L},
                                            {"Pi", 0x1p50L},
                                            {"Ei", 0x1p60L},
                                            {"n", 1e-9L},
                                            {"u", 1e-6L},
                                            {"m", 1e-3L},
                                            {"k", 1e3L},
                                            {"M", 1e6L},
                                            {"G", 1e9L},
                                            {"T", 1e12L},
                                            {"P", 1e15L},
                                            {"E", 1e18L}}};

std::string with_one_digit(double value) {
  const double rounded = std::round(value * 10) / 10;
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), rounded, std::chars_format::fixed, rounded == std::floor(rounded) ? 0 : 1);
  return error == std::errc{} ? std::string(text.data(), end) : "";
}

}  // namespace

std::optional<std::int64_t> parse_quantity(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  // from_chars would take "inf" and "nan", and a sign of its own.
  if (text.empty() || text.find_first_not_of("-.0123456789eEnumkMGTPKi") != std::string_view::npos) return std::nullopt;
  if (text.front() == 'i' || text.front() == 'n') return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  long double factor = rest.empty() ? 1 : 0;
  for (const Suffix& suffix : kSuffixes) {
    if (rest == suffix.text) factor = suffix.factor;
  }
  if (factor == 0) return std::nullopt;
  // A double carries 15 digits: what is off by less than that is no part to round up.
  const long double thousandths = static_cast<long double>(number) * factor * 1000;
  const long double nearest = std::round(thousandths);
  const long double whole = std::fabs(thousandths - nearest) <= std::fabs(nearest) * 1e-15L ? nearest : std::ceil(thousandths);
  constexpr long double kLimit = 0x1p63L;
  if (whole >= kLimit || whole < -kLimit) return std::nullopt;
  return static_cast<std::int64_t>(whole);
}

std::string cpu_text(std::int64_t thousandths) {
  if (thousandths % 100 != 0) return std::to_string(thousandths) + "m";
  if (thousandths < 1000) return std::to_string(thousandths) + (thousandths == 0 ? "" : "m");
  return with_one_digit(static_cast<double>(thousandths) / 1000);
}

std::string memory_text(std::int64_t bytes) {
  constexpr std::array<std::pair<std::string_view, double>, 4> kUnits{{{"Ti", 0x1p40}, {"Gi", 0x1p30}, {"Mi", 0x1p20}, {"Ki", 0x1p10}}};
  for (const auto& [unit, size] : kUnits) {
    if (static_cast<double>(bytes) >= size) return with_one_digit(static_cast<double>(bytes) / size) + std::string(unit);
  }
  return std::to_string(bytes);
}

}  // namespace meshgraft
