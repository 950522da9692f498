#include "reconcilers/gateway_facts.h"

#include <algorithm>
#include <charconv>

#include "reconcilers/image.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

const std::string* value_of(const Labels& labels, std::string_view key) {
  const auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

// The value of "--name=value" or "--name value"; nullopt when the flag is absent.
std::optional<std::string> flag(const Container& container, std::string_view name) {
  for (std::size_t i = 0; i < container.args.size(); ++i) {
    const std::string_view arg = container.args[i];
    if (!arg.starts_with(name)) continue;
    const std::string_view rest = arg.substr(name.size());
    if (rest.starts_with('=')) return std::string(rest.substr(1));
    if (!rest.empty()) continue;
    const bool value_follows = i + 1 < container.args.size() && !container.args[i + 1].starts_with('-');
    return value_follows ? container.args[i + 1] : std::string();
  }
  return std::nullopt;
}

int port_or(const std::optional<std::string>& text, int otherwise) {
  if (!text) return otherwise;
  int port = 0;
  std::from_chars(text->data(), text->data() + text->size(), port);
  return port > 0 && port <= 65535 ? port : otherwise;
}

bool is_controller(const Container& container) {
  if (is_image(container.image, "ingress-nginx/controller") || is_image(container.image, "nginx-ingress-controller")) return true;
  return flag(container, "--configmap").has_value() && flag(container, "--controller-class") == std::string(keys::kIngressNginxController);
}

// The names of KubeSphere's gateways: pkg/models/gateway/gateway.go, 3.3.
constexpr std::string_view kRouter = "kubesphere-router-";
constexpr std::string_view kRouterClass = "nginx";

bool switched_on(const Gateway& gateway) {
  const std::string* value = value_of(gateway.deployment_annotations, keys::kGoverned);
  return value != nullptr && *value == "true";
}

bool asks_for_sidecar(const Workload& workload) {
  if (workload.pod.host_network) return false;
  const std::string* label = value_of(workload.pod.labels, keys::kSidecarInject);
  const std::string* annotation = value_of(workload.pod.annotations, keys::kSidecarInject);
  return (label != nullptr && *label == "true") || (annotation != nullptr && *annotation == "true");
}

// The flag's default is true since controller 1.12; before 1.9.1 there is none (recorded: ingress-nginx, section 1).
bool checks_values(const IngressController& controller) {
  return controller.validates.value_or(!controller.version || *controller.version >= Version{1, 12, 0});
}

// What the controller's ConfigMap says about annotations, with the defaults of controller 1.12 where it says nothing,
// and about pages for error codes.
void read_config(const NamespaceView& view, const IngressController& controller, GatewayFacts& facts) {
  if (facts.default_backend.empty()) facts.default_backend = controller.default_backend;
  if (controller.config_map_ns != view.name) return;
  for (const auto& config : view.config_maps) {
    if (config->meta.name != controller.config_map) continue;
    const std::string* level = value_of(config->data, "annotations-risk-level");
    const std::string* snippets = value_of(config->data, "allow-snippet-annotations");
    facts.low_risk_only = facts.low_risk_only || (level != nullptr && *level == "Low");
    facts.snippets_allowed = snippets != nullptr && *snippets == "true" && level != nullptr && *level == "Critical";
    if (const std::string* codes = value_of(config->data, "custom-http-errors"); codes != nullptr) facts.error_codes = *codes;
  }
}

bool opted_in(const NamespaceView& view, const Settings& settings) {
  const std::string* label = value_of(view.ns->meta.labels, keys::kGateway);
  if (label == nullptr || *label != "ingress-nginx") return false;
  return settings.gateway_namespaces.empty() || settings.gateway_namespaces.contains(view.name);
}

}  // namespace

std::optional<IngressController> read_ingress_controller(const Workload& workload) {
  if (workload.kind != Kind::deployment && workload.kind != Kind::daemon_set) return std::nullopt;
  const auto found = std::find_if(workload.pod.containers.begin(), workload.pod.containers.end(), is_controller);
  if (found == workload.pod.containers.end()) return std::nullopt;
  const Container& container = *found;
  IngressController controller;
  controller.container = &container;
  controller.controller_class = flag(container, "--controller-class").value_or(std::string(keys::kIngressNginxController));
  controller.ingress_class = flag(container, "--ingress-class").value_or("nginx");
  if (std::string name = flag(container, "--configmap").value_or(""); !name.empty()) {
    const std::size_t slash = name.find('/');
    std::string ns = slash == std::string::npos ? workload.meta.ns : name.substr(0, slash);
    if (ns == "$(POD_NAMESPACE)") ns = workload.meta.ns;
    controller.config_map_ns = std::move(ns);
    controller.config_map = slash == std::string::npos ? name : name.substr(slash + 1);
  }
  controller.watched_namespace = flag(container, "--watch-namespace").value_or("");
  if (controller.watched_namespace == "$(POD_NAMESPACE)") controller.watched_namespace = workload.meta.ns;
  if (std::string name = flag(container, "--default-backend-service").value_or(""); !name.empty()) {
    if (name.starts_with("$(POD_NAMESPACE)/")) name.replace(0, name.find('/'), workload.meta.ns);
    controller.default_backend = std::move(name);
  }
  if (const auto without = flag(container, "--watch-ingress-without-class")) controller.without_class = *without != "false";
  if (const auto validates = flag(container, "--enable-annotation-validation")) controller.validates = *validates != "false";
  controller.http_port = port_or(flag(container, "--http-port"), 80);
  controller.https_port = port_or(flag(container, "--https-port"), 443);
  if (const auto webhook = flag(container, "--validating-webhook"); webhook && !webhook->empty()) {
    const std::size_t colon = webhook->rfind(':');
    controller.webhook_port = port_or(colon == std::string::npos ? *webhook : webhook->substr(colon + 1), 0);
  }
  controller.kubesphere = workload.meta.name.starts_with(kRouter);
  controller.version = parse_version(image_tag(container.image));
  return controller;
}

std::vector<GatewayFacts> gateways_of(const NamespaceView& view, const std::vector<std::shared_ptr<const IngressClass>>& classes,
                                      const Settings& settings) {
  std::vector<GatewayFacts> found;
  GatewayFacts own;
  own.ns = view.name;
  own.opted_in = opted_in(view, settings);
  bool any = false;
  bool all_in_mesh = true;
  bool validates = false;
  for (const auto& workload : view.workloads) {
    const auto controller = read_ingress_controller(*workload);
    if (!controller || controller->kubesphere) continue;
    for (const auto& ingress_class : classes) {
      if (ingress_class->controller == controller->controller_class) own.classes.insert(ingress_class->meta.name);
    }
    // The flag serves the annotation, and a cluster whose IngressClass objects are not among the input.
    const bool anothers = std::any_of(classes.begin(), classes.end(), [&controller](const auto& ingress_class) {
      return ingress_class->meta.name == controller->ingress_class && ingress_class->controller != controller->controller_class;
    });
    if (!anothers) own.classes.insert(controller->ingress_class);
    own.serves_default = own.serves_default || controller->without_class;
    if (!own.version || (controller->version && *controller->version < *own.version)) own.version = controller->version;
    own.watched_namespace = any && own.watched_namespace != controller->watched_namespace ? "" : controller->watched_namespace;
    validates = validates || checks_values(*controller);
    all_in_mesh = all_in_mesh && asks_for_sidecar(*workload);
    read_config(view, *controller, own);
    any = true;
  }
  if (any) {
    own.in_mesh = all_in_mesh;
    own.validates = validates;
    found.push_back(std::move(own));
  }
  for (const auto& gateway : view.gateways) {
    GatewayFacts facts;
    facts.ns = view.name;
    facts.kubesphere = true;
    facts.name = gateway->meta.name;
    const std::string* excluded = value_of(gateway->meta.annotations, keys::kExclude);
    const bool is_excluded = excluded != nullptr && *excluded == "true";
    if (is_excluded) facts.hold = "its Gateway object carries " + std::string(keys::kExclude);
    facts.switchable = (gateway->version.empty() || gateway->version.starts_with("v1")) && !is_excluded;
    facts.in_mesh = switched_on(*gateway);
    facts.wanted = gateway->watched_namespace.empty() && opted_in(view, settings);
    facts.opted_in = facts.in_mesh || (facts.wanted && facts.switchable);
    facts.classes.insert(std::string(kRouterClass));
    facts.serves_default = true;
    facts.watched_namespace = gateway->watched_namespace;
    for (const auto& workload : view.workloads) {
      if (workload->meta.name != gateway->meta.name) continue;
      if (const auto controller = read_ingress_controller(*workload)) {
        facts.version = controller->version;
        facts.validates = checks_values(*controller);
        read_config(view, *controller, facts);
      }
    }
    found.push_back(std::move(facts));
  }
  return found;
}

bool serves(const GatewayFacts& gateway, std::string_view ns, std::string_view class_name) {
  if (!gateway.watched_namespace.empty() && gateway.watched_namespace != ns) return false;
  return class_name.empty() ? gateway.serves_default : gateway.classes.find(std::string(class_name)) != gateway.classes.end();
}

std::string class_of(const Ingress& ingress, const std::vector<std::shared_ptr<const IngressClass>>& classes) {
  if (!ingress.class_name.empty()) return ingress.class_name;
  if (const std::string* annotation = value_of(ingress.meta.annotations, keys::kIngressClassAnnotation)) return *annotation;
  for (const auto& ingress_class : classes) {
    if (ingress_class->is_default) return ingress_class->meta.name;
  }
  return "";
}

}  // namespace meshgraft
