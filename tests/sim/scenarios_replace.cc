// Rows of the sim tier's table in which a Deployment is created again with a fuller selector, and goes back.

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

// One microservice whose selector KubeSphere does not accept.
void open_shop(RigCluster& cluster) {
  cluster.add_namespace("shop");
  cluster.add_app("shop", "catalog", kPods);
}
void open_labelled_shop(RigCluster& cluster) {
  open_shop(cluster);
  cluster.annotate("shop", std::string(keys::kPolicy), "replace");
  cluster.label("shop", kAppKey, "bookshop");
}

Json catalog(const RigCluster& cluster) { return cluster.deployment("shop", "catalog"); }
Json record(const RigCluster& cluster) { return cluster.object("apps/v1", "ControllerRevision", "shop", "meshgraft-catalog"); }
bool has_fuller_selector(const RigCluster& cluster) {
  return at(catalog(cluster), {"spec", "selector", "matchLabels"}).contains("app.kubernetes.io/version");
}

// ---- moments ----

bool is_recorded(const RigCluster& cluster) { return !catalog(cluster).is_null() && !has_fuller_selector(cluster) && !record(cluster).is_null(); }
bool is_orphaned(const RigCluster& cluster) { return catalog(cluster).is_null() && !record(cluster).is_null(); }
bool stands(const RigCluster& cluster) { return !catalog(cluster).is_null(); }
bool is_planted(const RigCluster& cluster) { return has_fuller_selector(cluster) && !record(cluster).is_null(); }
bool is_acknowledged(const RigCluster& cluster) {
  return is_planted(cluster) && text_at(record(cluster), {"metadata", "annotations", kUndoKey}).find("planted") != std::string::npos;
}
bool is_over(const RigCluster& cluster) {
  return has_fuller_selector(cluster) && record(cluster).is_null() && is_joined(cluster, "shop", {"catalog"}).empty();
}

// ---- ends ----

std::string is_replaced(const RigCluster& cluster) {
  if (!record(cluster).is_null()) return "the record is still there";
  const Json labels = at(catalog(cluster), {"spec", "selector", "matchLabels"});
  for (const char* key : {"run", "app", "version", "app.kubernetes.io/name", "app.kubernetes.io/version"}) {
    if (!labels.contains(key)) return "the selector lacks " + std::string(key);
  }
  if (const std::size_t sets = cluster.engine.objects("apps/v1", "ReplicaSet", "shop").size(); sets > 2) return std::to_string(sets) + " ReplicaSets are left";
  if (cluster.object("networking.istio.io/v1alpha3", "VirtualService", "shop", "catalog").is_null()) return "KubeSphere routes nothing to it";
  return is_joined(cluster, "shop", {"catalog"});
}

// Object for object what it was before anybody labelled it.
std::string is_as_before(const RigCluster& cluster) {
  RigCluster fresh;
  open_shop(fresh);
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
  if (!record(cluster).is_null()) return "the record is still there";
  if (!have.contains(title) || text_at(have[title], {"annotations", kHeldKey}).empty()) return "it is not held";
  for (const std::string& key : {kHeldKey, kUndoKey}) have[title]["annotations"].erase(key);
  if (have[title]["annotations"].empty()) have[title].erase("annotations");
  if (cluster.pods_with_sidecar("shop") != 0) return "pods of the new one are left";
  const Json want = image_of(fresh, "shop")[title];
  return want == have[title] ? "" : "not as before: " + to_text(Json::diff(want, have[title]));
}

// ---- acts ----

void remove_label(RigCluster& cluster) { cluster.label("shop", kAppKey, ""); }
void set_image(RigCluster& cluster) {
  patch_deployment(cluster, "shop", "catalog",
                   {{"spec", {{"template", {{"spec", {{"containers", Json::array({{{"name", "app"}, {"image", "shop/app:2.0"}}})}}}}}}}});
}
std::string image(const RigCluster& cluster) { return text_at(at(catalog(cluster), {"spec", "template", "spec", "containers"}).at(0), {"image"}); }
void scale_up(RigCluster& cluster) { patch_deployment(cluster, "shop", "catalog", {{"spec", {{"replicas", kPods + 1}}}}); }
void remove(RigCluster& cluster, const char* plural, const std::string& name) {
  const fakes::Target target{cluster.engine.by_plural("apps", "v1", plural), "v1", "shop", name, ""};
  ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
}
// The former Deployment under `name`, made by somebody else.
void create_former(RigCluster& cluster, const std::string& name) {
  RigCluster fresh;
  open_shop(fresh);
  Json his = fresh.deployment("shop", "catalog");
  his["metadata"]["name"] = name;
  for (const char* key : {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"}) his["metadata"].erase(key);
  his.erase("status");
  const fakes::Answer answer = cluster.engine.seed(his);
  ASSERT_TRUE(answer.ok()) << to_text(answer.body);
}

// kubectl annotate of the record's progress; `value` null takes the annotation off.
void write_progress(RigCluster& cluster, const Json& value) {
  const fakes::Target target{cluster.engine.by_plural("apps", "v1", "controllerrevisions"), "v1", "shop", "meshgraft-catalog", ""};
  const fakes::Answer answer = cluster.engine.patch(target, fakes::PatchFormat::merge, {{"metadata", {{"annotations", {{kUndoKey, value}}}}}}, {"kubectl-annotate"});
  ASSERT_TRUE(answer.ok()) << to_text(answer.body);
}
bool has_readable_record(const RigCluster& cluster) {
  return is_acknowledged(cluster) && text_at(record(cluster), {"metadata", "annotations", kUndoKey}).starts_with("{");
}
bool has_broken_record(const RigCluster& cluster) {
  return !record(cluster).is_null() && text_at(record(cluster), {"metadata", "annotations", kUndoKey}).starts_with("[");
}

Scenario row(std::string_view name, std::vector<Act> acts, std::function<std::string(const RigCluster&)> in_the_end) {
  Scenario made{.name = name, .given = open_labelled_shop, .acts = std::move(acts), .in_the_end = std::move(in_the_end), .settings = {}, .outage_by_user = {}};
  made.settings.replace_enabled = true;
  made.keeps = {{"shop/catalog", kPods}};
  return made;
}

}  // namespace

std::vector<Scenario> replace_scenarios() {
  const Act leaving{"kubectl label ns shop meshgraft.io/app-", remove_label};
  const auto leaving_when = [&leaving](bool (*when)(const RigCluster&)) {
    Act act = leaving;
    act.when = when;
    act.at_once = true;
    return act;
  };
  std::vector<Scenario> rows;
  rows.push_back(row("a_deployment_is_created_again", {}, is_replaced));
  rows.push_back(row("new_pods_of_a_replace_never_become_ready", {}, is_held_as_before));
  rows.back().given = [](RigCluster& cluster) {
    open_labelled_shop(cluster);
    cluster.never_ready = [](const Json& pod) { return to_text(pod).find("istio-proxy") != std::string::npos; };
  };
  rows.push_back(row("the_label_is_removed_between_orphan_and_plant", {leaving_when(is_orphaned)}, is_as_before));
  rows.push_back(row("the_label_is_removed_while_the_new_deployment_starts", {leaving_when(is_planted)}, is_as_before));
  rows.push_back(row("the_label_is_removed_while_a_deployment_is_created_again", {leaving}, is_as_before));
  rows.push_back(row("the_label_is_removed_after_a_replace", {leaving_when(is_over)}, is_as_before));
  rows.push_back(row("the_namespace_is_paused_during_a_replace",
                     {{"kubectl annotate ns shop meshgraft.io/paused=true",
                       [](RigCluster& cluster) { cluster.annotate("shop", std::string(keys::kPaused), "true"); }, is_planted, true},
                      {"kubectl annotate ns shop meshgraft.io/paused-",
                       [](RigCluster& cluster) { cluster.annotate("shop", std::string(keys::kPaused), ""); }}},
                     is_replaced));
  rows.push_back(row("an_image_is_set_and_replicas_are_added_during_a_replace",
                     {{"kubectl set image deployment/catalog app=shop/app:2.0", set_image, stands},
                      {"kubectl scale deployment/catalog --replicas=4", scale_up, stands}},
                     [](const RigCluster& cluster) {
                       if (image(cluster) != "shop/app:2.0") return std::string("the user's image is lost");
                       if (catalog(cluster)["spec"].value("replicas", 0) != kPods + 1) return std::string("the user's replicas are lost");
                       return is_replaced(cluster);
                     }));
  rows.push_back(row("the_new_deployment_is_deleted_by_its_owner",
                     {{"kubectl delete deployment/catalog", [](RigCluster& cluster) { remove(cluster, "deployments", "catalog"); }, is_acknowledged, true}},
                     [](const RigCluster& cluster) {
                       if (!catalog(cluster).is_null()) return std::string("the deleted Deployment is back");
                       if (!record(cluster).is_null()) return std::string("its record is left");
                       return std::string(cluster.engine.objects("apps/v1", "ReplicaSet", "shop").empty() ? "" : "its ReplicaSets are left");
                     }));
  rows.back().keeps.clear();
  rows.back().outage_by_user = {"shop/catalog"};
  rows.push_back(row("the_name_is_taken_between_orphan_and_plant",
                     {{"kubectl create -f catalog.yaml", [](RigCluster& cluster) { create_former(cluster, "catalog"); }, is_orphaned, true}},
                     [](const RigCluster& cluster) {
                       if (has_fuller_selector(cluster)) return std::string("his Deployment was replaced");
                       return std::string(record(cluster).is_null() ? "what stood there is lost" : "");
                     }));
  rows.push_back(row("a_former_replica_set_is_adopted_by_somebody_else",
                     {{"kubectl create -f copy.yaml", [](RigCluster& cluster) { create_former(cluster, "copy"); }, is_orphaned, true}},
                     [](const RigCluster& cluster) {
                       if (!has_fuller_selector(cluster)) return std::string("the new Deployment is gone");
                       const std::string his = text_at(cluster.deployment("shop", "copy"), {"metadata", "uid"});
                       for (const fakes::Object& set : cluster.engine.objects("apps/v1", "ReplicaSet", "shop")) {
                         if (fakes::controller_of(*set) == his) return std::string(record(cluster).is_null() ? "" : "the record is still there");
                       }
                       return std::string("what he adopted was deleted");
                     }));
  // Its finalizer keeps the record, whoever deletes it: nothing is lost, and the replace goes on.
  const auto deleted_when = [](bool (*when)(const RigCluster&)) {
    return Act{"kubectl delete controllerrevision/meshgraft-catalog --wait=false",
               [](RigCluster& cluster) { remove(cluster, "controllerrevisions", "meshgraft-catalog"); }, when, true};
  };
  rows.push_back(row("the_record_is_deleted_before_the_deployment_is", {deleted_when(is_recorded)}, is_replaced));
  rows.push_back(row("the_record_is_deleted_between_orphan_and_plant", {deleted_when(is_orphaned)}, is_replaced));
  rows.push_back(row("the_record_is_deleted_while_the_new_deployment_starts", {deleted_when(is_acknowledged)}, is_replaced));
  rows.push_back(row("the_record_is_deleted_and_the_label_removed_between_orphan_and_plant", {deleted_when(is_orphaned), leaving_when(is_orphaned)}, is_as_before));
  rows.push_back(row("the_record_is_made_unreadable_and_deleted_and_put_back",
                     {{"kubectl annotate controllerrevision/meshgraft-catalog meshgraft.io/undo=[broken",
                       [](RigCluster& cluster) { write_progress(cluster, "[broken"); }, is_orphaned, true},
                      deleted_when(has_broken_record),
                      {"kubectl annotate controllerrevision/meshgraft-catalog meshgraft.io/undo={}",
                       [](RigCluster& cluster) { write_progress(cluster, "{}"); }, has_broken_record}},
                     is_replaced));
  rows.push_back(row("the_record_is_taken_away_by_force_while_the_new_deployment_starts",
                     {{"kubectl patch controllerrevision/meshgraft-catalog -p '{\"metadata\":{\"finalizers\":null}}', kubectl delete",
                       [](RigCluster& cluster) {
                         const fakes::Target target{cluster.engine.by_plural("apps", "v1", "controllerrevisions"), "v1", "shop", "meshgraft-catalog", ""};
                         ASSERT_TRUE(cluster.engine.patch(target, fakes::PatchFormat::merge, {{"metadata", {{"finalizers", nullptr}}}}, {"kubectl-patch"}).ok());
                         remove(cluster, "controllerrevisions", "meshgraft-catalog");
                       }, is_acknowledged, true}},
                     [](const RigCluster& cluster) {
                       if (!has_fuller_selector(cluster)) return std::string("the new Deployment is gone");
                       return std::string(cluster.engine.objects("apps/v1", "ReplicaSet", "shop").size() < 2 ? "what is not known to be ours was deleted" : "");
                     }));
  // What it says is read as "nothing is written there yet": the new Deployment bears a mark of its own.
  rows.push_back(row("the_progress_of_the_record_is_taken_off",
                     {{"kubectl annotate controllerrevision/meshgraft-catalog meshgraft.io/undo-",
                       [](RigCluster& cluster) { write_progress(cluster, nullptr); }, has_readable_record, true}},
                     is_replaced));
  rows.push_back(row("the_progress_of_the_record_is_made_unreadable_and_put_back",
                     {{"kubectl annotate controllerrevision/meshgraft-catalog meshgraft.io/undo=[broken",
                       [](RigCluster& cluster) { write_progress(cluster, "[broken"); }, has_readable_record, true},
                      {"kubectl annotate controllerrevision/meshgraft-catalog meshgraft.io/undo={\"planted\":UID}",
                       [](RigCluster& cluster) {
                         write_progress(cluster, to_text(Json{{"planted", text_at(catalog(cluster), {"metadata", "uid"})}}));
                       }, has_broken_record}},
                     is_replaced));
  rows.push_back(row("the_namespace_is_deleted_during_a_replace",
                     {{"kubectl delete ns shop",
                       [](RigCluster& cluster) {
                         const fakes::Target target{cluster.engine.by_plural("", "v1", "namespaces"), "v1", "", "shop", ""};
                         ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
                       }, is_acknowledged, true}},
                     [](const RigCluster& cluster) {
                       if (!cluster.object("v1", "Namespace", "", "shop").is_null()) return std::string("the namespace is still there");
                       return is_joined(cluster, "annex", {"ledger"});
                     }));
  rows.back().given = [](RigCluster& cluster) {
    open_labelled_shop(cluster);
    cluster.add_namespace("annex");
    cluster.add_app("annex", "ledger");
    cluster.label("annex", kAppKey, "books");
  };
  rows.back().keeps.clear();
  rows.back().outage_by_user = {"shop/catalog"};
  return rows;
}

}  // namespace meshgraft::sim
