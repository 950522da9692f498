#include "controller/watcher.h"

#include <gmock/gmock.h>

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <functional>
#include <sstream>
#include <thread>

#include "tests/controller/objects.h"
#include "tests/controller/rig.h"

namespace meshgraft {
namespace {

using Standing = WatchMachine::Standing;
using testing::ElementsAre;
using testing::IsEmpty;

// Until `done` holds, or for 120 s; `each` is called meanwhile.
bool comes_true(
    const std::function<bool()>& done, const std::function<void()>& each = [] {}) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!done() && std::chrono::steady_clock::now() < until) {
    each();
    std::this_thread::yield();
  }
  return done();
}

// Writes down what it hears, as "+name", "~name", "-name".
class Heard final : public WatchListener {
 public:
  void on_changes(Kind, const std::vector<CacheChange>& seen) override {
    for (const CacheChange& change : seen) {
      changes.push_back((change.before == nullptr  ? "+"
                         : change.after == nullptr ? "-"
                                                   : "~") +
                        change.any().meta.name);
    }
  }
  void on_progress(Kind) override { ++progress; }
  void on_standing(Kind) override { ++standings; }
  void on_restart(Kind, ErrorClass reason) override { restarts.push_back(reason); }
  std::vector<std::string> taken() { return std::exchange(changes, {}); }

  std::vector<std::string> changes;
  std::vector<ErrorClass> restarts;
  int progress = 0, standings = 0;
};

struct WatcherTest : testing::Test {
  RigCluster cluster;
  Cache cache;
  Heard heard;
  Watcher watcher{Kind::service, cluster.api, cache, heard, cluster.clock, 1};

  WatcherTest() {
    cluster.add_namespace("shop");
    cluster.add_app("shop", "web");
    watcher.assign(Scope{});
  }
  void remove_service(const std::string& name) {
    ASSERT_TRUE(
        cluster.engine.remove({cluster.engine.by_plural("", "v1", "services"), "v1", "shop", name, ""}, {}).ok());
  }
  Standing standing() const {
    for (const KindState& state : cache.states()) {
      if (state.kind == Kind::service) return state.standing;
    }
    return Standing::starting;
  }
};
using Watcher_ = WatcherTest;

TEST_F(Watcher_, ListAndWatch_a_list_and_then_what_changes) {
  EXPECT_TRUE(watcher.step());
  EXPECT_EQ(standing(), Standing::synced);
  EXPECT_THAT(heard.taken(), testing::IsSupersetOf({"+web", "+istiod-1-11-2"}));
  cluster.add_app("shop", "cart");
  watcher.step();
  EXPECT_THAT(heard.taken(), ElementsAre("+cart"));
  remove_service("web");
  watcher.step();
  EXPECT_THAT(heard.taken(), ElementsAre("-web"));
  EXPECT_EQ(cache.get({Kind::service, "shop", "web"}), nullptr);
}

TEST_F(Watcher_, ExpiredExactResourceVersion_what_vanished_during_the_gap_is_reported) {
  watcher.step();
  heard.taken();
  remove_service("web");
  cluster.add_app("shop", "cart");
  cluster.engine.compact();
  watcher.step();  // 410
  EXPECT_THAT(heard.restarts, ElementsAre(ErrorClass::gone));
  EXPECT_NE(cache.get({Kind::service, "shop", "web"}), nullptr) << "the old copy stands until the new list is complete";
  watcher.step();  // the list
  EXPECT_THAT(heard.taken(), ElementsAre("+cart", "-web"));
}

TEST_F(Watcher_, NoRelistOnTooManyRequests_a_busy_server_is_not_listed_again) {
  watcher.step();
  cluster.api.set_fault([](const fakes::Call& call) {
    return call.verb == fakes::CallVerb::watch ? std::optional<fakes::Fault>(fakes::throttled_fault(7)) : std::nullopt;
  });
  cluster.api.forget_calls();
  watcher.step();
  EXPECT_GE(watcher.wait(), std::chrono::seconds(7));
  watcher.step();
  for (const fakes::Call& call : cluster.api.calls()) EXPECT_EQ(call.verb, fakes::CallVerb::watch);
  EXPECT_EQ(standing(), Standing::failing);
  cluster.api.set_fault({});
  watcher.step();
  EXPECT_EQ(standing(), Standing::synced);
}

TEST_F(Watcher_, a_kind_that_becomes_permitted_is_read) {
  cluster.api.set_fault([](const fakes::Call&) {
    ApiError error;
    error.kind = ErrorClass::forbidden;
    error.message = "services is forbidden";
    return std::optional<fakes::Fault>(fakes::Fault{error, false});
  });
  watcher.step();
  EXPECT_EQ(standing(), Standing::forbidden);
  cluster.api.set_fault({});
  watcher.step();
  EXPECT_EQ(standing(), Standing::synced);
  EXPECT_THAT(heard.taken(), testing::Contains("+web"));
}

TEST_F(Watcher_, lines_split_anywhere_give_the_same_events) {
  cluster.api.set_piece_size(7);
  watcher.step();
  heard.taken();
  cluster.add_app("shop", "cart");
  cluster.add_app("shop", "books");
  watcher.step();
  EXPECT_THAT(heard.taken(), ElementsAre("+cart", "+books"));
}

TEST_F(Watcher_, what_nobody_follows_any_more_leaves_the_cache) {
  watcher.step();
  heard.taken();
  watcher.assign(std::nullopt);
  EXPECT_FALSE(watcher.step());
  EXPECT_THAT(heard.taken(), testing::Contains("-web"));
  EXPECT_THAT(cache.all(Kind::service), IsEmpty());
}

TEST_F(Watcher_, a_single_object_is_filtered_on_arrival) {
  Heard other;
  Watcher one(Kind::config_map, cluster.api, cache, other, cluster.clock, 2);
  one.assign(Scope{"istio-system", "istio-1-11-2"});
  one.step();
  EXPECT_THAT(other.taken(), ElementsAre("+istio-1-11-2"));
  const Json noise{{"apiVersion", "v1"},
                   {"kind", "ConfigMap"},
                   {"metadata", {{"name", "kube-root-ca.crt"}, {"namespace", "istio-system"}}},
                   {"data", {{"a", "b"}}}};
  ASSERT_TRUE(cluster.engine.seed(noise).ok());
  one.step();
  EXPECT_THAT(other.taken(), IsEmpty());
  EXPECT_EQ(cache.all(Kind::config_map).size(), 1U);
}

TEST_F(Watcher_, RunUntil_stop_ends_a_running_stream_at_once) {
  fakes::FakeApi following(cluster.engine, fakes::FakeApi::WatchMode::follow);
  SystemClock clock;
  Watcher running(Kind::service, following, cache, heard, clock, 3);
  running.assign(Scope{});
  std::thread thread([&running] { running.run(); });
  while (following.running_watches() == 0) std::this_thread::yield();
  running.stop();
  following.stop_watches();
  thread.join();
  EXPECT_EQ(following.running_watches(), 0U);
}

TEST_F(Watcher_, what_is_assigned_once_more_is_asked_for_without_waiting_out_the_back_off) {
  // The clock stands still: whatever is asked again was asked without its wait.
  std::atomic<int> asked{0};
  cluster.api.set_fault([&asked](const fakes::Call&) {
    ++asked;
    ApiError error;
    error.kind = ErrorClass::not_found;
    return std::optional<fakes::Fault>(fakes::Fault{error, false});
  });
  std::thread thread([this] { watcher.run(); });
  EXPECT_TRUE(comes_true([&asked] { return asked == 1; }));
  cluster.api.set_fault({});
  EXPECT_TRUE(comes_true([this] { return standing() == Standing::synced; }, [this] { watcher.assign(Scope{}); }));
  watcher.stop();
  cluster.api.stop_watches();
  thread.join();
  EXPECT_EQ(asked, 1);
}

TEST_F(Watcher_, a_kind_that_the_server_did_not_know_yet_is_asked_for_again_when_its_crd_is_heard_of_once_more) {
  Watchers watchers(cluster.api, cache, heard, cluster.clock);
  watchers.start();
  cluster.api.set_fault([](const fakes::Call&) {
    ApiError error;
    error.kind = ErrorClass::not_found;
    return std::optional<fakes::Fault>(fakes::Fault{error, false});
  });
  watchers.serve(Kind::application, true);
  for (Watcher& one : watchers.all()) {
    if (one.kind() == Kind::application) one.step();
  }
  EXPECT_TRUE(cache.is_missed(Kind::application));
  cluster.api.set_fault({});
  std::vector<std::thread> threads;
  for (Watcher& one : watchers.all()) {
    if (one.kind() == Kind::application) threads.emplace_back([&one] { one.run(); });
  }
  // The clock stands still: it waits for the hint alone.
  EXPECT_TRUE(comes_true([this] { return !cache.is_missed(Kind::application); },
                         [&watchers] { watchers.serve(Kind::application, true); }));
  for (Watcher& one : watchers.all()) one.stop();
  cluster.api.stop_watches();
  for (std::thread& thread : threads) thread.join();
}

// An API server that takes every watch and says nothing in it, as 1.24 does for kinds without events since its start.
class QuietApi final : public Api {
 public:
  QuietApi(Api& api, SimClock& clock) : api_(api), clock_(clock) {}
  ApiResult<ListPage> list(const ListRequest& request) override { return api_.list(request); }
  ApiResult<Unit> watch(const WatchRequest&, const std::function<bool(std::string_view)>& on_bytes) override {
    on_bytes("");
    clock_.advance(std::chrono::seconds(75));
    return Unexpected<ApiError>({ErrorClass::transport, 0, "", "fell silent for 75 s", std::nullopt, true});
  }
  ApiResult<ObjectPtr> get(const ObjectKey& key) override { return api_.get(key); }
  ApiResult<Json> get_json(const ObjectKey& key) override { return api_.get_json(key); }
  ApiResult<Written> patch(const PatchRequest& request) override { return api_.patch(request); }
  ApiResult<Written> create(const ObjectKey& key, const Json& body, std::string_view manager) override {
    return api_.create(key, body, manager);
  }
  ApiResult<Written> replace(const ObjectKey& key, const Json& body, std::string_view manager) override {
    return api_.replace(key, body, manager);
  }
  ApiResult<Unit> remove(const DeleteRequest& request) override { return api_.remove(request); }
  ApiResult<Json> server_version() override { return api_.server_version(); }
  void stop_watches() override { api_.stop_watches(); }

 private:
  Api& api_;
  SimClock& clock_;
};

TEST_F(Watcher_, a_kind_that_the_server_keeps_silent_is_said_to_be_in_trouble_once) {
  std::ostringstream log;
  const auto before = spdlog::default_logger();
  auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log));
  logger->set_pattern("%l %v");
  logger->set_level(spdlog::level::debug);
  spdlog::set_default_logger(logger);
  QuietApi quiet(cluster.api, cluster.clock);
  Watcher silent(Kind::service, quiet, cache, heard, cluster.clock, 4);
  silent.assign(Scope{});
  silent.step();  // the list
  for (int i = 0; i < 3; ++i) silent.step();
  EXPECT_EQ(standing(), Standing::synced);
  const int standings = heard.standings;
  for (int i = 0; i < 20; ++i) silent.step();
  spdlog::set_default_logger(before);
  EXPECT_EQ(standing(), Standing::synced);
  EXPECT_EQ(heard.standings, standings) << "each would make the facts be looked at anew";
  EXPECT_EQ(heard.restarts.size(), 23U) << "and every one counts in the metric";
  const std::string text = log.str();
  std::size_t warnings = 0, lines = 0;
  for (std::size_t at = 0; (at = text.find("fell silent", at)) != std::string::npos; ++at) ++lines;
  for (std::size_t at = 0; (at = text.find("warning ", at)) != std::string::npos; ++at) ++warnings;
  EXPECT_EQ(warnings, 1U) << text;
  EXPECT_EQ(lines, 23U) << "the others for those who look: " << text;
}

// Watchers of single ConfigMaps of namespace "gateways", in one thread.
struct WatchersTest : testing::Test {
  RigCluster cluster;
  Cache cache;
  Heard heard;
  Watchers watchers{cluster.api, cache, heard, cluster.clock};

  WatchersTest() {
    cluster.add_namespace("gateways");
    for (const char* name : {"one", "two"}) {
      EXPECT_TRUE(cluster.engine.seed({{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"metadata", {{"name", name}, {"namespace", "gateways"}}}}).ok());
    }
  }
  void follow(const std::set<std::string>& names) {
    std::set<Scope> wanted;
    for (const std::string& name : names) wanted.insert({"gateways", name});
    watchers.follow_config_maps(wanted);
  }
  // Every watcher asks once, those in a stream hear of their assignments; `but` stays in its stream.
  void step_all(const Watcher* but = nullptr) {
    for (Watcher& watcher : watchers.all()) {
      if (&watcher != but) watcher.step();
    }
  }
  Watcher* at(const std::string& name) {
    for (Watcher& watcher : watchers.all()) {
      if (watcher.assigned() == Scope{"gateways", name}) return &watcher;
    }
    return nullptr;
  }
  bool has(const std::string& name) const { return cache.get({Kind::config_map, "gateways", name}) != nullptr; }
};
using Watchers_ = WatchersTest;

TEST_F(Watchers_, a_config_map_that_is_wanted_in_place_of_another_does_not_wait_for_its_stream_to_end) {
  follow({"one"});
  step_all();
  const Watcher* former = at("one");
  follow({"two"});
  ASSERT_NE(at("two"), nullptr);
  EXPECT_NE(at("two"), former);
  step_all(former);
  EXPECT_TRUE(has("two"));
  step_all();
  EXPECT_FALSE(has("one"));
}

TEST_F(Watchers_, a_config_map_that_is_wanted_again_while_its_stream_goes_on_stays_where_it_is) {
  follow({"one"});
  step_all();
  EXPECT_THAT(heard.taken(), ElementsAre("+one"));
  follow({});
  follow({"one"});
  step_all();
  EXPECT_THAT(heard.taken(), IsEmpty()) << "for a moment nobody would know what it says";
  EXPECT_TRUE(has("one"));
}

TEST_F(Watchers_, who_leaves_a_config_map_late_does_not_take_it_from_who_follows_it_since) {
  follow({"one"});
  step_all();
  const Watcher* former = at("one");
  follow({"two"});
  step_all(former);
  follow({"one", "two"});
  step_all(former);
  step_all();
  step_all();
  EXPECT_TRUE(has("one"));
  EXPECT_TRUE(has("two"));
}

}  // namespace
}  // namespace meshgraft
