// meshgraft release against the embedded API server; the test plays the controller and KubeSphere between two looks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmd/release_rows.h"
#include "cmd/render_json.h"
#include "cmd/status.h"
#include "tests/cmd/release_scene.h"

namespace meshgraft {
namespace {

using test::call;
using test::Called;
using test::deployment;
using test::Enough;
using test::ReleaseCommand;
using testing::HasSubstr;
using testing::Not;

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

TEST_F(ReleaseCommand, the_controllers_own_Deployment_says_whether_releases_are_carried_out_whatever_a_record_left_behind) {
  const auto controller = [this](const std::string& more) {
    test::seed_documents(engine_, "apiVersion: v1\nkind: Namespace\nmetadata: {name: meshgraft-system}\n---\n"
                            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: meshgraft}\nspec:\n  selector: {matchLabels: {app.kubernetes.io/name: meshgraft}}\n"
                            "  template:\n    metadata: {labels: {app.kubernetes.io/name: meshgraft}}\n    spec: {containers: [{name: meshgraft, image: meshgraft, args: [run" + more + "]}]}\n", "meshgraft-system");
  };
  change("Strategy", "canary", {{"metadata", {{"annotations", {{"meshgraft.io/promote", "true"}}}}}});
  record();
  controller("");
  EXPECT_THAT(call({"plan"}, given()).out, HasSubstr("MG806"));
  EXPECT_THAT(call({"check"}, given()).out, HasSubstr("MG806"));
  EXPECT_THAT(call({"status"}, given()).out, HasSubstr("MG806"));
  EXPECT_THAT(call({"plan", "--releases-enabled"}, given()).out, Not(HasSubstr("MG806"))) << "what if the chart had it";
  for (const char* on : {", --releases-enabled", ", --releases-enabled=true"}) {
    controller(on);
    EXPECT_THAT(call({"plan"}, given()).out, Not(HasSubstr("MG806"))) << on;
  }
  change("Strategy", "canary", {{"metadata", {{"annotations", {{"meshgraft.io/undo", nullptr}}}}}});
  EXPECT_THAT(call({"plan"}, given()).out, Not(HasSubstr("MG806"))) << "nothing is begun yet";
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
  for (const char* how : {"--promote", "--watch", "--abort", "--output=text"}) {
    const Called got = call({"release", "nothing", how}, given());
    EXPECT_EQ(got.status, 1);
    EXPECT_EQ(got.err, "error: strategies.servicemesh.kubesphere.io \"nothing\" not found in namespace shop; there are: canary\n");
  }
  EXPECT_EQ(call({"release", "-n", "nowhere"}, given()).err, "error: namespace \"nowhere\" not found\n");
}

TEST_F(ReleaseCommand, where_no_release_is_it_says_how_one_begins) {
  remove_strategy();
  const std::string begins = "one begins with a gray Deployment and a Strategy, made in KubeSphere's console or applied: docs/guide.md, 6";
  for (const char* how : {"--promote", "--watch", "--output=text"}) {
    const Called got = call({"release", "canary", how}, given());
    EXPECT_EQ(got.status, 1);
    EXPECT_EQ(got.err, "error: strategies.servicemesh.kubesphere.io \"canary\" not found in namespace shop, which has none; " + begins + "\n");
  }
  EXPECT_EQ(call({"release"}, given()).out, "No grayscale release in namespace shop; " + begins + ".\n");
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
  EXPECT_EQ(call({"release", "-A"}, given()).out, "No grayscale release in a namespace that carries meshgraft.io/app; one begins with a gray Deployment and a Strategy, made in KubeSphere's console or applied: docs/guide.md, 6.\n");
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
