#pragma once
// Table answers, the columns that `kubectl get` prints. Called by api_http. Pure; the age is worked out by its caller's
// clock value.

#include "tests/fakes/answer.h"
#include "tests/fakes/resource_types.h"

namespace meshgraft::fakes {

// A meta.k8s.io/v1 Table of `body`, which is an object of `type` or a list of them. `include_object`: "Metadata" (also
// for ""), "Object" or "None".
Json table_of(const ResourceType& type, const Json& body, std::string_view include_object,
              std::int64_t now_unix_seconds);

// "5s", "3m4s", "2d": as kubectl shows ages.
std::string age_text(std::int64_t seconds);

}  // namespace meshgraft::fakes
