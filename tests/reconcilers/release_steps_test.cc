// Every state of a release that can be seen, and the one step that follows.

#include "reconcilers/release_steps.h"

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <vector>

namespace meshgraft {
namespace {

using Version = ReleaseSeen::Version;
using Do = ReleaseAct::Kind;

// 70/30 between two ready versions; somebody asked for a promotion, and the record says so.
ReleaseSeen shared() {
  ReleaseSeen seen;
  seen.promote = seen.recorded = true;
  seen.former = true;
  seen.ready = 3;
  seen.gray_there = true;
  seen.gray_ready = seen.gray_replicas = 1;
  seen.routes = Version::both;
  seen.principal_subset = seen.gray_subset = true;
  seen.routed_for = 60'000;
  return seen;
}
ReleaseSeen gray_serves() {
  ReleaseSeen seen = shared();
  seen.governor = seen.routes = Version::gray;
  return seen;
}
ReleaseSeen principal_is_updated() {
  ReleaseSeen seen = gray_serves();
  seen.former = false;
  seen.wanted = true;
  return seen;
}
ReleaseSeen principal_serves() {
  ReleaseSeen seen = principal_is_updated();
  seen.governor = seen.routes = Version::principal;
  return seen;
}
ReleaseSeen taken_back(ReleaseSeen seen) {
  seen.promote = false;
  return seen;
}
Do next(const ReleaseSeen& seen) { return next_release_step(seen).kind; }

TEST(ReleaseSteps, a_promotion_goes_from_sharing_to_the_end) {
  ReleaseSeen seen = shared();
  seen.recorded = false;
  EXPECT_EQ(next(seen), Do::record);
  seen.recorded = true;
  EXPECT_EQ(next(seen), Do::to_gray);
  seen.governor = Version::gray;
  EXPECT_EQ(next(seen), Do::wait) << "the VirtualService does not say so yet";
  seen.routes = Version::gray;
  seen.routed_for = 4'000;
  EXPECT_EQ(next(seen), Do::wait);
  EXPECT_EQ(next_release_step(seen).wake, 8'000);
  seen.routed_for = 12'000;
  EXPECT_EQ(next(seen), Do::update);
  seen.former = false;
  seen.wanted = true;
  seen.rollout = Rollout::under_way;
  EXPECT_EQ(next(seen), Do::wait);
  seen.rollout = Rollout::complete;
  EXPECT_EQ(next(seen), Do::to_principal);
  seen.governor = Version::principal;
  EXPECT_EQ(next(seen), Do::wait);
  seen.routes = Version::principal;
  seen.routed_for = 11'999;
  EXPECT_EQ(next_release_step(seen).wake, 1);
  seen.routed_for = 12'000;
  EXPECT_EQ(next(seen), Do::remove_gray);
  seen.gray_leaving = true;
  EXPECT_EQ(next(seen), Do::wait);
  seen.gray_there = seen.gray_leaving = false;
  seen.gray_ready = seen.gray_replicas = 0;
  EXPECT_EQ(next(seen), Do::wait) << "KubeSphere still has the subset";
  seen.gray_subset = false;
  EXPECT_EQ(next(seen), Do::close);
}

TEST(ReleaseSteps, the_same_image_in_both_costs_no_restart) {
  ReleaseSeen seen = shared();
  seen.wanted = true;
  EXPECT_EQ(next(seen), Do::to_principal);
}

TEST(ReleaseSteps, gray_takes_over_only_with_all_its_pods_and_a_subset) {
  ReleaseSeen seen = shared();
  seen.gray_replicas = 2;
  EXPECT_EQ(next(seen), Do::wait);
  seen = shared();
  seen.gray_subset = false;
  EXPECT_EQ(next(seen), Do::wait);
  seen = shared();
  seen.gray_ready = 0;
  EXPECT_EQ(next(seen), Do::wait);
}

TEST(ReleaseSteps, an_image_that_gray_has_not_rolled_out_is_not_copied_though_its_former_pods_serve) {
  for (const Rollout rollout : {Rollout::under_way, Rollout::exceeded, Rollout::fresh}) {
    ReleaseSeen seen = shared();
    seen.gray_rollout = rollout;
    EXPECT_EQ(next(seen), Do::wait);
    EXPECT_EQ(next_release_step(seen).step, ReleaseStep::to_gray);
    seen = gray_serves();
    seen.gray_rollout = rollout;
    EXPECT_EQ(next(seen), Do::wait) << "it got another image on the way";
    EXPECT_EQ(next_release_step(seen).step, ReleaseStep::updating);
    EXPECT_EQ(next(taken_back(seen)), Do::to_principal) << "an abort does not wait for it";
  }
}

TEST(ReleaseSteps, a_principal_that_rolls_for_its_owner_is_waited_for) {
  ReleaseSeen seen = shared();
  seen.rollout = Rollout::under_way;
  EXPECT_EQ(next(seen), Do::wait);
}

TEST(ReleaseSteps, an_image_that_does_not_become_ready_is_held_and_goes_back_while_gray_serves) {
  ReleaseSeen seen = principal_is_updated();
  seen.rollout = Rollout::exceeded;
  seen.failed = "not available within 600 s";
  EXPECT_EQ(next(seen), Do::hold);
  seen.held = true;
  EXPECT_EQ(next(seen), Do::restore);
  seen.former = true;
  seen.wanted = false;
  seen.rollout = Rollout::under_way;
  EXPECT_EQ(next_release_step(seen).finding, "MG804");
  seen.rollout = Rollout::complete;
  EXPECT_EQ(next(seen), Do::stop);
  EXPECT_EQ(next(taken_back(seen)), Do::to_principal);
}

TEST(ReleaseSteps, a_principal_that_was_available_and_crashes_now_takes_no_request_and_no_gray_away) {
  ReleaseSeen seen = principal_is_updated();
  seen.rollout = Rollout::degraded;
  EXPECT_EQ(next(seen), Do::wait);
  seen = principal_serves();
  seen.rollout = Rollout::degraded;
  EXPECT_EQ(next(seen), Do::wait) << "gray is still there to take the requests back";
  seen = taken_back(shared());
  seen.rollout = Rollout::degraded;
  EXPECT_EQ(next(seen), Do::to_principal) << "who takes it back wants the former version as it is";
}

TEST(ReleaseSteps, what_somebody_else_gave_the_principal_is_not_overwritten) {
  ReleaseSeen seen = gray_serves();
  seen.former = false;
  EXPECT_EQ(next(seen), Do::stop);
  EXPECT_EQ(next_release_step(seen).finding, "MG805");
  seen.written = true;
  EXPECT_EQ(next(seen), Do::update) << "what we gave it before gray changed";
}

TEST(ReleaseSteps, an_abort_gives_the_traffic_back_and_removes_gray) {
  EXPECT_EQ(next(taken_back(shared())), Do::to_principal);
  EXPECT_EQ(next(taken_back(gray_serves())), Do::to_principal);
  ReleaseSeen seen = taken_back(principal_serves());
  seen.former = true;
  EXPECT_EQ(next(seen), Do::remove_gray);
}

TEST(ReleaseSteps, an_abort_after_the_image_restores_the_principal_while_gray_serves) {
  ReleaseSeen seen = taken_back(principal_is_updated());
  EXPECT_EQ(next(seen), Do::restore);
  seen.former = true;
  seen.wanted = false;
  seen.rollout = Rollout::under_way;
  EXPECT_EQ(next(seen), Do::wait);
  seen.rollout = Rollout::complete;
  EXPECT_EQ(next(seen), Do::to_principal);
  EXPECT_EQ(next(taken_back(principal_serves())), Do::to_gray) << "both run the same then";
}

TEST(ReleaseSteps, an_abort_does_not_wait_for_a_gray_that_serves_nobody) {
  ReleaseSeen seen = taken_back(principal_is_updated());
  seen.gray_ready = 0;
  seen.gray_subset = false;
  seen.rollout = Rollout::under_way;
  seen.ready = 1;
  EXPECT_EQ(next(seen), Do::to_principal);
  seen.governor = seen.routes = Version::principal;
  EXPECT_EQ(next(seen), Do::restore);
}

TEST(ReleaseSteps, a_gray_that_somebody_deleted_gives_the_principal_everything_at_once) {
  ReleaseSeen seen = gray_serves();
  seen.gray_there = seen.gray_subset = false;
  seen.gray_ready = seen.gray_replicas = 0;
  EXPECT_EQ(next(seen), Do::to_principal);
  seen.governor = seen.routes = Version::principal;
  EXPECT_EQ(next_release_step(seen).finding, "MG805");
  EXPECT_EQ(next(taken_back(seen)), Do::close);
}

// Every state that can be seen, the impossible ones too.
void each_state(const std::function<void(const ReleaseSeen&)>& look) {
  constexpr std::array kWho{Version::nobody, Version::principal, Version::gray, Version::both};
  constexpr std::array kRollouts{Rollout::complete, Rollout::empty, Rollout::under_way, Rollout::exceeded, Rollout::degraded};
  for (unsigned bits = 0; bits < (1U << 11U); ++bits) {
    const auto bit = [bits](unsigned n) { return (bits >> n & 1U) != 0; };
    for (const Version governor : kWho) {
      for (const Version routes : kWho) {
        for (const Rollout rollout : kRollouts) {
          ReleaseSeen seen;
          seen.promote = bit(0);
          seen.recorded = bit(1);
          seen.held = bit(2);
          seen.wanted = bit(3);
          seen.former = bit(4);
          seen.written = bit(5);
          seen.gray_there = bit(6);
          seen.gray_ready = seen.gray_there && bit(7) ? 2 : 0;
          seen.gray_replicas = seen.gray_there ? 2 : 0;
          seen.routed_for = bit(8) ? 12'000 : 0;
          seen.principal_subset = bit(9);
          seen.gray_subset = bit(10);
          seen.governor = governor;
          seen.routes = routes;
          seen.rollout = rollout;
          seen.ready = seen.principal_subset ? 1 : 0;
          if (rollout == Rollout::exceeded) seen.failed = "not available";
          look(seen);
        }
      }
    }
  }
}

TEST(ReleaseSteps, in_no_state_callers_are_sent_to_nobody) {
  each_state([](const ReleaseSeen& seen) {
    const ReleaseAct act = next_release_step(seen);
    if (act.kind == Do::to_gray) {
      ASSERT_TRUE(seen.gray_subset && seen.gray_ready > 0);
    }
    if (act.kind == Do::to_principal) {
      ASSERT_TRUE(seen.principal_subset);
    }
    if (act.kind == Do::remove_gray || act.kind == Do::close) {
      ASSERT_TRUE(seen.governor == Version::principal && seen.routes == Version::principal && seen.routed_for >= kRouteSettles);
      ASSERT_TRUE(seen.principal_subset);
      ASSERT_TRUE(seen.rollout == Rollout::complete || (seen.rollout == Rollout::degraded && (!seen.promote || seen.gray_ready == 0)));
      ASSERT_TRUE(!seen.promote || seen.wanted);
    }
    if (act.kind == Do::update) {
      ASSERT_TRUE(seen.promote && !seen.held && seen.gray_ready > 0 && seen.routes == Version::gray && seen.routed_for >= kRouteSettles);
    }
    // A principal that nobody but it can stand in for is restored only as a rolling update of its own.
    if (act.kind == Do::restore && seen.gray_ready > 0) {
      ASSERT_TRUE(seen.routes == Version::gray && seen.routed_for >= kRouteSettles);
    }
    if (act.kind == Do::close) {
      ASSERT_TRUE(!seen.gray_there && !seen.gray_subset);
    }
    if (act.kind != Do::record) {
      ASSERT_TRUE(seen.recorded);
    }
  });
}

TEST(ReleaseSteps, in_every_state_something_is_done_or_it_is_said_what_is_waited_for) {
  each_state([](const ReleaseSeen& seen) {
    const ReleaseAct act = next_release_step(seen);
    if (act.kind == Do::wait || act.kind == Do::stop) {
      ASSERT_FALSE(act.why.empty());
    }
    ASSERT_EQ(act.kind == Do::stop, !act.finding.empty());
  });
}

}  // namespace
}  // namespace meshgraft
