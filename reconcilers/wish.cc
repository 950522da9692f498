#include "reconcilers/wish.h"

#include <algorithm>

namespace meshgraft {
namespace {

bool holds(const Labels& wanted, const Labels& live) { return is_subset(wanted, live); }

bool holds(const PortWish& wanted, const Service& service) {
  return std::any_of(service.ports.begin(), service.ports.end(), [&wanted](const ServicePort& port) {
    return port.port == wanted.port && port.protocol == wanted.protocol &&
           (!wanted.name || *wanted.name == port.name) &&
           (!wanted.app_protocol || wanted.app_protocol == port.app_protocol);
  });
}

bool holds(const HostPortWish& wanted, const PodTemplate& pod) {
  return std::any_of(pod.containers.begin(), pod.containers.end(), [&wanted](const Container& container) {
    return container.name == wanted.container &&
           std::any_of(container.ports.begin(), container.ports.end(), [&wanted](const ContainerPort& port) {
             return port.container_port == wanted.container_port && port.protocol == wanted.protocol &&
                    port.host_port == wanted.host_port;
           });
  });
}

bool is_number(const IntOrString& value, int number) {
  return value.is_set() && !value.is_text() && value.number == number;
}

bool holds(const Wish& wish, const Workload& workload) {
  const PodTemplate& pod = workload.pod;
  if (!holds(wish.pod_labels, pod.labels) || !holds(wish.pod_annotations, pod.annotations)) return false;
  if (wish.host_network && *wish.host_network != pod.host_network) return false;
  if (wish.dns_policy && *wish.dns_policy != pod.dns_policy) return false;
  if (wish.rolling_update && !(is_number(workload.max_unavailable, wish.rolling_update->max_unavailable) &&
                               is_number(workload.max_surge, wish.rolling_update->max_surge))) {
    return false;
  }
  return std::all_of(wish.host_ports.begin(), wish.host_ports.end(),
                     [&pod](const HostPortWish& port) { return holds(port, pod); });
}

void add(Labels& base, const Labels& over) { base.insert(over.begin(), over.end()); }

bool same_key(const PortWish& a, const PortWish& b) { return a.port == b.port && a.protocol == b.protocol; }
bool same_key(const HostPortWish& a, const HostPortWish& b) {
  return a.container == b.container && a.container_port == b.container_port && a.protocol == b.protocol;
}

void add(std::vector<PortWish>& base, const std::vector<PortWish>& over) {
  for (const PortWish& port : over) {
    const auto found =
        std::find_if(base.begin(), base.end(), [&port](const PortWish& other) { return same_key(port, other); });
    if (found == base.end()) {
      base.push_back(port);
    } else {
      if (!found->name) found->name = port.name;
      if (!found->app_protocol) found->app_protocol = port.app_protocol;
    }
  }
}

void add(std::vector<HostPortWish>& base, const std::vector<HostPortWish>& over) {
  for (const HostPortWish& port : over) {
    if (std::none_of(base.begin(), base.end(), [&port](const HostPortWish& other) { return same_key(port, other); }))
      base.push_back(port);
  }
}

}  // namespace

bool Wish::touches_template() const {
  return !pod_labels.empty() || !pod_annotations.empty() || host_network || dns_policy || !host_ports.empty();
}

bool satisfied(const Wish& wish, const Object& object) {
  if (!holds(wish.labels, object.meta.labels) || !holds(wish.annotations, object.meta.annotations)) return false;
  if (const Workload* workload = as<Workload>(&object); workload != nullptr) {
    if (!holds(wish, *workload)) return false;
  } else if (wish.touches_template() || wish.rolling_update) {
    return false;
  }
  if (!wish.ports.empty()) {
    const Service* service = as<Service>(&object);
    if (service == nullptr) return false;
    for (const PortWish& port : wish.ports) {
      if (!holds(port, *service)) return false;
    }
  }
  if (!wish.gateway_annotations.empty() || !wish.gateway_config.empty()) {
    const Gateway* gateway = as<Gateway>(&object);
    if (gateway == nullptr || !holds(wish.gateway_annotations, gateway->deployment_annotations) ||
        !holds(wish.gateway_config, gateway->controller_config)) {
      return false;
    }
  }
  if (!wish.data.empty()) {
    const ConfigMap* config = as<ConfigMap>(&object);
    if (config == nullptr || !holds(wish.data, config->data)) return false;
  }
  return true;
}

Wish merged(Wish base, const Wish& over) {
  add(base.labels, over.labels);
  add(base.annotations, over.annotations);
  add(base.pod_labels, over.pod_labels);
  add(base.pod_annotations, over.pod_annotations);
  if (!base.host_network) base.host_network = over.host_network;
  if (!base.dns_policy) base.dns_policy = over.dns_policy;
  add(base.host_ports, over.host_ports);
  if (!base.rolling_update) base.rolling_update = over.rolling_update;
  add(base.ports, over.ports);
  add(base.data, over.data);
  add(base.gateway_annotations, over.gateway_annotations);
  add(base.gateway_config, over.gateway_config);
  return base;
}

}  // namespace meshgraft
