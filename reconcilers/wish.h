#pragma once
// Wish: the fields that rules want one object to hold. Rules build it; plan merges the wishes of an object, asks
// whether the live object holds them already, and turns the rest into the body of one apply. Knows nothing of why.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconcilers/record.h"
#include "reconcilers/types.h"

namespace meshgraft {

struct PortWish {  // of a Service; keyed by port + protocol as the API server does
  int port = 0;
  std::string protocol = "TCP";
  std::optional<std::string> name, app_protocol;
};
struct HostPortWish {
  std::string container;
  int container_port = 0;
  std::string protocol = "TCP";
  int host_port = 0;
};
struct RollingUpdate {
  int max_unavailable = 1, max_surge = 0;
  bool operator==(const RollingUpdate&) const = default;
};

struct Wish {
  Labels labels, annotations;           // metadata
  Labels pod_labels, pod_annotations;   // spec.template.metadata
  std::optional<bool> host_network;
  std::optional<std::string> dns_policy;
  std::vector<HostPortWish> host_ports;
  std::optional<RollingUpdate> rolling_update;
  std::vector<PortWish> ports;          // Service
  Labels data;                          // ConfigMap
  Labels gateway_annotations;           // KubeSphere's Gateway: spec.deployment.annotations
  Labels gateway_config;                // the same: spec.controller.config
  [[nodiscard]] bool touches_template() const;   // pod_*, host_network, dns_policy or host_ports are set
};

// One wished field against one object, flattened; `path` is the key of the undo record and of messages:
//   metadata.labels[app] · spec.template.metadata.annotations[sidecar.istio.io/inject] · spec.ports[80/TCP].name ·
//   spec.template.spec.hostNetwork · spec.template.spec.containers[controller].ports[80/TCP].hostPort ·
//   spec.strategy.rollingUpdate (updateStrategy for a DaemonSet) · data[enable-real-ip] ·
//   spec.deployment.annotations[servicemesh.kubesphere.io/enabled] · spec.controller.config[enable-real-ip]
struct FieldState {
  std::string path;
  std::optional<Json> live;  // absent on the object
  Json wanted;
};

// Every wished field with its live value, in a fixed order.
std::vector<FieldState> compare(const Wish& wish, const Object& object);

// True when the object holds every wished field. The fast path of plan: allocates nothing.
bool satisfied(const Wish& wish, const Object& object);

// `over` added to `base`; where both name a field `base` wins.
Wish merged(Wish base, const Wish& over);

// The wish that names exactly the fields of `record.own` that still stand on the object, with their live values:
// what an apply must keep (rules 0.1). Paths that the object lost are left out.
Wish latched(const Record& record, const Object& object);

// The apply of `wish` on `object`: body (apiVersion, kind, metadata.name/namespace/uid, the fields, and the new undo
// record), overwritten values, force. Only the fields that are not satisfied yet or that we own go into the body.
// `announce`: fields of a later request whose present values belong into the record now (the template's, written
// with the metadata; rules 2).
Change apply_of(const Wish& wish, const Object& object, const Record& record, const Wish* announce = nullptr);

// The apply that keeps the fields of `record` which still stand on `object` and lets everything else of ours go;
// without `keep_record` the undo record goes too.
Change apply_of_record(const Record& record, const Object& object, bool keep_record);

}  // namespace meshgraft
