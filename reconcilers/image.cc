#include "reconcilers/image.h"

#include <algorithm>

namespace meshgraft {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return result;
}

std::string_view without_digest(std::string_view image) { return image.substr(0, image.find('@')); }

// Without the tag: the last colon behind the last slash (a registry's port has a slash behind it).
std::string_view without_tag(std::string_view image) {
  image = without_digest(image);
  const std::size_t slash = image.rfind('/');
  const std::size_t colon = image.find(':', slash == std::string_view::npos ? 0 : slash);
  return image.substr(0, colon);
}

}  // namespace

std::string image_name(std::string_view image) {
  const std::string_view path = without_tag(image);
  const std::size_t slash = path.rfind('/');
  return lower(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::string image_path(std::string_view image) {
  const std::string_view path = without_tag(image);
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return lower(path);
  const std::string_view first = path.substr(0, slash);
  const bool host = first.find('.') != std::string_view::npos || first.find(':') != std::string_view::npos || first == "localhost";
  return lower(host ? path.substr(slash + 1) : path);
}

bool is_image(std::string_view image, std::string_view path) {
  const std::string_view whole = without_tag(image);
  if (whole.size() < path.size()) return false;
  const std::size_t begin = whole.size() - path.size();
  if (begin > 0 && whole[begin - 1] != '/') return false;
  return std::equal(path.begin(), path.end(), whole.begin() + static_cast<std::ptrdiff_t>(begin),
                    [](char known, char c) { return known == c || (c >= 'A' && c <= 'Z' && known == c - 'A' + 'a'); });
}

std::string_view image_tag(std::string_view image) {
  const std::string_view whole = without_digest(image);
  const std::string_view path = without_tag(image);
  return path.size() == whole.size() ? std::string_view{} : whole.substr(path.size() + 1);
}

}  // namespace meshgraft
