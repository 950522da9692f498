// The sandbox's injection against every recorded row, with the recorded webhooks and with those that the profiles make.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "k8sclient/model/yaml_read.h"
#include "tests/fakes/selectors.h"
#include "tests/fakes/world.h"

namespace meshgraft::fakes {
namespace {

std::string read(const std::string& name) {
  std::ifstream file(std::string(MESHGRAFT_SOURCE_DIR) + "/tests/data/injection/" + name);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Json namespace_labels(const std::string& name) {
  if (name == "inj-enabled") return {{"istio-injection", "enabled"}};
  if (name == "inj-disabled") return {{"istio-injection", "disabled"}};
  if (name == "rev-default") return {{"istio.io/rev", "default"}};
  if (name == "rev-1-11-2") return {{"istio.io/rev", "1-11-2"}};
  if (name == "inj-and-rev") return {{"istio-injection", "enabled"}, {"istio.io/rev", "1-11-2"}};
  EXPECT_EQ(name, "plain");
  return Json::object();
}

// Every row of `file` gives what was recorded; returns how many there were.
int check_rows(const std::string& file, const std::vector<Json>& webhooks, const Injector& injector) {
  std::istringstream lines(read(file));
  std::string line;
  std::getline(lines, line);
  int rows = 0;
  while (std::getline(lines, line)) {
    std::istringstream cells(line);
    std::string ns, label, annotation, revision, host, wanted;
    cells >> ns >> label >> annotation >> revision >> host >> wanted;
    Json pod = {{"metadata", {{"labels", Json::object()}, {"annotations", Json::object()}}},
                {"spec", {{"containers", Json::array()}}}};
    if (label != "-") pod["metadata"]["labels"]["sidecar.istio.io/inject"] = label;
    if (annotation != "-") pod["metadata"]["annotations"]["sidecar.istio.io/inject"] = annotation;
    if (revision != "-") pod["metadata"]["labels"]["istio.io/rev"] = revision;
    if (host == "host") pod["spec"]["hostNetwork"] = true;
    EXPECT_EQ(gets_sidecar(webhooks, ns, namespace_labels(ns), pod, injector), wanted == "yes") << file << ": " << line;
    ++rows;
  }
  return rows;
}

struct Set {
  const char* name;
  bool enabled_by_default, honours_label;
};

TEST(Injection, reproduces_all_recorded_rows) {
  int rows = 0;
  for (const Set& set : {Set{"kubesphere-3.3-istio-1.11.2", false, false}, Set{"istio-1.11.2", true, false},
                         Set{"istio-1.31", true, true}}) {
    const Result<Json> webhooks = yaml_to_json(read(std::string(set.name) + ".webhooks.yaml"), set.name);
    ASSERT_TRUE(webhooks) << webhooks.error().text;
    Injector injector;
    injector.enabled_by_default = set.enabled_by_default;
    injector.honours_label = set.honours_label;
    rows += check_rows(std::string(set.name) + ".tsv", {*webhooks}, injector);
  }
  EXPECT_EQ(rows, 864);
}

TEST(Injection, the_worlds_profiles_decide_as_recorded) {
  const std::pair<Profile, const char*> profiles[] = {{Profile::kubesphere_3_3, "kubesphere-3.3-istio-1.11.2.tsv"},
                                                      {Profile::istio, "istio-1.31.tsv"}};
  for (const auto& [profile, file] : profiles) {
    const MeshFacts mesh = mesh_of(profile);
    Injector injector;
    injector.enabled_by_default = mesh.enabled_by_default;
    injector.honours_label = mesh.honours_label;
    EXPECT_EQ(check_rows(file, {injector_webhooks(profile)}, injector), 288);
  }
}

TEST(Injection, a_created_pod_really_gets_the_container_and_the_status_annotation) {
  Engine engine;
  seed_world(engine, Profile::kubesphere_3_3);
  Json pod = {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata", {{"name", "p"}, {"namespace", "default"}, {"annotations", {{"sidecar.istio.io/inject", "true"}}}}},
      {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", "i:1"}}})}}}};
  const Target pods{engine.by_plural("", "v1", "pods"), "v1", "default", "", ""};
  const Answer with = engine.create(pods, pod, {});
  ASSERT_EQ(with.code, 201) << to_text(with.body);
  EXPECT_EQ(with.body["spec"]["containers"][1]["name"], "istio-proxy");
  EXPECT_EQ(with.body["spec"]["containers"][1]["image"], "istio/proxyv2:1.11.2");
  EXPECT_TRUE(annotations_of(with.body).contains("sidecar.istio.io/status"));
  pod["metadata"]["name"] = "q";
  pod["spec"]["hostNetwork"] = true;
  EXPECT_EQ(engine.create(pods, pod, {}).body["spec"]["containers"].size(), 1u);
}

}  // namespace
}  // namespace meshgraft::fakes
