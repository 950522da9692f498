// Server-side apply beside people's own tools, row by row as recorded from Kubernetes 1.37.2 (objects made by
// kubectl apply), and the facts behind the four laws.

#include <gtest/gtest.h>

#include "tests/fakes/engine.h"
#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

Json parse(const char* text) { return Json::parse(text); }

const char* const kDeployment =
    R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop",
  "labels":{"app":"web"},"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}"}},
  "spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},
  "spec":{"containers":[{"name":"c","image":"nginx:1.25","ports":[{"containerPort":8080}]}]}}}})";
const char* const kService = R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web","namespace":"shop"},
  "spec":{"selector":{"app":"web"},"ports":[{"name":"web","port":80,"targetPort":8080},{"name":"admin","port":9000,"targetPort":9000}]}})";

class Apply : public ::testing::Test {
 protected:
  Apply() {
    EXPECT_TRUE(engine.seed(parse(kDeployment)).ok());
    EXPECT_TRUE(engine.seed(parse(kService)).ok());
  }
  Target target(const char* group, const char* plural) {
    return {engine.by_plural(group, "v1", plural), "v1", "shop", "web", ""};
  }
  Target deployment() { return target("apps", "deployments"); }
  Target service() { return target("", "services"); }
  Answer apply(const Target& where, const char* body, bool force = false, const char* manager = "meshgraft") {
    return engine.patch(where, PatchFormat::apply, parse(body), {manager, force, false});
  }
  Answer patch(const Target& where, PatchFormat format, const char* body, const char* manager = "kubectl-edit") {
    return engine.patch(where, format, parse(body), {manager, false, false});
  }
  Json managers(const Json& object) {
    Json names = Json::array();
    for (const Json& one : at(object, {"metadata", "managedFields"})) names.push_back(one["manager"]);
    return names;
  }
  Engine engine;
};

TEST_F(Apply, new_template_labels_and_annotations_need_no_force_and_change_nothing_else) {
  const Json before = engine.get(deployment()).body;
  const Answer answer = apply(deployment(), R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},
    "spec":{"template":{"metadata":{"labels":{"version":"v1"},"annotations":{"sidecar.istio.io/inject":"true"}}}}})");
  ASSERT_EQ(answer.code, 200) << to_text(answer.body);
  Json expected = before;
  expected["spec"]["template"]["metadata"]["labels"]["version"] = "v1";
  expected["spec"]["template"]["metadata"]["annotations"] = {{"sidecar.istio.io/inject", "true"}};
  EXPECT_EQ(answer.body["spec"], expected["spec"]);
  EXPECT_EQ(answer.body["metadata"]["generation"], 2);
  EXPECT_EQ(managers(answer.body), Json::array({"meshgraft", "kubectl-client-side-apply"}));
}

TEST_F(Apply, the_same_apply_again_writes_nothing) {
  const char* const body =
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":{"version":"v1"}}})";
  const Answer first = apply(deployment(), body);
  const std::uint64_t version = engine.version();
  engine.set_time(engine.time() + 60);
  const Answer second = apply(deployment(), body);
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(engine.version(), version);
}

TEST_F(Apply, app_protocol_merges_by_port_and_protocol) {
  const Answer answer = apply(
      service(),
      R"({"apiVersion":"v1","kind":"Service","spec":{"ports":[{"port":80,"protocol":"TCP","appProtocol":"http"}]}})");
  ASSERT_EQ(answer.code, 200) << to_text(answer.body);
  EXPECT_EQ(answer.body["spec"]["ports"],
            parse(R"([{"name":"web","port":80,"targetPort":8080,"protocol":"TCP","appProtocol":"http"},
    {"name":"admin","port":9000,"targetPort":9000,"protocol":"TCP"}])"));
}

TEST_F(Apply, another_port_name_without_force_conflicts_with_kubectl_in_the_servers_words) {
  const Answer answer = apply(
      service(),
      R"({"apiVersion":"v1","kind":"Service","spec":{"ports":[{"port":80,"protocol":"TCP","name":"http-web"}]}})");
  ASSERT_EQ(answer.code, 409);
  EXPECT_EQ(answer.body["reason"], "Conflict");
  EXPECT_EQ(answer.body["message"],
            "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1 at "
            "2026-01-01T00:00:00Z: .spec.ports[port=80,protocol=\"TCP\"].name");
  EXPECT_EQ(answer.body["details"]["causes"][0]["field"], ".spec.ports[port=80,protocol=\"TCP\"].name");
  EXPECT_EQ(answer.body["details"]["causes"][0]["reason"], "FieldManagerConflict");
}

TEST_F(Apply, two_conflicts_are_listed_by_manager) {
  const Answer answer =
      apply(deployment(),
            R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"app":"x"}},"spec":{"replicas":5}})");
  ASSERT_EQ(answer.code, 409);
  EXPECT_EQ(answer.body["message"],
            "Apply failed with 2 conflicts: conflicts with \"kubectl-client-side-apply\" using apps/v1 at "
            "2026-01-01T00:00:00Z:\n- .metadata.labels.app\n- .spec.replicas");
}

TEST_F(Apply, force_takes_the_port_name_and_its_ownership) {
  const Answer answer =
      apply(service(),
            R"({"apiVersion":"v1","kind":"Service","spec":{"ports":[{"port":80,"protocol":"TCP","name":"http-web"}]}})",
            true);
  ASSERT_EQ(answer.code, 200) << to_text(answer.body);
  EXPECT_EQ(answer.body["spec"]["ports"][0]["name"], "http-web");
  EXPECT_EQ(answer.body["spec"]["ports"][0]["targetPort"], 8080);
  for (const Json& one : answer.body["metadata"]["managedFields"]) {
    const bool owns =
        to_text(one["fieldsV1"]).find(R"("f:name")") != std::string::npos &&
        at(one["fieldsV1"], {"f:spec", "f:ports", R"(k:{"port":80,"protocol":"TCP"})"}).contains("f:name");
    EXPECT_EQ(owns, one["manager"] == "meshgraft");
  }
}

TEST_F(Apply, users_reapply_keeps_our_fields_but_takes_the_forced_name_back) {
  apply(
      service(),
      R"({"apiVersion":"v1","kind":"Service","metadata":{"labels":{"version":"v1"}},"spec":{"ports":[{"port":80,"protocol":"TCP","name":"http-web","appProtocol":"http"}]}})",
      true);
  // kubectl computes this patch from its last-applied manifest: the name differs from the live one.
  const Answer answer =
      patch(service(), PatchFormat::strategic,
            R"({"spec":{"$setElementOrder/ports":[{"port":80},{"port":9000}],"ports":[{"port":80,"name":"web"}]}})",
            "kubectl-client-side-apply");
  ASSERT_EQ(answer.code, 200) << to_text(answer.body);
  EXPECT_EQ(answer.body["spec"]["ports"][0]["name"], "web");
  EXPECT_EQ(answer.body["spec"]["ports"][0]["appProtocol"], "http");
  EXPECT_EQ(answer.body["metadata"]["labels"], parse(R"({"version":"v1"})"));
}

TEST_F(Apply, a_bare_apply_removes_exactly_what_only_we_owned) {
  const Json before = engine.get(deployment()).body;
  apply(
      deployment(),
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"version":"v1","app":"web"},"annotations":{"a":"b"}},
    "spec":{"template":{"metadata":{"labels":{"version":"v1"},"annotations":{"x":"y"}}}}})");
  const Answer answer =
      apply(deployment(), R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"}})");
  ASSERT_EQ(answer.code, 200) << to_text(answer.body);
  EXPECT_EQ(answer.body["spec"], before["spec"]);
  EXPECT_EQ(answer.body["metadata"]["labels"], before["metadata"]["labels"]);
  EXPECT_EQ(answer.body["metadata"]["annotations"], before["metadata"]["annotations"]);
  EXPECT_EQ(managers(answer.body), Json::array({"kubectl-client-side-apply"}));
}

TEST_F(Apply, a_bare_apply_drops_an_overwritten_value_so_a_service_of_two_ports_is_refused) {
  apply(service(),
        R"({"apiVersion":"v1","kind":"Service","spec":{"ports":[{"port":80,"protocol":"TCP","name":"http-web"}]}})",
        true);
  const Answer answer = apply(service(), R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web"}})");
  EXPECT_EQ(answer.code, 422);
  EXPECT_EQ(answer.body["message"], "Service \"web\" is invalid: spec.ports[0].name: Required value");
}

TEST_F(Apply, a_value_restored_by_json_patch_survives_the_bare_apply) {
  apply(
      service(),
      R"({"apiVersion":"v1","kind":"Service","metadata":{"labels":{"version":"v1"}},"spec":{"ports":[{"port":80,"protocol":"TCP","name":"http-web"}]}})",
      true);
  const Answer restored = patch(service(), PatchFormat::json, R"([{"op":"test","path":"/spec/ports/0/port","value":80},
    {"op":"replace","path":"/spec/ports/0/name","value":"web"}])",
                                "meshgraft-undo");
  ASSERT_EQ(restored.code, 200) << to_text(restored.body);
  const Answer answer = apply(service(), R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"web"}})");
  ASSERT_EQ(answer.code, 200) << to_text(answer.body);
  EXPECT_EQ(answer.body["spec"]["ports"][0]["name"], "web");
  EXPECT_FALSE(answer.body["metadata"].contains("labels"));
  EXPECT_EQ(managers(answer.body), Json::array({"kubectl-client-side-apply", "meshgraft-undo"}));
}

TEST_F(Apply, a_failing_test_of_a_json_patch_changes_nothing) {
  const std::uint64_t version = engine.version();
  const Answer answer =
      patch(service(), PatchFormat::json,
            R"([{"op":"test","path":"/spec/ports/0/port","value":81},{"op":"remove","path":"/spec/ports/0"}])");
  EXPECT_EQ(answer.code, 422);
  EXPECT_EQ(engine.version(), version);
}

TEST_F(Apply, an_apply_with_uid_never_creates) {
  Target absent = deployment();
  absent.name = "gone";
  const Answer answer =
      apply(absent, R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"gone","uid":"u-1"}})");
  EXPECT_EQ(answer.code, 409);
  EXPECT_EQ(answer.body["reason"], "Conflict");
  EXPECT_EQ(answer.body["message"],
            "Operation cannot be fulfilled on deployments.apps \"gone\": uid mismatch: the provided object "
            "specified uid u-1, and no existing object was found");
  EXPECT_EQ(engine.get(absent).code, 404);
}

TEST_F(Apply, an_apply_with_another_objects_uid_is_invalid) {
  const Answer answer =
      apply(deployment(), R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","uid":"u-1"}})");
  EXPECT_EQ(answer.code, 422);
  EXPECT_EQ(answer.body["message"],
            "Deployment.apps \"web\" is invalid: metadata.uid: Invalid value: \"u-1\": field is immutable");
}

TEST_F(Apply, a_merge_patch_with_another_objects_uid_is_invalid_but_a_put_conflicts) {
  EXPECT_EQ(patch(deployment(), PatchFormat::merge, R"({"metadata":{"uid":"u-1"}})").code, 422);
  Json body = engine.get(deployment()).body;
  body["metadata"]["uid"] = "u-1";
  EXPECT_EQ(engine.update(deployment(), body, {}).code, 409);
}

TEST_F(Apply, a_deployments_selector_is_immutable_for_every_tool) {
  const char* const fuller =
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{
    "selector":{"matchLabels":{"app":"web","version":"v1"}},"template":{"metadata":{"labels":{"app":"web","version":"v1"}}}}})";
  for (const Answer& answer : {apply(deployment(), fuller, true), patch(deployment(), PatchFormat::merge, fuller),
                               patch(deployment(), PatchFormat::strategic, fuller)}) {
    EXPECT_EQ(answer.code, 422);
    EXPECT_NE(
        answer.body["message"].get<std::string>().find(
            "spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\",\"version\":\"v1\"}}: field is immutable"),
        std::string::npos)
        << answer.body["message"];
  }
}

TEST_F(Apply, set_image_is_accepted_and_bumps_the_generation) {
  const Answer answer =
      patch(deployment(), PatchFormat::strategic,
            R"({"spec":{"template":{"spec":{"containers":[{"name":"c","image":"nginx:1.26"}]}}}})", "kubectl-set");
  ASSERT_EQ(answer.code, 200);
  EXPECT_EQ(answer.body["spec"]["template"]["spec"]["containers"][0]["image"], "nginx:1.26");
  EXPECT_EQ(answer.body["spec"]["template"]["spec"]["containers"][0]["ports"][0]["containerPort"], 8080);
  EXPECT_EQ(answer.body["metadata"]["generation"], 2);
}

TEST_F(Apply, containers_and_env_merge_by_name) {
  const Answer answer = apply(
      deployment(),
      R"({"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"A","value":"1"}]}]}}}})");
  ASSERT_EQ(answer.code, 200) << to_text(answer.body);
  const Json& container = answer.body["spec"]["template"]["spec"]["containers"][0];
  EXPECT_EQ(container["image"], "nginx:1.25");
  EXPECT_EQ(container["env"], parse(R"([{"name":"A","value":"1"}])"));
  const Answer without_env = apply(deployment(), R"({"apiVersion":"apps/v1","kind":"Deployment"})");
  EXPECT_FALSE(without_env.body["spec"]["template"]["spec"]["containers"][0].contains("env"));
}

TEST_F(Apply, metadata_changes_leave_the_generation_alone) {
  EXPECT_EQ(apply(deployment(), R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"a":"b"}}})")
                .body["metadata"]["generation"],
            1);
}

TEST_F(Apply, a_dry_run_answers_and_stores_nothing) {
  const std::uint64_t version = engine.version();
  const Answer answer =
      engine.patch(deployment(), PatchFormat::apply,
                   parse(R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"labels":{"a":"b"}}})"),
                   {"meshgraft", false, true});
  EXPECT_EQ(answer.body["metadata"]["labels"]["a"], "b");
  EXPECT_EQ(engine.version(), version);
}

TEST_F(Apply, creates_what_is_absent_and_owns_it) {
  Target fresh = service();
  fresh.name = "fresh";
  const Answer answer =
      apply(fresh, R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"fresh"},"spec":{"ports":[{"port":1}]}})");
  ASSERT_EQ(answer.code, 201) << to_text(answer.body);
  EXPECT_EQ(managers(answer.body), Json::array({"meshgraft"}));
  EXPECT_EQ(answer.body["spec"]["ports"][0]["protocol"], "TCP");
}

TEST_F(Apply, status_does_not_travel_with_the_object_but_by_its_subresource) {
  Answer answer = patch(deployment(), PatchFormat::merge, R"({"status":{"readyReplicas":2}})");
  EXPECT_FALSE(answer.body.contains("status"));
  Target status = deployment();
  status.subresource = "status";
  answer = patch(status, PatchFormat::merge, R"({"status":{"readyReplicas":2},"spec":{"replicas":9}})",
                 "kube-controller-manager");
  EXPECT_EQ(answer.body["status"]["readyReplicas"], 2);
  EXPECT_EQ(answer.body["spec"]["replicas"], 2);
  EXPECT_EQ(answer.body["metadata"]["generation"], 1);
}

TEST_F(Apply, custom_kinds_have_atomic_lists_and_no_strategic_patch) {
  engine.seed(parse(
      R"({"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"things.x.io"},
    "spec":{"group":"x.io","scope":"Namespaced","names":{"kind":"Thing","plural":"things","singular":"thing"},"versions":[{"name":"v1","served":true,"storage":true}]}})"));
  Target thing{engine.by_plural("x.io", "v1", "things"), "v1", "shop", "t", ""};
  ASSERT_TRUE(thing.type);
  apply(thing, R"({"apiVersion":"x.io/v1","kind":"Thing","spec":{"list":[{"name":"a"},{"name":"b"}]}})", false,
        "other");
  const Answer clash = apply(thing, R"({"apiVersion":"x.io/v1","kind":"Thing","spec":{"list":[{"name":"a"}]}})");
  EXPECT_EQ(clash.body["message"], "Apply failed with 1 conflict: conflict with \"other\": .spec.list");
  EXPECT_EQ(patch(thing, PatchFormat::strategic, R"({"spec":{}})").code, 415);
}

}  // namespace
}  // namespace meshgraft::fakes
