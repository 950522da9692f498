// Reads version numbers out of what people and image tags write.

#include <charconv>
#include <string>
#include <string_view>

#include "reconcilers/types.h"

namespace meshgraft {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The number at the start of `text`, which is cut; -1 when there is none or it is too long to be a version's.
int take_number(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && is_digit(text[length])) ++length;
  if (length == 0 || length > 6) return -1;
  int value = 0;
  std::from_chars(text.data(), text.data() + length, value);
  text.remove_prefix(length);
  return value;
}

}  // namespace

std::optional<Version> parse_version(std::string_view text) {
  if (const std::size_t digest = text.find('@'); digest != std::string_view::npos) text = text.substr(0, digest);
  if (const std::size_t slash = text.rfind('/'); slash != std::string_view::npos) text = text.substr(slash + 1);
  if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) text = text.substr(colon + 1);
  std::size_t start = 0;
  while (start < text.size() && !is_digit(text[start])) ++start;
  text.remove_prefix(start);
  Version version;
  version.major = take_number(text);
  if (version.major < 0 || text.empty() || text.front() != '.') return std::nullopt;
  text.remove_prefix(1);
  version.minor = take_number(text);
  if (version.minor < 0) return std::nullopt;
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    const int patch = take_number(text);
    version.patch = patch < 0 ? 0 : patch;
  }
  return version;
}

std::string to_string(const Version& version) {
  return std::to_string(version.major) + "." + std::to_string(version.minor) + "." + std::to_string(version.patch);
}

}  // namespace meshgraft
