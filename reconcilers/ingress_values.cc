#include "reconcilers/ingress_values.h"

#include <algorithm>
#include <array>

namespace meshgraft {
namespace {

bool only(std::string_view value, std::string_view others) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [others](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
  });
}

}  // namespace

bool is_on(std::string_view value) {
  constexpr std::array<std::string_view, 6> kTrue{"1", "t", "T", "true", "TRUE", "True"};
  return std::find(kTrue.begin(), kTrue.end(), value) != kTrue.end();
}

bool is_valid_vhost(std::string_view value) { return only(value, "-._~/:$"); }

bool breaks_reload(std::string_view value) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t begin = value.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return false;
  const std::size_t blank = value.find_first_of(kBlank, begin);
  return blank != std::string_view::npos && value.find_first_not_of(kBlank, blank) != std::string_view::npos;  // not at its end
}

bool is_valid_url(std::string_view value) { return only(value, "-._~/:,?&="); }

}  // namespace meshgraft
