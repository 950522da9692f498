#pragma once
// schema_check: whether a document holds to a JSON Schema, as far as docs/schema/ uses it: type, properties, required,
// items, enum, const, pattern, minimum, additionalProperties and $ref into $defs. For tests.

#include <string>
#include <vector>

#include "k8sclient/base/json.h"

namespace meshgraft::test {

// Every violation as "path: what". Members that the schema does not name are violations too, so that none goes undocumented.
std::vector<std::string> violations(const Json& document, const Json& schema);

}  // namespace meshgraft::test
