#include "controller/intake.h"

#include <gmock/gmock.h>

#include <spdlog/spdlog.h>

#include <atomic>
#include <thread>

#include "controller/facts_book.h"
#include "tests/controller/objects.h"
#include "tests/controller/rig.h"

namespace meshgraft {
namespace {

using Standing = WatchMachine::Standing;

TEST(Intake_, nobody_is_ready_before_the_config_maps_that_another_thread_is_about_to_ask_for) {
  spdlog::set_level(spdlog::level::off);
  for (int round = 0; round < 40; ++round) {
    RigCluster cluster;
    RigController controller(cluster);
    // Enough to look through that a second thread comes meanwhile.
    for (int i = 0; i < 300; ++i) controller.cache.upsert(made_namespace("ns" + std::to_string(i)), "1");
    auto istiod = made_deployment("istio-system", "istiod");
    istiod->pod.labels.emplace("app", "istiod");
    istiod->pod.containers.front().image = "istio/pilot:1.11.2";
    controller.cache.upsert(made_namespace("istio-system"), "1");
    controller.cache.upsert(istiod, "1");
    for (const KindInfo& row : kinds()) {
      if (row.watch != Watch::never) controller.cache.set_standing(row.kind, Scope{}, Standing::synced, true, "");
    }
    std::atomic<int> waiting{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&controller, &waiting] {
        ++waiting;
        while (waiting < 2) std::this_thread::yield();
        controller.intake.on_standing(Kind::service);
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_FALSE(controller.intake.ready()) << "the mesh's configuration was not read, in round " << round;
  }
}

TEST(Intake_, many_watchers_that_come_to_rest_at_once_make_it_ready_once) {
  spdlog::set_level(spdlog::level::off);
  for (int round = 0; round < 300; ++round) {
    SimClock clock;
    const Settings settings;
    Cache cache;
    DirtyQueue queue(clock, nullptr);
    RolloutLedger ledger(clock, 3);
    FactsBook facts(cache, ledger, settings);
    Expectations expectations(cache, clock);
    Intake intake(cache, queue, facts, ledger, expectations, clock);
    for (const KindInfo& row : kinds()) {
      if (row.watch != Watch::never) cache.set_standing(row.kind, Scope{}, Standing::synced, true, "");
    }
    std::atomic<int> made_ready{0}, waiting{0};
    intake.on_ready([&made_ready] { ++made_ready; });
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&intake, &waiting] {
        ++waiting;
        while (waiting < 4) std::this_thread::yield();
        intake.on_standing(Kind::service);
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(made_ready, 1) << "in round " << round;
    ASSERT_TRUE(intake.ready());
  }
}

TEST(Intake_, an_optional_kind_is_followed_when_its_crd_comes_and_dropped_when_it_goes) {
  RigCluster cluster(fakes::Profile::istio);
  RigController controller(cluster);
  controller.settle();
  ASSERT_TRUE(controller.intake.ready());
  EXPECT_FALSE(controller.cache.world().served.contains(Kind::application));

  const Json crd{
      {"apiVersion", "apiextensions.k8s.io/v1"},
      {"kind", "CustomResourceDefinition"},
      {"metadata", {{"name", "applications.app.k8s.io"}}},
      {"spec",
       {{"group", "app.k8s.io"},
        {"scope", "Namespaced"},
        {"names",
         {{"plural", "applications"},
          {"singular", "application"},
          {"kind", "Application"},
          {"listKind", "ApplicationList"}}},
        {"versions", Json::array({{{"name", "v1beta1"},
                                   {"served", true},
                                   {"storage", true},
                                   {"schema",
                                    {{"openAPIV3Schema",
                                      {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}}}}}}})}}}};
  ASSERT_TRUE(cluster.engine.seed(crd).ok());
  controller.settle();
  EXPECT_TRUE(controller.cache.world().served.contains(Kind::application));

  ASSERT_TRUE(cluster.engine
                  .remove({cluster.engine.by_plural("apiextensions.k8s.io", "v1", "customresourcedefinitions"), "v1",
                           "", "applications.app.k8s.io", ""},
                          {})
                  .ok());
  controller.settle();
  EXPECT_FALSE(controller.cache.world().served.contains(Kind::application));
  EXPECT_TRUE(controller.intake.ready()) << "once ready, always ready";
}

TEST(Intake_, only_the_config_maps_that_facts_need_are_kept) {
  RigCluster cluster;
  ASSERT_TRUE(cluster.engine
                  .seed({{"apiVersion", "v1"},
                         {"kind", "ConfigMap"},
                         {"metadata", {{"name", "big"}, {"namespace", "istio-system"}}}})
                  .ok());
  RigController controller(cluster);
  controller.settle();
  for (const ObjectPtr& object : controller.cache.all(Kind::config_map))
    EXPECT_THAT(object->meta.name, testing::StartsWith("istio"));
  EXPECT_EQ(controller.cache.all(Kind::config_map).size(), 2U);
}

TEST(Intake_, who_may_not_read_crds_asks_for_every_kind) {
  RigCluster cluster;
  cluster.api.set_fault([](const fakes::Call& call) -> std::optional<fakes::Fault> {
    if (call.key.kind != Kind::crd) return std::nullopt;
    ApiError error;
    error.kind = ErrorClass::forbidden;
    return fakes::Fault{error, false};
  });
  RigController controller(cluster);
  controller.settle();
  EXPECT_TRUE(controller.intake.ready());
  EXPECT_TRUE(controller.cache.world().served.contains(Kind::application));
  EXPECT_FALSE(controller.cache.world().served.contains(Kind::install_plan));
}

}  // namespace
}  // namespace meshgraft
