#include "reconcilers/after_field.h"

#include <charconv>

#include "k8sclient/model/json_read.h"

namespace meshgraft {
namespace {

bool take(std::string_view& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  path.remove_prefix(prefix.size());
  return true;
}

// Cuts "/<number>" from the front; -1 when there is none.
int take_index(std::string_view& path) {
  int index = -1;
  if (!path.starts_with('/')) return -1;
  const auto [end, error] = std::from_chars(path.data() + 1, path.data() + path.size(), index);
  if (error != std::errc{}) return -1;
  path.remove_prefix(static_cast<std::size_t>(end - path.data()));
  return index;
}

void set_label(std::string_view token, const Json* value, Labels& labels) {
  if (value == nullptr) {
    labels.erase(key_of_step(token));
  } else if (const std::string* text = value->get_ptr<const std::string*>(); text != nullptr) {
    labels[key_of_step(token)] = *text;
  }
}

std::string text_or_nothing(const Json* value) {
  const std::string* text = value == nullptr ? nullptr : value->get_ptr<const std::string*>();
  return text == nullptr ? "" : *text;
}

int number_or_nothing(const Json* value) {
  return value != nullptr && value->is_number_integer() ? value->get<int>() : 0;
}

IntOrString int_or_text(const Json* value) {
  IntOrString read;
  read.text = text_or_nothing(value);
  read.number = number_or_nothing(value);
  read.zero = value != nullptr && value->is_number_integer() && read.number == 0;
  return read;
}

void set_in_template(std::string_view path, const Json* value, PodTemplate& pod) {
  if (take(path, "/metadata/labels/")) return set_label(path, value, pod.labels);
  if (take(path, "/metadata/annotations/")) return set_label(path, value, pod.annotations);
  if (path == "/spec/hostNetwork") {
    pod.host_network = value != nullptr && value->is_boolean() && value->get<bool>();
  } else if (path == "/spec/dnsPolicy") {
    pod.dns_policy = text_or_nothing(value);
  } else if (const bool init = path.starts_with("/spec/initContainers"); take(path, init ? "/spec/initContainers" : "/spec/containers")) {
    std::vector<Container>& containers = init ? pod.init_containers : pod.containers;
    const int container = take_index(path);
    if (container < 0 || static_cast<std::size_t>(container) >= containers.size()) return;
    Container& one = containers[static_cast<std::size_t>(container)];
    if (path == "/image") one.image = text_or_nothing(value);
    if (!take(path, "/ports")) return;
    std::vector<ContainerPort>& ports = one.ports;
    const int port = take_index(path);
    if (port < 0 || static_cast<std::size_t>(port) >= ports.size() || path != "/hostPort") return;
    ports[static_cast<std::size_t>(port)].host_port = number_or_nothing(value);
  }
}

void set_rolling_update(const Json* value, Workload& workload) {
  workload.max_unavailable = int_or_text(value == nullptr ? nullptr : value_at(*value, "/maxUnavailable"));
  workload.max_surge = int_or_text(value == nullptr ? nullptr : value_at(*value, "/maxSurge"));
}

void set_port(std::string_view path, const Json* value, Service& service) {
  const int index = take_index(path);
  if (index < 0 || static_cast<std::size_t>(index) >= service.ports.size()) return;
  ServicePort& port = service.ports[static_cast<std::size_t>(index)];
  if (path == "/name") {
    port.name = text_or_nothing(value);
  } else if (path == "/appProtocol") {
    port.app_protocol = value == nullptr ? std::nullopt : std::optional(text_or_nothing(value));
  }
}

}  // namespace

void set_field(std::string_view path, const Json* value, Object& object) {
  if (take(path, "/metadata/labels/")) return set_label(path, value, object.meta.labels);
  if (take(path, "/metadata/annotations/")) return set_label(path, value, object.meta.annotations);
  switch (object.kind) {
    case Kind::deployment:
    case Kind::stateful_set:
    case Kind::daemon_set: {
      Workload& workload = static_cast<Workload&>(object);
      if (take(path, "/spec/template")) return set_in_template(path, value, workload.pod);
      if (path == "/spec/strategy/rollingUpdate" || path == "/spec/updateStrategy/rollingUpdate") set_rolling_update(value, workload);
      return;
    }
    case Kind::service:
      if (take(path, "/spec/ports")) set_port(path, value, static_cast<Service&>(object));
      return;
    case Kind::strategy:
      if (path == "/spec/governor") static_cast<Strategy&>(object).governor = text_or_nothing(value);
      return;
    case Kind::autoscaler:
      if (path == "/spec/scaleTargetRef/name") static_cast<Autoscaler&>(object).target_name = text_or_nothing(value);
      return;
    case Kind::config_map:
      if (take(path, "/data/")) set_label(path, value, static_cast<ConfigMap&>(object).data);
      return;
    case Kind::gateway:
      if (take(path, "/spec/deployment/annotations/")) return set_label(path, value, static_cast<Gateway&>(object).deployment_annotations);
      if (take(path, "/spec/controller/config/")) set_label(path, value, static_cast<Gateway&>(object).controller_config);
      return;
    default:
      return;
  }
}

}  // namespace meshgraft
