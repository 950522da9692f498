// The whole client (RestApi, watch machine, Watcher, Cache) against a server that goes wrong in every way that it knows
// by name: afterwards the cache holds what is true. Over TLS on loopback; a step of the watcher is a request, so nothing
// waits for a back-off.

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>
#include <thread>

#include "controller/watcher.h"
#include "tests/fakes/list_watch_server.h"
#include "tests/wire/wire_world.h"

namespace meshgraft::test {
namespace {

using Standing = WatchMachine::Standing;
using On = ListWatchServer::On;

constexpr int kSteps = 8;  // requests until all is well again after one fault

// How long the client waits: little where a fault is met in silence, the program's own times where every request counts.
struct Patience {
  std::chrono::milliseconds silence, call;
};
constexpr Patience little(int scale) {
  return {scale * std::chrono::milliseconds(300), scale * std::chrono::milliseconds(1500)};
}
constexpr Patience kUsual{std::chrono::seconds(75), std::chrono::seconds(10)};

class Heard final : public WatchListener {
 public:
  void on_changes(Kind, const std::vector<CacheChange>& seen) override {
    for (const CacheChange& change : seen) names.insert(change.any().meta.name);
  }
  void on_progress(Kind) override {}
  void on_standing(Kind) override {}
  void on_restart(Kind, ErrorClass reason) override { restarts.push_back(reason); }

  std::set<std::string> names;
  std::vector<ErrorClass> restarts;
};

// Everything that is logged while it lives.
class Log {
 public:
  Log() : before_(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_level(spdlog::level::trace);
    spdlog::set_default_logger(logger);
  }
  ~Log() { spdlog::set_default_logger(before_); }
  [[nodiscard]] std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

class Client : public WireTest {
 protected:
  // A server, a client of it, and what the client heard and logged.
  struct Pair {
    Pair(const TestAuthority& authority, const TestCertificate& certificate, bool offers, bool streams,
         const Patience& patience)
        : server({certificate.certificate_pem, certificate.key_pem, "", ""}, offers) {
      ClientConfig config;
      config.source = "the test";
      config.server = server.http().url();
      config.ca.data = authority.ca_pem();
      config.token = kToken;
      RestOptions options;
      options.call_deadline = patience.call;
      options.watch_idle = options.watch_first_answer = patience.silence;
      options.stream_lists = streams;
      options.answer_cap = std::size_t{1} << 20;
      Result<std::unique_ptr<Api>> made = make_rest_api(config, options);
      EXPECT_TRUE(made);
      api = std::move(*made);
      watcher = std::make_unique<Watcher>(Kind::deployment, *api, cache, heard, clock, 1);
      watcher->assign(Scope{});
      for (const char* name : {"a", "b", "c", "d", "e"}) server.put(name);
    }
    [[nodiscard]] std::map<std::string, std::string> copy() const {
      std::map<std::string, std::string> all;
      for (const ObjectPtr& object : cache.all(Kind::deployment))
        all.emplace(object->meta.name, object->meta.resource_version);
      return all;
    }
    [[nodiscard]] KindState state() const {
      for (const KindState& state : cache.states()) {
        if (state.kind == Kind::deployment) return state;
      }
      return {};
    }
    // Requests until the cache is right and the fault was met; how many.
    int settle() {
      int steps = 0;
      while (steps < kSteps && !(server.was_met() && state().standing == Standing::synced && copy() == server.truth())) {
        watcher->step();
        ++steps;
      }
      return steps;
    }
    void change() {
      server.remove("b");
      server.put("f");
      server.put("a");
    }

    SystemClock clock;
    ListWatchServer server;
    Cache cache;
    Heard heard;
    std::unique_ptr<Api> api;
    std::unique_ptr<Watcher> watcher;
    Log log;
  };

  void expect_well(const Pair& pair, const ListWatchServer::Fault& fault, bool is_list = false) {
    EXPECT_TRUE(pair.server.was_met()) << "nothing met the fault";
    EXPECT_EQ(pair.state().standing, Standing::synced) << pair.state().why;
    EXPECT_EQ(pair.state().why, "");
    EXPECT_EQ(pair.copy(), pair.server.truth());
    EXPECT_FALSE(pair.heard.names.contains("x")) << "an object that never was";
    if (fault.is_counted && !(is_list && fault.is_repeated)) {
      EXPECT_FALSE(pair.heard.restarts.empty()) << "a fault without a metric";
    }
    EXPECT_EQ(pair.log.text().find(kToken), std::string::npos) << "the token in a log:\n" << pair.log.text();
  }

  const TestCertificate certificate = authority.issue("server", {"127.0.0.1"});
};

TEST_F(Client, a_list_survives_every_fault_at_the_start_and_when_it_lists_again) {
  for (const ListWatchServer::Fault& fault : ListWatchServer::faults()) {
    if (fault.on == On::watch) continue;
    SCOPED_TRACE(fault.name);
    at_some_speed([this, &fault](int scale) {
      Pair pair(authority, certificate, false, false, little(scale));
      pair.server.inject(fault.name);
      EXPECT_LT(pair.settle(), kSteps);
      expect_well(pair, fault, true);
      pair.heard.restarts.clear();
      pair.change();
      pair.server.expire();
      pair.watcher->step();  // the watch learns that its version is gone
      pair.server.inject(fault.name);
      EXPECT_LT(pair.settle(), kSteps);
      expect_well(pair, fault, true);
    });
  }
}

TEST_F(Client, a_watch_survives_every_fault_and_lists_again_only_when_events_were_lost) {
  for (const ListWatchServer::Fault& fault : ListWatchServer::faults()) {
    if (fault.on == On::list) continue;
    SCOPED_TRACE(fault.name);
    at_some_speed([this, &fault](int scale) {
      Pair pair(authority, certificate, false, false, little(scale));
      pair.settle();
      pair.change();
      pair.server.inject(fault.name);
      EXPECT_LT(pair.settle(), kSteps);
      expect_well(pair, fault);
      if (!fault.needs_list) return;
      bool listed = false;
      for (const SeenRequest& request : pair.server.http().requests())
        listed = listed || (request.number > 4 && request.target.find("watch=") == std::string::npos);
      EXPECT_TRUE(listed) << "events were lost";
    });
  }
}

TEST_F(Client, a_streamed_list_survives_every_fault_at_the_start_and_later) {
  for (const ListWatchServer::Fault& fault : ListWatchServer::faults()) {
    if (fault.on == On::list || fault.name == "watch-version-goes-back") continue;
    SCOPED_TRACE(fault.name);
    at_some_speed([this, &fault](int scale) {
      Pair pair(authority, certificate, true, true, little(scale));
      pair.server.inject(fault.name);
      EXPECT_LT(pair.settle(), kSteps);
      EXPECT_EQ(pair.copy(), pair.server.truth());
      EXPECT_FALSE(pair.heard.names.contains("x"));
      pair.change();
      pair.heard.restarts.clear();
      pair.server.inject(fault.name);
      EXPECT_LT(pair.settle(), kSteps);
      expect_well(pair, fault);
    });
  }
}

TEST_F(Client, a_server_without_streamed_lists_is_listed_in_pages_after_one_refusal) {
  Pair pair(authority, certificate, false, true, kUsual);
  EXPECT_LT(pair.settle(), kSteps);
  EXPECT_EQ(pair.copy(), pair.server.truth());
  EXPECT_TRUE(pair.heard.restarts.empty()) << "that is no failure";
  const std::vector<SeenRequest> seen = pair.server.http().requests();
  EXPECT_NE(seen[0].target.find("sendInitialEvents=true&resourceVersionMatch=NotOlderThan"), std::string::npos);
  for (std::size_t i = 1; i < seen.size(); ++i)
    EXPECT_EQ(seen[i].target.find("sendInitialEvents"), std::string::npos) << seen[i].target;
}

TEST_F(Client, a_streamed_list_is_one_request_and_goes_on_as_a_watch) {
  Pair pair(authority, certificate, true, true, kUsual);
  EXPECT_EQ(pair.settle(), 1);
  EXPECT_EQ(pair.server.http().requests().size(), 1U);
  pair.change();
  EXPECT_EQ(pair.settle(), 1);
  EXPECT_EQ(pair.server.http().requests()[1].target.find("sendInitialEvents"), std::string::npos);
}

TEST_F(Client, a_kind_in_which_nothing_happens_is_believed_as_soon_as_it_is_followed_again) {
  Pair pair(authority, certificate, false, false, kUsual);
  pair.settle();
  pair.server.inject("http-500");
  pair.watcher->step();
  ASSERT_EQ(pair.state().standing, Standing::failing);
  pair.server.inject("watch-silent-after-headers");  // as a healthy server does until its next bookmark
  std::thread thread([&pair] { pair.watcher->step(); });
  const auto begin = std::chrono::steady_clock::now();
  while (pair.state().standing != Standing::synced && std::chrono::steady_clock::now() < begin + std::chrono::seconds(60))
    std::this_thread::yield();
  EXPECT_EQ(pair.state().standing, Standing::synced);
  pair.api->stop_watches();
  thread.join();
}

TEST_F(Client, an_endless_line_is_refused_with_its_kind_and_takes_no_more_memory_than_the_limit) {
  Pair pair(authority, certificate, false, false, kUsual);
  pair.settle();
  pair.server.inject("watch-endless-line");
  pair.watcher->step();
  EXPECT_NE(pair.state().why.find("Deployment event: a line of the watch is longer than"), std::string::npos)
      << pair.state().why;
}

}  // namespace
}  // namespace meshgraft::test
