// One deadline for a whole call, whatever happens in it: who leads relies on no write being sent after it. And what the
// client does when the server says that it is too busy.

#include <sys/stat.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <thread>

#include "k8sclient/net/call_slots.h"
#include "k8sclient/net/write_time.h"
#include "tests/wire/wire_world.h"

namespace meshgraft::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

const PatchRequest kApply{
    deployment_key("web"), PatchType::apply, {{"metadata", {{"name", "web"}}}}, "meshgraft", true, false};

class Deadlines : public WireTest {
 protected:
  std::string script(const std::string& text) const {
    const std::string path = folder.write("plugin", "#!/bin/sh\n" + text);
    chmod(path.c_str(), 0755);
    return path;
  }
  static void wait(milliseconds length) {
    const auto until = steady_clock::now() + length;
    while (steady_clock::now() < until) std::this_thread::yield();
  }
  TemporaryFolder folder;
};

TEST_F(Deadlines, the_repeat_after_a_401_has_what_is_left_of_the_first_try) {
  at_some_speed([this](int scale) {
    const milliseconds half = scale * milliseconds(1500);
    const auto server = serve([half](const SeenRequest& request, Conversation& client) {
      if (request.number > 1) return client.hang();
      wait(half);
      client.answer(401, "application/json", status_json(401, "Unauthorized", "Unauthorized"));
    });
    ClientConfig config = config_for(*server);
    config.token_file = folder.write("token", "one");
    RestOptions options;
    options.call_deadline = 2 * half;
    const auto api = client(config, options);
    const auto begin = steady_clock::now();
    const ApiResult<Written> end = api->patch(kApply);
    const auto took = steady_clock::now() - begin;
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().kind, ErrorClass::transport);
    EXPECT_EQ(server->requests().size(), 2U);
    EXPECT_GE(took, 2 * half);
    EXPECT_LT(took, 3 * half) << "that would be half of it and a fresh deadline";
  });
}

TEST_F(Deadlines, a_plugin_that_takes_longer_lets_nothing_out_and_serves_the_next_call) {
  at_some_speed([this](int scale) {
    const auto server = serve([](const SeenRequest& request, Conversation& client) {
      const auto token = request.headers.find("authorization");
      if (token != request.headers.end() && token->second == "Bearer old") {
        client.answer(401, "application/json", status_json(401, "Unauthorized", "Unauthorized"));
      } else {
        client.answer_json(deployment_json("web", "1"));
      }
    });
    ClientConfig config = config_for(*server);
    config.token.clear();
    config.exec = ExecPlugin{};
    config.exec->api_version = "client.authentication.k8s.io/v1";
    const std::string print =
        R"(echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"'$token'"}}')";
    config.exec->command = script("token=old\n" + print);
    RestOptions options;
    options.call_deadline = scale * milliseconds(2000);
    const auto api = client(config, options);
    ASSERT_TRUE(api);
    script("sleep " + std::to_string(scale * 2) + ".5\ntoken=new\n" + print);
    const ApiResult<Written> late = api->patch(kApply);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, ErrorClass::transport);
    EXPECT_FALSE(late.error().sent);
    EXPECT_THAT(late.error().message, HasSubstr("the credential came too late"));
    EXPECT_EQ(server->requests().size(), 1U) << "only the one that was refused";
    const ApiResult<Written> next = api->patch(kApply);
    EXPECT_TRUE(next) << next.error().message;
  });
}

// The `timeout` of a request, in milliseconds; -1 without one.
int told_limit(const SeenRequest& request) {
  const std::size_t at = request.target.find("timeout=");
  return at == std::string::npos ? -1 : std::stoi(request.target.substr(at + 8));
}

TEST_F(Deadlines, the_server_is_told_when_we_give_up) {
  std::array<std::atomic<steady_clock::time_point>, 5> seen_at{};
  const auto server = serve([&seen_at](const SeenRequest& request, Conversation& client) {
    seen_at.at(static_cast<std::size_t>(request.number - 1)) = steady_clock::now();
    client.answer_json(request.method == "DELETE" ? status_json(200, "", "") : deployment_json("web", "1"));
  });
  RestOptions options;
  options.call_deadline = seconds(60);  // never reached, however slow the machine
  options.bound_server = true;
  const auto api = client(*server, options);
  std::vector<steady_clock::time_point> begun_at;
  const auto begin = [&begun_at] { begun_at.push_back(steady_clock::now()); };
  begin(), (void)api->patch(kApply);
  begin(), (void)api->create(deployment_key("web"), {{"metadata", {{"name", "web"}}}}, "meshgraft");
  begin(), (void)api->replace(deployment_key("web"), {{"metadata", {{"name", "web"}}}}, "meshgraft");
  begin(), (void)api->remove({deployment_key("web"), "uid", "", false});
  begin(), (void)api->get(deployment_key("web"));
  const auto seen = server->requests();
  ASSERT_EQ(seen.size(), 5U);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto passed = std::chrono::ceil<milliseconds>(seen_at[i].load() - begun_at[i]).count();
    EXPECT_THAT(seen[i].target, HasSubstr("ms")) << seen[i].method;
    EXPECT_LE(told_limit(seen[i]), 60'000) << seen[i].method;
    EXPECT_GE(told_limit(seen[i]), 60'000 - passed) << seen[i].method << ": all of it but what had passed";
  }
  EXPECT_EQ(told_limit(seen[4]), -1) << "a read may end when it likes";
}

TEST_F(Deadlines, the_repeat_after_a_401_tells_the_server_what_is_left) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    if (request.number > 1) return void(client.answer_json(deployment_json("web", "1")));
    wait(milliseconds(900));
    client.answer(401, "application/json", status_json(401, "Unauthorized", "Unauthorized"));
  });
  ClientConfig config = config_for(*server);
  config.token_file = folder.write("token", "one");
  RestOptions options;
  options.call_deadline = seconds(60);  // never reached, however slow the machine
  options.bound_server = true;
  ASSERT_TRUE(client(config, options)->patch(kApply));
  ASSERT_EQ(server->requests().size(), 2U);
  EXPECT_LE(told_limit(server->requests()[1]), 60'000 - 900);
  EXPECT_GT(told_limit(server->requests()[1]), 0);
}

TEST_F(Deadlines, a_write_that_waited_for_a_place_tells_the_server_what_is_left) {
  // The plugin's credential is old at once, so every call asks it, and its marks tell that a call has begun.
  const std::string marks = folder.write("marks", ".");
  const auto asked = [&marks] { return std::filesystem::file_size(marks); };
  const auto server = serve([&asked](const SeenRequest& request, Conversation& client) {
    if (request.number == 1) {
      const auto begin = steady_clock::now();
      while (asked() < 4 && steady_clock::now() < begin + seconds(50)) std::this_thread::yield();
      // The second call has begun: its deadline stands.
      wait(milliseconds(900));
    }
    client.answer_json(deployment_json("web", "1"));
  });
  ClientConfig config = config_for(*server);
  config.token.clear();
  config.exec = ExecPlugin{};
  config.exec->api_version = "client.authentication.k8s.io/v1";
  config.exec->command = script("printf . >>" + marks +
                                R"(
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"2020-01-01T00:00:00Z"}}')");
  RestOptions options;
  options.call_deadline = seconds(60);  // never reached, however slow the machine
  options.bound_server = true;
  options.in_flight = 1;
  const auto api = client(config, options);
  ASSERT_EQ(asked(), 2U) << "for the first session";
  std::thread first([&api] { EXPECT_TRUE(api->patch(kApply)); });
  ASSERT_TRUE(server->wait_for_requests(1));
  EXPECT_TRUE(api->patch(kApply));
  first.join();
  ASSERT_EQ(server->requests().size(), 2U);
  EXPECT_LE(told_limit(server->requests()[1]), 60'000 - 900);
  EXPECT_GT(told_limit(server->requests()[1]), 0);
}

TEST_F(Deadlines, a_write_whose_connection_takes_a_second_is_begun_anew_with_less_time_for_the_server) {
  // Between the target, written down before the handshake, and the body lies the handshake. The server's time is the
  // sum of both limits, so neither may be all of the deadline.
  std::atomic<int> handshakes{0};
  const auto server = serve([](const SeenRequest&, Conversation& client) {
    client.answer_json(deployment_json("web", "1"));
  });
  // The limit was written down before the connection was accepted, so the first body is too late from here on.
  server->before_handshake([&handshakes] {
    if (handshakes++ == 0) wait(kConnectAllowance);
  });
  RestOptions options;
  options.call_deadline = seconds(60);  // leaves the second handshake 30 s, however slow the machine
  options.bound_server = true;
  const auto api = client(*server, options);
  const ApiResult<Written> end = api->patch(kApply);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(handshakes, 2);
  const auto seen = server->requests();
  ASSERT_FALSE(seen.empty());
  EXPECT_LE(told_limit(seen.back()), 60'000 / 2) << "the other half is for the second handshake";
  EXPECT_GT(told_limit(seen.back()), 60'000 / 4) << "and no more than it needs is taken away";
}

TEST_F(Deadlines, a_server_that_stops_reading_a_large_body_is_given_up_in_time) {
  PatchRequest large = kApply;
  large.body["data"] = std::string(std::size_t{12} << 20, 'x');
  at_some_speed([this, &large](int scale) {
    const auto server = serve_plain([](const SeenRequest&, Conversation& client) { client.hang(); });
    server->drop_silently(true);  // accepts and reads nothing: the socket's buffers fill up
    RestOptions options;
    options.call_deadline = scale * milliseconds(500);
    double took = 0;  // without the time to write the body down
    options.observer = [&took](const CallReport& report) { took = report.seconds; };
    const ApiResult<Written> end = client(*server, options)->patch(large);
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().kind, ErrorClass::transport);
    EXPECT_GT(took, 0);
    EXPECT_LT(took, scale * 3);
  });
}

TEST_F(Deadlines, a_busy_server_is_left_alone_for_as_long_as_it_asks) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    if (request.number == 1) {
      client.answer(429, "application/json", status_json(429, "TooManyRequests", "busy"), "Retry-After: 1\r\n");
    } else {
      client.answer_json(deployment_json("web", "1"));
    }
  });
  RestOptions options;
  options.call_deadline = seconds(60);  // never reached, however slow the machine
  const auto api = client(*server, options);
  const auto begin = steady_clock::now();
  const ApiResult<Written> refused = api->patch(kApply);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorClass::throttled);
  EXPECT_TRUE(api->patch(kApply)) << "waited, then sent";
  EXPECT_GE(steady_clock::now() - begin, milliseconds(950));
}

TEST_F(Deadlines, a_pause_longer_than_the_deadline_is_said_at_once_and_nothing_is_sent) {
  at_some_speed([this](int) {
    const auto server = serve([](const SeenRequest&, Conversation& client) {
      client.answer(429, "application/json", status_json(429, "TooManyRequests", "busy"), "Retry-After: 20\r\n");
    });
    const auto api = client(*server);
    const auto asked = steady_clock::now();
    (void)api->patch(kApply);
    const auto begin = steady_clock::now();
    const ApiResult<Written> told = api->patch(kApply);
    EXPECT_LT(steady_clock::now() - begin, seconds(10)) << "the deadline";
    ASSERT_FALSE(told);
    EXPECT_EQ(told.error().kind, ErrorClass::throttled);
    EXPECT_FALSE(told.error().sent);
    ASSERT_TRUE(told.error().retry_after);
    EXPECT_GE(*told.error().retry_after, seconds(20) - (steady_clock::now() - asked));
    EXPECT_LE(*told.error().retry_after, seconds(20));
    EXPECT_EQ(server->requests().size(), 1U);
    RestOptions leasing;
    leasing.yields = false;
    const auto lease = client(*server, leasing);
    (void)lease->patch(kApply);
    (void)lease->patch(kApply);
    EXPECT_EQ(server->requests().size(), 3U) << "leader election asks again when it must";
  });
}

TEST(WriteTime, connecting_and_the_servers_work_never_outlast_the_deadline_by_more_than_the_allowance) {
  const Time deadline = steady_clock::now();
  for (const bool again : {false, true}) {
    for (milliseconds left{4000}; left > milliseconds(0); left -= milliseconds(1)) {
      const WriteTime time = write_time(deadline, deadline - left, again);
      ASSERT_LE(time.body_until, deadline);
      ASSERT_LE(time.body_until + time.server, deadline + kConnectAllowance) << left.count() << again;
      ASSERT_GE(time.server, std::min(left, milliseconds(500))) << left.count() << again;
    }
  }
  EXPECT_EQ(write_time(deadline, deadline - seconds(4), false).server, seconds(4)) << "all that is left";
  EXPECT_EQ(with_timeout("/a", milliseconds(9)), "/a?timeout=9ms");
  EXPECT_EQ(with_timeout("/a?b=c", milliseconds(9)), "/a?b=c&timeout=9ms");
}

TEST(CallSlots, a_429_halves_the_places_once_and_good_answers_give_them_back) {
  CallSlots slots(16);
  const Time now = steady_clock::now();
  EXPECT_EQ(slots.places(), 16U);
  for (int i = 0; i < 9; ++i) slots.answered(429, "2", now);  // all of them were under way together
  EXPECT_EQ(slots.places(), 8U);
  EXPECT_EQ(slots.pause_left(now), seconds(2));
  slots.answered(429, "", now + seconds(3));
  EXPECT_EQ(slots.places(), 4U);
  EXPECT_EQ(slots.pause_left(now + seconds(3)), seconds(0));
  for (int i = 0; i < 200; ++i) slots.answered(200, "", now);
  EXPECT_EQ(slots.places(), 16U);
  for (int i = 0; i < 20; ++i) slots.answered(429, "0", now + seconds(10 + i));
  EXPECT_EQ(slots.places(), 1U) << "never none";
  slots.answered(429, "86400", now + seconds(60));
  EXPECT_EQ(slots.pause_left(now + seconds(60)), CallSlots::kPauseMost) << "a proxy's day is cut";
}

TEST_F(Deadlines, bytes_that_wait_for_a_slow_consumer_are_counted_and_counted_off) {
  constexpr std::size_t kCap = std::size_t{64} << 10;
  const auto server = serve([](const SeenRequest&, Conversation& client) {
    const std::string piece = "{" + std::string((16 << 10) - 1, ' ');
    client.begin(200, "application/json");
    for (int i = 0; i < 64; ++i) client.chunk(piece);
    client.finish();
  });
  StreamGauge gauge;
  RestOptions options;
  options.watch_cap = kCap;
  options.gauge = &gauge;
  bool first = true;
  ASSERT_TRUE(client(*server, options)->watch(deployment_watch(), [&gauge, &first](std::string_view) {
    while (first && gauge.bytes() < kCap) std::this_thread::yield();
    first = false;
    return true;
  }));
  EXPECT_EQ(gauge.bytes(), 0U);
  EXPECT_GE(gauge.most(), std::size_t{1});
  EXPECT_LE(gauge.most(), kCap + (std::size_t{64} << 10)) << "the cap and one read";
}

}  // namespace
}  // namespace meshgraft::test
