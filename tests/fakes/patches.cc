#include "tests/fakes/patches.h"

#include <algorithm>

namespace meshgraft::fakes {
namespace {

std::string directive(const Json& patch) {
  if (!patch.is_object()) return "";
  auto it = patch.find("$patch");
  return it != patch.end() && it->is_string() ? it->get<std::string>() : "";
}

Json strategic_at(const Place& place, const Json& original, const Json& patch);

// $setElementOrder: items named there come in that order, the others keep their place before them.
void reorder(Json& list, const Json& order, const std::string& key) {
  const auto rank = [&](const Json& item) -> std::size_t {
    for (std::size_t i = 0; i < order.size(); ++i) {
      const Json& one = order[i];
      if (one.is_object() ? (item.is_object() && item.value(key, Json()) == one.value(key, Json(1))) : item == one)
        return i + 1;
    }
    return 0;
  };
  auto& items = list.get_ref<Json::array_t&>();
  std::stable_sort(items.begin(), items.end(), [&](const Json& a, const Json& b) { return rank(a) < rank(b); });
}

// `key` is the strategic merge key: the first of the keys by which apply tells items apart.
Json strategic_list(const Place& place, const std::string& key, const Json& original, const Json& patch) {
  Json out = original.is_array() ? original : Json::array();
  for (const Json& item : patch) {
    if (directive(item) == "replace") {
      out = Json::array();
      for (const Json& other : patch) {
        if (directive(other).empty()) out.push_back(other);
      }
      return out;
    }
  }
  for (const Json& item : patch) {
    const Json wanted = item.value(key, Json());
    auto it = std::find_if(out.begin(), out.end(),
                           [&](const Json& one) { return one.is_object() && one.value(key, Json()) == wanted; });
    if (directive(item) == "delete") {
      if (it != out.end()) out.erase(it);
    } else if (it == out.end()) {
      out.push_back(strategic_at(place, Json::object(), item));
    } else {
      *it = strategic_at(place, *it, item);
    }
  }
  return out;
}

Json strategic_at(const Place& place, const Json& original, const Json& patch) {
  if (!patch.is_object()) return patch;
  if (directive(patch) == "replace") {
    Json out = patch;
    out.erase("$patch");
    return out;
  }
  if (directive(patch) == "delete") return Json::object();
  Json out = original.is_object() ? original : Json::object();
  if (auto retain = patch.find("$retainKeys"); retain != patch.end() && retain->is_array()) {
    for (auto it = out.begin(); it != out.end();) {
      it = std::find(retain->begin(), retain->end(), Json(it.key())) == retain->end() ? out.erase(it) : std::next(it);
    }
  }
  for (const auto& [key, value] : patch.items()) {
    if (key.starts_with("$deleteFromPrimitiveList/")) {
      const std::string field = key.substr(key.find('/') + 1);
      if (auto list = out.find(field); list != out.end() && list->is_array()) {
        std::erase_if(list->get_ref<Json::array_t&>(),
                      [&](const Json& one) { return std::find(value.begin(), value.end(), one) != value.end(); });
      }
      continue;
    }
    if (key.starts_with("$")) continue;
    if (value.is_null()) {
      out.erase(key);
      continue;
    }
    const Place below = place.below(key);
    const Json old = out.value(key, Json());
    if (value.is_object()) {
      out[key] = strategic_at(below, old, value);
    } else if (value.is_array()) {
      const Shape shape = below.shape(value);
      if (shape.kind == Shape::keyed) {
        out[key] = strategic_list(below, shape.keys.front(), old, value);
      } else if (shape.kind == Shape::set && old.is_array()) {
        Json list = old;
        for (const Json& one : value) {
          if (std::find(list.begin(), list.end(), one) == list.end()) list.push_back(one);
        }
        out[key] = std::move(list);
      } else {
        out[key] = value;
      }
    } else {
      out[key] = value;
    }
  }
  for (const auto& [key, order] : patch.items()) {
    if (!key.starts_with("$setElementOrder/") || !order.is_array()) continue;
    const std::string field = key.substr(key.find('/') + 1);
    auto list = out.find(field);
    if (list == out.end() || !list->is_array()) continue;
    const Shape shape = place.below(field).shape(*list);
    reorder(*list, order, shape.kind == Shape::keyed ? shape.keys.front() : "");
  }
  return out;
}

Answer not_processable() {
  return refusal(422, "Invalid", "the server rejected our request due to an error in our request", Json::object());
}

}  // namespace

Answer json_patched(const Json& object, const Json& patch) {
  if (!patch.is_array()) return bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch");
  try {
    return {200, object.patch(patch)};
  } catch (const Json::parse_error&) {
    return bad_request("error decoding patch: not a list of JSON Patch operations");
  } catch (const Json::exception&) {
    return not_processable();  // a test that fails, a path that is not there
  }
}

Answer merge_patched(const Json& object, const Json& patch) {
  if (!patch.is_object()) return bad_request("error decoding patch: a merge patch is an object");
  Json out = object;
  out.merge_patch(patch);
  return {200, std::move(out)};
}

Answer strategic_patched(const ResourceType& type, const Json& object, const Json& patch) {
  if (type.custom) {
    return refusal(415, "UnsupportedMediaType",
                   "the body of the request was in an unknown format - accepted media types include: "
                   "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
                   Json::object());
  }
  if (!patch.is_object()) return bad_request("error decoding patch: a strategic merge patch is an object");
  return {200, strategic_at(Place(type), object, patch)};
}

}  // namespace meshgraft::fakes
