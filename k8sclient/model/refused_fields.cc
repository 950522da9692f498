// Sources: k8s.io/apimachinery/pkg/util/validation (names, labels), kubernetes pkg/apis/{core,apps,networking}/validation.

#include "k8sclient/model/refused_fields.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "k8sclient/model/field_path.h"

namespace meshgraft {
namespace {

constexpr std::size_t kLabelSize = 63, kSubdomainSize = 253, kPortNameSize = 15;
constexpr int kLastPort = 65535;

bool is_small(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_small(c) || is_digit(c); }
bool is_any_alnum(char c) { return is_alnum(c) || (c >= 'A' && c <= 'Z'); }

// DNS-1123 label, without its bound of size.
bool is_label_text(std::string_view text) {
  return !text.empty() && is_alnum(text.front()) && is_alnum(text.back()) && std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-'; });
}
bool is_label(std::string_view text) { return text.size() <= kLabelSize && is_label_text(text); }

// Calls `good` for every part of `text` between dots.
template <typename Good>
bool each_part(std::string_view text, Good good) {
  for (;;) {
    const std::size_t dot = text.find('.');
    if (!good(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_subdomain(std::string_view text) { return text.size() <= kSubdomainSize && each_part(text, is_label_text); }

bool is_ip_v4(std::string_view text) {
  int parts = 0;
  return each_part(text, [&parts](std::string_view part) { return ++parts <= 4 && part.size() <= 3 && std::all_of(part.begin(), part.end(), is_digit); }) && parts == 4;
}

// The name part of a key, and a label's value: "" is a value.
bool is_name_text(std::string_view text) {
  return text.size() <= kLabelSize && is_any_alnum(text.front()) && is_any_alnum(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_any_alnum(c) || c == '-' || c == '_' || c == '.'; });
}
bool is_label_value(std::string_view text) { return text.empty() || is_name_text(text); }

bool is_key(std::string_view text, bool of_annotation) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    std::string prefix(text.substr(0, slash));
    // ValidateAnnotations looks at the key in small letters.
    if (of_annotation) std::transform(prefix.begin(), prefix.end(), prefix.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (!is_subdomain(prefix)) return false;
    text.remove_prefix(slash + 1);
  }
  return !text.empty() && is_name_text(text);
}

// IANA_SVC_NAME: the name of a container port, and of what a targetPort or an Ingress asks for.
bool is_port_name(std::string_view text) {
  return text.size() <= kPortNameSize && is_label_text(text) && text.find("--") == std::string_view::npos && std::any_of(text.begin(), text.end(), is_small);
}

bool is_protocol(std::string_view text) { return text == "TCP" || text == "UDP" || text == "SCTP"; }
bool is_port(int number) { return number >= 1 && number <= kLastPort; }

std::string named(std::string_view text) { return '"' + std::string(text) + '"'; }

constexpr std::string_view kLabelRule = "at most 63 of a-z, 0-9 and -, no - at either end";
constexpr std::string_view kValueRule = "at most 63 letters, digits, '-', '_' and '.', a letter or digit at either end";
constexpr std::string_view kPortNameRule = "at most 15 of a-z, 0-9 and -, one of them a letter";
constexpr std::string_view kPortRule = "1 to 65535 are";

// Looks at one document; lives for one call.
class Inspection {
 public:
  explicit Inspection(const Document& document) : document_(document), object_(*document.object) {}

  std::vector<RefusedField> take() {
    look_at_metadata();
    if (const Workload* workload = as<Workload>(&object_); workload != nullptr) look_at_workload(*workload);
    if (const Service* service = as<Service>(&object_); service != nullptr) look_at_service(*service);
    if (const Ingress* ingress = as<Ingress>(&object_); ingress != nullptr) look_at_ingress(*ingress);
    return std::move(refused_);
  }

 private:
  void refuse(std::string path, std::string why) { refused_.push_back({std::move(path), std::move(why)}); }

  void look_at_metadata() {
    const Meta& meta = object_.meta;
    if (object_.kind == Kind::namespace_ || object_.kind == Kind::service) {
      if (!is_label(meta.name)) refuse("metadata.name", named(meta.name) + " is no name of a " + std::string(info(object_.kind).name) + ": " + std::string(kLabelRule));
    } else if (!is_subdomain(meta.name)) {
      refuse("metadata.name", named(meta.name) + " is no name: at most 253 of a-z, 0-9, '-' and '.', a letter or digit at either end of each part");
    }
    if (!meta.ns.empty() && !is_label(meta.ns)) refuse("metadata.namespace", named(meta.ns) + " is no name of a namespace: " + std::string(kLabelRule));
    look_at_labels("metadata.labels", meta.labels);
    look_at_annotations("metadata.annotations", meta.annotations);
  }

  void look_at_key(const std::string& path, std::string_view key, bool of_annotation = false) {
    if (!is_key(key, of_annotation)) refuse(field_path(path, key), named(key) + " is no key: an optional DNS name and '/', then " + std::string(kValueRule));
  }

  void look_at_labels(const std::string& path, const Labels& labels) {
    for (const auto& [key, value] : labels) {
      look_at_key(path, key);
      if (!is_label_value(value)) refuse(field_path(path, key), named(value) + " is no value of a label: " + std::string(kValueRule));
    }
  }

  void look_at_annotations(const std::string& path, const Labels& annotations) {
    for (const auto& [key, value] : annotations) look_at_key(path, key, true);
  }

  void look_at_workload(const Workload& workload) {
    if (workload.kind != Kind::daemon_set && workload.replicas < 0) refuse("spec.replicas", std::to_string(workload.replicas) + " is less than 0");
    look_at_labels("spec.selector.matchLabels", workload.selector.match_labels);
    look_at_labels("spec.template.metadata.labels", workload.pod.labels);
    look_at_annotations("spec.template.metadata.annotations", workload.pod.annotations);
    look_at_selector(workload);
    std::set<std::string_view> names;
    look_at_containers("spec.template.spec.initContainers", workload.pod.init_containers, workload.pod.host_network, names);
    look_at_containers("spec.template.spec.containers", workload.pod.containers, workload.pod.host_network, names);
  }

  // Groups before apps/v1 took what was missing from the template.
  void look_at_selector(const Workload& workload) {
    const auto version = document_.json.find("apiVersion");
    if (version == document_.json.end() || *version != "apps/v1") return;
    if (workload.selector.match_labels.empty() && workload.selector.expressions.empty()) {
      return refuse("spec.selector", "there is none, and it cannot be empty");
    }
    if (!workload.selector.matches(workload.pod.labels)) refuse("spec.template.metadata.labels", "the labels of the pods do not match spec.selector");
  }

  void look_at_containers(const std::string& path, const std::vector<Container>& containers, bool host_network, std::set<std::string_view>& names) {
    for (std::size_t i = 0; i < containers.size(); ++i) {
      const Container& container = containers[i];
      const std::string at = field_path(path, i);
      if (!is_label(container.name)) {
        refuse(field_path(at, "name"), container.name.empty() ? "the container has no name" : named(container.name) + " is no name of a container: " + std::string(kLabelRule));
      } else if (!names.insert(container.name).second) {
        refuse(field_path(at, "name"), named(container.name) + " names two containers");
      }
      if (container.image.empty()) refuse(field_path(at, "image"), "the container has no image");
      look_at_container_ports(field_path(at, "ports"), container.ports, host_network);
    }
  }

  void look_at_protocol(const std::string& at, std::string_view protocol) {
    if (!is_protocol(protocol)) refuse(field_path(at, "protocol"), named(protocol) + " is no protocol: TCP, UDP and SCTP are");
  }

  void look_at_container_ports(const std::string& path, const std::vector<ContainerPort>& ports, bool host_network) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < ports.size(); ++i) {
      const ContainerPort& port = ports[i];
      const std::string at = field_path(path, i);
      if (!port.name.empty()) look_at_port_name(field_path(at, "name"), port.name);
      if (!port.name.empty() && !names.insert(port.name).second) refuse(field_path(at, "name"), named(port.name) + " names two ports of the container");
      if (!is_port(port.container_port)) refuse(field_path(at, "containerPort"), std::to_string(port.container_port) + " is no port: " + std::string(kPortRule));
      look_at_protocol(at, port.protocol);
      if (port.host_port == 0) continue;
      if (!is_port(port.host_port)) {
        refuse(field_path(at, "hostPort"), std::to_string(port.host_port) + " is no port: " + std::string(kPortRule));
      } else if (host_network && port.host_port != port.container_port) {
        refuse(field_path(at, "hostPort"), "with hostNetwork it must be the containerPort, " + std::to_string(port.container_port));
      }
    }
  }

  void look_at_port_name(const std::string& path, std::string_view name) {
    if (!is_port_name(name)) refuse(path, named(name) + " is no name of a container port: " + std::string(kPortNameRule));
  }

  void look_at_service(const Service& service) {
    look_at_labels("spec.selector", service.selector);
    if (service.ports.empty() && !service.headless() && !service.external_name()) refuse("spec.ports", "there is none");
    std::set<std::string_view> names;
    std::set<std::pair<std::string_view, int>> numbers;
    for (std::size_t i = 0; i < service.ports.size(); ++i) {
      const ServicePort& port = service.ports[i];
      const std::string at = field_path("spec.ports", i);
      if (port.name.empty()) {
        if (service.ports.size() > 1) refuse(field_path(at, "name"), "there is none, and a Service of several ports must name each");
      } else if (!is_label(port.name)) {
        refuse(field_path(at, "name"), named(port.name) + " is no name of a port: " + std::string(kLabelRule));
      } else if (!names.insert(port.name).second) {
        refuse(field_path(at, "name"), named(port.name) + " names two ports of the Service");
      }
      look_at_protocol(at, port.protocol);
      if (!is_port(port.port)) {
        refuse(field_path(at, "port"), std::to_string(port.port) + " is no port: " + std::string(kPortRule));
      } else if (!numbers.emplace(port.protocol, port.port).second) {
        refuse(at, "port " + std::to_string(port.port) + " stands there twice for " + port.protocol);
      }
      look_at_target(field_path(at, "targetPort"), port.target_port);
      if (port.app_protocol && !port.app_protocol->empty() && !is_key(*port.app_protocol, false)) {
        refuse(field_path(at, "appProtocol"), named(*port.app_protocol) + " is no protocol's name: " + std::string(kValueRule));
      }
    }
  }

  void look_at_target(const std::string& path, const IntOrString& target) {
    if (target.is_text()) return look_at_port_name(path, target.text);
    if (target.is_set() && !target.zero && !is_port(target.number)) refuse(path, std::to_string(target.number) + " is no port: " + std::string(kPortRule));
  }

  void look_at_ingress(const Ingress& ingress) {
    if (ingress.rules.empty() && !ingress.default_backend) refuse("spec", "there are neither rules nor a defaultBackend");
    if (ingress.default_backend && !ingress.old_version) look_at_backend("spec.defaultBackend", *ingress.default_backend);
    for (std::size_t i = 0; i < ingress.rules.size(); ++i) {
      const IngressRule& rule = ingress.rules[i];
      const std::string at = field_path("spec.rules", i);
      look_at_host(field_path(at, "host"), rule.host);
      for (std::size_t j = 0; j < rule.paths.size(); ++j) look_at_path(field_path(join_paths(at, "http.paths"), j), rule.paths[j], ingress.old_version);
    }
  }

  void look_at_host(const std::string& path, std::string_view host) {
    if (host.empty()) return;
    if (is_ip_v4(host)) return refuse(path, named(host) + " is an address: a host is a DNS name");
    if (!is_subdomain(host.starts_with("*.") ? host.substr(2) : host)) refuse(path, named(host) + " is no host: a DNS name of a-z, 0-9, '-' and '.', or *. and one");
  }

  void look_at_path(const std::string& at, const IngressPath& path, bool old_version) {
    const bool plain = path.path_type == "Exact" || path.path_type == "Prefix";
    if (path.path_type.empty()) {
      if (!old_version) refuse(field_path(at, "pathType"), "there is none: Exact, Prefix or ImplementationSpecific");
    } else if (!plain && path.path_type != "ImplementationSpecific") {
      refuse(field_path(at, "pathType"), named(path.path_type) + " is none: Exact, Prefix or ImplementationSpecific");
    }
    if ((plain || !path.path.empty()) && !path.path.starts_with('/')) refuse(field_path(at, "path"), named(path.path) + " does not begin with /");
    if (!old_version) look_at_backend(field_path(at, "backend"), path.backend);
  }

  // One that is a resource names no Service, and is not looked at.
  void look_at_backend(const std::string& at, const IngressBackend& backend) {
    if (backend.service.empty()) return;
    const std::string path = join_paths(at, "service.port");
    if (!is_label(backend.service)) refuse(join_paths(at, "service.name"), named(backend.service) + " is no name of a Service: " + std::string(kLabelRule));
    if (backend.port != 0 && !backend.port_name.empty()) return refuse(path, "it has both a name and a number");
    if (!backend.port_name.empty()) return look_at_port_name(field_path(path, "name"), backend.port_name);
    if (backend.port == 0) return refuse(path, "it has neither a name nor a number");
    if (!is_port(backend.port)) refuse(field_path(path, "number"), std::to_string(backend.port) + " is no port: " + std::string(kPortRule));
  }

  const Document& document_;
  const Object& object_;
  std::vector<RefusedField> refused_;
};

}  // namespace

std::vector<RefusedField> refused_fields(const Document& document) {
  if (document.object == nullptr || document.object->kind == Kind::other) return {};
  return Inspection(document).take();
}

}  // namespace meshgraft
