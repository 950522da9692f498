#include "reconcilers/ports.h"

#include <string>

#include "tests/reconcilers/ruling.h"

namespace meshgraft {
namespace {

using given::app_namespace;
using given::member;
using given::Ruling;
using given::told;

// "80: name=http-web appProtocol=-" of the only intent; "" without one.
std::string written(const Decision& decision) {
  std::string text;
  for (const Intent& intent : decision.intents) {
    for (const PortWish& port : intent.wish.ports) {
      text += (text.empty() ? "" : "; ") + std::to_string(port.port) + ":" + (port.name ? " name=" + *port.name : "") +
              (port.app_protocol ? " appProtocol=" + *port.app_protocol : "");
    }
  }
  return text;
}

TEST(Protocol, istio_reads_appProtocol_before_the_name) {
  const struct {
    const char *name, *app_protocol;
    Protocol protocol;
  } rows[] = {
      {"http", nullptr, Protocol::http},          {"http-web", nullptr, Protocol::http},   {"HTTP-web", nullptr, Protocol::http},
      {"httpweb", nullptr, Protocol::unknown},    {"web-http", nullptr, Protocol::unknown}, {"grpc-web", nullptr, Protocol::grpc},
      {"https-admin", nullptr, Protocol::tcp},    {"redis", nullptr, Protocol::tcp},       {"web", "http", Protocol::http},
      {"http-web", "foo", Protocol::unknown},     {"x", "kubernetes.io/h2c", Protocol::http2}, {"", nullptr, Protocol::unknown},
  };
  for (const auto& row : rows) {
    ServicePort port;
    port.name = row.name;
    if (row.app_protocol != nullptr) port.app_protocol = row.app_protocol;
    EXPECT_EQ(declared_protocol(port), row.protocol) << row.name;
  }
}

TEST(Protocol, kubesphere_reads_names_as_recorded) {
  for (const char* name : {"http", "http-web", "http2-web", "grpc-web", "grpc"}) EXPECT_TRUE(is_http_name(name)) << name;
  for (const char* name : {"", "web", "httpweb", "https-web", "tcp-web", "HTTP"}) EXPECT_FALSE(is_http_name(name)) << name;
}

TEST(ServicePorts, each_kind_of_evidence_gives_its_protocol) {
  const struct {
    const char *what, *ports, *container, *service, *want;
  } rows[] = {
      {"a good name is left", "[{name: http-x, port: 80}]", "", "", ""},
      {"a probe says http", "[{name: main, port: 80, targetPort: 8080}]", "readinessProbe: {httpGet: {path: /, port: 8080}}", "", "80: name=http-main"},
      {"a probe by port name", "[{name: main, port: 80, targetPort: app}]", "ports: [{name: app, containerPort: 8080}], livenessProbe: {httpGet: {path: /, port: app}}", "",
       "80: name=http-main"},
      {"a probe over TLS is no http", "[{name: main, port: 443}]", "readinessProbe: {httpGet: {path: /, port: 443, scheme: HTTPS}}", "", "443: appProtocol=tcp"},
      {"a grpc probe", "[{name: main, port: 9000}]", "readinessProbe: {grpc: {port: 9000}}", "", "9000: name=grpc-main"},
      {"a word of the name", "[{name: web, port: 80}]", "", "", "80: name=http-web"},
      {"a word with digits", "[{name: api8080, port: 8080}]", "", "", "8080: name=http-api8080"},
      {"grpc beats web", "[{name: web-grpc, port: 80}]", "", "", "80: name=grpc-web-grpc"},
      {"a known number", "[{name: db, port: 3306}]", "", "", "3306: appProtocol=tcp"},
      {"a probe beats a known number", "[{name: db, port: 3306}]", "readinessProbe: {httpGet: {path: /, port: 3306}}", "", "3306: name=http-db"},
      {"appProtocol http still needs the name", "[{name: web, port: 80, appProtocol: http}]", "", "", "80: name=http-web"},
      {"appProtocol tcp is left", "[{name: web, port: 80, appProtocol: tcp}]", "", "", ""},
      {"https by name is left", "[{name: https-web, port: 443}]", "", "", ""},
      {"udp is left", "[{name: web, port: 53, protocol: UDP}]", "", "", ""},
      {"an unnamed port", "[{port: 9080}]", "readinessProbe: {httpGet: {path: /, port: 9080}}", "", "9080: name=http-9080"},
      {"a taken name", "[{name: web, port: 80}, {name: http-web, port: 81}]", "", "", "80: name=http-80"},
  };
  for (const auto& row : rows) {
    const Ruling ruling(app_namespace() + member("web", row.ports, row.container, row.service));
    EXPECT_EQ(written(desired_service_ports(ruling.context())), row.want) << row.what;
  }
}

TEST(ServicePorts, without_kubesphere_appProtocol_is_enough) {
  const Ruling ruling(app_namespace() + member("web", "[{name: web, port: 80}, {name: other, port: 81, appProtocol: http}]"), "istio");
  EXPECT_EQ(written(desired_service_ports(ruling.context())), "80: appProtocol=http");
}

TEST(ServicePorts, a_port_that_nothing_tells_about_is_left_and_named) {
  const Ruling ruling(app_namespace() + member("web", "[{name: main, port: 7777}]"));
  const Decision decision = desired_service_ports(ruling.context());
  EXPECT_EQ(written(decision), "");
  EXPECT_EQ(told(decision), std::vector<std::string>{"MG301 Service shop/web"});
  EXPECT_NE(decision.findings[0].remedy.find("meshgraft.io/protocol.7777"), std::string::npos);
}

TEST(ServicePorts, the_owner_may_say_what_a_port_speaks) {
  const std::string yaml = app_namespace() + member("web", "[{name: main, port: 7777}]");
  const auto with = [&yaml](const std::string& value) {
    std::string text = yaml;
    text.replace(text.find("kind: Service\nmetadata: {name: web"), 34, "kind: Service\nmetadata: {annotations: {meshgraft.io/protocol.7777: " + value + "}, name: web");
    return text;
  };
  EXPECT_EQ(written(desired_service_ports(Ruling(with("grpc")).context())), "7777: name=grpc-main");
  EXPECT_EQ(written(desired_service_ports(Ruling(with("tcp")).context())), "7777: appProtocol=tcp");
  EXPECT_EQ(told(desired_service_ports(Ruling(with("soap")).context())), (std::vector<std::string>{"MG304 Service shop/web", "MG301 Service shop/web"}));
}

TEST(ServicePorts, an_unknown_appProtocol_hides_the_name) {
  const Ruling ruling(app_namespace() + member("web", "[{name: http-web, port: 80, appProtocol: soap}]"));
  const Decision decision = desired_service_ports(ruling.context());
  EXPECT_EQ(written(decision), "");
  EXPECT_EQ(told(decision), std::vector<std::string>{"MG303 Service shop/web"});
}

TEST(ServicePorts, an_ingress_that_uses_the_name_is_switched_to_the_number_first) {
  const Ruling ruling(app_namespace() + member("web", "[{name: main, port: 80}]") + given::ingress("edge", given::path("/", "web", "name: main")));
  const Decision decision = desired_service_ports(ruling.context());
  EXPECT_EQ(written(decision), "80: name=http-main");
  ASSERT_EQ(decision.extras.size(), 1U);
  const Change& change = decision.extras[0].change;
  EXPECT_EQ(change.verb, Verb::edit);
  EXPECT_LT(change.stage, decision.intents[0].stage);
  EXPECT_EQ(to_text(change.body),
            R"([{"op":"test","path":"/spec/rules/0/http/paths/0/backend/service/port","value":{"name":"main"}},)"
            R"({"op":"replace","path":"/spec/rules/0/http/paths/0/backend/service/port","value":{"number":80}},)"
            R"({"op":"add","path":"/metadata/annotations","value":{"meshgraft.io/undo":"{\"own\":[\"spec.rules[0].http.paths[0].backend.service.port\"],)"
            R"(\"was\":{\"spec.rules[0].http.paths[0].backend.service.port\":{\"name\":\"main\"}}}"}}])");
  EXPECT_EQ(decision.intents[0].hold, "Ingress edge still uses the name main");
}

TEST(ServicePorts, a_name_that_somebody_would_bring_back_is_kept) {
  const std::string applied = "annotations: {kubectl.kubernetes.io/last-applied-configuration: \"{}\"}";
  for (const std::string& meta : {applied, std::string("labels: {argocd.argoproj.io/instance: x}"), std::string("labels: {helm.toolkit.fluxcd.io/name: x}"),
                                  std::string("annotations: {meta.helm.sh/release-name: x}"), std::string("annotations: {meshgraft.io/exclude: \"true\"}")}) {
    const Ruling ruling(app_namespace() + member("web", "[{name: main, port: 80}]") + given::ingress("edge", given::path("/", "web", "name: main"), meta));
    const Decision decision = desired_service_ports(ruling.context());
    EXPECT_EQ(written(decision), "80: appProtocol=http") << meta;
    EXPECT_TRUE(decision.extras.empty()) << meta;
    EXPECT_EQ(told(decision), std::vector<std::string>{"MG302 Service shop/web"}) << meta;
  }
}

TEST(ServicePorts, an_ingress_says_http_unless_its_backend_protocol_says_otherwise) {
  const auto ports = [](const std::string& meta) {
    const Ruling ruling(app_namespace() + member("web", "[{name: main, port: 80}]") + given::ingress("edge", given::path("/", "web", "number: 80"), meta));
    return written(desired_service_ports(ruling.context()));
  };
  EXPECT_EQ(ports(""), "80: name=http-main");
  EXPECT_EQ(ports("annotations: {nginx.ingress.kubernetes.io/backend-protocol: GRPC}"), "80: name=grpc-main");
  EXPECT_EQ(ports("annotations: {nginx.ingress.kubernetes.io/backend-protocol: HTTPS}"), "80: appProtocol=tcp");
}

const char* const kNacosPods = R"(---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: nacos}
spec:
  selector: {matchLabels: {app: nacos}}
  template: {metadata: {labels: {app: nacos}}, spec: {containers: [{name: nacos, image: "nacos/nacos-server:v2.2.3"}]}}
)";

std::string nacos_service(const std::string& ports) {
  return std::string(kNacosPods) + "---\napiVersion: v1\nkind: Service\nmetadata: {name: nacos-headless}\nspec: {clusterIP: None, selector: {app: nacos}, ports: " + ports + "}\n";
}

TEST(MiddlewarePorts, the_articles_nacos_gets_its_protocols) {
  const Ruling ruling(app_namespace() + nacos_service("[{name: server, port: 8848}, {name: client-rpc, port: 9848}, {name: raft-rpc, port: 9849}, {name: old-raft-rpc, port: 7848}]"));
  const Decision decision = desired_middleware_ports(ruling.context());
  EXPECT_EQ(written(decision), "8848: appProtocol=http; 9848: appProtocol=tcp; 9849: appProtocol=tcp; 7848: appProtocol=tcp");
  ASSERT_EQ(decision.intents.size(), 1U);
  EXPECT_EQ(decision.intents[0].stage, Stage::middleware_ports);
  EXPECT_TRUE(told(decision).empty());
}

TEST(MiddlewarePorts, rpc_ports_are_tcp_whatever_they_said_before) {
  const Ruling ruling(app_namespace() + nacos_service("[{name: http, port: 8848}, {name: grpc-rpc, port: 9848}, {name: tcp-raft, port: 9849}, {name: x, port: 7848, appProtocol: grpc}]"));
  EXPECT_EQ(written(desired_middleware_ports(ruling.context())), "9848: appProtocol=tcp; 7848: appProtocol=tcp");
}

TEST(MiddlewarePorts, nacos_without_a_label_is_given_ports_where_the_chart_and_a_client_name_it) {
  const std::string nacos = [] {
    std::string text = nacos_service("[{name: server, port: 8848}, {name: rpc, port: 9848}]");
    for (const char* name : {"{name: nacos}", "{name: nacos-headless}"}) text.replace(text.find(name), 1, "{namespace: infra, ");
    return text;
  }();
  const std::string client = app_namespace() + member("web", "[{name: http, port: 80}]", "env: [{name: NACOS_ADDR, value: \"nacos-headless.infra:8848\"}]");
  const std::string stranger = app_namespace() + member("web", "[{name: http, port: 80}]", "env: [{name: NACOS_ADDR, value: \"other-nacos-headless.infra:8848\"}]");
  Settings listed;
  listed.nacos_namespaces = {"infra"};
  EXPECT_EQ(written(desired_middleware_ports(Ruling(client + nacos, "kubesphere-3.3", "infra", listed).context())), "8848: appProtocol=http; 9848: appProtocol=tcp");
  EXPECT_EQ(written(desired_middleware_ports(Ruling(client + nacos, "kubesphere-3.3", "infra").context())), "");
  EXPECT_EQ(written(desired_middleware_ports(Ruling(stranger + nacos, "kubesphere-3.3", "infra", listed).context())), "");
}

TEST(MiddlewarePorts, other_middleware_is_tcp_but_for_its_consoles) {
  const std::string yaml = app_namespace() +
                           "---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: mq}\nspec:\n  selector: {matchLabels: {app: mq}}\n"
                           "  template: {metadata: {labels: {app: mq}}, spec: {containers: [{name: mq, image: \"bitnami/rabbitmq:3.12\"}]}}\n"
                           "---\napiVersion: v1\nkind: Service\nmetadata: {name: mq}\nspec: {selector: {app: mq}, ports: [{name: amqp, port: 5672}, {name: stats, port: 15672},"
                           " {name: tcp-epmd, port: 4369}, {name: odd, port: 1234, appProtocol: soap}]}\n";
  const Decision decision = desired_middleware_ports(Ruling(yaml).context());
  EXPECT_EQ(written(decision), "5672: appProtocol=tcp; 15672: appProtocol=http");
  EXPECT_EQ(told(decision), std::vector<std::string>{"MG702 Service shop/mq"});
}

TEST(MiddlewarePorts, an_injected_nacos_is_named) {
  std::string yaml = app_namespace() + nacos_service("[{name: tcp-x, port: 8848}]");
  yaml.replace(yaml.find("metadata: {labels: {app: nacos}}"), 32, "metadata: {labels: {app: nacos}, annotations: {sidecar.istio.io/inject: \"true\"}}");
  EXPECT_EQ(told(desired_middleware_ports(Ruling(yaml).context())), std::vector<std::string>{"MG701 StatefulSet shop/nacos"});
}

TEST(MiddlewarePorts, exclude_turns_it_off) {
  std::string yaml = app_namespace() + nacos_service("[{name: server, port: 8848}]");
  yaml.replace(yaml.find("{name: nacos-headless}"), 22, "{name: nacos-headless, annotations: {meshgraft.io/exclude: \"true\"}}");
  EXPECT_EQ(written(desired_middleware_ports(Ruling(yaml).context())), "");
}

}  // namespace
}  // namespace meshgraft
