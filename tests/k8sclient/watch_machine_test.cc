#include <gtest/gtest.h>

#include "machine_bench.h"

// Lists. The names of client-go's reflector_test.go and kube-rs's watcher.rs stand beside the cases that are theirs.

namespace meshgraft {
namespace {

TEST(WatchMachine, lists_first_and_then_watches_from_the_lists_version) {  // client-go: TestReflectorListAndWatch;
                                                                           // kube-rs: Empty -> InitListed
  MachineBench bench;
  EXPECT_EQ(bench.next(), "list");
  EXPECT_EQ(bench.machine.standing(), Standing::starting);
  EXPECT_EQ(bench.on_page(page("10", {service("a", "3"), service("b", "9")})), "begin add:a,b end:10");
  EXPECT_EQ(bench.next(), "watch 10");
  EXPECT_EQ(bench.machine.state(), State::listed);
  EXPECT_EQ(bench.machine.standing(), Standing::synced);
}

TEST(WatchMachine, an_empty_list_still_replaces_the_cache) {  // client-go: ReplaceMakesDeletions
  MachineBench bench;
  EXPECT_EQ(bench.on_page(page("10", {})), "begin end:10");
}

TEST(WatchMachine, pages_are_added_one_by_one_and_swapped_at_the_end) {  // kube-rs: watchers_respect_pagination_limits
  MachineBench bench;
  EXPECT_EQ(bench.on_page(page("10", {service("a", "1")}, "t1")), "begin add:a");
  EXPECT_EQ(bench.machine.state(), State::page);
  EXPECT_EQ(bench.next(), "list continue=t1");
  EXPECT_EQ(bench.on_page(page("10", {service("b", "2")}, "t2")), "add:b");
  EXPECT_EQ(bench.next(), "list continue=t2");
  EXPECT_EQ(bench.on_page(page("10", {service("c", "3")})), "add:c end:10");
  EXPECT_EQ(bench.next(), "watch 10");
}

TEST(WatchMachine, the_version_of_page_one_counts_even_if_a_later_page_says_another) {
  MachineBench bench;
  (void)bench.on_page(page("10", {service("a", "1")}, "t1"));
  EXPECT_EQ(bench.on_page(page("12", {service("b", "2")})), "add:b end:10");
  EXPECT_EQ(bench.next(), "watch 10");
}

TEST(WatchMachine, an_expired_continue_token_leads_to_one_full_list) {  // client-go: TestReflectorFullListIfExpired
  MachineBench bench;
  (void)bench.on_page(page("10", {service("a", "1")}, "t1"));
  bench.list_fails(error(ErrorClass::gone));
  EXPECT_EQ(bench.next(), "list limit=0");
  EXPECT_EQ(bench.on_page(page("20", {service("b", "2")})), "begin add:b end:20");
  EXPECT_EQ(bench.next(), "watch 20");
}

TEST(WatchMachine, a_full_list_that_is_throttled_stays_a_full_list_and_one_that_expires_starts_over) {
  MachineBench bench;
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
    MachineBench bench;
    (void)bench.on_page(page("10", {service("a", "1")}, "t1"));
    bench.list_fails(error(kind));
    EXPECT_EQ(bench.next(), "list continue=t1 +800ms") << to_string(kind);
    EXPECT_EQ(bench.on_page(page("10", {service("b", "2")})), "add:b end:10") << to_string(kind);
  }
}

TEST(WatchMachine, a_page_that_cannot_be_read_starts_the_list_over) {  // client-go: TestReflectorListAndWatchWithErrors
  MachineBench bench;
  (void)bench.on_page(page("10", {service("a", "1")}, "t1"));
  bench.list_fails(error(ErrorClass::bad_answer));
  EXPECT_EQ(bench.next(), "list +800ms");
  EXPECT_EQ(bench.on_page(page("11", {service("b", "2")})), "begin add:b end:11");
}

TEST(WatchMachine, a_list_without_version_or_with_an_object_without_uid_is_not_believed) {
  MachineBench bench;
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
  MachineBench bench;
  bench.list_fails(error(ErrorClass::forbidden));
  EXPECT_EQ(bench.machine.standing(), Standing::forbidden);
  EXPECT_EQ(bench.next(), "list +800ms");
  bench.synced();
  EXPECT_EQ(bench.machine.standing(), Standing::synced);
  EXPECT_FALSE(bench.machine.last_error());
}

TEST(WatchMachine, a_kind_that_is_not_served_is_absent_until_its_crd_comes) {
  MachineBench bench;
  bench.list_fails(error(ErrorClass::not_found));
  EXPECT_EQ(bench.machine.standing(), Standing::absent);
  EXPECT_EQ(bench.next(), "list +800ms");
  bench.machine.hurry();
  EXPECT_EQ(bench.next(), "list");
  bench.synced();
  EXPECT_EQ(bench.machine.standing(), Standing::synced);
}

TEST(WatchMachine, a_crd_that_goes_while_watched_makes_the_kind_absent) {
  MachineBench bench;
  bench.synced();
  const ApiError gone = error(ErrorClass::not_found);
  (void)bench.watch({}, seconds(5), &gone);
  EXPECT_EQ(bench.next(), "list +800ms");
  EXPECT_EQ(bench.machine.standing(), Standing::failing);
  bench.list_fails(gone);
  EXPECT_EQ(bench.machine.standing(), Standing::absent);
}

TEST(WatchMachine, a_404_of_a_starting_server_is_not_believed_at_once) {
  MachineBench bench;
  bench.synced();
  const ApiError gone = error(ErrorClass::not_found);
  (void)bench.watch({}, seconds(5), &gone);
  bench.synced();
  (void)bench.watch({}, seconds(5), &gone);
  EXPECT_EQ(bench.machine.standing(), Standing::failing);
}

TEST(WatchMachine, a_watch_that_is_forbidden_is_tried_again_without_a_list) {
  MachineBench bench;
  bench.synced();
  const ApiError denied = error(ErrorClass::forbidden);
  (void)bench.watch({}, seconds(5), &denied);
  EXPECT_EQ(bench.machine.standing(), Standing::forbidden);
  EXPECT_EQ(bench.next(), "watch 10 +800ms");
}

}  // namespace
}  // namespace meshgraft
