#include "reconcilers/foresee.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "reconcilers/keys.h"
#include "tests/reconcilers/live.h"

namespace meshgraft {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

std::string restarts(const Foreseen& foreseen) {
  std::string list;
  for (const Foreseen::Step& step : foreseen.steps) {
    if (step.change.impact == Impact::restart) list += std::to_string(step.round) + ":" + step.change.target.name + " ";
  }
  return list;
}

TEST(Foresee, namespaces_without_a_label_are_not_planned) {
  const Foreseen none = foresee(live::world(live::namespace_("") + live::deployment("web") + live::service("web")), {});
  EXPECT_THAT(none.steps, IsEmpty());
  EXPECT_THAT(none.end, IsEmpty());
}

TEST(Foresee, restarts_of_a_namespace_take_a_round_each_and_say_what_they_wait_for) {
  std::string yaml = live::shop();
  for (const char* name : {"a", "b", "c"}) yaml += live::deployment(name) + live::service(name);
  const Foreseen one_by_one = foresee(live::world(yaml), {});
  EXPECT_EQ(restarts(one_by_one), "1:a 2:b 3:c ");
  for (const Foreseen::Step& step : one_by_one.steps) {
    if (step.change.target.name == "b" && step.change.impact == Impact::restart) {
      EXPECT_EQ(step.waits_for, "max-rollouts 1 is reached");
    }
    EXPECT_EQ(step.waits_for.empty(), step.round == 0);
  }
  std::string two = yaml;
  two.replace(two.find("annotations: {}"), 15, "annotations: {meshgraft.io/max-rollouts: \"2\"}");
  EXPECT_EQ(restarts(foresee(live::world(two), {})), "1:a 1:b 2:c ");
}

TEST(Foresee, is_what_plan_then_run_round_by_round_would_write) {
  std::string yaml = live::shop();
  for (const char* name : {"a", "b"}) yaml += live::deployment(name) + live::service(name);
  World world = live::world(yaml);
  std::vector<std::string> foreseen;
  for (const Foreseen::Step& step : foresee(world, {}).steps)
    foreseen.push_back(to_string(step.change.target) + to_text(step.change.body));
  std::vector<std::string> written;
  for (int round = 0; round < 20; ++round) {
    NamespaceView& view = world.namespaces["shop"];
    view.pods.emplace();
    const Plan next = live::plan(world);
    for (const Change& change : next.now) {
      written.push_back(to_string(change.target) + to_text(change.body));
      for (auto& workload : view.workloads) {
        if (workload->key() == change.target) workload = as<Workload>(after(workload, change));
      }
      for (auto& service : view.services) {
        if (service->key() == change.target) service = as<Service>(after(service, change));
      }
      if (change.verb == Verb::create) view.applications.push_back(as<Application>(after(nullptr, change)));
    }
  }
  EXPECT_EQ(written, foreseen);
}

TEST(Foresee, a_rollout_that_is_under_way_succeeds_first) {
  const std::string rolling = live::deployment(
      "a", "", "", "observedGeneration: 3, replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2");
  const Foreseen end = foresee(live::world(live::shop() + rolling + live::service("a")), {});
  EXPECT_THAT(restarts(end), HasSubstr("a"));
  EXPECT_TRUE(end.end.at("shop").settled);
  EXPECT_EQ(end.members.at("shop")[0].phase, MemberPhase::waiting) << "as it is now";
}

TEST(Foresee, one_that_is_stuck_does_not_make_it_go_on_for_ever) {
  World world = foresee(live::world(live::shop() + live::deployment("a") + live::service("a")), {}).after;
  auto a = std::make_shared<Workload>(*world.namespaces["shop"].workloads[0]);
  a->status.updated = 1;
  a->status.deadline_exceeded = true;
  a->status.rollout_complete = false;
  world.namespaces["shop"].workloads[0] = a;
  const Foreseen stuck = foresee(world, {});
  EXPECT_THAT(stuck.steps, IsEmpty());
  EXPECT_FALSE(stuck.end.at("shop").settled);
  ASSERT_FALSE(stuck.findings.empty());
  EXPECT_EQ(stuck.findings.back().code, "MG215");
}

TEST(Foresee, every_namespace_of_a_world_comes_to_its_end) {
  std::string other = live::shop() + live::deployment("web") + live::service("web");
  std::string yaml = other;
  for (std::size_t at = other.find("shop"); at != std::string::npos; at = other.find("shop", at + 4))
    other.replace(at, 4, "mall");
  for (std::size_t at = other.find("uid: "); at != std::string::npos; at = other.find("uid: ", at + 1))
    other.insert(at + 5, "m");
  for (std::size_t at = other.find("metadata: {name: web,"); at != std::string::npos;
       at = other.find("metadata: {name: web,", at + 1)) {
    other.insert(at + 11, "namespace: mall, ");
  }
  const Foreseen end = foresee(live::world(yaml + other), {});
  EXPECT_EQ(end.end.size(), 2U);
  EXPECT_EQ(end.steps.size(), 10U);
  EXPECT_THAT(foresee(end.after, {}).steps, IsEmpty());
}

TEST(After, a_template_change_is_a_rollout_that_is_over) {
  const auto before = given::objects(live::deployment("web")).front();
  Change change;
  change.target = before->key();
  change.body = {{"spec", {{"template", {{"metadata", {{"labels", {{"version", "v1"}}}}}}}}}};
  const auto next = as<Workload>(after(before, change));
  EXPECT_EQ(next->meta.generation, before->meta.generation + 1);
  EXPECT_EQ(next->status.observed_generation, next->meta.generation);
  EXPECT_EQ(next->status.available, 2);
  EXPECT_EQ(next->pod.labels.at("version"), "v1");
  EXPECT_EQ(as<Workload>(before)->pod.labels.count("version"), 0U) << "the object before stays as it was";
}

TEST(After, creates_edits_and_removes) {
  Change create;
  create.verb = Verb::create;
  create.body = {{"apiVersion", "v1"},
                 {"kind", "ConfigMap"},
                 {"metadata", {{"name", "c"}, {"namespace", "shop"}}},
                 {"data", {{"a", "b"}}}};
  const ObjectPtr made = after(nullptr, create);
  ASSERT_NE(as<ConfigMap>(made), nullptr);
  EXPECT_EQ(made->meta.uid, "new");
  Change remove;
  remove.verb = Verb::remove;
  EXPECT_EQ(after(made, remove), nullptr);

  const ObjectPtr ingress = given::objects(
                                "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: i}\nspec: {rules: "
                                "[{http: {paths: [{path: /, pathType: Prefix, "
                                "backend: {service: {name: a, port: {name: web}}}}]}}]}\n")
                                .front();
  Change edit;
  edit.verb = Verb::edit;
  edit.body = Json::array(
      {{{"op", "test"}, {"path", "/spec/rules/0/http/paths/0/backend/service/port"}, {"value", {{"name", "web"}}}},
       {{"op", "replace"}, {"path", "/spec/rules/0/http/paths/0/backend/service/port"}, {"value", {{"number", 80}}}},
       {{"op", "add"}, {"path", "/metadata/annotations"}, {"value", {{"meshgraft.io/undo", "{}"}}}},
       {{"op", "add"}, {"path", "/metadata/annotations/a~1b"}, {"value", "c"}}});
  const auto edited = as<Ingress>(after(ingress, edit));
  EXPECT_EQ(edited->rules[0].paths[0].backend.port, 80);
  EXPECT_EQ(edited->rules[0].paths[0].backend.port_name, "");
  EXPECT_EQ(edited->meta.annotations, (Labels{{"meshgraft.io/undo", "{}"}, {"a/b", "c"}}));
}

TEST(After, ports_data_and_strategy_are_merged_by_their_keys) {
  const auto objects = given::objects(live::service("web") +
                                      "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n" +
                                      live::deployment("web"));
  Change port;
  port.body = {
      {"spec",
       {{"ports", Json::array({{{"port", 80}, {"protocol", "TCP"}, {"name", "http-web"}, {"appProtocol", "http"}}})}}}};
  const auto service = as<Service>(after(objects[0], port));
  EXPECT_EQ(service->ports[0].name, "http-web");
  EXPECT_EQ(service->ports[0].app_protocol, "http");
  Change data;
  data.body = {{"data", {{"c", "d"}}}};
  EXPECT_EQ(as<ConfigMap>(after(objects[1], data))->data, (Labels{{"a", "b"}, {"c", "d"}}));
  Change rolling;
  rolling.body = {
      {"spec",
       {{"strategy", {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", 1}, {"maxSurge", 0}}}}}}}};
  const auto workload = as<Workload>(after(objects[2], rolling));
  EXPECT_TRUE(workload->max_surge.is_set());
  EXPECT_EQ(workload->max_unavailable.number, 1);
}

}  // namespace
}  // namespace meshgraft
