#include "tests/fakes/schema.h"

#include <array>

namespace meshgraft::fakes {
namespace {

struct KeyedList {
  std::string_view field;
  std::vector<std::string> keys;
};

// Below a pod's spec. Source: k8s.io/api/core/v1 types.go, +listMapKey markers.
const std::vector<KeyedList>& pod_lists() {
  static const std::vector<KeyedList> lists = {{"containers", {"name"}},
                                               {"initContainers", {"name"}},
                                               {"ephemeralContainers", {"name"}},
                                               {"volumes", {"name"}},
                                               {"imagePullSecrets", {"name"}},
                                               {"hostAliases", {"ip"}},
                                               {"topologySpreadConstraints", {"topologyKey", "whenUnsatisfiable"}}};
  return lists;
}
const std::vector<KeyedList>& container_lists() {
  static const std::vector<KeyedList> lists = {{"ports", {"containerPort", "protocol"}},
                                               {"env", {"name"}},
                                               {"volumeMounts", {"mountPath"}},
                                               {"volumeDevices", {"devicePath"}}};
  return lists;
}

std::string_view pod_spec_of(std::string_view kind) {
  if (kind == "Pod") return "spec";
  if (kind == "CronJob") return "spec.jobTemplate.spec.template.spec";
  for (std::string_view one : {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"}) {
    if (kind == one) return "spec.template.spec";
  }
  return "";
}

std::string_view last_of(std::string_view path) {
  const auto dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

const KeyedList* find_in(const std::vector<KeyedList>& lists, std::string_view field) {
  for (const KeyedList& list : lists) {
    if (list.field == field) return &list;
  }
  return nullptr;
}

Shape list_shape(const ResourceType& type, std::string_view path) {
  if (path == "metadata.finalizers") return {Shape::set, {}};
  if (path == "metadata.ownerReferences") return {Shape::keyed, {"uid"}};
  if (type.custom) return {Shape::atomic, {}};
  if (path == "status.conditions") return {Shape::keyed, {"type"}};
  if (type.kind == "Service" && path == "spec.ports") return {Shape::keyed, {"port", "protocol"}};
  if (path == "webhooks" && type.kind.ends_with("WebhookConfiguration")) return {Shape::keyed, {"name"}};
  if (type.kind == "ServiceAccount" && path == "secrets") return {Shape::keyed, {"name"}};
  const std::string_view pod_spec = pod_spec_of(type.kind);
  if (!pod_spec.empty() && path.size() > pod_spec.size() && path.starts_with(pod_spec) &&
      path[pod_spec.size()] == '.') {
    const std::string_view rest = path.substr(pod_spec.size() + 1);
    if (const KeyedList* list = find_in(pod_lists(), rest)) return {Shape::keyed, list->keys};
    const auto dot = rest.find('.');
    const std::string_view head = rest.substr(0, dot);
    if (dot != std::string_view::npos && head.ends_with("ontainers")) {
      if (const KeyedList* list = find_in(container_lists(), rest.substr(dot + 1))) return {Shape::keyed, list->keys};
    }
  }
  return {Shape::atomic, {}};
}

// Structs and maps marked atomic: LabelSelector, node selectors, references.
bool atomic_map(const ResourceType& type, std::string_view path) {
  if (type.custom) return false;
  static constexpr std::array<std::string_view, 8> kNames = {"selector",       "labelSelector",  "namespaceSelector",
                                                             "objectSelector", "nodeSelector",   "fieldRef",
                                                             "secretKeyRef",   "configMapKeyRef"};
  const std::string_view last = last_of(path);
  if (path.starts_with("metadata.")) return false;
  for (std::string_view one : kNames) {
    if (last == one) return true;
  }
  return last == "resourceFieldRef";
}

}  // namespace

Place Place::below(std::string_view field) const {
  Place place = *this;
  if (!place.path_.empty()) place.path_ += '.';
  place.path_ += field;
  return place;
}

Shape Place::shape(const Json& value) const {
  if (value.is_object()) return {atomic_map(*type_, path_) ? Shape::atomic : Shape::granular, {}};
  if (value.is_array()) return list_shape(*type_, path_);
  return {Shape::atomic, {}};
}

std::string element_of(const Shape& shape, const Json& item) {
  if (shape.kind == Shape::set) return "v:" + to_text(item);
  Json keys = Json::object();
  for (const std::string& key : shape.keys) {
    auto it = item.is_object() ? item.find(key) : item.end();
    if (item.is_object() && it != item.end()) {
      keys[key] = *it;
    } else {
      keys[key] = key == "protocol" ? Json("TCP") : Json();
    }
  }
  return "k:" + to_text(keys);
}

}  // namespace meshgraft::fakes
