#include "reconcilers/limits.h"

#include <gmock/gmock.h>

#include "reconcilers/foresee.h"
#include "reconcilers/rollout.h"
#include "tests/reconcilers/live.h"

namespace meshgraft {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string quota(const std::string& hard, const std::string& used = "") {
  return "---\napiVersion: v1\nkind: ResourceQuota\nmetadata: {name: compute}\nspec: {hard: {" + hard + "}}\nstatus: {hard: {" +
         hard + "}, used: {" + used + "}}\n";
}
std::string range(const std::string& limits) {
  return "---\napiVersion: v1\nkind: LimitRange\nmetadata: {name: bounds}\nspec: {limits: [" + limits + "]}\n";
}

// The plan for two Deployments of two pods each, when their templates are next.
Plan plan_with(const std::string& bounds, const std::string& spec = "", std::int64_t memory_limit = SidecarSize().memory_limit) {
  World world = live::world(live::shop() + live::deployment("a", spec) + live::service("a") + live::deployment("b") +
                            live::service("b") + bounds);
  world.mesh->sidecar.memory_limit = memory_limit;
  for (const Change& change : live::plan(world).now) {
    NamespaceView& view = world.namespaces["shop"];
    for (auto& workload : view.workloads) {
      if (workload->key() == change.target) workload = as<Workload>(after(workload, change));
    }
    for (auto& service : view.services) {
      if (service->key() == change.target) service = as<Service>(after(service, change));
    }
  }
  return live::plan(world);
}

std::string text_of(const Plan& plan, const std::string& code) {
  for (const Finding& one : plan.findings) {
    if (one.code == code) return one.text;
  }
  return "";
}

TEST(Limits, are_asked_for_before_a_restart_and_never_before) {
  const Plan plan = plan_with("");
  EXPECT_TRUE(plan.wants_limits);
  EXPECT_FALSE(live::plan(live::shop() + live::deployment("a") + live::service("a")).wants_limits) << "labels come first";
}

TEST(Limits, more_than_can_be_counted_is_more_than_any_quota_leaves) {
  const Plan plan = plan_with(quota("limits.memory: 4Gi"), "replicas: 2000", std::int64_t{7} << 50);
  EXPECT_THAT(text_of(plan, "MG213"), HasSubstr("limits.memory"));
  Workload workload;
  workload.replicas = 2'000'000'000;
  workload.max_surge.text = "9223372036854775807%";
  EXPECT_GE(max_surge_of(workload), workload.replicas);
}

TEST(Limits, a_quota_that_leaves_room_for_the_sidecars_holds_nothing) {
  // Four sidecars of 100m and 128Mi; limits 2 and 1Gi (Istio's defaults).
  const Plan plan = plan_with(quota("requests.cpu: \"1\", requests.memory: 1Gi, limits.cpu: \"8\", limits.memory: 4Gi, pods: 10",
                                    "requests.cpu: 600m, requests.memory: 512Mi, limits.cpu: \"0\", pods: 4"));
  EXPECT_THAT(live::targets(plan), Contains("member-template Deployment shop/a"));
  EXPECT_EQ(text_of(plan, "MG213"), "");
}

TEST(Limits, a_quota_that_leaves_less_than_all_sidecars_need_stops_the_first_restart) {
  const Plan plan = plan_with(quota("requests.cpu: \"1\"", "requests.cpu: 700m"));
  EXPECT_THAT(plan.now, IsEmpty());
  EXPECT_EQ(text_of(plan, "MG213"), "4 sidecars need requests.cpu 400m, 300m is left");
  EXPECT_EQ(plan.waiting.front().reason, "ResourceQuota compute leaves too little (MG213)");
  ASSERT_TRUE(plan.wake_after) << "nobody watches quotas";
  EXPECT_EQ(*plan.wake_after, 300'000);
}

TEST(Limits, memory_is_counted_in_bytes) {
  EXPECT_EQ(text_of(plan_with(quota("limits.memory: 3Gi")), "MG213"), "4 sidecars need limits.memory 4Gi, 3Gi is left");
  EXPECT_EQ(text_of(plan_with(quota("limits.memory: 4Gi")), "MG213"), "");
}

TEST(Limits, a_quota_of_pods_must_leave_room_for_the_surge) {
  EXPECT_EQ(text_of(plan_with(quota("pods: 4", "pods: 4")), "MG213"),
            "a rolling update brings 1 pod more for a while, pods leaves 0");
  EXPECT_EQ(text_of(plan_with(quota("pods: 5", "pods: 4")), "MG213"), "");
}

TEST(Limits, a_limit_range_that_refuses_a_container_of_the_sidecars_size_is_named) {
  const Plan plan = plan_with(range("{type: Container, max: {cpu: \"1\", memory: 2Gi}}"));
  EXPECT_EQ(text_of(plan, "MG213"), "a sidecar may use cpu 2, a container at most 1");
  EXPECT_THAT(plan.now, IsEmpty());
  EXPECT_EQ(text_of(plan_with(range("{type: Container, min: {memory: 256Mi}}")), "MG213"),
            "a sidecar asks for memory 128Mi, a container must for 256Mi");
  EXPECT_EQ(text_of(plan_with(range("{type: Pod, max: {cpu: \"1\"}}")), "MG213"), "") << "its other containers are not known";
}

TEST(Limits, a_disruption_budget_that_allows_nothing_is_said_and_holds_nothing) {
  const Plan plan = plan_with(
      "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: keep}\nspec: {minAvailable: 2, selector: {matchLabels: {run: a}}}\n"
      "status: {disruptionsAllowed: 0, expectedPods: 2}\n");
  EXPECT_THAT(text_of(plan, "MG230"), HasSubstr("PodDisruptionBudget keep allows no disruption now"));
  EXPECT_THAT(live::targets(plan), Contains("member-template Deployment shop/a"));
}

std::string scaler(const std::string& status, const std::string& spec = "") {
  return "---\napiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {name: a}\nspec: {scaleTargetRef: {kind: Deployment, name: a}, maxReplicas: 9" +
         spec + "}\nstatus: {" + status + "}\n";
}

TEST(Limits, an_autoscaler_at_work_is_waited_for_and_the_others_go_on) {
  const Plan plan = plan_with(scaler("currentReplicas: 2, desiredReplicas: 5"));
  EXPECT_EQ(text_of(plan, "MG231"), "HorizontalPodAutoscaler a is scaling it from 2 to 5");
  EXPECT_THAT(live::targets(plan), Not(Contains("member-template Deployment shop/a")));
  EXPECT_THAT(live::targets(plan), Contains("member-template Deployment shop/b"));
  ASSERT_TRUE(plan.wake_after);
  EXPECT_EQ(*plan.wake_after, 30'000);
}

TEST(Limits, an_autoscaler_that_goes_by_cpu_is_told_that_the_sidecar_counts) {
  const Plan plan = plan_with(scaler("currentReplicas: 2, desiredReplicas: 2", ", targetCPUUtilizationPercentage: 70"));
  EXPECT_THAT(text_of(plan, "MG231"), HasSubstr("the sidecar's share counts from now on"));
  EXPECT_THAT(live::targets(plan), Contains("member-template Deployment shop/a"));
}

}  // namespace
}  // namespace meshgraft
