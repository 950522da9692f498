#include "tests/fakes/merge.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace meshgraft::fakes {
namespace {

// What one side of a comparison contributes: every path below `value` into `set`, the place itself included.
void take_all(const Place& place, const Json& value, FieldSet& set) {
  set.member = true;
  const Shape shape = place.shape(value);
  if (shape.kind == Shape::atomic) return;
  if (value.is_object()) {
    for (const auto& [key, one] : value.items()) take_all(place.below(key), one, set.children["f:" + key]);
  } else {
    for (const Json& one : value) take_all(place, one, set.children[element_of(shape, one)]);
  }
}

struct Sets {
  FieldSet &added, &modified, &removed;
};

// Runs `step` with the three children sets under `element` and drops those that stayed empty.
void descend(const Sets& sets, const std::string& element, const std::function<void(const Sets&)>& step) {
  FieldSet added, modified, removed;
  step({added, modified, removed});
  if (!added.empty()) sets.added.children.emplace(element, std::move(added));
  if (!modified.empty()) sets.modified.children.emplace(element, std::move(modified));
  if (!removed.empty()) sets.removed.children.emplace(element, std::move(removed));
}

std::map<std::string, const Json*> by_element(const Shape& shape, const Json& list) {
  std::map<std::string, const Json*> result;
  for (const Json& one : list) result.emplace(element_of(shape, one), &one);
  return result;
}

void compare_at(const Place& place, const Json& before, const Json& after, const Sets& sets) {
  if (before == after) return;
  const Shape shape = place.shape(after);
  if (before.type() != after.type() || shape.kind == Shape::atomic) {
    sets.modified.member = true;
    return;
  }
  std::map<std::string, const Json*> left, right;
  if (after.is_object()) {
    for (const auto& [key, one] : before.items()) left.emplace("f:" + key, &one);
    for (const auto& [key, one] : after.items()) right.emplace("f:" + key, &one);
  } else {
    left = by_element(shape, before);
    right = by_element(shape, after);
  }
  const auto place_of = [&](const std::string& element) {
    return after.is_object() ? place.below(element.substr(2)) : place;
  };
  for (const auto& [element, value] : left) {
    if (!right.contains(element)) take_all(place_of(element), *value, sets.removed.children[element]);
  }
  for (const auto& [element, value] : right) {
    auto old = left.find(element);
    if (old == left.end()) {
      take_all(place_of(element), *value, sets.added.children[element]);
    } else {
      descend(sets, element, [&](const Sets& below) { compare_at(place_of(element), *old->second, *value, below); });
    }
  }
}

void fields_at(const Place& place, const Json& value, FieldSet& set) {
  const Shape shape = place.shape(value);
  if (shape.kind == Shape::atomic) {
    set.member = true;
  } else if (value.is_object()) {
    if (value.empty()) set.member = true;
    for (const auto& [key, one] : value.items()) fields_at(place.below(key), one, set.children["f:" + key]);
  } else {
    for (const Json& one : value) {
      FieldSet& child = set.children[element_of(shape, one)];
      fields_at(place, one, child);
      child.member = true;
    }
  }
}

Json merged_at(const Place& place, const Json& live, const Json& config);

// Items that both have come in the configuration's order, those that only `live` has keep their place.
Json merged_list(const Place& place, const Shape& shape, const Json& live, const Json& config) {
  std::vector<std::string> left, right;
  for (const Json& one : live) left.push_back(element_of(shape, one));
  for (const Json& one : config) right.push_back(element_of(shape, one));
  const std::set<std::string> in_right(right.begin(), right.end());
  const auto left_item = by_element(shape, live);
  Json out = Json::array();
  std::size_t l = 0, r = 0;
  const auto take_right = [&] {
    auto old = left_item.find(right[r]);
    out.push_back(old == left_item.end() ? config[r] : merged_at(place, *old->second, config[r]));
    ++r;
  };
  while (l < left.size() || r < right.size()) {
    if (l < left.size() && r < right.size() && left[l] == right[r]) {
      take_right();
      ++l;
    } else if (l < left.size() && !in_right.contains(left[l])) {
      out.push_back(live[l++]);
    } else if (r < right.size()) {
      take_right();
    } else {
      ++l;  // shared and already taken with the configuration's item
    }
  }
  return out;
}

Json merged_at(const Place& place, const Json& live, const Json& config) {
  const Shape shape = place.shape(config);
  if (live.type() != config.type() || shape.kind == Shape::atomic) return config;
  if (config.is_array()) return merged_list(place, shape, live, config);
  Json out = live;
  for (const auto& [key, one] : config.items()) {
    auto old = live.find(key);
    out[key] = old == live.end() ? one : merged_at(place.below(key), *old, one);
  }
  return out;
}

// True when nothing is left of `value`.
bool remove_at(const Place& place, Json& value, const FieldSet& gone, const FieldSet* kept) {
  const Shape shape = place.shape(value);
  const auto kept_below = [kept](const std::string& element) -> const FieldSet* {
    if (kept == nullptr) return nullptr;
    auto it = kept->children.find(element);
    return it == kept->children.end() ? nullptr : &it->second;
  };
  const auto drop = [&](const std::string& element, Json& child, const Place& at) {
    auto it = gone.children.find(element);
    if (it == gone.children.end()) return false;
    const FieldSet* others = kept_below(element);
    if (it->second.member && others == nullptr) return true;
    if (shape.kind == Shape::atomic || it->second.children.empty()) return false;
    return remove_at(at, child, it->second, others) && (others == nullptr || !others->member);
  };
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end();) {
      it = drop("f:" + it.key(), it.value(), place.below(it.key())) ? value.erase(it) : std::next(it);
    }
    return value.empty();
  }
  if (value.is_array() && shape.kind != Shape::atomic) {
    for (auto it = value.begin(); it != value.end();) {
      it = drop(element_of(shape, *it), *it, place) ? value.erase(it) : std::next(it);
    }
    return value.empty();
  }
  return false;
}

}  // namespace

Comparison compare(const ResourceType& type, const Json& before, const Json& after) {
  Comparison result;
  const Json empty = Json::object();
  compare_at(Place(type), before.is_object() ? before : empty, after, {result.added, result.modified, result.removed});
  for (FieldSet* set : {&result.added, &result.modified, &result.removed}) strip_system_fields(*set);
  return result;
}

FieldSet fields_of(const ResourceType& type, const Json& config) {
  FieldSet set;
  fields_at(Place(type), config, set);
  strip_system_fields(set);
  return set;
}

Json merged(const ResourceType& type, const Json& live, const Json& config) {
  return live.is_object() ? merged_at(Place(type), live, config) : config;
}

Json without(const ResourceType& type, Json object, const FieldSet& gone, const FieldSet& kept) {
  remove_at(Place(type), object, gone, &kept);
  return object;
}

void strip_system_fields(FieldSet& set) {
  set.children.erase("f:apiVersion");
  set.children.erase("f:kind");
  auto metadata = set.children.find("f:metadata");
  if (metadata == set.children.end()) return;
  for (const char* name :
       {"f:name", "f:namespace", "f:creationTimestamp", "f:deletionTimestamp", "f:deletionGracePeriodSeconds",
        "f:selfLink", "f:uid", "f:generation", "f:managedFields", "f:resourceVersion"}) {
    metadata->second.children.erase(name);
  }
  metadata->second.member = false;
  if (metadata->second.empty()) set.children.erase(metadata);
}

}  // namespace meshgraft::fakes
