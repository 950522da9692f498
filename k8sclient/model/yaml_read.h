#pragma once
// Reads manifests (YAML or JSON, several documents, List objects) into typed objects beside their source.
// Called by the command line for -f and by the golden tests; goes through decode, so a file and the API server
// give the same structs. Never touches the file system, never throws.

#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"
#include "k8sclient/base/result.h"
#include "k8sclient/model/objects.h"

namespace meshgraft {

struct Document {
  std::string source;  // the file's name as given, "-" for standard input
  int number = 0;      // of the document in its source, from 1
  int line = 0;        // where it starts, from 1
  int item = -1;       // index inside a List, -1 for a document of its own
  ObjectPtr object;
  OrderedJson json;  // the whole document, unknown fields and the order of keys included
};

// Reads every document of `text`. Empty documents are skipped. The error names source, document and field or line:
// "shop.yaml, document 2, line 14: …". A document without kind or name is such an error.
// Namespaced objects without a namespace get `default_namespace`.
Result<std::vector<Document>> read_manifests(std::string_view text, std::string_view source,
                                             std::string_view default_namespace);

// One document as it stands, a List whole.
struct RawManifest {
  int number = 0;  // as Document's
  OrderedJson json;
};

// The documents of `text` for whoever writes them out again; empty ones are left out. `is_json`: it was JSON.
struct RawManifests {
  std::vector<RawManifest> documents;
  bool is_json = false;
};
Result<RawManifests> read_raw_manifests(std::string_view text, std::string_view source);

// One YAML or JSON document as Json, scalars typed as Kubernetes types them (quoted scalars stay text).
Result<Json> yaml_to_json(std::string_view text, std::string_view source);

// `value` as YAML with keys in their order and text quoted where YAML would read something else.
std::string to_yaml(const OrderedJson& value);
std::string to_yaml(const Json& value);

}  // namespace meshgraft
