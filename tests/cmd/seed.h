#pragma once
// seed_documents: manifests as a cluster holds them once they run. For the tests of commands on the embedded API server.

#include <gtest/gtest.h>

#include <string>

#include "k8sclient/model/yaml_read.h"
#include "tests/fakes/engine.h"

namespace meshgraft::test {

// Stores the documents; every Deployment is available. One without a namespace goes into `ns`.
inline void seed_documents(fakes::Engine& engine, const std::string& yaml, const std::string& ns) {
  const Result<std::vector<Document>> documents = read_manifests(yaml, "test", ns);
  ASSERT_TRUE(documents) << documents.error().text;
  for (const Document& document : *documents) {
    Json json = Json(document.json);
    if (document.object->kind != Kind::namespace_) json["metadata"]["namespace"] = document.object->meta.ns;
    if (document.object->kind == Kind::deployment) {
      json["metadata"]["generation"] = 1;
      json["spec"]["replicas"] = 1;
      json["status"] = {{"observedGeneration", 1}, {"replicas", 1}, {"updatedReplicas", 1}, {"readyReplicas", 1}, {"availableReplicas", 1}};
    }
    const fakes::Answer stored = engine.seed(json);
    ASSERT_TRUE(stored.ok()) << to_text(stored.body);
  }
}

}  // namespace meshgraft::test
