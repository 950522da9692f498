// meshgraft undo against the embedded API server; the test plays the controller between two looks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cmd/call.h"
#include "tests/fakes/fake_api.h"
#include "tests/fakes/world.h"

namespace meshgraft {
namespace {

using test::call;
using test::Called;
using testing::HasSubstr;

class UndoCommand : public testing::Test {
 protected:
  void SetUp() override { fakes::seed_world(engine_, fakes::Profile::kubesphere_3_3); }

  // Namespace shop, labelled, with these annotations, and a Deployment that carries our record.
  void open_shop(const Json& annotations, bool labelled = true) {
    Json ns{{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "shop"}, {"annotations", annotations}}}};
    if (labelled) ns["metadata"]["labels"] = {{"meshgraft.io/app", "bookshop"}};
    ASSERT_TRUE(engine_.seed(ns).ok());
    Json web{{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"metadata", {{"name", "web"}, {"namespace", "shop"}, {"generation", 1}, {"labels", {{"app", "web"}}}}}};
    web["spec"] = {{"replicas", 1},
                   {"selector", {{"matchLabels", {{"run", "web"}}}}},
                   {"template", {{"metadata", {{"labels", {{"run", "web"}}}}}, {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", "x:1"}}})}}}}}};
    web["status"] = {{"observedGeneration", 1}, {"replicas", 1}, {"updatedReplicas", 1}, {"readyReplicas", 1}, {"availableReplicas", 1}};
    const fakes::Answer stored = engine_.seed(web);
    ASSERT_TRUE(stored.ok()) << to_text(stored.body);
    const Json record{{"uid", stored.body["metadata"]["uid"]}, {"own", Json::array({"metadata.labels[app]"})}};
    fakes::Target target{engine_.by_plural("apps", "v1", "deployments"), "v1", "shop", "web", ""};
    const Json mark{{"metadata", {{"annotations", {{"meshgraft.io/undo", to_text(record)}}}}}};
    ASSERT_TRUE(engine_.patch(target, fakes::PatchFormat::merge, mark, {}).ok());
  }

  void report(const Json& text) {
    fakes::Target target{engine_.by_plural("", "v1", "namespaces"), "v1", "", "shop", ""};
    ASSERT_TRUE(engine_.patch(target, fakes::PatchFormat::merge, {{"metadata", {{"annotations", {{"meshgraft.io/status", text}}}}}}, {}).ok());
  }
  bool is_labelled() const {
    return (*engine_.object("v1", "Namespace", "", "shop"))["metadata"].value("labels", Json::object()).contains("meshgraft.io/app");
  }

  test::Given given() {
    test::Given result;
    result.connect = [this](const Options&, const Environment&) -> Result<Connection> {
      return Connection{std::make_unique<fakes::FakeApi>(engine_), "shop", "test"};
    };
    result.pause = [this](std::chrono::seconds) { ++pauses_; };
    return result;
  }

  fakes::Engine engine_;
  int pauses_ = 0;
};

TEST_F(UndoCommand, prints_the_way_back_and_changes_nothing) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  const Called got = call({"undo"}, given());
  EXPECT_EQ(got.status, 2) << got.err;
  EXPECT_THAT(got.out, HasSubstr("back-metadata"));
  EXPECT_THAT(got.out, HasSubstr("Deployment shop/web"));
  EXPECT_TRUE(is_labelled());
}

TEST_F(UndoCommand, follows_the_controller_until_the_namespace_is_as_before) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  test::Given world = given();
  world.pause = [this](std::chrono::seconds) { report(++pauses_ == 1 ? Json("leaving, 1 workloads to go") : Json(nullptr)); };
  const Called got = call({"undo", "--yes", "-n", "shop"}, world);
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, HasSubstr("leaving, 1 workloads to go"));
  EXPECT_THAT(got.out, HasSubstr("shop: as before"));
  EXPECT_FALSE(is_labelled());
}

TEST_F(UndoCommand, without_a_controller_the_label_stands_again) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  const Called got = call({"undo", "--yes"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("no controller took it up within 20 s"));
  EXPECT_EQ(pauses_, 10);
  EXPECT_TRUE(is_labelled());
}

TEST_F(UndoCommand, a_paused_namespace_is_refused) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}, {"meshgraft.io/paused", "true"}});
  const Called got = call({"undo", "--yes"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("frozen"));
  EXPECT_TRUE(is_labelled());
}

TEST_F(UndoCommand, an_unknown_namespace_and_one_without_label_are_errors) {
  open_shop(Json::object(), false);
  EXPECT_EQ(call({"undo", "-n", "nowhere"}, given()).status, 1);
  EXPECT_EQ(call({"undo", "--yes"}, given()).status, 1);
}

}  // namespace
}  // namespace meshgraft
