#include "cmd/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "cmd/render_json.h"
#include "k8sclient/model/json_read.h"
#include "k8sclient/model/yaml_read.h"
#include "tests/cmd/call.h"

namespace meshgraft {
namespace {

using test::call;
using test::Called;
using testing::HasSubstr;

const std::string kShop = test::deployment_yaml("web") + test::service_yaml("web") + test::deployment_yaml("cart") + test::service_yaml("cart");

Called plan_of(std::vector<std::string> more) {
  more.insert(more.begin(), {"plan", "-f", "-", "-n", "shop", "--app", "shop"});
  return call(more, {kShop});
}

TEST(Plan, text_lists_each_object_and_ends_with_totals) {
  const Called got = plan_of({});
  EXPECT_EQ(got.status, 2) << got.err;
  for (const char* object : {"Deployment shop/web", "Deployment shop/cart", "Service shop/web", "Service shop/cart", "Application shop/shop"}) {
    EXPECT_THAT(got.out, HasSubstr(object));
  }
  EXPECT_THAT(got.out, HasSubstr("restarts 1 pod\n"));
  EXPECT_THAT(got.out, HasSubstr("to 5 objects (2 Deployments, 2 Services, 1 Application)"));
}

TEST(Plan, without_a_label_every_form_says_what_to_give_and_that_nothing_changes) {
  const auto of = [](std::vector<std::string> words) {
    words.insert(words.end(), {"-f", "-", "-n", "shop"});
    return call(words, {kShop});
  };
  const std::string what = "No namespace carries the label meshgraft.io/app or meshgraft.io/gateway, so nothing is planned. To see what a label would do: --app NAME, --gateway ingress-nginx.";
  EXPECT_THAT(test::flat(of({"plan"}).out), HasSubstr(what));
  EXPECT_EQ(of({"plan"}).err, "") << "said once";
  for (const std::vector<std::string>& words : {std::vector<std::string>{"plan", "-o", "json"}, {"plan", "-o", "yaml"}, {"check"}, {"check", "-o", "json"}}) {
    const Called got = of(words);
    EXPECT_EQ(got.status, 0);
    EXPECT_EQ(got.err, "note: " + what + "\n");
  }
  const Called manifests = of({"plan", "-o", "manifests"});
  EXPECT_EQ(manifests.status, 0);
  EXPECT_THAT(manifests.err, HasSubstr("so the documents are as they were: give --app NAME, --gateway ingress-nginx\n"));
}

TEST(Plan, a_gateway_without_a_namespace_is_the_one_that_holds_an_ingress_controller) {
  const std::string nginx = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: edge, namespace: front}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: edge}}\n"
                            "  template: {metadata: {labels: {app: edge}}, spec: {containers: [{name: c, image: \"registry.k8s.io/ingress-nginx/controller:v1.8.1\"}]}}\n---\n";
  const std::vector<std::string> words{"plan", "-f", "-", "-n", "shop", "--app", "shop=shop", "--gateway", "ingress-nginx"};
  const Called got = call(words, {nginx + kShop});
  EXPECT_THAT(got.out, HasSubstr("Namespace front: gateway, policy join\nNamespace shop: app shop, policy join\n"));
  EXPECT_THAT(got.out, testing::Not(HasSubstr("MG501")));
  EXPECT_THAT(call(words, {kShop}).out, HasSubstr("MG501")) << "nowhere is one: said of the namespace that there is";
}

TEST(Plan, text_has_no_colour_and_no_long_line_without_a_terminal) {
  const Called got = plan_of({"-v"});
  EXPECT_EQ(got.out.find('\033'), std::string::npos);
  std::istringstream lines(got.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), 80) << line;
}

TEST(Plan, colour_changes_no_column) {
  test::Given given{kShop};
  given.colour = true;
  const Called coloured = call({"plan", "-f", "-", "-n", "shop", "--app", "shop"}, given);
  std::string plain = coloured.out;
  EXPECT_NE(plain.find('\033'), std::string::npos);
  for (std::size_t at = plain.find('\033'); at != std::string::npos; at = plain.find('\033')) plain.erase(at, plain.find('m', at) - at + 1);
  EXPECT_EQ(plain, plan_of({}).out);
}

TEST(Plan, json_says_the_same_as_text) {
  const Called got = plan_of({"-o", "json"});
  EXPECT_EQ(got.status, 2);
  const Result<Json> json = read_json(got.out);
  ASSERT_TRUE(json) << json.error().text;
  EXPECT_EQ(text(*json, "/kind"), "Plan");
  std::set<std::string> objects;
  for (const Json* change : items(*json, "/changes")) objects.insert(text(*change, "/target/kind") + "/" + text(*change, "/target/name"));
  EXPECT_EQ(objects, (std::set<std::string>{"Deployment/web", "Deployment/cart", "Service/web", "Service/cart", "Application/shop"}));
  EXPECT_EQ(number(*json, "/totals/restartingPods"), 2);
  EXPECT_EQ(number(*json, "/totals/objects/Service"), 2);
  EXPECT_EQ(static_cast<std::size_t>(number(*json, "/totals/requests")), items(*json, "/changes").size());
}

TEST(Plan, yaml_is_the_request_bodies_one_document_each) {
  const Called json = plan_of({"-o", "json"});
  const Called yaml = plan_of({"-o", "yaml"});
  EXPECT_EQ(yaml.status, 2);
  const Result<Json> document = read_json(json.out);
  ASSERT_TRUE(document);
  const Result<std::vector<Document>> bodies = read_manifests(yaml.out, "plan", "shop");
  ASSERT_TRUE(bodies) << bodies.error().text;
  const std::vector<const Json*> changes = items(*document, "/changes");
  ASSERT_EQ(bodies->size(), changes.size());
  for (std::size_t i = 0; i < changes.size(); ++i) EXPECT_EQ(Json(bodies->at(i).json), (*changes[i])["body"]) << i;
}

TEST(Plan, a_joined_world_has_nothing_to_change) {
  const Called got = call({"plan", "-f", "-", "-n", "shop"}, {kShop});
  EXPECT_EQ(got.status, 0);
  EXPECT_THAT(got.out, HasSubstr("nothing to change"));
  EXPECT_THAT(got.out, HasSubstr("--app NAME"));
}

TEST(Plan, policy_replace_says_that_the_chart_must_allow_it) {
  const Called got = plan_of({"--policy", "replace"});
  EXPECT_THAT(got.err, HasSubstr("warning: --policy replace acts as if the chart had replace.enabled=true\n"));
  EXPECT_EQ(plan_of({"--policy", "replace", "--replace-enabled"}).err, "");
  EXPECT_EQ(plan_of({}).err, "");
}

TEST(Plan, a_paused_namespace_is_called_paused_and_not_frozen) {
  const Called got = plan_of({"--set", "paused=true"});
  EXPECT_THAT(got.out, testing::StartsWith("Namespace shop: app shop, policy join, paused\n"));
  const Result<Json> json = read_json(plan_of({"--set", "paused=true", "-o", "json"}).out);
  ASSERT_TRUE(json);
  EXPECT_TRUE((*json)["namespaces"][0]["paused"]);
}

TEST(Check, counts_only_findings_as_bad_as_asked) {
  const std::vector<std::string> words{"check", "-f", "-", "-n", "shop", "--app", "shop"};
  const Called errors = call(words, {kShop});
  EXPECT_EQ(errors.status, 0) << errors.out;
  std::vector<std::string> all = words;
  all.insert(all.end(), {"--fail-on", "info"});
  EXPECT_EQ(call(all, {kShop}).status, 2) << "MG203 is expected: the selectors have only app";
  all.insert(all.end(), {"-o", "json"});
  const Result<Json> json = read_json(call(all, {kShop}).out);
  ASSERT_TRUE(json);
  ASSERT_FALSE(items(*json, "/findings").empty());
  for (const Json* finding : items(*json, "/findings")) {
    for (const char* member : {"/code", "/severity", "/about/kind", "/about/name", "/text", "/see"}) EXPECT_NE(text(*finding, member), "") << member;
  }
}

TEST(Check, prints_a_finding_in_three_lines_whatever_its_length) {
  std::string many;
  for (int i = 0; i < 12; ++i) many += test::deployment_yaml("web-" + std::to_string(i)) + test::service_yaml("web-" + std::to_string(i));
  const Called got = call({"check", "-f", "-", "-n", "shop", "--app", "shop"}, {many});
  std::istringstream lines(got.out);
  std::vector<std::string> all;
  for (std::string line; std::getline(lines, line);) all.push_back(line);
  ASSERT_EQ(all.size(), 5U) << got.out;
  EXPECT_THAT(all[0], testing::StartsWith("warning MG203  "));
  EXPECT_THAT(all[1], testing::StartsWith("        at  Deployment shop/web-0, "));
  EXPECT_THAT(all[1], testing::EndsWith(" and 4 more; -v names them"));
  EXPECT_THAT(all[2], testing::StartsWith("        do  "));
  EXPECT_EQ(all[3], "");
  EXPECT_EQ(all[4], "Findings: 0 errors, 1 warning, 0 info.");
  const Called verbose = call({"check", "-v", "-f", "-", "-n", "shop", "--app", "shop"}, {many});
  EXPECT_THAT(test::flat(verbose.out), HasSubstr("Deployment shop/web-11"));
}

TEST(Plan, totals_say_what_the_sidecars_cost_and_json_says_the_same) {
  const Called text_form = plan_of({});
  EXPECT_THAT(test::flat(text_form.out), HasSubstr("2 pods of 2 workloads restart; 2 sidecars ask for 200m CPU and 256Mi of memory; findings: "));
  const Result<Json> json = read_json(plan_of({"-o", "json"}).out);
  ASSERT_TRUE(json);
  EXPECT_EQ(number(*json, "/totals/sidecars/pods"), 2);
  EXPECT_EQ(number(*json, "/totals/sidecars/cpuMillicores"), 200);
  EXPECT_EQ(number(*json, "/totals/sidecars/memoryBytes"), 256 << 20);
}

TEST(FieldValue, finds_labels_ports_and_containers) {
  const Json body = Json::parse(R"({"metadata":{"labels":{"a.b/c":"x"}},"spec":{"ports":[{"port":80,"protocol":"UDP","name":"u"},{"port":80,"protocol":"TCP","name":"t"}],
    "template":{"spec":{"containers":[{"name":"main","ports":[{"containerPort":8080,"hostPort":80}]}]}}}})");
  EXPECT_EQ(*field_value(body, "metadata.labels[a.b/c]"), "x");
  EXPECT_EQ(*field_value(body, "spec.ports[80/TCP].name"), "t");
  EXPECT_EQ(*field_value(body, "spec.ports[80/UDP].name"), "u");
  EXPECT_EQ(*field_value(body, "spec.template.spec.containers[main].ports[8080/TCP].hostPort"), 80);
  EXPECT_EQ(field_value(body, "spec.replicas"), nullptr);
  EXPECT_EQ(field_value(body, "metadata.labels[nothing]"), nullptr);
}

TEST(Counted, says_one_and_many) {
  EXPECT_EQ(counted(1, "pod"), "1 pod");
  EXPECT_EQ(counted(3, "Ingress"), "3 Ingresses");
  EXPECT_EQ(counted(0, "error"), "0 errors");
}

}  // namespace
}  // namespace meshgraft
