#include "reconcilers/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "reconcilers/foresee.h"
#include "reconcilers/rollout.h"
#include "tests/reconcilers/live.h"

namespace meshgraft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The world after every member of `yaml` got its metadata: the next thing to do is a template.
World before_templates(const std::string& yaml) {
  World world = live::world(live::shop() + yaml);
  for (const Change& change : live::plan(world).now) {
    NamespaceView& view = world.namespaces["shop"];
    for (auto& workload : view.workloads) {
      if (workload->key() == change.target) workload = as<Workload>(after(workload, change));
    }
    for (auto& service : view.services) {
      if (service->key() == change.target) service = as<Service>(after(service, change));
    }
  }
  return world;
}

// Carries out the template of `name` without finishing its rollout.
void start_rollout(World& world, const std::string& name) {
  const Plan next = live::plan(world);
  for (auto& workload : world.namespaces["shop"].workloads) {
    if (workload->meta.name != name) continue;
    for (const Change& change : next.now) {
      if (change.target != workload->key()) continue;
      auto started = std::make_shared<Workload>(*as<Workload>(after(workload, change)));
      started->status.updated = 1;
      started->status.replicas = started->replicas + 1;
      started->status.rollout_complete = false;
      workload = started;
    }
  }
}

void set_status(World& world, const std::string& name, void (*change)(Workload&)) {
  for (auto& workload : world.namespaces["shop"].workloads) {
    if (workload->meta.name != name) continue;
    auto changed = std::make_shared<Workload>(*workload);
    change(*changed);
    workload = changed;
  }
}

std::string three() {
  std::string yaml;
  for (const char* name : {"a", "b", "c"}) yaml += live::deployment(name) + live::service(name);
  return yaml;
}

std::string reason(const Plan& plan, const std::string& name, Stage stage = Stage::member_template) {
  for (const Waiting& one : plan.waiting) {
    if (one.target.name == name && one.stage == stage) return one.reason;
  }
  return "";
}

TEST(Gate, one_workload_of_a_namespace_restarts_at_a_time) {
  World world = before_templates(three());
  EXPECT_THAT(live::targets(live::plan(world)), ElementsAre("member-template Deployment shop/a"));
  start_rollout(world, "a");
  const Plan waiting = live::plan(world);
  EXPECT_THAT(waiting.now, IsEmpty());
  EXPECT_EQ(waiting.rolling_count, 1);
  EXPECT_FALSE(waiting.settled);
  EXPECT_EQ(reason(waiting, "b"), "max-rollouts 1 is reached: Deployment shop/a is restarting");
  EXPECT_EQ(waiting.members[0].phase, MemberPhase::rolling);
  set_status(world, "a", [](Workload& a) {
    a.status.updated = a.status.replicas = a.status.ready = a.status.available = a.replicas;
  });
  EXPECT_THAT(live::targets(live::plan(world)), ElementsAre("member-template Deployment shop/b"));
}

TEST(Gate, the_next_waits_for_the_last_surplus_pod) {
  World world = before_templates(three());
  start_rollout(world, "a");
  set_status(world, "a", [](Workload& a) { a.status.updated = a.status.ready = a.status.available = a.replicas; });
  EXPECT_THAT(live::plan(world).now, IsEmpty()) << "an old pod is still there";
}

TEST(Gate, max_rollouts_of_namespace_and_cluster_limit_together) {
  const auto starts = [](int here, int cluster, int elsewhere) {
    World world = before_templates(three());
    auto ns = std::make_shared<Namespace>(*world.namespaces["shop"].ns);
    ns->meta.annotations["meshgraft.io/max-rollouts"] = std::to_string(here);
    world.namespaces["shop"].ns = ns;
    Settings settings;
    settings.max_rollouts = cluster;
    Facts facts = derive_facts(world, settings);
    facts.rolling_elsewhere = elsewhere;
    return plan(world.namespaces.at("shop"), facts, settings).now.size();
  };
  EXPECT_EQ(starts(1, 3, 0), 1U);
  EXPECT_EQ(starts(2, 3, 0), 2U);
  EXPECT_EQ(starts(5, 3, 0), 3U);
  EXPECT_EQ(starts(5, 3, 1), 2U);
  EXPECT_EQ(starts(5, 3, 3), 0U);
  EXPECT_EQ(starts(5, 3, 7), 0U);
}

TEST(Gate, a_workload_that_misses_its_deadline_stops_the_queue_and_is_named) {
  World world = before_templates(three());
  start_rollout(world, "a");
  set_status(world, "a", [](Workload& a) {
    a.status.deadline_exceeded = true;
    a.status.message = "ReplicaSet \"a-1\" has timed out progressing.";
  });
  const Plan stopped = live::plan(world);
  EXPECT_THAT(stopped.now, IsEmpty());
  EXPECT_THAT(live::codes(stopped), HasSubstr("MG215"));
  EXPECT_THAT(reason(stopped, "b"), HasSubstr("stops the queue (MG215)"));
  EXPECT_EQ(stopped.rolling_count, 0) << "other namespaces go on";
  EXPECT_FALSE(stopped.settled);
}

TEST(Gate, who_is_not_touched_and_who_goes_on) {
  struct Case {
    const char* sentence;
    std::string first;    // Deployment a; b is an ordinary one
    const char* starts;   // which templates change now
    const char* finding;  // a code that must be there, "" for none of MG2xx but MG203
    const char* why;      // of a's waiting
  };
  const Case cases[] = {
      {"one that was broken before is skipped and stops nobody",
       live::deployment("a", "", "",
                        "observedGeneration: 3, replicas: 2, updatedReplicas: 2, readyReplicas: 1, availableReplicas: "
                        "1, conditions: [{type: Progressing, "
                        "status: \"True\", reason: NewReplicaSetAvailable}]"),
       "b", "MG224", "it was not available before (MG224)"},
      {"one whose own rollout has failed is skipped too",
       live::deployment("a", "", "",
                        "observedGeneration: 3, replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: "
                        "2, conditions: [{type: Progressing, "
                        "status: \"False\", reason: ProgressDeadlineExceeded, message: stuck}]"),
       "b", "MG224", "it was not available before (MG224)"},
      {"a rollout of its owner is waited for",
       live::deployment(
           "a", "", "",
           "observedGeneration: 3, replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2"),
       "b", "", "a rollout of its own is under way: 1 of 2 updated, 2 available"},
      {"a paused Deployment is named", live::deployment("a", "paused: true"), "b", "MG223", "spec.paused is true"},
      {"Recreate is held", live::deployment("a", "strategy: {type: Recreate}"), "b", "MG209",
       "its restart would leave a gap (MG209)"},
      {"one replica without surge is held",
       live::deployment("a", "replicas: 1\n  strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}"), "b",
       "MG209", "its restart would leave a gap (MG209)"},
      {"one replica with the default surge is not", live::deployment("a", "replicas: 1"), "a", "", "max-rollouts 1"},
      {"Recreate with the owner's consent goes",
       live::deployment("a", "strategy: {type: Recreate}", "annotations: {meshgraft.io/accept-outage: \"true\"}"), "a",
       "", ""},
      {"one held after a roll-back stays so", live::deployment("a", "", "annotations: {meshgraft.io/held: it crashed}"),
       "b", "MG225", "held: it crashed"},
      {"no replicas: at once and outside the gate",
       live::deployment("a", "replicas: 0", "", "observedGeneration: 3, replicas: 0"), "a b", "", ""},
      {"never ready yet: at once and outside the gate",
       [] {
         std::string fresh = live::deployment(
             "a", "", "annotations: {deployment.kubernetes.io/revision: \"1\"}",
             "observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 0, availableReplicas: 0");
         return fresh.replace(fresh.find("generation: 3"), 13, "generation: 1");
       }(),
       "a b", "", ""},
  };
  for (const Case& one : cases) {
    const Plan next =
        live::plan(before_templates(one.first + live::service("a") + live::deployment("b") + live::service("b")));
    std::string starts;
    for (const Change& change : next.now) {
      if (change.stage == Stage::member_template) starts += (starts.empty() ? "" : " ") + change.target.name;
    }
    EXPECT_EQ(starts, one.starts) << one.sentence;
    std::string found;
    for (const Finding& finding : next.findings) {
      if (finding.code.starts_with("MG2") && finding.code != "MG203") found += finding.code;
    }
    EXPECT_EQ(found, one.finding) << one.sentence;
    const std::string why = reason(next, "a");
    EXPECT_EQ(starts == "b" ? why : one.why, one.why) << one.sentence;
  }
}

// Else one that its controller looked at sooner would go before a callee, or before the first by name.
TEST(Gate, a_status_that_is_older_than_the_spec_is_not_believed_and_keeps_the_others_waiting) {
  const std::string unseen = live::deployment("a", "", "", "observedGeneration: 2, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2");
  const Plan next = live::plan(before_templates(unseen + live::service("a") + live::deployment("b") + live::service("b")));
  for (const Change& change : next.now) EXPECT_NE(change.stage, Stage::member_template) << change.target.name;
  EXPECT_EQ(reason(next, "a"), "a rollout of its own is under way: 2 of 2 updated, 2 available, before its latest change");
  EXPECT_EQ(reason(next, "b"), "the latest change of Deployment shop/a has not been seen by its controller");
}

TEST(Gate, callees_restart_before_callers_and_the_front_last) {
  const std::string ingress =
      "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i, uid: i}\nspec:\n  rules: [{http: "
      "{paths: [{path: /, pathType: Prefix, "
      "backend: {service: {name: a, port: {number: 80}}}}]}}]\n";
  const std::string yaml = live::deployment("b", "env: [{name: URL, value: \"http://d.shop:80/x\"}]") +
                           live::service("b") + live::deployment("a") + live::service("a") + live::deployment("c") +
                           live::service("c") + live::deployment("d") + live::service("d") + ingress;
  std::string order;
  for (const Foreseen::Step& step : foresee(live::world(live::shop() + yaml), {}).steps) {
    if (step.change.impact == Impact::restart) order += step.change.target.name;
  }
  EXPECT_EQ(order, "cdba") << "d before its caller b, the one behind the Ingress last";
}

TEST(Gate, callers_of_each_other_start_with_the_first_by_name) {
  const std::string yaml = live::deployment("a", "env: [{name: PEER, value: b}]") + live::service("a") +
                           live::deployment("b", "env: [{name: PEER, value: a}]") + live::service("b");
  std::string order;
  for (const Foreseen::Step& step : foresee(live::world(live::shop() + yaml), {}).steps) {
    if (step.change.impact == Impact::restart) order += step.change.target.name;
  }
  EXPECT_EQ(order, "ab");
}

TEST(Gate, a_joined_workload_whose_pod_fails_later_holds_up_nobody) {
  World world = foresee(live::world(live::shop() + live::deployment("a") + live::service("a")), {}).after;
  set_status(world, "a", [](Workload& a) { a.status.ready = a.status.available = 1; });
  const Plan calm = live::plan(world);
  EXPECT_EQ(calm.rolling_count, 0);
  EXPECT_TRUE(calm.settled);
  EXPECT_EQ(calm.members[0].phase, MemberPhase::joined);
  EXPECT_THAT(calm.members[0].why, HasSubstr("not all pods are available"));
}

TEST(Rollout, gaps_are_computed_as_the_deployment_controller_rounds) {
  struct Row {
    std::int64_t replicas;
    const char *surge, *unavailable;
    bool gap;
  };
  const Row rows[] = {
      {1, "", "", false},     {1, "0", "", true},     {1, "0%", "25%", true}, {1, "25%", "0", false},
      {1, "1", "1", true},    {2, "0", "1", false},   {2, "0", "50%", false}, {2, "1", "100%", true},
      {4, "0", "25%", false}, {3, "0", "99%", false}, {0, "0", "1", false},
  };
  const auto read = [](std::string_view text) {
    IntOrString value;
    if (text.ends_with('%')) {
      value.text = text;
    } else if (!text.empty()) {
      value.number = text[0] - '0';
      value.zero = value.number == 0;
    }
    return value;
  };
  for (const Row& row : rows) {
    Workload workload;
    workload.replicas = row.replicas;
    workload.max_surge = read(row.surge);
    workload.max_unavailable = read(row.unavailable);
    EXPECT_EQ(restart_leaves_a_gap(workload), row.gap) << row.replicas << " " << row.surge << " " << row.unavailable;
  }
  Workload set(Kind::stateful_set);
  set.replicas = 1;
  EXPECT_TRUE(restart_leaves_a_gap(set));
  set.replicas = 2;
  EXPECT_FALSE(restart_leaves_a_gap(set));
}

}  // namespace
}  // namespace meshgraft
