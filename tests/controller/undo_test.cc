// The whole controller over the embedded API server: the way back of namespaces and members, and the roll-back of a
// restart that fails.

#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <optional>

#include "reconcilers/keys.h"
#include "tests/controller/rig.h"

namespace meshgraft {
namespace {

using fakes::Call;
using fakes::CallVerb;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::string_view kApp = "meshgraft.io/app";

// What people wrote and see: without what the server or its controllers keep.
Json essence(Json object) {
  Json& meta = object["metadata"];
  for (const char* key : {"managedFields", "resourceVersion", "generation", "creationTimestamp"}) meta.erase(key);
  if (meta.contains("annotations")) {
    meta["annotations"].erase("deployment.kubernetes.io/revision");
    if (meta["annotations"].empty()) meta.erase("annotations");
  }
  if (meta.contains("labels") && meta["labels"].empty()) meta.erase("labels");
  object.erase("status");
  return object;
}

struct Undo : testing::Test {
  RigCluster cluster;

  void open_shop(const std::string& ns = "shop") {
    cluster.add_namespace(ns);
    for (const char* name : {"catalog", "cart", "web"}) cluster.add_app(ns, name);
    cluster.play_on();
  }
  void join(const std::string& ns = "shop") { cluster.label(ns, std::string(kApp), "bookshop"); }
  void leave(const std::string& ns = "shop") { cluster.label(ns, std::string(kApp), ""); }

  // Everything of a namespace that people own, and what was made for them.
  std::map<std::string, Json> everything(const std::string& ns) const {
    std::map<std::string, Json> all;
    const std::pair<const char*, const char*> kinds[] = {
        {"apps/v1", "Deployment"}, {"apps/v1", "StatefulSet"}, {"apps/v1", "DaemonSet"}, {"v1", "Service"}, {"v1", "ConfigMap"},
        {"networking.k8s.io/v1", "Ingress"}, {"app.k8s.io/v1beta1", "Application"},
        {"networking.istio.io/v1alpha3", "VirtualService"}, {"networking.istio.io/v1alpha3", "DestinationRule"},
        {"networking.istio.io/v1alpha3", "EnvoyFilter"}};
    for (const auto& [version, kind] : kinds) {
      for (const fakes::Object& object : cluster.engine.objects(version, kind, ns)) {
        all.emplace(std::string(kind) + "/" + (*object)["metadata"]["name"].get<std::string>(), essence(*object));
      }
    }
    all.emplace("Namespace", essence(cluster.object("v1", "Namespace", "", ns)));
    return all;
  }
  static void expect_same(const std::map<std::string, Json>& before, const std::map<std::string, Json>& after) {
    for (const auto& [name, object] : before) {
      const auto found = after.find(name);
      if (found == after.end()) {
        ADD_FAILURE() << name << " is gone";
      } else {
        EXPECT_EQ(object, found->second) << name << ": " << to_text(Json::diff(object, found->second), 1);
      }
    }
    for (const auto& [name, object] : after) EXPECT_TRUE(before.contains(name)) << name << " is left behind";
  }
  Json annotations(const std::string& ns, const std::string& name) const {
    return cluster.deployment(ns, name)["metadata"].value("annotations", Json::object());
  }
};

TEST_F(Undo, removing_the_label_leaves_every_object_as_it_was) {
  open_shop();
  const auto before = everything("shop");
  RigController controller(cluster);
  join();
  controller.settle();
  ASSERT_EQ(cluster.pods_with_sidecar("shop"), 6);
  leave();
  controller.settle(minutes(3));
  expect_same(before, everything("shop"));
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), 0);
  cluster.api.forget_calls();
  controller.settle(minutes(10));
  EXPECT_THAT(cluster.api.writes(), testing::IsEmpty());
}

// A Deployment that KubeSphere makes a subset of once it is joined.
void add_governed(RigCluster& cluster, const std::string& ns, const std::string& name, int replicas = 2) {
  cluster.add_app(ns, name + "-x", 1);  // its Service is in nobody's way
  const Json labels{{"app", name}, {"app.kubernetes.io/name", "bookshop"}, {"app.kubernetes.io/version", "v1"}, {"version", "v1"}};
  Json deployment{{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"metadata", {{"name", name}, {"namespace", ns}, {"labels", labels}}}};
  const Json container{{"name", "app"}, {"image", "shop/app:1.0"}, {"ports", Json::array({{{"containerPort", 8080}}})}};
  deployment["spec"] = {{"replicas", replicas},
                        {"selector", {{"matchLabels", labels}}},
                        {"template", {{"metadata", {{"labels", labels}}}, {"spec", {{"containers", Json::array({container})}}}}}};
  Json service{{"apiVersion", "v1"}, {"kind", "Service"}, {"metadata", {{"name", name}, {"namespace", ns}}}};
  service["spec"] = {{"selector", {{"app", name}}}, {"ports", Json::array({{{"name", "web"}, {"port", 80}, {"targetPort", 8080}}})}};
  for (const Json& object : {deployment, service}) {
    const fakes::Answer answer = cluster.engine.seed(object);
    ASSERT_TRUE(answer.ok()) << to_text(answer.body);
  }
  cluster.play_on();
}

bool has_routes(const RigCluster& cluster, const std::string& name) {
  return !cluster.object("networking.istio.io/v1alpha3", "VirtualService", "shop", name).is_null();
}
bool has_rule(const RigCluster& cluster, const std::string& name) {
  return !cluster.object("networking.istio.io/v1alpha3", "DestinationRule", "shop", name).is_null();
}

TEST_F(Undo, governance_goes_in_the_order_that_starves_nobody) {
  cluster.add_namespace("shop");
  add_governed(cluster, "shop", "web");
  const auto before = everything("shop");
  RigController controller(cluster);
  join();
  controller.settle();
  ASSERT_TRUE(has_routes(cluster, "web"));
  ASSERT_TRUE(has_rule(cluster, "web"));
  leave();
  std::optional<Time> routes_gone, rule_gone, pods_touched;
  const Json joined = cluster.deployment("shop", "web");
  controller.settle(minutes(3), [&] {
    EXPECT_GT(cluster.ready_endpoints("shop", "web"), 0);
    if (!routes_gone && !has_routes(cluster, "web")) {
      routes_gone = cluster.clock.now();
      const Json service = cluster.object("v1", "Service", "shop", "web");
      EXPECT_FALSE(service["metadata"].value("annotations", Json::object()).contains(std::string(keys::kGoverned)));
      EXPECT_TRUE(has_rule(cluster, "web"));
    }
    if (!rule_gone && !has_rule(cluster, "web")) rule_gone = cluster.clock.now();
    const Json now = cluster.deployment("shop", "web");
    const bool changed = now["metadata"]["labels"] != joined["metadata"]["labels"] || now["spec"] != joined["spec"];
    if (!pods_touched && changed) pods_touched = cluster.clock.now();
  });
  ASSERT_TRUE(routes_gone && rule_gone && pods_touched);
  EXPECT_GE(*rule_gone - *routes_gone, seconds(12));
  EXPECT_GE(*pods_touched - *rule_gone, seconds(90));
  expect_same(before, everything("shop"));
}

TEST_F(Undo, who_sets_the_machines_clock_shortens_no_wait) {
  for (const seconds jump : {seconds(3600), seconds(-3600)}) {
    RigCluster shop;
    shop.add_namespace("shop");
    add_governed(shop, "shop", "web");
    RigController controller(shop);
    shop.label("shop", std::string(kApp), "bookshop");
    controller.settle();
    ASSERT_TRUE(has_rule(shop, "web"));
    shop.label("shop", std::string(kApp), "");
    std::optional<Time> routes_gone, rule_gone;
    controller.settle(minutes(3), [&] {
      if (!routes_gone && !has_routes(shop, "web")) {
        routes_gone = shop.clock.now();
        shop.clock.set_utc_by(jump);
      }
      if (!rule_gone && !has_rule(shop, "web")) rule_gone = shop.clock.now();
    });
    ASSERT_TRUE(routes_gone && rule_gone) << jump.count();
    EXPECT_GE(*rule_gone - *routes_gone, seconds(12)) << jump.count();
    EXPECT_LE(*rule_gone - *routes_gone, seconds(30)) << jump.count();
  }
}

TEST_F(Undo, every_service_keeps_a_ready_endpoint_and_one_workload_restarts_at_a_time) {
  open_shop();
  RigController controller(cluster);
  join();
  controller.settle();
  leave();
  int most = 0;
  controller.settle(minutes(3), [this, &most] {
    int rolling = 0;
    for (const char* name : {"catalog", "cart", "web"}) {
      EXPECT_GT(cluster.ready_endpoints("shop", name), 0) << name;
      const Json deployment = cluster.deployment("shop", name);
      const Json& now = deployment["status"];
      const bool complete = now.value("observedGeneration", 0) == deployment["metadata"].value("generation", 0) &&
                            now.value("updatedReplicas", 0) == 2 && now.value("availableReplicas", 0) >= 2 && now.value("replicas", 0) == 2;
      rolling += complete ? 0 : 1;
    }
    most = std::max(most, rolling);
  });
  EXPECT_EQ(most, 1);
}

TEST_F(Undo, the_label_removed_in_the_middle_of_joining_ends_as_before) {
  for (std::size_t writes = 1; writes < 16; writes += 2) {
    RigCluster fresh;
    fresh.add_namespace("shop");
    for (const char* name : {"catalog", "web"}) fresh.add_app("shop", name);
    const Json before = essence(fresh.deployment("shop", "web"));
    const Json service = essence(fresh.object("v1", "Service", "shop", "web"));
    RigController controller(fresh);
    controller.settle();
    fresh.label("shop", std::string(kApp), "bookshop");
    fresh.api.forget_calls();
    for (int i = 0; i < 200 && fresh.writes().size() < writes; ++i) {
      controller.pump();
      controller.work();
      fresh.play.step(fresh.millis());
      fresh.kubesphere.step();
      fresh.clock.advance(std::chrono::milliseconds(200));
    }
    fresh.label("shop", std::string(kApp), "");
    controller.settle(minutes(3));
    EXPECT_EQ(essence(fresh.deployment("shop", "web")), before) << "after " << writes << " writes";
    EXPECT_EQ(essence(fresh.object("v1", "Service", "shop", "web")), service) << "after " << writes << " writes";
    EXPECT_TRUE(fresh.object("app.k8s.io/v1beta1", "Application", "shop", "bookshop").is_null()) << "after " << writes << " writes";
    EXPECT_EQ(fresh.pods_with_sidecar("shop"), 0);
  }
}

TEST_F(Undo, the_controller_killed_at_any_write_of_the_way_back_ends_as_before) {
  for (std::size_t writes = 1; writes < 30; ++writes) {
    RigCluster fresh;
    fresh.add_namespace("shop");
    add_governed(fresh, "shop", "web");
    const Json before = essence(fresh.deployment("shop", "web"));
    const Json service = essence(fresh.object("v1", "Service", "shop", "web"));
    fresh.label("shop", std::string(kApp), "bookshop");
    bool over = true;
    {
      RigController controller(fresh);
      controller.settle();
      fresh.label("shop", std::string(kApp), "");
      fresh.api.forget_calls();
      for (int i = 0; i < 1500; ++i) {
        if (fresh.writes().size() >= writes) {
          over = false;
          break;
        }
        controller.pump();
        controller.work();
        fresh.play.step(fresh.millis());
        fresh.kubesphere.step();
        fresh.clock.advance(std::chrono::milliseconds(200));
      }
    }
    if (over) break;  // the way back has no more writes than that
    RigController again(fresh);
    again.settle(minutes(4));
    EXPECT_EQ(essence(fresh.deployment("shop", "web")), before) << "killed after " << writes << " writes";
    EXPECT_EQ(essence(fresh.object("v1", "Service", "shop", "web")), service) << "killed after " << writes << " writes";
    EXPECT_FALSE(has_routes(fresh, "web"));
    EXPECT_FALSE(has_rule(fresh, "web"));
    EXPECT_TRUE(fresh.object("app.k8s.io/v1beta1", "Application", "shop", "bookshop").is_null()) << "killed after " << writes << " writes";
    const Json ns = fresh.object("v1", "Namespace", "", "shop");
    EXPECT_FALSE(ns["metadata"].value("annotations", Json::object()).contains(std::string(keys::kStatus))) << "killed after " << writes << " writes";
  }
}

TEST_F(Undo, an_excluded_member_goes_back_and_the_others_stay) {
  open_shop();
  const Json before = essence(cluster.deployment("shop", "cart"));
  RigController controller(cluster);
  join();
  controller.settle();
  fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "cart", ""};
  const Json exclude{{"metadata", {{"annotations", {{std::string(keys::kExclude), "true"}}}}}};
  ASSERT_TRUE(cluster.engine.patch(target, fakes::PatchFormat::merge, exclude, {}).ok());
  controller.settle(minutes(3));
  Json after = essence(cluster.deployment("shop", "cart"));
  EXPECT_EQ(after["metadata"]["annotations"], (Json{{std::string(keys::kExclude), "true"}}));
  after["metadata"].erase("annotations");
  EXPECT_EQ(after, before);
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), 4);
}

TEST_F(Undo, what_somebody_changed_meanwhile_is_left) {
  open_shop();
  RigController controller(cluster);
  join();
  controller.settle();
  fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "cart", ""};
  const Json edit{{"metadata", {{"labels", {{"app.kubernetes.io/version", "v7"}}}}}};
  ASSERT_TRUE(cluster.engine.patch(target, fakes::PatchFormat::merge, edit, {}).ok());
  leave();
  controller.settle(minutes(3));
  EXPECT_EQ(cluster.deployment("shop", "cart")["metadata"]["labels"]["app.kubernetes.io/version"], "v7");
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), 0);
}

// An Ingress that names the port of Service web, which is renamed: its backend is switched to the number.
void add_ingress(RigCluster& cluster, const Json& labels) {
  Json ingress = Json::parse(R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"edge","namespace":"shop"},
    "spec":{"ingressClassName":"nginx","rules":[{"host":"a.example.com","http":{"paths":[
      {"path":"/","pathType":"Prefix","backend":{"service":{"name":"web","port":{"name":"web"}}}}]}}]}})");
  if (!labels.empty()) ingress["metadata"]["labels"] = labels;
  ASSERT_TRUE(cluster.engine.seed(ingress).ok());
}
const Json kLabels{{"app.kubernetes.io/name", "bookshop"}, {"app.kubernetes.io/version", "v1"}};

Json port_of_edge(const RigCluster& cluster, int path = 0) {
  return cluster.object("networking.k8s.io/v1", "Ingress", "shop", "edge")["spec"]["rules"][0]["http"]["paths"][path]["backend"]["service"]["port"];
}

TEST_F(Undo, an_ingress_that_nothing_but_an_edit_touched_goes_back_and_then_there_is_rest) {
  for (const Json& labels : {kLabels, Json::object()}) {
    RigCluster fresh;
    fresh.add_namespace("shop");
    add_governed(fresh, "shop", "web");
    add_ingress(fresh, labels);
    const Json before = essence(fresh.object("networking.k8s.io/v1", "Ingress", "shop", "edge"));
    RigController controller(fresh);
    fresh.label("shop", std::string(kApp), "bookshop");
    controller.settle();
    ASSERT_EQ(port_of_edge(fresh), (Json{{"number", 80}}));
    fresh.label("shop", std::string(kApp), "");
    controller.settle(minutes(3));
    EXPECT_EQ(essence(fresh.object("networking.k8s.io/v1", "Ingress", "shop", "edge")), before) << labels;
    fresh.api.forget_calls();
    controller.settle(minutes(10));
    EXPECT_THAT(fresh.writes(), testing::IsEmpty()) << labels;
  }
}

TEST_F(Undo, an_ingress_whose_rules_its_owner_edited_meanwhile_keeps_them_and_loses_what_is_ours) {
  cluster.add_namespace("shop");
  add_governed(cluster, "shop", "web");
  add_ingress(cluster, Json::object());
  RigController controller(cluster);
  join();
  controller.settle();
  // For the API server the list of rules is one value: it is his from here on.
  fakes::Target target{cluster.engine.by_plural("networking.k8s.io", "v1", "ingresses"), "v1", "shop", "edge", ""};
  const Json path = Json::parse(R"({"path":"/more","pathType":"Prefix","backend":{"service":{"name":"web","port":{"name":"web"}}}})");
  const Json patch = Json::array({{{"op", "add"}, {"path", "/spec/rules/0/http/paths/-"}, {"value", path}}});
  ASSERT_TRUE(cluster.engine.patch(target, fakes::PatchFormat::json, patch, {}).ok());
  controller.settle();
  leave();
  controller.settle(minutes(3));
  const Json after = cluster.object("networking.k8s.io/v1", "Ingress", "shop", "edge");
  EXPECT_FALSE(after["metadata"].value("annotations", Json::object()).contains(std::string(keys::kUndo)));
  EXPECT_FALSE(after["metadata"].value("labels", Json::object()).contains("app.kubernetes.io/name"));
  EXPECT_EQ(port_of_edge(cluster), (Json{{"number", 80}})) << "a number serves under every name";
  EXPECT_EQ(port_of_edge(cluster, 1), (Json{{"name", "web"}}));
  cluster.api.forget_calls();
  controller.settle(minutes(10));
  EXPECT_THAT(cluster.writes(), testing::IsEmpty());
}

TEST_F(Undo, paused_stops_the_way_back_where_it_is) {
  open_shop();
  RigController controller(cluster);
  join();
  controller.settle();
  cluster.annotate("shop", std::string(keys::kPaused), "true");
  leave();
  cluster.api.forget_calls();
  controller.settle(minutes(5));
  EXPECT_THAT(cluster.writes(), testing::IsEmpty());
  cluster.annotate("shop", std::string(keys::kPaused), "");
  controller.settle(minutes(3));
  EXPECT_EQ(cluster.pods_with_sidecar("shop"), 0);
}

}  // namespace
}  // namespace meshgraft
