// The whole controller carrying releases over the embedded API server with KubeSphere's controllers beside it: at every
// moment callers are led to a version with a ready pod, whatever happens on the way.

#include <gmock/gmock.h>

#include "reconcilers/keys.h"
#include "tests/controller/canary.h"

namespace meshgraft {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr const char* kPromote = "meshgraft.io/promote";
constexpr const char* kAbort = "meshgraft.io/abort";

// Whether the page of metrics has a line with `part`.
bool has(const std::string& metrics, const char* part) { return metrics.find(part) != std::string::npos; }

struct ReleaseRig : testing::Test {
  RigCluster cluster;
  Settings settings;
  std::string dead;   // the first dead end that callers would have met
  std::vector<std::string> ways;  // what the VirtualService said, each change once

  ReleaseRig() {
    settings.releases_enabled = true;
    canary::open(cluster);
  }

  void look() {
    const std::string now = canary::dead_end(cluster);
    if (dead.empty()) dead = now;
    std::string way;
    const Json routes = canary::routes(cluster);
    for (const Json& one : routes["spec"]["http"][0]["route"])
      way += (way.empty() ? "" : " ") + one["destination"].value("subset", "") + "=" + std::to_string(one.value("weight", 100));
    if (ways.empty() || ways.back() != way) ways.push_back(way);
  }
  std::string run(Duration quiet = minutes(1)) {
    RigController controller(cluster, settings);
    controller.settle(quiet, [this] { look(); });
    return controller.metrics.text();
  }
  bool is_over() const { return canary::strategy(cluster).is_null() && cluster.deployment("shop", "web-gray").is_null(); }
};

TEST_F(ReleaseRig, nothing_is_written_while_nobody_asks) {
  run();
  cluster.api.forget_calls();
  const std::string metrics = run();
  EXPECT_EQ(cluster.writes().size(), 0U);
  EXPECT_TRUE(has(metrics, "meshgraft_releases{namespace=\"shop\",state=\"sharing\"} 1"));
  EXPECT_EQ(ways, std::vector<std::string>{"v1=70 gray=30"});
}

TEST_F(ReleaseRig, a_canary_is_carried_to_its_end_and_keeps_the_deployments_name) {
  canary::annotate(cluster, kPromote, "true");
  const std::string uid = cluster.deployment("shop", "web")["metadata"].value("uid", "");
  const std::string metrics = run();
  EXPECT_TRUE(is_over()) << to_text(canary::strategy(cluster), 2);
  EXPECT_EQ(dead, "");
  EXPECT_EQ(canary::image_of(cluster, "web"), canary::kNew);
  EXPECT_EQ(cluster.deployment("shop", "web")["metadata"].value("uid", ""), uid);
  EXPECT_EQ(ways, (std::vector<std::string>{"v1=70 gray=30", "gray=100", "v1=100"}));
  EXPECT_EQ(canary::subsets(cluster).size(), 1U);
  EXPECT_TRUE(has(metrics, "meshgraft_release_seconds_count{result=\"promoted\"} 1"));
  EXPECT_FALSE(has(metrics, "meshgraft_releases{namespace=\"shop\""));
}

TEST_F(ReleaseRig, each_step_is_an_event) {
  canary::annotate(cluster, kPromote, "true");
  run();
  std::string all;
  for (const Json& event : cluster.events("shop")) all += event.value("message", "") + "\n";
  for (const char* step : {"to gray", "updating the principal", "to the principal", "removing gray", "the principal gets what gray runs", "promoted after"})
    EXPECT_THAT(all, HasSubstr(step));
}

TEST_F(ReleaseRig, an_abort_takes_the_release_back) {
  canary::annotate(cluster, kAbort, "true");
  const std::string metrics = run();
  EXPECT_TRUE(is_over());
  EXPECT_EQ(dead, "");
  EXPECT_EQ(canary::image_of(cluster, "web"), canary::kOld);
  EXPECT_EQ(ways, (std::vector<std::string>{"v1=70 gray=30", "v1=100"}));
  EXPECT_TRUE(has(metrics, "meshgraft_release_seconds_count{result=\"aborted\"} 1"));
}

TEST_F(ReleaseRig, an_abort_from_the_middle_of_a_promotion_restores_the_former_image) {
  canary::annotate(cluster, kPromote, "true");
  RigController controller(cluster, settings);
  bool turned = false;
  controller.settle(minutes(1), [&] {
    look();
    if (turned || canary::image_of(cluster, "web") != canary::kNew) return;
    turned = true;
    canary::annotate(cluster, kPromote, "");
    canary::annotate(cluster, kAbort, "true");
  });
  EXPECT_TRUE(turned);
  EXPECT_TRUE(is_over()) << to_text(canary::strategy(cluster), 2);
  EXPECT_EQ(dead, "");
  EXPECT_EQ(canary::image_of(cluster, "web"), canary::kOld);
}

TEST_F(ReleaseRig, an_image_that_does_not_become_ready_in_the_principal_goes_back_while_gray_serves) {
  cluster.never_ready = [](const Json& pod) {
    return pod["metadata"]["labels"].value("version", "") == "v1" && to_text(pod["spec"]).find(canary::kNew) != std::string::npos;
  };
  canary::annotate(cluster, kPromote, "true");
  run(minutes(30));
  EXPECT_EQ(dead, "");
  EXPECT_EQ(canary::image_of(cluster, "web"), canary::kOld);
  EXPECT_EQ(ways.back(), "gray=100");
  EXPECT_THAT(canary::strategy(cluster)["metadata"]["annotations"].value("meshgraft.io/held", ""), HasSubstr("not available within"));
  std::string all;
  for (const Json& event : cluster.events("shop")) all += event.value("reason", "") + " ";
  EXPECT_THAT(all, HasSubstr("MG804"));

  // A second process writes nothing more; what mends the image and asks again goes on.
  cluster.api.forget_calls();
  run(minutes(5));
  EXPECT_EQ(cluster.writes().size(), 0U);
  cluster.never_ready = {};
  canary::annotate(cluster, "meshgraft.io/retry", "1");
  run();
  EXPECT_TRUE(is_over()) << to_text(canary::strategy(cluster), 2);
  EXPECT_EQ(canary::image_of(cluster, "web"), canary::kNew);
  EXPECT_EQ(dead, "");
}

TEST_F(ReleaseRig, an_image_that_crashes_in_the_principal_goes_back_long_before_the_deadline) {
  const auto is_new = [](const Json& pod) {
    return pod["metadata"]["labels"].value("version", "") == "v1" && to_text(pod["spec"]).find(canary::kNew) != std::string::npos;
  };
  cluster.never_ready = is_new;
  canary::annotate(cluster, kPromote, "true");
  RigController controller(cluster, settings);
  const std::int64_t begun = cluster.millis();
  std::int64_t held = 0;
  controller.settle(minutes(30), [&] {
    look();
    for (const fakes::Object& pod : cluster.engine.objects("v1", "Pod", "shop")) {
      Json crashing = *pod;
      Json& status = crashing["status"]["containerStatuses"][0];
      if (!is_new(crashing) || status.value("restartCount", 0) > 0) continue;
      status["restartCount"] = 4;
      status["state"] = {{"waiting", {{"reason", "CrashLoopBackOff"}}}};
      ASSERT_TRUE(cluster.engine.seed(crashing).ok());
    }
    if (held == 0 && canary::strategy(cluster)["metadata"]["annotations"].contains("meshgraft.io/held")) held = cluster.millis();
  });
  EXPECT_EQ(dead, "");
  EXPECT_EQ(canary::image_of(cluster, "web"), canary::kOld);
  EXPECT_EQ(ways.back(), "gray=100");
  EXPECT_THAT(canary::strategy(cluster)["metadata"]["annotations"].value("meshgraft.io/held", ""), HasSubstr("crashes: 4 restarts"));
  EXPECT_GT(held, 0);
  EXPECT_LT(held - begun, 180'000) << "the deadline is 600 s";
}

TEST_F(ReleaseRig, an_image_that_gray_never_ran_is_not_copied) {
  cluster.never_ready = [](const Json& pod) { return to_text(pod["spec"]).find("shop/web:bad") != std::string::npos; };
  canary::set_image(cluster, "web-gray", "shop/web:bad");
  cluster.play_on();
  canary::annotate(cluster, kPromote, "true");
  run(minutes(30));
  EXPECT_EQ(dead, "");
  EXPECT_EQ(canary::image_of(cluster, "web"), canary::kOld);
  EXPECT_EQ(ways, std::vector<std::string>{"v1=70 gray=30"}) << "gray's former pod is ready all the while";
  canary::set_image(cluster, "web-gray", canary::kNew);
  run();
  EXPECT_TRUE(is_over()) << to_text(canary::strategy(cluster), 2);
  EXPECT_EQ(canary::image_of(cluster, "web"), canary::kNew);
}

TEST_F(ReleaseRig, the_same_image_is_released_again_after_its_owner_took_it_back_by_hand) {
  RigController controller(cluster, settings);
  for (int i = 0; i < 3; ++i) {
    canary::annotate(cluster, kPromote, "true");
    controller.settle(minutes(1), [this] { look(); });
    EXPECT_TRUE(is_over()) << i << ": " << to_text(canary::strategy(cluster), 2);
    EXPECT_EQ(canary::image_of(cluster, "web"), canary::kNew) << i;
    canary::set_image(cluster, "web", canary::kOld);
    controller.settle(seconds(30), [this] { look(); });
    canary::begin(cluster);
    controller.settle(seconds(30), [this] { look(); });
  }
  EXPECT_EQ(dead, "");
  EXPECT_FALSE(has(controller.metrics.text(), "code=\"MG913\""));
}

TEST_F(ReleaseRig, gray_gets_another_image_on_the_way) {
  canary::annotate(cluster, kPromote, "true");
  RigController controller(cluster, settings);
  bool changed = false;
  controller.settle(minutes(1), [&] {
    look();
    if (changed || canary::image_of(cluster, "web") != canary::kNew) return;
    changed = true;
    canary::set_image(cluster, "web-gray", "shop/web:2.1");
  });
  EXPECT_TRUE(is_over()) << to_text(canary::strategy(cluster), 2);
  EXPECT_EQ(canary::image_of(cluster, "web"), "shop/web:2.1");
  EXPECT_EQ(dead, "");
}

TEST_F(ReleaseRig, somebody_who_changes_the_principal_meanwhile_is_not_overruled) {
  canary::annotate(cluster, kPromote, "true");
  RigController controller(cluster, settings);
  bool changed = false;
  controller.settle(minutes(1), [&] {
    look();
    if (changed || ways.back() != "gray=100") return;
    changed = true;
    canary::set_image(cluster, "web", "shop/web:1.5");
  });
  EXPECT_EQ(canary::image_of(cluster, "web"), "shop/web:1.5");
  EXPECT_EQ(ways.back(), "gray=100");
  EXPECT_TRUE(has(controller.metrics.text(), "code=\"MG805\""));
  EXPECT_EQ(dead, "");
}

TEST_F(ReleaseRig, an_image_that_a_pipeline_keeps_setting_back_is_given_up_and_a_frozen_namespace_does_not_change_that) {
  canary::annotate(cluster, kPromote, "true");
  RigController controller(cluster, settings);
  int restarts = 0;
  const auto pipeline = [&] {
    look();
    if (canary::image_of(cluster, "web") != canary::kNew) return;
    ++restarts;
    canary::set_image(cluster, "web", canary::kOld);
  };
  controller.settle(minutes(1), pipeline);
  EXPECT_TRUE(has(controller.metrics.text(), "code=\"MG913\""));
  const int before = restarts;
  EXPECT_GE(before, 1);
  cluster.annotate("shop", "meshgraft.io/policy", "nonsense");
  controller.settle(minutes(1), pipeline);
  EXPECT_TRUE(has(controller.metrics.text(), "code=\"MG101\""));
  cluster.annotate("shop", "meshgraft.io/policy", "");
  controller.settle(minutes(1), pipeline);
  EXPECT_EQ(restarts, before);
  EXPECT_EQ(dead, "");
}

TEST_F(ReleaseRig, what_a_pipeline_kept_setting_back_goes_on_when_it_is_asked_for_again_with_a_new_value) {
  canary::annotate(cluster, kPromote, "true");
  RigController controller(cluster, settings);
  bool stopped = false;
  const auto pipeline = [&] {
    look();
    if (!stopped && canary::image_of(cluster, "web") == canary::kNew) canary::set_image(cluster, "web", canary::kOld);
  };
  controller.settle(minutes(1), pipeline);
  EXPECT_TRUE(has(controller.metrics.text(), "code=\"MG913\""));
  stopped = true;
  controller.settle(minutes(1), pipeline);
  EXPECT_FALSE(is_over()) << "nobody has said that it stopped";
  canary::annotate(cluster, "meshgraft.io/retry", "1");
  controller.settle(minutes(2), pipeline);
  EXPECT_TRUE(is_over()) << to_text(canary::strategy(cluster), 2);
  EXPECT_EQ(canary::image_of(cluster, "web"), canary::kNew);
  EXPECT_EQ(dead, "");
}

TEST_F(ReleaseRig, what_is_contested_is_told_with_what_a_release_can_do_about_it) {
  canary::annotate(cluster, kPromote, "true");
  RigController controller(cluster, settings);
  controller.settle(minutes(1), [&] {
    look();
    if (canary::image_of(cluster, "web") == canary::kNew) canary::set_image(cluster, "web", canary::kOld);
  });
  bool told = false;
  for (const Json& event : cluster.events("shop")) {
    const std::string text = event.value("message", "");
    told = told || (event["reason"] == "MG913" && has(text, "meshgraft.io/retry=1 --overwrite") && has(text, "meshgraft release web-release -n shop --abort"));
  }
  EXPECT_TRUE(told);
}

TEST_F(ReleaseRig, switched_off_it_says_so_and_writes_nothing) {
  run();
  settings.releases_enabled = false;
  canary::annotate(cluster, kPromote, "true");
  cluster.api.forget_calls();
  const std::string metrics = run();
  for (const fakes::Call& call : cluster.writes()) EXPECT_EQ(call.key.kind, Kind::namespace_) << "its report alone: " << to_string(call.key);
  EXPECT_TRUE(has(metrics, "code=\"MG806\""));
  EXPECT_EQ(ways, std::vector<std::string>{"v1=70 gray=30"});
}

TEST_F(ReleaseRig, a_template_promotion_takes_env_and_resources_along) {
  const fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "web-gray", ""};
  const Json body{{"spec", {{"template", {{"spec", {{"containers", Json::array({{{"name", "app"}, {"env", Json::array({{{"name", "COLOR"}, {"value", "green"}}})}}})}}}}}}}};
  ASSERT_TRUE(cluster.engine.patch(target, fakes::PatchFormat::strategic, body, {}).ok());
  cluster.play_on();
  canary::annotate(cluster, kPromote, "template");
  run();
  EXPECT_TRUE(is_over()) << to_text(canary::strategy(cluster), 2);
  EXPECT_THAT(to_text(cluster.deployment("shop", "web")["spec"]["template"]["spec"]["containers"][0]["env"]), HasSubstr("green"));
  EXPECT_EQ(dead, "");
}

TEST_F(ReleaseRig, a_label_taken_off_on_the_way_stops_the_release_where_it_is) {
  run();
  canary::annotate(cluster, kPromote, "true");
  RigController controller(cluster, settings);
  bool turned = false;
  controller.settle(minutes(3), [&] {
    look();
    if (turned || ways.back() != "gray=100") return;
    turned = true;
    cluster.label("shop", "meshgraft.io/app", "");
  });
  EXPECT_TRUE(turned);
  EXPECT_FALSE(canary::strategy(cluster).is_null());
  EXPECT_EQ(dead, "");
}

}  // namespace
}  // namespace meshgraft
