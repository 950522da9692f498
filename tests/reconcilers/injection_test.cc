#include "reconcilers/injection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/reconcilers/given.h"

namespace meshgraft {
namespace {

// One recorded set: what an istiod said, beside the webhooks it was asked through (tests/data/injection).
struct Recording {
  std::string_view name;
  Version version;
  bool policy_enabled;
};
constexpr Recording kRecordings[] = {
    {"kubesphere-3.3-istio-1.11.2", {1, 11, 2}, false},
    {"istio-1.11.2", {1, 11, 2}, true},
    {"istio-1.31", {1, 31, 0}, true},
};

std::string read_file(const std::string& name) {
  std::ifstream in(std::string(MESHGRAFT_SOURCE_DIR) + "/tests/data/injection/" + name);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

MeshFacts mesh_of(const Recording& recording) {
  MeshFacts mesh;
  mesh.present = mesh.ready = true;
  mesh.version = recording.version;
  mesh.policy_enabled = recording.policy_enabled;
  for (const ObjectPtr& object : given::objects(read_file(std::string(recording.name) + ".webhooks.yaml"))) {
    const WebhookConfiguration* configuration = as<WebhookConfiguration>(object.get());
    if (configuration == nullptr) continue;
    mesh.injectors.insert(mesh.injectors.end(), configuration->webhooks.begin(), configuration->webhooks.end());
  }
  return mesh;
}

Labels namespace_labels(std::string_view name) {
  if (name == "inj-enabled") return {{"istio-injection", "enabled"}};
  if (name == "inj-disabled") return {{"istio-injection", "disabled"}};
  if (name == "rev-default") return {{"istio.io/rev", "default"}};
  if (name == "rev-1-11-2") return {{"istio.io/rev", "1-11-2"}};
  if (name == "inj-and-rev") return {{"istio-injection", "enabled"}, {"istio.io/rev", "1-11-2"}};
  return {};
}

TEST(Injection, every_recorded_row_is_reproduced) {
  int rows = 0;
  for (const Recording& recording : kRecordings) {
    const MeshFacts mesh = mesh_of(recording);
    ASSERT_FALSE(mesh.injectors.empty()) << recording.name;
    std::stringstream table(read_file(std::string(recording.name) + ".tsv"));
    std::string line;
    std::getline(table, line);
    while (std::getline(table, line)) {
      std::vector<std::string> cells;
      std::stringstream row(line);
      for (std::string cell; std::getline(row, cell, '\t');) cells.push_back(cell);
      ASSERT_EQ(cells.size(), 6U) << line;
      Labels labels;
      Labels annotations;
      if (cells[1] != "-") labels["sidecar.istio.io/inject"] = cells[1];
      if (cells[2] != "-") annotations["sidecar.istio.io/inject"] = cells[2];
      if (cells[3] != "-") labels["istio.io/rev"] = cells[3];
      const InjectionVerdict verdict =
          injection(mesh, cells[0], namespace_labels(cells[0]), labels, annotations, cells[4] == "host");
      EXPECT_EQ(verdict.injected ? "yes" : "no", cells[5])
          << recording.name << ": " << line << " (" << verdict.why << ")";
      EXPECT_EQ(verdict.why.empty(), verdict.injected) << line;
      ++rows;
    }
  }
  EXPECT_EQ(rows, 864);
}

TEST(Injection, says_which_layer_refused) {
  const MeshFacts mesh = mesh_of(kRecordings[0]);
  const Labels asks{{"sidecar.istio.io/inject", "true"}};
  EXPECT_THAT(injection(mesh, "shop", {{"istio-injection", "enabled"}}, asks, asks, false).why,
              testing::HasSubstr("istio-injection=enabled"));
  EXPECT_THAT(injection(mesh, "shop", {}, asks, asks, true).why, testing::HasSubstr("hostNetwork"));
  EXPECT_THAT(injection(mesh, "shop", {}, {}, {}, false).why, testing::HasSubstr("policy is disabled"));
  EXPECT_THAT(injection(mesh, "kube-system", {}, asks, asks, false).why, testing::HasSubstr("never injects"));
  EXPECT_THAT(injection(MeshFacts{}, "shop", {}, asks, asks, false).why, testing::HasSubstr("no sidecar injector"));
}

}  // namespace
}  // namespace meshgraft
