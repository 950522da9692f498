// Releases: a canary carried to its end and back, with every request led to a version that serves at every moment.

#include "reconcilers/keys.h"
#include "tests/controller/canary.h"
#include "tests/sim/scenarios.h"

namespace meshgraft::sim {
namespace {

Settings with_releases() {
  Settings settings;
  settings.releases_enabled = true;
  return settings;
}

// "" when the release is over and web runs `image` under its own name, with every request.
std::string release_is_over(const RigCluster& cluster, const std::string& image) {
  if (!canary::strategy(cluster).is_null()) return "the Strategy is still there: " + to_text(canary::strategy(cluster));
  if (!cluster.deployment("shop", "web-gray").is_null()) return "the gray Deployment is still there";
  if (canary::image_of(cluster, "web") != image) return "web runs " + canary::image_of(cluster, "web");
  const std::string routes = to_text(canary::routes(cluster));
  return routes.find("\"subset\":\"v1\"") != std::string::npos && routes.find("gray") == std::string::npos ? "" : "the routes are " + routes;
}

Scenario release(std::string_view name, std::vector<Act> acts, std::function<std::string(const RigCluster&)> in_the_end) {
  return {.name = name, .given = canary::open, .acts = std::move(acts), .in_the_end = std::move(in_the_end), .settings = with_releases(),
          .outage_by_user = {}, .always = canary::dead_end};
}

}  // namespace

std::vector<Scenario> release_scenarios() {
  std::vector<Scenario> rows;
  const Act promote{"kubectl annotate strategy web-release meshgraft.io/promote=true",
                    [](RigCluster& cluster) { canary::annotate(cluster, std::string(keys::kPromote), "true"); }};
  const auto ask_for_the_end = [](RigCluster& cluster) {
    canary::annotate(cluster, std::string(keys::kPromote), "");
    canary::annotate(cluster, std::string(keys::kAbort), "true");
  };
  const std::string_view abort = "kubectl annotate strategy web-release meshgraft.io/promote- meshgraft.io/abort=true";
  const auto principal_is_written = [](const RigCluster& cluster) { return canary::image_of(cluster, "web") == canary::kNew; };
  const auto gray_takes_over = [](const RigCluster& cluster) { return canary::strategy(cluster)["spec"].value("governor", "") == "gray"; };
  const auto promoted = [](const RigCluster& cluster) { return release_is_over(cluster, canary::kNew); };
  const auto taken_back = [](const RigCluster& cluster) { return release_is_over(cluster, canary::kOld); };

  rows.push_back(release("a_canary_is_promoted", {promote}, promoted));
  rows.push_back(release("a_canary_is_taken_back", {{abort, ask_for_the_end}}, taken_back));
  rows.push_back(release("a_promotion_is_taken_back_once_gray_governs", {promote, {abort, ask_for_the_end, gray_takes_over, true}}, taken_back));
  rows.push_back(release("a_promotion_is_taken_back_once_the_principal_has_the_image", {promote, {abort, ask_for_the_end, principal_is_written, true}}, taken_back));
  rows.push_back(release("gray_gets_another_image_once_the_principal_has_the_first",
                         {promote,
                          {"kubectl set image deployment/web-gray app=shop/web:2.1",
                           [](RigCluster& cluster) { canary::set_image(cluster, "web-gray", "shop/web:2.1"); }, principal_is_written, true}},
                         [](const RigCluster& cluster) { return release_is_over(cluster, "shop/web:2.1"); }));
  Scenario stuck = release("a_principal_that_does_not_become_ready_goes_back_while_gray_serves", {promote}, [](const RigCluster& cluster) {
    if (canary::image_of(cluster, "web") != canary::kOld) return "web runs " + canary::image_of(cluster, "web");
    const Json strategy = canary::strategy(cluster);
    if (strategy.is_null() || strategy["metadata"]["annotations"].value(std::string(keys::kHeld), "").empty()) return "the Strategy is not held: " + to_text(strategy);
    const std::string routes = to_text(canary::routes(cluster));
    return routes.find("\"subset\":\"v1\"") == std::string::npos ? std::string() : "the routes are " + routes;
  });
  stuck.given = [](RigCluster& cluster) {
    canary::open(cluster);
    cluster.never_ready = [](const Json& pod) {
      return pod["metadata"]["labels"].value("version", "") == "v1" && to_text(pod["spec"]).find(canary::kNew) != std::string::npos;
    };
  };
  rows.push_back(std::move(stuck));
  Scenario unproven = release("an_image_that_gray_does_not_run_is_not_copied", {promote}, [](const RigCluster& cluster) {
    if (canary::image_of(cluster, "web") != canary::kOld) return "web runs " + canary::image_of(cluster, "web");
    const std::string routes = to_text(canary::routes(cluster));
    return routes.find("\"subset\":\"v1\"") == std::string::npos ? "the routes are " + routes : std::string();
  });
  unproven.given = [](RigCluster& cluster) {
    canary::open(cluster);
    cluster.never_ready = [](const Json& pod) { return to_text(pod["spec"]).find("shop/web:bad") != std::string::npos; };
    canary::set_image(cluster, "web-gray", "shop/web:bad");
    cluster.play_on();
  };
  rows.push_back(std::move(unproven));
  return rows;
}

}  // namespace meshgraft::sim
