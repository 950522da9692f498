#include "k8sclient/model/watch_decoder.h"

#include <gtest/gtest.h>

namespace meshgraft {
namespace {

std::string added(const std::string& name, const std::string& version, const std::string& label = "x") {
  return R"({"type":"ADDED","object":{"kind":"Service","apiVersion":"v1","metadata":{"name":")" + name +
         R"(","uid":"u","resourceVersion":")" + version + R"(","labels":{"l":")" + label + R"("}}}})";
}

// What came out, one word an event: the object's name, "bookmark:<version>" or "bad:<error>".
struct Recorder {
  std::vector<std::string> seen;
  std::size_t stop_after = 1000;

  WatchDecoder::OnEvent on_event() {
    return [this](Result<WatchEvent> event) {
      if (!event)
        seen.push_back("bad:" + event.error().text);
      else if (event->object)
        seen.push_back(event->object->meta.name);
      else
        seen.push_back("bookmark:" + event->resource_version);
      return seen.size() < stop_after;
    };
  }
};

TEST(WatchDecoder, a_line_is_an_event) {
  Decoder decoder;
  WatchDecoder lines(Kind::service, decoder);
  Recorder recorder;
  EXPECT_TRUE(lines.feed(added("a", "1") + "\n" + added("b", "2") + "\n", recorder.on_event()));
  EXPECT_EQ(recorder.seen, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(lines.unfinished(), 0u);
}

TEST(WatchDecoder, lines_may_be_split_at_every_byte) {
  // The label holds characters of two, three and four bytes.
  const std::string stream = added("a", "1", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") + "\n" +
                             R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"2"}}})" + "\r\n" +
                             added("b", "3") + "\n";
  Decoder decoder;
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    WatchDecoder lines(Kind::service, decoder);
    Recorder recorder;
    EXPECT_TRUE(lines.feed(stream.substr(0, cut), recorder.on_event()));
    EXPECT_TRUE(lines.feed(stream.substr(cut), recorder.on_event()));
    ASSERT_EQ(recorder.seen, (std::vector<std::string>{"a", "bookmark:2", "b"})) << cut;
  }
}

TEST(WatchDecoder, bytes_may_come_one_by_one) {
  const std::string stream = added("a", "1") + "\n" + added("b", "2") + "\n";
  Decoder decoder;
  WatchDecoder lines(Kind::service, decoder);
  Recorder recorder;
  for (const char byte : stream) EXPECT_TRUE(lines.feed(std::string_view(&byte, 1), recorder.on_event()));
  EXPECT_EQ(recorder.seen, (std::vector<std::string>{"a", "b"}));
}

TEST(WatchDecoder, a_line_that_never_ends_is_no_event) {
  Decoder decoder;
  WatchDecoder lines(Kind::service, decoder);
  Recorder recorder;
  const std::string line = added("a", "1");
  EXPECT_TRUE(lines.feed(line, recorder.on_event()));
  EXPECT_TRUE(recorder.seen.empty());
  EXPECT_EQ(lines.unfinished(), line.size());
}

TEST(WatchDecoder, empty_lines_and_carriage_returns_are_nothing) {
  Decoder decoder;
  WatchDecoder lines(Kind::service, decoder);
  Recorder recorder;
  EXPECT_TRUE(lines.feed("\n\r\n" + added("a", "1") + "\r\n\n", recorder.on_event()));
  EXPECT_EQ(recorder.seen, (std::vector<std::string>{"a"}));
}

TEST(WatchDecoder, long_lines_are_events_like_others) {  // kopf: long lines; a ConfigMap may hold 1 MiB
  Decoder decoder;
  WatchDecoder lines(Kind::service, decoder);
  Recorder recorder;
  const std::string stream = added("a", "1", std::string(3'000'000, 'x')) + "\n" + added("b", "2") + "\n";
  for (std::size_t at = 0; at < stream.size(); at += 65536)
    EXPECT_TRUE(lines.feed(std::string_view(stream).substr(at, 65536), recorder.on_event()));
  EXPECT_EQ(recorder.seen, (std::vector<std::string>{"a", "b"}));
}

TEST(WatchDecoder, a_line_beyond_the_limit_ends_the_stream_with_an_error_that_names_the_kind) {
  Decoder decoder;
  for (const bool in_pieces : {false, true}) {
    WatchDecoder lines(Kind::config_map, decoder, 1000);
    Recorder recorder;
    const std::string big(2000, 'x');
    bool open = true;
    if (in_pieces) {
      for (std::size_t i = 0; i < big.size() && open; i += 100)
        open = lines.feed(std::string_view(big).substr(i, 100), recorder.on_event());
    } else {
      open = lines.feed(big + "\n", recorder.on_event());
    }
    EXPECT_FALSE(open);
    EXPECT_EQ(recorder.seen,
              (std::vector<std::string>{"bad:ConfigMap event: a line of the watch is longer than 1000 bytes"}));
    EXPECT_EQ(lines.unfinished(), 0u);
    EXPECT_FALSE(lines.feed("\n", recorder.on_event()));
    EXPECT_EQ(recorder.seen.size(), 1u);
  }
}

TEST(WatchDecoder, a_line_that_is_no_event_ends_the_stream) {
  const std::string bad_lines[] = {
      "<html>502</html>",
      "{\"type\":\"ADDED\"",
      std::string("{\"type\":\"ADDED\0\"}", 18),
      std::string("\0", 1),
      "null",
      "[]",
      R"({"type":"ADDED","object":{"metadata":{"name":7}}})",
  };
  Decoder decoder;
  for (const std::string& bad : bad_lines) {
    WatchDecoder lines(Kind::service, decoder);
    Recorder recorder;
    EXPECT_FALSE(lines.feed(added("a", "1") + "\n" + bad + "\n" + added("b", "2") + "\n", recorder.on_event())) << bad;
    ASSERT_EQ(recorder.seen.size(), 2u) << bad;
    EXPECT_EQ(recorder.seen[0], "a");
    EXPECT_EQ(recorder.seen[1].substr(0, 18), "bad:Service event:") << bad;
  }
}

TEST(WatchDecoder, the_listener_may_end_the_stream_between_two_lines_of_one_piece) {
  Decoder decoder;
  WatchDecoder lines(Kind::service, decoder);
  Recorder recorder;
  recorder.stop_after = 1;
  EXPECT_FALSE(lines.feed(added("a", "1") + "\n" + added("b", "2") + "\n", recorder.on_event()));
  EXPECT_EQ(recorder.seen, (std::vector<std::string>{"a"}));
  EXPECT_FALSE(lines.feed(added("c", "3") + "\n", recorder.on_event()));
  EXPECT_EQ(recorder.seen.size(), 1u);
}

}  // namespace
}  // namespace meshgraft
