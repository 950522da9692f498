// Streamed lists (WatchList): client-go's cases of reflector_watchlist_test.go; their names stand in front.

#include <gtest/gtest.h>

#include "tests/k8sclient/machine_bench.h"

namespace meshgraft {
namespace {

WatchEvent initial_end(const std::string& version) {
  WatchEvent event = bookmark(version);
  event.initial_events_end = true;
  return event;
}

struct StreamBench : MachineBench {
  StreamBench() : MachineBench{WatchMachine(Kind::service, WatchMachine::Lists::streamed)} {}
  static WatchEvent added(const std::string& name, const std::string& version) {
    return change(EventType::added, service(name, version));
  }
};

TEST(WatchList, every_object_comes_by_the_watch_and_the_maps_are_swapped_at_the_annotated_bookmark) {
  // client-go: "the reflector won't be synced if the bookmark event has been received"; kube-rs: InitialWatch
  StreamBench bench;
  EXPECT_EQ(bench.next(), "stream");
  EXPECT_EQ(bench.watch({StreamBench::added("a", "9"), StreamBench::added("b", "3"), initial_end("12"),
                         StreamBench::added("c", "13")},
                        seconds(200)),
            "begin add:a add:b end:12 upsert:c");
  EXPECT_EQ(bench.next(), "watch 13") << "the same stream went on as a watch";
  EXPECT_EQ(bench.machine.standing(), Standing::synced);
  EXPECT_EQ(bench.machine.counts().streamed, 1U);
}

TEST(WatchList, a_bookmark_without_the_annotation_does_not_mean_complete) {
  // client-go: "BOOKMARK without annotation"
  StreamBench bench;
  EXPECT_EQ(bench.watch({StreamBench::added("a", "3"), bookmark("12")}, seconds(2)), "begin add:a");
  EXPECT_EQ(bench.machine.standing(), Standing::starting);
  EXPECT_EQ(bench.next(), "stream") << "client-go: stop before sync starts a new watch-list";
}

TEST(WatchList, an_empty_cluster_is_complete_at_once) {
  StreamBench bench;
  EXPECT_EQ(bench.watch({initial_end("12")}, seconds(2)), "begin end:12");
  EXPECT_EQ(bench.machine.resource_version(), "12");
}

TEST(WatchList, updates_and_deletions_before_the_end_are_part_of_the_list) {
  // client-go: "expected to receive updates/deletes during the stream"
  StreamBench bench;
  EXPECT_EQ(bench.watch({StreamBench::added("a", "3"), StreamBench::added("b", "4"),
                         change(EventType::modified, service("a", "11")),
                         change(EventType::deleted, service("b", "12")), initial_end("12")},
                        seconds(2)),
            "begin add:a add:b add:a drop:b end:12");
}

TEST(WatchList, a_server_that_does_not_offer_it_is_listed_at_once_and_never_asked_again) {
  // client-go: "fall back on any error". Such a server answers 422: sendInitialEvents is forbidden
  for (const ErrorClass why : {ErrorClass::invalid, ErrorClass::bad_answer, ErrorClass::other, ErrorClass::conflict}) {
    StreamBench bench;
    const ApiError refused = error(why);
    bench.watch({}, milliseconds(3), &refused);
    EXPECT_EQ(bench.next(), "list");
    EXPECT_EQ(bench.machine.standing(), Standing::starting);
    EXPECT_FALSE(bench.machine.last_error()) << "that is no failure";
    EXPECT_EQ(bench.on_page(page("10", {service("a", "3")})), "begin add:a end:10");
    const ApiError gone = error(ErrorClass::gone);
    bench.watch({}, seconds(2), &gone);
    EXPECT_EQ(bench.next().substr(0, 4), "list");
  }
}

TEST(WatchList, a_busy_or_broken_server_is_asked_once_more_and_then_listed) {
  // client-go: "429 is retried"
  StreamBench bench;
  const ApiError busy = error(ErrorClass::throttled, seconds(7)), broken = error(ErrorClass::transport);
  bench.watch({}, milliseconds(3), &busy);
  EXPECT_EQ(bench.next(), "stream +7000ms");
  bench.watch({StreamBench::added("a", "3")}, milliseconds(3), &broken);
  EXPECT_EQ(bench.next(), "list +1600ms");
  EXPECT_EQ(bench.on_page(page("10", {})), "begin end:10") << "what the broken stream brought is thrown away";
  const ApiError gone = error(ErrorClass::gone);
  bench.watch({}, seconds(2), &gone);
  EXPECT_EQ(bench.next().substr(0, 6), "stream") << "a complete list forgives";
}

TEST(WatchList, a_server_that_knows_neither_the_parameter_nor_the_bookmark_is_listed_at_the_second_clean_end) {
  StreamBench bench;
  bench.watch({StreamBench::added("a", "3"), bookmark("12")}, seconds(290));
  EXPECT_EQ(bench.next(), "stream");
  bench.watch({StreamBench::added("a", "3"), bookmark("12")}, seconds(290));
  EXPECT_EQ(bench.next(), "list");
}

TEST(WatchList, what_we_may_not_watch_is_listed_whose_answer_decides) {
  StreamBench bench;
  const ApiError refused = error(ErrorClass::forbidden);
  bench.watch({}, milliseconds(3), &refused);
  EXPECT_EQ(bench.next(), "list");
  bench.list_fails(refused);
  EXPECT_EQ(bench.machine.standing(), Standing::forbidden);
  EXPECT_EQ(bench.next(), "list +800ms") << "one request a try, not two";
}

TEST(WatchList, an_established_watch_that_ends_goes_on_as_a_plain_watch) {
  // client-go: "stopping the reflector after it's synced", "expiring an established watch"
  StreamBench bench;
  bench.watch({initial_end("12"), bookmark("20")}, seconds(250));
  EXPECT_EQ(bench.next(), "watch 20");
  const ApiError gone = error(ErrorClass::gone);
  bench.watch({}, seconds(2), &gone);
  EXPECT_EQ(bench.next(), "stream +800ms");
  EXPECT_EQ(bench.watch({StreamBench::added("a", "30"), initial_end("31")}, seconds(2)), "begin add:a end:31")
      << "what vanished is what the new map lacks";
}

TEST(WatchList, an_object_without_uid_or_a_line_that_is_none_leads_to_pages) {
  StreamBench bench;
  const std::shared_ptr<Service> bad = std::make_shared<Service>();
  bad->meta.name = "a";
  bad->meta.resource_version = "3";
  bench.watch({change(EventType::added, bad)}, seconds(2));
  EXPECT_EQ(bench.next(), "list");
  StreamBench other;
  other.watch({StreamBench::added("a", "3"), fail("no JSON")}, seconds(2));
  EXPECT_EQ(other.next(), "list");
  EXPECT_EQ(other.machine.counts().bad_events, 1U);
}

TEST(WatchList, being_stopped_before_the_end_counts_for_nothing) {
  StreamBench bench;
  const ApiError stopped = error(ErrorClass::cancelled);
  for (int i = 0; i < 3; ++i) {
    bench.watch({StreamBench::added("a", "3")}, seconds(2), &stopped);
    EXPECT_EQ(bench.next(), "stream");
  }
}

}  // namespace
}  // namespace meshgraft
