#include "k8sclient/model/watch_machine.h"

#include <gtest/gtest.h>

#include <initializer_list>

// The names of client-go's reflector_test.go and kube-rs's watcher.rs stand beside the cases that are theirs.

namespace meshgraft {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using State = WatchMachine::State;
using Standing = WatchMachine::Standing;

constexpr double kNoJitter = 0.0;

ObjectPtr service(const std::string& name, const std::string& version) {
  const std::shared_ptr<Service> object = std::make_shared<Service>();
  object->meta.ns = "shop";
  object->meta.name = name;
  object->meta.uid = "uid-" + name;
  object->meta.resource_version = version;
  return object;
}

ListPage page(const std::string& version, std::vector<ObjectPtr> items, const std::string& token = "") {
  ListPage result;
  result.resource_version = version;
  result.items = std::move(items);
  result.continue_token = token;
  return result;
}

WatchEvent change(EventType type, ObjectPtr object) {
  WatchEvent event;
  event.type = type;
  event.resource_version = object->meta.resource_version;
  event.object = std::move(object);
  return event;
}

WatchEvent bookmark(const std::string& version) {
  WatchEvent event;
  event.type = EventType::bookmark;
  event.resource_version = version;
  return event;
}

WatchEvent status(int code, const std::string& reason, int retry_after = 0) {
  WatchEvent event;
  event.type = EventType::error;
  event.status_code = code;
  event.status_reason = reason;
  event.status_message = "why";
  event.retry_after = retry_after;
  return event;
}

ApiError error(ErrorClass kind, std::optional<seconds> retry_after = std::nullopt) {
  ApiError result;
  result.kind = kind;
  result.message = "why";
  result.retry_after = retry_after;
  return result;
}

// "begin", "add:a,b", "end:<version>", "upsert:a", "remove:a", "bookmark:<version>".
std::string word(const CacheStep& step) {
  switch (step.op) {
    case CacheOp::begin_replace:
      return "begin";
    case CacheOp::end_replace:
      return "end:" + step.resource_version;
    case CacheOp::upsert:
      return "upsert:" + step.object->meta.name;
    case CacheOp::remove:
      return "remove:" + step.object->meta.name;
    case CacheOp::bookmark:
      return "bookmark:" + step.resource_version;
    case CacheOp::add:
      break;
  }
  std::string names;
  for (const ObjectPtr& object : step.objects) names += (names.empty() ? "" : ",") + object->meta.name;
  return "add:" + names;
}

std::string words(const std::vector<CacheStep>& steps) {
  std::string all;
  for (const CacheStep& step : steps) all += (all.empty() ? "" : " ") + word(step);
  return all;
}

// "list", "list limit=0", "list continue=t", "watch 7"; with "+800ms" when it waits.
std::string word(const Next& next) {
  std::string text;
  if (const NextList* list = std::get_if<NextList>(&next.request)) {
    text = "list";
    if (list->limit != 500) text += " limit=" + std::to_string(list->limit);
    if (!list->continue_token.empty()) text += " continue=" + list->continue_token;
    if (!list->resource_version.empty()) text += " rv=" + list->resource_version;
  } else {
    text = "watch " + std::get<NextWatch>(next.request).resource_version;
  }
  if (next.wait.count() > 0) text += " +" + std::to_string(next.wait.count()) + "ms";
  return text;
}

// A machine with a clock of its own.
struct Bench {
  WatchMachine machine{Kind::service};
  std::chrono::steady_clock::time_point now{};
  double random = kNoJitter;

  std::string next() const { return word(machine.next()); }
  std::string on_page(ListPage list) { return words(machine.on_page(std::move(list), now, random)); }
  void list_fails(const ApiError& why) { machine.on_list_error(why, now, random); }

  // Watches: hands over the events, lets `lasts` pass and ends. Returns the cache's steps.
  std::string watch(std::vector<Result<WatchEvent>> events, milliseconds lasts, const ApiError* end = nullptr) {
    machine.on_watch_start(now);
    std::vector<CacheStep> steps;
    for (Result<WatchEvent>& event : events) {
      Reaction reaction = machine.on_event(std::move(event));
      if (reaction.step) steps.push_back(std::move(*reaction.step));
      if (!reaction.go_on) break;
    }
    now += lasts;
    machine.on_watch_end(end, now, random);
    return words(steps);
  }

  // To the state where version 10 is listed and nothing watched yet.
  void synced() { (void)on_page(page("10", {service("a", "3")})); }
};

TEST(WatchMachine, lists_first_and_then_watches_from_the_lists_version) {  // client-go: TestReflectorListAndWatch;
                                                                           // kube-rs: Empty -> InitListed
  Bench bench;
  EXPECT_EQ(bench.next(), "list");
  EXPECT_EQ(bench.machine.standing(), Standing::starting);
  EXPECT_EQ(bench.on_page(page("10", {service("a", "3"), service("b", "9")})), "begin add:a,b end:10");
  EXPECT_EQ(bench.next(), "watch 10");
  EXPECT_EQ(bench.machine.state(), State::listed);
  EXPECT_EQ(bench.machine.standing(), Standing::synced);
}

TEST(WatchMachine, an_empty_list_still_replaces_the_cache) {  // client-go: ReplaceMakesDeletions
  Bench bench;
  EXPECT_EQ(bench.on_page(page("10", {})), "begin end:10");
}

TEST(WatchMachine, pages_are_added_one_by_one_and_swapped_at_the_end) {  // kube-rs: watchers_respect_pagination_limits
  Bench bench;
  EXPECT_EQ(bench.on_page(page("10", {service("a", "1")}, "t1")), "begin add:a");
  EXPECT_EQ(bench.machine.state(), State::page);
  EXPECT_EQ(bench.next(), "list continue=t1");
  EXPECT_EQ(bench.on_page(page("10", {service("b", "2")}, "t2")), "add:b");
  EXPECT_EQ(bench.next(), "list continue=t2");
  EXPECT_EQ(bench.on_page(page("10", {service("c", "3")})), "add:c end:10");
  EXPECT_EQ(bench.next(), "watch 10");
}

TEST(WatchMachine, the_version_of_page_one_counts_even_if_a_later_page_says_another) {
  Bench bench;
  (void)bench.on_page(page("10", {service("a", "1")}, "t1"));
  EXPECT_EQ(bench.on_page(page("12", {service("b", "2")})), "add:b end:10");
  EXPECT_EQ(bench.next(), "watch 10");
}

TEST(WatchMachine, an_expired_continue_token_leads_to_one_full_list) {  // client-go: TestReflectorFullListIfExpired
  Bench bench;
  (void)bench.on_page(page("10", {service("a", "1")}, "t1"));
  bench.list_fails(error(ErrorClass::gone));
  EXPECT_EQ(bench.next(), "list limit=0");
  EXPECT_EQ(bench.on_page(page("20", {service("b", "2")})), "begin add:b end:20");
  EXPECT_EQ(bench.next(), "watch 20");
}

TEST(WatchMachine, a_full_list_that_is_throttled_stays_a_full_list_and_one_that_expires_starts_over) {
  Bench bench;
  (void)bench.on_page(page("10", {service("a", "1")}, "t1"));
  bench.list_fails(error(ErrorClass::gone));
  bench.list_fails(error(ErrorClass::throttled));
  EXPECT_EQ(bench.next(), "list limit=0 +800ms");
  bench.list_fails(error(ErrorClass::gone));
  EXPECT_EQ(bench.next(), "list +1600ms");
}

TEST(WatchMachine, a_page_that_fails_for_a_while_is_asked_for_again) {
  for (const ErrorClass kind :
       {ErrorClass::throttled, ErrorClass::transport, ErrorClass::server, ErrorClass::unauthorized}) {
    Bench bench;
    (void)bench.on_page(page("10", {service("a", "1")}, "t1"));
    bench.list_fails(error(kind));
    EXPECT_EQ(bench.next(), "list continue=t1 +800ms") << to_string(kind);
    EXPECT_EQ(bench.on_page(page("10", {service("b", "2")})), "add:b end:10") << to_string(kind);
  }
}

TEST(WatchMachine, a_page_that_cannot_be_read_starts_the_list_over) {  // client-go: TestReflectorListAndWatchWithErrors
  Bench bench;
  (void)bench.on_page(page("10", {service("a", "1")}, "t1"));
  bench.list_fails(error(ErrorClass::bad_answer));
  EXPECT_EQ(bench.next(), "list +800ms");
  EXPECT_EQ(bench.on_page(page("11", {service("b", "2")})), "begin add:b end:11");
}

TEST(WatchMachine, a_list_without_version_or_with_an_object_without_uid_is_not_believed) {
  Bench bench;
  EXPECT_EQ(bench.on_page(page("", {})), "");
  EXPECT_EQ(bench.machine.last_error()->message, "services: the list has no resourceVersion");
  const std::shared_ptr<Service> nameless = std::make_shared<Service>();
  nameless->meta.name = "a";
  nameless->meta.resource_version = "1";
  EXPECT_EQ(bench.on_page(page("10", {nameless})), "");
  EXPECT_EQ(bench.machine.last_error()->message, "Service a has no uid");
  EXPECT_EQ(bench.machine.counts().bad_events, 2u);
  EXPECT_EQ(bench.machine.standing(), Standing::starting);
}

TEST(WatchMachine, a_kind_that_is_forbidden_is_said_and_tried_again) {
  Bench bench;
  bench.list_fails(error(ErrorClass::forbidden));
  EXPECT_EQ(bench.machine.standing(), Standing::forbidden);
  EXPECT_EQ(bench.next(), "list +800ms");
  bench.synced();
  EXPECT_EQ(bench.machine.standing(), Standing::synced);
  EXPECT_FALSE(bench.machine.last_error());
}

TEST(WatchMachine, a_kind_that_is_not_served_is_absent_until_its_crd_comes) {
  Bench bench;
  bench.list_fails(error(ErrorClass::not_found));
  EXPECT_EQ(bench.machine.standing(), Standing::absent);
  EXPECT_EQ(bench.next(), "list +800ms");
  bench.machine.hurry();
  EXPECT_EQ(bench.next(), "list");
  bench.synced();
  EXPECT_EQ(bench.machine.standing(), Standing::synced);
}

TEST(WatchMachine, a_crd_that_goes_while_watched_makes_the_kind_absent) {
  Bench bench;
  bench.synced();
  const ApiError gone = error(ErrorClass::not_found);
  (void)bench.watch({}, seconds(5), &gone);
  EXPECT_EQ(bench.next(), "list +800ms");
  EXPECT_EQ(bench.machine.standing(), Standing::failing);
  bench.list_fails(gone);
  EXPECT_EQ(bench.machine.standing(), Standing::absent);
}

TEST(WatchMachine, a_404_of_a_starting_server_is_not_believed_at_once) {
  Bench bench;
  bench.synced();
  const ApiError gone = error(ErrorClass::not_found);
  (void)bench.watch({}, seconds(5), &gone);
  bench.synced();
  (void)bench.watch({}, seconds(5), &gone);
  EXPECT_EQ(bench.machine.standing(), Standing::failing);
}

TEST(WatchMachine, a_watch_that_is_forbidden_is_tried_again_without_a_list) {
  Bench bench;
  bench.synced();
  const ApiError denied = error(ErrorClass::forbidden);
  (void)bench.watch({}, seconds(5), &denied);
  EXPECT_EQ(bench.machine.standing(), Standing::forbidden);
  EXPECT_EQ(bench.next(), "watch 10 +800ms");
}

TEST(WatchMachine, events_change_the_cache_and_advance_the_version) {  // client-go: TestReflectorResourceVersionUpdate
  Bench bench;
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
  Bench bench;
  bench.synced();
  bench.machine.on_watch_start(bench.now);
  EXPECT_EQ(bench.machine.state(), State::listed);
  (void)bench.machine.on_event(bookmark("11"));
  EXPECT_EQ(bench.machine.state(), State::watching);
  bench.machine.on_watch_end(nullptr, bench.now + seconds(5), 0);
  EXPECT_EQ(bench.machine.state(), State::listed);
}

TEST(WatchMachine, a_bookmark_advances_the_version_and_nothing_else) {
  Bench bench;
  bench.synced();
  EXPECT_EQ(bench.watch({bookmark("25")}, seconds(60)), "bookmark:25");
  EXPECT_EQ(bench.next(), "watch 25");
  EXPECT_EQ(bench.machine.counts().events, 0u);
}

TEST(WatchMachine, an_event_of_a_type_that_nobody_knows_is_ignored) {
  Bench bench;
  bench.synced();
  WatchEvent strange;
  strange.type = EventType::unknown;
  EXPECT_EQ(bench.watch({strange, change(EventType::added, service("b", "11"))}, seconds(5)), "upsert:b");
}

TEST(WatchMachine,
     a_clean_end_is_followed_by_a_watch_from_the_last_version) {  // client-go: TestReflectorResyncWithResourceVersion;
                                                                  // kube-rs: InitListed
  Bench bench;
  bench.synced();
  (void)bench.watch({}, seconds(290));
  EXPECT_EQ(bench.next(), "watch 10");
  EXPECT_EQ(bench.machine.standing(), Standing::synced);
}

TEST(WatchMachine, a_very_short_watch_without_events_counts_as_a_failure) {  // client-go: "very short watch"
  Bench bench;
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
  Bench bench;
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
  Bench bench;
  bench.synced();
  EXPECT_EQ(bench.watch({change(EventType::added, service("b", "11")), status(410, "Expired"),
                         change(EventType::added, service("c", "12"))},
                        seconds(5)),
            "upsert:b");
  EXPECT_EQ(bench.next(), "list +800ms");
}

TEST(WatchMachine, expired_without_a_code_is_gone_all_the_same) {
  Bench bench;
  bench.synced();
  (void)bench.watch({status(0, "Expired")}, seconds(5));
  EXPECT_EQ(bench.next(), "list +800ms");
}

TEST(WatchMachine, throttling_is_waited_out_without_a_list) {  // client-go: TestReflectorNoRelistOnTooManyRequests,
                                                               // TestBackoffOnTooManyRequests
  Bench bench;
  bench.synced();
  const ApiError throttled = error(ErrorClass::throttled, seconds(5));
  (void)bench.watch({}, milliseconds(5), &throttled);
  EXPECT_EQ(bench.next(), "watch 10 +5000ms");
  (void)bench.watch({status(429, "TooManyRequests", 7)}, seconds(5));
  EXPECT_EQ(bench.next(), "watch 10 +7000ms");
  EXPECT_EQ(bench.machine.counts().lists, 1u);
}

TEST(WatchMachine, a_retry_after_of_a_day_is_cut_to_five_minutes) {
  Bench bench;
  bench.synced();
  const ApiError throttled = error(ErrorClass::throttled, seconds(86400));
  (void)bench.watch({}, milliseconds(5), &throttled);
  EXPECT_EQ(bench.next(), "watch 10 +300000ms");
}

TEST(WatchMachine,
     a_refused_connection_or_a_server_in_trouble_is_no_reason_to_list) {  // client-go:
                                                                          // TestReflectorListAndWatchInitConnBackoff
  for (const ErrorClass kind : {ErrorClass::transport, ErrorClass::server, ErrorClass::unauthorized}) {
    Bench bench;
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
  Bench bench;
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
  Bench bench;
  bench.synced();
  bench.random = 0.5;
  const ApiError refused = error(ErrorClass::transport);
  (void)bench.watch({}, milliseconds(0), &refused);
  EXPECT_EQ(bench.next(), "watch 10 +1200ms");
}

TEST(WatchMachine,
     internal_errors_inside_streams_are_retried_for_half_a_minute_and_then_listed) {  // client-go:
                                                                                      // TestReflectorRetryInternalError
  Bench bench;
  bench.synced();
  (void)bench.watch({status(500, "InternalError")}, seconds(5));
  EXPECT_EQ(bench.next(), "watch 10 +800ms");
  (void)bench.watch({status(500, "InternalError")}, seconds(20));
  EXPECT_EQ(bench.next(), "watch 10 +1600ms");
  (void)bench.watch({status(500, "InternalError")}, seconds(20));
  EXPECT_EQ(bench.next(), "list +3200ms");
}

TEST(WatchMachine, a_good_event_forgives_internal_errors) {
  Bench bench;
  bench.synced();
  (void)bench.watch({status(500, "InternalError")}, seconds(5));
  (void)bench.watch({bookmark("11"), status(500, "InternalError")}, seconds(60));
  EXPECT_EQ(bench.next(), "watch 11 +1600ms");
}

TEST(WatchMachine,
     a_version_that_the_server_has_not_reached_leads_to_a_list) {  // client-go: TestReflectorFullListIfTooLarge
  Bench bench;
  bench.synced();
  const ApiError too_large = error(ErrorClass::too_large_rv);
  (void)bench.watch({}, seconds(3), &too_large);
  EXPECT_EQ(bench.next(), "list +800ms");
}

TEST(WatchMachine, any_other_refusal_of_a_watch_leads_to_a_list) {
  for (const ErrorClass kind : {ErrorClass::invalid, ErrorClass::other, ErrorClass::bad_answer}) {
    Bench bench;
    bench.synced();
    const ApiError refusal = error(kind);
    (void)bench.watch({}, milliseconds(1), &refusal);
    EXPECT_EQ(bench.next(), "list +800ms") << to_string(kind);
  }
}

TEST(WatchMachine, a_line_that_is_no_event_means_that_one_was_lost) {
  Bench bench;
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
  Bench bench;
  bench.synced();
  (void)bench.watch({status(0, "")}, seconds(5));
  EXPECT_EQ(bench.next(), "list +800ms");
}

TEST(WatchMachine, events_without_version_or_uid_are_not_stored) {
  Bench without_version;
  without_version.synced();
  EXPECT_EQ(without_version.watch({change(EventType::added, service("b", ""))}, seconds(5)), "");
  EXPECT_EQ(without_version.next(), "list +800ms");
  EXPECT_EQ(without_version.machine.last_error()->message, "Service shop/b has no resourceVersion");

  Bench empty_bookmark;
  empty_bookmark.synced();
  EXPECT_EQ(empty_bookmark.watch({bookmark("")}, seconds(5)), "");
  EXPECT_EQ(empty_bookmark.next(), "list +800ms");
}

TEST(WatchMachine, a_version_that_goes_back_means_another_history) {  // etcd restored from a backup
  Bench bench;
  bench.synced();
  EXPECT_EQ(bench.watch({change(EventType::added, service("b", "11")), change(EventType::added, service("c", "9"))},
                        seconds(5)),
            "upsert:b");
  EXPECT_EQ(bench.next(), "list +800ms");
  EXPECT_EQ(bench.machine.last_error()->message, "services: resourceVersion went back from 11 to 9");
}

TEST(WatchMachine, versions_compare_as_numbers_and_what_is_no_number_is_believed) {
  Bench bench;
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
  Bench bench;
  bench.synced();
  const ApiError broken = error(ErrorClass::transport);
  (void)bench.watch({status(410, "Expired")}, seconds(5), &broken);
  EXPECT_EQ(bench.next(), "list +800ms");
}

TEST(WatchMachine, being_stopped_is_no_failure) {  // client-go: TestReflectorWatchStoppedAfter
  const ApiError stopped = error(ErrorClass::cancelled);
  Bench bench;
  bench.list_fails(stopped);
  EXPECT_EQ(bench.next(), "list");
  bench.synced();
  (void)bench.watch({}, milliseconds(1), &stopped);
  EXPECT_EQ(bench.next(), "watch 10");
  EXPECT_EQ(bench.machine.standing(), Standing::synced);
}

TEST(WatchMachine, a_relist_keeps_the_cache_until_its_end) {
  Bench bench;
  bench.synced();
  const ApiError gone = error(ErrorClass::gone);
  (void)bench.watch({}, seconds(2), &gone);
  EXPECT_EQ(bench.on_page(page("30", {service("a", "3")}, "t")), "begin add:a");
  bench.list_fails(error(ErrorClass::transport));
  EXPECT_EQ(bench.next(), "list continue=t +1600ms");
  EXPECT_EQ(bench.on_page(page("30", {service("z", "29")})), "add:z end:30");
}

TEST(WatchMachine, watches_of_many_clients_do_not_end_together) {
  Bench bench;
  bench.synced();
  const auto timeout = [&bench] { return std::get<NextWatch>(bench.machine.next().request).timeout; };
  (void)bench.watch({}, seconds(2));
  EXPECT_EQ(timeout(), seconds(240));
  bench.random = 0.99;
  (void)bench.watch({}, seconds(2));
  EXPECT_EQ(timeout(), seconds(289));
}

TEST(WatchMachine, every_standing_has_a_name) {
  for (int i = 0; i <= static_cast<int>(Standing::absent); ++i)
    EXPECT_FALSE(to_string(static_cast<Standing>(i)).empty());
}

}  // namespace
}  // namespace meshgraft
