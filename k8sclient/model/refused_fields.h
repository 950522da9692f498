#pragma once
// Refused fields: what every API server refuses in a manifest that can be read: names, labels and ports that are none,
// and a selector that misses its own pods. Called by the command line for -f; an object of an API server has no such
// field. Knows the kinds that rules write to, and of every other kind its metadata; it is no schema. Pure.

#include <string>
#include <vector>

#include "k8sclient/model/yaml_read.h"

namespace meshgraft {

struct RefusedField {
  std::string path;  // as errors of the API server name it: "spec.ports[1].port", "metadata.labels[\"app\"]"
  std::string why;   // "70000 is no port: 1 to 65535 are"
};

// In the order of the document; none for an object of a kind that no rule reads. Only what every supported server
// refuses, whatever its feature gates: a document with none may still be refused.
std::vector<RefusedField> refused_fields(const Document& document);

}  // namespace meshgraft
