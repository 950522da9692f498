// client-go's cases for leader election (tools/leaderelection leaderelection_test.go); their names stand in front.

#include "controller/leader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <random>
#include <thread>

#include "tests/controller/rig.h"

namespace meshgraft {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct LeaderTest : testing::Test {
  SimClock clock;
  fakes::Engine engine;
  fakes::FakeApi api{engine, fakes::FakeApi::WatchMode::drain};
  Leader a{api, clock, "meshgraft-system", "meshgraft", "a"};
  Leader b{api, clock, "meshgraft-system", "meshgraft", "b"};

  LeaderTest() {
    EXPECT_TRUE(
        engine.seed({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "meshgraft-system"}}}}).ok());
  }
  Json spec() const {
    const fakes::Object lease = engine.object("coordination.k8s.io/v1", "Lease", "meshgraft-system", "meshgraft");
    return lease == nullptr ? Json() : (*lease)["spec"];
  }
  void hold(const std::string& holder, const std::string& renewed) {
    ASSERT_TRUE(engine
                    .seed({{"apiVersion", "coordination.k8s.io/v1"},
                           {"kind", "Lease"},
                           {"metadata", {{"name", "meshgraft"}, {"namespace", "meshgraft-system"}}},
                           {"spec",
                            {{"holderIdentity", holder},
                             {"leaseDurationSeconds", 15},
                             {"leaseTransitions", 4},
                             {"acquireTime", renewed},
                             {"renewTime", renewed}}}})
                    .ok());
  }
};
using Leader_ = LeaderTest;

TEST_F(Leader_, TryAcquireOrRenew_a_lease_that_is_not_there_is_created) {
  EXPECT_FALSE(a.may_write());
  EXPECT_TRUE(a.try_acquire_or_renew());
  EXPECT_TRUE(a.may_write());
  EXPECT_EQ(spec()["holderIdentity"], "a");
  EXPECT_EQ(spec()["leaseDurationSeconds"], 15);
  EXPECT_EQ(spec()["leaseTransitions"], 0);
}

TEST_F(Leader_, TryAcquireOrRenew_a_lease_that_another_holds_is_left) {
  ASSERT_TRUE(b.try_acquire_or_renew());
  EXPECT_FALSE(a.try_acquire_or_renew());
  EXPECT_FALSE(a.may_write());
}

TEST_F(Leader_, TryAcquireOrRenew_a_lease_without_holder_is_taken_at_once) {
  hold("", "2026-01-01T00:00:00.000000Z");
  EXPECT_TRUE(a.try_acquire_or_renew());
  EXPECT_EQ(spec()["leaseTransitions"], 5);
}

TEST_F(Leader_, expiry_is_judged_by_when_the_lease_was_last_seen_to_change_not_by_its_times) {
  hold("b", "1999-01-01T00:00:00.000000Z");
  EXPECT_FALSE(a.try_acquire_or_renew()) << "b's clock may be wrong";
  clock.advance(seconds(14));
  EXPECT_FALSE(a.try_acquire_or_renew());
  hold("b", "1999-01-01T00:00:02.000000Z");  // b renewed
  EXPECT_FALSE(a.try_acquire_or_renew());
  clock.advance(seconds(14));
  EXPECT_FALSE(a.try_acquire_or_renew());
  clock.advance(seconds(1));
  EXPECT_TRUE(a.try_acquire_or_renew());
  EXPECT_EQ(spec()["holderIdentity"], "a");
  EXPECT_EQ(spec()["leaseTransitions"], 5);
}

TEST_F(Leader_, FastPath_renewing_is_one_request_and_keeps_when_it_was_acquired) {
  ASSERT_TRUE(a.try_acquire_or_renew());
  const Json before = spec();
  clock.advance(seconds(2));
  api.forget_calls();
  EXPECT_TRUE(a.try_acquire_or_renew());
  ASSERT_EQ(api.calls().size(), 1U);
  EXPECT_EQ(api.calls()[0].verb, fakes::CallVerb::replace);
  EXPECT_EQ(spec()["acquireTime"], before["acquireTime"]);
  EXPECT_NE(spec()["renewTime"], before["renewTime"]);
}

TEST_F(Leader_, a_renewal_that_meets_another_write_looks_first_and_renews) {
  ASSERT_TRUE(a.try_acquire_or_renew());
  Json lease = *engine.object("coordination.k8s.io/v1", "Lease", "meshgraft-system", "meshgraft");
  lease["metadata"]["labels"] = {{"team", "x"}};
  ASSERT_TRUE(engine.seed(lease, "kubectl").ok());
  EXPECT_TRUE(a.try_acquire_or_renew());
  EXPECT_EQ(spec()["holderIdentity"], "a");
}

TEST_F(Leader_, who_cannot_renew_stops_writing_before_anybody_else_may_begin) {
  ASSERT_TRUE(a.try_acquire_or_renew());
  EXPECT_FALSE(b.try_acquire_or_renew());
  clock.advance(seconds(10));
  EXPECT_FALSE(a.may_write());
  EXPECT_FALSE(b.try_acquire_or_renew()) << "a write of a's may be under way for four seconds more";
  clock.advance(seconds(5));
  EXPECT_TRUE(b.try_acquire_or_renew());
  EXPECT_FALSE(a.try_acquire_or_renew());
}

TEST_F(Leader_, ReleaseLease_the_next_need_not_wait) {
  ASSERT_TRUE(a.try_acquire_or_renew());
  a.release();
  EXPECT_FALSE(a.may_write());
  EXPECT_EQ(spec()["holderIdentity"], "");
  EXPECT_TRUE(b.try_acquire_or_renew());
}

TEST_F(Leader_, ReleaseRetriesOnConflict_but_never_gives_away_what_is_not_ours) {
  ASSERT_TRUE(a.try_acquire_or_renew());
  api.fail_write(1, fakes::conflict_fault());
  a.release();
  EXPECT_EQ(spec()["holderIdentity"], "");

  ASSERT_TRUE(b.try_acquire_or_renew());
  hold("c", "2026-01-01T00:00:00.000000Z");
  b.release();
  EXPECT_EQ(spec()["holderIdentity"], "c");
}

TEST_F(Leader_, a_lease_that_cannot_be_renewed_is_lost_after_the_renew_deadline) {
  EXPECT_EQ(a.step(), Leader::Standing::leading);
  EXPECT_EQ(b.step(), Leader::Standing::waiting);
  api.set_fault([](const fakes::Call&) { return std::optional<fakes::Fault>(fakes::refused_fault()); });
  clock.advance(seconds(9));
  EXPECT_EQ(a.step(), Leader::Standing::leading);
  clock.advance(seconds(1));
  EXPECT_EQ(a.step(), Leader::Standing::lost);
  EXPECT_EQ(b.step(), Leader::Standing::waiting) << "who never had it loses nothing";
}

TEST_F(Leader_, CheckMethodRace_the_loop_tells_that_it_leads_and_stops_when_told) {
  std::atomic<int> led{0}, lost{0};
  std::thread loop([this, &led, &lost] { a.run([&led] { ++led; }, [&lost] { ++lost; }); });
  EXPECT_TRUE(a.wait_until_leading());
  while (led == 0) std::this_thread::yield();
  a.stop();
  loop.join();
  EXPECT_EQ(led, 1);
  EXPECT_EQ(lost, 0);
}

TEST_F(Leader_, of_many_tries_at_random_moments_with_lost_answers_never_two_may_write) {
  std::mt19937 random(7);
  Leader c(api, clock, "meshgraft-system", "meshgraft", "c");
  const std::vector<Leader*> all{&a, &b, &c};
  int changes = 0;
  Leader* last = nullptr;
  for (int i = 0; i < 3000; ++i) {
    Leader& one = *all[random() % all.size()];
    if (random() % 4 == 0) api.fail_write(1, random() % 2 == 0 ? fakes::lost_answer_fault() : fakes::refused_fault());
    const bool ours = one.try_acquire_or_renew();
    if (ours && last != &one) {
      ++changes;
      last = &one;
    }
    if (random() % 50 == 0) one.release();
    int writing = 0;
    for (const Leader* leader : all) writing += leader->may_write() ? 1 : 0;
    ASSERT_LE(writing, 1) << "step " << i;
    clock.advance(std::chrono::milliseconds(random() % 6000));
  }
  EXPECT_GT(changes, 10);
}

// A machine's clock that goes too fast or too slow.
class SkewedClock final : public Clock {
 public:
  SkewedClock(SimClock& truth, double rate) : truth_(truth), rate_(rate) {}
  [[nodiscard]] Time now() const override {
    return Time{} + std::chrono::duration_cast<Duration>((truth_.now() - Time{}) * rate_);
  }
  [[nodiscard]] std::chrono::system_clock::time_point utc() const override { return truth_.utc(); }
  void wait_until(Mutex& mutex, Condition& condition, Time deadline) override REQUIRES(mutex) {
    truth_.wait_until(mutex, condition, deadline);
  }
  // The true length of what this machine takes for `length`.
  [[nodiscard]] Duration truly(Duration length) const { return std::chrono::duration_cast<Duration>(length / rate_); }

 private:
  SimClock& truth_;
  const double rate_;
};

struct Machine {
  Machine(SimClock& truth, double rate, Api& api, const std::string& name)
      : clock(truth, rate), leader(api, clock, "meshgraft-system", "meshgraft", name) {}
  SkewedClock clock;
  Leader leader;
  Time writes_until{};  // in true time: the end of the longest write that it may have begun
};

// NTP slews a clock by 0.05 % at most; the machines here are off by twenty times that, each in its own direction.
TEST_F(Leader_, with_skewed_clocks_and_lost_answers_no_write_is_under_way_while_another_may_write) {
  for (unsigned seed = 1; seed <= 5; ++seed) {
    fakes::Engine own;
    ASSERT_TRUE(
        own.seed({{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", "meshgraft-system"}}}}).ok());
    fakes::FakeApi server{own, fakes::FakeApi::WatchMode::drain};
    std::mt19937 random(seed);
    std::deque<Machine> machines;
    machines.emplace_back(clock, 0.99, server, "slow");
    machines.emplace_back(clock, 1.01, server, "fast");
    machines.emplace_back(clock, 1.0, server, "true");
    Machine* last = nullptr;
    int changes = 0;
    for (int i = 0; i < 1500; ++i) {
      Machine& one = machines[random() % machines.size()];
      // A replica that was stopped for a while, answers that were lost, a server that was away.
      if (random() % 3 == 0)
        server.fail_write(1, random() % 2 == 0 ? fakes::lost_answer_fault() : fakes::refused_fault());
      if (one.leader.try_acquire_or_renew() && last != &one) {
        last = &one;
        ++changes;
      }
      for (Machine& writer : machines) {
        if (!writer.leader.may_write()) continue;
        for (const Machine& other : machines) {
          ASSERT_TRUE(&other == &writer || other.writes_until <= clock.now()) << "seed " << seed << ", step " << i;
        }
        writer.writes_until = clock.now() + writer.clock.truly(LiveSink::kWriteDeadline);
      }
      clock.advance(milliseconds(random() % 4000));
    }
    EXPECT_GT(changes, 2) << "seed " << seed;
  }
}

TEST_F(Leader_, who_waits_wakes_when_the_lease_of_the_other_is_over) {
  ASSERT_TRUE(b.try_acquire_or_renew());
  EXPECT_FALSE(a.try_acquire_or_renew());
  EXPECT_EQ(a.wait(), Leader::kRetry);
  clock.advance(milliseconds(14'500));
  EXPECT_FALSE(a.try_acquire_or_renew());
  EXPECT_EQ(a.wait(), milliseconds(500));
  clock.advance(milliseconds(500));
  EXPECT_TRUE(a.try_acquire_or_renew());
  EXPECT_EQ(a.wait(), Leader::kRetry);
}

TEST_F(Leader_, a_sink_lets_nothing_through_when_the_lease_may_be_over) {
  RecordingSink sink;
  GuardedSink guarded(sink, &a);
  const ApiResult<Outcome> before = guarded.carry_out({});
  ASSERT_FALSE(before);
  EXPECT_EQ(before.error().kind, ErrorClass::cancelled);
  ASSERT_TRUE(a.try_acquire_or_renew());
  EXPECT_TRUE(guarded.carry_out({}));
  clock.advance(Leader::kRenewDeadline);
  EXPECT_FALSE(guarded.carry_out({}));
  EXPECT_EQ(sink.changes().size(), 1U);
  EXPECT_TRUE(GuardedSink(sink, nullptr).carry_out({})) << "without election everybody may write";
}

}  // namespace
}  // namespace meshgraft
