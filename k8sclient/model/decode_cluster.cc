#include <algorithm>
#include <array>

#include "k8sclient/model/decode_kinds.h"

// What every object has (metadata, selectors), the small kinds of a cluster, and the table of all readers.

namespace meshgraft::decoding {
namespace {

constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

template <typename T>
std::shared_ptr<Object> make_own(Kind) {
  return std::make_shared<T>();
}
template <typename T>
std::shared_ptr<Object> make_of(Kind kind) {
  return std::make_shared<T>(kind);
}

bool skip(FieldReader&, std::string_view, Value, Object&) { return true; }

// In the order of the enum. Kinds with `skip` are read for their metadata alone.
constexpr std::array<KindReader, static_cast<std::size_t>(Kind::other)> kReaders{{
    {make_own<Namespace>, read_namespace, nullptr},
    {make_of<Workload>, read_workload, finish_workload},
    {make_of<Workload>, read_workload, finish_workload},
    {make_of<Workload>, read_workload, finish_workload},
    {make_own<Service>, read_service, nullptr},
    {make_own<Ingress>, read_ingress, finish_ingress},
    {make_own<IngressClass>, read_ingress_class, finish_ingress_class},
    {make_own<ConfigMap>, read_config_map, nullptr},
    {make_own<WebhookConfiguration>, read_webhooks, nullptr},
    {make_own<Crd>, skip, nullptr},
    {make_own<Application>, read_application, nullptr},
    {make_own<VirtualService>, read_virtual_service, nullptr},
    {make_own<DestinationRule>, read_destination_rule, nullptr},
    {make_own<EnvoyFilter>, read_envoy_filter, nullptr},
    {make_own<PeerAuthentication>, read_peer_authentication, nullptr},
    {make_own<Strategy>, read_strategy, nullptr},
    {make_own<Gateway>, read_gateway, finish_gateway},
    {make_own<ClusterConfiguration>, read_cluster_configuration, finish_cluster_configuration},
    {make_own<InstallPlan>, read_install_plan, nullptr},
    {make_own<ServiceMonitor>, read_service_monitor, nullptr},
    {make_own<ControllerRevision>, read_controller_revision, nullptr},
    {make_own<Pod>, read_pod, nullptr},
    {make_own<ReplicaSet>, read_replica_set, nullptr},
    {make_own<EndpointSlice>, read_endpoint_slice, finish_endpoint_slice},
    {make_own<Event>, read_event, nullptr},
    {make_of<Object>, skip, nullptr},  // lease
    {make_own<ResourceQuota>, read_quota, nullptr},
    {make_own<LimitRange>, read_limit_range, nullptr},
    {make_own<DisruptionBudget>, read_disruption_budget, nullptr},
    {make_own<Autoscaler>, read_autoscaler, nullptr},
    {make_own<VolumeClaim>, read_volume_claim, nullptr},
}};

bool read_annotations(FieldReader& reader, Value value, Meta& meta, bool keep_applied) {
  return reader.fields(value, [&reader, &meta, keep_applied](std::string_view key, Value field) {
    if (key == kLastApplied) {
      meta.applied = true;
      if (!keep_applied) return true;
    }
    return reader.text(field, meta.annotations.insert_or_assign(key, "").first->second);
  });
}

bool read_owner(FieldReader& reader, Value value, OwnerReference& owner) {
  return reader.fields(value, [&reader, &owner](std::string_view key, Value field) {
    if (key == "kind") return reader.text(field, owner.kind);
    if (key == "name") return reader.text(field, owner.name);
    if (key == "uid") return reader.text(field, owner.uid);
    return key != "controller" || reader.boolean(field, owner.controller);
  });
}

bool any_of(const std::vector<std::string>& words, std::string_view a, std::string_view b, std::string_view c = "*") {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return word == a || word == b || word == c; });
}

// One rule of a webhook; sets `for_pods` when it speaks of the creation of pods.
bool read_webhook_rule(FieldReader& reader, Value value, bool& for_pods) {
  std::vector<std::string> operations, groups, resources;
  if (!reader.fields(value, [&](std::string_view key, Value field) {
        if (key == "operations") return reader.text_list(field, operations);
        if (key == "apiGroups") return reader.text_list(field, groups);
        return key != "resources" || reader.text_list(field, resources);
      })) {
    return false;
  }
  if (any_of(operations, "CREATE", "*") && any_of(groups, "", "*") && any_of(resources, "pods", "*/*")) for_pods = true;
  return true;
}

bool read_webhook(FieldReader& reader, Value value, Webhook& webhook) {
  return reader.fields(value, [&reader, &webhook](std::string_view key, Value field) {
    if (key == "name") return reader.text(field, webhook.name);
    if (key == "namespaceSelector") return read_selector(reader, field, webhook.namespace_selector);
    if (key == "objectSelector") return read_selector(reader, field, webhook.object_selector);
    return key != "rules" ||
           reader.items(field, [&](Value rule) { return read_webhook_rule(reader, rule, webhook.for_pods); });
  });
}

}  // namespace

const KindReader& reader_of(Kind kind) {
  static constexpr KindReader kUnknown{make_own<Unknown>, skip, nullptr};
  return kind == Kind::other ? kUnknown : kReaders[static_cast<std::size_t>(kind)];
}

// One that is no text says nothing more than that it is there.
bool read_finalizer(Value item, Meta& meta) {
  std::string_view name;
  meta.finalizers.emplace_back(item.get_string().get(name) ? std::string_view() : name);
  return true;
}

// managedFields, the bulk of most objects, is skipped unread.
bool read_meta(FieldReader& reader, Value value, Meta& meta, bool keep_applied) {
  const auto owner = [&reader](Value item, OwnerReference& out) { return read_owner(reader, item, out); };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "name") return reader.text(field, meta.name);
    if (key == "namespace") return reader.text(field, meta.ns);
    if (key == "uid") return reader.text(field, meta.uid);
    if (key == "resourceVersion") return reader.text(field, meta.resource_version);
    if (key == "generation") return reader.number(field, meta.generation);
    if (key == "labels") return reader.text_map(field, meta.labels);
    if (key == "annotations") return read_annotations(reader, field, meta, keep_applied);
    if (key == "creationTimestamp") return reader.text(field, meta.created);
    if (key == "deletionTimestamp") return reader.present(field, meta.deleting);
    if (key == "finalizers") return reader.items(field, [&meta](Value item) { return read_finalizer(item, meta); });
    return key != "ownerReferences" || reader.list(field, meta.owners, owner);
  });
}

bool read_selector(FieldReader& reader, Value value, LabelSelector& selector) {
  const auto clause = [&reader](Value item, Requirement& out) {
    return reader.fields(item, [&reader, &out](std::string_view key, Value field) {
      if (key == "key") return reader.text(field, out.key);
      if (key == "operator") return reader.text(field, out.op);
      return key != "values" || reader.text_list(field, out.values);
    });
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "matchLabels") return reader.text_map(field, selector.match_labels);
    return key != "matchExpressions" || reader.list(field, selector.expressions, clause);
  });
}

bool read_namespace(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "status") return true;
  Namespace& ns = static_cast<Namespace&>(object);
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key != "phase") return true;
    std::string phase;
    if (!reader.text(field, phase)) return false;
    ns.terminating = phase == "Terminating";
    return true;
  });
}

bool read_config_map(FieldReader& reader, std::string_view section, Value value, Object& object) {
  return section != "data" || reader.text_map(value, static_cast<ConfigMap&>(object).data);
}

bool read_webhooks(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "webhooks") return true;
  return reader.list(value, static_cast<WebhookConfiguration&>(object).webhooks,
                     [&reader](Value item, Webhook& webhook) { return read_webhook(reader, item, webhook); });
}

// status.hard is what is in force; spec.hard stands in for it in a manifest.
bool read_event(FieldReader& reader, std::string_view section, Value value, Object& object) {
  Event& event = static_cast<Event&>(object);
  if (section == "reason") return reader.text(value, event.reason);
  if (section == "message" || section == "note") return reader.text(value, event.message);
  if (section != "involvedObject" && section != "regarding") return true;
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "kind") return reader.text(field, event.about_kind);
    return key != "name" || reader.text(field, event.about_name);
  });
}

bool read_quota(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec" && section != "status") return true;
  ResourceQuota& quota = static_cast<ResourceQuota&>(object);
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "hard") return reader.quantity_map(field, quota.hard);
    return key != "used" || reader.quantity_map(field, quota.used);
  });
}

}  // namespace meshgraft::decoding
