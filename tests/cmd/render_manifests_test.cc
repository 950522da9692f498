#include "cmd/render_manifests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cmd/manifest_edit.h"
#include "reconcilers/keys.h"
#include "tests/cmd/call.h"

namespace meshgraft {
namespace {

namespace fs = std::filesystem;
using test::call;
using test::Called;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kShop = test::deployment_yaml("web") + test::service_yaml("web");

Called manifests_of(const std::string& text, std::vector<std::string> more = {"-n", "shop", "--app", "shop"}) {
  more.insert(more.begin(), {"plan", "-o", "manifests", "-f", "-"});
  return call(more, {text});
}

std::vector<OrderedJson> documents_of(const std::string& text) {
  std::vector<OrderedJson> documents;
  const Result<RawManifests> read = read_raw_manifests(text, "output");
  EXPECT_TRUE(read) << text;
  if (!read) return documents;
  for (const RawManifest& document : read->documents) documents.push_back(document.json);
  return documents;
}

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(PlanManifests, are_the_input_in_its_order_with_what_was_created_behind) {
  const Called got = manifests_of(kShop);
  EXPECT_EQ(got.status, 2) << got.err;
  EXPECT_EQ(got.err, "");
  const std::vector<OrderedJson> documents = documents_of(got.out);
  ASSERT_EQ(documents.size(), 3U) << got.out;
  EXPECT_EQ(documents[0]["kind"], "Deployment");
  EXPECT_EQ(documents[0]["spec"]["template"]["metadata"]["labels"]["version"], "v1");
  EXPECT_EQ(documents[1]["kind"], "Service");
  EXPECT_EQ(documents[1]["metadata"]["annotations"][std::string(keys::kGoverned)], "true");
  EXPECT_EQ(documents[2]["kind"], "Application");
}

TEST(PlanManifests, hold_no_record_no_uid_and_no_namespace_that_was_not_there) {
  const Called got = manifests_of(kShop);
  EXPECT_THAT(got.out, Not(HasSubstr("meshgraft.io/undo")));
  EXPECT_THAT(got.out, Not(HasSubstr("uid")));
  const std::vector<OrderedJson> documents = documents_of(got.out);
  ASSERT_EQ(documents.size(), 3U);
  EXPECT_FALSE(documents[0]["metadata"].contains("namespace"));
  EXPECT_EQ(documents[2]["metadata"]["namespace"], "shop");
}

TEST(PlanManifests, need_nothing_more) {
  const Called again = manifests_of(manifests_of(kShop).out);
  EXPECT_EQ(again.status, 0) << again.out;
}

TEST(PlanManifests, keep_unknown_fields_helm_hooks_lists_and_objects_that_nobody_knows) {
  const std::string text =
      "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: web}\n  spec:\n    someNewField: {deep: [1, 2.5, \"08\"]}\n"
      "    selector: {matchLabels: {app: web}}\n    template:\n      metadata: {labels: {app: web}}\n      spec: {containers: [{name: a, image: a, unknown: true}]}\n"
      "- apiVersion: example.com/v1\n  kind: Widget\n  metadata: {name: w}\n  spec: {size: 1e3}\n---\n" +
      test::service_yaml("web") +
      "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, annotations: {helm.sh/hook: \"pre-upgrade,post-install\", helm.sh/hook-weight: \"-5\"}}\nspec: {template: {}}\n";
  const Called got = manifests_of(text);
  ASSERT_EQ(got.status, 2) << got.err;
  const std::vector<OrderedJson> before = documents_of(text);
  const std::vector<OrderedJson> after = documents_of(got.out);
  ASSERT_EQ(after.size(), 4U) << got.out;
  EXPECT_EQ(after[0]["kind"], "List");
  ASSERT_EQ(after[0]["items"].size(), 2U);
  EXPECT_EQ(after[0]["items"][0]["spec"]["someNewField"], before[0]["items"][0]["spec"]["someNewField"]);
  EXPECT_EQ(after[0]["items"][0]["spec"]["template"]["spec"], before[0]["items"][0]["spec"]["template"]["spec"]);
  EXPECT_EQ(after[0]["items"][1], before[0]["items"][1]);
  EXPECT_EQ(after[2], before[2]) << "a hook is nobody's member";
}

TEST(PlanManifests, are_read_from_and_written_to_the_same_tree) {
  const test::Folder folder;
  folder.write("in/apps/web.yaml", "# what people wrote\n" + kShop);
  folder.write("in/other/config.yaml", "# untouched, with its comment\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a:   b}\n");
  folder.write("in/more.json", R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"db","namespace":"shop"},"spec":{"clusterIP":"None","ports":[{"port":1}]}})");
  const std::string out = folder.path() + "/out";
  const Called got = call({"plan", "-f", folder.path() + "/in", "-o", "manifests", "--output-dir", out, "-n", "shop", "--app", "shop"});
  EXPECT_EQ(got.status, 2) << got.err;
  EXPECT_THAT(got.out, HasSubstr("changed  " + out + "/apps/web.yaml\n"));
  EXPECT_THAT(got.out, HasSubstr("same     " + out + "/other/config.yaml\n"));
  EXPECT_THAT(got.out, HasSubstr("new      " + out + "/meshgraft-shop.yaml\n"));
  EXPECT_EQ(content(out + "/other/config.yaml"), content(folder.path() + "/in/other/config.yaml"));
  EXPECT_THAT(content(out + "/more.json"), StartsWith("{"));
  EXPECT_THAT(content(out + "/meshgraft-shop.yaml"), HasSubstr("kind: Application"));
  EXPECT_EQ(call({"plan", "-f", out, "-n", "shop", "--app", "shop"}).status, 0);
}

const std::string kCommented = R"(# who to call: team orders
apiVersion: apps/v1   # the only version
kind: Deployment
metadata:
  name: web
  # labels for the dashboards
  labels:
    team: "orders"
spec:
    replicas: 2   # two are enough

    selector:
        matchLabels: {app: web}
    template:
        metadata:
            labels: {app: web} # as the selector
        spec:
            containers:
            # the one and only
            - name: web
              image: nginx:1.25 # pinned
              args:
                - |
                  # not a comment
                  listen 80
              ports:
              - containerPort: 8080
---
# the way in
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: {app: web}
  ports:
  # the web port
  - name: web # renamed by nobody
    port: 80
    targetPort: 8080
)";

TEST(PlanManifests, keep_the_comments_order_and_quotes_of_what_people_wrote) {
  const test::Folder folder;
  folder.write("in/web.yaml", kCommented);
  const std::string out = folder.path() + "/out";
  const Called got = call({"plan", "-f", folder.path() + "/in", "-o", "manifests", "--output-dir", out, "-n", "shop", "--app", "shop"});
  EXPECT_EQ(got.status, 2);
  EXPECT_EQ(got.err, "");
  const std::string written = content(out + "/web.yaml");
  std::istringstream before(kCommented);
  std::size_t at = 0;
  for (std::string line; std::getline(before, line);) {
    if (line.find("labels: {app: web} # as") != std::string::npos) line = "labels: # as the selector";
    if (line == "  - name: web # renamed by nobody") line = "  - name: http-web # renamed by nobody";
    at = written.find(line + '\n', at);
    ASSERT_NE(at, std::string::npos) << "lost: " << line << "\n" << written;
  }
  EXPECT_EQ(call({"plan", "-f", out, "-n", "shop", "--app", "shop"}).status, 0);
  EXPECT_THAT(manifests_of(kCommented).out, HasSubstr("# who to call: team orders\napiVersion: apps/v1   # the only version\n"));
}

TEST(PlanManifests, say_where_comments_are_lost) {
  const std::string braces = "# lost\n{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {app: web}},\n"
                             "  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: a}]}}}}\n---\n";
  const Called got = manifests_of(braces + test::service_yaml("web"));
  EXPECT_EQ(got.status, 2);
  EXPECT_THAT(got.err, HasSubstr("warning: comments are lost: -, document 1\n"));
  EXPECT_EQ(manifests_of(got.out).status, 0);
}

TEST(PlanManifests, two_files_that_would_become_one_are_refused_before_anything_is_written) {
  const test::Folder folder;
  const std::string one = folder.write("a/web.yaml", test::deployment_yaml("web"));
  const std::string two = folder.write("b/web.yaml", test::service_yaml("web"));
  const Called got = call({"plan", "-f", one, "-f", two, "-o", "manifests", "--output-dir", folder.path() + "/out", "-n", "shop", "--app", "shop"});
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(got.err, "error: " + one + " and " + two + " would both become web.yaml: write them to directories of their own\n");
  EXPECT_FALSE(fs::exists(folder.path() + "/out"));
}

TEST(PlanManifests, the_files_that_were_read_are_overwritten_only_with_force) {
  const test::Folder folder;
  const std::string web = folder.write("in/apps/web.yaml", kShop);
  const std::string other = folder.write("in/other.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
  fs::create_directory_symlink(folder.path() + "/in", folder.path() + "/link");
  const auto written_to = [&folder](const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"plan", "-f", folder.path() + "/in", "-o", "manifests", "--output-dir", folder.path() + out, "-n", "shop", "--app", "shop"};
    words.insert(words.end(), more.begin(), more.end());
    return call(words);
  };
  for (const std::string out : {"/in", "/in/", "/x/../in", "/link"}) {
    const Called got = written_to(out);
    EXPECT_EQ(got.status, 1) << out;
    EXPECT_THAT(got.err, HasSubstr("web.yaml is a file of -f and would be overwritten\n"));
    EXPECT_THAT(got.err, HasSubstr("other.yaml is a file of -f and would be overwritten\n"));
    EXPECT_THAT(got.err, HasSubstr("error: nothing was written: name another directory with --output-dir, or overwrite the files of -f with --force\n"));
    EXPECT_EQ(got.out, "");
    EXPECT_EQ(content(web), kShop);
    EXPECT_FALSE(fs::exists(folder.path() + "/in/meshgraft-shop.yaml"));
  }
  EXPECT_EQ(written_to("/out").status, 2);
  EXPECT_EQ(written_to("/out").status, 2) << "what was written before is no file of -f";
  EXPECT_EQ(content(web), kShop);
  const Called forced = written_to("/in", {"--force"});
  EXPECT_EQ(forced.status, 2) << forced.err;
  EXPECT_THAT(content(web), HasSubstr("app.kubernetes.io/name: shop"));
  EXPECT_EQ(call({"plan", "-f", folder.path() + "/in", "-n", "shop", "--app", "shop"}).status, 0);
}

TEST(PlanManifests, policy_replace_gives_the_selector_that_kubesphere_asks_for) {
  const Called got = manifests_of(kShop, {"-n", "shop", "--app", "shop", "--policy", "replace"});
  ASSERT_EQ(got.status, 2) << got.err;
  const OrderedJson labels = documents_of(got.out)[0]["spec"]["selector"]["matchLabels"];
  EXPECT_EQ(Json(labels), (Json{{"app", "web"}, {"app.kubernetes.io/name", "shop"}, {"app.kubernetes.io/version", "v1"}}));
  const Called plan = call({"plan", "-f", "-", "-n", "shop", "--app", "shop"}, {got.out});
  EXPECT_EQ(plan.status, 0) << plan.out;
  EXPECT_THAT(plan.out, Not(HasSubstr("MG203")));
  const Called join = manifests_of(kShop);
  EXPECT_EQ(documents_of(join.out)[0]["spec"]["selector"]["matchLabels"].size(), 1U) << "policy join never touches a selector";
}

TEST(PlanManifests, one_deployment_may_ask_for_or_decline_the_new_selector) {
  const std::string asks = test::deployment_yaml("web", "meshgraft.io/replace: \"true\"") + test::service_yaml("web");
  EXPECT_EQ(documents_of(manifests_of(asks).out)[0]["spec"]["selector"]["matchLabels"].size(), 3U);
  const std::string declines = test::deployment_yaml("web", "meshgraft.io/replace: \"false\"") + test::service_yaml("web");
  EXPECT_EQ(documents_of(manifests_of(declines, {"-n", "shop", "--app", "shop", "--policy", "replace"}).out)[0]["spec"]["selector"]["matchLabels"].size(), 1U);
}

TEST(PlanManifests, naming_versioned_calls_a_replaced_deployment_as_the_console_does) {
  const std::string scaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec:\n  maxReplicas: 3\n"
                             "  scaleTargetRef: # what it scales\n    apiVersion: apps/v1\n    kind: Deployment\n    name: web\n";
  const Called got = manifests_of(kShop + scaler, {"-n", "shop", "--app", "shop", "--policy", "replace", "--set", "meshgraft.io/naming=versioned"});
  ASSERT_EQ(got.status, 2) << got.err;
  const std::vector<OrderedJson> documents = documents_of(got.out);
  ASSERT_GE(documents.size(), 3U);
  EXPECT_EQ(documents[0]["metadata"]["name"], "web-v1");
  EXPECT_EQ(documents[0]["spec"]["selector"]["matchLabels"].size(), 3U);
  EXPECT_EQ(documents[1]["metadata"]["name"], "web");
  EXPECT_EQ(documents[2]["spec"]["scaleTargetRef"]["name"], "web-v1");
  EXPECT_THAT(got.out, HasSubstr("scaleTargetRef: # what it scales\n"));
  EXPECT_THAT(got.err, HasSubstr("Deployment shop/web is called web-v1 in the files"));
  const Called again = manifests_of(got.out, {"-n", "shop", "--app", "shop", "--policy", "replace", "--set", "meshgraft.io/naming=versioned"});
  EXPECT_EQ(again.status, 0) << again.out << again.err;
  EXPECT_EQ(documents_of(manifests_of(kShop, {"-n", "shop", "--app", "shop", "--set", "meshgraft.io/naming=versioned"}).out)[0]["metadata"]["name"], "web")
      << "what is not replaced keeps its name";
}

TEST(PlanManifests, what_the_controller_would_not_call_otherwise_keeps_its_name_in_the_files_too) {
  const std::vector<std::string> asked{"-n", "shop", "--app", "shop", "--policy", "replace", "--set", "meshgraft.io/naming=versioned"};
  const auto name_of = [&asked](const std::string& text, const std::string& why) {
    const Called got = manifests_of(text, asked);
    EXPECT_THAT(got.err, HasSubstr("Deployment shop/web keeps its name in the files: " + why));
    return documents_of(got.out)[0]["metadata"]["name"].get<std::string>();
  };
  const std::string owned = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, ownerReferences: [{apiVersion: keda.sh/v1alpha1, kind: ScaledObject, name: web, uid: u}]}\n"
                            "spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}\n";
  EXPECT_EQ(name_of(kShop + owned, "HorizontalPodAutoscaler web scales it, and ScaledObject web, which owns it"), "web");
  EXPECT_EQ(name_of(kShop + test::deployment_yaml("web-v1"), "a Deployment of its new name web-v1 exists"), "web");
  const std::string service(63, 's');
  std::string named = kShop;
  const std::string own = "kind: Service\nmetadata: {name: web";
  ASSERT_NE(named.find(own), std::string::npos);
  named.replace(named.find(own), own.size(), "kind: Service\nmetadata: {name: " + service);
  EXPECT_EQ(name_of(named, "its new name " + service + "-v1 would have 66 characters"), "web");
}

TEST(PlanManifests, an_autoscaler_that_scales_nothing_is_left_as_it_is) {
  const std::vector<std::string> asked{"-n", "shop", "--app", "shop", "--policy", "replace", "--set", "meshgraft.io/naming=versioned"};
  const auto scaler = [](const std::string& spec) {
    return "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: " + spec + '\n';
  };
  for (const std::string spec : {"{scaleTargetRef: null}", "null", "{scaleTargetRef: {kind: Deployment}}", "{scaleTargetRef: {name: web}}"}) {
    const Called got = manifests_of(kShop + scaler(spec), asked);
    EXPECT_EQ(got.status, 2) << spec << '\n' << got.err;
    EXPECT_THAT(got.out, HasSubstr(scaler(spec)));
  }
  const Called wrong = manifests_of(kShop + scaler("{scaleTargetRef: {kind: 7, name: [web]}}"), asked);
  EXPECT_EQ(wrong.status, 1);
  EXPECT_THAT(wrong.err, HasSubstr("spec.scaleTargetRef"));
  EXPECT_THAT(wrong.err, Not(HasSubstr("exception")));
}

TEST(PlanManifests, what_cannot_run_beside_itself_keeps_its_name) {
  std::string pinned = kShop;
  const std::string containers = "containers:";
  ASSERT_NE(pinned.find(containers), std::string::npos);
  pinned.insert(pinned.find(containers), "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}], ");
  const Called got = manifests_of(pinned, {"-n", "shop", "--app", "shop", "--policy", "replace", "--set", "meshgraft.io/naming=versioned"});
  EXPECT_EQ(documents_of(got.out)[0]["metadata"]["name"], "web");
  EXPECT_THAT(got.err, HasSubstr("Deployment shop/web keeps its name in the files: it mounts the volume claim data"));
}

TEST(PlanManifests, a_namespace_of_the_files_gets_the_label_that_was_assumed) {
  const std::string text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n---\n" + kShop;
  const std::vector<OrderedJson> documents = documents_of(manifests_of(text).out);
  ASSERT_FALSE(documents.empty());
  EXPECT_EQ(Json(documents[0]["metadata"]["labels"]), (Json{{"team", "a"}, {"meshgraft.io/app", "shop"}}));
}

TEST(PlanManifests, what_is_held_is_named_and_left_out) {
  const std::string text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 1\n  strategy: {type: Recreate}\n  selector: {matchLabels: {app: web}}\n"
                           "  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: a}]}}\n---\n" + test::service_yaml("web");
  const Called got = manifests_of(text);
  EXPECT_THAT(got.err, HasSubstr("warning: not in the manifests: Deployment shop/web, member-template: "));
  EXPECT_EQ(Json(documents_of(got.out)[0]["spec"]["template"]["metadata"]), (Json{{"labels", {{"app", "web"}}}}));
}

TEST(PlanManifests, the_list_keys_of_the_api_tell_ports_apart) {
  const std::string text = test::deployment_yaml("web") +
                           "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports:\n  - {port: 80, name: web, targetPort: 8080}\n"
                           "  - {port: 80, protocol: UDP, name: dns}\n  - {port: 9090, name: metrics, nodePort: 30000}\n";
  const std::vector<OrderedJson> documents = documents_of(manifests_of(text).out);
  ASSERT_GE(documents.size(), 2U);
  const OrderedJson& ports = documents[1]["spec"]["ports"];
  ASSERT_EQ(ports.size(), 3U);
  EXPECT_EQ(ports[0]["name"], "http-web");
  EXPECT_FALSE(ports[0].contains("protocol")) << "the default that nobody wrote is not written";
  EXPECT_EQ(ports[1]["name"], "dns");
  EXPECT_EQ(ports[2]["nodePort"], 30000);
}

TEST(PlanManifests, go_with_files_only) {
  EXPECT_EQ(call({"plan", "-o", "manifests"}).status, 1);
  EXPECT_EQ(call({"plan", "-f", "-", "--output-dir", "x"}, {kShop}).status, 1);
}

TEST(EditDocument, an_old_ingress_gets_its_port_where_it_has_it) {
  OrderedJson document = OrderedJson::parse(
      R"({"apiVersion":"extensions/v1beta1","kind":"Ingress","metadata":{"name":"i"},"spec":{"rules":[{"http":{"paths":[{"backend":{"serviceName":"web","servicePort":"http"}}]}}]}})");
  Change change;
  change.verb = Verb::edit;
  change.body = Json::parse(R"([{"op":"test","path":"/spec/rules/0/http/paths/0/backend/service/port","value":{"name":"http"}},
    {"op":"replace","path":"/spec/rules/0/http/paths/0/backend/service/port","value":{"number":80}},
    {"op":"add","path":"/metadata/annotations","value":{"meshgraft.io/undo":"{}"}}])");
  ASSERT_TRUE(edit_document(change, document));
  EXPECT_EQ(document["spec"]["rules"][0]["http"]["paths"][0]["backend"], (OrderedJson{{"serviceName", "web"}, {"servicePort", 80}}));
  EXPECT_FALSE(document["metadata"].contains("annotations"));
  EXPECT_FALSE(edit_document(change, document)) << "the test no longer holds";
}

}  // namespace
}  // namespace meshgraft
