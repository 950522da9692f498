// meshgraft release on its way: servers that do not answer, nobody who acts, and what takes the release away.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cmd/release_scene.h"

namespace meshgraft {
namespace {

using std::chrono::seconds;
using test::call;
using test::Called;
using test::Enough;
using test::kStrategy;
using testing::HasSubstr;
using testing::Not;

class ReleaseFollowed : public test::ReleaseCommand {};

TEST_F(ReleaseFollowed, a_server_that_does_not_answer_for_a_while_is_looked_for_again) {
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

TEST_F(ReleaseFollowed, a_server_that_never_answers_again_ends_it) {
  const Called got = call({"release", "canary", "--promote"}, given([this](int) { down_ = true; }));
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(pauses_, 61) << "two minutes";
}

TEST_F(ReleaseFollowed, followed_it_says_that_a_new_route_takes_12_s_to_reach_every_proxy) {
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

TEST_F(ReleaseFollowed, without_a_controller_the_annotations_are_as_before) {
  const Called got = call({"release", "canary", "--promote"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("no controller took it up within 120 s, so the annotations of Strategy shop/canary are as before and nothing was changed; "
                                 "see that meshgraft run is up, the chart's releases.enabled is true and paused is not, and its namespaces.selector takes this "
                                 "namespace in, then try again"));
  EXPECT_THAT(got.err, testing::StartsWith("note: no controller has taken it up for 10 s; waiting up to 120 s: see that meshgraft run is up")) << "not in silence";
  EXPECT_EQ(pauses_, 60);
  EXPECT_TRUE(annotations().empty());
}

TEST_F(ReleaseFollowed, a_controller_that_stops_in_the_middle_is_told_and_the_annotation_stays) {
  const Called got = call({"release", "canary", "--promote"}, given([this](int pause) {
                            if (pause == 1) record();
                          }));
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("it goes on by itself when a controller is there"));
  EXPECT_EQ(annotations().value("meshgraft.io/promote", ""), "true");
}

TEST_F(ReleaseFollowed, a_label_taken_off_on_the_way_is_not_the_end_of_the_strategy) {
  const Called got = call({"release", "canary", "--promote"}, given([this](int pause) {
                            if (pause == 1) put("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n");
                          }));
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("shop/canary: namespace shop no longer carries meshgraft.io/app, so the release stays where it is: traffic v1 70, gray 30; with the label on "
                                 "again it goes on, without it the Strategy blocks the way back (MG803)"));
}

TEST_F(ReleaseFollowed, a_server_that_swallows_every_call_is_borne_for_two_minutes_too) {
  swallows_ = seconds{30};
  const Called got = call({"release", "canary", "--promote"}, given([this](int) { down_ = true; }));
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(pauses_, 4);
  EXPECT_LE(*clock_ - Time{}, seconds{2 + 120 + 30}) << "and the call that was under way";
  EXPECT_THAT(got.err, testing::EndsWith("the server does not answer\nnote: the release goes on without this command; 'meshgraft release canary -n shop --watch' follows again\n"));
  EXPECT_EQ(annotations().value("meshgraft.io/promote", ""), "true");
}

TEST_F(ReleaseFollowed, what_an_outage_takes_is_not_counted_against_the_controller) {
  swallows_ = seconds{30};
  const Called got = call({"release", "canary", "--promote"}, given([this](int pause) { down_ = pause < 3; }));
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("no controller took it up within 120 s"));
  EXPECT_EQ(pauses_, 62);
  EXPECT_EQ(*clock_ - Time{}, seconds{120 + 64});
}

TEST_F(ReleaseFollowed, two_minutes_without_a_controller_are_two_minutes_on_a_slow_server_too) {
  meets_ = [this](const fakes::Call& one) -> std::optional<fakes::Fault> {
    if (one.verb == fakes::CallVerb::get && one.key.kind == Kind::namespace_) *clock_ += seconds{10};
    return std::nullopt;
  };
  const Called got = call({"release", "canary", "--promote"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, testing::StartsWith("note: no controller has taken it up for 10 s"));
  EXPECT_THAT(got.err, HasSubstr("no controller took it up within 120 s"));
  EXPECT_EQ(pauses_, 10) << "of 12 s each";
}

TEST_F(ReleaseFollowed, a_list_that_is_no_longer_allowed_ends_it_at_once) {
  const Called got = call({"release", "canary", "--promote"}, given([this](int) {
                            meets_ = [](const fakes::Call& one) -> std::optional<fakes::Fault> {
                              if (one.verb != fakes::CallVerb::list || one.key.kind != Kind::deployment) return std::nullopt;
                              ApiError error;
                              error.kind = ErrorClass::forbidden;
                              error.message = "deployments.apps is forbidden";
                              return fakes::Fault{error};
                            };
                          }));
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(pauses_, 1);
  EXPECT_EQ(got.err,
            "error: cannot list deployments of namespace shop: deployments.apps is forbidden\n"
            "note: the release goes on without this command; 'meshgraft release canary -n shop --watch' follows again\n");
}

TEST_F(ReleaseFollowed, a_route_that_comes_where_there_was_none_is_a_new_one) {
  change("Strategy", "canary", {{"metadata", {{"annotations", {{"meshgraft.io/promote", "true"}}}}}});
  record();
  govern("gray");
  remove("networking.istio.io", "v1alpha3", "virtualservices", "web");
  test::Given world = given([this](int pause) {
    if (pause == 1)
      put("apiVersion: networking.istio.io/v1alpha3\nkind: VirtualService\nmetadata: {name: web}\n"
          "spec: {hosts: [web], http: [{route: [{destination: {host: web, subset: gray}}]}]}\n");
    if (pause == 9) throw Enough{};
  });
  std::string out;
  EXPECT_THROW((void)call_into({"release", "canary", "--watch"}, world, out), Enough);
  EXPECT_THAT(out, HasSubstr("12 s after the VirtualService"));
  EXPECT_THAT(out, HasSubstr("3/6, updating the principal"));
}

constexpr const char* kFrozen = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {meshgraft.io/app: shop}, annotations: {meshgraft.io/max-rollouts: many}}\n";

TEST_F(ReleaseFollowed, a_namespace_frozen_on_the_way_is_not_told_to_have_lost_its_label) {
  const Called got = call({"release", "canary", "--promote"}, given([this](int pause) {
                            if (pause == 1) put(kFrozen);
                          }));
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("shop/canary: namespace shop is frozen, so the release stays where it is: traffic v1 70, gray 30; mend what meshgraft check -n shop says and it goes on"));
  EXPECT_THAT(got.err, Not(HasSubstr("no longer carries")));
}

TEST_F(ReleaseFollowed, of_a_frozen_namespace_it_says_so) {
  put(kFrozen);
  EXPECT_EQ(call({"release", "canary", "--watch"}, given()).err, "error: namespace shop is frozen, so its releases stay where they are: see meshgraft check -n shop\n");
}

TEST_F(ReleaseFollowed, a_strategy_that_a_finalizer_holds_is_waited_for) {
  change("Strategy", "canary", {{"metadata", {{"finalizers", {"example.com/slow"}}}}});
  const Called got = call({"release", "canary", "--promote"}, given([this](int pause) {
                            promote(pause);
                            if (pause == 9) change("Strategy", "canary", {{"metadata", {{"finalizers", nullptr}}}});
                          }));
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(pauses_, 9);
  EXPECT_EQ(got.err, "note: shop/canary: its Strategy is being deleted; waiting until it is gone\n");
  EXPECT_THAT(got.out, testing::EndsWith("shop/canary: promoted; Deployment web runs web:2\n"));
}

TEST_F(ReleaseFollowed, a_strategy_that_stays_deleted_is_not_waited_for_for_ever) {
  change("Strategy", "canary", {{"metadata", {{"finalizers", {"example.com/stuck"}}}}});
  const Called got = call({"release", "canary", "--promote"}, given([this](int pause) { promote(pause); }));
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("nothing moved within 15 minutes: shop/canary: its Strategy is being deleted"));
  EXPECT_EQ(call({"release", "canary", "--abort"}, given()).err, "error: shop/canary: its Strategy is being deleted\n");
}

}  // namespace
}  // namespace meshgraft
