// What people get wrong, and the sentence they get back: each names file, document and field, or the object.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <tuple>

#include "tests/cmd/call.h"
#include "tests/fakes/fault_server.h"

namespace meshgraft {
namespace {

using test::call;
using test::Called;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Called plan_of(const std::string& text, std::vector<std::string> more = {"--app", "shop", "-n", "shop"}) {
  more.insert(more.begin(), {"plan", "-f", "-"});
  return call(more, {text});
}

std::string kubeconfig(const std::string& server) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: k, cluster: {server: \"" + server +
         "\"}}]\ncontexts: [{name: c, context: {cluster: k, user: u, namespace: shop}}]\nusers: [{name: u, user: {}}]\n";
}

TEST(BadInput, a_manifest_that_is_no_yaml_names_file_document_and_line) {
  const test::Folder folder;
  const std::string path = folder.write("shop.yaml", test::service_yaml("a") + "kind: Service\n  metadata: [\n");
  const Called got = call({"plan", "-f", path});
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, StartsWith("error: " + path));
  EXPECT_THAT(got.err, HasSubstr("line"));
  EXPECT_EQ(got.out, "");
}

TEST(BadInput, a_document_without_kind_names_file_and_document) {
  const test::Folder folder;
  const std::string path = folder.write("shop.yaml", test::service_yaml("a") + "apiVersion: v1\nmetadata: {name: x}\n");
  const Called got = call({"plan", "-f", path});
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr(path + ", document 2"));
  EXPECT_THAT(got.err, HasSubstr("kind"));
}

TEST(BadInput, a_field_of_the_wrong_type_is_named_with_its_path) {
  const Called got = plan_of("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: many}\n");
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("-, document 1"));
  EXPECT_THAT(got.err, HasSubstr("spec.replicas"));
}

const std::string kDumped = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, uid: d, resourceVersion: \"7\"}\nspec:\n  replicas: 1\n"
                            "  selector: {matchLabels: {app: web}}\n  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: a}]}}\n"
                            "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop, uid: s, resourceVersion: \"8\"}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
                            "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: edge, namespace: shop, uid: i, resourceVersion: \"9\"}\nspec:\n"
                            "  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]\n";

TEST(BadInput, a_dump_that_lacks_what_a_plan_looks_at_is_told_so) {
  const Called got = plan_of(kDumped);
  EXPECT_EQ(got.status, 2) << got.err;
  EXPECT_THAT(got.err, HasSubstr("warning: the dump has no Namespace shop"));
  EXPECT_THAT(got.err, HasSubstr("warning: the dump has no Pods of namespace shop"));
  EXPECT_THAT(got.err, HasSubstr("warning: the dump has no EndpointSlices of namespace shop"));
  EXPECT_THAT(got.err, HasSubstr("warning: the dump has no ingress controller"));
}

TEST(BadInput, a_whole_dump_and_manifests_that_people_wrote_are_not) {
  const std::string whole = kDumped +
                            "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: web-1, namespace: shop, labels: {app: web}}\n"
                            "spec: {containers: [{name: a, image: a}]}\n"
                            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\nendpoints: []\n"
                            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: nginx, namespace: gate}\nspec:\n  selector: {matchLabels: {app: nginx}}\n"
                            "  template: {metadata: {labels: {app: nginx}}, spec: {containers: [{name: c, image: \"registry.k8s.io/ingress-nginx/controller:v1.8.1\"}]}}\n";
  EXPECT_EQ(plan_of(whole, {"--app", "shop=shop", "-n", "shop"}).err, "");
  EXPECT_EQ(plan_of(test::deployment_yaml("web") + test::service_yaml("web")).err, "");
}

TEST(BadInput, a_label_value_that_is_no_dns_name_freezes_and_names_what_is_allowed) {
  const Called got = plan_of("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {meshgraft.io/app: Web_Shop}}\n---\n" + test::deployment_yaml("web") + test::service_yaml("web"), {"-n", "shop"});
  EXPECT_EQ(got.status, 0) << got.out;
  EXPECT_THAT(got.out, HasSubstr("MG101"));
  EXPECT_THAT(got.out, HasSubstr("Web_Shop"));
  EXPECT_THAT(got.out, HasSubstr("DNS label"));
  EXPECT_THAT(got.out, HasSubstr("Namespace shop"));
}

TEST(BadInput, an_unknown_policy_freezes_and_names_the_known_ones) {
  const Called got = plan_of("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, annotations: {meshgraft.io/policy: everything}}\n---\n" + test::deployment_yaml("web") + test::service_yaml("web"));
  EXPECT_EQ(got.status, 0) << got.out;
  EXPECT_THAT(got.out, HasSubstr("MG101"));
  EXPECT_THAT(test::flat(got.out), HasSubstr("observe, join, replace"));
}

TEST(BadInput, a_Helm_template_that_nobody_rendered_is_said_to_be_one) {
  const test::Folder folder;
  folder.write("chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 0.1.0\n");
  const std::string path = folder.write("chart/templates/web.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}-web\n{{- if .Values.on }}\n{{- end }}\n");
  const Called got = call({"plan", "-f", folder.path() + "/chart"});
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("error: " + path + ": this is a part of a Helm chart, not a manifest; render the chart first: helm template NAME CHART | meshgraft plan -f -\n"));
  EXPECT_THAT(got.err, HasSubstr("Chart.yaml: this is a part of a Helm chart"));
}

TEST(BadInput, documents_of_kinds_that_no_rule_reads_are_counted_in_one_line) {
  const auto document = [](const std::string& kind, const std::string& name) { return "---\napiVersion: example.com/v1\nkind: " + kind + "\nmetadata: {name: " + name + "}\n"; };
  const Called got = plan_of(test::deployment_yaml("web") + test::service_yaml("web") + document("Rollout", "a") + document("Rollout", "b") + document("Topic", "c") +
                             document("Schedule", "d") + document("User", "e"));
  EXPECT_EQ(got.status, 2);
  EXPECT_EQ(got.err, "note: not looked at: 2 Rollouts, 1 Schedule, 1 Topic and 1 other kind\n");
}

TEST(BadInput, a_kubeconfig_that_is_not_there_is_named) {
  const Called got = call({"plan", "--kubeconfig", "/nowhere/config"});
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, StartsWith("error: "));
  EXPECT_THAT(got.err, HasSubstr("/nowhere/config"));
}

TEST(BadInput, no_kubeconfig_at_all_says_where_was_looked) {
  test::Given given;
  given.environment.home = "/nowhere";
  const Called got = call({"status"}, given);
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("KUBECONFIG is not set"));
  EXPECT_THAT(got.err, HasSubstr("/nowhere/.kube/config"));
  for (const char* command : {"status", "undo", "release", "run"}) EXPECT_THAT(call({command}, given).err, Not(HasSubstr("-f"))) << command;
  for (const char* command : {"plan", "check"}) EXPECT_THAT(call({command}, given).err, HasSubstr("give --kubeconfig FILE, or -f for manifests\n")) << command;
}

TEST(BadInput, a_kubeconfig_that_points_nowhere_says_that_nobody_answers) {
  const test::Folder folder;
  const std::string path = folder.write("config", kubeconfig("http://127.0.0.1:1"));  // tcpmux: nobody listens
  const Called got = call({"plan", "--kubeconfig", path});
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, StartsWith("error: cannot list "));
  EXPECT_EQ(got.out, "");
}

TEST(BadInput, a_server_that_answers_html_is_no_kubernetes) {
  test::FaultServer server({}, [](const test::SeenRequest&, test::Conversation& conversation) {
    conversation.answer(200, "text/html", "<html><body>Log in</body></html>");
  });
  const test::Folder folder;
  const std::string path = folder.write("config", kubeconfig(server.url()));
  for (const char* command : {"plan", "check", "status"}) {
    const Called got = call({command, "--kubeconfig", path});
    EXPECT_EQ(got.status, 1);
    EXPECT_THAT(got.err, StartsWith("error: cannot list "));
    EXPECT_THAT(got.err, Not(HasSubstr("<body>")));
    EXPECT_EQ(got.out, "");
  }
}

TEST(BadInput, a_deployment_with_an_empty_template_is_no_member_and_stops_nobody) {
  const Called got = plan_of("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: empty}\nspec: {selector: {matchLabels: {app: empty}}, template: {}}\n---\n" +
                             test::deployment_yaml("web") + test::service_yaml("web"));
  EXPECT_EQ(got.status, 2) << got.err;
  EXPECT_THAT(got.out, HasSubstr("Deployment shop/web"));
}

TEST(BadInput, two_deployments_of_one_version_are_mg202) {
  std::string second = test::deployment_yaml("web");
  second.replace(second.find("name: web"), 9, "name: web-two");
  const Called got = plan_of(test::deployment_yaml("web") + second + test::service_yaml("web"));
  EXPECT_THAT(got.out, HasSubstr("MG202"));
  EXPECT_THAT(got.out, HasSubstr("web-two"));
}

TEST(BadInput, a_service_without_selector_is_no_member_and_stops_nobody) {
  const Called got =
      plan_of("apiVersion: v1\nkind: Service\nmetadata: {name: outside}\nspec: {ports: [{port: 80}]}\n---\n" + test::deployment_yaml("web") + test::service_yaml("web"));
  EXPECT_EQ(got.status, 2) << got.err;
  EXPECT_THAT(got.out, Not(HasSubstr("Service shop/outside  ")));
}

TEST(BadInput, an_ingress_whose_backend_does_not_exist_is_named_and_stops_nobody) {
  const Called got = plan_of(
      "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: front}\nspec: {rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, "
      "backend: {service: {name: gone, port: {number: 80}}}}]}}]}\n---\n" +
      test::deployment_yaml("web") + test::service_yaml("web"));
  EXPECT_EQ(got.status, 2) << got.err;
  EXPECT_THAT(got.out, HasSubstr("Ingress shop/front"));
  EXPECT_THAT(got.out, HasSubstr("gone"));
}

TEST(BadInput, a_namespace_being_deleted_gets_no_write) {
  const Called got = plan_of("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {meshgraft.io/app: shop}, deletionTimestamp: \"2026-01-01T00:00:00Z\"}\nstatus: "
                             "{phase: Terminating}\n---\n" +
                                 test::deployment_yaml("web") + test::service_yaml("web"),
                             {"-n", "shop"});
  EXPECT_EQ(got.status, 0) << got.out;
  EXPECT_THAT(got.out, HasSubstr("nothing to change"));
}

TEST(BadInput, a_facts_file_that_is_none_is_named) {
  const test::Folder folder;
  const std::string path = folder.write("facts.yaml", "weather: fine\n");
  const Called got = call({"plan", "-f", "-", "--facts", path}, {test::service_yaml("a")});
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr(path));
}

TEST(BadInput, an_assumption_about_an_unknown_namespace_names_it) {
  const Called got = plan_of(test::service_yaml("a"), {"--app", "other=shop", "-n", "shop"});
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("\"other\""));
}

// ---- manifests that nobody expects ----

TEST(BadInput, a_link_that_leads_nowhere_is_named_and_so_is_every_other_bad_file) {
  const test::Folder folder;
  folder.write("good.yaml", test::service_yaml("a"));
  folder.write("deep/bad.yaml", "kind: [\n");
  std::error_code error;
  std::filesystem::create_symlink(folder.path() + "/nowhere", folder.path() + "/gone.yaml", error);
  ASSERT_FALSE(error) << error.message();
  const Called got = call({"plan", "-f", folder.path()});
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("error: cannot read " + folder.path() + "/gone.yaml: it leads to no file\n"));
  EXPECT_THAT(got.err, HasSubstr("error: " + folder.path() + "/deep/bad.yaml, document 1"));
}

// Nobody, while it lives, where the tests run as root: whom no permission stops.
class AsNobody {
 public:
  explicit AsNobody(const std::string& folder) : root_(::geteuid() == 0) {
    if (root_) is_nobody_ = ::chown(folder.c_str(), kNobody, kNobody) == 0 && ::seteuid(kNobody) == 0;
  }
  ~AsNobody() {
    if (root_ && ::seteuid(0) != 0) std::abort();
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;
  [[nodiscard]] bool holds() const { return !root_ || is_nobody_; }

 private:
  static constexpr uid_t kNobody = 65534;
  bool root_, is_nobody_ = false;
};

TEST(BadInput, files_and_directories_that_may_not_be_read_are_all_named_and_none_is_left_out) {
  namespace fs = std::filesystem;
  const test::Folder folder;
  const auto forbid = [](const std::string& path, fs::perms left) { fs::permissions(path, left); };
  folder.write("good.yaml", test::service_yaml("a"));
  const std::string secret = folder.write("secret.yaml", test::service_yaml("b"));
  const std::string closed = fs::path(folder.write("closed/c.yaml", test::service_yaml("c"))).parent_path().string();
  const std::string listed = folder.write("listed/d.yaml", test::service_yaml("d"));
  forbid(secret, fs::perms::none);
  forbid(closed, fs::perms::none);
  forbid(fs::path(listed).parent_path().string(), fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
  std::vector<Called> got;
  {
    const AsNobody nobody(folder.path());
    ASSERT_TRUE(nobody.holds());
    for (const std::string& path : {folder.path(), secret, closed}) got.push_back(call({"plan", "-f", path}));
    got.push_back(call({"plan", "--kubeconfig", secret}));
  }
  forbid(closed, fs::perms::owner_all);  // so that it can be removed
  forbid(fs::path(listed).parent_path().string(), fs::perms::owner_all);
  for (const Called& one : got) EXPECT_EQ(one.status, 1);
  EXPECT_THAT(got[0].err, HasSubstr("error: cannot read the directory " + closed + ": Permission denied\n"));
  EXPECT_THAT(got[0].err, HasSubstr("error: cannot read " + secret + ": Permission denied\n"));
  EXPECT_THAT(got[0].err, HasSubstr("error: cannot read " + listed + ": Permission denied\n"));
  EXPECT_EQ(got[0].out, "");
  EXPECT_EQ(got[1].err, "error: cannot read " + secret + ": Permission denied\n");
  EXPECT_EQ(got[2].err, "error: cannot read the directory " + closed + ": Permission denied\n");
  EXPECT_EQ(got[3].err, "error: kubeconfig " + secret + " cannot be read: Permission denied\n");
}

TEST(BadInput, fifty_megabytes_in_one_document_are_read) {
  std::string text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: big}\ndata:\n  a: |\n";
  const std::string line = "    " + std::string(995, 'x') + '\n';
  while (text.size() < 50'000'000) text += line;
  const Called got = plan_of(text + "---\n" + test::deployment_yaml("web") + test::service_yaml("web"));
  EXPECT_EQ(got.status, 2) << got.err;
  EXPECT_THAT(got.out, HasSubstr("Deployment shop/web"));
}

TEST(BadInput, aliases_that_stand_for_aliases_are_bounded) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string before = std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) text += (j == 0 ? "*a" : ", *a") + before;
    text += "]\n";
  }
  const Called got = plan_of(text);
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, StartsWith("error: -, document 1, line "));
  EXPECT_THAT(got.err, HasSubstr("more than a million values"));
}

TEST(BadInput, a_group_that_kubernetes_does_not_have_is_a_warning_and_a_kind_of_others_a_note) {
  const std::string slip = "apiVersion: app/v1\nkind: Deployment\nmetadata: {name: web}\n---\n";
  const std::string knative = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: f}\n---\n";
  const std::string old = "apiVersion: apps/v1beta2\nkind: StatefulSet\nmetadata: {name: old}\nspec: {template: {}}\n---\n";
  const Called got = plan_of(slip + knative + old + test::deployment_yaml("cart") + test::service_yaml("cart"));
  EXPECT_EQ(got.status, 2) << got.err;
  EXPECT_EQ(got.err, "warning: -, document 1: Deployment web is of apiVersion app/v1, where Kubernetes has no such kind: it is left as it is\n"
                     "note: not looked at: 1 Service of serving.knative.dev\n");
}

TEST(BadInput, what_no_API_server_takes_is_told_with_file_document_and_field_and_stops_nobody) {
  const test::Folder folder;
  std::string service = test::service_yaml("cart");
  service.replace(service.find("name: cart"), 10, "name: Cart");
  const std::string path = folder.write("shop.yaml", test::deployment_yaml("web") + test::service_yaml("web") + service);
  const Called check = call({"check", "-f", path, "--app", "shop", "-n", "shop"});
  EXPECT_EQ(check.status, 2);
  EXPECT_THAT(check.out, HasSubstr("error   MG117  " + path + ", document 3: metadata.name: \"Cart\" is no name of a Service"));
  const Called plan = call({"plan", "-f", path, "--app", "shop", "-n", "shop"});
  EXPECT_THAT(plan.out, HasSubstr("MG117"));
  EXPECT_THAT(plan.out, HasSubstr("Deployment shop/web"));
  const Called files = call({"plan", "-f", path, "--app", "shop", "-n", "shop", "-o", "manifests"});
  EXPECT_THAT(files.err, HasSubstr("warning: an API server would refuse " + path + ", document 3: metadata.name: \"Cart\""));
}

TEST(BadInput, a_list_that_holds_something_else_than_objects_names_the_item) {
  const Called got = plan_of("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Service\n  metadata: {name: a}\n- just text\n");
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, StartsWith("error: -, document 1, item 2"));
}

TEST(BadInput, json_that_is_cut_off_or_lacks_a_comma_says_so_and_where) {
  const std::string service = "{\"apiVersion\": \"v1\", \"kind\": \"Service\",\n \"metadata\": {\"name\": \"a\"}";
  EXPECT_EQ(plan_of(service).err, "error: -, document 1, line 1: the JSON that begins here has no end: a bracket or a quote is never closed\n");
  const Called second = plan_of(service + "}\n\n{\"apiVersion\": \"v1\",\n\"kind\": \"Service\"\n\"metadata\": {}}");
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, StartsWith("error: -, document 2, line 6: "));
  EXPECT_THAT(second.err, HasSubstr("expected"));
}

TEST(BadInput, json_and_yaml_that_nest_without_end_are_refused_with_one_line) {
  constexpr std::size_t kLevels = 100'000;
  std::string json;
  for (std::size_t i = 0; i < kLevels; ++i) json += "{\"a\":";
  EXPECT_EQ(plan_of(json + "1" + std::string(kLevels, '}')).err, "error: -, document 1, line 1: nested deeper than 200 levels\n");
  std::string yaml;
  for (std::size_t i = 0; i < 300; ++i) yaml += std::string(i, ' ') + "a:\n";
  EXPECT_EQ(plan_of(yaml).err, "error: -, document 1, line 201: nested deeper than 200 levels\n");
}

TEST(BadInput, yaml_brackets_that_are_never_closed_are_told_in_plain_words) {
  EXPECT_EQ(plan_of("spec: {ports: [{port: 80}\n").err, "error: -, document 1, line 2: a [ is never closed, or a comma is missing in its list\n");
  EXPECT_EQ(plan_of("metadata: {name: a\n").err, "error: -, document 1, line 2: a { is never closed, or a comma is missing in its map\n");
}

TEST(BadInput, a_list_whose_items_are_no_list_is_told_so_and_an_empty_one_is_none) {
  EXPECT_EQ(plan_of("apiVersion: v1\nkind: List\nitems: 3\n").err, "error: -, document 1, line 1: items: expected a list, found a single value\n");
  EXPECT_EQ(plan_of("apiVersion: v1\nkind: List\nitems: {a: 1}\n").err, "error: -, document 1, line 1: items: expected a list, found a map\n");
  EXPECT_EQ(plan_of("apiVersion: v1\nkind: List\n---\n" + test::deployment_yaml("web") + test::service_yaml("web")).status, 2);
}

TEST(BadInput, a_kustomization_is_said_to_be_one) {
  const test::Folder folder;
  const std::string path = folder.write("base/kustomization.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [web.yaml]\n");
  const Called got = call({"plan", "-f", folder.path() + "/base"});
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(got.err, "error: " + path + ": this is a kustomization, not a manifest; build it first: kubectl kustomize " + folder.path() + "/base | meshgraft plan -f -\n");
}

TEST(BadInput, a_kubeconfig_indented_with_tabs_says_so_and_where) {
  const test::Folder folder;
  const std::string path = folder.write("config", "apiVersion: v1\nkind: Config\nclusters:\n\t- name: a\n");
  EXPECT_EQ(call({"plan", "--kubeconfig", path}).err, "error: kubeconfig " + path + ", line 4: a tab may not indent YAML, only spaces may\n");
  const std::string cut = folder.write("cut", "apiVersion: v1\nclusters: [\n");
  EXPECT_THAT(call({"plan", "--kubeconfig", cut}).err, StartsWith("error: kubeconfig " + cut + ", line 3: "));
}

TEST(BadInput, yaml_that_is_none_is_told_in_plain_words_wherever_it_stands) {
  const test::Folder folder;
  for (const auto& [text, where, what] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"kind: Config\nclusters: [{name: a}\n", "line 3", "a [ is never closed, or a comma is missing in its list"},
           {"kind: Config\nmore: {a: b\n", "line 3", "a { is never closed, or a comma is missing in its map"},
           {"kind: Config\nmore: ]\n", "line 2", "a ] or } closes nothing here"},
           {"kind: Config\nmore: \"text", "line 2", "a quote is never closed"},
           {"kind: Config\nmore: 'text\n---\nkind: Config\n", "line 3", "a quote is never closed"},
           {"kind: Config\nclusters\nmore: 1\n", "line 3", "a \": \" may not stand here: the line is indented too far, or a value with \": \" in it lacks quotes"},
           {"kind: Config\nmore: a: b\n", "line 2", "a \": \" may not stand here: the line is indented too far, or a value with \": \" in it lacks quotes"},
           {"more:\n  a: 1\n b: 2\n", "line 3", "no \"key: value\" of the map above: a colon is missing, or the line is indented otherwise"},
           {"more:\n- a\n- b\n c: 1\n", "line 4", "a \": \" may not stand here: the line is indented too far, or a value with \": \" in it lacks quotes"},
           {"more:\n  - a\n  b\n", "line 3", "no \"key: value\" of the map above: a colon is missing, or the line is indented otherwise"},
           {"more: - a\n", "line 1", "a \"- \" may not stand here: it is indented otherwise than its list"},
           {"more: @all\n", "line 1", "a value may not begin with this character: put it into quotes"},
           {"more: *.example.com\n", "line 1", "no & says what this * stands for; a value that begins with * has to be put into quotes"},
           {"more: * all\n", "line 1", "a value that begins with * has to be put into quotes"},
           {"more: & all\n", "line 1", "a value that begins with & has to be put into quotes"},
       }) {
    const std::string path = folder.write("config", text);
    EXPECT_EQ(call({"plan", "--kubeconfig", path}).err, "error: kubeconfig " + path + ", " + where + ": " + what + '\n') << text;
    EXPECT_EQ(plan_of(text).err, "error: -, document 1, " + where + ": " + what + '\n') << text;
  }
}

TEST(BadInput, a_quote_that_is_never_closed_swallows_nothing) {
  const std::string service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n更多: ";
  for (const char* open : {"\"te\\\"xt\nspec: 1\n\n", "'it''s\nspec: 1\n", "\"\n", "\"ends with a backslash \\\n", "'text ''\n"})
    EXPECT_EQ(plan_of(service + open).err, "error: -, document 1, line 4: a quote is never closed\n") << open;
  for (const char* closed : {"\"te\\\"xt\n  more\"\n", "'it''s'\n", "\"\"\n", "''\n", "\"\\\\\"\n", "[a, 'b\n  c']\n", "!!str \"x\" # it's\n", "\"key\": 'x'\n"}) {
    std::string text = service + closed;
    if (std::string(closed).starts_with("\"key")) text = service + "1\n" + closed;
    EXPECT_EQ(plan_of(text).err, "") << closed;
  }
  EXPECT_EQ(plan_of("\xef\xbb\xbf{\"it's\": \"&\", apiVersion: &a v1, kind: Service, metadata: {name: \"a\"}}\n").err, "") << "behind a byte order mark";
}

TEST(BadInput, a_file_with_nothing_in_it_is_an_error_and_empty_documents_are_not) {
  EXPECT_EQ(plan_of("# only a comment\n").status, 1);
  EXPECT_EQ(plan_of("---\n---\n# nothing\n---\n" + test::service_yaml("a") + "---\n").status, 0);
}

}  // namespace
}  // namespace meshgraft
