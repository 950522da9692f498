// meshgraft release against the embedded API server; the test plays the controller and KubeSphere between two looks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmd/release_rows.h"
#include "cmd/render_json.h"
#include "cmd/status.h"
#include "k8sclient/model/yaml_read.h"
#include "reconcilers/release_record.h"
#include "tests/cmd/call.h"
#include "tests/fakes/fake_api.h"
#include "tests/fakes/world.h"

namespace meshgraft {
namespace {

using test::call;
using test::Called;
using testing::HasSubstr;
using testing::Not;

struct Enough {};  // thrown by a pause: as when somebody interrupts

std::string deployment(const std::string& name, const std::string& version, const std::string& image) {
  const std::string keys = "{app: web, version: " + version + ", app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}";
  return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", labels: " + keys +
         ", annotations: {servicemesh.kubesphere.io/enabled: \"true\"}}\nspec:\n  selector: {matchLabels: " + keys + "}\n  template:\n    metadata: {labels: " + keys +
         "}\n    spec: {containers: [{name: web, image: \"" + image + "\", ports: [{containerPort: 8080}]}]}\n---\n";
}

const std::string kShop = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {meshgraft.io/app: shop}}\n---\n"
                          "apiVersion: v1\nkind: Service\nmetadata: {name: web, labels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}, "
                          "annotations: {servicemesh.kubesphere.io/enabled: \"true\"}}\nspec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}\n---\n" +
                          deployment("web", "v1", "web:1") + deployment("web-gray", "gray", "web:2");
const std::string kStrategy =
    "apiVersion: servicemesh.kubesphere.io/v1alpha2\nkind: Strategy\n"
    "metadata: {name: canary, labels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}}\n"
    "spec: {type: Canary, principal: v1, strategyPolicy: WaitForWorkloadReady, template: {spec: {hosts: [web], http: [{route: ["
    "{destination: {host: web, subset: v1}, weight: 70}, {destination: {host: web, subset: gray}, weight: 30}]}]}}}\n---\n";
const std::string kRule = "apiVersion: networking.istio.io/v1alpha3\nkind: DestinationRule\nmetadata: {name: web}\n"
                          "spec: {host: web, subsets: [{name: v1, labels: {version: v1}}, {name: gray, labels: {version: gray}}]}\n---\n";

class ReleaseCommand : public testing::Test {
 protected:
  void SetUp() override {
    fakes::seed_world(engine_, fakes::Profile::kubesphere_3_3);
    put(kShop + kStrategy + kRule);
    route(70, 30);
  }

  // Stores the documents; every Deployment is available.
  void put(const std::string& yaml) {
    const Result<std::vector<Document>> documents = read_manifests(yaml, "test", "shop");
    ASSERT_TRUE(documents) << documents.error().text;
    for (const Document& document : *documents) {
      Json json = Json(document.json);
      if (document.object->kind != Kind::namespace_) json["metadata"]["namespace"] = "shop";
      if (document.object->kind == Kind::deployment) {
        json["metadata"]["generation"] = 1;
        json["spec"]["replicas"] = 1;
        json["status"] = {{"observedGeneration", 1}, {"replicas", 1}, {"updatedReplicas", 1}, {"readyReplicas", 1}, {"availableReplicas", 1}};
      }
      const fakes::Answer stored = engine_.seed(json);
      ASSERT_TRUE(stored.ok()) << to_text(stored.body);
    }
  }
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
    result.connect = [this](const Options&, const Environment&) -> Result<Connection> {
      auto api = std::make_unique<fakes::FakeApi>(engine_);
      api->set_fault([this](const fakes::Call&) -> std::optional<fakes::Fault> {
        if (!down_) return std::nullopt;
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
};

TEST_F(ReleaseCommand, without_a_name_it_lists_the_releases) {
  const Called got = call({"release"}, given());
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(got.out,
            "NAMESPACE  RELEASE  SERVICE  STATE    STEP  TRAFFIC\n"
            "shop       canary   web      sharing  -     v1 70, gray 30\n");
  EXPECT_EQ(call({"release", "canary", "-n", "shop"}, given()).out, got.out);
  EXPECT_EQ(call({"release", "-A"}, given()).out, got.out);
  EXPECT_TRUE(annotations().empty());
}

TEST_F(ReleaseCommand, status_shows_it_below_the_members) {
  const Called got = call({"status"}, given());
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, HasSubstr("shop       canary   web      sharing  -     v1 70, gray 30\n\nshop: joined"));
}

TEST_F(ReleaseCommand, that_a_controller_has_begun_tells_status_that_releases_are_carried_out) {
  change("Strategy", "canary", {{"metadata", {{"annotations", {{"meshgraft.io/promote", "true"}}}}}});
  EXPECT_THAT(call({"status"}, given()).out, HasSubstr("MG806: nothing is carried out without the chart's releases.enabled"));
  record();
  EXPECT_THAT(call({"status"}, given()).out, Not(HasSubstr("MG806")));
  EXPECT_THAT(call({"check"}, given()).out, Not(HasSubstr("MG806")));
}

TEST_F(ReleaseCommand, promote_sets_the_annotation_and_follows_to_the_end) {
  const Called got = call({"release", "canary", "--promote"}, given([this](int pause) {
                            if (pause == 1) {
                              EXPECT_EQ(annotations(), (Json{{"meshgraft.io/promote", "true"}}));
                            }
                            promote(pause);
                          }));
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, testing::StartsWith("shop/canary: to be promoted. Interrupting this does not stop it: 'meshgraft release canary -n shop --watch' follows again, --abort takes it back\n"
                                           "shop/canary: promoting 1/6, recording; traffic v1 70, gray 30"));
  EXPECT_THAT(got.out, HasSubstr("traffic v1 0, gray 100"));
  EXPECT_THAT(got.out, testing::EndsWith("shop/canary: promoted; Deployment web runs web:2\n"));
  EXPECT_EQ(pauses_, 7);
}

TEST_F(ReleaseCommand, a_server_that_does_not_answer_for_a_while_is_looked_for_again) {
  int seen = 0;
  const Called got = call({"release", "canary", "--promote"}, given([this, &seen](int pause) {
                            down_ = pause >= 2 && pause <= 60;
                            if (!down_) promote(++seen);
                          }));
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, testing::EndsWith("shop/canary: promoted; Deployment web runs web:2\n"));
  EXPECT_EQ(got.err.find("the server does not answer"), got.err.rfind("the server does not answer")) << "said once:\n" << got.err;
  EXPECT_THAT(got.err, HasSubstr("the server does not answer"));
}

TEST_F(ReleaseCommand, a_server_that_never_answers_again_ends_it) {
  const Called got = call({"release", "canary", "--promote"}, given([this](int) { down_ = true; }));
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(pauses_, 61) << "two minutes";
}

TEST_F(ReleaseCommand, followed_it_says_that_a_new_route_takes_12_s_to_reach_every_proxy) {
  EXPECT_THROW((void)call({"release", "canary", "--promote"}, given([](int) { throw Enough{}; })), Enough);
  record();
  govern("gray");
  pauses_ = 0;
  test::Given world = given([this](int pause) {
    if (pause == 1)
      put("apiVersion: networking.istio.io/v1alpha3\nkind: VirtualService\nmetadata: {name: web}\n"
          "spec: {hosts: [web], http: [{route: [{destination: {host: web, subset: gray}}]}]}\n");
    if (pause == 8) throw Enough{};
  });
  std::string out;
  EXPECT_THROW((void)call_into({"release", "canary", "--watch"}, world, out), Enough);
  EXPECT_THAT(out, HasSubstr("2/6, to gray; traffic gray 100; 12 s after the VirtualService: proxies may still have the former route\n"
                                   "shop/canary: promoting 3/6, updating the principal; traffic gray 100\n"));
}

TEST_F(ReleaseCommand, promote_can_ask_for_the_template) {
  EXPECT_THROW((void)call({"release", "canary", "--promote=template"}, given([](int) { throw Enough{}; })), Enough);
  EXPECT_EQ(annotations(), (Json{{"meshgraft.io/promote", "template"}}));
}

TEST_F(ReleaseCommand, interrupted_it_leaves_the_annotation_and_watch_follows_again) {
  EXPECT_THROW((void)call({"release", "canary", "--promote"}, given([](int) { throw Enough{}; })), Enough);
  pauses_ = 0;
  const Called got = call({"release", "canary", "--watch"}, given([this](int pause) { promote(pause); }));
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, testing::EndsWith("shop/canary: promoted; Deployment web runs web:2\n"));
}

TEST_F(ReleaseCommand, abort_takes_the_place_of_promote_in_one_request) {
  change("Strategy", "canary", {{"metadata", {{"annotations", {{"meshgraft.io/promote", "true"}}}}}});
  const Called got = call({"release", "canary", "--abort"}, given([this](int pause) {
                            if (pause == 1) {
                              EXPECT_EQ(annotations(), (Json{{"meshgraft.io/abort", "true"}}));
                              record();
                              govern("v1");
                            }
                            if (pause == 2) route(100, 0);
                            if (pause == 3) remove_gray();
                            if (pause == 4) remove_strategy();
                          }));
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, HasSubstr("shop/canary: aborting"));
  EXPECT_THAT(got.out, testing::EndsWith("shop/canary: aborted; Deployment web runs web:1\n"));
}

TEST_F(ReleaseCommand, without_a_controller_the_annotations_are_as_before) {
  const Called got = call({"release", "canary", "--promote"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("no controller took it up within 120 s, so the annotations of Strategy shop/canary are as before and nothing was changed; "
                                 "see that meshgraft run is up, the chart's releases.enabled is true and paused is not, and its namespaces.selector takes this "
                                 "namespace in, then try again"));
  EXPECT_THAT(got.err, testing::StartsWith("note: no controller has taken it up for 10 s; waiting up to 120 s: see that meshgraft run is up")) << "not in silence";
  EXPECT_EQ(pauses_, 60);
  EXPECT_TRUE(annotations().empty());
}

TEST_F(ReleaseCommand, a_controller_that_stops_in_the_middle_is_told_and_the_annotation_stays) {
  const Called got = call({"release", "canary", "--promote"}, given([this](int pause) {
                            if (pause == 1) record();
                          }));
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("it goes on by itself when a controller is there"));
  EXPECT_EQ(annotations().value("meshgraft.io/promote", ""), "true");
}

TEST_F(ReleaseCommand, a_strategy_that_somebody_deletes_on_the_way_is_no_success) {
  const Called got = call({"release", "canary", "--promote"}, given([this](int pause) {
                            if (pause == 1) govern("gray");
                            if (pause == 2) remove_strategy();
                          }));
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("shop/canary: the Strategy was deleted before the release had ended; Deployment web-gray is still there"));
}

TEST_F(ReleaseCommand, what_ends_before_the_first_look_was_promoted_all_the_same) {
  EXPECT_THAT(asked_and_then([this] {
                put(deployment("web", "v1", "web:2"));
                remove_gray();
              }),
              testing::EndsWith("shop/canary: promoted; Deployment web runs web:2\n"));
}

TEST_F(ReleaseCommand, what_somebody_aborts_between_two_looks_was_aborted) {
  EXPECT_THAT(asked_and_then([this] { remove_gray(); }), testing::EndsWith("shop/canary: aborted; Deployment web runs web:1\n"));
}

TEST_F(ReleaseCommand, a_label_taken_off_on_the_way_is_not_the_end_of_the_strategy) {
  const Called got = call({"release", "canary", "--promote"}, given([this](int pause) {
                            if (pause == 1) put("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
                          }));
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("shop/canary: namespace shop no longer carries meshgraft.io/app, so the release stays where it is: traffic v1 70, gray 30; with the label on "
                                 "again it goes on, without it the Strategy blocks the way back (MG803)"));
}

TEST_F(ReleaseCommand, an_annotation_that_somebody_takes_off_ends_the_following) {
  const Called got = call({"release", "canary", "--promote"},
                          given([this](int) { change("Strategy", "canary", {{"metadata", {{"annotations", {{"meshgraft.io/promote", nullptr}}}}}}); }));
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("shop/canary: nobody asks for it any more; traffic v1 70, gray 30"));
}

TEST_F(ReleaseCommand, what_a_plan_would_refuse_is_not_asked_for) {
  change("Strategy", "canary", {{"spec", {{"type", "Mirror"}}}});
  const Called got = call({"release", "canary", "--promote"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("error: shop/canary: refused; traffic v1 70, gray 30; MG802: its type is Mirror"));
  EXPECT_THAT(got.err, HasSubstr("error: nothing was changed\n"));
  EXPECT_TRUE(annotations().empty());
}

TEST_F(ReleaseCommand, an_unknown_name_is_told_with_those_that_are_there) {
  for (const char* how : {"--promote", "--watch", "--abort"}) {
    const Called got = call({"release", "nothing", how}, given());
    EXPECT_EQ(got.status, 1);
    EXPECT_EQ(got.err, "error: strategies.servicemesh.kubesphere.io \"nothing\" not found in namespace shop; there are: canary\n");
  }
  EXPECT_EQ(call({"release", "nothing"}, given()).status, 1);
  EXPECT_EQ(call({"release", "-n", "nowhere"}, given()).err, "error: namespace \"nowhere\" not found\n");
}

TEST_F(ReleaseCommand, a_namespace_that_is_not_joined_or_paused_is_refused) {
  put("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {meshgraft.io/app: shop}, annotations: {meshgraft.io/paused: \"true\"}}\n");
  EXPECT_THAT(call({"release", "canary", "--promote"}, given()).err, HasSubstr("it is paused: remove meshgraft.io/paused"));
  change("Strategy", "canary", {{"metadata", {{"annotations", {{"meshgraft.io/promote", "true"}}}}}});
  EXPECT_THAT(call({"release"}, given()).out, HasSubstr("paused: nothing is written in its namespace; what the principal is like is kept"));
  change("Strategy", "canary", {{"metadata", {{"annotations", {{"meshgraft.io/promote", nullptr}}}}}});
  put("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
  EXPECT_THAT(call({"release", "canary", "--promote"}, given()).err, HasSubstr("namespace shop carries no meshgraft.io/app"));
  EXPECT_EQ(call({"release"}, given()).out, "No grayscale release in namespace shop, which carries no meshgraft.io/app.\n");
  EXPECT_EQ(call({"release", "-A"}, given()).out, "No grayscale release in a namespace that carries meshgraft.io/app.\n");
  EXPECT_TRUE(annotations().empty());
}

TEST_F(ReleaseCommand, followed_as_json_it_prints_a_document_whenever_something_changes) {
  const Called got = call({"release", "canary", "--promote", "-o", "json"}, given([this](int pause) { promote(pause); }));
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(got.out.find("{\n"), 0U);
  EXPECT_THAT(got.out, HasSubstr("\"traffic\": \"v1 0, gray 100\""));
  EXPECT_THAT(got.out, Not(HasSubstr("promoted;")));
}

TEST_F(ReleaseCommand, of_a_write_that_comes_between_it_looks_again) {
  test::Given world = given([](int) { throw Enough{}; });
  int patches = 0;
  world.connect = [this, &patches](const Options&, const Environment&) -> Result<Connection> {
    auto api = std::make_unique<fakes::FakeApi>(engine_);
    api->set_fault([this, &patches](const fakes::Call& one) -> std::optional<fakes::Fault> {
      if (one.verb == fakes::CallVerb::patch && ++patches == 1) govern("v1");
      return std::nullopt;
    });
    return Connection{std::move(api), "shop", "test"};
  };
  EXPECT_THROW((void)call({"release", "canary", "--promote"}, world), Enough);
  EXPECT_EQ(patches, 2);
  EXPECT_EQ(annotations().value("meshgraft.io/promote", ""), "true");
}

ReleaseState on_the_way() {
  ReleaseState state;
  state.strategy = {Kind::strategy, "shop", "canary"};
  state.service = "web";
  state.principal = "v1";
  state.gray = "gray";
  state.phase = ReleasePhase::promoting;
  state.step = ReleaseStep::updating;
  state.traffic = "v1 0, gray 100";
  state.why = "the rollout of Deployment shop/web";
  return state;
}

TEST(ReleaseRows, the_line_of_a_terminal_fits_and_shows_how_far_it_is) {
  EXPECT_EQ(release_line(on_the_way()), "shop/canary: promoting 3/6, updating the principal; traffic v1 0, gray 100; the rollout of Deployment shop/web");
  EXPECT_THAT(release_bar(on_the_way(), 200), testing::StartsWith("[######------] shop/canary: promoting 3/6"));
  for (const int width : {40, 60, 80, 100, 120, 140}) EXPECT_LT(columns(release_bar(on_the_way(), width)), width + 1) << width;
}

TEST(ReleaseRows, a_step_has_a_place_on_its_way) {
  ReleaseState state = on_the_way();
  for (const ReleaseStep step : {ReleaseStep::to_gray, ReleaseStep::restoring, ReleaseStep::to_principal, ReleaseStep::removing_gray, ReleaseStep::closing}) {
    state.phase = ReleasePhase::aborting;
    state.step = step;
    EXPECT_GT(progress_of(state).at, 0);
    EXPECT_LE(progress_of(state).at, progress_of(state).of);
  }
  state.step = ReleaseStep::none;
  EXPECT_EQ(progress_of(state).of, 0);
}

}  // namespace
}  // namespace meshgraft
