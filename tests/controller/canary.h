#pragma once
// Canary: a shop with one composed microservice as KubeSphere's console makes it, two versions of it, and the Strategy
// between them. Tests of releases over the embedded API server, and the scenarios of the sim tier, begin with one.

#include <gtest/gtest.h>

#include <string>

#include "tests/controller/rig.h"

namespace meshgraft::canary {

inline const std::string kOld = "shop/web:1.0";
inline const std::string kNew = "shop/web:2.0";

inline Json labels_of(const std::string& version) {
  Json labels{{"app", "web"}, {"app.kubernetes.io/name", "bookshop"}, {"app.kubernetes.io/version", "v1"}};
  if (!version.empty()) labels["version"] = version;
  return labels;
}

inline Json deployment_of(const std::string& name, const std::string& version, int replicas, const std::string& image) {
  Json pod = labels_of(version);
  pod["sidecar.istio.io/inject"] = "true";
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata",
           {{"name", name}, {"namespace", "shop"}, {"labels", labels_of(version)}, {"annotations", {{"servicemesh.kubesphere.io/enabled", "true"}}}}},
          {"spec",
           {{"replicas", replicas},
            {"selector", {{"matchLabels", labels_of(version)}}},
            {"template",
             {{"metadata", {{"labels", pod}, {"annotations", {{"sidecar.istio.io/inject", "true"}, {"proxy.istio.io/config", R"({"holdApplicationUntilProxyStarts":true})"}}}}},
              {"spec", {{"containers", Json::array({{{"name", "app"}, {"image", image}, {"ports", Json::array({{{"containerPort", 8080}}})}}})}}}}}}}};
}

inline void seed(RigCluster& cluster, const Json& object) {
  const fakes::Answer answer = cluster.engine.seed(object);
  ASSERT_TRUE(answer.ok()) << to_text(answer.body);
}

// The console's part: web-gray with one pod, and the Strategy, 70 to 30.
inline void begin(RigCluster& cluster) {
  seed(cluster, deployment_of("web-gray", "gray", 1, kNew));
  const auto share = [](const std::string& subset, int weight) {
    return Json{{"destination", {{"host", "web"}, {"subset", subset}}}, {"weight", weight}};
  };
  seed(cluster, {{"apiVersion", "servicemesh.kubesphere.io/v1alpha2"},
                 {"kind", "Strategy"},
                 {"metadata", {{"name", "web-release"}, {"namespace", "shop"}, {"labels", labels_of("")}}},
                 {"spec",
                  {{"type", "Canary"},
                   {"principal", "v1"},
                   {"selector", {{"matchLabels", labels_of("")}}},
                   {"strategyPolicy", "WaitForWorkloadReady"},
                   {"template", {{"spec", {{"hosts", Json::array({"web"})}, {"http", Json::array({{{"route", Json::array({share("v1", 70), share("gray", 30)})}}})}}}}}}}});
  cluster.play_on();
}

// web serves with three pods, web-gray with one, 70 to 30; the namespace carries the app's label.
inline void open(RigCluster& cluster) {
  cluster.add_namespace("shop");
  seed(cluster, deployment_of("web", "v1", 3, kOld));
  seed(cluster, {{"apiVersion", "v1"},
                 {"kind", "Service"},
                 {"metadata",
                  {{"name", "web"}, {"namespace", "shop"}, {"labels", labels_of("")}, {"annotations", {{"servicemesh.kubesphere.io/enabled", "true"}}}}},
                 {"spec", {{"selector", labels_of("")}, {"ports", Json::array({{{"name", "http-web"}, {"port", 80}, {"targetPort", 8080}}})}}}});
  cluster.play_on();
  begin(cluster);
  cluster.label("shop", "meshgraft.io/app", "bookshop");
}

inline Json strategy(const RigCluster& cluster) {
  return cluster.object("servicemesh.kubesphere.io/v1alpha2", "Strategy", "shop", "web-release");
}
inline Json routes(const RigCluster& cluster) { return cluster.object("networking.istio.io/v1alpha3", "VirtualService", "shop", "web"); }
inline Json subsets(const RigCluster& cluster) {
  const Json rule = cluster.object("networking.istio.io/v1alpha3", "DestinationRule", "shop", "web");
  return rule.is_null() ? Json::array() : rule["spec"]["subsets"];
}
inline std::string image_of(const RigCluster& cluster, const std::string& name) {
  const Json deployment = cluster.deployment("shop", name);
  return deployment.is_null() ? "" : deployment["spec"]["template"]["spec"]["containers"][0].value("image", "");
}

// As kubectl annotate does; an empty value takes the annotation off.
inline void annotate(RigCluster& cluster, const std::string& key, const std::string& value) {
  const fakes::Target target{cluster.engine.by_plural("servicemesh.kubesphere.io", "v1alpha2", "strategies"), "v1alpha2", "shop", "web-release", ""};
  fakes::WriteOptions options;
  options.manager = "kubectl-annotate";
  const Json body{{"metadata", {{"annotations", {{key, value.empty() ? Json(nullptr) : Json(value)}}}}}};
  const fakes::Answer answer = cluster.engine.patch(target, fakes::PatchFormat::merge, body, options);
  ASSERT_TRUE(answer.ok()) << to_text(answer.body);
}

inline void set_image(RigCluster& cluster, const std::string& name, const std::string& image) {
  const fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", name, ""};
  fakes::WriteOptions options;
  options.manager = "kubectl-set";
  const Json body{{"spec", {{"template", {{"spec", {{"containers", Json::array({{{"name", "app"}, {"image", image}}})}}}}}}}};
  const fakes::Answer answer = cluster.engine.patch(target, fakes::PatchFormat::strategic, body, options);
  ASSERT_TRUE(answer.ok()) << to_text(answer.body);
}

// "" while every route of the VirtualService leads to a subset that the DestinationRule has and that has a ready pod;
// otherwise what is wrong.
inline std::string dead_end(const RigCluster& cluster) {
  const Json now = routes(cluster);
  if (now.is_null()) return "";
  for (const Json& route : now["spec"].value("http", Json::array())) {
    for (const Json& one : route["route"]) {
      if (one.value("weight", 100) == 0) continue;
      const std::string subset = one["destination"].value("subset", "");
      bool listed = false;
      for (const Json& known : subsets(cluster)) listed = listed || known.value("name", "") == subset;
      if (!listed) return "the route leads to subset " + subset + ", which the DestinationRule lacks";
      int ready = 0;
      for (const fakes::Object& pod : cluster.engine.objects("v1", "Pod", "shop")) {
        if ((*pod)["metadata"]["labels"].value("version", "") != subset || (*pod)["metadata"].contains("deletionTimestamp")) continue;
        for (const Json& condition : (*pod)["status"].value("conditions", Json::array()))
          ready += condition.value("type", "") == "Ready" && condition.value("status", "") == "True" ? 1 : 0;
      }
      if (ready == 0) return "the route leads to subset " + subset + ", which has no ready pod";
    }
  }
  return "";
}

}  // namespace meshgraft::canary
