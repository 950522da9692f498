#include "k8sclient/model/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

namespace meshgraft {
namespace {

constexpr std::array<std::string_view, 11> kTrue{"y",    "Y",    "yes", "Yes", "YES", "true",
                                                 "True", "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 11> kFalse{"n",     "N",     "no",  "No",  "NO", "false",
                                                  "False", "FALSE", "off", "Off", "OFF"};
constexpr std::array<std::string_view, 5> kNull{"", "~", "null", "Null", "NULL"};

constexpr double kExactIntegers = 9007199254740992.0;  // 2^53: up to here a double holds every whole number

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Digits in the base that the prefix names, as Go's strconv.ParseInt does with base 0.
std::optional<OrderedJson> whole_number(std::string_view digits) {
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    const char mark = static_cast<char>(digits[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    digits.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  std::uint64_t value = 0;
  const std::from_chars_result parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  constexpr std::uint64_t kMostNegative = std::uint64_t{1} << 63;
  if (negative) {
    if (value > kMostNegative) return std::nullopt;
    return OrderedJson(static_cast<std::int64_t>(0 - value));
  }
  if (value < kMostNegative) return OrderedJson(static_cast<std::int64_t>(value));
  return OrderedJson(value);
}

// [-+]? ( "." digits | digits ["." digits?] ) [ e [-+]? digits ]
bool looks_like_float(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&text, &at] {
    const std::size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - from;
  };
  const auto sign = [&text, &at] { at += at < text.size() && (text[at] == '-' || text[at] == '+') ? 1 : 0; };
  sign();
  const std::size_t whole = digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0 && whole == 0) return false;
  } else if (whole == 0) {
    return false;
  }
  if (at < text.size() && (text[at] | 0x20) == 'e') {
    ++at;
    sign();
    if (digits() == 0) return false;
  }
  return at == text.size();
}

std::optional<OrderedJson> number(std::string_view scalar) {
  if (scalar.empty() || scalar.find_first_not_of("+-.0123456789_abcdefABCDEFxXoO") != std::string_view::npos)
    return std::nullopt;
  if (std::string_view("+-.0123456789").find(scalar.front()) == std::string_view::npos) return std::nullopt;
  std::string plain(scalar);
  plain.erase(std::remove(plain.begin(), plain.end(), '_'), plain.end());
  if (std::optional<OrderedJson> whole = whole_number(plain)) return whole;
  if (!looks_like_float(plain)) return std::nullopt;
  double value = 0;
  const char* const begin = plain.data() + (plain.starts_with('+') ? 1 : 0);
  const std::from_chars_result parsed = std::from_chars(begin, plain.data() + plain.size(), value);
  if (parsed.ec != std::errc() || !std::isfinite(value)) return std::nullopt;
  // JSON writes 1e3 and 5.0 as 1000 and 5, so that they may stand where a whole number must.
  if (value == std::trunc(value) && std::fabs(value) < kExactIntegers)
    return OrderedJson(static_cast<std::int64_t>(value));
  return OrderedJson(value);
}

}  // namespace

OrderedJson type_plain(const std::string& scalar) {
  if (is_one_of(kNull, scalar)) return nullptr;
  if (is_one_of(kTrue, scalar)) return true;
  if (is_one_of(kFalse, scalar)) return false;
  if (std::optional<OrderedJson> value = number(scalar)) return *std::move(value);
  return scalar;
}

bool stays_text(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return false;
  // Readers of other languages still know dates and base 60: those are quoted too.
  const bool digit_first = text.front() >= '0' && text.front() <= '9';
  const bool like_a_time = text.find_first_of(":-") != std::string_view::npos &&
                           text.find_first_not_of("0123456789:-.TZt+ ") == std::string_view::npos;
  if (digit_first && like_a_time) return false;
  if (text.front() == '.' || std::string_view("-?:,[]{}#&*!|>'\"%@`=<+~").find(text.front()) != std::string_view::npos)
    return false;
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos || text.back() == ':')
    return false;
  // Beyond ASCII there are line breaks and marks that readers disagree on; in quotes all is safe.
  const bool ascii = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f'; });
  return ascii && type_plain(std::string(text)).is_string();
}

}  // namespace meshgraft
