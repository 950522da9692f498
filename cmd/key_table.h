#pragma once
// The keys that people set, for `reference keys`, docs/keys.md and completion. The names themselves live in
// reconcilers/keys.h; a test holds both together.

#include <span>
#include <string_view>

namespace meshgraft {

struct KeyInfo {
  std::string_view key;
  std::string_view form;     // "label", "annotation", "written by meshgraft"
  std::string_view on;       // kinds
  std::string_view values;   // with the default in brackets
  std::string_view meaning;
};

std::span<const KeyInfo> key_table();

}  // namespace meshgraft
