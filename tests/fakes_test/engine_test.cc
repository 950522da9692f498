// Lists, watches and deletions of the embedded API server.

#include "tests/fakes/engine.h"

#include <gtest/gtest.h>

#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

Json config_map(const std::string& name, Json extra = Json::object()) {
  Json metadata = std::move(extra);
  metadata["name"] = name;
  metadata["namespace"] = "shop";
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", std::move(metadata)}, {"data", {{"k", "v"}}}};
}

class EngineTest : public ::testing::Test {
 protected:
  Target maps(const std::string& name = "") {
    return {engine.by_plural("", "v1", "configmaps"), "v1", "shop", name, ""};
  }
  Answer label(const std::string& name, const Json& labels) {
    return engine.patch(maps(name), PatchFormat::merge, {{"metadata", {{"labels", labels}}}}, {});
  }
  WatchOptions watch(const std::string& labels = "") {
    return {engine.by_plural("", "v1", "configmaps"), "v1", "shop", labels, ""};
  }
  static Json seen(const WatchBatch& batch) {
    Json out = Json::array();
    for (const Json& event : batch.events)
      out.push_back(event["type"].get<std::string>() + " " + text_at(event, {"object", "metadata", "name"}));
    return out;
  }
  Engine engine;
};

TEST_F(EngineTest, pages_are_one_consistent_list_even_when_objects_change_between_them) {
  for (const char* name : {"a", "b", "c"}) engine.seed(config_map(name));
  const Answer first = engine.list(maps(), {2, "", "", "", ""});
  ASSERT_EQ(first.body["items"].size(), 2u);
  EXPECT_EQ(first.body["metadata"]["remainingItemCount"], 1);
  EXPECT_EQ(engine.remove(maps("c"), {}).code, 200);
  const Answer second = engine.list(maps(), {2, first.body["metadata"]["continue"], "", "", ""});
  ASSERT_EQ(second.body["items"].size(), 1u);
  EXPECT_EQ(second.body["items"][0]["metadata"]["name"], "c");
  EXPECT_EQ(second.body["metadata"]["resourceVersion"], first.body["metadata"]["resourceVersion"]);
  EXPECT_FALSE(second.body["metadata"].contains("continue"));
}

TEST_F(EngineTest, a_continue_token_expires_with_compaction) {
  for (const char* name : {"a", "b"}) engine.seed(config_map(name));
  const Answer first = engine.list(maps(), {1, "", "", "", ""});
  engine.compact();
  const Answer second = engine.list(maps(), {1, first.body["metadata"]["continue"], "", "", ""});
  EXPECT_EQ(second.code, 410);
  EXPECT_EQ(second.body["reason"], "Expired");
}

TEST_F(EngineTest, a_list_of_the_future_is_refused) {
  const Answer answer = engine.list(maps(), {0, "", "999999", "", ""});
  EXPECT_EQ(answer.code, 504);
  EXPECT_EQ(answer.body["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
}

TEST_F(EngineTest, selectors_pick_by_labels_and_fields) {
  engine.seed(config_map("a", {{"labels", {{"app", "x"}}}}));
  engine.seed(config_map("b", {{"labels", {{"app", "y"}, {"tier", "db"}}}}));
  const auto names = [&](const char* labels, const char* fields) {
    Json out = Json::array();
    const Answer answer = engine.list(maps(), {0, "", "", labels, fields});
    for (const Json& item : answer.body["items"]) out.push_back(item["metadata"]["name"]);
    return out;
  };
  EXPECT_EQ(names("app=x", ""), Json::array({"a"}));
  EXPECT_EQ(names("app in (x, y),!tier", ""), Json::array({"a"}));
  EXPECT_EQ(names("app!=x", ""), Json::array({"b"}));
  EXPECT_EQ(names("tier", ""), Json::array({"b"}));
  EXPECT_EQ(names("app notin (x)", "metadata.name!=c"), Json::array({"b"}));
  EXPECT_EQ(names("", "metadata.name=a,metadata.namespace=shop"), Json::array({"a"}));
}

TEST_F(EngineTest, a_watch_tells_what_entered_changed_and_left_its_selection) {
  engine.seed(config_map("a"));
  const std::uint64_t start = engine.version();
  label("a", {{"app", "x"}});
  label("a", {{"app", "x"}, {"more", "1"}});
  label("a", {{"app", "z"}});
  EXPECT_EQ(seen(engine.events_since(watch("app=x"), start)), Json::array({"ADDED a", "MODIFIED a", "DELETED a"}));
  EXPECT_EQ(seen(engine.events_since(watch(), start)), Json::array({"MODIFIED a", "MODIFIED a", "MODIFIED a"}));
}

TEST_F(EngineTest, a_deleted_object_arrives_with_the_version_of_its_deletion) {
  engine.seed(config_map("a"));
  const std::uint64_t start = engine.version();
  engine.remove(maps("a"), {});
  const WatchBatch batch = engine.events_since(watch(), start);
  ASSERT_EQ(seen(batch), Json::array({"DELETED a"}));
  EXPECT_EQ(batch.events[0]["object"]["metadata"]["resourceVersion"], std::to_string(engine.version()));
}

TEST_F(EngineTest, a_watch_from_before_compaction_gets_410_in_the_stream) {
  const std::uint64_t start = engine.version();
  engine.seed(config_map("a"));
  engine.compact();
  const WatchBatch batch = engine.events_since(watch(), start);
  EXPECT_TRUE(batch.ended);
  ASSERT_EQ(batch.events.size(), 1u);
  EXPECT_EQ(batch.events[0]["type"], "ERROR");
  EXPECT_EQ(batch.events[0]["object"]["code"], 410);
  EXPECT_EQ(batch.events[0]["object"]["reason"], "Expired");
}

TEST_F(EngineTest, history_beyond_its_limit_is_forgotten) {
  engine.seed(config_map("a"));
  engine.set_history_limit(2);
  const std::uint64_t start = engine.version();
  for (int i = 0; i < 4; ++i) label("a", {{"n", std::to_string(i)}});
  EXPECT_TRUE(engine.events_since(watch(), start).ended);
  EXPECT_EQ(engine.events_since(watch(), engine.version() - 2).events.size(), 2u);
}

TEST_F(EngineTest, put_needs_the_version_that_it_read) {
  engine.seed(config_map("a"));
  Json body = engine.get(maps("a")).body;
  label("a", {{"x", "y"}});
  const Answer answer = engine.update(maps("a"), body, {});
  EXPECT_EQ(answer.code, 409);
  EXPECT_EQ(answer.body["message"],
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply "
            "your changes to the latest version and try again");
}

TEST_F(EngineTest, creating_twice_says_already_exists) {
  engine.seed(config_map("a"));
  const Answer answer = engine.create(maps(), config_map("a"), {});
  EXPECT_EQ(answer.code, 409);
  EXPECT_EQ(answer.body["reason"], "AlreadyExists");
  EXPECT_EQ(answer.body["message"], "configmaps \"a\" already exists");
}

TEST_F(EngineTest, nothing_is_created_in_an_absent_or_dying_namespace) {
  Target place{engine.by_plural("", "v1", "configmaps"), "v1", "nowhere", "", ""};
  Json body = config_map("a");
  body["metadata"]["namespace"] = "nowhere";
  EXPECT_EQ(engine.create(place, body, {}).body["message"], "namespaces \"nowhere\" not found");

  engine.seed(config_map("held", {{"finalizers", {"x.io/wait"}}}));
  Target ns{engine.by_plural("", "v1", "namespaces"), "v1", "", "shop", ""};
  EXPECT_EQ(engine.remove(ns, {}).body["status"]["phase"], "Terminating");
  EXPECT_EQ(engine.create(maps(), config_map("late"), {}).code, 403);
  engine.patch(maps("held"), PatchFormat::json, Json::array({{{"op", "remove"}, {"path", "/metadata/finalizers"}}}),
               {});
  EXPECT_EQ(engine.get(ns).code, 404);
}

TEST_F(EngineTest, delete_preconditions_protect_a_successor) {
  engine.seed(config_map("a"));
  DeleteOptions options;
  options.uid = "other";
  EXPECT_EQ(engine.remove(maps("a"), options).code, 409);
  options.uid = text_at(engine.get(maps("a")).body, {"metadata", "uid"});
  options.resource_version = "1";
  EXPECT_EQ(engine.remove(maps("a"), options).code, 409);
  options.resource_version.clear();
  EXPECT_EQ(engine.remove(maps("a"), options).code, 200);
  EXPECT_EQ(engine.remove(maps("a"), options).code, 404);
}

TEST_F(EngineTest, dependents_go_with_their_owner_unless_orphaned) {
  for (const bool orphan : {false, true}) {
    engine.seed(config_map("owner"));
    const std::string uid = text_at(engine.get(maps("owner")).body, {"metadata", "uid"});
    engine.seed(config_map(
        "child", {{"ownerReferences",
                   Json::array({{{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"name", "owner"}, {"uid", uid}}})}}));
    DeleteOptions options;
    options.propagation = orphan ? DeleteOptions::orphan : DeleteOptions::background;
    engine.remove(maps("owner"), options);
    const Answer child = engine.get(maps("child"));
    EXPECT_EQ(child.code, orphan ? 200 : 404);
    EXPECT_FALSE(at(child.body, {"metadata"}).contains("ownerReferences"));
  }
}

TEST_F(EngineTest, an_object_with_finalizers_stays_until_they_are_gone) {
  engine.seed(config_map("a", {{"finalizers", {"x.io/wait"}}}));
  EXPECT_TRUE(engine.remove(maps("a"), {}).body["metadata"].contains("deletionTimestamp"));
  EXPECT_EQ(engine.get(maps("a")).code, 200);
  engine.patch(maps("a"), PatchFormat::merge, {{"metadata", {{"finalizers", nullptr}}}}, {});
  EXPECT_EQ(engine.get(maps("a")).code, 404);
}

TEST_F(EngineTest, scale_changes_replicas_alone) {
  engine.seed(Json::parse(
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"replicas":2,
    "selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"i:1"}]}}}})"));
  Target scale{engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "web", "scale"};
  Json body = engine.get(scale).body;
  EXPECT_EQ(body["spec"]["replicas"], 2);
  body["spec"]["replicas"] = 5;
  EXPECT_EQ(engine.update(scale, body, {}).body["spec"]["replicas"], 5);
  EXPECT_EQ(engine.patch(scale, PatchFormat::merge, {{"spec", {{"replicas", 1}}}}, {}).body["spec"]["replicas"], 1);
}

TEST_F(EngineTest, strategic_merge_knows_deletes_and_order) {
  engine.seed(
      Json::parse(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{
    "selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[
    {"name":"a","image":"i:1","env":[{"name":"X","value":"1"},{"name":"Y","value":"2"}]},{"name":"b","image":"i:2"}]}}}})"));
  Target web{engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "web", ""};
  const Answer answer = engine.patch(web, PatchFormat::strategic, Json::parse(R"({"spec":{"template":{"spec":{
    "$setElementOrder/containers":[{"name":"c"},{"name":"a"}],"containers":[{"name":"b","$patch":"delete"},{"name":"c","image":"i:3"},
    {"name":"a","env":[{"name":"X","value":null},{"name":"Y","$patch":"delete"}]}]}}}})"),
                                     {});
  ASSERT_EQ(answer.code, 200) << to_text(answer.body);
  const Json& containers = answer.body["spec"]["template"]["spec"]["containers"];
  ASSERT_EQ(containers.size(), 2u);
  EXPECT_EQ(containers[0]["name"], "c");
  EXPECT_EQ(containers[1]["env"], Json::parse(R"([{"name":"X"}])"));
}

}  // namespace
}  // namespace meshgraft::fakes
