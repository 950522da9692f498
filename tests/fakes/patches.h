#pragma once
// The three client-side patch formats: JSON Patch (RFC 6902), merge patch (RFC 7386) and Kubernetes' strategic
// merge patch. Called by the engine's PATCH. Pure; errors are answers.

#include "tests/fakes/answer.h"
#include "tests/fakes/schema.h"

namespace meshgraft::fakes {

// Each returns the patched object in body with code 200, or the refusal that the real server gives.
Answer json_patched(const Json& object, const Json& patch);
Answer merge_patched(const Json& object, const Json& patch);
Answer strategic_patched(const ResourceType& type, const Json& object, const Json& patch);

}  // namespace meshgraft::fakes
