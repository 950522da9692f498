#include "tests/fakes/defaults.h"

#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

// Values: k8s.io/kubernetes pkg/apis/{core,apps}/v1/defaults.go.
void put(Json& object, const char* key, Json value) {
  if (!object.contains(key)) object[key] = std::move(value);
}

void container_defaults(Json& container, bool host_network) {
  if (!container.is_object()) return;
  put(container, "imagePullPolicy",
      text_at(container, {"image"}).find(':') == std::string::npos || text_at(container, {"image"}).ends_with(":latest")
          ? "Always"
          : "IfNotPresent");
  put(container, "resources", Json::object());
  put(container, "terminationMessagePath", "/dev/termination-log");
  put(container, "terminationMessagePolicy", "File");
  if (auto ports = container.find("ports"); ports != container.end() && ports->is_array()) {
    for (Json& port : *ports) {
      if (!port.is_object()) continue;
      put(port, "protocol", "TCP");
      if (host_network && port.contains("containerPort")) put(port, "hostPort", port["containerPort"]);
    }
  }
  for (const char* name : {"livenessProbe", "readinessProbe", "startupProbe"}) {
    auto probe = container.find(name);
    if (probe == container.end() || !probe->is_object()) continue;
    put(*probe, "timeoutSeconds", 1);
    put(*probe, "periodSeconds", 10);
    put(*probe, "successThreshold", 1);
    put(*probe, "failureThreshold", 3);
    if (auto get = probe->find("httpGet"); get != probe->end() && get->is_object()) put(*get, "scheme", "HTTP");
  }
}

void pod_spec_defaults(Json& spec) {
  if (!spec.is_object()) return;
  put(spec, "restartPolicy", "Always");
  put(spec, "terminationGracePeriodSeconds", 30);
  put(spec, "dnsPolicy", "ClusterFirst");
  put(spec, "schedulerName", "default-scheduler");
  put(spec, "securityContext", Json::object());
  const bool host_network = at(spec, {"hostNetwork"}) == true;
  for (const char* list : {"containers", "initContainers"}) {
    if (auto it = spec.find(list); it != spec.end() && it->is_array()) {
      for (Json& container : *it) container_defaults(container, host_network);
    }
  }
}

void service_defaults(Json& spec, std::uint32_t& addresses) {
  put(spec, "type", "ClusterIP");
  put(spec, "sessionAffinity", "None");
  if (auto ports = spec.find("ports"); ports != spec.end() && ports->is_array()) {
    for (Json& port : *ports) {
      if (!port.is_object()) continue;
      put(port, "protocol", "TCP");
      if (port.contains("port")) put(port, "targetPort", port["port"]);
    }
  }
  if (text_at(spec, {"type"}) == "ExternalName") return;
  put(spec, "internalTrafficPolicy", "Cluster");
  if (text_at(spec, {"clusterIP"}).empty()) {
    ++addresses;
    spec["clusterIP"] = "10.96." + std::to_string(addresses / 250) + "." + std::to_string(1 + addresses % 250);
  }
  put(spec, "clusterIPs", Json::array({spec["clusterIP"]}));
  put(spec, "ipFamilies", Json::array({"IPv4"}));
  put(spec, "ipFamilyPolicy", "SingleStack");
}

void workload_defaults(const ResourceType& type, Json& spec) {
  if (type.kind != "DaemonSet") put(spec, "replicas", 1);
  if (type.kind != "ReplicaSet") put(spec, "revisionHistoryLimit", 10);
  if (type.kind == "Deployment") {
    put(spec, "progressDeadlineSeconds", 600);
    put(spec, "strategy", Json::object());
    Json& strategy = spec["strategy"];
    if (strategy.is_object()) {
      put(strategy, "type", "RollingUpdate");
      if (strategy["type"] == "RollingUpdate") {
        put(strategy, "rollingUpdate", Json::object());
        if (strategy["rollingUpdate"].is_object()) {
          put(strategy["rollingUpdate"], "maxSurge", "25%");
          put(strategy["rollingUpdate"], "maxUnavailable", "25%");
        }
      }
    }
  }
  if (type.kind == "StatefulSet") {
    put(spec, "podManagementPolicy", "OrderedReady");
    put(spec, "updateStrategy", {{"type", "RollingUpdate"}, {"rollingUpdate", {{"partition", 0}}}});
  }
  if (type.kind == "DaemonSet") {
    put(spec, "updateStrategy",
        {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxSurge", 0}, {"maxUnavailable", 1}}}});
  }
  if (auto pod = spec.find("template"); pod != spec.end() && pod->is_object()) {
    if (auto pod_spec = pod->find("spec"); pod_spec != pod->end()) pod_spec_defaults(*pod_spec);
  }
}

}  // namespace

void set_defaults(const ResourceType& type, Json& object, std::uint32_t& addresses) {
  if (type.custom) return;
  if (type.kind == "Namespace") {
    put(object["metadata"], "labels", Json::object());
    if (object["metadata"]["labels"].is_object()) {
      object["metadata"]["labels"]["kubernetes.io/metadata.name"] = object["metadata"].value("name", "");
    }
    put(object, "spec", Json::object());
    put(object["spec"], "finalizers", Json::array({"kubernetes"}));
    put(object, "status", {{"phase", "Active"}});
    return;
  }
  auto spec = object.find("spec");
  if (spec == object.end() || !spec->is_object()) return;
  if (type.kind == "Service") service_defaults(*spec, addresses);
  if (type.kind == "Pod") {
    pod_spec_defaults(*spec);
    put(*spec, "serviceAccountName", "default");
  }
  if (type.group == "apps" && type.kind != "ControllerRevision") workload_defaults(type, *spec);
  if (type.kind == "CustomResourceDefinition") put(*spec, "conversion", {{"strategy", "None"}});
}

}  // namespace meshgraft::fakes
