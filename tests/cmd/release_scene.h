#pragma once
// ReleaseCommand: namespace shop with a canary of web, 70 to 30, on the embedded API server; the test plays the
// controller and KubeSphere between two looks. For the tests of meshgraft release.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "reconcilers/release_record.h"
#include "tests/cmd/call.h"
#include "tests/cmd/seed.h"
#include "tests/fakes/fake_api.h"
#include "tests/fakes/world.h"

namespace meshgraft::test {

struct Enough {};  // thrown by a pause: as when somebody interrupts

inline std::string deployment(const std::string& name, const std::string& version, const std::string& image) {
  const std::string keys = "{app: web, version: " + version + ", app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}";
  return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", labels: " + keys +
         ", annotations: {servicemesh.kubesphere.io/enabled: \"true\"}}\nspec:\n  selector: {matchLabels: " + keys + "}\n  template:\n    metadata: {labels: " + keys +
         "}\n    spec: {containers: [{name: web, image: \"" + image + "\", ports: [{containerPort: 8080}]}]}\n---\n";
}

inline const std::string kShop = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {meshgraft.io/app: shop}}\n---\n"
                          "apiVersion: v1\nkind: Service\nmetadata: {name: web, labels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}, "
                          "annotations: {servicemesh.kubesphere.io/enabled: \"true\"}}\nspec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}\n---\n" +
                          deployment("web", "v1", "web:1") + deployment("web-gray", "gray", "web:2");
inline const std::string kStrategy =
    "apiVersion: servicemesh.kubesphere.io/v1alpha2\nkind: Strategy\n"
    "metadata: {name: canary, labels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}}\n"
    "spec: {type: Canary, principal: v1, strategyPolicy: WaitForWorkloadReady, template: {spec: {hosts: [web], http: [{route: ["
    "{destination: {host: web, subset: v1}, weight: 70}, {destination: {host: web, subset: gray}, weight: 30}]}]}}}\n---\n";
inline const std::string kRule = "apiVersion: networking.istio.io/v1alpha3\nkind: DestinationRule\nmetadata: {name: web}\n"
                          "spec: {host: web, subsets: [{name: v1, labels: {version: v1}}, {name: gray, labels: {version: gray}}]}\n---\n";

class ReleaseCommand : public testing::Test {
 protected:
  void SetUp() override {
    fakes::seed_world(engine_, fakes::Profile::kubesphere_3_3);
    put(kShop + kStrategy + kRule);
    route(70, 30);
  }

  void put(const std::string& yaml) { seed_documents(engine_, yaml, "shop"); }
  // KubeSphere: this split of the traffic.
  void route(int principal, int gray) {
    put("apiVersion: networking.istio.io/v1alpha3\nkind: VirtualService\nmetadata: {name: web}\nspec: {hosts: [web], http: [{route: ["
        "{destination: {host: web, subset: v1}, weight: " + std::to_string(principal) + "}, {destination: {host: web, subset: gray}, weight: " + std::to_string(gray) + "}]}]}\n");
  }
  void change(const char* kind, const std::string& name, const Json& body) {
    const std::string plural = kind == std::string("Strategy") ? "strategies" : "deployments";
    const bool strategy = plural == "strategies";
    fakes::Target target{engine_.by_plural(strategy ? "servicemesh.kubesphere.io" : "apps", strategy ? "v1alpha2" : "v1", plural), strategy ? "v1alpha2" : "v1", "shop", name, ""};
    ASSERT_TRUE(engine_.patch(target, fakes::PatchFormat::merge, body, {}).ok());
  }
  void govern(const std::string& version) { change("Strategy", "canary", {{"spec", {{"governor", version}}}}); }
  // What a controller keeps first.
  void record() {
    const auto uid = [this](const char* api, const char* kind, const char* name) { return (*engine_.object(api, kind, "shop", name))["metadata"]["uid"].get<std::string>(); };
    ReleaseRecord kept;
    kept.principal = uid("apps/v1", "Deployment", "web");
    kept.gray = uid("apps/v1", "Deployment", "web-gray");
    kept.was = {{"containers", {{"web", {{"image", "web:1"}}}}}};
    kept.want = {{"containers", {{"web", {{"image", "web:2"}}}}}};
    kept.since = 1;
    const std::string text = release_record_text(kept, uid("servicemesh.kubesphere.io/v1alpha2", "Strategy", "canary"));
    change("Strategy", "canary", {{"metadata", {{"annotations", {{"meshgraft.io/undo", text}}}}}});
  }
  void remove(const char* group, const char* version, const char* plural, const std::string& name) {
    ASSERT_TRUE(engine_.remove({engine_.by_plural(group, version, plural), version, "shop", name, ""}, {}).ok());
  }
  void remove_strategy() { remove("servicemesh.kubesphere.io", "v1alpha2", "strategies", "canary"); }
  void remove_gray() { remove("apps", "v1", "deployments", "web-gray"); }

  Json annotations() const {
    const fakes::Object found = engine_.object("servicemesh.kubesphere.io/v1alpha2", "Strategy", "shop", "canary");
    return found ? (*found)["metadata"].value("annotations", Json::object()) : Json();
  }

  // `play(n)` is what has happened by the n-th pause, from 1.
  test::Given given(const std::function<void(int)>& play = {}) {
    test::Given result;
    result.clock = clock_;
    result.connect = [this](const Options&, const Environment&) -> Result<Connection> {
      auto api = std::make_unique<fakes::FakeApi>(engine_);
      api->set_fault([this](const fakes::Call& one) -> std::optional<fakes::Fault> {
        if (meets_) return meets_(one);
        if (!down_) return std::nullopt;
        *clock_ += swallows_;
        ApiError error;
        error.kind = ErrorClass::transport;
        error.message = "the server does not answer";
        return fakes::Fault{error};
      });
      return Connection{std::move(api), "shop", "test"};
    };
    result.pause = [this, play](std::chrono::seconds) {
      ++pauses_;
      if (play) play(pauses_);
    };
    return result;
  }
  // What a controller and KubeSphere do, one step a pause.
  void promote(int pause) {
    if (pause == 1) record();
    if (pause == 1) govern("gray");
    if (pause == 2) route(0, 100);
    if (pause == 3) put(deployment("web", "v1", "web:2"));
    if (pause == 4) govern("v1");
    if (pause == 5) route(100, 0);
    if (pause == 6) remove_gray();
    if (pause == 7) remove_strategy();
  }

  // What --promote prints that stands still right after it has asked, until `play` has happened and the Strategy is gone.
  std::string asked_and_then(const std::function<void()>& play) {
    test::Given world = given();
    bool asked = false;
    world.connect = [this, &asked, &play](const Options&, const Environment&) -> Result<Connection> {
      auto api = std::make_unique<fakes::FakeApi>(engine_);
      api->set_fault([this, &asked, &play](const fakes::Call& one) -> std::optional<fakes::Fault> {
        if (asked && annotations().is_object()) {
          play();
          remove_strategy();
        }
        asked = asked || one.verb == fakes::CallVerb::patch;
        return std::nullopt;
      });
      return Connection{std::move(api), "shop", "test"};
    };
    const Called got = call({"release", "canary", "--promote"}, world);
    EXPECT_EQ(got.status, 0) << got.err;
    EXPECT_EQ(pauses_, 0);
    return got.out;
  }

  fakes::Engine engine_;
  int pauses_ = 0;
  bool down_ = false;  // the API server answers nobody
  std::chrono::seconds swallows_{0};  // for so long it keeps a call then
  std::function<std::optional<fakes::Fault>(const fakes::Call&)> meets_;  // what a call meets instead
  std::shared_ptr<Time> clock_ = std::make_shared<Time>();
};

}  // namespace meshgraft::test
