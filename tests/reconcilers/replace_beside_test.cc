// naming=versioned: every state that can be seen of a replace under another name, and the one step that follows.

#include <gtest/gtest.h>

#include "reconcilers/replace_steps.h"

namespace meshgraft {
namespace {

using Holder = Seen::Holder;
using Kind = Step::Kind;

// The Deployment of three pods as it was; a record of it exists, and nobody has the new name.
Seen recorded() {
  Seen seen;
  seen.beside = seen.former = true;
  seen.holder = Holder::nobody;
  seen.former_replicas = seen.former_ready = seen.former_serving = 3;
  return seen;
}

// The new one is there, known to the record, and all its pods have served for long enough.
Seen serving() {
  Seen seen = recorded();
  seen.holder = Holder::planted;
  seen.acknowledged = seen.no_record = true;
  seen.replicas = seen.serving = 3;
  seen.available_for = kProbation;
  return seen;
}

TEST(ReplaceBeside, nothing_is_deleted_before_the_new_one_comes) { EXPECT_EQ(next_step(recorded()).kind, Kind::plant); }

TEST(ReplaceBeside, the_new_one_is_named_in_the_record_first) {
  Seen seen = serving();
  seen.acknowledged = false;
  EXPECT_EQ(next_step(seen).kind, Kind::acknowledge);
}

TEST(ReplaceBeside, the_original_goes_when_the_new_one_has_served_for_half_a_minute) {
  Seen seen = serving();
  EXPECT_EQ(next_step(seen).kind, Kind::remove_former);
  seen.available_for = kProbation - 1;
  EXPECT_EQ(next_step(seen).kind, Kind::wait);
  EXPECT_EQ(next_step(seen).wake, 1000);
  seen.available_for = kProbation;
  seen.min_ready_seconds = 60;
  EXPECT_EQ(next_step(seen).kind, Kind::wait);
  seen.available_for = -1;
  EXPECT_EQ(next_step(seen).kind, Kind::remove_former) << "nobody knows since when";
}

TEST(ReplaceBeside, it_stays_while_pods_or_endpoints_of_the_new_one_are_missing_or_something_routes_to_it) {
  Seen seen = serving();
  seen.serving = 2;
  EXPECT_EQ(next_step(seen).kind, Kind::wait);
  seen = serving();
  seen.rollout = Rollout::under_way;
  EXPECT_EQ(next_step(seen).kind, Kind::wait);
  seen = serving();
  seen.blocked = "VirtualService shop/web still routes to its subset v1";
  EXPECT_EQ(next_step(seen).kind, Kind::wait);
}

TEST(ReplaceBeside, autoscalers_are_led_to_the_new_one_before_the_original_goes) {
  Seen seen = serving();
  seen.scaled_former = true;
  EXPECT_EQ(next_step(seen).kind, Kind::lead);
  seen.scaled_former = false;
  seen.scaled_new = true;
  seen.replicas = seen.serving = 5;
  EXPECT_EQ(next_step(seen).kind, Kind::remove_former) << "it has scaled the new one already";
}

TEST(ReplaceBeside, the_new_one_gets_as_many_replicas_as_the_original_has_by_now) {
  Seen seen = serving();
  seen.former_replicas = 4;
  EXPECT_EQ(next_step(seen).kind, Kind::follow);
}

TEST(ReplaceBeside, without_the_original_the_new_one_gets_its_undo_record_and_the_record_goes) {
  Seen seen = serving();
  seen.former = false;
  EXPECT_EQ(next_step(seen).kind, Kind::bind);
  seen.no_record = false;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
  seen.back = true;
  EXPECT_EQ(next_step(seen).kind, Kind::forget) << "there is nothing to go back to";
  seen.rollout = Rollout::exceeded;
  EXPECT_EQ(next_step(seen).kind, Kind::wait) << "its pods were never ready";
}

TEST(ReplaceBeside, what_fails_or_is_not_wanted_or_was_changed_goes_back) {
  Seen seen = serving();
  seen.failed = "it crashes";
  EXPECT_EQ(next_step(seen).kind, Kind::turn_back);
  EXPECT_TRUE(next_step(seen).held);
  seen = serving();
  seen.wanted = false;
  EXPECT_EQ(next_step(seen).kind, Kind::turn_back);
  EXPECT_FALSE(next_step(seen).held);
  seen = serving();
  seen.changed = true;
  EXPECT_EQ(next_step(seen).kind, Kind::turn_back);
  EXPECT_FALSE(next_step(seen).held) << "it is begun anew";
}

TEST(ReplaceBeside, one_that_is_in_use_is_not_taken_away) {
  Seen seen = serving();
  seen.others_template = true;
  seen.wanted = false;
  EXPECT_EQ(next_step(seen).kind, Kind::remove_former) << "on to the end, and back in the order of undo";
  seen.changed = true;
  EXPECT_EQ(next_step(seen).kind, Kind::wait) << "what was changed in the original is not lost";
  EXPECT_EQ(next_step(seen).wake, 0) << "one of the two has to change before anything can be done";
}

TEST(ReplaceBeside, back_means_autoscalers_first_then_the_new_one_then_the_mark_then_the_record) {
  Seen seen = serving();
  seen.back = seen.scaled_new = true;
  EXPECT_EQ(next_step(seen).kind, Kind::lead_back);
  seen.scaled_new = false;
  EXPECT_EQ(next_step(seen).kind, Kind::remove_planted);
  seen.holder = Holder::nobody;
  seen.unbound = true;
  EXPECT_EQ(next_step(seen).kind, Kind::bind_restored);
  seen.unbound = false;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceBeside, the_new_one_serves_on_until_the_former_does) {
  Seen seen = serving();
  seen.back = true;
  seen.former_serving = seen.former_ready = 0;
  EXPECT_EQ(next_step(seen).kind, Kind::wait) << "somebody broke the former one meanwhile";
  EXPECT_EQ(next_step(seen).wake, 60'000) << "its Deployment tells when that changes";
  seen.former_ready = 3;
  EXPECT_EQ(next_step(seen).wake, 1000) << "the endpoints follow within the second";
  seen.former_serving = 3;
  seen.former_rolls = true;
  EXPECT_EQ(next_step(seen).kind, Kind::wait) << "those that serve may be about to go";
  seen.former_rolls = false;
  EXPECT_EQ(next_step(seen).kind, Kind::remove_planted);
  seen.former_serving = 0;
  seen.serving = 0;
  EXPECT_EQ(next_step(seen).kind, Kind::remove_planted) << "nothing is lost with what serves nobody";
}

TEST(ReplaceBeside, an_autoscaler_of_a_former_one_that_somebody_deleted_is_led_on) {
  Seen seen = serving();
  seen.former = false;
  seen.scaled_former = true;
  EXPECT_EQ(next_step(seen).kind, Kind::lead);
  seen.scaled_former = false;
  EXPECT_EQ(next_step(seen).kind, Kind::bind);
}

TEST(ReplaceBeside, an_autoscaler_of_somebody_elses_new_one_is_his) {
  Seen seen = serving();
  seen.back = seen.scaled_new = true;
  seen.holder = Holder::other;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceBeside, what_somebody_deletes_stays_deleted) {
  Seen seen = recorded();
  seen.acknowledged = true;
  EXPECT_EQ(next_step(seen).kind, Kind::turn_back);
  EXPECT_TRUE(next_step(seen).held);
  seen.former = false;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
  seen = recorded();
  seen.former_leaving = true;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceBeside, a_name_that_somebody_takes_meanwhile_is_his) {
  Seen seen = recorded();
  seen.holder = Holder::other;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceBeside, before_the_new_one_comes_nothing_has_happened_yet) {
  Seen seen = recorded();
  seen.changed = true;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
  seen = recorded();
  seen.wanted = false;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

}  // namespace
}  // namespace meshgraft
