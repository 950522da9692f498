#include "tests/fakes/resource_types.h"

#include <algorithm>

namespace meshgraft::fakes {
namespace {

enum Trait : unsigned { kNamespaced = 1, kStatus = 2, kScale = 4, kGeneration = 8, kAll = 16 };

struct Row {
  const char *group, *version, *kind, *plural, *singular;
  unsigned traits;
  const char* short_name;
};

// Groups, versions, names and short names: Kubernetes API reference v1.37.
constexpr Row kBuiltIn[] = {
    {"", "v1", "Namespace", "namespaces", "namespace", kStatus, "ns"},
    {"", "v1", "Node", "nodes", "node", kStatus, "no"},
    {"", "v1", "Pod", "pods", "pod", kNamespaced | kStatus | kAll, "po"},
    {"", "v1", "Service", "services", "service", kNamespaced | kStatus | kAll, "svc"},
    {"", "v1", "Endpoints", "endpoints", "endpoints", kNamespaced, "ep"},
    {"", "v1", "ConfigMap", "configmaps", "configmap", kNamespaced, "cm"},
    {"", "v1", "Secret", "secrets", "secret", kNamespaced, ""},
    {"", "v1", "ServiceAccount", "serviceaccounts", "serviceaccount", kNamespaced, "sa"},
    {"", "v1", "Event", "events", "event", kNamespaced, "ev"},
    {"", "v1", "ResourceQuota", "resourcequotas", "resourcequota", kNamespaced | kStatus, "quota"},
    {"", "v1", "LimitRange", "limitranges", "limitrange", kNamespaced, "limits"},
    {"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", "persistentvolumeclaim", kNamespaced | kStatus,
     "pvc"},
    {"", "v1", "PersistentVolume", "persistentvolumes", "persistentvolume", kStatus, "pv"},
    {"apps", "v1", "Deployment", "deployments", "deployment", kNamespaced | kStatus | kScale | kGeneration | kAll,
     "deploy"},
    {"apps", "v1", "StatefulSet", "statefulsets", "statefulset", kNamespaced | kStatus | kScale | kGeneration | kAll,
     "sts"},
    {"apps", "v1", "DaemonSet", "daemonsets", "daemonset", kNamespaced | kStatus | kGeneration | kAll, "ds"},
    {"apps", "v1", "ReplicaSet", "replicasets", "replicaset", kNamespaced | kStatus | kScale | kGeneration | kAll,
     "rs"},
    {"apps", "v1", "ControllerRevision", "controllerrevisions", "controllerrevision", kNamespaced, ""},
    {"batch", "v1", "Job", "jobs", "job", kNamespaced | kStatus | kGeneration | kAll, ""},
    {"batch", "v1", "CronJob", "cronjobs", "cronjob", kNamespaced | kStatus | kGeneration | kAll, "cj"},
    {"autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", "horizontalpodautoscaler",
     kNamespaced | kStatus | kAll, "hpa"},
    {"policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudget",
     kNamespaced | kStatus | kGeneration, "pdb"},
    {"networking.k8s.io", "v1", "Ingress", "ingresses", "ingress", kNamespaced | kStatus | kGeneration, "ing"},
    {"networking.k8s.io", "v1", "IngressClass", "ingressclasses", "ingressclass", kGeneration, ""},
    {"networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "networkpolicy", kNamespaced | kGeneration,
     "netpol"},
    {"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "endpointslice", kNamespaced | kGeneration, ""},
    {"events.k8s.io", "v1", "Event", "events", "event", kNamespaced, "ev"},
    {"coordination.k8s.io", "v1", "Lease", "leases", "lease", kNamespaced, ""},
    {"rbac.authorization.k8s.io", "v1", "Role", "roles", "role", kNamespaced, ""},
    {"rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "rolebinding", kNamespaced, ""},
    {"rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "clusterrole", 0, ""},
    {"rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "clusterrolebinding", 0, ""},
    {"storage.k8s.io", "v1", "StorageClass", "storageclasses", "storageclass", 0, "sc"},
    {"scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", "priorityclass", kGeneration, "pc"},
    {"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations",
     "mutatingwebhookconfiguration", kGeneration, ""},
    {"admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations",
     "validatingwebhookconfiguration", kGeneration, ""},
    {"apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", "customresourcedefinition",
     kStatus | kGeneration, "crd"},
};

TypePtr built_in(const Row& row) {
  auto type = std::make_shared<ResourceType>();
  type->group = row.group;
  type->versions = {row.version};
  if (type->group == "autoscaling") type->versions.emplace_back("v1");  // what is read of one is the same in both
  type->kind = row.kind;
  type->plural = row.plural;
  type->singular = row.singular;
  type->namespaced = (row.traits & kNamespaced) != 0;
  type->has_status = (row.traits & kStatus) != 0;
  type->has_scale = (row.traits & kScale) != 0;
  type->has_generation = (row.traits & kGeneration) != 0;
  if (*row.short_name != '\0') type->short_names = {row.short_name};
  if ((row.traits & kAll) != 0) type->categories = {"all"};
  return type;
}

std::vector<std::string> texts(const Json& object, const char* key) {
  std::vector<std::string> result;
  if (auto it = object.find(key); it != object.end() && it->is_array()) {
    for (const Json& one : *it) {
      if (one.is_string()) result.push_back(one.get<std::string>());
    }
  }
  return result;
}

std::string text(const Json& object, const char* key) {
  auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

bool ResourceType::serves(std::string_view version) const {
  return std::find(versions.begin(), versions.end(), version) != versions.end();
}

std::string api_version_of(std::string_view group, std::string_view version) {
  return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
}

ResourceTypes::ResourceTypes() {
  for (const Row& row : kBuiltIn) types_.push_back(built_in(row));
}

TypePtr ResourceTypes::by_plural(std::string_view group, std::string_view version, std::string_view plural) const {
  for (const TypePtr& type : types_) {
    if (type->plural == plural && type->group == group && (version.empty() || type->serves(version))) return type;
  }
  return nullptr;
}

TypePtr ResourceTypes::by_kind(std::string_view api_version, std::string_view kind) const {
  const auto slash = api_version.find('/');
  const std::string_view group = slash == std::string_view::npos ? "" : api_version.substr(0, slash);
  const std::string_view version = slash == std::string_view::npos ? api_version : api_version.substr(slash + 1);
  for (const TypePtr& type : types_) {
    if (type->kind == kind && type->group == group && type->serves(version)) return type;
  }
  return nullptr;
}

void ResourceTypes::serve(const Json& crd) {
  const Json spec = crd.value("spec", Json::object());
  const Json names = spec.value("names", Json::object());
  auto type = std::make_shared<ResourceType>();
  type->group = text(spec, "group");
  type->kind = text(names, "kind");
  type->plural = text(names, "plural");
  type->singular = text(names, "singular");
  type->short_names = texts(names, "shortNames");
  type->categories = texts(names, "categories");
  type->namespaced = text(spec, "scope") != "Cluster";
  type->has_generation = true;
  type->custom = true;
  for (const Json& version : spec.value("versions", Json::array())) {
    if (!version.value("served", false)) continue;
    const Json subresources = version.value("subresources", Json::object());
    if (subresources.contains("status")) type->has_status = true;
    const bool storage = version.value("storage", false);
    if (storage) {
      type->columns = version.value("additionalPrinterColumns", Json());
      type->versions.insert(type->versions.begin(), text(version, "name"));
    } else {
      type->versions.push_back(text(version, "name"));
    }
  }
  stop_serving(type->plural + "." + type->group);
  types_.push_back(std::move(type));
}

void ResourceTypes::stop_serving(std::string_view name) {
  std::erase_if(types_,
                [name](const TypePtr& type) { return type->custom && type->plural + "." + type->group == name; });
}

}  // namespace meshgraft::fakes
