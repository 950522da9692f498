#include "tests/fakes/field_set.h"

namespace meshgraft::fakes {
namespace {

// `f:spec` -> `.spec`, `k:{"port":80,"protocol":"TCP"}` -> `[port=80,protocol="TCP"]`, `v:"a"` -> `[="a"]`.
std::string printed(std::string_view element) {
  const std::string_view value = element.substr(element.size() < 2 ? element.size() : 2);
  if (element.starts_with("f:")) return "." + std::string(value);
  if (element.starts_with("k:")) {
    const Json keys = Json::parse(value, nullptr, false);
    std::string list;
    for (const auto& [key, one] : keys.items()) list += (list.empty() ? "" : ",") + key + "=" + to_text(one);
    return "[" + list + "]";
  }
  return "[=" + std::string(value) + "]";
}

void collect(const FieldSet& set, const std::string& prefix, std::vector<std::string>& out) {
  if (set.member) out.push_back(prefix);
  for (const auto& [element, child] : set.children) collect(child, prefix + printed(element), out);
}

}  // namespace

FieldSet FieldSet::from_json(const Json& fields_v1) {
  FieldSet set;
  if (!fields_v1.is_object()) return set;
  for (const auto& [element, below] : fields_v1.items()) {
    if (element == ".") {
      set.member = true;
      continue;
    }
    FieldSet child = from_json(below);
    if (child.empty()) child.member = true;
    set.children.emplace(element, std::move(child));
  }
  return set;
}

Json FieldSet::to_json() const {
  Json out = Json::object();
  if (member && !children.empty()) out["."] = Json::object();
  for (const auto& [element, child] : children) out[element] = child.to_json();
  return out;
}

void FieldSet::add(const FieldSet& other) {
  member = member || other.member;
  for (const auto& [element, child] : other.children) children[element].add(child);
}

void FieldSet::subtract(const FieldSet& other) {
  if (other.member) member = false;
  for (const auto& [element, theirs] : other.children) {
    auto mine = children.find(element);
    if (mine == children.end()) continue;
    mine->second.subtract(theirs);
    if (mine->second.empty()) children.erase(mine);
  }
}

FieldSet FieldSet::common(const FieldSet& other) const {
  FieldSet result;
  result.member = member && other.member;
  for (const auto& [element, mine] : children) {
    auto theirs = other.children.find(element);
    if (theirs == other.children.end()) continue;
    if (FieldSet both = mine.common(theirs->second); !both.empty()) result.children.emplace(element, std::move(both));
  }
  return result;
}

std::vector<std::string> FieldSet::paths() const {
  std::vector<std::string> out;
  collect(*this, "", out);
  return out;
}

}  // namespace meshgraft::fakes
