// Rows of the sim tier's table in which a Deployment is created again as <service>-<version> (naming=versioned), and
// goes back to its former name.

#include "reconcilers/keys.h"
#include "tests/fakes/selectors.h"
#include "tests/sim/invariants.h"
#include "tests/sim/scenarios.h"

namespace meshgraft::sim {
namespace {

using fakes::at;
using fakes::text_at;

constexpr int kPods = 3;
const std::string kAppKey(keys::kApp);
const std::string kUndoKey(keys::kUndo);
const std::string kHeldKey(keys::kHeld);

// One microservice whose selector KubeSphere does not accept, and its autoscaler.
void open_shop(RigCluster& cluster) {
  cluster.add_namespace("shop");
  cluster.add_app("shop", "catalog", kPods);
  const Json scaler{{"apiVersion", "autoscaling/v2"},
                    {"kind", "HorizontalPodAutoscaler"},
                    {"metadata", {{"name", "catalog"}, {"namespace", "shop"}}},
                    {"spec", {{"maxReplicas", 9}, {"scaleTargetRef", {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", "catalog"}}}}}};
  ASSERT_TRUE(cluster.engine.seed(scaler).ok());
}
void open_labelled_shop(RigCluster& cluster) {
  open_shop(cluster);
  cluster.annotate("shop", std::string(keys::kPolicy), "replace");
  cluster.annotate("shop", std::string(keys::kNaming), "versioned");
  cluster.label("shop", kAppKey, "bookshop");
}

Json former(const RigCluster& cluster) { return cluster.deployment("shop", "catalog"); }
Json named(const RigCluster& cluster) { return cluster.deployment("shop", "catalog-v1"); }
bool is_recorded(const RigCluster& cluster) { return !cluster.engine.objects("apps/v1", "ControllerRevision", "shop").empty(); }
std::string scaled(const RigCluster& cluster) {
  return text_at(cluster.object("autoscaling/v2", "HorizontalPodAutoscaler", "shop", "catalog"), {"spec", "scaleTargetRef", "name"});
}
std::string image(const Json& deployment) { return text_at(at(deployment, {"spec", "template", "spec", "containers"}).at(0), {"image"}); }

// As is_joined, of a Deployment that is not called as its Service is.
std::string is_member(const RigCluster& cluster) {
  const std::string status = text_at(cluster.object("v1", "Namespace", "", "shop"), {"metadata", "annotations", std::string(keys::kStatus)});
  if (!status.starts_with("joined 1/1, rolling 0, held 0")) return "the namespace says \"" + status + "\"";
  if (text_at(cluster.object("v1", "Service", "shop", "catalog"), {"metadata", "annotations", std::string(keys::kGoverned)}) != "true") return "its Service is not governed";
  const int pods = static_cast<int>(cluster.engine.objects("v1", "Pod", "shop").size());
  return cluster.pods_with_sidecar("shop") == pods ? "" : "a pod has no sidecar";
}

// ---- moments ----

bool both_stand(const RigCluster& cluster) { return !former(cluster).is_null() && !named(cluster).is_null(); }
bool is_acknowledged(const RigCluster& cluster) {
  return both_stand(cluster) && text_at(cluster.object("apps/v1", "ControllerRevision", "shop", "meshgraft-catalog"), {"metadata", "annotations", kUndoKey}).find("planted") != std::string::npos;
}
bool is_led(const RigCluster& cluster) { return scaled(cluster) == "catalog-v1"; }
bool is_over(const RigCluster& cluster) {
  return former(cluster).is_null() && !named(cluster).is_null() && !is_recorded(cluster) && is_member(cluster).empty();
}

// ---- ends ----

std::string is_renamed(const RigCluster& cluster) {
  if (!former(cluster).is_null()) return "the former one is still there";
  if (is_recorded(cluster)) return "the record is still there";
  const Json labels = at(named(cluster), {"spec", "selector", "matchLabels"});
  for (const char* key : {"run", "app", "version", "app.kubernetes.io/name", "app.kubernetes.io/version"}) {
    if (!labels.contains(key)) return "the selector lacks " + std::string(key);
  }
  if (cluster.object("networking.istio.io/v1alpha3", "VirtualService", "shop", "catalog").is_null()) return "KubeSphere routes nothing to it";
  if (scaled(cluster) != "catalog-v1") return "its autoscaler leads to " + scaled(cluster);
  return is_member(cluster);
}

// Object for object what it was before anybody labelled it.
std::string is_as_before(const RigCluster& cluster) {
  RigCluster fresh;
  open_shop(fresh);
  if (scaled(cluster) != "catalog") return "its autoscaler leads to " + scaled(cluster);
  const Json want = image_of(fresh, "shop");
  const Json have = image_of(cluster, "shop");
  return want == have ? "" : "not as before: " + to_text(Json::diff(want, have));
}

// The Deployment is what it was, but for the mark that it is held.
std::string is_held_as_before(const RigCluster& cluster) {
  RigCluster fresh;
  open_shop(fresh);
  const std::string title = "Deployment catalog";
  Json have = image_of(cluster, "shop");
  if (is_recorded(cluster)) return "the record is still there";
  if (!named(cluster).is_null()) return "the new one is still there";
  if (scaled(cluster) != "catalog") return "its autoscaler leads to " + scaled(cluster);
  if (!have.contains(title) || text_at(have[title], {"annotations", kHeldKey}).empty()) return "it is not held";
  for (const std::string& key : {kHeldKey, kUndoKey}) have[title]["annotations"].erase(key);
  if (have[title]["annotations"].empty()) have[title].erase("annotations");
  const Json want = image_of(fresh, "shop")[title];
  return want == have[title] ? "" : "not as before: " + to_text(Json::diff(want, have[title]));
}

// ---- acts ----

void remove_label(RigCluster& cluster) { cluster.label("shop", kAppKey, ""); }
void remove(RigCluster& cluster, const std::string& name) {
  const fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", name, ""};
  ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
}
void set_image(RigCluster& cluster) {
  patch_deployment(cluster, "shop", "catalog",
                   {{"spec", {{"template", {{"spec", {{"containers", Json::array({{{"name", "app"}, {"image", "shop/app:2.0"}}})}}}}}}}});
}
void scale_up(RigCluster& cluster) { patch_deployment(cluster, "shop", "catalog", {{"spec", {{"replicas", kPods + 1}}}}); }

Scenario row(std::string_view name, std::vector<Act> acts, std::function<std::string(const RigCluster&)> in_the_end) {
  Scenario made{.name = name, .given = open_labelled_shop, .acts = std::move(acts), .in_the_end = std::move(in_the_end), .settings = {}, .outage_by_user = {}};
  made.settings.replace_enabled = true;
  made.keeps = {{"shop/catalog", kPods}};
  return made;
}

}  // namespace

std::vector<Scenario> rename_scenarios() {
  const auto leaving_when = [](bool (*when)(const RigCluster&)) { return Act{"kubectl label ns shop meshgraft.io/app-", remove_label, when, true}; };
  std::vector<Scenario> rows;
  rows.push_back(row("a_deployment_is_created_again_under_another_name", {}, is_renamed));
  rows.push_back(row("new_pods_under_another_name_never_become_ready", {}, is_held_as_before));
  rows.back().given = [](RigCluster& cluster) {
    open_labelled_shop(cluster);
    cluster.never_ready = [](const Json& pod) { return to_text(pod).find("istio-proxy") != std::string::npos; };
  };
  rows.push_back(row("the_label_is_removed_while_both_names_stand", {leaving_when(both_stand)}, is_as_before));
  rows.push_back(row("the_label_is_removed_when_the_autoscaler_leads_to_the_new_name", {leaving_when(is_led)}, is_as_before));
  rows.push_back(row("the_label_is_removed_after_a_deployment_got_another_name", {leaving_when(is_over)}, is_as_before));
  rows.push_back(row("an_image_is_set_on_the_former_name_while_both_stand",
                     {{"kubectl set image deployment/catalog app=shop/app:2.0", set_image, is_acknowledged, true}},
                     [](const RigCluster& cluster) {
                       if (image(named(cluster)) != "shop/app:2.0") return std::string("the user's image is lost");
                       return is_renamed(cluster);
                     }));
  // A rolling update of 3 pods of which 25 %, that is none, may be missing.
  rows.push_back(row("replicas_are_added_to_the_former_name_while_both_stand",
                     {{"kubectl scale deployment/catalog --replicas=4", scale_up, is_acknowledged, true}},
                     [](const RigCluster& cluster) {
                       if (named(cluster)["spec"].value("replicas", 0) != kPods + 1) return std::string("the user's replicas are lost");
                       return is_renamed(cluster);
                     }));
  rows.push_back(row("the_new_name_is_deleted_by_its_owner",
                     {{"kubectl delete deployment/catalog-v1", [](RigCluster& cluster) { remove(cluster, "catalog-v1"); }, is_acknowledged, true}}, is_held_as_before));
  rows.push_back(row("the_former_name_is_deleted_by_its_owner_while_both_stand",
                     {{"kubectl delete deployment/catalog", [](RigCluster& cluster) { remove(cluster, "catalog"); }, is_acknowledged, true}},
                     [](const RigCluster& cluster) {
                       if (!former(cluster).is_null()) return std::string("the deleted Deployment is back");
                       if (scaled(cluster) != "catalog-v1") return "its autoscaler leads to " + scaled(cluster);
                       return std::string(is_recorded(cluster) ? "the record is still there" : "");
                     }));
  rows.back().keeps.clear();
  rows.back().outage_by_user = {"shop/catalog"};
  return rows;
}

}  // namespace meshgraft::sim
