#pragma once
// What an API server says about itself: groups, resources, version, the OpenAPI outline that kubectl needs before it
// trusts the server with validation. Called by api_http. Pure.

#include <optional>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"
#include "tests/fakes/resource_types.h"

namespace meshgraft::fakes {

// The document at `path` ("/api", "/apis", "/apis/apps/v1", "/version", "/openapi/v3/apis/apps/v1"…); nullopt when
// there is none there.
std::optional<Json> discovery_document(std::string_view path, const std::vector<TypePtr>& types);

}  // namespace meshgraft::fakes
