#include <gtest/gtest.h>

#include <functional>

#include "machine_bench.h"

// Watches. The names of client-go's reflector_test.go and kube-rs's watcher.rs stand beside the cases that are theirs.

namespace meshgraft {
namespace {

TEST(WatchMachine, events_change_the_cache_and_advance_the_version) {  // client-go: TestReflectorResourceVersionUpdate
  MachineBench bench;
  bench.synced();
  EXPECT_EQ(bench.watch({change(EventType::added, service("b", "11")), change(EventType::modified, service("a", "12")),
                         change(EventType::deleted, service("b", "13"))},
                        seconds(30)),
            "upsert:b upsert:a remove:b");
  EXPECT_EQ(bench.machine.resource_version(), "13");
  EXPECT_EQ(bench.next(), "watch 13");
  EXPECT_EQ(bench.machine.counts().events, 3u);
}

TEST(WatchMachine, the_first_event_makes_it_watching_and_the_end_listed) {
  MachineBench bench;
  bench.synced();
  bench.machine.on_watch_start(bench.now);
  EXPECT_EQ(bench.machine.state(), State::listed);
  (void)bench.machine.on_event(bookmark("11"));
  EXPECT_EQ(bench.machine.state(), State::watching);
  bench.machine.on_watch_end(nullptr, bench.now + seconds(5), 0);
  EXPECT_EQ(bench.machine.state(), State::listed);
}

TEST(WatchMachine, a_bookmark_advances_the_version_and_nothing_else) {
  MachineBench bench;
  bench.synced();
  EXPECT_EQ(bench.watch({bookmark("25")}, seconds(60)), "bookmark:25");
  EXPECT_EQ(bench.next(), "watch 25");
  EXPECT_EQ(bench.machine.counts().events, 0u);
}

TEST(WatchMachine, an_event_of_a_type_that_nobody_knows_is_ignored) {
  MachineBench bench;
  bench.synced();
  WatchEvent strange;
  strange.type = EventType::unknown;
  EXPECT_EQ(bench.watch({strange, change(EventType::added, service("b", "11"))}, seconds(5)), "upsert:b");
}

TEST(WatchMachine,
     a_clean_end_is_followed_by_a_watch_from_the_last_version) {  // client-go: TestReflectorResyncWithResourceVersion;
                                                                  // kube-rs: InitListed
  MachineBench bench;
  bench.synced();
  (void)bench.watch({}, seconds(290));
  EXPECT_EQ(bench.next(), "watch 10");
  EXPECT_EQ(bench.machine.standing(), Standing::synced);
}

TEST(WatchMachine, a_very_short_watch_without_events_counts_as_a_failure) {  // client-go: "very short watch"
  MachineBench bench;
  bench.synced();
  (void)bench.watch({}, milliseconds(999));
  EXPECT_EQ(bench.next(), "watch 10 +800ms");
  (void)bench.watch({}, milliseconds(10));
  EXPECT_EQ(bench.next(), "watch 10 +1600ms");
  EXPECT_EQ(bench.machine.counts().short_watches, 2u);
  (void)bench.watch({change(EventType::added, service("b", "11"))}, milliseconds(10));
  EXPECT_EQ(bench.next(), "watch 11");
  (void)bench.watch({}, seconds(1));
  EXPECT_EQ(bench.next(), "watch 11");
}

TEST(WatchMachine,
     a_version_that_is_gone_at_the_start_of_a_watch_leads_to_a_list) {  // client-go:
                                                                        // TestReflectorExpiredExactResourceVersion
  MachineBench bench;
  bench.synced();
  const ApiError gone = error(ErrorClass::gone);
  (void)bench.watch({}, milliseconds(5), &gone);
  EXPECT_EQ(bench.next(), "list +800ms");
  EXPECT_EQ(bench.machine.counts().expired, 1u);
  EXPECT_EQ(bench.on_page(page("50", {service("b", "40")})), "begin add:b end:50");
}

TEST(WatchMachine,
     a_version_that_is_gone_inside_the_stream_leads_to_a_list) {  // client-go: TestReflectorWatchHandlerError; kube-rs:
                                                                  // 410 -> Empty
  MachineBench bench;
  bench.synced();
  EXPECT_EQ(bench.watch({change(EventType::added, service("b", "11")), status(410, "Expired"),
                         change(EventType::added, service("c", "12"))},
                        seconds(5)),
            "upsert:b");
  EXPECT_EQ(bench.next(), "list +800ms");
}

TEST(WatchMachine, expired_without_a_code_is_gone_all_the_same) {
  MachineBench bench;
  bench.synced();
  (void)bench.watch({status(0, "Expired")}, seconds(5));
  EXPECT_EQ(bench.next(), "list +800ms");
}

TEST(WatchMachine, throttling_is_waited_out_without_a_list) {  // client-go: TestReflectorNoRelistOnTooManyRequests,
                                                               // TestBackoffOnTooManyRequests
  MachineBench bench;
  bench.synced();
  const ApiError throttled = error(ErrorClass::throttled, seconds(5));
  (void)bench.watch({}, milliseconds(5), &throttled);
  EXPECT_EQ(bench.next(), "watch 10 +5000ms");
  (void)bench.watch({status(429, "TooManyRequests", 7)}, seconds(5));
  EXPECT_EQ(bench.next(), "watch 10 +7000ms");
  EXPECT_EQ(bench.machine.counts().lists, 1u);
}

TEST(WatchMachine, a_retry_after_of_a_day_is_cut_to_five_minutes) {
  MachineBench bench;
  bench.synced();
  const ApiError throttled = error(ErrorClass::throttled, seconds(86400));
  (void)bench.watch({}, milliseconds(5), &throttled);
  EXPECT_EQ(bench.next(), "watch 10 +300000ms");
}

TEST(WatchMachine,
     a_refused_connection_or_a_server_in_trouble_is_no_reason_to_list) {  // client-go:
                                                                          // TestReflectorListAndWatchInitConnBackoff
  for (const ErrorClass kind : {ErrorClass::transport, ErrorClass::server, ErrorClass::unauthorized}) {
    MachineBench bench;
    bench.synced();
    const ApiError trouble = error(kind);
    (void)bench.watch({}, milliseconds(1), &trouble);
    EXPECT_EQ(bench.next(), "watch 10 +800ms") << to_string(kind);
    EXPECT_EQ(bench.machine.standing(), Standing::failing) << to_string(kind);
    EXPECT_EQ(bench.watch({bookmark("11")}, seconds(5)), "bookmark:11");
    EXPECT_EQ(bench.machine.standing(), Standing::synced);
    EXPECT_FALSE(bench.machine.last_error());
  }
}

TEST(WatchMachine, back_off_doubles_to_thirty_seconds_and_starts_anew_after_two_healthy_minutes) {
  MachineBench bench;
  bench.synced();
  const ApiError refused = error(ErrorClass::transport);
  for (const int wait : {800, 1600, 3200, 6400, 12800, 25600, 30000, 30000}) {
    (void)bench.watch({}, milliseconds(0), &refused);
    EXPECT_EQ(bench.next(), "watch 10 +" + std::to_string(wait) + "ms");
    bench.now += milliseconds(wait);
  }
  (void)bench.watch({}, seconds(121), &refused);
  EXPECT_EQ(bench.next(), "watch 10 +800ms");
}

TEST(WatchMachine, jitter_adds_up_to_the_whole_back_off) {
  MachineBench bench;
  bench.synced();
  bench.random = 0.5;
  const ApiError refused = error(ErrorClass::transport);
  (void)bench.watch({}, milliseconds(0), &refused);
  EXPECT_EQ(bench.next(), "watch 10 +1200ms");
}

TEST(WatchMachine,
     internal_errors_inside_streams_are_retried_for_half_a_minute_and_then_listed) {  // client-go:
                                                                                      // TestReflectorRetryInternalError
  MachineBench bench;
  bench.synced();
  (void)bench.watch({status(500, "InternalError")}, seconds(5));
  EXPECT_EQ(bench.next(), "watch 10 +800ms");
  (void)bench.watch({status(500, "InternalError")}, seconds(20));
  EXPECT_EQ(bench.next(), "watch 10 +1600ms");
  (void)bench.watch({status(500, "InternalError")}, seconds(20));
  EXPECT_EQ(bench.next(), "list +3200ms");
}

TEST(WatchMachine, a_good_event_forgives_internal_errors) {
  MachineBench bench;
  bench.synced();
  (void)bench.watch({status(500, "InternalError")}, seconds(5));
  (void)bench.watch({bookmark("11"), status(500, "InternalError")}, seconds(60));
  EXPECT_EQ(bench.next(), "watch 11 +1600ms");
}

TEST(WatchMachine,
     a_version_that_the_server_has_not_reached_leads_to_a_list) {  // client-go: TestReflectorFullListIfTooLarge
  MachineBench bench;
  bench.synced();
  const ApiError too_large = error(ErrorClass::too_large_rv);
  (void)bench.watch({}, seconds(3), &too_large);
  EXPECT_EQ(bench.next(), "list +800ms");
}

TEST(WatchMachine, any_other_refusal_of_a_watch_leads_to_a_list) {
  for (const ErrorClass kind : {ErrorClass::invalid, ErrorClass::other, ErrorClass::bad_answer}) {
    MachineBench bench;
    bench.synced();
    const ApiError refusal = error(kind);
    (void)bench.watch({}, milliseconds(1), &refusal);
    EXPECT_EQ(bench.next(), "list +800ms") << to_string(kind);
  }
}

TEST(WatchMachine, a_line_that_is_no_event_means_that_one_was_lost) {
  MachineBench bench;
  bench.synced();
  EXPECT_EQ(
      bench.watch({Result<WatchEvent>(fail("Service event: not JSON")), change(EventType::added, service("b", "11"))},
                  seconds(5)),
      "");
  EXPECT_EQ(bench.next(), "list +800ms");
  EXPECT_EQ(bench.machine.last_error()->message, "Service event: not JSON");
  EXPECT_EQ(bench.machine.counts().bad_events, 1u);
}

TEST(WatchMachine, an_error_event_without_a_status_leads_to_a_list) {
  MachineBench bench;
  bench.synced();
  (void)bench.watch({status(0, "")}, seconds(5));
  EXPECT_EQ(bench.next(), "list +800ms");
}

TEST(WatchMachine, events_without_version_or_uid_are_not_stored) {
  MachineBench without_version;
  without_version.synced();
  EXPECT_EQ(without_version.watch({change(EventType::added, service("b", ""))}, seconds(5)), "");
  EXPECT_EQ(without_version.next(), "list +800ms");
  EXPECT_EQ(without_version.machine.last_error()->message, "Service shop/b has no resourceVersion");

  MachineBench empty_bookmark;
  empty_bookmark.synced();
  EXPECT_EQ(empty_bookmark.watch({bookmark("")}, seconds(5)), "");
  EXPECT_EQ(empty_bookmark.next(), "list +800ms");
}

TEST(WatchMachine, a_version_that_goes_back_means_another_history) {  // etcd restored from a backup
  MachineBench bench;
  bench.synced();
  EXPECT_EQ(bench.watch({change(EventType::added, service("b", "11")), change(EventType::added, service("c", "9"))},
                        seconds(5)),
            "upsert:b");
  EXPECT_EQ(bench.next(), "list +800ms");
  EXPECT_EQ(bench.machine.last_error()->message, "services: resourceVersion went back from 11 to 9");
}

TEST(WatchMachine, versions_compare_as_numbers_and_what_is_no_number_is_believed) {
  MachineBench bench;
  (void)bench.on_page(page("9", {}));
  EXPECT_EQ(
      bench.watch({change(EventType::added, service("b", "10")), change(EventType::added, service("c", "opaque-1"))},
                  seconds(5)),
      "upsert:b upsert:c");
  EXPECT_EQ(bench.watch({change(EventType::added, service("d", "2"))}, seconds(5)), "upsert:d");
  EXPECT_EQ(bench.watch({change(EventType::added, service("e", "18446744073709551616"))}, seconds(5)), "upsert:e");
  EXPECT_EQ(bench.watch({change(EventType::added, service("f", "3"))}, seconds(5)), "");
}

TEST(WatchMachine, the_reason_to_leave_a_stream_outranks_how_it_then_ended) {
  MachineBench bench;
  bench.synced();
  const ApiError broken = error(ErrorClass::transport);
  (void)bench.watch({status(410, "Expired")}, seconds(5), &broken);
  EXPECT_EQ(bench.next(), "list +800ms");
}

TEST(WatchMachine, being_stopped_is_no_failure) {  // client-go: TestReflectorWatchStoppedAfter
  const ApiError stopped = error(ErrorClass::cancelled);
  MachineBench bench;
  bench.list_fails(stopped);
  EXPECT_EQ(bench.next(), "list");
  bench.synced();
  (void)bench.watch({}, milliseconds(1), &stopped);
  EXPECT_EQ(bench.next(), "watch 10");
  EXPECT_EQ(bench.machine.standing(), Standing::synced);
}

TEST(WatchMachine, a_relist_keeps_the_cache_until_its_end) {
  MachineBench bench;
  bench.synced();
  const ApiError gone = error(ErrorClass::gone);
  (void)bench.watch({}, seconds(2), &gone);
  EXPECT_EQ(bench.on_page(page("30", {service("a", "3")}, "t")), "begin add:a");
  bench.list_fails(error(ErrorClass::transport));
  EXPECT_EQ(bench.next(), "list continue=t +1600ms");
  EXPECT_EQ(bench.on_page(page("30", {service("z", "29")})), "add:z end:30");
}

TEST(WatchMachine, watches_of_many_clients_do_not_end_together) {
  MachineBench bench;
  bench.synced();
  const auto timeout = [&bench] { return std::get<NextWatch>(bench.machine.next().request).timeout; };
  (void)bench.watch({}, seconds(2));
  EXPECT_EQ(timeout(), seconds(240));
  bench.random = 0.99;
  (void)bench.watch({}, seconds(2));
  EXPECT_EQ(timeout(), seconds(289));
}

TEST(WatchMachine, a_watch_that_is_accepted_and_quiet_is_believed_before_the_next_bookmark) {
  const ApiError broken = error(ErrorClass::transport), no_right = error(ErrorClass::forbidden);
  for (const ApiError& why : {broken, no_right}) {
    MachineBench bench;
    bench.synced();
    (void)bench.watch({}, seconds(5), &why);
    ASSERT_NE(bench.machine.standing(), Standing::synced);
    bench.machine.on_watch_start(bench.now);
    ASSERT_NE(bench.machine.standing(), Standing::synced) << "asked for is not accepted";
    bench.machine.on_watch_accepted();
    EXPECT_EQ(bench.machine.standing(), Standing::synced);
    EXPECT_FALSE(bench.machine.last_error());
  }
}

// Such as API servers of 1.24 without an event of the kind since their start.
class WatchMachineQuietKind : public testing::Test {
 protected:
  WatchMachineQuietKind() {
    bench.synced();
    bench.random = 0.5;
  }
  void fall_silent() {
    bench.machine.on_watch_start(bench.now);
    bench.machine.on_watch_accepted();
    EXPECT_EQ(bench.machine.standing(), Standing::synced);
    bench.now += seconds(75);
    bench.machine.on_watch_end(&silent, bench.now, bench.random);
    EXPECT_EQ(bench.machine.next().wait, milliseconds(0));
  }
  const ApiError silent = error(ErrorClass::transport);
  MachineBench bench;
};

TEST_F(WatchMachineQuietKind, is_followed_again_at_once_however_often_it_falls_silent) {
  for (int i = 0; i < 9; ++i) fall_silent();
  bench.machine.on_watch_start(bench.now);
  bench.machine.on_watch_end(&silent, bench.now + seconds(75), 0);
  EXPECT_EQ(bench.next(), "watch 10 +800ms") << "that one was not even accepted";
  EXPECT_EQ(bench.machine.standing(), Standing::failing);
}

TEST_F(WatchMachineQuietKind, silences_with_an_event_between_do_not_add_up) {
  for (int day = 0; day < 3; ++day) {
    for (int i = 0; i < 20; ++i) fall_silent();
    EXPECT_EQ(bench.next().substr(0, 5), "watch") << day;
    const std::string version = std::to_string(20 + day);
    EXPECT_EQ(bench.watch({change(EventType::added, service("b", version))}, seconds(70)), "upsert:b");
  }
}

TEST_F(WatchMachineQuietKind, silence_is_trouble_the_first_time_and_expected_afterwards) {
  fall_silent();
  EXPECT_EQ(bench.machine.standing(), Standing::failing) << "it may be dead";
  ASSERT_TRUE(bench.machine.last_error());
  for (int i = 0; i < 9; ++i) {
    fall_silent();
    EXPECT_EQ(bench.machine.standing(), Standing::synced) << "it was well the last time";
    EXPECT_FALSE(bench.machine.last_error());
  }
  EXPECT_EQ(bench.machine.counts().quiet_ends, 9U);
}

TEST_F(WatchMachineQuietKind, after_half_an_hour_of_silence_it_is_listed_once_for_certainty) {
  // A proxy that holds back what a watch sends cannot be told from a server without bookmarks.
  fall_silent();
  for (int i = 0; i < 23; ++i) fall_silent();
  EXPECT_EQ(bench.next().substr(0, 5), "watch");
  fall_silent();
  EXPECT_EQ(bench.next(), "list");
  EXPECT_EQ(bench.machine.standing(), Standing::synced) << "nothing is wrong that anybody knows of";
  EXPECT_EQ(bench.on_page(page("90", {service("c", "80")})), "begin add:c end:90") << "what the proxy held back";
  fall_silent();
  EXPECT_EQ(bench.next().substr(0, 8), "watch 90");
}

TEST_F(WatchMachineQuietKind, silence_is_trouble_again_after_a_bookmark_an_event_or_a_failure) {
  const std::vector<std::function<void()>> between{
      [this] { EXPECT_EQ(bench.watch({bookmark("11")}, seconds(70)), "bookmark:11"); },
      [this] { EXPECT_EQ(bench.watch({change(EventType::added, service("b", "12"))}, seconds(70)), "upsert:b"); },
      [this] { (void)bench.watch({}, seconds(70), &silent); }};  // a stream that was not accepted
  for (const auto& happen : between) {
    fall_silent();
    fall_silent();
    EXPECT_EQ(bench.machine.standing(), Standing::synced);
    happen();
    fall_silent();
    EXPECT_EQ(bench.machine.standing(), Standing::failing);
  }
}

TEST(WatchMachine, a_streamed_list_is_not_complete_because_it_was_accepted) {
  WatchMachine machine(Kind::service, WatchMachine::Lists::streamed);
  machine.on_watch_start({});
  machine.on_watch_accepted();
  EXPECT_EQ(machine.standing(), Standing::starting);
}

TEST(WatchMachine, every_standing_has_a_name) {
  for (int i = 0; i <= static_cast<int>(Standing::absent); ++i)
    EXPECT_FALSE(to_string(static_cast<Standing>(i)).empty());
}

}  // namespace
}  // namespace meshgraft
