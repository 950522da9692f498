#include "k8sclient/model/field_path.h"

namespace meshgraft {

std::string field_path(std::string_view parent, std::string_view key) {
  const bool plain = key.find_first_of("./ []\"") == std::string_view::npos;
  return join_paths(parent, plain ? std::string(key) : "[\"" + std::string(key) + "\"]");
}

std::string field_path(std::string_view parent, std::size_t index) {
  return join_paths(parent, "[" + std::to_string(index) + "]");
}

std::string join_paths(std::string_view outer, std::string_view inner) {
  std::string path(outer);
  if (!outer.empty() && !inner.empty() && inner.front() != '[') path += '.';
  return path.append(inner);
}

std::string_view parent_path(std::string_view path) {
  if (path.ends_with("\"]")) {
    const std::size_t open = path.rfind("[\"");
    return path.substr(0, open == std::string_view::npos ? 0 : open);
  }
  const std::size_t cut = path.find_last_of(".[");
  return path.substr(0, cut == std::string_view::npos ? 0 : cut);
}

}  // namespace meshgraft
