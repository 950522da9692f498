// client-go's cases for its work queue (util/workqueue queue_test.go, delaying_queue_test.go,
// rate_limiting_queue_test.go) against DirtyQueue. Their names stand in front of ours.

#include "controller/dirty_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "tests/controller/sim_clock.h"

namespace meshgraft {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct DirtyQueueTest : testing::Test {
  SimClock clock;
  DirtyQueue queue{clock};

  std::string take() { return queue.try_take().value_or(""); }
};
using DirtyQueue_ = DirtyQueueTest;

TEST_F(DirtyQueue_, Basic_every_added_name_is_taken_by_exactly_one_of_many_workers) {
  constexpr int kNames = 200;
  std::atomic<int> taken{0};
  Mutex mutex;
  std::multiset<std::string> seen;
  std::vector<std::thread> workers;
  workers.reserve(8);
  for (int i = 0; i < 8; ++i) {
    workers.emplace_back([this, &mutex, &seen, &taken] {
      while (const std::optional<std::string> name = queue.take()) {
        {
          const MutexLock lock(mutex);
          seen.insert(*name);
        }
        queue.done(*name);
        if (++taken == kNames) queue.shut_down();
      }
    });
  }
  for (int i = 0; i < kNames; ++i) queue.add("ns-" + std::to_string(i));
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kNames));
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), static_cast<std::size_t>(kNames));
}

TEST_F(DirtyQueue_, AddWhileProcessing_readding_while_processing_runs_it_once_more) {
  queue.add("shop");
  EXPECT_EQ(take(), "shop");
  queue.add("shop");
  queue.add("shop");
  EXPECT_EQ(take(), "") << "never two workers on a name";
  queue.done("shop");
  EXPECT_EQ(take(), "shop");
  queue.done("shop");
  EXPECT_EQ(take(), "");
}

TEST_F(DirtyQueue_, Len_counts_ready_names_only) {
  queue.add("a");
  EXPECT_EQ(queue.depth(), 1U);
  queue.add("b");
  EXPECT_EQ(queue.depth(), 2U);
  queue.add("a");
  EXPECT_EQ(queue.depth(), 2U);
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(queue.depth(), 1U);
}

TEST_F(DirtyQueue_, Reinsert_a_name_added_while_processed_comes_back_after_done) {
  queue.add("foo");
  EXPECT_EQ(take(), "foo");
  queue.add("foo");
  queue.done("foo");
  EXPECT_EQ(take(), "foo");
  queue.done("foo");
  EXPECT_EQ(queue.depth(), 0U);
}

TEST_F(DirtyQueue_, Collapse_adding_twice_gives_it_once) {
  queue.add("bar");
  queue.add("bar");
  EXPECT_EQ(take(), "bar");
  queue.done("bar");
  EXPECT_EQ(queue.depth(), 0U);
}

TEST_F(DirtyQueue_, CollapseWhileProcessing_many_adds_while_processed_give_one_more_run) {
  queue.add("bar");
  EXPECT_EQ(take(), "bar");
  for (int i = 0; i < 10; ++i) queue.add("bar");
  queue.done("bar");
  EXPECT_EQ(take(), "bar");
  queue.done("bar");
  EXPECT_EQ(take(), "");
}

TEST_F(DirtyQueue_, Fair_names_leave_in_the_order_in_which_they_came) {
  for (const char* name : {"c", "a", "b"}) queue.add(name);
  EXPECT_EQ(take(), "c");
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(take(), "b");
}

TEST_F(DirtyQueue_, ShutDown_wakes_those_who_wait_and_refuses_adds) {
  std::thread waiting([this] { EXPECT_EQ(queue.take(), std::nullopt); });
  queue.shut_down();
  waiting.join();
  queue.add("late");
  queue.add_after("late", seconds(1));
  clock.advance(seconds(2));
  EXPECT_EQ(queue.depth(), 0U);
  EXPECT_EQ(take(), "");
}

TEST_F(DirtyQueue_, SimpleQueue_a_delayed_name_is_ready_when_its_time_has_come) {
  queue.add_after("foo", milliseconds(50));
  EXPECT_EQ(take(), "");
  clock.advance(milliseconds(60));
  EXPECT_EQ(take(), "foo");
  queue.done("foo");
  clock.advance(seconds(10));
  EXPECT_EQ(take(), "");
}

TEST_F(DirtyQueue_, Deduping_of_several_delays_the_earliest_counts) {
  queue.add_after("foo", milliseconds(50));
  queue.add_after("foo", milliseconds(70));
  clock.advance(milliseconds(60));
  EXPECT_EQ(take(), "foo");
  queue.done("foo");
  clock.advance(milliseconds(20));
  EXPECT_EQ(take(), "") << "the later delay fell away";

  queue.add_after("foo", milliseconds(50));
  queue.add_after("foo", milliseconds(30));
  clock.advance(milliseconds(40));
  EXPECT_EQ(take(), "foo");
  queue.done("foo");
  clock.advance(milliseconds(20));
  EXPECT_EQ(take(), "");
}

TEST_F(DirtyQueue_, AddTwoFireEarly_two_delayed_names_come_each_at_its_time) {
  queue.add_after("third", seconds(1));
  queue.add_after("first", milliseconds(50));
  clock.advance(milliseconds(60));
  EXPECT_EQ(take(), "first");
  queue.add_after("second", seconds(2));
  clock.advance(seconds(1));
  EXPECT_EQ(take(), "third");
  EXPECT_EQ(take(), "");
  clock.advance(seconds(1));
  EXPECT_EQ(take(), "second");
}

TEST_F(DirtyQueue_, CopyShifting_names_come_in_the_order_of_their_times) {
  queue.add_after("1", seconds(1));
  queue.add_after("2", milliseconds(500));
  queue.add_after("3", milliseconds(250));
  clock.advance(seconds(2));
  EXPECT_EQ(take(), "3");
  EXPECT_EQ(take(), "2");
  EXPECT_EQ(take(), "1");
}

TEST_F(DirtyQueue_, a_delayed_name_does_not_hide_an_urgent_one) {
  queue.add_after("shop", seconds(1000));
  queue.add("shop");
  EXPECT_EQ(take(), "shop");
  queue.done("shop");
  clock.advance(seconds(2000));
  EXPECT_EQ(take(), "") << "what was delayed was done by that run";
}

TEST_F(DirtyQueue_, a_waiting_worker_wakes_for_a_delayed_name_that_is_sooner_than_the_one_it_waits_for) {
  queue.add_after("late", seconds(100));
  std::string got;
  std::thread worker([this, &got] { got = queue.take().value_or(""); });
  queue.add_after("soon", seconds(1));
  clock.advance(seconds(1));
  worker.join();
  EXPECT_EQ(got, "soon");
}

TEST_F(DirtyQueue_, RateLimiting_the_back_off_doubles_from_5_ms_to_1000_s_and_is_forgotten_on_success) {
  milliseconds expected(5);
  for (int i = 0; i < 24; ++i) {
    const Time before = clock.now();
    queue.add_rate_limited("shop");
    EXPECT_EQ(queue.retries("shop"), i + 1);
    ASSERT_TRUE(queue.next_due().has_value());
    EXPECT_EQ(*queue.next_due() - before, std::min<Duration>(expected, seconds(1000))) << "failure " << i;
    clock.advance(*queue.next_due() - before);
    ASSERT_EQ(take(), "shop");
    queue.done("shop");
    expected *= 2;
  }
  queue.forget("shop");
  EXPECT_EQ(queue.retries("shop"), 0);
  queue.add_rate_limited("shop");
  EXPECT_EQ(*queue.next_due() - clock.now(), milliseconds(5));
}

TEST_F(DirtyQueue_, RateLimiting_names_fail_independently) {
  for (int i = 0; i < 5; ++i) queue.add_rate_limited("bad");
  queue.add_rate_limited("good");
  EXPECT_EQ(queue.retries("bad"), 5);
  EXPECT_EQ(queue.retries("good"), 1);
}

TEST_F(DirtyQueue_, RateLimiting_waits_at_least_as_long_as_the_server_asked) {
  queue.add_rate_limited("shop", seconds(7));
  EXPECT_EQ(*queue.next_due() - clock.now(), seconds(7));
}

TEST_F(DirtyQueue_, a_burst_of_events_is_one_run_200_ms_after_the_first) {
  queue.add_debounced("shop");
  clock.advance(milliseconds(150));
  queue.add_debounced("shop");
  EXPECT_EQ(take(), "");
  clock.advance(milliseconds(50));
  EXPECT_EQ(take(), "shop");
  queue.done("shop");
  clock.advance(seconds(1));
  EXPECT_EQ(take(), "");
}

TEST_F(DirtyQueue_, an_event_during_a_run_is_a_run_200_ms_after_it) {
  queue.add("shop");
  EXPECT_EQ(take(), "shop");
  queue.add_debounced("shop");
  queue.done("shop");
  EXPECT_EQ(take(), "");
  clock.advance(milliseconds(200));
  EXPECT_EQ(take(), "shop");
}

TEST_F(DirtyQueue_, knows_how_long_names_are_worked_on) {
  queue.add("a");
  queue.add("b");
  EXPECT_EQ(take(), "a");
  clock.advance(seconds(2));
  EXPECT_EQ(take(), "b");
  clock.advance(seconds(1));
  EXPECT_DOUBLE_EQ(queue.running().total_seconds, 4);
  EXPECT_DOUBLE_EQ(queue.running().longest_seconds, 3);
}

}  // namespace
}  // namespace meshgraft
