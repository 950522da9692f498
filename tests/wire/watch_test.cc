// A watch: bytes as they come, every way in which it can end, and what a slow consumer does to it.

#include <atomic>
#include <future>
#include <thread>

#include "k8sclient/model/watch_decoder.h"
#include "tests/wire/wire_world.h"

namespace meshgraft::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

using Watch = WireTest;

TEST_F(Watch, asks_for_bookmarks_from_its_version_and_for_an_end) {
  const auto server = serve([](const SeenRequest&, Conversation& client) { client.answer_json("{}"); });
  ASSERT_TRUE(client(*server)->watch(deployment_watch(), [](std::string_view) { return true; }));
  EXPECT_EQ(server->requests()[0].target,
            "/apis/apps/v1/deployments?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion=41");
}

TEST_F(Watch, lines_split_anywhere_arrive_whole_and_in_order) {
  std::string lines;
  for (int i = 0; i < 5; ++i)
    lines += event_line("ADDED", deployment_json("web-" + std::to_string(i), std::to_string(i)));
  std::atomic<std::size_t> size{1};
  const auto server = serve([&lines, &size](const SeenRequest&, Conversation& client) {
    client.begin(200, "application/json");
    for (std::size_t at = 0; at < lines.size(); at += size) client.chunk(std::string_view(lines).substr(at, size));
    client.finish();
  });
  const auto api = client(*server);
  for (const std::size_t each :
       {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{64}, std::size_t{333}, lines.size()}) {
    size = each;
    Decoder parser;
    WatchDecoder decoder(Kind::deployment, parser);
    std::vector<std::string> names;
    const ApiResult<Unit> end = api->watch(deployment_watch(), [&decoder, &names](std::string_view bytes) {
      return decoder.feed(bytes, [&names](const Result<WatchEvent>& event) {
        names.push_back(event ? event->object->meta.name : event.error().text);
        return true;
      });
    });
    ASSERT_TRUE(end) << each << ": " << end.error().message;
    EXPECT_THAT(names, testing::ElementsAre("web-0", "web-1", "web-2", "web-3", "web-4")) << each;
    EXPECT_EQ(decoder.unfinished(), 0U);
  }
}

TEST_F(Watch, an_event_is_handed_over_before_the_next_one_is_sent) {
  std::promise<void> received;
  const auto server = serve([&received](const SeenRequest&, Conversation& client) {
    client.begin(200, "application/json");
    client.chunk(event_line("ADDED", deployment_json("one", "1")));
    received.get_future().wait();
    client.chunk(event_line("ADDED", deployment_json("two", "2")));
    client.finish();
  });
  std::string got;
  ASSERT_TRUE(client(*server)->watch(deployment_watch(), [&got, &received](std::string_view bytes) {
    if (got.empty()) received.set_value();
    got += bytes;
    return true;
  }));
  EXPECT_THAT(got, HasSubstr("two"));
}

TEST_F(Watch, a_stream_that_is_accepted_and_quiet_says_so_once) {
  std::promise<void> heard;
  const auto server = serve([&heard](const SeenRequest& request, Conversation& client) {
    client.begin(200, "application/json");
    if (request.number == 1) heard.get_future().wait();
    client.chunk(event_line("ADDED", deployment_json("one", "1")));
    client.finish();
  });
  const auto api = client(*server);
  int quiet = 0;
  std::string got;
  const auto on_bytes = [&](std::string_view bytes) {
    if (bytes.empty()) {
      EXPECT_EQ(got, "");
      if (quiet++ == 0) heard.set_value();
    }
    got += bytes;
    return true;
  };
  ASSERT_TRUE(api->watch(deployment_watch(), on_bytes));
  EXPECT_EQ(quiet, 1);
  EXPECT_THAT(got, HasSubstr("one"));
}

TEST_F(Watch, a_quiet_stream_may_be_left_at_once) {
  const auto server = serve([](const SeenRequest&, Conversation& client) {
    client.begin(200, "application/json");
    client.hang();
  });
  EXPECT_TRUE(client(*server)->watch(deployment_watch(), [](std::string_view bytes) { return !bytes.empty(); }));
}

TEST_F(Watch, a_line_of_300_kb_arrives_whole) {
  const std::string line =
      R"({"type":"ADDED","object":{"kind":"ConfigMap","data":")" + std::string(300'000, 'x') + "\"}}\n";
  const auto server = serve([&line](const SeenRequest&, Conversation& client) {
    client.begin(200, "application/json");
    for (int i = 0; i < 20; ++i) client.chunk(line);
    client.finish();
  });
  std::size_t total = 0;
  ASSERT_TRUE(client(*server)->watch(deployment_watch(), [&total](std::string_view bytes) {
    total += bytes.size();
    return true;
  }));
  EXPECT_EQ(total, 20 * line.size());
}

TEST_F(Watch, an_expired_version_is_gone_before_the_stream_and_bytes_inside_it) {
  const std::string expired = status_json(410, "Expired", "too old resource version");
  const auto server = serve([&expired](const SeenRequest& request, Conversation& client) {
    if (request.number == 1) {
      client.answer(410, "application/json", expired);
    } else {
      client.begin(200, "application/json");
      client.chunk(event_line("ERROR", expired));
      client.finish();
    }
  });
  const auto api = client(*server);
  const ApiResult<Unit> before = api->watch(deployment_watch(), [](std::string_view) { return true; });
  ASSERT_FALSE(before);
  EXPECT_EQ(before.error().kind, ErrorClass::gone);
  std::string got;
  ASSERT_TRUE(api->watch(deployment_watch(), [&got](std::string_view bytes) {
    got += bytes;
    return true;
  }));
  EXPECT_EQ(got, event_line("ERROR", expired));
}

TEST_F(Watch, throttling_and_server_errors_come_back_with_their_class) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    const int status = request.number == 1 ? 429 : 503;
    client.answer(status, "application/json", status_json(status, "", "not now"), "Retry-After: 2\r\n");
  });
  const auto api = client(*server);
  const ApiResult<Unit> throttled = api->watch(deployment_watch(), [](std::string_view) { return true; });
  ASSERT_FALSE(throttled);
  EXPECT_EQ(throttled.error().kind, ErrorClass::throttled);
  EXPECT_EQ(throttled.error().retry_after, seconds(2));
  const ApiResult<Unit> failed = api->watch(deployment_watch(), [](std::string_view) { return true; });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorClass::server);
}

TEST_F(Watch, html_and_redirects_are_bad_answers_and_no_events) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    if (request.number == 1) client.answer(200, "text/html", "<html>log in</html>");
    if (request.number == 2) client.answer(302, "text/html", "<a>", "Location: https://login.example.com/\r\n");
  });
  const auto api = client(*server);
  int events = 0;
  const auto count = [&events](std::string_view) { return ++events > 0; };
  const ApiResult<Unit> page = api->watch(deployment_watch(), count);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, ErrorClass::bad_answer);
  EXPECT_THAT(page.error().message, HasSubstr("answered with HTML, not with the Kubernetes API (HTTP 200)"));
  const ApiResult<Unit> redirect = api->watch(deployment_watch(), count);
  ASSERT_FALSE(redirect);
  EXPECT_EQ(redirect.error().kind, ErrorClass::bad_answer);
  EXPECT_EQ(events, 0);
}

TEST_F(Watch, silence_longer_than_the_limit_ends_it) {
  at_some_speed([this](int scale) {
    RestOptions options;
    options.watch_idle = scale * milliseconds(400);
    const std::string limit = std::to_string(scale * 400) + " ms";
    const auto server = serve([](const SeenRequest& request, Conversation& client) {
      if (request.number > 1) {
        client.begin(200, "application/json");
        client.chunk(event_line("ADDED", deployment_json("one", "1")));
      }
      client.hang();
    });
    RestOptions impatient = options;
    impatient.watch_first_answer = options.watch_idle;
    const ApiResult<Unit> mute =
        client(*server, impatient)->watch(deployment_watch(), [](std::string_view) { return true; });
    ASSERT_FALSE(mute);
    EXPECT_EQ(mute.error().kind, ErrorClass::transport);
    EXPECT_THAT(mute.error().message, HasSubstr("gave no answer within " + limit));
    std::string got;
    const ApiResult<Unit> silent = client(*server, options)->watch(deployment_watch(), [&got](std::string_view bytes) {
      got += bytes;
      return true;
    });
    ASSERT_FALSE(silent);
    EXPECT_EQ(silent.error().kind, ErrorClass::transport);
    EXPECT_THAT(silent.error().message, HasSubstr("fell silent for " + limit));
    EXPECT_EQ(got, event_line("ADDED", deployment_json("one", "1")));
    EXPECT_TRUE(server->wait_for_closed(2));
  });
}

TEST_F(Watch, a_server_that_only_accepts_is_given_up) {
  RestOptions options;
  options.watch_first_answer = milliseconds(150);
  const auto server = serve([](const SeenRequest&, Conversation&) {});
  server->drop_silently(true);
  const ApiResult<Unit> end =
      client(*server, options)->watch(deployment_watch(), [](std::string_view) { return true; });
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().kind, ErrorClass::transport);
  EXPECT_TRUE(server->wait_for_closed(1));
}

TEST_F(Watch, a_broken_stream_is_an_error_after_the_bytes_that_came) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    client.begin(200, "application/json");
    client.chunk(event_line("ADDED", deployment_json("one", "1")));
    if (request.number == 1) client.close();
    if (request.number == 2) client.reset();
    if (request.number == 3) {
      client.raw("40\r\n{\"type\"");
      client.close();
    }
  });
  const auto api = client(*server);
  for (const char* how : {"closed", "reset", "inside a chunk"}) {
    std::string got;
    const ApiResult<Unit> end = api->watch(deployment_watch(), [&got](std::string_view bytes) {
      got += bytes;
      return true;
    });
    ASSERT_FALSE(end) << how;
    EXPECT_EQ(end.error().kind, ErrorClass::transport) << how;
    if (std::string(how) != "reset") {  // a reset may overtake what was sent before it
      EXPECT_EQ(got, event_line("ADDED", deployment_json("one", "1"))) << how;
    }
  }
}

TEST_F(Watch, the_consumer_can_end_it) {
  const auto server = serve([](const SeenRequest&, Conversation& client) {
    client.begin(200, "application/json");
    while (client.chunk(event_line("ADDED", deployment_json("one", "1")))) {
    }
  });
  int events = 0;
  ASSERT_TRUE(client(*server)->watch(deployment_watch(), [&events](std::string_view) { return ++events < 3; }));
  EXPECT_EQ(events, 3);
  EXPECT_TRUE(server->wait_for_closed(1));
}

TEST_F(Watch, a_slow_consumer_holds_the_server_up_instead_of_filling_memory) {
  constexpr std::size_t kCap = 64 << 10, kChunk = 16 << 10, kTotal = 24 << 20;
  std::atomic<std::size_t> sent{0};
  const auto server = serve([&sent](const SeenRequest&, Conversation& client) {
    const std::string piece = "{" + std::string(kChunk - 1, ' ');
    client.begin(200, "application/json");
    while (sent < kTotal && client.chunk(piece)) sent += kChunk;
    client.finish();
  });
  RestOptions options;
  options.watch_cap = kCap;
  std::size_t got = 0, largest = 0, ahead = 0;
  const ApiResult<Unit> end = client(*server, options)->watch(deployment_watch(), [&](std::string_view bytes) {
    // The first piece is held until the server has sent more than the client may keep.
    while (got == 0 && !bytes.empty() && sent < 4 * kCap) std::this_thread::yield();
    largest = std::max(largest, bytes.size());
    ahead = std::max(ahead, sent - got);
    got += bytes.size();
    return true;
  });
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(got, kTotal);
  EXPECT_LE(largest, kCap + kChunk);
  EXPECT_LT(ahead, kTotal);
}

TEST_F(Watch, a_consumer_slower_than_the_idle_limit_is_no_stall_of_the_server) {
  constexpr std::size_t kChunk = 16 << 10;
  at_some_speed([this](int scale) {
    const auto server = serve([](const SeenRequest&, Conversation& client) {
      const std::string piece = "{" + std::string(kChunk - 1, ' ');
      client.begin(200, "application/json");
      for (int i = 0; i < 64; ++i) client.chunk(piece);
      client.finish();
    });
    RestOptions options;
    options.watch_cap = kChunk;
    options.watch_idle = scale * milliseconds(600);
    std::size_t got = 0;
    const auto slowly = [&got, scale](std::string_view bytes) {
      if (got == 0 && !bytes.empty()) {  // busy for longer than the limit
        const auto until = std::chrono::steady_clock::now() + scale * milliseconds(900);
        while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
      }
      got += bytes.size();
      return true;
    };
    const ApiResult<Unit> end = client(*server, options)->watch(deployment_watch(), slowly);
    ASSERT_TRUE(end) << end.error().message;
    EXPECT_EQ(got, 64 * kChunk);
  });
}

TEST_F(Watch, stop_ends_all_of_them_from_another_thread_while_calls_go_on) {
  std::atomic<bool> finite{false};
  const auto server = serve([&finite](const SeenRequest& request, Conversation& client) {
    if (request.target.find("watch=true") == std::string::npos) {
      client.answer_json(deployment_json("web", "1"));
      return;
    }
    client.begin(200, "application/json");
    if (finite) {
      client.finish();
      return;
    }
    if (request.number % 2 == 0) client.hang();
    while (client.chunk(event_line("ADDED", deployment_json("one", "1")))) {
    }
  });
  RestOptions options;
  options.call_deadline = seconds(60);  // never reached, however slow the machine
  const auto api = client(*server, options);
  for (int round = 0; round < 5; ++round) {
    constexpr int kWatches = 8, kCallers = 4;
    std::atomic<int> cancelled{0}, good_calls{0};
    std::atomic<bool> calling{true};
    std::vector<std::thread> threads;
    const std::size_t before = server->requests().size();
    for (int i = 0; i < kWatches; ++i) {
      threads.emplace_back([&api, &cancelled] {
        const ApiResult<Unit> end = api->watch(deployment_watch(), [](std::string_view) { return true; });
        if (!end && end.error().kind == ErrorClass::cancelled) ++cancelled;
      });
    }
    ASSERT_TRUE(server->wait_for_requests(before + kWatches));
    for (int i = 0; i < kCallers; ++i) {
      threads.emplace_back([&api, &good_calls, &calling] {
        while (calling) {
          if (api->get(deployment_key("web"))) ++good_calls;
        }
      });
    }
    ASSERT_TRUE(server->wait_for_requests(before + kWatches + 20));
    api->stop_watches();
    for (int i = 0; i < kWatches; ++i) threads[static_cast<std::size_t>(i)].join();
    EXPECT_EQ(cancelled, kWatches);
    calling = false;
    for (int i = kWatches; i < kWatches + kCallers; ++i) threads[static_cast<std::size_t>(i)].join();
    EXPECT_GE(good_calls, 16);
  }
  finite = true;
  EXPECT_TRUE(api->watch(deployment_watch(), [](std::string_view) { return true; }))
      << "a watch started later does not work";
}

}  // namespace
}  // namespace meshgraft::test
