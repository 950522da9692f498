// Every state of a replace that can be seen, and the one step that follows.

#include "reconcilers/replace_steps.h"

#include <gtest/gtest.h>

namespace meshgraft {
namespace {

using Holder = Seen::Holder;
using Kind = Step::Kind;

// The Deployment of three pods as it was; a record of it exists.
Seen original() {
  Seen seen;
  seen.holder = Holder::original;
  seen.replicas = 3;
  seen.max_unavailable = 0;
  return seen;
}

OldSet old_set(std::int64_t replicas, std::int64_t ready = -1) {
  OldSet old;
  old.name = "web-1";
  old.replicas = old.pods = replicas;
  old.ready = ready < 0 ? replicas : ready;
  old.serving = true;
  return old;
}

// Orphaned: nobody has the name, the old pods serve.
Seen orphaned() {
  Seen seen = original();
  seen.holder = Holder::nobody;
  seen.old = {old_set(3)};
  seen.serving = seen.serving_old = 3;
  return seen;
}

// The new Deployment is there, known to the record, and all its pods serve beside the old ones.
Seen serving() {
  Seen seen = orphaned();
  seen.holder = Holder::planted;
  seen.acknowledged = true;
  seen.no_record = true;
  seen.serving = 6;
  seen.available_for = 0;
  return seen;
}

Seen handed_over() {
  Seen seen = serving();
  seen.old = {old_set(0)};
  seen.serving = 3;
  seen.serving_old = 0;
  return seen;
}

TEST(ReplaceSteps, a_recorded_deployment_is_deleted_without_its_replica_sets) {
  EXPECT_EQ(next_step(original()).kind, Kind::orphan);
}

TEST(ReplaceSteps, a_pod_that_an_endpoint_still_names_is_not_silent_whatever_its_set_counts) {
  Seen seen = serving();
  seen.old = {old_set(3, 0)};  // the ReplicaSet says that none of its pods is ready
  seen.serving = 3;
  seen.serving_old = seen.most_old = 3;  // and all that serve are its
  EXPECT_EQ(next_step(seen).kind, Kind::wait);
  seen.serving_old = seen.most_old = 0;  // the new ones do
  EXPECT_EQ(next_step(seen).kind, Kind::scale_down);
}

TEST(ReplaceSteps, one_that_changed_since_it_was_recorded_is_recorded_anew) {
  Seen seen = original();
  seen.changed = true;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceSteps, before_anything_is_deleted_the_record_alone_goes_back) {
  Seen seen = original();
  seen.wanted = false;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceSteps, a_subset_that_is_routed_to_stays) {
  Seen seen = original();
  seen.blocked = "VirtualService shop/web still routes to its subset v1";
  const Step step = next_step(seen);
  EXPECT_EQ(step.kind, Kind::wait);
  EXPECT_GT(step.wake, 0);
}

TEST(ReplaceSteps, the_name_is_free_when_it_is_seen_to_be) {
  Seen seen = original();
  seen.leaving = true;
  EXPECT_EQ(next_step(seen).kind, Kind::wait);
  EXPECT_EQ(next_step(orphaned()).kind, Kind::plant);
}

TEST(ReplaceSteps, a_deployment_that_its_owner_deleted_is_not_created_again) {
  Seen seen = orphaned();
  seen.old.clear();
  seen.serving = seen.serving_old = 0;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
  seen.collected = true;
  EXPECT_EQ(next_step(seen).kind, Kind::wait) << "its ReplicaSets are being deleted with it";
}

TEST(ReplaceSteps, one_whose_replica_set_somebody_else_adopted_comes_all_the_same) {
  Seen seen = orphaned();
  seen.old.clear();
  seen.serving = seen.serving_old = 0;
  seen.taken = true;
  EXPECT_EQ(next_step(seen).kind, Kind::plant);
}

TEST(ReplaceSteps, one_that_its_owner_deleted_after_it_was_planted_takes_its_old_pods_along_after_a_minute) {
  Seen seen = orphaned();
  seen.acknowledged = true;
  seen.gone_for = 10;
  const Step step = next_step(seen);
  EXPECT_EQ(step.kind, Kind::wait);
  EXPECT_EQ(step.wake, 50'000);
  seen.gone_for = 60;
  EXPECT_EQ(next_step(seen).kind, Kind::clean_up);
  seen.old.clear();
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceSteps, the_record_stays_while_the_deployment_that_took_the_old_pods_over_may_not_have_been_seen) {
  Seen seen = orphaned();
  seen.acknowledged = true;
  seen.old.clear();
  seen.taken = true;
  seen.gone_for = 10;
  EXPECT_EQ(next_step(seen).kind, Kind::wait);
  seen.holder = Holder::other;
  EXPECT_EQ(next_step(seen).kind, Kind::stop);
  seen.holder = Holder::nobody;
  seen.gone_for = 60;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceSteps, somebody_elses_deployment_of_that_name_ends_it) {
  Seen seen = orphaned();
  seen.holder = Holder::other;
  EXPECT_EQ(next_step(seen).kind, Kind::stop);
  seen.wanted = false;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceSteps, the_planted_one_is_written_into_the_record_first) {
  Seen seen = serving();
  seen.acknowledged = false;
  EXPECT_EQ(next_step(seen).kind, Kind::acknowledge);
  seen.wanted = false;
  EXPECT_EQ(next_step(seen).kind, Kind::acknowledge);
}

TEST(ReplaceSteps, no_old_pod_goes_before_the_new_ones_are_ready) {
  Seen seen = serving();
  seen.rollout = Rollout::under_way;
  const Step step = next_step(seen);
  EXPECT_EQ(step.kind, Kind::wait);
  EXPECT_EQ(step.wake, 60'000) << "a pod that crashes is none of its Deployment's events";
}

TEST(ReplaceSteps, old_pods_go_one_by_one_or_as_many_as_may_be_unavailable) {
  Seen seen = serving();
  Step step = next_step(seen);
  EXPECT_EQ(step.kind, Kind::scale_down);
  EXPECT_EQ(step.replicas, 2);
  seen.max_unavailable = 2;
  EXPECT_EQ(next_step(seen).replicas, 1);
  seen.max_unavailable = 100;
  EXPECT_EQ(next_step(seen).replicas, 0);
}

TEST(ReplaceSteps, never_fewer_ready_endpoints_than_replicas) {
  Seen seen = serving();
  for (std::int64_t ready = 0; ready <= 8; ++ready) {
    for (std::int64_t may_be_unavailable = 0; may_be_unavailable <= 4; ++may_be_unavailable) {
      seen.serving = ready;
      seen.max_unavailable = may_be_unavailable;
      const Step step = next_step(seen);
      if (step.kind != Kind::scale_down) {
        EXPECT_EQ(step.kind, Kind::wait);
        EXPECT_LE(ready, seen.replicas);
        continue;
      }
      EXPECT_GE(ready - (seen.old[0].replicas - step.replicas), seen.replicas);
    }
  }
}

TEST(ReplaceSteps, old_pods_that_are_not_ready_serve_nobody_and_may_go) {
  Seen seen = serving();
  seen.old = {old_set(3, 1)};
  seen.serving = 3;
  seen.max_unavailable = 3;
  const Step step = next_step(seen);
  EXPECT_EQ(step.kind, Kind::scale_down);
  EXPECT_EQ(step.replicas, 1);
}

TEST(ReplaceSteps, the_next_step_waits_until_the_last_has_had_its_effect) {
  Seen seen = serving();
  seen.old[0].settled = false;
  const Step step = next_step(seen);
  EXPECT_EQ(step.kind, Kind::wait);
  EXPECT_EQ(step.wake, 1000);
}

TEST(ReplaceSteps, the_former_replica_sets_stay_for_half_a_minute_of_availability) {
  Seen seen = handed_over();
  seen.available_for = 12;
  const Step step = next_step(seen);
  EXPECT_EQ(step.kind, Kind::wait);
  EXPECT_EQ(step.wake, 18'000);
  seen.min_ready_seconds = 120;
  EXPECT_EQ(next_step(seen).wake, 108'000);
  seen.available_for = 120;
  EXPECT_EQ(next_step(seen).kind, Kind::remove_sets);
}

TEST(ReplaceSteps, it_closes_with_the_undo_record_and_then_without_its_own) {
  Seen seen = handed_over();
  seen.available_for = 30;
  EXPECT_EQ(next_step(seen).kind, Kind::remove_sets);
  seen.old.clear();
  EXPECT_EQ(next_step(seen).kind, Kind::bind);
  seen.no_record = false;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceSteps, without_replicas_nothing_is_waited_for) {
  Seen seen = handed_over();
  seen.replicas = 0;
  seen.rollout = Rollout::empty;
  seen.serving = 0;
  EXPECT_EQ(next_step(seen).kind, Kind::remove_sets);
}

TEST(ReplaceSteps, new_pods_that_do_not_become_ready_lead_back_and_are_not_tried_again) {
  Seen seen = serving();
  seen.rollout = Rollout::exceeded;
  seen.failed = "not available within 600 s";
  const Step step = next_step(seen);
  EXPECT_EQ(step.kind, Kind::turn_back);
  EXPECT_TRUE(step.held);
  EXPECT_EQ(step.why, "not available within 600 s");
}

TEST(ReplaceSteps, a_label_that_is_removed_on_the_way_leads_back) {
  for (Seen seen : {orphaned(), serving(), handed_over()}) {
    seen.wanted = false;
    seen.unwanted = "the label was removed";
    const Step step = next_step(seen);
    EXPECT_EQ(step.kind, Kind::turn_back);
    EXPECT_FALSE(step.held);
  }
}

TEST(ReplaceSteps, once_the_former_replica_sets_are_gone_it_goes_on_to_its_end) {
  Seen seen = handed_over();
  seen.old.clear();
  seen.wanted = false;
  EXPECT_EQ(next_step(seen).kind, Kind::bind);
  seen.no_record = false;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceSteps, what_somebody_changed_in_the_template_meanwhile_is_not_taken_back) {
  Seen seen = serving();
  seen.others_template = true;
  seen.wanted = false;
  EXPECT_EQ(next_step(seen).kind, Kind::scale_down) << "on to the end, and back afterwards";
  seen.rollout = Rollout::exceeded;
  seen.failed = "not available within 600 s";
  EXPECT_EQ(next_step(seen).kind, Kind::wait) << "his rollout, his to mend; the old pods serve";
}

TEST(ReplaceSteps, back_means_that_the_former_pods_serve_before_the_new_ones_go) {
  Seen seen = handed_over();
  seen.back = true;
  Step step = next_step(seen);
  EXPECT_EQ(step.kind, Kind::scale_up);
  EXPECT_EQ(step.replicas, 3);
  seen.old = {old_set(3, 1)};
  seen.serving_old = 1;
  step = next_step(seen);
  EXPECT_EQ(step.kind, Kind::wait);
  EXPECT_EQ(step.wake, 1000);
  seen.old = {old_set(3)};
  seen.serving_old = 3;
  EXPECT_EQ(next_step(seen).kind, Kind::remove_planted);
  seen.leaving = true;
  EXPECT_EQ(next_step(seen).kind, Kind::wait);
}

TEST(ReplaceSteps, back_from_an_adopted_replica_set_leaves_it_its_pods) {
  Seen seen = serving();
  seen.back = true;
  seen.adopted = true;
  seen.old.clear();
  EXPECT_EQ(next_step(seen).kind, Kind::remove_planted);
}

TEST(ReplaceSteps, back_ends_with_the_original_and_without_a_record) {
  Seen seen = orphaned();
  seen.back = true;
  seen.acknowledged = true;
  EXPECT_EQ(next_step(seen).kind, Kind::restore);
  seen.holder = Holder::other;
  seen.unbound = true;
  EXPECT_EQ(next_step(seen).kind, Kind::bind_restored);
  seen.unbound = false;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

TEST(ReplaceSteps, without_the_replica_set_to_go_back_to_both_sides_stay) {
  Seen seen = serving();
  seen.back = true;
  seen.old.clear();
  EXPECT_EQ(next_step(seen).kind, Kind::wait);
}

TEST(ReplaceSteps, what_was_restored_and_deleted_by_somebody_is_not_restored_again) {
  Seen seen = orphaned();
  seen.back = true;
  EXPECT_EQ(next_step(seen).kind, Kind::restore);
  seen.taken_away = true;
  EXPECT_EQ(next_step(seen).kind, Kind::forget);
}

}  // namespace
}  // namespace meshgraft
