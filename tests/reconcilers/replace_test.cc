// Which Deployments are re-created, what their record holds, and what is done when something was changed by hand.

#include "reconcilers/replace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8sclient/model/decode.h"
#include "k8sclient/model/json_read.h"
#include "reconcilers/keys.h"
#include "reconcilers/replace_record.h"
#include "reconcilers/replace_sight.h"
#include "reconcilers/replace_target.h"
#include "tests/reconcilers/live.h"

namespace meshgraft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Settings enabled() {
  Settings settings;
  settings.replace_enabled = true;
  return settings;
}

// The whole of Deployment web, as the server has it.
Json whole_web() {
  return Json::parse(R"({"apiVersion":"apps/v1","kind":"Deployment",
    "metadata":{"name":"web","namespace":"shop","uid":"uid-web","generation":3,"resourceVersion":"7",
      "annotations":{"deployment.kubernetes.io/revision":"1"},
      "managedFields":[{"manager":"kubectl-create","operation":"Update"}]},
    "spec":{"replicas":2,"revisionHistoryLimit":4,"selector":{"matchLabels":{"run":"web"}},
      "template":{"metadata":{"labels":{"run":"web"}},"spec":{"containers":[{"name":"c","image":"x:1"}],"schedulerName":"mine"}}},
    "status":{"replicas":2}})");
}

World shop(const std::string& deployment = live::deployment("web"), const Json& whole = whole_web()) {
  World world = live::world(live::shop("meshgraft.io/policy: replace") + deployment + live::service("web") +
                            "---\napiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {name: web-1, uid: set-1, generation: 1, ownerReferences: "
                            "[{kind: Deployment, name: web, uid: uid-web, controller: true}]}\nspec: {replicas: 2}\n"
                            "status: {replicas: 2, readyReplicas: 2, observedGeneration: 1}\n");
  NamespaceView& view = world.namespaces.at("shop");
  view.live.emplace(ObjectKey{Kind::deployment, "shop", "web"}, std::make_shared<const Json>(whole));
  // The Service's labels are in place: the stage before has nothing to do.
  auto service = std::make_shared<Service>(*view.services.front());
  for (const auto& [key, value] : Labels{{"app", "web"}, {"app.kubernetes.io/name", "shop"}, {"app.kubernetes.io/version", "v1"}})
    service->meta.labels.insert_or_assign(key, value);
  view.services.front() = std::move(service);
  return world;
}

std::string text_of(const Plan& plan, std::string_view code) {
  for (const Finding& one : plan.findings) {
    if (one.code == code) return one.text;
  }
  return "";
}

// What would be done to the Deployment, its ReplicaSets or its record.
std::vector<std::string> of_web(const Plan& plan) {
  std::vector<std::string> list;
  for (const Change& change : plan.now) {
    const Kind kind = change.target.kind;
    if (kind == Kind::deployment || kind == Kind::replica_set || kind == Kind::controller_revision) list.push_back(to_string(change.target));
  }
  return list;
}

TEST(Replace, begins_with_a_record_of_the_whole_deployment) {
  const Plan made = live::plan(shop(), enabled());
  ASSERT_THAT(live::targets(made), ElementsAre("member-replace ControllerRevision shop/meshgraft-web"));
  const Change& change = made.now.front();
  EXPECT_EQ(change.verb, Verb::create);
  EXPECT_EQ(change.restarts, 2);
  EXPECT_EQ(text(change.body, "/metadata/labels/meshgraft.io~1record"), "replace");
  const Json& data = change.body["data"];
  EXPECT_EQ(text(data, "/original/spec/template/spec/schedulerName"), "mine") << "fields that no rule reads are kept";
  EXPECT_EQ(number(data, "/target/spec/revisionHistoryLimit"), 4);
  for (const char* kept : {"/original/status", "/original/metadata/uid", "/original/metadata/managedFields", "/original/metadata/annotations"})
    EXPECT_EQ(value_at(data, kept), nullptr) << kept;
  EXPECT_EQ(data["original"]["spec"]["selector"], Json::parse(R"({"matchLabels":{"run":"web"}})"));
  EXPECT_EQ(data["target"]["spec"]["selector"]["matchLabels"],
            (Json{{"run", "web"}, {"app", "web"}, {"version", "v1"}, {"app.kubernetes.io/name", "shop"}, {"app.kubernetes.io/version", "v1"}}));
  EXPECT_EQ(text(data, "/target/spec/template/metadata/annotations/sidecar.istio.io~1inject"), "true");
  EXPECT_EQ(data["replicaSets"], Json::parse(R"([{"name":"web-1","uid":"set-1","replicas":2}])"));
  EXPECT_EQ(data["undo"]["replaced"], Json::parse(R"({"selector":{"matchLabels":{"run":"web"}}})"));
}

TEST(Replace, a_record_is_read_as_it_was_written) {
  ReplaceRecord record;
  record.deployment = "web";
  record.old_uid = "uid-web";
  record.original = record.target = bare(whole_web(), "shop");
  record.sets = {{"web-1", "set-1", 2}};
  record.undo.own = {"metadata.labels[app]"};
  record.undo.was = {{"metadata.labels[version]", "old"}};
  record.planted = "uid-new";
  record.back = "why";
  record.held = true;
  const Json body = replace_record_body(record, "shop");
  ControllerRevision object;
  object.meta.name = "meshgraft-web";
  object.data = to_text(body["data"]);
  object.meta.annotations.insert_or_assign("meshgraft.io/undo", text(body, "/metadata/annotations/meshgraft.io~1undo"));
  const ReplaceRecord read = read_replace_record(object);
  EXPECT_EQ(read.broken, "");
  EXPECT_EQ(replace_record_body(read, "shop"), body);
}

TEST(Replace, a_record_that_somebody_edited_stops_everything_and_says_so) {
  for (const char* data : {"", "[]", "{}", R"({"deployment":{"name":"web","uid":"u"}})"}) {
    World world = shop();
    auto object = std::make_shared<ControllerRevision>();
    object->meta.ns = "shop";
    object->meta.name = "meshgraft-web";
    object->data = data;
    world.namespaces.at("shop").records.push_back(std::move(object));
    const Plan made = live::plan(world, enabled());
    EXPECT_THAT(text_of(made, "MG107"), Not(IsEmpty())) << data;
    EXPECT_THAT(of_web(made), IsEmpty()) << data;
  }
}

// A record of the replace of web, as the server shows it.
ControllerRevision record_of_web(const std::string& progress, bool deleted) {
  ReplaceRecord record;
  record.deployment = "web";
  record.old_uid = "uid-web";
  record.original = record.target = bare(whole_web(), "shop");
  record.sets = {{"web-1", "set-1", 2}};
  Json body = replace_record_body(record, "shop");
  body["metadata"]["uid"] = "uid-record";
  body["metadata"]["annotations"]["meshgraft.io/undo"] = progress;
  if (deleted) body["metadata"]["deletionTimestamp"] = "2026-11-22T00:00:00Z";
  Decoder decoder;
  const Result<ObjectPtr> read = decoder.object(to_text(body));
  return static_cast<const ControllerRevision&>(**read);
}
// With that record, and, where `stands`, a Deployment that somebody else has created.
World shop_with(const ControllerRevision& record, bool stands) {
  World world = stands ? shop(live::deployment("web")) : shop();
  NamespaceView& view = world.namespaces.at("shop");
  view.records.push_back(std::make_shared<const ControllerRevision>(record));
  view.slices.emplace();
  view.pods.emplace();
  if (!stands) {
    view.workloads.clear();
    auto orphan = std::make_shared<ReplicaSet>(*view.replica_sets->front());
    orphan->meta.owners.clear();
    view.replica_sets->front() = std::move(orphan);
  } else {
    auto his = std::make_shared<Workload>(*view.workloads.front());
    his->meta.uid = "uid-his";
    view.workloads.front() = std::move(his);
  }
  return world;
}

TEST(Replace, a_record_that_was_deleted_goes_when_nothing_can_come_of_it_and_stays_while_it_holds_all_there_is) {
  for (const bool stands : {false, true}) {
    for (const char* progress : {"{}", "[broken"}) {
      const Plan made = live::plan(shop_with(record_of_web(progress, true), stands), enabled());
      const bool broken = *progress == '[';
      EXPECT_EQ(text_of(made, "MG107").empty(), !broken);
      ASSERT_EQ(made.now.empty(), !stands && broken) << progress;
      if (made.now.empty()) continue;
      const Change& change = made.now.front();
      EXPECT_EQ(change.verb, stands ? Verb::edit : Verb::create) << progress;
      if (stands) {
        EXPECT_EQ(change.target.name, "meshgraft-web");
        EXPECT_EQ(to_text(change.body), R"([{"op":"test","path":"/metadata/finalizers/0","value":"meshgraft.io/record"},{"op":"remove","path":"/metadata/finalizers/0"}])");
        EXPECT_EQ(change.outcome, "dropped");
      } else {
        ASSERT_TRUE(change.witness);
        EXPECT_EQ(change.witness->object, (ObjectKey{Kind::controller_revision, "shop", "meshgraft-web"}));
        EXPECT_THAT(text_of(made, "MG119"), HasSubstr("stays until that is over"));
      }
    }
  }
}

// A controller that was just started does not know since when no route leads to the Service, and waits for 90 s.
TEST(Replace, while_the_deployment_is_away_no_former_stage_holds_it_up) {
  for (const bool away : {false, true}) {
    World world = shop_with(record_of_web("{}", false), false);
    NamespaceView& view = world.namespaces.at("shop");
    if (!away) view.workloads.push_back(live::world(live::shop() + live::deployment("web")).namespaces.at("shop").workloads.front());
    auto ns = std::make_shared<Namespace>(*view.ns);
    ns->meta.labels.erase(keys::kApp);
    view.ns = ns;
    auto service = std::make_shared<Service>(*view.services.front());
    service->meta.annotations.insert_or_assign(keys::kUndo, R"({"uid":"svc-web","own":["metadata.labels[app]"]})");
    view.services.front() = std::move(service);
    view.moments.now = 1'000'000;
    view.moments.watching_since = view.moments.now - 1000;
    const Plan made = live::plan(world, enabled());
    ASSERT_EQ(made.wake_after, 89'000);
    if (away)
      EXPECT_THAT(live::targets(made), ElementsAre("back-template ControllerRevision shop/meshgraft-web"));
    else
      EXPECT_THAT(live::targets(made), IsEmpty());
  }
}

TEST(Replace, in_a_namespace_that_is_being_deleted_a_record_is_let_go_whatever_else_is_frozen) {
  for (const bool paused : {false, true}) {
    World world = shop_with(record_of_web("{}", true), false);
    NamespaceView& view = world.namespaces.at("shop");
    auto ns = std::make_shared<Namespace>(*view.ns);
    ns->terminating = true;
    view.ns = ns;
    Settings settings = enabled();
    settings.paused = paused;
    const Plan made = live::plan(world, settings);
    ASSERT_EQ(made.now.size(), 1U);
    EXPECT_EQ(made.now.front().verb, Verb::edit);
    EXPECT_EQ(made.now.front().target.kind, Kind::controller_revision);
  }
}

TEST(Replace, a_new_pod_that_crashes_again_and_again_turns_it_back_before_its_deadline) {
  ReplaceRecord record;
  record.deployment = "web";
  record.old_uid = "uid-old";
  record.original = record.target = bare(whole_web(), "shop");
  record.planted = "uid-web";
  record.sets = {{"web-0", "set-0", 2}};
  World world = shop(live::deployment("web", "", "", "observedGeneration: 3, replicas: 2, updatedReplicas: 2, readyReplicas: 0, unavailableReplicas: 2"));
  NamespaceView& view = world.namespaces.at("shop");
  auto old = std::make_shared<ReplicaSet>();
  old->meta.name = "web-0";
  old->meta.uid = "set-0";
  old->replicas = old->pods = old->ready = 2;
  view.replica_sets->push_back(old);
  auto pod = std::make_shared<Pod>();
  pod->meta.name = "web-1-x";
  pod->meta.owners = {{"ReplicaSet", "web-1", "set-1", true}};
  pod->waiting_reason = "CrashLoopBackOff";
  pod->restarts = 2;
  view.pods.emplace().push_back(pod);
  view.slices.emplace();
  EXPECT_EQ(look_at_replace(view, record).failed, "");
  auto worse = std::make_shared<Pod>(*pod);
  worse->restarts = 3;
  view.pods->front() = worse;
  const Seen seen = look_at_replace(view, record);
  EXPECT_EQ(seen.failed, "its new pod web-1-x crashes: 3 restarts");
  const Step step = next_step(seen);
  EXPECT_EQ(step.kind, Step::Kind::turn_back);
  EXPECT_TRUE(step.held);
}

TEST(Replace, claims_are_asked_for_before_anything_is_decided) {
  const std::string mounts = "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}], containers:";
  std::string deployment = live::deployment("web");
  const std::size_t at = deployment.find("containers:");
  ASSERT_NE(at, std::string::npos);
  deployment.replace(at, std::string("containers:").size(), mounts);
  World world = shop(deployment);
  NamespaceView& view = world.namespaces.at("shop");
  view.claims.reset();
  Plan made = live::plan(world, enabled());
  EXPECT_TRUE(made.wants_claims);
  EXPECT_THAT(of_web(made), IsEmpty());
  EXPECT_THAT(text_of(made, "MG205"), IsEmpty());
  auto claim = std::make_shared<VolumeClaim>();
  claim->meta.name = "data";
  claim->modes = {"ReadWriteMany"};
  view.claims.emplace().push_back(claim);
  made = live::plan(world, enabled());
  EXPECT_FALSE(made.wants_claims);
  EXPECT_THAT(of_web(made), ElementsAre("ControllerRevision shop/meshgraft-web"));
  view.claims.emplace();
  EXPECT_THAT(text_of(live::plan(world, enabled()), "MG205"), HasSubstr("no PersistentVolumeClaim of that name can be seen"));
}

TEST(Replace, without_having_read_all_of_it_nothing_begins) {
  World world = shop();
  world.namespaces.at("shop").live.clear();
  const Plan first = live::plan(world, enabled());
  EXPECT_THAT(first.now, IsEmpty());
  EXPECT_THAT(first.wants_live, ElementsAre(ObjectKey{Kind::deployment, "shop", "web"}));
  world.namespaces.at("shop").live.emplace(ObjectKey{Kind::deployment, "shop", "web"}, nullptr);
  EXPECT_THAT(live::plan(world, enabled()).wants_live, IsEmpty()) << "asked once";
}

TEST(Replace, what_was_read_must_be_what_is_seen) {
  Json newer = whole_web();
  newer["metadata"]["generation"] = 4;
  EXPECT_THAT(live::plan(shop(live::deployment("web"), newer), enabled()).now, IsEmpty());
}

TEST(Replace, what_cannot_run_twice_joins_in_place_and_says_why) {
  const std::pair<const char*, const char*> cases[] = {
      {"strategy: {type: Recreate}", "Recreate"},
  };
  for (const auto& [spec, why] : cases) {
    const Plan made = live::plan(shop(live::deployment("web", spec)), enabled());
    EXPECT_THAT(text_of(made, "MG205"), HasSubstr(why));
    EXPECT_THAT(text_of(made, "MG203"), HasSubstr("MG205"));
    EXPECT_THAT(live::targets(made), ElementsAre("member-metadata Deployment shop/web"));
  }
  const Plan owned = live::plan(shop(live::deployment("web", "", "ownerReferences: [{kind: Thing, name: it, uid: u}]")), enabled());
  EXPECT_THAT(text_of(owned, "MG205"), HasSubstr("Thing it owns it"));
  const Plan kept = live::plan(shop(live::deployment("web", "", "finalizers: [example.com/keep]")), enabled());
  EXPECT_THAT(text_of(kept, "MG205"), HasSubstr("finalizer"));
}

TEST(Replace, whoever_applies_its_manifest_is_found_by_marks_and_by_managers) {
  for (const char* mark : {"annotations: {kubectl.kubernetes.io/last-applied-configuration: \"{}\"}",
                           "annotations: {argocd.argoproj.io/tracking-id: a}", "labels: {kustomize.toolkit.fluxcd.io/name: a}"}) {
    const World world = shop(live::deployment("web", "", mark));
    EXPECT_THAT(live::codes(live::plan(world, enabled())), HasSubstr("MG106")) << mark;
  }
  for (const char* manager : {R"({"manager":"argocd-controller","operation":"Update"})", R"({"manager":"a-pipeline","operation":"Apply"})",
                              R"({"manager":"helm","operation":"Apply"})"}) {
    Json whole = whole_web();
    whole["metadata"]["managedFields"].push_back(Json::parse(manager));
    EXPECT_THAT(live::codes(live::plan(shop(live::deployment("web"), whole), enabled())), HasSubstr("MG106")) << manager;
  }
  Json helm = whole_web();
  helm["metadata"]["managedFields"].push_back({{"manager", "helm"}, {"operation", "Update"}});
  EXPECT_THAT(live::codes(live::plan(shop(live::deployment("web"), helm), enabled())), Not(HasSubstr("MG106")));
}

TEST(Replace, the_owner_of_applied_manifests_says_when) {
  const World world = shop(live::deployment(
      "web", "", "annotations: {kubectl.kubernetes.io/last-applied-configuration: \"{}\", meshgraft.io/manifests-updated: \"true\"}"));
  EXPECT_THAT(live::targets(live::plan(world, enabled())), ElementsAre("member-replace ControllerRevision shop/meshgraft-web"));
}

TEST(Replace, one_born_later_joins_in_place_unless_its_owner_asks) {
  const std::string fresh = "observedGeneration: 1, replicas: 2, updatedReplicas: 2, unavailableReplicas: 2";
  const auto born = [&fresh](const std::string& meta) {
    std::string yaml = live::deployment("web", "", meta, fresh);
    yaml.replace(yaml.find("generation: 3"), 13, "generation: 1");
    return live::plan(shop(yaml), enabled());
  };
  const Plan made = born("");
  ASSERT_THAT(live::targets(made), ElementsAre("member-metadata Deployment shop/web"));
  EXPECT_EQ(text(made.now.front().body, "/metadata/annotations/meshgraft.io~1replace"), "false");
  EXPECT_THAT(text_of(made, "MG203"), HasSubstr("created after the namespace joined"));
  EXPECT_THAT(of_web(born("annotations: {meshgraft.io/replace: \"true\"}")), IsEmpty()) << "its pods are waited for";
}

// Deployment web as a replace has left it, and as the server has it; `managers` own labels.
Return return_of_web(const Json& managers, const std::string& applied = "") {
  Json whole = whole_web();
  whole["metadata"]["labels"] = {{"app", "web"}, {"version", "v9"}, {"team", "blue"}};
  whole["metadata"]["annotations"] = Json::object();
  if (!applied.empty()) whole["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = applied;
  whole["spec"]["template"]["metadata"]["labels"] = {{"run", "web"}, {"app", "web"}, {"rel", "ours"}};
  whole["metadata"].erase("managedFields");
  if (!managers.is_null()) whole["metadata"]["managedFields"] = managers;
  Record record;
  record.present = true;
  record.own = {"metadata.labels[app]", "metadata.labels[version]", "spec.template.metadata.labels[app]", "spec.template.metadata.labels[rel]"};
  record.was = {{"metadata.labels[version]", "v0"}, {"spec.template.metadata.labels[rel]", "old"}};
  record.replaced = {{"selector", {{"matchLabels", {{"run", "web"}, {"rel", "old"}}}}}};
  Workload workload;
  workload.meta.ns = "shop";
  workload.meta.name = "web";
  workload.meta.uid = "uid-web";
  return record_of_return(workload, whole, record, "web");
}
Json entry(const std::string& manager, const char* operation, const Json& labels, const Json& pod_labels = Json::object()) {
  Json fields;
  for (const Json& key : labels) fields["f:metadata"]["f:labels"]["f:" + key.get<std::string>()] = Json::object();
  for (const Json& key : pod_labels) fields["f:spec"]["f:template"]["f:metadata"]["f:labels"]["f:" + key.get<std::string>()] = Json::object();
  return {{"manager", manager}, {"operation", operation}, {"fieldsV1", fields}};
}

TEST(Replace, on_the_way_back_a_field_that_somebody_changed_stays_and_is_named) {
  const Return made = return_of_web(Json::array({entry("meshgraft", "Update", {"app"}, {"app", "rel"}), entry("kubectl-edit", "Update", {"version"})}));
  EXPECT_EQ(made.record.target["metadata"]["labels"], (Json{{"version", "v9"}, {"team", "blue"}}));
  ASSERT_EQ(made.findings.size(), 1U);
  EXPECT_EQ(made.findings.front().code, "MG112");
  EXPECT_THAT(made.findings.front().text, HasSubstr("kubectl-edit"));
  EXPECT_EQ(made.record.target["spec"]["template"]["metadata"]["labels"], (Json{{"run", "web"}, {"rel", "old"}}));
}

TEST(Replace, what_the_former_selector_asks_for_goes_back_whoever_changed_it) {
  const Return made = return_of_web(Json::array({entry("meshgraft", "Update", {"app", "version"}, {"app"}), entry("a-pipeline", "Apply", Json::array(), {"rel"})}));
  EXPECT_EQ(made.record.target["spec"]["template"]["metadata"]["labels"], (Json{{"run", "web"}, {"rel", "old"}})) << "or no server takes it";
  EXPECT_EQ(made.record.target["metadata"]["labels"]["version"], "v0");
  EXPECT_THAT(made.findings, IsEmpty());
}

TEST(Replace, on_the_way_back_the_users_own_manifest_wins) {
  const std::string applied = R"({"metadata":{"labels":{"app":"web","version":"v3"}}})";
  const Return made = return_of_web(Json::array({entry("meshgraft", "Update", {"app", "version"}, {"app", "rel"})}), applied);
  EXPECT_EQ(made.record.target["metadata"]["labels"], (Json{{"app", "web"}, {"version", "v3"}, {"team", "blue"}}));
}

TEST(Replace, a_file_that_tells_no_owners_goes_back_by_its_record) {
  const Return made = return_of_web(nullptr);
  EXPECT_EQ(made.record.target["metadata"]["labels"], (Json{{"version", "v0"}, {"team", "blue"}}));
  EXPECT_THAT(made.findings, IsEmpty());
}

TEST(Replace, only_so_many_at_a_time) {
  const Plan made = live::plan(shop(), enabled());
  Facts facts = derive_facts(shop(), enabled());
  facts.rolling_elsewhere = 3;
  const World world = shop();
  EXPECT_THAT(plan(world.namespaces.at("shop"), facts, enabled()).now, IsEmpty());
  EXPECT_EQ(made.now.size(), 1U);
}

TEST(Replace, a_server_whose_clock_is_ahead_does_not_end_the_probation) {
  const auto available_for = [](std::int64_t now, bool played) {
    NamespaceView view;
    view.name = "shop";
    view.replica_sets.emplace();
    view.moments.now = now * 1000;
    view.played = played;
    auto web = std::make_shared<Workload>(Kind::deployment);
    web->meta.name = "web";
    web->meta.uid = "uid-new";
    web->status.complete_since = 1000;
    view.workloads.push_back(std::move(web));
    ReplaceRecord record;
    record.deployment = "web";
    record.old_uid = "uid-web";
    record.planted = "uid-new";
    record.original = record.target = bare(whole_web(), "shop");
    return look_at_replace(view, record).available_for;
  };
  EXPECT_EQ(available_for(1031, false), 31);
  EXPECT_EQ(available_for(990, false), 0) << "not: nobody knows";
  EXPECT_EQ(available_for(990, true), -1) << "a play has a time of its own";
}

TEST(ReplaceRecord, only_our_own_finalizer_is_taken_off_wherever_it_stands) {
  ControllerRevision object;
  object.meta.finalizers = {"example.org/audit", "meshgraft.io/record"};
  EXPECT_TRUE(keeps_record(object.meta));
  EXPECT_EQ(to_text(release_change(object).body),
            R"([{"op":"test","path":"/metadata/finalizers/1","value":"meshgraft.io/record"},{"op":"remove","path":"/metadata/finalizers/1"}])");
  object.meta.finalizers = {"example.org/audit"};
  EXPECT_FALSE(keeps_record(object.meta));
}

}  // namespace
}  // namespace meshgraft
