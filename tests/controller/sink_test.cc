#include "controller/sink.h"

#include <gmock/gmock.h>

#include <thread>

#include "controller/events.h"
#include "controller/senders.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "tests/controller/rig.h"

namespace meshgraft {
namespace {

struct SinkTest : testing::Test {
  RigCluster cluster;
  LiveSink sink{cluster.api};

  SinkTest() {
    cluster.add_namespace("shop");
    cluster.add_app("shop", "web");
    cluster.api.forget_calls();
  }
  std::string uid() const { return cluster.deployment("shop", "web")["metadata"]["uid"]; }
  Change labelled(const std::string& value) const {
    Change change;
    change.target = {Kind::deployment, "shop", "web"};
    change.pre.uid = uid();
    change.body = {{"apiVersion", "apps/v1"},
                   {"kind", "Deployment"},
                   {"metadata", {{"name", "web"}, {"namespace", "shop"}, {"labels", {{"app", value}}}}}};
    return change;
  }
};
using Sink_ = SinkTest;

TEST_F(Sink_, an_apply_is_sent_as_field_manager_meshgraft_with_the_uid) {
  const ApiResult<Outcome> done = sink.carry_out(labelled("web"));
  ASSERT_TRUE(done);
  EXPECT_FALSE(done->resource_version.empty());
  const std::vector<fakes::Call> writes = cluster.api.writes();
  ASSERT_EQ(writes.size(), 1U);
  EXPECT_EQ(writes[0].manager, "meshgraft");
  EXPECT_EQ(writes[0].patch, PatchType::apply);
  EXPECT_FALSE(writes[0].force);
  EXPECT_EQ(writes[0].body["metadata"]["uid"], uid());
}

TEST_F(Sink_, an_apply_for_an_object_that_is_gone_creates_nothing) {
  const Change change = labelled("web");
  ASSERT_TRUE(
      cluster.engine.remove({cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "web", ""}, {}).ok());
  const ApiResult<Outcome> done = sink.carry_out(change);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorClass::conflict);
  EXPECT_TRUE(cluster.deployment("shop", "web").is_null());
}

TEST_F(Sink_, what_follows_from_an_object_is_created_only_while_that_is_as_it_was) {
  const Json web = cluster.deployment("shop", "web");
  Change change;
  change.target = {Kind::config_map, "shop", "made"};
  change.verb = Verb::create;
  change.body = {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", "made"}, {"namespace", "shop"}}}};
  change.witness = Witness{{Kind::deployment, "shop", "web"}, {}};
  const std::string version = web["metadata"]["resourceVersion"];
  const auto refused = [&](const std::string& uid, const std::string& at) {
    change.witness->as = {uid, at};
    const ApiResult<Outcome> done = sink.carry_out(change);
    return !done && done.error().kind == ErrorClass::conflict ? done.error().message : "";
  };
  EXPECT_EQ(refused("another", ""), "Deployment shop/web has changed since this was planned");
  EXPECT_EQ(refused(uid(), version + "0"), "Deployment shop/web has changed since this was planned");
  change.witness->object.name = "gone";
  EXPECT_EQ(refused(uid(), ""), "Deployment shop/gone is gone since this was planned");
  EXPECT_THAT(cluster.api.writes(), testing::IsEmpty());
  change.witness->object.name = "web";
  change.witness->as = {uid(), version};
  EXPECT_TRUE(sink.carry_out(change));
  cluster.api.set_fault([](const fakes::Call& call) { return call.is_write() ? std::nullopt : std::optional<fakes::Fault>(fakes::refused_fault()); });
  const ApiResult<Outcome> unasked = sink.carry_out(change);
  ASSERT_FALSE(unasked);
  EXPECT_EQ(unasked.error().kind, ErrorClass::transport) << "what could not be asked is not known";
}

TEST_F(Sink_, an_apply_for_another_object_of_the_same_name_means_look_again) {
  Change change = labelled("web");
  change.pre.uid = "another";
  const ApiResult<Outcome> done = sink.carry_out(change);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorClass::conflict);
}

TEST_F(Sink_, content_that_the_server_refuses_is_not_look_again) {
  Change change = labelled("no label value: spaces");
  const ApiResult<Outcome> done = sink.carry_out(change);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorClass::invalid);
}

TEST_F(Sink_, a_restore_is_a_merge_patch_under_its_own_manager) {
  Change change = labelled("web");
  change.verb = Verb::restore;
  change.body = {{"metadata", {{"labels", {{"run", nullptr}}}}}};
  ASSERT_TRUE(sink.carry_out(change));
  EXPECT_EQ(cluster.api.writes().at(0).manager, "meshgraft-undo");
  EXPECT_EQ(cluster.api.writes().at(0).patch, PatchType::merge);
  EXPECT_FALSE(cluster.deployment("shop", "web")["metadata"]["labels"].contains("run"));
}

TEST_F(Sink_, an_edit_tests_the_uid_first) {
  Change change = labelled("web");
  change.verb = Verb::edit;
  change.body = Json::array({{{"op", "replace"}, {"path", "/metadata/labels/run"}, {"value", "x"}}});
  ASSERT_TRUE(sink.carry_out(change));
  EXPECT_EQ(cluster.api.writes().at(0).body.at(0)["path"], "/metadata/uid");
  change.pre.uid = "another";
  const ApiResult<Outcome> done = sink.carry_out(change);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorClass::conflict);
}

Change new_application() {
  Change change;
  change.target = {Kind::application, "shop", "bookshop"};
  change.verb = Verb::create;
  change.body = {{"apiVersion", "app.k8s.io/v1beta1"},
                 {"kind", "Application"},
                 {"metadata", {{"name", "bookshop"}, {"namespace", "shop"}}},
                 {"spec", {{"addOwnerRef", false}}}};
  return change;
}

TEST_F(Sink_, creating_what_we_created_before_is_success) {
  const ApiResult<Outcome> first = sink.carry_out(new_application());
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->was_there);
  const ApiResult<Outcome> second = sink.carry_out(new_application());
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->was_there);
}

TEST_F(Sink_, creating_what_somebody_else_created_is_refused) {
  Json theirs = new_application().body;
  ASSERT_TRUE(cluster.engine.seed(theirs, "kubesphere").ok());
  const ApiResult<Outcome> done = sink.carry_out(new_application());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorClass::exists);
}

TEST_F(Sink_, a_removal_carries_its_preconditions_and_what_is_gone_is_gone) {
  ASSERT_TRUE(sink.carry_out(new_application()));
  Change change = new_application();
  change.verb = Verb::remove;
  change.pre.uid = "another";
  ApiResult<Outcome> done = sink.carry_out(change);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorClass::conflict);
  change.pre.uid = cluster.object("app.k8s.io/v1beta1", "Application", "shop", "bookshop")["metadata"]["uid"];
  EXPECT_TRUE(sink.carry_out(change));
  EXPECT_TRUE(sink.carry_out(change)) << "removed before";
}

// ---- senders -----------------------------------------------------------------------------------------------------

TEST(Senders_, answers_come_in_the_order_of_the_changes_whoever_sends_them) {
  class Naming final : public Sink {
   public:
    ApiResult<Outcome> carry_out(const Change& change) override { return Outcome{change.target.name, false}; }
  } sink;
  Senders senders(sink);
  std::vector<std::thread> crew;
  crew.reserve(4);
  for (int i = 0; i < 4; ++i) crew.emplace_back([&senders] { senders.run(); });
  std::vector<std::thread> workers;
  workers.reserve(3);
  for (int w = 0; w < 3; ++w) {
    workers.emplace_back([&senders, w] {
      for (int round = 0; round < 50; ++round) {
        std::vector<Change> changes(17);
        std::vector<const Change*> pointers;
        for (std::size_t i = 0; i < changes.size(); ++i) {
          changes[i].target.name = std::to_string(w) + "-" + std::to_string(i);
          pointers.push_back(&changes[i]);
        }
        const std::vector<ApiResult<Outcome>> answers = senders.carry_out(pointers);
        for (std::size_t i = 0; i < changes.size(); ++i)
          EXPECT_EQ(answers[i]->resource_version, changes[i].target.name);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  senders.stop();
  for (std::thread& one : crew) one.join();
}

// ---- Events ------------------------------------------------------------------------------------------------------

struct EventsTest : SinkTest {
  Cache cache;
  EventRecorder recorder{cluster.api, cache, cluster.clock};

  static Finding about_web(const std::string& text) {
    return finding("MG203", {Kind::deployment, "shop", "web"}, text);
  }
  std::size_t sent() {
    std::size_t sent = 0;
    while (recorder.step()) ++sent;
    return sent;
  }
};
using Events = EventsTest;

TEST_F(Events, Aggregator_a_finding_is_one_event_until_its_text_changes) {
  recorder.report("shop", {about_web("lacks app")});
  EXPECT_EQ(sent(), 1U);
  recorder.report("shop", {about_web("lacks app")});
  EXPECT_EQ(sent(), 0U);
  recorder.report("shop", {about_web("lacks app and version")});
  EXPECT_EQ(sent(), 1U);
  recorder.report("shop", {});
  recorder.report("shop", {about_web("lacks app")});
  EXPECT_EQ(sent(), 1U) << "it came back";
}

TEST_F(Events, an_event_names_object_code_and_severity) {
  recorder.report("shop", {about_web("lacks app")});
  sent();
  const std::vector<Json> events = cluster.events("shop");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0]["involvedObject"]["kind"], "Deployment");
  EXPECT_EQ(events[0]["involvedObject"]["name"], "web");
  EXPECT_EQ(events[0]["reason"], "MG203");
  EXPECT_EQ(events[0]["type"], "Warning");
  EXPECT_EQ(events[0]["source"]["component"], "meshgraft");
  EXPECT_THAT(std::string(events[0]["message"]), testing::StartsWith("lacks app"));
}

TEST_F(Events, a_restarted_controller_finds_its_own_event_there) {
  recorder.report("shop", {about_web("lacks app")});
  sent();
  EventRecorder again(cluster.api, cache, cluster.clock);
  again.report("shop", {about_web("lacks app")});
  while (again.step()) {
  }
  EXPECT_EQ(cluster.events("shop").size(), 1U);
}

TEST_F(Events, SpamFilter_more_than_the_queue_holds_is_dropped_and_reported_later) {
  std::vector<Finding> many;
  for (std::size_t i = 0; i < EventRecorder::kQueue + 10; ++i)
    many.push_back(finding("MG203", {Kind::deployment, "shop", "d" + std::to_string(i)}, "x"));
  recorder.report("shop", many);
  EXPECT_EQ(sent(), EventRecorder::kQueue);
  recorder.report("shop", many);
  EXPECT_EQ(sent(), 10U);
}

TEST_F(Events, a_server_that_is_away_is_tried_again_twelve_times) {
  cluster.api.set_fault([](const fakes::Call&) { return std::optional<fakes::Fault>(fakes::refused_fault()); });
  recorder.report("shop", {about_web("lacks app")});
  EXPECT_EQ(sent(), static_cast<std::size_t>(EventRecorder::kTries));
  EXPECT_FALSE(recorder.step());
}

TEST_F(Events, after_a_burst_they_give_way_to_writes) {
  constexpr int kMore = 5;
  for (int i = 0; i < EventRecorder::kBurst + kMore; ++i)
    recorder.tell({Kind::deployment, "shop", "d" + std::to_string(i)}, "Plan", "x");
  std::thread sender([this] { recorder.run(); });
  const auto arrived = [this] { return static_cast<int>(cluster.events("shop").size()); };
  for (int intervals = 0; intervals <= kMore; ++intervals) {
    while (arrived() < EventRecorder::kBurst + intervals) std::this_thread::yield();
    EXPECT_EQ(arrived(), EventRecorder::kBurst + intervals) << "the clock stands still";
    cluster.clock.advance(EventRecorder::kInterval);
  }
  recorder.stop();
  sender.join();
}

TEST_F(Events, a_long_message_is_cut_at_a_character) {
  std::string text;
  while (text.size() < 3000) text += "标签";
  recorder.tell({Kind::namespace_, "", "shop"}, "Plan", text);
  sent();
  const std::string message = cluster.events("shop").at(0)["message"];
  EXPECT_LE(message.size(), EventRecorder::kMessageMost);
  EXPECT_THAT(message, testing::EndsWith("..."));
  EXPECT_EQ(to_text(Json(message)).find("\xEF\xBF\xBD"), std::string::npos) << "no half characters";
}

}  // namespace
}  // namespace meshgraft
