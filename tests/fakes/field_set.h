#pragma once
// FieldSet: a set of field paths as managedFields' FieldsV1 writes them (f:name, k:{key}, v:value). Used by apply
// and managed_fields. A node that is a member with nothing below is a leaf. Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"

namespace meshgraft::fakes {

struct FieldSet {
  bool member = false;                       // this very path is in the set
  std::map<std::string, FieldSet> children;  // by encoded path element

  [[nodiscard]] bool empty() const { return !member && children.empty(); }

  static FieldSet from_json(const Json& fields_v1);
  [[nodiscard]] Json to_json() const;

  void add(const FieldSet& other);       // union
  void subtract(const FieldSet& other);  // difference, empty nodes dropped
  [[nodiscard]] FieldSet common(const FieldSet& other) const;

  // Every member path as the real server prints it: `.spec.ports[port=80,protocol="TCP"].name`.
  [[nodiscard]] std::vector<std::string> paths() const;

  bool operator==(const FieldSet&) const = default;
};

}  // namespace meshgraft::fakes
