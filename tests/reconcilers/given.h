#pragma once
// Objects, views and worlds from small YAML texts, for the tests of rules.

#include <gtest/gtest.h>

#include <string_view>

#include "k8sclient/model/yaml_read.h"
#include "reconcilers/facts.h"

namespace meshgraft::given {

// The objects of `yaml`; namespace shop where a document names none.
inline std::vector<ObjectPtr> objects(std::string_view yaml) {
  std::vector<ObjectPtr> found;
  auto documents = read_manifests(yaml, "given.yaml", "shop");
  if (!documents) {
    ADD_FAILURE() << documents.error().text;
    return found;
  }
  for (const Document& document : *documents) found.push_back(document.object);
  return found;
}

inline World world(std::string_view yaml) { return make_world(objects(yaml)); }

inline NamespaceView view(std::string_view yaml, const std::string& ns = "shop") {
  World made = world(yaml);
  const auto found = made.namespaces.find(ns);
  if (found != made.namespaces.end()) return found->second;
  NamespaceView empty;
  empty.name = ns;
  empty.ns = std::make_shared<Namespace>();
  return empty;
}

}  // namespace meshgraft::given
