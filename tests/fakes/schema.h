#pragma once
// What a field of an object is to server-side apply and to strategic merge: a map merged key by key, a list merged
// by keys, a set, or one atomic value. Called by merge, managed_fields and patches. Built-in kinds follow their Go
// structs' markers (listType, mapType, structType); custom kinds have granular maps and atomic lists.

#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"
#include "tests/fakes/resource_types.h"

namespace meshgraft::fakes {

struct Shape {
  enum Kind { granular, atomic, keyed, set } kind = granular;
  std::vector<std::string> keys;  // keyed only
};

// A place in an object: kind and the names of the fields on the way, list items leaving no trace.
class Place {
 public:
  explicit Place(const ResourceType& type) : type_(&type) {}
  [[nodiscard]] Place below(std::string_view field) const;
  // How `value` (found here) is merged.
  [[nodiscard]] Shape shape(const Json& value) const;

 private:
  const ResourceType* type_;
  std::string path_;  // "spec.template.spec.containers"
};

// The path element of one item of a keyed list or set: `k:{"name":"c"}`, `v:"x"`. A missing `protocol` counts as TCP.
std::string element_of(const Shape& shape, const Json& item);

}  // namespace meshgraft::fakes
