#include "reconcilers/release_parts.h"

#include <array>
#include <map>
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

// Leaves by path, as people write it: ".image", ".env[COLOR]", ".resources.limits.memory".
using Leaves = std::map<std::string, std::string>;

std::string plain(const Json& value) {
  if (!value.is_string()) return to_text(value);
  const std::string text = value.get<std::string>();
  return text.empty() ? "\"\"" : text;
}

Leaves leaves_of(const std::string& field, const Json& value) {
  Leaves leaves;
  if (field == "env" && value.is_array()) {
    for (const Json& one : value) {
      const Json* from = value_at(one, "/valueFrom");
      leaves[".env[" + text(one, "/name") + "]"] = from != nullptr ? to_text(*from) : plain(Json(text(one, "/value")));
    }
  } else if (field == "resources" && value.is_object()) {
    const Json flat = value.flatten();
    for (const auto& [path, leaf] : flat.items()) {
      std::string name = ".resources";
      for (std::size_t start = 1, slash = 0; slash != std::string::npos; start = slash + 1) {
        slash = path.find('/', start);
        name += "." + key_of_step(path.substr(start, slash - start));
      }
      leaves[name] = plain(leaf);
    }
  } else if (!value.is_null()) {
    leaves["." + field] = plain(value);
  }
  return leaves;
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

std::vector<Overwrite> part_changes(const Json& present, const Json& parts) {
  std::vector<Overwrite> all;
  for (const auto& [place, containers] : parts.items()) {
    for (const auto& [name, fields] : containers.items()) {
      const Json* have = part_of(present, place.c_str(), name);
      if (have == nullptr) continue;
      const std::string stem = "spec.template.spec." + place + "[" + name + "]";
      for (const auto& [field, value] : fields.items()) {
        if (!have->contains(field) || (*have)[field] == value) continue;
        Leaves before = leaves_of(field, (*have)[field]);
        const std::size_t known = all.size();
        for (auto& [path, now] : leaves_of(field, value)) {
          const auto former = before.extract(path);
          if (former.empty() || former.mapped() != now) all.push_back({stem + path, former.empty() ? "" : former.mapped(), now});
        }
        for (const auto& [path, was] : before) all.push_back({stem + path, was, ""});
        if (all.size() == known) all.push_back({stem + "." + field, plain((*have)[field]), plain(value)});  // in another order
      }
    }
  }
  return all;
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

bool renews_containers(const Json& was, const Json& want) {
  const auto found = want.find("containers");
  return found != want.end() && !images_text(was, Json{{"containers", *found}}).empty();
}

}  // namespace meshgraft
