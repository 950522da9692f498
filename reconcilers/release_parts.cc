#include "reconcilers/release_parts.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "k8sclient/model/json_read.h"

namespace meshgraft {
namespace {

constexpr std::array<std::string_view, 3> kFields{"image", "env", "resources"};

struct Place {
  const char* name;
  std::vector<Container> PodTemplate::* list;
};
constexpr std::array<Place, 2> kPlaces{{{"containers", &PodTemplate::containers}, {"initContainers", &PodTemplate::init_containers}}};

std::string pointer(const Place& place, std::size_t index) {
  return "/spec/template/spec/" + std::string(place.name) + "/" + std::to_string(index);
}

// The parts of one container; null when there are none.
const Json* part_of(const Json& parts, const char* place, const std::string& container) {
  return value_at(parts, "/" + std::string(place) + "/" + pointer_step(container));
}

// An empty list says the same as none.
Json field_of(const Json* container, std::string_view field) {
  const Json* value = container == nullptr ? nullptr : value_at(*container, "/" + std::string(field));
  return value == nullptr || value->empty() ? Json() : *value;
}

}  // namespace

Json release_parts(const Workload& workload, const Json* whole) {
  Json parts = Json::object();
  for (const Place& place : kPlaces) {
    const std::vector<Container>& list = workload.pod.*place.list;
    for (std::size_t i = 0; i < list.size(); ++i) {
      Json& part = parts[place.name][list[i].name];
      part["image"] = list[i].image;
      if (whole == nullptr) continue;
      const Json* container = value_at(*whole, pointer(place, i));
      for (const std::string_view field : {kFields[1], kFields[2]}) part[std::string(field)] = field_of(container, field);
    }
  }
  return parts;
}

bool are_parts(const Json& document) {
  if (!document.is_object()) return false;
  for (const Json& containers : document) {
    if (!containers.is_object()) return false;
    for (const Json& fields : containers) {
      if (!fields.is_object()) return false;
    }
  }
  return true;
}

bool holds_parts(const Json& present, const Json& parts) {
  if (!are_parts(parts)) return false;
  for (const auto& [place, containers] : parts.items()) {
    for (const auto& [name, fields] : containers.items()) {
      const Json* have = part_of(present, place.c_str(), name);
      if (have == nullptr) return false;
      for (const auto& [field, value] : fields.items()) {
        if (!have->contains(field) || (*have)[field] != value) return false;
      }
    }
  }
  return true;
}

Json completed_parts(Json parts, const Json& present) {
  if (!are_parts(parts)) return present;
  for (const auto& [place, containers] : present.items()) {
    for (const auto& [name, fields] : containers.items()) {
      for (const auto& [field, value] : fields.items()) {
        Json& part = parts[place][name];
        if (!part.contains(field)) part[field] = value;
      }
    }
  }
  return parts;
}

bool names_env(const Json& parts) {
  for (const auto& [place, containers] : parts.items()) {
    for (const auto& [name, fields] : containers.items()) {
      if (fields.contains("env") || fields.contains("resources")) return true;
    }
  }
  return false;
}

Json parts_patch(const Workload& workload, const Json& present, const Json& parts) {
  Json patch = Json::array();
  for (const Place& place : kPlaces) {
    const std::vector<Container>& list = workload.pod.*place.list;
    for (std::size_t i = 0; i < list.size(); ++i) {
      const Json* wanted = part_of(parts, place.name, list[i].name);
      const Json* have = part_of(present, place.name, list[i].name);
      if (wanted == nullptr || have == nullptr) continue;
      Json steps = Json::array();
      for (const std::string_view name : kFields) {
        const std::string field(name);
        if (!wanted->contains(field) || !have->contains(field) || (*wanted)[field] == (*have)[field]) continue;
        const std::string path = pointer(place, i) + "/" + field;
        if ((*wanted)[field].is_null()) {
          steps.push_back({{"op", "remove"}, {"path", path}});
        } else {
          steps.push_back({{"op", "add"}, {"path", path}, {"value", (*wanted)[field]}});
        }
      }
      if (steps.empty()) continue;
      patch.push_back({{"op", "test"}, {"path", pointer(place, i) + "/name"}, {"value", list[i].name}});
      patch.push_back({{"op", "test"}, {"path", pointer(place, i) + "/image"}, {"value", list[i].image}});
      patch.insert(patch.end(), steps.begin(), steps.end());
    }
  }
  return patch;
}

std::string images_text(const Json& present, const Json& parts) {
  std::string all;
  for (const auto& [place, containers] : parts.items()) {
    for (const auto& [name, fields] : containers.items()) {
      const Json* have = part_of(present, place.c_str(), name);
      const std::string before = have == nullptr ? "" : text(*have, "/image");
      const std::string after = text(fields, "/image");
      if (before == after) continue;
      all += (all.empty() ? "" : ", ") + name + ": " + before + " -> " + after;
    }
  }
  return all;
}

}  // namespace meshgraft
