// What a release copies, compares and patches; and the record that it keeps.

#include "reconcilers/release_parts.h"

#include <gmock/gmock.h>

#include "k8sclient/model/json_read.h"
#include "reconcilers/release_record.h"

namespace meshgraft {
namespace {

Workload workload(const std::string& image, const std::string& init = "") {
  Workload made;
  Container app;
  app.name = "app";
  app.image = image;
  made.pod.containers.push_back(app);
  if (!init.empty()) {
    Container setup;
    setup.name = "setup";
    setup.image = init;
    made.pod.init_containers.push_back(setup);
  }
  return made;
}

Json whole(const std::string& image, Json env) {
  Json container{{"name", "app"}, {"image", image}};
  if (!env.is_null()) container["env"] = std::move(env);
  return {{"spec", {{"template", {{"spec", {{"containers", Json::array({container})}}}}}}}};
}

TEST(ReleaseParts, images_are_told_by_container) {
  EXPECT_EQ(to_text(release_parts(workload("web:1", "db:1"), nullptr)),
            R"({"containers":{"app":{"image":"web:1"}},"initContainers":{"setup":{"image":"db:1"}}})");
}

TEST(ReleaseParts, env_and_resources_are_there_where_the_whole_was_read) {
  const Json document = whole("web:1", Json::array({{{"name", "A"}, {"value", "1"}}}));
  EXPECT_EQ(to_text(release_parts(workload("web:1"), &document)),
            R"({"containers":{"app":{"env":[{"name":"A","value":"1"}],"image":"web:1","resources":null}}})");
}

TEST(ReleaseParts, what_is_not_named_counts_for_nothing) {
  const Json document = whole("web:1", Json::array({{{"name", "A"}}}));
  const Json images = release_parts(workload("web:1"), nullptr);
  EXPECT_TRUE(holds_parts(release_parts(workload("web:1"), &document), images));
  EXPECT_FALSE(holds_parts(images, release_parts(workload("web:1"), &document)));
  EXPECT_FALSE(holds_parts(release_parts(workload("web:2"), nullptr), images));
  EXPECT_FALSE(holds_parts(images, Json(5)));
}

TEST(ReleaseParts, a_patch_changes_what_differs_and_tests_name_and_image_before) {
  const Workload web = workload("web:1", "db:1");
  const Json present = release_parts(web, nullptr);
  EXPECT_EQ(to_text(parts_patch(web, present, release_parts(workload("web:2", "db:1"), nullptr))),
            R"([{"op":"test","path":"/spec/template/spec/containers/0/name","value":"app"},)"
            R"({"op":"test","path":"/spec/template/spec/containers/0/image","value":"web:1"},)"
            R"({"op":"add","path":"/spec/template/spec/containers/0/image","value":"web:2"}])");
  EXPECT_EQ(images_text(present, release_parts(workload("web:2", "db:1"), nullptr)), "app: web:1 -> web:2");
  EXPECT_TRUE(parts_patch(web, present, present).empty());
}

TEST(ReleaseParts, another_image_of_an_init_container_alone_renews_no_container) {
  const Json was = release_parts(workload("web:1", "db:1"), nullptr);
  EXPECT_TRUE(renews_containers(was, release_parts(workload("web:2", "db:1"), nullptr)));
  EXPECT_FALSE(renews_containers(was, release_parts(workload("web:1", "db:2"), nullptr)));
}

TEST(ReleaseParts, env_that_the_other_has_not_is_removed) {
  const Json before = whole("web:1", Json::array({{{"name", "A"}}}));
  const Json after = whole("web:1", nullptr);
  const Workload web = workload("web:1");
  const Json patch = parts_patch(web, release_parts(web, &before), release_parts(web, &after));
  EXPECT_THAT(to_text(patch), testing::HasSubstr(R"({"op":"remove","path":"/spec/template/spec/containers/0/env"})"));
}

TEST(ReleaseParts, a_record_is_completed_with_what_is_read_later) {
  const Json document = whole("web:2", Json::array({{{"name", "A"}}}));
  const Json was = completed_parts(release_parts(workload("web:1"), nullptr), release_parts(workload("web:2"), &document));
  EXPECT_EQ(to_text(was), R"({"containers":{"app":{"env":[{"name":"A"}],"image":"web:1","resources":null}}})");
}

Strategy recorded(const std::string& text) {
  Strategy strategy;
  strategy.meta.uid = "u1";
  strategy.meta.annotations["meshgraft.io/undo"] = text;
  return strategy;
}

TEST(ReleaseRecords, one_that_is_written_is_read_back) {
  ReleaseRecord record;
  record.present = true;
  record.principal = "p";
  record.gray = "g";
  record.was = release_parts(workload("web:1"), nullptr);
  record.want = record.wrote = release_parts(workload("web:2"), nullptr);
  record.retry = "1";
  record.held = true;
  record.since = 1'700'000'000'000;
  EXPECT_EQ(read_release_record(recorded(release_record_text(record, "u1"))), record);
}

TEST(ReleaseParts, each_variable_and_resource_that_changes_is_told_by_itself) {
  const Json before = Json::parse(R"({"containers":{"app":{"image":"web:1","env":[{"name":"A","value":"1"},{"name":"B","value":""},{"name":"C","value":"x"}],
    "resources":{"limits":{"memory":"1Gi","nvidia.com/gpu":1}}}}})");
  const Json after = Json::parse(R"({"containers":{"app":{"image":"web:1","env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}},{"name":"B","value":"b"},
    {"name":"D","value":"d"}],"resources":{"limits":{"memory":"2Gi"},"requests":{"cpu":"1"}}},"other":{"image":"no:1"}}})");
  std::string all;
  for (const Overwrite& one : part_changes(before, after)) all += one.path.substr(one.path.find(']') + 1) + "|" + one.before + "|" + one.after + "\n";
  EXPECT_EQ(all,
            ".env[A]|1|{\"secretKeyRef\":{\"key\":\"k\",\"name\":\"s\"}}\n"
            ".env[B]|\"\"|b\n"
            ".env[D]||d\n"
            ".env[C]|x|\n"
            ".resources.limits.memory|1Gi|2Gi\n"
            ".resources.requests.cpu||1\n"
            ".resources.limits.nvidia.com/gpu|1|\n");
  const Json turned = Json::parse(R"({"containers":{"app":{"env":[{"name":"B","value":""},{"name":"A","value":"1"},{"name":"C","value":"x"}]}}})");
  EXPECT_EQ(part_changes(before, turned).size(), 1U) << "the order counts for $(A)";
  EXPECT_TRUE(part_changes(before, before).empty());
}

TEST(ReleaseRecords, a_copy_of_another_strategys_says_nothing) {
  ReleaseRecord record;
  record.was = record.want = Json::object();
  const ReleaseRecord read = read_release_record(recorded(release_record_text(record, "another")));
  EXPECT_FALSE(read.present);
  EXPECT_EQ(read.broken, "");
}

TEST(ReleaseRecords, what_people_write_there_never_breaks_the_plan) {
  for (const char* text : {"{", "[]", "5", R"({"uid":"u1","release":5})", R"({"uid":"u1","release":{"was":{"containers":5},"want":{}}})",
                           R"({"uid":"u1","release":{"was":{},"want":{"containers":{"app":[]}}}})", R"({"uid":"u1","release":{"was":{},"want":{},"wrote":7}})"}) {
    EXPECT_FALSE(read_release_record(recorded(text)).present) << text;
  }
  EXPECT_NE(read_release_record(recorded("{")).broken, "");
  EXPECT_NE(read_release_record(recorded(R"({"uid":"u1","release":{"was":{},"want":{},"wrote":7}})")).broken, "");
}

}  // namespace
}  // namespace meshgraft
