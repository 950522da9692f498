// Kept-alive connections that have died, what may be sent twice and what not, and how many calls run at once.

#include <atomic>
#include <future>
#include <thread>

#include "tests/wire/wire_world.h"

namespace meshgraft::test {
namespace {

using Connections = WireTest;

const PatchRequest kApply{deployment_key("web"), PatchType::apply, {{"kind", "Deployment"}}, "meshgraft", true, false};

int count(const FaultServer& server, std::string_view method) {
  int found = 0;
  for (const SeenRequest& request : server.requests()) found += request.method == method ? 1 : 0;
  return found;
}

TEST_F(Connections, calls_share_a_connection_one_after_the_other) {
  const auto server =
      serve([](const SeenRequest&, Conversation& client) { client.answer_json(deployment_json("web", "1")); });
  const auto api = client(*server);
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(api->get(deployment_key("web")));
  EXPECT_EQ(server->connections(), 1);
}

TEST_F(Connections, a_patch_on_a_connection_that_the_server_had_closed_is_sent_once_more) {
  for (const bool with_reset : {false, true}) {
    const auto server = serve([with_reset](const SeenRequest& request, Conversation& client) {
      client.answer_json(deployment_json("web", "1"));
      if (request.method == "GET" && with_reset) client.reset();
      if (request.method == "GET" && !with_reset) client.close();
    });
    const auto api = client(*server);
    (void)api->get(deployment_key("web"));  // the reset may hit its answer
    ASSERT_TRUE(server->wait_for_closed(1));
    const ApiResult<Written> written = api->patch(kApply);
    ASSERT_TRUE(written) << "reset " << with_reset << ": " << written.error().message;
    EXPECT_EQ(count(*server, "PATCH"), 1);
  }
}

TEST_F(Connections, a_renewal_by_an_api_of_its_own_passes_a_backlog_of_calls) {
  std::promise<void> renewed;
  const std::shared_future<void> after = renewed.get_future().share();
  const auto server = serve([after](const SeenRequest& request, Conversation& client) {
    if (request.target.find("/leases/") == std::string::npos) after.wait();
    client.answer_json(deployment_json("web", "1"));
  });
  RestOptions options;
  options.in_flight = 2;
  options.call_deadline = std::chrono::minutes(2);
  const auto api = client(*server, options);
  options.yields = false;
  const auto leases = client(*server, options);
  std::atomic<int> written{0};
  std::vector<std::thread> backlog;
  for (int i = 0; i < 8; ++i) backlog.emplace_back([&api, &written] { written += api->patch(kApply) ? 1 : 0; });
  EXPECT_TRUE(server->wait_for_requests(2));
  const ApiResult<Json> lease = leases->get_json({Kind::lease, "meshgraft-system", "meshgraft"});
  EXPECT_TRUE(lease) << lease.error().message;
  EXPECT_EQ(written, 0) << "the others were still waiting";
  renewed.set_value();
  for (std::thread& thread : backlog) thread.join();
  EXPECT_EQ(written, 8);
}

TEST_F(Connections, a_write_that_was_dropped_unanswered_is_tried_twice_and_no_more) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    if (request.method == "GET") {
      client.answer_json(deployment_json("web", "1"));
    } else {
      client.close();
    }
  });
  const auto api = client(*server);
  ASSERT_TRUE(api->get(deployment_key("web")));  // leaves a connection to be reused
  const ApiResult<Written> written = api->patch(kApply);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorClass::transport);
  EXPECT_TRUE(written.error().sent);
  EXPECT_EQ(count(*server, "PATCH"), 2);
}

TEST_F(Connections, a_create_that_may_have_arrived_is_never_sent_twice) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    if (request.method == "GET") {
      client.answer_json(deployment_json("web", "1"));
    } else {
      client.close();
    }
  });
  const auto api = client(*server);
  for (int round = 1; round <= 3; ++round) {
    ASSERT_TRUE(api->get(deployment_key("web")));
    const ApiResult<Written> created = api->create(deployment_key("web"), {{"kind", "Deployment"}}, "meshgraft");
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().kind, ErrorClass::transport);
    EXPECT_TRUE(created.error().sent);
    EXPECT_EQ(count(*server, "POST"), round);
  }
}

TEST_F(Connections, a_get_survives_one_dropped_answer) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    if (request.number == 1) {
      client.reset();
    } else {
      client.answer_json(deployment_json("web", "1"));
    }
  });
  const ApiResult<ObjectPtr> object = client(*server)->get(deployment_key("web"));
  EXPECT_TRUE(object) << object.error().message;
  EXPECT_EQ(server->requests().size(), 2U);
}

TEST_F(Connections, at_most_so_many_calls_are_in_flight) {
  constexpr int kInFlight = 4, kCalls = 24;
  std::atomic<int> active{0}, most{0};
  std::atomic<bool> full{false};
  const auto server = serve([&](const SeenRequest&, Conversation& client) {
    const int now = ++active;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
    if (now == kInFlight) full = true;
    while (!full) std::this_thread::yield();
    --active;
    client.answer_json(deployment_json("web", "1"));
  });
  RestOptions options;
  options.in_flight = kInFlight;
  options.call_deadline = std::chrono::seconds(60);  // never reached, however slow the machine
  const auto api = client(*server, options);
  std::atomic<int> good{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < kCalls; ++i) {
    callers.emplace_back([&api, &good] {
      if (api->patch(kApply)) ++good;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(good, kCalls);
  EXPECT_EQ(most, kInFlight);
  EXPECT_LE(server->connections(), kInFlight);
}

TEST_F(Connections, a_storm_of_calls_that_time_out_or_break_leaves_a_working_client) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    const std::string_view target = request.target;
    if (target.ends_with("/hang")) client.hang();
    if (target.ends_with("/reset")) client.reset();
    if (target.ends_with("/close")) client.close();
    if (target.ends_with("/half")) {
      client.begin(200, "application/json");
      client.chunk("{");
      client.hang();
    }
    if (target.ends_with("/web")) client.answer_json(deployment_json("web", "1"));
  });
  RestOptions options;
  options.call_deadline = std::chrono::milliseconds(60);
  const auto api = client(*server, options);
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&api, i] {
      const std::vector<std::string> names = {"hang", "reset", "web", "close", "half"};
      for (int call = 0; call < 15; ++call)
        (void)api->get(deployment_key(names[static_cast<std::size_t>(i + call) % names.size()]));
    });
  }
  for (std::thread& caller : callers) caller.join();
  const auto later = client(*server);
  EXPECT_TRUE(later->get(deployment_key("web")));
}

}  // namespace
}  // namespace meshgraft::test
