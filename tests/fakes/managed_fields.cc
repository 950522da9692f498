#include "tests/fakes/managed_fields.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace meshgraft::fakes {
namespace {

std::string text(const Json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// `"kubectl" using apps/v1 at 2026-01-01T00:00:00Z`; appliers are named by their name alone.
std::string printed(const Manager& manager) {
  std::string out = "\"" + manager.name + "\"";
  if (!manager.subresource.empty()) out += " with subresource \"" + manager.subresource + "\"";
  if (manager.operation != "Update") return out;
  out += " using " + manager.api_version;
  if (!manager.time.empty()) out += " at " + manager.time;
  return out;
}

// Others lose what the write changed or removed.
void take_from_others(std::vector<Manager>& managers, const Manager& writer, const Comparison& change) {
  for (Manager& other : managers) {
    if (other.same_entry(writer)) continue;
    other.fields.subtract(change.modified);
    other.fields.subtract(change.added);
    other.fields.subtract(change.removed);
  }
}

}  // namespace

std::vector<Manager> managers_of(const Json& object) {
  std::vector<Manager> managers;
  auto metadata = object.find("metadata");
  if (metadata == object.end() || !metadata->is_object()) return managers;
  auto list = metadata->find("managedFields");
  if (list == metadata->end() || !list->is_array()) return managers;
  for (const Json& entry : *list) {
    if (!entry.is_object() || text(entry, "operation").empty()) continue;
    managers.push_back({text(entry, "manager"), text(entry, "operation"), text(entry, "apiVersion"),
                        text(entry, "subresource"), text(entry, "time"),
                        FieldSet::from_json(entry.value("fieldsV1", Json::object()))});
  }
  return managers;
}

void set_managers(Json& object, std::vector<Manager> managers) {
  std::erase_if(managers, [](const Manager& one) { return one.fields.empty(); });
  // structuredmerge sorts appliers first, then by time, then by name (fieldmanager/internal/managedfields.go).
  std::stable_sort(managers.begin(), managers.end(), [](const Manager& a, const Manager& b) {
    return std::tie(a.operation, a.time, a.name, a.api_version, a.subresource) <
           std::tie(b.operation, b.time, b.name, b.api_version, b.subresource);
  });
  Json list = Json::array();
  for (const Manager& one : managers) {
    Json entry = {{"manager", one.name}, {"operation", one.operation}, {"apiVersion", one.api_version},
                  {"time", one.time},    {"fieldsType", "FieldsV1"},   {"fieldsV1", one.fields.to_json()}};
    if (!one.subresource.empty()) entry["subresource"] = one.subresource;
    list.push_back(std::move(entry));
  }
  if (list.empty()) {
    object["metadata"].erase("managedFields");
  } else {
    object["metadata"]["managedFields"] = std::move(list);
  }
}

std::string conflict_message(const std::vector<Conflict>& conflicts) {
  std::map<std::string, std::vector<std::string>> by_manager;
  std::size_t count = 0;
  for (const Conflict& one : conflicts) {
    for (std::string& path : one.fields.paths()) {
      by_manager[printed(one.manager)].push_back(std::move(path));
      ++count;
    }
  }
  if (count == 1) {
    const auto& [manager, paths] = *by_manager.begin();
    return "Apply failed with 1 conflict: conflict with " + manager + ": " + paths.front();
  }
  std::string out = "Apply failed with " + std::to_string(count) + " conflicts: ";
  bool first = true;
  for (const auto& [manager, paths] : by_manager) {
    out += (first ? "conflicts with " : "\nconflicts with ") + manager + ":";
    first = false;
    for (const std::string& path : paths) out += "\n- " + path;
  }
  return out;
}

Json conflict_causes(const std::vector<Conflict>& conflicts) {
  Json causes = Json::array();
  for (const Conflict& one : conflicts) {
    for (const std::string& path : one.fields.paths()) {
      causes.push_back(
          {{"reason", "FieldManagerConflict"}, {"message", "conflict with " + printed(one.manager)}, {"field", path}});
    }
  }
  return causes;
}

Applied apply_config(const ResourceType& type, const Json& live, const Json& config, Manager writer, bool force) {
  Applied result;
  std::vector<Manager> managers = live.is_object() ? managers_of(live) : std::vector<Manager>();
  writer.operation = "Apply";
  writer.fields = fields_of(type, config);
  FieldSet last, others;
  for (const Manager& one : managers) {
    if (one.same_entry(writer)) {
      last = one.fields;
    } else {
      others.add(one.fields);
    }
  }
  result.object = merged(type, live, config);
  FieldSet gone = last;
  gone.subtract(writer.fields);
  FieldSet kept = others;
  kept.add(writer.fields);
  if (!gone.empty()) result.object = without(type, std::move(result.object), gone, kept);

  const Comparison change = compare(type, live, result.object);
  FieldSet touched = change.modified;
  touched.add(change.added);
  for (const Manager& one : managers) {
    if (one.same_entry(writer)) continue;
    if (FieldSet both = one.fields.common(touched); !both.empty()) result.conflicts.push_back({one, std::move(both)});
  }
  if (!result.conflicts.empty() && !force) return result;
  result.conflicts.clear();
  take_from_others(managers, writer, change);
  bool known = false;
  for (Manager& one : managers) {
    if (!one.same_entry(writer)) continue;
    known = true;
    if (one.fields == writer.fields) {
      writer.time = one.time;  // an apply that changes nothing leaves its entry as it is
    }
    one = writer;
  }
  if (!known) managers.push_back(std::move(writer));
  set_managers(result.object, std::move(managers));
  return result;
}

void record_update(const ResourceType& type, const Json& before, Json& after, Manager writer) {
  std::vector<Manager> managers = managers_of(after);
  const Json* given = nullptr;
  if (auto it = after.find("metadata"); it != after.end() && it->contains("managedFields"))
    given = &(*it)["managedFields"];
  const bool reset = given != nullptr && given->is_array() && given->size() == 1 && given->front().empty();
  if (reset) managers.clear();
  if (managers.empty() && !reset && before.is_object()) managers = managers_of(before);
  writer.operation = "Update";
  const Comparison change = compare(type, before, after);
  take_from_others(managers, writer, change);
  auto mine =
      std::find_if(managers.begin(), managers.end(), [&](const Manager& one) { return one.same_entry(writer); });
  if (mine == managers.end()) mine = managers.insert(managers.end(), writer);
  const FieldSet had = mine->fields;
  mine->fields.add(change.modified);
  mine->fields.add(change.added);
  mine->fields.subtract(change.removed);
  if (!(mine->fields == had)) mine->time = writer.time;
  set_managers(after, std::move(managers));
}

}  // namespace meshgraft::fakes
