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

struct Enough {};  // thrown by a pause: as when somebody interrupts

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
  void annotate(const std::string& key, const std::string& value) { mark("annotations", key, value); }
  void label(const std::string& app) { mark("labels", "meshgraft.io/app", app); }
  void mark(const std::string& where, const std::string& key, const std::string& value) {
    fakes::Target target{engine_.by_plural("", "v1", "namespaces"), "v1", "", "shop", ""};
    ASSERT_TRUE(engine_.patch(target, fakes::PatchFormat::merge, {{"metadata", {{where, {{key, value}}}}}}, {}).ok());
  }
  bool is_labelled() const {
    return (*engine_.object("v1", "Namespace", "", "shop"))["metadata"].value("labels", Json::object()).contains("meshgraft.io/app");
  }

  test::Given given() {
    test::Given result;
    result.clock = clock_;
    result.connect = [this](const Options&, const Environment&) -> Result<Connection> {
      auto api = std::make_unique<fakes::FakeApi>(engine_);
      api->set_fault([this](const fakes::Call&) -> std::optional<fakes::Fault> {
        if (!down_) return std::nullopt;
        *clock_ += swallows_;
        ApiError error;
        error.kind = why_;
        error.message = "the server does not answer";
        return fakes::Fault{error};
      });
      return Connection{std::move(api), "shop", "test"};
    };
    result.pause = [this](std::chrono::seconds) { ++pauses_; };
    return result;
  }

  fakes::Engine engine_;
  int pauses_ = 0;
  bool down_ = false;  // the API server answers nobody
  ErrorClass why_ = ErrorClass::transport;
  std::chrono::seconds swallows_{0};  // for so long it keeps a call then
  std::shared_ptr<Time> clock_ = std::make_shared<Time>();
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST_F(UndoCommand, prints_the_way_back_and_changes_nothing) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  const Called got = call({"undo"}, given());
  EXPECT_EQ(got.status, 2) << got.err;
  EXPECT_THAT(got.out, HasSubstr("back-metadata"));
  EXPECT_THAT(got.out, HasSubstr("Deployment shop/web"));
  EXPECT_THAT(got.out, testing::StartsWith("Namespace shop: on the way back\n"));
  EXPECT_THAT(got.out, testing::Not(HasSubstr("No namespace carries the label")));
  EXPECT_TRUE(is_labelled());
}

TEST_F(UndoCommand, status_shows_what_is_still_on_the_way_back) {
  open_shop({{"meshgraft.io/status", "leaving, 1 workloads to go"}}, false);
  const Called got = call({"status"}, given());
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, HasSubstr("Deployment/web"));
  EXPECT_THAT(got.out, HasSubstr("shop: on the way back, 1 workload to go"));
}

TEST_F(UndoCommand, status_says_that_a_changed_app_froze_the_namespace) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  const Json labels{{"app", "web"}, {"app.kubernetes.io/name", "bookshop"}, {"app.kubernetes.io/version", "v1"}};
  ASSERT_TRUE(engine_
                  .seed({{"apiVersion", "v1"},
                         {"kind", "Service"},
                         {"metadata", {{"name", "web"}, {"namespace", "shop"}, {"labels", labels}}},
                         {"spec", {{"clusterIP", "10.0.0.9"}, {"selector", {{"run", "web"}}}, {"ports", Json::array({{{"port", 80}, {"name", "http"}}})}}}})
                  .ok());
  fakes::Target target{engine_.by_plural("apps", "v1", "deployments"), "v1", "shop", "web", ""};
  const Json uid = (*engine_.object("apps/v1", "Deployment", "shop", "web"))["metadata"]["uid"];
  const Json record{{"uid", uid}, {"own", Json::array({"metadata.labels[app.kubernetes.io/name]"})}};
  ASSERT_TRUE(engine_.patch(target, fakes::PatchFormat::merge, {{"metadata", {{"labels", labels}, {"annotations", {{"meshgraft.io/undo", to_text(record)}}}}}}, {}).ok());
  label("store");
  const Called got = call({"status"}, given());
  EXPECT_THAT(test::flat(got.out), HasSubstr("frozen, MG108: meshgraft.io/app is store, but members joined bookshop"));
  EXPECT_THAT(call({"status", "-o", "json"}, given()).out, HasSubstr("\"frozen\": true"));
}

TEST_F(UndoCommand, status_followed_as_json_prints_a_document_whenever_something_changes) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  test::Given world = given();
  world.pause = [this](std::chrono::seconds) {
    ++pauses_;
    if (pauses_ == 2) annotate("meshgraft.io/paused", "true");
    if (pauses_ == 3) throw Enough{};
  };
  std::string out;
  EXPECT_THROW(test::call_into({"status", "--watch", "-o", "json"}, world, out), Enough);
  EXPECT_EQ(out.find("{\n"), 0U);
  std::size_t documents = 0;
  for (std::size_t at = out.find("\"kind\": \"Status\""); at != std::string::npos; at = out.find("\"kind\": \"Status\"", at + 1)) ++documents;
  EXPECT_EQ(documents, 2U) << out;
  EXPECT_THAT(out, testing::Not(HasSubstr("joined\n")));
}

TEST_F(UndoCommand, status_followed_says_once_that_the_server_does_not_answer_and_goes_on) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  test::Given world = given();
  world.pause = [this](std::chrono::seconds) {
    ++pauses_;
    down_ = pauses_ == 1 || pauses_ == 2;
    if (pauses_ == 3) annotate("meshgraft.io/paused", "true");
    if (pauses_ == 4) throw Enough{};
  };
  std::string out;
  EXPECT_THROW(test::call_into({"status", "--watch", "-o", "json"}, world, out), Enough);
  EXPECT_EQ(count(out, "\"kind\": \"Status\""), 2U) << out;
  down_ = true;
  const Called got = call({"status", "--watch"}, world);
  EXPECT_EQ(got.status, 1) << "what cannot be read from the start";
}

TEST_F(UndoCommand, status_followed_ends_with_an_error_that_stays) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  for (const ErrorClass why : {ErrorClass::unauthorized, ErrorClass::forbidden}) {
    down_ = false;
    why_ = why;
    pauses_ = 0;
    test::Given world = given();
    world.pause = [this](std::chrono::seconds) {
      if (++pauses_ > 1) throw Enough{};
      down_ = true;
    };
    const Called got = call({"status", "--watch"}, world);
    EXPECT_EQ(got.status, 1);
    EXPECT_EQ(count(got.err, "error: cannot list"), 1U) << got.err;
    EXPECT_EQ(pauses_, 1);
  }
}

TEST_F(UndoCommand, status_followed_ends_when_there_is_no_cluster_to_ask_any_more) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  test::Given world = given();
  world.pause = [this](std::chrono::seconds) {
    if (++pauses_ > 1) throw Enough{};
  };
  world.connect = [this, first = given().connect](const Options& options, const Environment& environment) -> Result<Connection> {
    if (pauses_ > 0) return fail("kubeconfig: no such context");
    return first(options, environment);
  };
  const Called got = call({"status", "--watch"}, world);
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(got.err, "error: kubeconfig: no such context\n");
}

TEST_F(UndoCommand, a_server_that_does_not_answer_for_a_while_is_looked_for_again) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  test::Given world = given();
  world.pause = [this](std::chrono::seconds) {
    ++pauses_;
    down_ = pauses_ < 60;  // as long as a controller may take
    if (pauses_ == 60) report("leaving, 1 workloads to go");
    if (pauses_ == 61) report(nullptr);
  };
  const Called got = call({"undo", "--yes", "-n", "shop"}, world);
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, HasSubstr("leaving, 1 workloads to go"));
  EXPECT_EQ(count(got.err, "the server does not answer"), 1U) << got.err;
}

TEST_F(UndoCommand, a_server_that_never_answers_again_ends_it) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  test::Given world = given();
  world.pause = [this](std::chrono::seconds) { ++pauses_, down_ = true; };
  const Called got = call({"undo", "--yes", "-n", "shop"}, world);
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(count(got.err, "the server does not answer"), 2U) << got.err;
  EXPECT_EQ(pauses_, 61) << "two minutes";
}

TEST_F(UndoCommand, a_server_that_swallows_every_call_is_borne_for_two_minutes_too) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  swallows_ = std::chrono::seconds{30};
  test::Given world = given();
  world.pause = [this](std::chrono::seconds) { ++pauses_, down_ = true; };
  EXPECT_EQ(call({"undo", "--yes", "-n", "shop"}, world).status, 1);
  EXPECT_EQ(pauses_, 4);
  EXPECT_LE(*clock_ - Time{}, std::chrono::seconds{2 + 120 + 30}) << "and the call that was under way";
}

TEST_F(UndoCommand, what_an_outage_takes_is_not_counted_against_the_controller) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  swallows_ = std::chrono::seconds{30};
  test::Given world = given();
  world.pause = [this](std::chrono::seconds) { down_ = ++pauses_ < 3; };
  const Called got = call({"undo", "--yes", "-n", "shop"}, world);
  EXPECT_THAT(got.err, HasSubstr("no controller took it up within 120 s"));
  EXPECT_EQ(*clock_ - Time{}, std::chrono::seconds{120 + 64});
  EXPECT_TRUE(is_labelled());
}

TEST_F(UndoCommand, follows_the_controller_until_the_namespace_is_as_before) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  test::Given world = given();
  world.pause = [this](std::chrono::seconds) { report(++pauses_ == 1 ? Json("leaving, 1 workloads to go") : Json(nullptr)); };
  const Called got = call({"undo", "--yes", "-n", "shop"}, world);
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, HasSubstr("shop: labels removed; to go: 2 changes. Interrupting this does not stop it: 'meshgraft undo -n shop --yes' follows again\nshop: leaving, 1 workloads to go"));
  EXPECT_THAT(got.out, HasSubstr("shop: as before"));
  EXPECT_FALSE(is_labelled());
}

TEST_F(UndoCommand, without_a_controller_the_label_stands_again) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  const Called got = call({"undo", "--yes"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("no controller took it up within 120 s"));
  EXPECT_EQ(pauses_, 60);
  EXPECT_TRUE(is_labelled());
}

TEST_F(UndoCommand, a_label_that_somebody_sets_meanwhile_stays_as_it_is) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  test::Given world = given();
  world.pause = [this](std::chrono::seconds) {
    if (++pauses_ == 5) label("other");
  };
  const Called got = call({"undo", "--yes"}, world);
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(pauses_, 5);
  EXPECT_THAT(got.err, HasSubstr("was labelled again meanwhile"));
  EXPECT_EQ((*engine_.object("v1", "Namespace", "", "shop"))["metadata"]["labels"]["meshgraft.io/app"], "other");
}

TEST_F(UndoCommand, a_label_set_between_the_last_look_and_the_relabelling_wins) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  test::Given world = given();
  int labellings = 0;
  world.connect = [this, &labellings](const Options&, const Environment&) -> Result<Connection> {
    auto api = std::make_unique<fakes::FakeApi>(engine_);
    api->set_fault([this, &labellings](const fakes::Call& one) -> std::optional<fakes::Fault> {
      // The first patch takes the labels off, the second would set them again: somebody is faster.
      if (one.verb == fakes::CallVerb::patch && ++labellings == 2) label("other");
      return std::nullopt;
    });
    return Connection{std::move(api), "shop", "test"};
  };
  const Called got = call({"undo", "--yes"}, world);
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(labellings, 2);
  EXPECT_THAT(got.err, HasSubstr("was labelled again meanwhile"));
  EXPECT_EQ((*engine_.object("v1", "Namespace", "", "shop"))["metadata"]["labels"]["meshgraft.io/app"], "other");
}

TEST_F(UndoCommand, with_the_labels_off_already_it_follows_and_never_sets_them) {
  open_shop({{"meshgraft.io/status", "leaving, 2 workloads to go"}}, false);
  const Called got = call({"undo", "--yes"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.out, HasSubstr("on the way back already: leaving, 2 workloads to go"));
  EXPECT_THAT(got.err, HasSubstr("nothing moved within 15 minutes"));
  EXPECT_FALSE(is_labelled());

  test::Given world = given();
  pauses_ = 0;
  world.pause = [this](std::chrono::seconds) { report(++pauses_ == 1 ? Json("leaving, 1 workloads to go") : Json(nullptr)); };
  const Called followed = call({"undo", "--yes"}, world);
  EXPECT_EQ(followed.status, 0) << followed.err;
  EXPECT_THAT(followed.out, HasSubstr("shop: as before"));
}

TEST_F(UndoCommand, with_the_labels_off_and_nobody_who_took_it_up_it_ends_after_two_minutes_and_says_what_to_start) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}}, false);
  const Called got = call({"undo", "--yes"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(pauses_, 60) << "two minutes";
  EXPECT_THAT(got.out, HasSubstr("shop: labels off already, no controller has taken it up yet. Interrupting this does not stop it"));
  EXPECT_THAT(got.err, HasSubstr("no controller took it up within 120 s"));
  EXPECT_THAT(got.err, HasSubstr("start meshgraft run"));
  EXPECT_FALSE(is_labelled());
}

TEST_F(UndoCommand, a_paused_namespace_is_refused) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}, {"meshgraft.io/paused", "true"}});
  const Called got = call({"undo", "--yes"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("it is paused: remove meshgraft.io/paused"));
  EXPECT_TRUE(is_labelled());
}

TEST_F(UndoCommand, a_label_that_cannot_be_read_stops_nobody_from_taking_it_off) {
  open_shop({{"meshgraft.io/status", "joined 1/1"}});
  label("Book_Shop");
  test::Given world = given();
  world.pause = [this](std::chrono::seconds) { report(++pauses_ == 1 ? Json("leaving, 1 workloads to go") : Json(nullptr)); };
  const Called got = call({"undo", "--yes"}, world);
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_FALSE(is_labelled());
}

TEST_F(UndoCommand, an_unknown_namespace_and_one_without_label_are_errors) {
  open_shop(Json::object(), false);
  for (const bool yes : {false, true}) {
    const Called got = call(yes ? std::vector<std::string>{"undo", "-n", "nowhere", "--yes"} : std::vector<std::string>{"undo", "-n", "nowhere"}, given());
    EXPECT_EQ(got.status, 1);
    EXPECT_EQ(got.err, "error: namespace \"nowhere\" not found\n");
  }
  EXPECT_EQ(call({"undo", "--yes"}, given()).status, 1);
}

TEST_F(UndoCommand, of_a_namespace_that_never_joined_it_says_so) {
  ASSERT_TRUE(engine_.seed({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "alone"}}}}).ok());
  const std::string why = "namespace alone carries neither meshgraft.io/app nor meshgraft.io/gateway, and nothing in it is ours: it never joined, or is as before again\n";
  for (const char* form : {"text", "json", "yaml"}) {
    const Called got = call({"undo", "-n", "alone", "-o", form}, given());
    EXPECT_EQ(got.status, 0);
    EXPECT_EQ(got.err, "note: " + why);
    EXPECT_EQ(got.out.empty(), form != std::string("json")) << "it is not on the way back either";
  }
  const Called done = call({"undo", "-n", "alone", "--yes"}, given());
  EXPECT_EQ(done.status, 1);
  EXPECT_EQ(done.err, "error: " + why);
}

}  // namespace
}  // namespace meshgraft
