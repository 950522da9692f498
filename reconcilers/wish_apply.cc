// From a wish to the body of one server-side apply, with the undo record that belongs to it.

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "reconcilers/keys.h"
#include "reconcilers/rollout.h"
#include "reconcilers/wish.h"

namespace meshgraft {
namespace {

bool is_satisfied(const FieldState& field) { return field.live && *field.live == field.wanted; }

// A value for people: text without quotes.
std::string plain(const Json& value) {
  if (const std::string* text = value.get_ptr<const std::string*>(); text != nullptr) return *text;
  return to_text(value);
}

Labels only(const Labels& labels, std::string_view place, const std::set<std::string>& paths) {
  Labels kept;
  for (const auto& [key, value] : labels) {
    if (paths.contains(std::string(place) + "[" + key + "]")) kept.emplace(key, value);
  }
  return kept;
}

// The part of `wish` whose paths are listed.
Wish only(const Wish& wish, const Object& object, const std::set<std::string>& paths) {
  Wish kept;
  kept.labels = only(wish.labels, "metadata.labels", paths);
  kept.annotations = only(wish.annotations, "metadata.annotations", paths);
  kept.pod_labels = only(wish.pod_labels, "spec.template.metadata.labels", paths);
  kept.pod_annotations = only(wish.pod_annotations, "spec.template.metadata.annotations", paths);
  kept.data = only(wish.data, "data", paths);
  kept.gateway_annotations = only(wish.gateway_annotations, "spec.deployment.annotations", paths);
  kept.gateway_config = only(wish.gateway_config, "spec.controller.config", paths);
  if (paths.contains("spec.template.spec.hostNetwork")) kept.host_network = wish.host_network;
  if (paths.contains("spec.template.spec.dnsPolicy")) kept.dns_policy = wish.dns_policy;
  if (paths.contains("spec.strategy.rollingUpdate") || paths.contains("spec.updateStrategy.rollingUpdate")) {
    kept.rolling_update = wish.rolling_update;
  }
  for (const HostPortWish& port : wish.host_ports) {
    Wish one;
    one.host_ports.push_back(port);
    if (paths.contains(compare(one, object).front().path)) kept.host_ports.push_back(port);
  }
  for (const PortWish& port : wish.ports) {
    const std::string element = "spec.ports[" + std::to_string(port.port) + "/" + port.protocol + "]";
    PortWish one{port.port, port.protocol, std::nullopt, std::nullopt};
    if (port.name && paths.contains(element + ".name")) one.name = port.name;
    if (port.app_protocol && paths.contains(element + ".appProtocol")) one.app_protocol = port.app_protocol;
    if (one.name || one.app_protocol) kept.ports.push_back(std::move(one));
  }
  return kept;
}

void put(Json& at, const Labels& labels) {
  for (const auto& [key, value] : labels) at[key] = value;
}

// `wishes` in the order of the live list: elements that an apply names take its order from it (recorded from Kubernetes
// 1.24 and 1.37: docs/design/recorded.md). `place`: where the live list has an element.
template <typename T, typename F>
std::vector<T> in_live_order(std::vector<T> wishes, const F& place) {
  std::stable_sort(wishes.begin(), wishes.end(), [&place](const T& left, const T& right) { return place(left) < place(right); });
  return wishes;
}

std::ptrdiff_t place_of(const PortWish& wish, const Service& service) {
  const auto found = std::find_if(service.ports.begin(), service.ports.end(), [&wish](const ServicePort& one) {
    return one.port == wish.port && one.protocol == wish.protocol;
  });
  return found - service.ports.begin();
}

// Container, then port.
std::pair<std::ptrdiff_t, std::ptrdiff_t> place_of(const HostPortWish& wish, const Workload& workload) {
  const std::vector<Container>& containers = workload.pod.containers;
  const auto container = std::find_if(containers.begin(), containers.end(), [&wish](const Container& one) { return one.name == wish.container; });
  if (container == containers.end()) return {containers.end() - containers.begin(), 0};
  const auto port = std::find_if(container->ports.begin(), container->ports.end(), [&wish](const ContainerPort& one) {
    return one.container_port == wish.container_port && one.protocol == wish.protocol;
  });
  return {container - containers.begin(), port - container->ports.begin()};
}

void put_workload(const Wish& wish, const Workload& object, Json& body) {
  if (wish.rolling_update) {
    const Json value{{"maxUnavailable", wish.rolling_update->max_unavailable},
                     {"maxSurge", wish.rolling_update->max_surge}};
    // `type` says which member of the union is meant; it belongs to the same decision.
    body["spec"][object.kind == Kind::deployment ? "strategy" : "updateStrategy"] = {{"type", "RollingUpdate"},
                                                                                     {"rollingUpdate", value}};
  }
  if (!wish.touches_template()) return;
  Json& pod = body["spec"]["template"];
  if (!wish.pod_labels.empty()) put(pod["metadata"]["labels"], wish.pod_labels);
  if (!wish.pod_annotations.empty()) put(pod["metadata"]["annotations"], wish.pod_annotations);
  if (wish.host_network) pod["spec"]["hostNetwork"] = *wish.host_network;
  if (wish.dns_policy) pod["spec"]["dnsPolicy"] = *wish.dns_policy;
  if (wish.host_ports.empty()) return;
  Json& containers = pod["spec"]["containers"];
  containers = Json::array();
  for (const HostPortWish& port : in_live_order(wish.host_ports, [&object](const HostPortWish& one) { return place_of(one, object); })) {
    const auto found = std::find_if(containers.begin(), containers.end(),
                                    [&port](const Json& one) { return one["name"] == port.container; });
    Json& container = found != containers.end()
                          ? *found
                          : containers.emplace_back(Json{{"name", port.container}, {"ports", Json::array()}});
    container["ports"].push_back(
        {{"containerPort", port.container_port}, {"protocol", port.protocol}, {"hostPort", port.host_port}});
  }
}

void put_ports(const Wish& wish, const Service& service, Json& body) {
  if (wish.ports.empty()) return;
  Json& ports = body["spec"]["ports"];
  ports = Json::array();
  for (const PortWish& port : in_live_order(wish.ports, [&service](const PortWish& one) { return place_of(one, service); })) {
    Json one{{"port", port.port}, {"protocol", port.protocol}};  // both: the list's key (rules 5)
    if (port.name) one["name"] = *port.name;
    if (port.app_protocol) one["appProtocol"] = *port.app_protocol;
    ports.push_back(std::move(one));
  }
}

Json body_of(const Wish& wish, const Object& object, const std::string& record) {
  const KindInfo& kind = info(object.kind);
  Json body{{"apiVersion", api_version(kind)}, {"kind", std::string(kind.name)}};
  Json& meta = body["metadata"];
  meta["name"] = object.meta.name;
  if (kind.namespaced) meta["namespace"] = object.meta.ns;
  if (!object.meta.uid.empty()) meta["uid"] = object.meta.uid;
  if (!wish.labels.empty()) put(meta["labels"], wish.labels);
  if (!wish.annotations.empty()) put(meta["annotations"], wish.annotations);
  if (!record.empty()) meta["annotations"][std::string(keys::kUndo)] = record;
  if (const Workload* workload = as<Workload>(&object); workload != nullptr) put_workload(wish, *workload, body);
  if (const Service* service = as<Service>(&object); service != nullptr) put_ports(wish, *service, body);
  if (!wish.data.empty()) put(body["data"], wish.data);
  if (!wish.gateway_annotations.empty()) put(body["spec"]["deployment"]["annotations"], wish.gateway_annotations);
  if (!wish.gateway_config.empty()) put(body["spec"]["controller"]["config"], wish.gateway_config);
  return body;
}

// Paths that no wish names: leaves of atomic lists, changed by a JSON Patch (Verb edit). An apply leaves them alone,
// and so must its record.
bool is_edited_leaf(std::string_view path) {
  for (const std::string_view place :
       {"metadata.", "spec.template.", "spec.strategy.", "spec.updateStrategy.", "spec.ports[", "data[", "spec.deployment.annotations[", "spec.controller.config["}) {
    if (path.starts_with(place)) return false;
  }
  return true;
}

bool changes_spec(const Change& change) {
  const auto is_spec = [](const std::string& path) { return path.starts_with("spec."); };
  return std::any_of(change.adds.begin(), change.adds.end(), is_spec) ||
         std::any_of(change.overwrites.begin(), change.overwrites.end(),
                     [&is_spec](const Overwrite& one) { return is_spec(one.path); });
}

// The value before us: kept as first recorded once the field is ours, else what stands there now.
void remember(const FieldState& field, const Record& before, Record& after) {
  if (before.owns(field.path)) {
    if (const auto found = before.was.find(field.path); found != before.was.end())
      after.was.emplace(field.path, found->second);
  } else if (field.live && *field.live != field.wanted) {
    after.was.emplace(field.path, *field.live);
  }
}

// Whether another text replaces the undo record that stands there. For the API server that record may be somebody
// else's: `kubectl rollout undo` copies it back from a ReplicaSet, an edit of ours is an owner beside our apply.
bool rewrites_record(const Object& object, const std::string& text) {
  const auto found = object.meta.annotations.find(keys::kUndo);
  return found != object.meta.annotations.end() && found->second != text;
}

}  // namespace

Change apply_of(const Wish& wish, const Object& object, const Record& record, const Wish* announce) {
  Change change;
  change.target = object.key();
  change.verb = Verb::apply;
  change.pre.uid = object.meta.uid;

  std::set<std::string> paths;
  for (const FieldState& field : compare(wish, object)) {
    const bool holds = is_satisfied(field);
    if (!holds || record.owns(field.path)) paths.insert(field.path);
    if (holds) continue;
    if (field.live) {
      change.overwrites.push_back({field.path, plain(*field.live), plain(field.wanted)});
    } else {
      change.adds.push_back(field.path);
    }
  }
  const Wish body = merged(only(wish, object, paths), latched(record, object));
  Record after;
  after.held = record.held;
  after.rolled = record.rolled;
  for (const FieldState& field : compare(body, object)) {
    after.own.insert(field.path);
    remember(field, record, after);
  }
  for (const std::string& path : record.own) {
    if (is_edited_leaf(path)) after.own.insert(path);
  }
  for (const auto& [path, value] : record.was) {
    if (is_edited_leaf(path)) after.was.emplace(path, value);
  }
  after.replaced = record.replaced;
  if (announce != nullptr) {
    for (const FieldState& field : compare(*announce, object)) {
      if (!after.own.contains(field.path)) remember(field, record, after);
    }
  }
  if (const Workload* workload = as<Workload>(&object); workload != nullptr && changes_spec(change)) {
    after.rolled.reset();
    if (workload->meta.generation > 0)
      after.rolled = Record::Rolled{workload->meta.generation + 1, workload->replicas, rest_of_template(*workload, after),
                                    rollout_of(*workload) == Rollout::fresh};
  }
  const std::string text = record_text(after, object.meta.uid);
  change.force = !change.overwrites.empty() || rewrites_record(object, text);
  // What is recorded as the value before us must be the value that is overwritten.
  if (change.force) change.pre.resource_version = object.meta.resource_version;
  change.body = body_of(body, object, text);
  return change;
}

Change apply_of_record(const Record& record, const Object& object, bool keep_record) {
  Change change;
  change.target = object.key();
  change.verb = Verb::apply;
  change.pre.uid = object.meta.uid;
  change.pre.resource_version = object.meta.resource_version;
  // Beside the record it writes values that stand there already, which conflict with nobody.
  const std::string text = keep_record ? record_text(record, object.meta.uid) : "";
  change.force = keep_record && rewrites_record(object, text);
  change.body = body_of(latched(record, object), object, text);
  return change;
}

}  // namespace meshgraft
