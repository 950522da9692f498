#pragma once
// Structured merge and comparison of two versions of an object, as server-side apply does them. Called by
// managed_fields and the engine. Pure: works on values, knows nothing of managers.

#include "tests/fakes/field_set.h"
#include "tests/fakes/schema.h"

namespace meshgraft::fakes {

struct Comparison {
  FieldSet added, modified, removed;
};

// `after` against `before`. A field that appears brings its parents' paths with it, as in the real server.
Comparison compare(const ResourceType& type, const Json& before, const Json& after);

// The paths that an applied configuration names.
FieldSet fields_of(const ResourceType& type, const Json& config);

// `live` with every field of `config` laid over it.
Json merged(const ResourceType& type, const Json& live, const Json& config);

// `object` without the members of `gone`, except what `kept` holds or has something below. Maps and lists that
// become empty go too.
Json without(const ResourceType& type, Json object, const FieldSet& gone, const FieldSet& kept);

// Drops from `set` the paths that no manager owns: apiVersion, kind, names, uid, versions, times, managedFields.
void strip_system_fields(FieldSet& set);

}  // namespace meshgraft::fakes
