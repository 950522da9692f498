// Whose rollout it is, and when one of ours has failed.

#include "reconcilers/rollout_failure.h"

#include <gmock/gmock.h>

#include "reconcilers/foresee.h"
#include "reconcilers/record.h"
#include "reconcilers/rollout.h"
#include "tests/reconcilers/live.h"

namespace meshgraft {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// Namespace shop with these workloads, each with its Service.
struct Shop {
  World world;
  explicit Shop(const std::string& yaml) : world(live::world(live::shop() + yaml)) {}

  NamespaceView& view() { return world.namespaces.at("shop"); }
  Plan plan() { return live::plan(world); }

  void carry_out(const Plan& plan) {
    for (const Change& change : plan.now) {
      for (auto& workload : view().workloads) {
        if (workload->key() == change.target) workload = as<Workload>(after(workload, change));
      }
      for (auto& service : view().services) {
        if (service->key() == change.target) service = as<Service>(after(service, change));
      }
    }
  }
  // Carries out what plan says until `name` has its new template; its rollout has just begun then.
  void restart(const std::string& name) {
    for (int i = 0; i < 9; ++i) {
      const Plan next = plan();
      carry_out(next);
      for (const Change& change : next.now) {
        if (change.impact != Impact::restart || change.target.name != name) continue;
        return set(name, [](Workload& workload) {
          workload.status.rollout_complete = false;
          workload.status.updated = 1;
          workload.status.replicas = workload.replicas + 1;
        });
      }
    }
    FAIL() << name << " was never restarted";
  }
  template <typename F>
  void set(const std::string& name, F change) {
    for (auto& workload : view().workloads) {
      if (workload->meta.name != name) continue;
      auto changed = std::make_shared<Workload>(*workload);
      change(*changed);
      workload = changed;
    }
  }
  const Workload& get(const std::string& name) {
    for (const auto& workload : view().workloads) {
      if (workload->meta.name == name) return *workload;
    }
    ADD_FAILURE() << "no workload " << name;
    return *view().workloads.front();
  }
  // It is under way for so many seconds.
  void lasts(const std::string& name, std::int64_t seconds) {
    view().moments.now = 1'000'000'000;
    view().moments.rolling[get(name).key()] = view().moments.now - seconds * 1000;
  }
  // A pod of the present template of `name`.
  Pod& add_pod(const std::string& name, bool sidecar = true) {
    auto pod = std::make_shared<Pod>();
    pod->meta.name = name + "-new";
    pod->meta.ns = "shop";
    pod->meta.labels = get(name).pod.labels;
    pod->meta.annotations = get(name).pod.annotations;
    pod->containers = {"c"};
    if (sidecar) {
      pod->containers.push_back("istio-proxy");
      pod->meta.annotations["sidecar.istio.io/status"] = "{}";
    }
    Pod& added = *pod;
    if (!view().pods) view().pods.emplace();
    view().pods->push_back(std::move(pod));
    return added;
  }
  std::string text(const std::string& code) {
    for (const Finding& one : plan().findings) {
      if (one.code == code) return one.text;
    }
    return "";
  }
};

std::string two() {
  return live::deployment("a") + live::service("a") + live::deployment("b") + live::service("b");
}

std::string stateful_set() {
  return "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, uid: uid-db, generation: 3, annotations: "
         "{meshgraft.io/inject: \"true\"}}\nspec:\n  replicas: 2\n  serviceName: db\n  selector: {matchLabels: {run: db}}\n"
         "  template:\n    metadata: {labels: {run: db}}\n    spec: {containers: [{name: c, image: \"x:1\"}]}\n"
         "status: {observedGeneration: 3, replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2}\n" +
         live::service("db");
}

TEST(RolloutFailure, a_rollout_that_the_user_begins_later_is_not_ours) {
  Shop shop(two());
  shop.restart("a");
  EXPECT_EQ(shop.plan().rolling_count, 1);
  // kubectl set image, while ours is under way or after it.
  shop.set("a", [](Workload& a) {
    ++a.meta.generation;
    a.status.observed_generation = a.meta.generation;
    a.pod.containers[0].image = "x:2";
  });
  EXPECT_FALSE(is_our_rollout(shop.get("a"), read_record(shop.get("a").meta)));
  shop.set("a", [](Workload& a) {
    a.status.deadline_exceeded = true;
    a.status.message = "has timed out progressing";
  });
  const Plan plan = shop.plan();
  EXPECT_EQ(plan.rolling_count, 0);
  EXPECT_EQ(live::codes(plan).find("MG215"), std::string::npos) << "the user's own failure stops nobody";
  EXPECT_THAT(plan.members[0].why, HasSubstr("a rollout of its own is under way"));
  EXPECT_EQ(live::targets(plan).size(), 1U) << "b goes on";
}

TEST(RolloutFailure, scaling_in_the_middle_makes_no_other_rollout_of_it) {
  Shop shop(two());
  shop.restart("a");
  shop.set("a", [](Workload& a) {
    a.meta.generation += 2;
    a.status.observed_generation = a.meta.generation;
    a.replicas = 5;
  });
  EXPECT_TRUE(is_our_rollout(shop.get("a"), read_record(shop.get("a").meta)));
  EXPECT_EQ(shop.plan().rolling_count, 1);
}

TEST(RolloutFailure, the_mark_of_a_rollout_stays_in_the_record) {
  Record record;
  record.rolled = Record::Rolled{7, 3, "00ff", true};
  Meta meta;
  meta.uid = "u";
  meta.annotations["meshgraft.io/undo"] = record_text(record, "u");
  EXPECT_EQ(read_record(meta).rolled, record.rolled);
  EXPECT_EQ(meta.annotations["meshgraft.io/undo"],
            R"({"rolled":{"generation":7,"replicas":3,"rest":"00ff","unserved":true},"uid":"u"})");
}

TEST(RolloutFailure, a_deployment_that_never_had_a_ready_pod_takes_no_place_and_stops_nobody) {
  const std::string fresh = "observedGeneration: 1, replicas: 2, updatedReplicas: 2, conditions: [{type: Progressing, status: \"True\", reason: ReplicaSetUpdated}]";
  std::string yaml = live::deployment("a", "", "annotations: {deployment.kubernetes.io/revision: \"1\"}", fresh);
  yaml.replace(yaml.find("generation: 3"), 13, "generation: 1");
  Shop shop(yaml + live::service("a") + live::deployment("b") + live::service("b"));
  shop.carry_out(shop.plan());  // metadata
  const Plan templates = shop.plan();
  EXPECT_THAT(live::targets(templates), testing::UnorderedElementsAre("member-template Deployment shop/a", "member-template Deployment shop/b"));
  shop.carry_out(templates);
  shop.set("a", [](Workload& a) {
    a.status = Workload::Status{};
    a.status.known = true;
    a.status.observed_generation = a.meta.generation;
    a.status.replicas = a.status.updated = 2;
    a.status.deadline_exceeded = true;
  });
  const Plan plan = shop.plan();
  EXPECT_EQ(live::codes(plan).find("MG215"), std::string::npos);
  EXPECT_THAT(shop.text("MG224"), HasSubstr("no pod of it was ever ready"));
  EXPECT_EQ(plan.rolling_count, 0);
}

TEST(RolloutFailure, a_stateful_set_has_600_seconds) {
  Shop shop(stateful_set());
  shop.restart("db");
  shop.lasts("db", 599);
  Plan plan = shop.plan();
  EXPECT_EQ(live::codes(plan).find("MG215"), std::string::npos);
  ASSERT_TRUE(plan.wake_after);
  EXPECT_LE(*plan.wake_after, 1000) << "the plan wakes when the deadline is over";
  shop.lasts("db", 600);
  EXPECT_THAT(shop.text("MG215"), HasSubstr("not available within 600 s"));
}

TEST(RolloutFailure, a_new_pod_that_crashes_again_and_again_fails_the_rollout_before_its_deadline) {
  Shop shop(two());
  shop.restart("a");
  shop.lasts("a", 59);
  EXPECT_FALSE(shop.plan().wants_pods) << "pods are read only when it takes long";
  shop.lasts("a", 61);
  EXPECT_TRUE(shop.plan().wants_pods);
  Pod& pod = shop.add_pod("a");
  pod.waiting_reason = "CrashLoopBackOff";
  pod.restarts = 2;
  EXPECT_EQ(shop.text("MG215"), "");
  EXPECT_EQ(shop.text("MG229"), "pod a-new waits: CrashLoopBackOff");
  pod.restarts = 3;
  EXPECT_EQ(shop.text("MG215"), "its new pod a-new crashes: 3 restarts");
  EXPECT_THAT(shop.plan().now, IsEmpty()) << "it stops the queue";
}

TEST(RolloutFailure, a_new_pod_without_a_node_is_said_with_the_schedulers_words) {
  Shop shop(two());
  shop.restart("a");
  shop.lasts("a", 70);
  shop.add_pod("a").unschedulable = "0/3 nodes are available: 3 Insufficient cpu.";
  EXPECT_EQ(shop.text("MG229"), "no node takes pod a-new: 0/3 nodes are available: 3 Insufficient cpu.");
  EXPECT_EQ(live::codes(shop.plan()).find("MG215"), std::string::npos) << "room may still come";
}

TEST(RolloutFailure, an_old_pod_that_crashes_is_not_the_rollouts_fault) {
  Shop shop(two());
  shop.restart("a");
  shop.lasts("a", 70);
  Pod& pod = shop.add_pod("a");
  pod.meta.labels = Labels{{"run", "a"}};
  pod.waiting_reason = "CrashLoopBackOff";
  pod.restarts = 9;
  EXPECT_EQ(shop.text("MG215"), "");
  EXPECT_EQ(shop.text("MG229"), "");
}

TEST(RolloutFailure, of_a_rollout_that_changed_images_only_pods_with_the_new_ones_count) {
  Shop shop(two());
  shop.set("a", [](Workload& a) {
    ++a.meta.generation;
    a.status.observed_generation = a.meta.generation;
    a.status.rollout_complete = false;
    a.status.updated = 1;
    a.pod.containers[0].image = "x:2";
  });
  Pod& pod = shop.add_pod("a");
  pod.waiting_reason = "CrashLoopBackOff";
  pod.restarts = 4;
  pod.images = {"x:1", "proxy"};
  const Settings settings;
  const Facts facts = derive_facts(shop.world, settings);
  const NamespaceOptions options = read_options(*shop.view().ns, settings);
  const Membership membership = find_members(shop.view(), options, facts);
  const Context context{shop.view(), facts, settings, options, membership};
  EXPECT_EQ(crash_of_new_image(shop.get("a"), context), "");
  pod.images[0] = "x:2";
  EXPECT_EQ(crash_of_new_image(shop.get("a"), context), "its new pod a-new crashes: 4 restarts");
  pod.restarts = 2;
  EXPECT_EQ(crash_of_new_image(shop.get("a"), context), "");
}

TEST(RolloutFailure, after_the_rollout_a_pod_without_its_sidecar_is_seen) {
  Shop shop(two());
  shop.restart("a");
  shop.set("a", [](Workload& a) {
    a.status.updated = a.status.replicas = a.status.ready = a.status.available = a.replicas;
    a.status.rollout_complete = true;
  });
  shop.view().moments.over.insert(shop.get("a").key());
  EXPECT_TRUE(shop.plan().wants_pods);
  shop.add_pod("a", true);
  EXPECT_EQ(shop.text("MG216"), "");
  EXPECT_FALSE(shop.plan().now.empty()) << "the next one goes";
  shop.view().pods.reset();
  shop.add_pod("a", false);
  EXPECT_EQ(shop.text("MG216"), "pod a-new came without its sidecar (MG216)");
}

TEST(RolloutFailure, nothing_is_asked_of_a_caller_who_knows_no_time) {
  Shop shop(two());
  shop.restart("a");
  const Plan plan = shop.plan();
  EXPECT_FALSE(plan.wants_pods);
  EXPECT_FALSE(plan.wake_after);
}

}  // namespace
}  // namespace meshgraft
