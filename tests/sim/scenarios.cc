#include "tests/sim/scenarios.h"

#include "reconcilers/keys.h"
#include "tests/fakes/selectors.h"
#include "tests/sim/invariants.h"

namespace meshgraft::sim {
namespace {

using fakes::at;
using fakes::text_at;

const std::string kAppKey(keys::kApp);

// Three microservices and a namespace beside them that nobody labels.
void open_shop(RigCluster& cluster) {
  cluster.add_namespace("shop");
  cluster.add_namespace("others");
  for (const char* name : {"catalog", "cart", "web"}) cluster.add_app("shop", name);
  cluster.add_app("others", "ledger");
}

void open_labelled_shop(RigCluster& cluster) {
  open_shop(cluster);
  cluster.label("shop", kAppKey, "bookshop");
}

void set_image(RigCluster& cluster, const std::string& name, const std::string& image) {
  patch_deployment(cluster, "shop", name,
                   {{"spec", {{"template", {{"spec", {{"containers", Json::array({{{"name", "app"}, {"image", image}}})}}}}}}}});
}

std::string undo_of(const RigCluster& cluster, const std::string& ns, const std::string& name) {
  return text_at(cluster.deployment(ns, name), {"metadata", "annotations", std::string(keys::kUndo)});
}
void annotate_deployment(RigCluster& cluster, const std::string& ns, const std::string& name, const Json& undo) {
  patch_deployment(cluster, ns, name, {{"metadata", {{"annotations", {{std::string(keys::kUndo), undo}}}}}});
}

std::string image_of_container(const RigCluster& cluster, const std::string& name) {
  return cluster.deployment("shop", name)["spec"]["template"]["spec"]["containers"][0].value("image", "");
}

std::string shop_is_joined(const RigCluster& cluster) { return is_joined(cluster, "shop", {"catalog", "cart", "web"}); }

// Object for object what it was before anybody labelled it.
std::string shop_is_as_before(const RigCluster& cluster) {
  RigCluster fresh;
  open_shop(fresh);
  const Json want = image_of(fresh, "shop");
  const Json have = image_of(cluster, "shop");
  return want == have ? "" : "not as before: " + to_text(Json::diff(want, have));
}

std::vector<Scenario> all() {
  std::vector<Scenario> rows;
  rows.push_back({.name = "a_labelled_namespace_joins", .given = open_labelled_shop, .acts = {}, .in_the_end = shop_is_joined,
                  .settings = {}, .outage_by_user = {}});
  rows.push_back({.name = "two_namespaces_join_one_after_another",
                  .given =
                      [](RigCluster& cluster) {
                        for (const char* ns : {"north", "south"}) {
                          cluster.add_namespace(ns);
                          for (const char* name : {"catalog", "web"}) cluster.add_app(ns, name);
                          cluster.label(ns, kAppKey, "bookshop");
                        }
                      },
                  .acts = {},
                  .in_the_end =
                      [](const RigCluster& cluster) {
                        const std::string north = is_joined(cluster, "north", {"catalog", "web"});
                        return north.empty() ? is_joined(cluster, "south", {"catalog", "web"}) : north;
                      },
                  .settings = [] {
                    Settings settings;
                    settings.max_rollouts = 1;
                    return settings;
                  }(),
                  .outage_by_user = {}});
  rows.push_back({.name = "an_image_is_set_while_the_namespace_joins",
                  .given = open_labelled_shop,
                  .acts = {{"kubectl set image deployment/cart app=shop/app:2.0",
                            [](RigCluster& cluster) { set_image(cluster, "cart", "shop/app:2.0"); }}},
                  .in_the_end =
                      [](const RigCluster& cluster) {
                        if (image_of_container(cluster, "cart") != "shop/app:2.0") return std::string("the user's image is lost");
                        return shop_is_joined(cluster);
                      },
                  .settings = {},
                  .outage_by_user = {}});
  rows.push_back({.name = "a_member_is_scaled_while_the_namespace_joins",
                  .given = open_labelled_shop,
                  .acts = {{"kubectl scale deployment/web --replicas=4",
                            [](RigCluster& cluster) { patch_deployment(cluster, "shop", "web", {{"spec", {{"replicas", 4}}}}); }},
                           {"kubectl scale deployment/web --replicas=3",
                            [](RigCluster& cluster) { patch_deployment(cluster, "shop", "web", {{"spec", {{"replicas", 3}}}}); }}},
                  .in_the_end =
                      [](const RigCluster& cluster) {
                        if (cluster.deployment("shop", "web")["spec"].value("replicas", 0) != 3) return std::string("the user's replicas are lost");
                        return shop_is_joined(cluster);
                      },
                  .settings = {},
                  .outage_by_user = {}});
  rows.push_back({.name = "a_deployment_is_born_while_the_namespace_joins",
                  .given = open_labelled_shop,
                  .acts = {{"kubectl apply -f payment.yaml", [](RigCluster& cluster) { cluster.add_app("shop", "payment"); }}},
                  .in_the_end =
                      [](const RigCluster& cluster) { return is_joined(cluster, "shop", {"catalog", "cart", "web", "payment"}); },
                  .settings = {},
                  .outage_by_user = {}});
  rows.push_back({.name = "a_deployment_is_deleted_while_the_namespace_joins",
                  .given = open_labelled_shop,
                  .acts = {{"kubectl delete deployment/cart",
                            [](RigCluster& cluster) {
                              const fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "cart", ""};
                              ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
                            }}},
                  .in_the_end =
                      [](const RigCluster& cluster) {
                        if (!cluster.deployment("shop", "cart").is_null()) return std::string("the deleted Deployment is back");
                        return is_joined(cluster, "shop", {"catalog", "web"});
                      },
                  .settings = {},
                  .outage_by_user = {"shop/cart"}});
  // Another object of the same name: what the record of the former one says is not true of it.
  rows.push_back({.name = "a_deployment_is_made_anew_by_its_owner_while_the_namespace_joins",
                  .given = open_labelled_shop,
                  .acts = {{"kubectl replace --force -f cart.yaml",
                            [](RigCluster& cluster) {
                              Json again = cluster.deployment("shop", "cart");
                              const fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", "shop", "cart", ""};
                              ASSERT_TRUE(cluster.engine.remove(target, {}).ok());
                              for (const char* key : {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"}) again["metadata"].erase(key);
                              again.erase("status");
                              ASSERT_TRUE(cluster.engine.seed(again).ok());
                            }}},
                  .in_the_end = shop_is_joined,
                  .settings = {},
                  .outage_by_user = {"shop/cart"}});
  // Somebody edits what we wrote down of a member; when he puts it back, the rest follows.
  rows.push_back({.name = "the_undo_record_of_a_member_is_broken_and_put_back",
                  .given = open_labelled_shop,
                  .acts = {{"kubectl annotate deployment/cart meshgraft.io/undo={broken",
                            [](RigCluster& cluster) { annotate_deployment(cluster, "shop", "cart", "{broken"); },
                            [](const RigCluster& cluster) { return !undo_of(cluster, "shop", "cart").empty(); }, true},
                           {"kubectl annotate deployment/cart meshgraft.io/undo-",
                            [](RigCluster& cluster) { annotate_deployment(cluster, "shop", "cart", nullptr); },
                            [](const RigCluster& cluster) { return undo_of(cluster, "shop", "cart") == "{broken"; }}},
                  .in_the_end = shop_is_joined,
                  .settings = {},
                  .outage_by_user = {}});
  rows.push_back({.name = "the_namespace_is_paused_and_goes_on",
                  .given = open_labelled_shop,
                  .acts = {{"kubectl annotate ns shop meshgraft.io/paused=true",
                            [](RigCluster& cluster) { cluster.annotate("shop", std::string(keys::kPaused), "true"); }},
                           {"kubectl annotate ns shop meshgraft.io/paused-",
                            [](RigCluster& cluster) { cluster.annotate("shop", std::string(keys::kPaused), ""); }}},
                  .in_the_end = shop_is_joined,
                  .settings = {},
                  .outage_by_user = {}});
  rows.push_back({.name = "the_label_is_removed_while_the_namespace_joins",
                  .given = open_labelled_shop,
                  .acts = {{"kubectl label ns shop meshgraft.io/app-",
                            [](RigCluster& cluster) { cluster.label("shop", kAppKey, ""); }}},
                  .in_the_end = shop_is_as_before,
                  .settings = {},
                  .outage_by_user = {}});
  rows.push_back({.name = "new_pods_never_become_ready_and_the_template_goes_back",
                  .given =
                      [](RigCluster& cluster) {
                        open_labelled_shop(cluster);
                        cluster.never_ready = [](const Json& pod) { return to_text(pod).find("istio-proxy") != std::string::npos; };
                      },
                  .acts = {},
                  .in_the_end =
                      [](const RigCluster& cluster) {
                        int held = 0;
                        for (const char* name : {"catalog", "cart", "web"}) {
                          const Json deployment = cluster.deployment("shop", name);
                          held += text_at(deployment, {"metadata", "annotations", std::string(keys::kHeld)}).empty() ? 0 : 1;
                          if (!text_at(deployment, {"spec", "template", "metadata", "annotations", std::string(keys::kSidecarInject)}).empty())
                            return "the template of " + std::string(name) + " still asks for a sidecar";
                        }
                        return held == 1 ? std::string() : std::to_string(held) + " workloads are held, the first stops the queue";
                      },
                  .settings = {},
                  .outage_by_user = {}});
  for (std::vector<Scenario> (*more)() : {replace_scenarios, rename_scenarios, gateway_scenarios, release_scenarios}) {
    for (Scenario& row : more()) rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::span<const Scenario> scenarios() {
  static const std::vector<Scenario> rows = all();
  return rows;
}

std::string is_joined(const RigCluster& cluster, const std::string& ns, const std::vector<std::string>& names) {
  const Json space = cluster.object("v1", "Namespace", "", ns);
  const std::string count = std::to_string(names.size());
  const std::string status = text_at(space, {"metadata", "annotations", std::string(keys::kStatus)});
  if (!status.starts_with("joined " + count + "/" + count + ", rolling 0, held 0")) return "namespace " + ns + " says \"" + status + "\"";
  for (const std::string& name : names) {
    const Json deployment = cluster.deployment(ns, name);
    if (text_at(deployment, {"spec", "template", "metadata", "annotations", std::string(keys::kSidecarInject)}) != "true")
      return "the template of " + ns + "/" + name + " asks for no sidecar";
    const Json service = cluster.object("v1", "Service", ns, name);
    if (text_at(service, {"metadata", "annotations", std::string(keys::kGoverned)}) != "true")
      return "Service " + ns + "/" + name + " is not governed";
  }
  for (const fakes::Object& pod : cluster.engine.objects("v1", "Pod", ns)) {
    bool sidecar = false;
    for (const Json& container : at(*pod, {"spec", "containers"})) sidecar = sidecar || text_at(container, {"name"}) == keys::kProxyContainer;
    if (!sidecar) return "pod " + ns + "/" + text_at(*pod, {"metadata", "name"}) + " has no sidecar";
  }
  return "";
}

void patch_deployment(RigCluster& cluster, const std::string& ns, const std::string& name, const Json& body) {
  const fakes::Target target{cluster.engine.by_plural("apps", "v1", "deployments"), "v1", ns, name, ""};
  fakes::WriteOptions options;
  options.manager = "kubectl";
  const fakes::Answer answer = cluster.engine.patch(target, fakes::PatchFormat::strategic, body, options);
  ASSERT_TRUE(answer.ok()) << to_text(answer.body);
}

}  // namespace meshgraft::sim
