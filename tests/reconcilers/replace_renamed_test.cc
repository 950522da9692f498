// naming=versioned: who keeps a Deployment from its other name, there and on the way back, and what is said of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "k8sclient/model/decode.h"
#include "reconcilers/foresee.h"
#include "reconcilers/replace_record.h"
#include "reconcilers/replace_scalers.h"
#include "tests/reconcilers/going.h"
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

const Finding* find(const Plan& plan, std::string_view code) {
  for (const Finding& one : plan.findings) {
    if (one.code == code) return &one;
  }
  return nullptr;
}
std::string text_of(const Plan& plan, std::string_view code) { return find(plan, code) == nullptr ? "" : find(plan, code)->text; }
std::string remedy_of(const Plan& plan, std::string_view code) { return find(plan, code) == nullptr ? "" : find(plan, code)->remedy; }

std::shared_ptr<const Autoscaler> scaler(const std::string& target, const std::string& owner = "") {
  auto made = std::make_shared<Autoscaler>();
  made->meta.ns = "shop";
  made->meta.name = "scaler";
  made->target_kind = "Deployment";
  made->target_name = target;
  if (!owner.empty()) made->meta.owners.push_back({});
  if (!owner.empty()) made->meta.owners.back().kind = owner;
  return made;
}

// ---- there ----

World joining(const std::string& naming, const std::string& meta = "") {
  return live::world(live::shop("meshgraft.io/policy: replace, meshgraft.io/naming: " + naming) + live::deployment("web", "", meta) + live::service("web"));
}

TEST(ReplaceRenamed, who_applies_the_manifest_is_told_to_annotate_first_and_to_commit_then) {
  const std::string applied = "annotations: {argocd.argoproj.io/tracking-id: a}";
  const std::string renamed = remedy_of(live::plan(joining("versioned", applied), enabled()), "MG106");
  const std::size_t annotate = renamed.find("meshgraft.io/manifests-updated=true");
  ASSERT_NE(annotate, std::string::npos) << renamed;
  EXPECT_LT(renamed.find("suspend"), annotate);
  EXPECT_LT(annotate, renamed.find("wait until it is called web-v1"));
  EXPECT_LT(renamed.find("web-v1"), renamed.find("commit what"));
  EXPECT_THAT(remedy_of(live::plan(joining("same", applied), enabled()), "MG106"), testing::StartsWith("Commit the selector"));
}

TEST(ReplaceRenamed, autoscalers_that_nobody_may_list_may_be_there) {
  const auto planned = [](const std::string& naming) {
    World world = joining(naming);
    world.namespaces.at("shop").limits.emplace().autoscalers.push_back(unlisted_autoscalers());
    return live::plan(world, enabled());
  };
  EXPECT_THAT(text_of(planned("versioned"), "MG205"), HasSubstr("HorizontalPodAutoscalers may not be listed here"));
  EXPECT_EQ(text_of(planned("same"), "MG205"), "") << "the name stays, and so does what an autoscaler leads to";
}

TEST(ReplaceRenamed, whoever_keeps_leading_an_autoscaler_elsewhere_can_be_given_way_to) {
  const Change change = lead_change(*scaler("web"), "web", "web-v1", "");
  ASSERT_THAT(change.retakes, ElementsAre("spec.scaleTargetRef.name"));
  ASSERT_EQ(change.overwrites.size(), 1U);
  EXPECT_EQ(change.overwrites.front().path, change.retakes.front());
}

// ---- and back ----

// A Deployment that was called `former`, as the server shows it.
Json renamed(const std::string& name, const std::string& former) {
  const Json record{{"own", {"metadata.labels[app]"}}, {"replaced", {{"name", former}, {"selector", {{"matchLabels", {{"run", name}}}}}}}, {"uid", "uid-" + name}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata",
           {{"name", name},
            {"namespace", "shop"},
            {"uid", "uid-" + name},
            {"generation", 1},
            {"labels", {{"app", name}}},
            {"annotations", {{"meshgraft.io/undo", to_text(record)}}}}},
          {"spec",
           {{"replicas", 1},
            {"selector", {{"matchLabels", {{"run", name}, {"app", name}}}}},
            {"template", {{"metadata", {{"labels", {{"run", name}, {"app", name}}}}}, {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", "x:1"}}})}}}}}}},
          {"status", {{"observedGeneration", 1}, {"replicas", 1}, {"updatedReplicas", 1}, {"readyReplicas", 1}, {"availableReplicas", 1}}}};
}

// The namespace whose label went; all that a plan asks for was looked up, but for what bounds its pods.
World leaving(const std::vector<Json>& deployments) {
  std::string yaml = going::unlabelled();
  for (const Json& one : deployments) yaml += "---\n" + to_text(one) + "\n";
  World world = live::world(yaml);
  NamespaceView& view = world.namespaces.at("shop");
  for (const Json& one : deployments) view.live.emplace(ObjectKey{Kind::deployment, "shop", one["metadata"]["name"].get<std::string>()}, std::make_shared<const Json>(one));
  view.replica_sets.emplace();
  view.slices.emplace();
  view.pods.emplace();
  return world;
}

Plan leaving_with(std::shared_ptr<const Autoscaler> one) {
  World world = leaving({renamed("web-v1", "web")});
  world.namespaces.at("shop").limits.emplace().autoscalers.push_back(std::move(one));
  return live::plan(world, enabled());
}
// The name that the record of a replace gives to the one that comes; "" when none begins.
std::string new_name(const Plan& plan) { return plan.now.empty() ? "" : plan.now.front().body["data"]["target"]["metadata"]["name"].get<std::string>(); }

TEST(ReplaceRenamed, on_the_way_back_its_autoscalers_are_read_before_it_begins) {
  const Plan made = live::plan(leaving({renamed("web-v1", "web")}), enabled());
  EXPECT_TRUE(made.wants_limits);
  EXPECT_THAT(made.now, IsEmpty());
}

TEST(ReplaceRenamed, on_the_way_back_an_autoscaler_of_nobodys_follows) {
  for (const char* target : {"web-v1", "web"}) {
    const Plan made = leaving_with(scaler(target, std::string_view(target) == "web" ? "ScaledObject" : ""));
    EXPECT_EQ(new_name(made), "web") << target;
    EXPECT_EQ(text_of(made, "MG112"), "") << target;
  }
}

TEST(ReplaceRenamed, on_the_way_back_an_autoscaler_that_would_not_follow_keeps_the_name) {
  auto applied = std::make_shared<Autoscaler>(*scaler("web-v1"));
  applied->meta.labels.emplace("argocd.argoproj.io/instance", "shop");
  const std::pair<std::shared_ptr<const Autoscaler>, const char*> cases[] = {
      {scaler("web-v1", "ScaledObject"), "which owns it"}, {applied, "is applied by Argo CD"}, {unlisted_autoscalers(), "may not be listed"}};
  for (const auto& [one, why] : cases) {
    const Plan made = leaving_with(one);
    EXPECT_EQ(new_name(made), "web-v1") << why;
    EXPECT_THAT(text_of(made, "MG112"), HasSubstr(why));
    EXPECT_THAT(text_of(made, "MG112"), Not(HasSubstr("manifests-updated"))) << "it speaks of the other direction";
    EXPECT_THAT(remedy_of(made, "MG112"), HasSubstr("nothing needs to be done"));
  }
}

TEST(ReplaceRenamed, an_autoscaler_that_is_applied_follows_to_the_name_that_was_applied) {
  const auto applied = [](const std::string& present, const std::string& name) {
    Decoder decoder;
    const Json manifest{{"spec", {{"scaleTargetRef", {{"kind", "Deployment"}, {"name", name}}}}}};
    const Json object{{"apiVersion", "autoscaling/v2"},
                      {"kind", "HorizontalPodAutoscaler"},
                      {"metadata", {{"name", "scaler"}, {"namespace", "shop"}, {"annotations", {{"kubectl.kubernetes.io/last-applied-configuration", to_text(manifest)}}}}},
                      {"spec", {{"scaleTargetRef", {{"apiVersion", "apps/v1"}, {"kind", "Deployment"}, {"name", present}}}}}};
    const Result<ObjectPtr> read = decoder.object(to_text(object));
    return as<Autoscaler>(*read);
  };
  const Plan former = leaving_with(applied("web-v1", "web"));
  EXPECT_EQ(new_name(former), "web") << "the next apply leads it there";
  EXPECT_EQ(text_of(former, "MG112"), "");
  const Plan present = leaving_with(applied("web-v1", "web-v1"));
  EXPECT_EQ(new_name(present), "web-v1");
  EXPECT_THAT(text_of(present, "MG112"), HasSubstr("is applied by kubectl apply"));

  for (const char* name : {"web", "web-v1"}) {
    World world = joining("versioned");
    world.namespaces.at("shop").limits.emplace().autoscalers.push_back(applied("web", name));
    EXPECT_EQ(text_of(live::plan(world, enabled()), "MG205").empty(), std::string_view(name) == "web-v1") << name;
  }
}

TEST(ReplaceRenamed, a_row_of_one_under_way_says_what_is_waited_for_and_not_that_it_has_come) {
  Json web = renamed("web", "web");
  web["metadata"].erase("annotations");
  Json fresh = web;
  fresh["metadata"]["name"] = "web-v1";
  fresh["metadata"]["uid"] = "uid-new";
  fresh["metadata"]["annotations"]["meshgraft.io/undo"] = planted_mark("uid-web", "uid-record");
  ReplaceRecord record;
  record.deployment = "web";
  record.new_name = "web-v1";
  record.old_uid = "uid-web";
  record.planted = "uid-new";
  record.original = bare(web, "shop");
  record.target = bare(fresh, "shop");
  Json object = replace_record_body(record, "shop");
  object["metadata"]["uid"] = "uid-record";
  const auto row = [&](const std::string& ns) {
    World world = live::world(ns + "---\n" + to_text(web) + "\n---\n" + to_text(fresh) + "\n---\n" + to_text(object) + "\n" + live::service("web"));
    world.namespaces.at("shop").live.emplace(ObjectKey{Kind::deployment, "shop", "web"}, std::make_shared<const Json>(web));
    const Foreseen seen = foresee(world, enabled());
    for (const MemberState& one : seen.members.at("shop")) {
      if (one.phase == MemberPhase::rolling) return one.why;
    }
    return std::string("nothing is under way");
  };
  EXPECT_EQ(row(live::shop("meshgraft.io/policy: replace, meshgraft.io/naming: versioned")), "the former Deployment goes when the new pods have served for 30 s");
  EXPECT_EQ(row(going::unlabelled()), "it goes back: the label meshgraft.io/app was removed");
}

TEST(ReplaceRenamed, a_way_back_that_was_switched_off_says_so_wherever_people_look) {
  World world = leaving({renamed("web", "web")});
  const Plan off = live::plan(world, {});
  EXPECT_THAT(off.now, IsEmpty());
  EXPECT_FALSE(off.settled);
  ASSERT_EQ(off.members.size(), 1U);
  EXPECT_EQ(off.members.front().why, "re-creating is switched off (the chart's replace.enabled)");
  EXPECT_EQ(off.members.front().phase, MemberPhase::held);
  EXPECT_THAT(remedy_of(off, "MG120"), HasSubstr("replace.enabled to true"));
  ASSERT_TRUE(off.status);
  EXPECT_THAT(to_text(off.status->body), HasSubstr("leaving, 1 workload to go (re-creating is switched off (the chart's replace.enabled)), findings 1 (MG120)"));

  world.namespaces.at("shop").limits.emplace();
  const Plan on = live::plan(world, enabled());
  EXPECT_EQ(find(on, "MG120"), nullptr);
  EXPECT_EQ(new_name(on), "web");
}

TEST(ReplaceRenamed, on_the_way_back_a_former_name_that_is_about_to_be_free_is_waited_for) {
  const auto planned = [](const std::vector<Json>& deployments) {
    World world = leaving(deployments);
    world.namespaces.at("shop").limits.emplace();
    return live::plan(world, enabled());
  };
  const auto names = [](const Plan& plan) {
    std::vector<std::string> list;
    for (const Change& change : plan.now) list.push_back(change.target.name + " " + change.body["data"]["target"]["metadata"]["name"].get<std::string>());
    return list;
  };
  const Plan row = planned({renamed("a-v1", "z-v1"), renamed("z-v1", "b")});
  EXPECT_THAT(names(row), ElementsAre("meshgraft-z-v1 b"));
  EXPECT_EQ(text_of(row, "MG112"), "");

  const Foreseen played = foresee(leaving({renamed("a-v1", "z-v1"), renamed("z-v1", "b")}), enabled());
  std::vector<std::string> at_the_end;
  for (const auto& workload : played.after.namespaces.at("shop").workloads) at_the_end.push_back(workload->meta.name);
  EXPECT_THAT(at_the_end, ElementsAre("b", "z-v1")) << "every one has its former name";

  Json his = renamed("z-v1", "b");
  his["metadata"].erase("annotations");
  const Plan taken = planned({renamed("a-v1", "z-v1"), his});
  EXPECT_THAT(names(taken), ElementsAre("meshgraft-a-v1 a-v1"));
  EXPECT_THAT(text_of(taken, "MG112"), HasSubstr("somebody has created a Deployment of its former name z-v1"));

  const Plan round = planned({renamed("a-v1", "z-v1"), renamed("z-v1", "a-v1")});
  EXPECT_THAT(names(round), Not(IsEmpty())) << "two that wait for each other would wait forever";
}

}  // namespace
}  // namespace meshgraft
