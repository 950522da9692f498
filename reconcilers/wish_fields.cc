// The fields of a wish one by one, under the paths that undo records and messages use.

#include <algorithm>
#include <charconv>
#include <utility>

#include "reconcilers/wish.h"

namespace meshgraft {
namespace {

std::string in(std::string_view place, std::string_view key) {
  return std::string(place) + "[" + std::string(key) + "]";
}

std::string port_key(int port, std::string_view protocol) { return std::to_string(port) + "/" + std::string(protocol); }

std::string strategy_path(const Object& object) {
  return object.kind == Kind::deployment ? "spec.strategy.rollingUpdate" : "spec.updateStrategy.rollingUpdate";
}

constexpr std::string_view kLabels = "metadata.labels";
constexpr std::string_view kAnnotations = "metadata.annotations";
constexpr std::string_view kPodLabels = "spec.template.metadata.labels";
constexpr std::string_view kPodAnnotations = "spec.template.metadata.annotations";
constexpr std::string_view kHostNetwork = "spec.template.spec.hostNetwork";
constexpr std::string_view kDnsPolicy = "spec.template.spec.dnsPolicy";
constexpr std::string_view kContainers = "spec.template.spec.containers";
constexpr std::string_view kPorts = "spec.ports";
constexpr std::string_view kData = "data";
constexpr std::string_view kGatewayAnnotations = "spec.deployment.annotations";
constexpr std::string_view kGatewayConfig = "spec.controller.config";

Json as_json(const IntOrString& value) {
  if (value.is_text()) return value.text;
  return value.number;
}

void add_labels(std::string_view place, const Labels& wanted, const Labels* live, std::vector<FieldState>& fields) {
  for (const auto& [key, value] : wanted) {
    FieldState field{in(place, key), std::nullopt, value};
    if (live != nullptr) {
      if (const Labels::const_iterator found = live->find(key); found != live->end()) field.live = found->second;
    }
    fields.push_back(std::move(field));
  }
}

const ContainerPort* find_port(const PodTemplate& pod, std::string_view name, int number, std::string_view protocol) {
  for (const Container& container : pod.containers) {
    if (container.name != name) continue;
    for (const ContainerPort& port : container.ports) {
      if (port.container_port == number && port.protocol == protocol) return &port;
    }
  }
  return nullptr;
}

const ServicePort* find_port(const Service& service, int number, std::string_view protocol) {
  for (const ServicePort& port : service.ports) {
    if (port.port == number && port.protocol == protocol) return &port;
  }
  return nullptr;
}

void add_pod(const Wish& wish, const Object& object, std::vector<FieldState>& fields) {
  const Workload* workload = as<Workload>(&object);
  add_labels(kPodLabels, wish.pod_labels, workload == nullptr ? nullptr : &workload->pod.labels, fields);
  add_labels(kPodAnnotations, wish.pod_annotations, workload == nullptr ? nullptr : &workload->pod.annotations, fields);
  if (wish.host_network) {
    FieldState field{std::string(kHostNetwork), std::nullopt, *wish.host_network};
    if (workload != nullptr) field.live = workload->pod.host_network;
    fields.push_back(std::move(field));
  }
  if (wish.dns_policy) {
    FieldState field{std::string(kDnsPolicy), std::nullopt, *wish.dns_policy};
    if (workload != nullptr && !workload->pod.dns_policy.empty()) field.live = workload->pod.dns_policy;
    fields.push_back(std::move(field));
  }
  for (const HostPortWish& port : wish.host_ports) {
    FieldState field{
        in(kContainers, port.container) + "." + in("ports", port_key(port.container_port, port.protocol)) + ".hostPort",
        std::nullopt, port.host_port};
    const ContainerPort* live =
        workload == nullptr ? nullptr : find_port(workload->pod, port.container, port.container_port, port.protocol);
    if (live != nullptr && live->host_port != 0) field.live = live->host_port;
    fields.push_back(std::move(field));
  }
  if (wish.rolling_update) {
    FieldState field{
        strategy_path(object), std::nullopt,
        Json{{"maxUnavailable", wish.rolling_update->max_unavailable}, {"maxSurge", wish.rolling_update->max_surge}}};
    if (workload != nullptr && (workload->max_unavailable.is_set() || workload->max_surge.is_set())) {
      Json live = Json::object();
      if (workload->max_unavailable.is_set()) live["maxUnavailable"] = as_json(workload->max_unavailable);
      if (workload->max_surge.is_set()) live["maxSurge"] = as_json(workload->max_surge);
      field.live = std::move(live);
    }
    fields.push_back(std::move(field));
  }
}

void add_ports(const Wish& wish, const Object& object, std::vector<FieldState>& fields) {
  const Service* service = as<Service>(&object);
  for (const PortWish& port : wish.ports) {
    const ServicePort* live = service == nullptr ? nullptr : find_port(*service, port.port, port.protocol);
    const std::string element = in(kPorts, port_key(port.port, port.protocol));
    if (port.name) {
      FieldState field{element + ".name", std::nullopt, *port.name};
      if (live != nullptr && !live->name.empty()) field.live = live->name;
      fields.push_back(std::move(field));
    }
    if (port.app_protocol) {
      FieldState field{element + ".appProtocol", std::nullopt, *port.app_protocol};
      if (live != nullptr && live->app_protocol) field.live = *live->app_protocol;
      fields.push_back(std::move(field));
    }
  }
}

// --- paths read back ---

// Cuts "place[key]" from the front of `path`; nullopt when it does not start so.
std::optional<std::string> take(std::string_view& path, std::string_view place) {
  if (!path.starts_with(place) || path.size() <= place.size() || path[place.size()] != '[') return std::nullopt;
  const std::size_t start = place.size() + 1;
  const std::size_t end = path.find(']', start);
  if (end == std::string_view::npos) return std::nullopt;
  std::string key(path.substr(start, end - start));
  path.remove_prefix(end + 1);
  return key;
}

// "80/TCP" as number and protocol; 0 when it is none.
std::pair<int, std::string> read_port_key(std::string_view key) {
  const std::size_t slash = key.find('/');
  if (slash == std::string_view::npos) return {0, ""};
  int port = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + slash, port);
  if (error != std::errc{} || end != key.data() + slash) return {0, ""};
  return {port, std::string(key.substr(slash + 1))};
}

void latch_label(const Labels& live, const std::string& key, Labels& into) {
  if (const Labels::const_iterator found = live.find(key); found != live.end()) into.emplace(key, found->second);
}

PortWish& port_wish(Wish& wish, int port, const std::string& protocol) {
  const auto found = std::find_if(wish.ports.begin(), wish.ports.end(), [&](const PortWish& other) {
    return other.port == port && other.protocol == protocol;
  });
  if (found != wish.ports.end()) return *found;
  wish.ports.push_back(PortWish{port, protocol, std::nullopt, std::nullopt});
  return wish.ports.back();
}

void latch_service(const Service& service, std::string_view path, Wish& wish) {
  const std::optional<std::string> key = take(path, kPorts);
  if (!key) return;
  const auto [number, protocol] = read_port_key(*key);
  const ServicePort* live = find_port(service, number, protocol);
  if (live == nullptr) return;
  if (path == ".name" && !live->name.empty()) port_wish(wish, number, protocol).name = live->name;
  if (path == ".appProtocol" && live->app_protocol) port_wish(wish, number, protocol).app_protocol = live->app_protocol;
}

void latch_workload(const Workload& workload, std::string_view path, Wish& wish) {
  const PodTemplate& pod = workload.pod;
  if (const std::optional<std::string> key = take(path, kPodLabels))
    return latch_label(pod.labels, *key, wish.pod_labels);
  if (const std::optional<std::string> key = take(path, kPodAnnotations))
    return latch_label(pod.annotations, *key, wish.pod_annotations);
  if (path == kHostNetwork) {
    wish.host_network = pod.host_network;
  } else if (path == kDnsPolicy) {
    if (!pod.dns_policy.empty()) wish.dns_policy = pod.dns_policy;
  } else if (path == strategy_path(workload)) {
    // Written as numbers by us; percentages are somebody else's by now.
    if (!workload.max_unavailable.is_text() && !workload.max_surge.is_text() && workload.max_surge.is_set()) {
      wish.rolling_update = RollingUpdate{workload.max_unavailable.number, workload.max_surge.number};
    }
  } else if (const std::optional<std::string> container = take(path, kContainers)) {
    if (!path.starts_with(".")) return;
    path.remove_prefix(1);
    const std::optional<std::string> key = take(path, "ports");
    if (!key || path != ".hostPort") return;
    const auto [number, protocol] = read_port_key(*key);
    const ContainerPort* live = find_port(pod, *container, number, protocol);
    if (live != nullptr && live->host_port != 0)
      wish.host_ports.push_back({*container, number, protocol, live->host_port});
  }
}

}  // namespace

std::vector<FieldState> compare(const Wish& wish, const Object& object) {
  std::vector<FieldState> fields;
  add_labels(kLabels, wish.labels, &object.meta.labels, fields);
  add_labels(kAnnotations, wish.annotations, &object.meta.annotations, fields);
  add_pod(wish, object, fields);
  add_ports(wish, object, fields);
  const ConfigMap* config = as<ConfigMap>(&object);
  add_labels(kData, wish.data, config == nullptr ? nullptr : &config->data, fields);
  const Gateway* gateway = as<Gateway>(&object);
  add_labels(kGatewayAnnotations, wish.gateway_annotations, gateway == nullptr ? nullptr : &gateway->deployment_annotations, fields);
  add_labels(kGatewayConfig, wish.gateway_config, gateway == nullptr ? nullptr : &gateway->controller_config, fields);
  return fields;
}

Wish latched(const Record& record, const Object& object) {
  Wish wish;
  for (const std::string& owned : record.own) {
    std::string_view path = owned;
    if (const std::optional<std::string> label = take(path, kLabels)) {
      latch_label(object.meta.labels, *label, wish.labels);
    } else if (const std::optional<std::string> annotation = take(path, kAnnotations)) {
      latch_label(object.meta.annotations, *annotation, wish.annotations);
    } else if (const Workload* workload = as<Workload>(&object); workload != nullptr) {
      latch_workload(*workload, path, wish);
    } else if (const Service* service = as<Service>(&object); service != nullptr) {
      latch_service(*service, path, wish);
    } else if (const ConfigMap* config = as<ConfigMap>(&object); config != nullptr) {
      if (const std::optional<std::string> key = take(path, kData)) latch_label(config->data, *key, wish.data);
    } else if (const Gateway* gateway = as<Gateway>(&object); gateway != nullptr) {
      if (const std::optional<std::string> switched = take(path, kGatewayAnnotations)) {
        latch_label(gateway->deployment_annotations, *switched, wish.gateway_annotations);
      } else if (const std::optional<std::string> key = take(path, kGatewayConfig)) {
        latch_label(gateway->controller_config, *key, wish.gateway_config);
      }
    }
  }
  return wish;
}

}  // namespace meshgraft
