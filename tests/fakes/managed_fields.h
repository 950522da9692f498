#pragma once
// Who owns which field: keeps metadata.managedFields through plain writes and server-side applies. Called by the
// engine for every write. Pure; time comes as text.

#include <optional>
#include <string>
#include <vector>

#include "tests/fakes/merge.h"

namespace meshgraft::fakes {

struct Manager {
  std::string name, operation, api_version, subresource, time;
  FieldSet fields;
  [[nodiscard]] bool same_entry(const Manager& other) const {
    return name == other.name && operation == other.operation && api_version == other.api_version &&
           subresource == other.subresource;
  }
};

std::vector<Manager> managers_of(const Json& object);
// Writes `managers` (those with fields) into `object`, sorted as the server sorts them.
void set_managers(Json& object, std::vector<Manager> managers);

struct Conflict {
  Manager manager;
  FieldSet fields;
};

// 409 with the words of the real server.
std::string conflict_message(const std::vector<Conflict>& conflicts);
Json conflict_causes(const std::vector<Conflict>& conflicts);

struct Applied {
  Json object;                      // with managedFields set
  std::vector<Conflict> conflicts;  // not empty: nothing may be written
};

// `live` null when absent. `writer` names the manager, its apiVersion, subresource and time.
Applied apply_config(const ResourceType& type, const Json& live, const Json& config, Manager writer, bool force);

// Records what a create, update or patch by `writer` changed from `before` (null when absent) to `after`.
// `ignored` are paths that this write could not touch.
void record_update(const ResourceType& type, const Json& before, Json& after, Manager writer);

}  // namespace meshgraft::fakes
