#pragma once
// A shop of one microservice whose selector KubeSphere does not accept, and what a test of its re-creation looks at.
// Used by the tests of replace over the embedded API server. Asserts nothing itself.

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "reconcilers/keys.h"
#include "tests/controller/rig.h"

namespace meshgraft {

constexpr int kPods = 3;

inline bool has_sidecar(const Json& pod) { return to_text(pod).find("istio-proxy") != std::string::npos; }

struct Shop {
  RigCluster cluster;
  Settings settings;
  Json before;
  std::map<std::string, int> least;  // ready endpoints, by Service, while watched

  Shop() { settings.replace_enabled = true; }

  void open_shop() {
    cluster.add_namespace("shop");
    cluster.add_app("shop", "catalog", kPods);
    cluster.annotate("shop", "meshgraft.io/policy", "replace");
    before = deployment();
  }
  void join() { cluster.label("shop", "meshgraft.io/app", "bookshop"); }

  Json deployment() const { return cluster.deployment("shop", "catalog"); }
  Json record() const { return cluster.object("apps/v1", "ControllerRevision", "shop", "meshgraft-catalog"); }
  std::vector<fakes::Object> sets() const { return cluster.engine.objects("apps/v1", "ReplicaSet", "shop"); }

  void look() {
    const int ready = cluster.ready_endpoints("shop", "catalog");
    const auto [at, added] = least.try_emplace("catalog", ready);
    if (!added) at->second = std::min(at->second, ready);
  }

  bool is_replaced() const {
    const Json now = deployment();
    if (now.is_null() || !record().is_null()) return false;
    const Json& labels = now["spec"]["selector"]["matchLabels"];
    return labels.contains("app") && labels.contains("app.kubernetes.io/name") &&
           labels.contains("app.kubernetes.io/version") && labels.contains("run") &&
           now["status"].value("readyReplicas", 0) == now["spec"].value("replicas", 0);
  }

  // Spec, labels and annotations, but for what the server and its controllers keep.
  static Json kept(Json object) {
    Json meta = object.value("metadata", Json::object());
    Json annotations = meta.value("annotations", Json::object());
    annotations.erase("deployment.kubernetes.io/revision");
    for (const std::string_view key : {keys::kHeld, keys::kUndo, keys::kRetry}) annotations.erase(std::string(key));
    Json spec = object.value("spec", Json());
    Json& pod = spec["template"]["metadata"];
    if (pod.contains("annotations") && pod["annotations"].empty()) pod.erase("annotations");  // the API server keeps no empty map
    return {{"spec", std::move(spec)},
            {"labels", meta.value("labels", Json::object())},
            {"annotations", std::move(annotations)}};
  }

  void run(Duration quiet = std::chrono::minutes(2)) {
    RigController controller(cluster, settings);
    controller.settle(quiet, [this] { look(); });
  }

  void remove(const std::string& name) {
    fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", name, ""};
    ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
  }
};

struct ReplaceRig : testing::Test, Shop {};

}  // namespace meshgraft
