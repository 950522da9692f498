// The in-process Api: what it records, how it fails on demand, what its watches deliver.

#include "tests/fakes/fake_api.h"

#include <gtest/gtest.h>

#include <thread>

namespace meshgraft::fakes {
namespace {

Json config_map(const char* name) {
  return {{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}, {"namespace", "shop"}}}};
}

class FakeApiTest : public ::testing::Test {
 protected:
  FakeApiTest() { engine.seed(config_map("a")); }
  const ObjectKey key{Kind::config_map, "shop", "a"};
  PatchRequest labelled(const char* value) {
    PatchRequest request;
    request.target = key;
    request.body = {
        {"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", "a"}, {"labels", {{"x", value}}}}}};
    request.field_manager = "meshgraft";
    return request;
  }
  std::string drained(std::uint64_t from) {
    FakeApi other(engine, FakeApi::WatchMode::drain);
    WatchRequest request;
    request.kind = Kind::config_map;
    request.resource_version = std::to_string(from);
    std::string bytes;
    EXPECT_TRUE(other
                    .watch(request,
                           [&bytes](std::string_view piece) {
                             bytes += piece;
                             return true;
                           })
                    .has_value());
    return bytes;
  }
  Engine engine;
  FakeApi api{engine};
};

TEST_F(FakeApiTest, lists_typed_objects_with_the_version_to_watch_from) {
  ListRequest request;
  request.kind = Kind::config_map;
  const ApiResult<ListPage> page = api.list(request);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->items.size(), 1u);
  EXPECT_EQ(page->resource_version, std::to_string(engine.version()));
}

TEST_F(FakeApiTest, a_kind_that_is_not_served_is_not_found) {
  ListRequest request;
  request.kind = Kind::strategy;
  const ApiResult<ListPage> page = api.list(request);
  ASSERT_FALSE(page.has_value());
  EXPECT_EQ(page.error().kind, ErrorClass::not_found);
}

TEST_F(FakeApiTest, the_kth_write_fails_and_the_next_succeeds) {
  api.fail_write(2, server_fault());
  EXPECT_TRUE(api.patch(labelled("1")).has_value());
  const ApiResult<Written> second = api.patch(labelled("2"));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorClass::server);
  EXPECT_TRUE(api.patch(labelled("3")).has_value());
  EXPECT_EQ(api.writes().size(), 3u);
}

TEST_F(FakeApiTest, a_lost_answer_leaves_the_write_done) {
  api.fail_write(1, lost_answer_fault());
  const ApiResult<Written> written = api.patch(labelled("1"));
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().kind, ErrorClass::transport);
  EXPECT_TRUE(written.error().sent);
  EXPECT_EQ(api.get_json(key)->at("metadata").at("labels").at("x"), "1");
}

TEST_F(FakeApiTest, faults_have_their_classes) {
  const std::pair<Fault, ErrorClass> cases[] = {{conflict_fault(), ErrorClass::conflict},
                                                {gone_fault(), ErrorClass::gone},
                                                {throttled_fault(3), ErrorClass::throttled},
                                                {refused_fault(), ErrorClass::transport}};
  for (const auto& [fault, kind] : cases) {
    api.set_fault([&](const Call&) { return std::optional<Fault>(fault); });
    const ApiResult<Json> answer = api.get_json(key);
    ASSERT_FALSE(answer.has_value());
    EXPECT_EQ(answer.error().kind, kind);
  }
}

TEST_F(FakeApiTest, dry_runs_are_no_writes) {
  PatchRequest request = labelled("1");
  request.dry_run = true;
  EXPECT_TRUE(api.patch(request).has_value());
  EXPECT_TRUE(api.writes().empty());
  EXPECT_FALSE(api.get_json(key)->at("metadata").contains("labels"));
}

TEST_F(FakeApiTest, a_drained_watch_sends_what_happened_and_a_bookmark) {
  const std::uint64_t start = engine.version();
  EXPECT_TRUE(api.patch(labelled("1")).has_value());
  const std::string bytes = drained(start);
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '\n'), 2);
  EXPECT_NE(bytes.find(R"("type":"MODIFIED")"), std::string::npos);
  EXPECT_NE(bytes.find(R"("type":"BOOKMARK")"), std::string::npos);
}

TEST_F(FakeApiTest, a_watch_of_a_forgotten_version_gets_the_error_in_its_stream) {
  EXPECT_TRUE(api.patch(labelled("1")).has_value());
  engine.compact();
  EXPECT_NE(drained(1).find(R"("code":410)"), std::string::npos);
}

TEST_F(FakeApiTest, pieces_may_split_lines_anywhere) {
  FakeApi pieces(engine, FakeApi::WatchMode::drain);
  pieces.set_piece_size(7);
  WatchRequest request;
  request.kind = Kind::config_map;
  std::string bytes;
  std::size_t longest = 0;
  EXPECT_TRUE(pieces
                  .watch(request,
                         [&](std::string_view piece) {
                           bytes += piece;
                           longest = std::max(longest, piece.size());
                           return true;
                         })
                  .has_value());
  EXPECT_EQ(longest, 7u);
  EXPECT_EQ(bytes.back(), '\n');
}

TEST_F(FakeApiTest, following_watches_end_when_stopped_or_dropped) {
  for (const bool stop : {true, false}) {
    WatchRequest request;
    request.kind = Kind::config_map;
    request.resource_version = std::to_string(engine.version());
    std::optional<ErrorClass> end;
    std::thread watcher([&] {
      const ApiResult<Unit> result = api.watch(request, [](std::string_view) { return true; });
      if (!result) end = result.error().kind;
    });
    while (api.running_watches() == 0) std::this_thread::yield();
    stop ? api.stop_watches() : api.drop_watches();
    watcher.join();
    EXPECT_EQ(end, stop ? ErrorClass::cancelled : ErrorClass::transport);
  }
}

TEST_F(FakeApiTest, removing_with_another_uid_is_a_conflict) {
  DeleteRequest request;
  request.target = key;
  request.uid = "other";
  const ApiResult<Unit> removed = api.remove(request);
  ASSERT_FALSE(removed.has_value());
  EXPECT_EQ(removed.error().kind, ErrorClass::conflict);
}

}  // namespace
}  // namespace meshgraft::fakes
