#include "reconcilers/ingresses.h"

#include <string>

#include "reconcilers/ingress_values.h"
#include "reconcilers/keys.h"
#include "tests/reconcilers/ruling.h"

namespace meshgraft {
namespace {

using given::app_namespace;
using given::gateway;
using given::ingress;
using given::member;
using given::path;
using given::Ruling;
using given::told;

// The annotations that the rule wants on Ingress `name`, without the common prefix: "service-upstream=true".
std::string annotations(const Decision& decision, const std::string& name) {
  std::string text;
  for (const Intent& intent : decision.intents) {
    if (intent.object->meta.name != name) continue;
    for (const auto& [key, value] : intent.wish.annotations) text += (text.empty() ? "" : " ") + key.substr(key.find('/') + 1) + "=" + value;
  }
  return text;
}

std::string labels(const Decision& decision, const std::string& name) {
  std::string text;
  for (const Intent& intent : decision.intents) {
    if (intent.object->meta.name != name) continue;
    for (const auto& [key, value] : intent.wish.labels) text += (text.empty() ? "" : " ") + key + "=" + value;
  }
  return text;
}

Decision decide(const std::string& yaml, const std::string& gateway_version = "v1.8.1") {
  return desired_ingresses(Ruling(app_namespace() + gateway(gateway_version) + yaml).context());
}

const std::string kWeb = member("web", "[{name: http, port: 80, targetPort: 8080}]");
const std::string kApi = member("api", "[{name: http, port: 80, targetPort: 9080}]");
const std::string kLabels = "app.kubernetes.io/name=shop app.kubernetes.io/version=v1";
const std::string kOne = "service-upstream=true upstream-vhost=web.shop.svc.cluster.local";
const std::string kSeveral = "service-upstream=true upstream-vhost=$service_name.$namespace.svc.cluster.local";

TEST(Ingresses, one_service_is_named_itself) {
  const Decision decision = decide(kWeb + ingress("edge", path("/", "web", "number: 80")));
  EXPECT_EQ(annotations(decision, "edge"), kOne);
  EXPECT_EQ(labels(decision, "edge"), kLabels);
  EXPECT_EQ(told(decision), std::vector<std::string>{"MG410 Ingress shop/edge"});
}

TEST(Ingresses, several_services_take_the_variable_form) {
  EXPECT_EQ(annotations(decide(kWeb + kApi + ingress("edge", path("/", "web", "number: 80") + ", " + path("/api", "api", "number: 80"))), "edge"), kSeveral);
  EXPECT_EQ(annotations(decide(kWeb + kApi + ingress("edge", path("/", "web", "number: 80"), "", "defaultBackend: {service: {name: api, port: {number: 80}}}")), "edge"), kSeveral);
}

TEST(Ingresses, values_that_mean_the_same_are_left) {
  for (const char* value : {"web.shop", "web.shop.svc", "web.shop.svc.cluster.local", "$service_name.$namespace.svc.cluster.local", "${service_name}.${namespace}.svc.cluster.local"}) {
    const Decision decision = decide(kWeb + ingress("edge", path("/", "web", "number: 80"), "annotations: {nginx.ingress.kubernetes.io/upstream-vhost: \"" + std::string(value) +
                                                                                                "\", nginx.ingress.kubernetes.io/service-upstream: \"True\"}"));
    EXPECT_EQ(annotations(decision, "edge"), "") << value;
  }
  const Decision other = decide(kWeb + ingress("edge", path("/", "web", "number: 80"), "annotations: {nginx.ingress.kubernetes.io/upstream-vhost: www.example.com, "
                                                                                     "nginx.ingress.kubernetes.io/service-upstream: \"yes\"}"));
  EXPECT_EQ(annotations(other, "edge"), kOne);
  EXPECT_NE(other.findings.at(0).text.find("www.example.com"), std::string::npos);
}

TEST(Ingresses, without_a_gateway_in_the_mesh_there_are_labels_alone) {
  const std::string app = app_namespace() + kWeb + ingress("edge", path("/", "web", "number: 80"));
  for (const std::string& other : {std::string(), gateway("v1.8.1", "", "replicas: 2", "", "a: b")}) {
    const Decision decision = desired_ingresses(Ruling(app + other).context());
    EXPECT_EQ(annotations(decision, "edge"), "");
    EXPECT_EQ(labels(decision, "edge"), kLabels);
    EXPECT_EQ(told(decision), std::vector<std::string>{"MG401 Ingress shop/edge"});
  }
}

TEST(Ingresses, the_class_decides_which_gateway_serves) {
  const std::string classes =
      "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: nginx}\nspec: {controller: example.com/other}\n"
      "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: inside, annotations: {ingressclass.kubernetes.io/is-default-class: \"true\"}}\n"
      "spec: {controller: k8s.io/ingress-nginx}\n";
  std::string without = ingress("edge", path("/", "web", "number: 80"));
  without.erase(without.find("  ingressClassName: nginx\n"), 26);
  EXPECT_EQ(annotations(decide(classes + kWeb + without), "edge"), kOne);
  EXPECT_EQ(annotations(decide(classes + kWeb + ingress("edge", path("/", "web", "number: 80"))), "edge"), "");
  EXPECT_EQ(annotations(decide(kWeb + without), "edge"), "");
}

TEST(Ingresses, backends_that_the_pair_would_harm_are_refused_with_the_reason) {
  const std::string headless = member("hl", "[{name: http, port: 80}]", "", "clusterIP: None");
  const std::string named = member("named", "[{name: http, port: 80, targetPort: app}]", "ports: [{name: app, containerPort: 8080}]");
  const std::string external = "---\napiVersion: v1\nkind: Service\nmetadata: {name: out}\nspec: {type: ExternalName, externalName: example.com, ports: [{port: 80}]}\n";
  const std::string web = path("/", "web", "number: 80");
  const std::string canary = "annotations: {nginx.ingress.kubernetes.io/canary: \"true\"}";
  const struct {
    const char *what, *code, *word;
    std::string yaml;
  } rows[] = {
      {"headless", "MG402", "headless", headless + ingress("edge", web + ", " + path("/h", "hl", "number: 80"))},
      {"ExternalName", "MG402", "ExternalName", external + ingress("edge", web + ", " + path("/o", "out", "number: 80"))},
      {"named targetPort", "MG402", "targetPort", named + ingress("edge", web + ", " + path("/n", "named", "number: 80"))},
      {"cookie affinity", "MG402", "cookie", ingress("edge", web, "annotations: {nginx.ingress.kubernetes.io/affinity: cookie}")},
      {"a canary", "MG405", "canary", ingress("edge", web, canary)},
      {"the main one of a canary", "MG405", "is its canary", ingress("edge", web) + ingress("gray", path("/", "api", "number: 80"), canary)},
      {"Exact and Prefix", "MG406", "Exact", ingress("edge", web + ", " + path("/", "api", "number: 80", "Exact"))},
  };
  for (const auto& row : rows) {
    const Decision decision = decide(kWeb + kApi + row.yaml);
    EXPECT_EQ(annotations(decision, "edge"), "") << row.what;
    EXPECT_EQ(labels(decision, "edge"), kLabels) << row.what;
    bool said = false;
    for (const Finding& one : decision.findings) said = said || (one.code == row.code && one.about.name == "edge" && one.text.find(row.word) != std::string::npos);
    EXPECT_TRUE(said) << row.what;
  }
}

TEST(Ingresses, the_same_path_exact_and_prefix_to_one_service_is_fine) {
  EXPECT_EQ(annotations(decide(kWeb + ingress("edge", path("/", "web", "number: 80") + ", " + path("/", "web", "number: 80", "Exact"))), "edge"), kOne);
}

TEST(Ingresses, a_number_that_is_only_a_targetPort_is_switched_first) {
  const Decision decision = decide(kWeb + ingress("edge", path("/", "web", "number: 8080")));
  EXPECT_EQ(annotations(decision, "edge"), kOne);
  ASSERT_EQ(decision.extras.size(), 1U);
  const Change& change = decision.extras[0].change;
  EXPECT_EQ(change.verb, Verb::edit);
  EXPECT_EQ(change.stage, Stage::ingress_backend);
  EXPECT_LT(change.stage, Stage::ingress);
  EXPECT_EQ(change.body[0]["op"], "test");
  EXPECT_EQ(change.body[1]["value"], Json({{"number", 80}}));
  EXPECT_EQ(change.overwrites.at(0).before, "8080");
}

TEST(Ingresses, a_targetPort_that_kubectl_apply_would_bring_back_is_refused) {
  const Decision decision = decide(kWeb + ingress("edge", path("/", "web", "number: 8080"), "annotations: {kubectl.kubernetes.io/last-applied-configuration: \"{}\"}"));
  EXPECT_EQ(annotations(decision, "edge"), "");
  EXPECT_TRUE(decision.extras.empty());
  EXPECT_EQ(told(decision), std::vector<std::string>{"MG402 Ingress shop/edge"});
}

TEST(Ingresses, every_ingress_of_an_upstream_gets_service_upstream) {
  const std::string other = ingress("other", path("/x", "web", "number: 80") + ", " + path("/h", "hl", "number: 80"));
  const Decision decision = decide(kWeb + member("hl", "[{name: http, port: 80}]", "", "clusterIP: None") + ingress("edge", path("/", "web", "number: 80")) + other);
  EXPECT_EQ(annotations(decision, "edge"), kOne);
  EXPECT_EQ(annotations(decision, "other"), "service-upstream=true");
}

TEST(Ingresses, one_that_cannot_follow_keeps_the_others_of_its_upstream_out) {
  for (const char* meta : {"annotations: {meshgraft.io/exclude: \"true\"}", "annotations: {nginx.ingress.kubernetes.io/affinity: cookie}"}) {
    const Decision decision = decide(kWeb + kApi + ingress("edge", path("/", "web", "number: 80")) + ingress("other", path("/x", "web", "number: 80"), meta) +
                                     ingress("third", path("/y", "api", "number: 80")));
    EXPECT_EQ(annotations(decision, "edge"), "") << meta;
    EXPECT_EQ(annotations(decision, "third"), "service-upstream=true upstream-vhost=api.shop.svc.cluster.local") << meta;
    EXPECT_EQ(told(decision).at(0), "MG412 Ingress shop/edge") << meta;
  }
}

TEST(Ingresses, a_backend_that_is_not_there_is_named) {
  const Decision decision = decide(kWeb + ingress("edge", path("/", "web", "number: 80") + ", " + path("/gone", "gone", "number: 80") + ", " + path("/p", "web", "number: 81")));
  EXPECT_EQ(told(decision), (std::vector<std::string>{"MG411 Ingress shop/edge", "MG411 Ingress shop/edge", "MG410 Ingress shop/edge"}));
}

TEST(Ingresses, without_a_member_nothing_is_written) {
  const std::string lonely = "---\napiVersion: v1\nkind: Service\nmetadata: {name: lonely}\nspec: {selector: {app: x}, ports: [{port: 80}]}\n";
  EXPECT_TRUE(decide(lonely + ingress("edge", path("/", "lonely", "number: 80"))).intents.empty());
}

TEST(Ingresses, redirects_are_written_as_the_controllers_version_takes_them) {
  const std::string asked = "annotations: {meshgraft.io/rewrite-redirects: \"true\"}";
  const std::string from = "proxy-redirect-from=http://web.shop.svc.cluster.local/ proxy-redirect-to=";
  const struct {
    const char *version, *spec, *want;
  } rows[] = {
      {"v1.8.1", "", "$scheme://$http_host/ "},
      {"v1.11.5", "", "$scheme://$http_host/ "},
      {"v1.12.1", "", "http://a.example.com/ "},
      {"v1.12.1", "tls: [{hosts: [a.example.com]}]", "https://a.example.com/ "},
      {"latest", "", "http://a.example.com/ "},
      {"v1.13.0", "", "/ relative-redirects=true "},
      {"v1.15.1", "", "/ relative-redirects=true "},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(annotations(decide(kWeb + ingress("edge", path("/", "web", "number: 80"), asked, row.spec), row.version), "edge"), from + row.want + kOne) << row.version;
  }
}

TEST(Ingresses, redirects_of_several_services_or_hosts_are_refused) {
  const std::string asked = "annotations: {meshgraft.io/rewrite-redirects: \"true\"}";
  EXPECT_EQ(told(decide(kWeb + kApi + ingress("edge", path("/", "web", "number: 80") + ", " + path("/api", "api", "number: 80"), asked))),
            (std::vector<std::string>{"MG410 Ingress shop/edge", "MG404 Ingress shop/edge"}));
  std::string two_hosts = ingress("edge", path("/", "web", "number: 80"), asked) + "  - host: b.example.com\n    http: {paths: [" + path("/", "web", "number: 80") + "]}\n";
  EXPECT_EQ(told(decide(kWeb + two_hosts, "v1.12.1")), (std::vector<std::string>{"MG410 Ingress shop/edge", "MG404 Ingress shop/edge"}));
}

TEST(Ingresses, a_controller_that_takes_low_risk_alone_gets_no_redirects) {
  const std::string asked = "annotations: {meshgraft.io/rewrite-redirects: \"true\"}";
  const Decision decision = desired_ingresses(
      Ruling(app_namespace() + gateway("v1.15.1", "", "replicas: 2", "annotations-risk-level: Low") + kWeb + ingress("edge", path("/", "web", "number: 80"), asked)).context());
  EXPECT_EQ(annotations(decision, "edge"), kOne);
  EXPECT_EQ(told(decision), (std::vector<std::string>{"MG410 Ingress shop/edge", "MG407 Ingress shop/edge"}));
}

TEST(Ingresses, a_snippet_that_sets_host_is_named) {
  const Decision decision = decide(kWeb + ingress("edge", path("/", "web", "number: 80"), "annotations: {nginx.ingress.kubernetes.io/server-snippet: \"proxy_set_header Host $host;\"}"));
  EXPECT_EQ(told(decision).at(0), "MG403 Ingress shop/edge");
  EXPECT_EQ(annotations(decision, "edge"), kOne);
}

TEST(Ingresses, where_the_webhook_refuses_every_change_nothing_is_tried) {
  const std::string snippet = "annotations: {nginx.ingress.kubernetes.io/configuration-snippet: \"more_set_headers X;\"}";
  const std::string yaml = kWeb + ingress("edge", path("/", "web", "number: 80"), snippet);
  const Decision strict = decide(yaml, "v1.12.0");
  EXPECT_TRUE(strict.intents.empty());
  EXPECT_EQ(told(strict), std::vector<std::string>{"MG408 Ingress shop/edge"});
  EXPECT_EQ(annotations(decide(yaml, "v1.11.5"), "edge"), kOne);
  const Decision allowed = desired_ingresses(
      Ruling(app_namespace() + gateway("v1.12.0", "", "replicas: 2", "annotations-risk-level: Critical, allow-snippet-annotations: \"true\"") + yaml).context());
  EXPECT_EQ(annotations(allowed, "edge"), kOne);
}

TEST(Ingresses, another_cluster_domain_is_written) {
  Ruling ruling(app_namespace() + gateway() + kWeb + ingress("edge", path("/", "web", "number: 80")));
  ruling.facts.platform.cluster_domain = "k8s.corp";
  EXPECT_EQ(annotations(desired_ingresses(ruling.context()), "edge"), "service-upstream=true upstream-vhost=web.shop.svc.k8s.corp");
}

TEST(IngressValues, the_strictest_validator_is_ours_too) {
  for (const char* good : {"web.shop.svc.cluster.local", "web.shop.svc.cluster.local:80", "$service_name.$namespace.svc.cluster.local"}) EXPECT_TRUE(is_valid_vhost(good)) << good;
  for (const char* bad : {"", "a b", "a;b", "a\"b", "${service_name}", "a\nb"}) EXPECT_FALSE(is_valid_vhost(bad)) << bad;
  for (const char* good : {"/", "http://web.shop.svc.cluster.local/", "https://a.example.com/"}) EXPECT_TRUE(is_valid_url(good)) << good;
  for (const char* bad : {"", "$scheme://$host/", "~*", "a b"}) EXPECT_FALSE(is_valid_url(bad)) << bad;
  for (const char* on : {"true", "True", "1", "t"}) EXPECT_TRUE(is_on(on)) << on;
  for (const char* off : {"yes", "on", "", "false", "tRue"}) EXPECT_FALSE(is_on(off)) << off;
}

}  // namespace
}  // namespace meshgraft
