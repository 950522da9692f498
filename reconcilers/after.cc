// after: what an object is once a change has been carried out, as far as the typed structs show it.

#include <charconv>
#include <memory>
#include <utility>

#include "k8sclient/model/decode.h"
#include "k8sclient/model/json_read.h"
#include "reconcilers/after_field.h"
#include "reconcilers/footprint.h"
#include "reconcilers/foresee.h"
#include "reconcilers/keys.h"
#include "reconcilers/replace_record.h"
#include "reconcilers/undo_fields.h"
#include "reconcilers/wish.h"

namespace meshgraft {
namespace {

// Members of the object at `path` over `into`; a null removes, as in a merge patch.
void merge_labels(const Json& body, std::string_view path, Labels& into) {
  const Json* values = value_at(body, path);
  if (values == nullptr || !values->is_object()) return;
  for (const auto& [key, value] : values->items()) {
    if (value.is_null()) {
      into.erase(key);
    } else if (const std::string* text = value.get_ptr<const std::string*>(); text != nullptr) {
      into[key] = *text;
    }
  }
}

IntOrString int_or_text(const Json& value) {
  IntOrString read;
  if (const std::string* text = value.get_ptr<const std::string*>(); text != nullptr) {
    read.text = *text;
  } else if (value.is_number_integer()) {
    read.number = value.get<int>();
    read.zero = read.number == 0;
  }
  return read;
}

void merge_containers(const Json& body, PodTemplate& pod) {
  for (const Json* wanted : items(body, "/spec/template/spec/containers")) {
    for (Container& container : pod.containers) {
      if (container.name != text(*wanted, "/name")) continue;
      for (const Json* port : items(*wanted, "/ports")) {
        const int number_wanted = static_cast<int>(number(*port, "/containerPort"));
        const std::string protocol = text(*port, "/protocol", "TCP");
        ContainerPort* found = nullptr;
        for (ContainerPort& live : container.ports) {
          if (live.container_port == number_wanted && live.protocol == protocol) found = &live;
        }
        if (found == nullptr) found = &container.ports.emplace_back(ContainerPort{"", protocol, number_wanted, 0});
        found->host_port = static_cast<int>(number(*port, "/hostPort"));
      }
    }
  }
}

// The rollout that follows a new template is over at once.
void roll_out(Workload& workload) {
  ++workload.meta.generation;
  if (!workload.status.known) return;
  workload.status = Workload::Status{};
  workload.status.known = true;
  workload.status.observed_generation = workload.meta.generation;
  workload.status.replicas = workload.status.updated = workload.status.ready = workload.status.available =
      workload.replicas;
  workload.status.rollout_complete = workload.kind == Kind::deployment;
}

void merge_workload(const Json& body, Workload& workload) {
  merge_labels(body, "/spec/template/metadata/labels", workload.pod.labels);
  merge_labels(body, "/spec/template/metadata/annotations", workload.pod.annotations);
  if (const std::optional<bool> host = maybe_bool(body, "/spec/template/spec/hostNetwork"))
    workload.pod.host_network = *host;
  if (const std::optional<std::string> dns = maybe_text(body, "/spec/template/spec/dnsPolicy"))
    workload.pod.dns_policy = *dns;
  merge_containers(body, workload.pod);
  const std::string_view strategy = workload.kind == Kind::deployment ? "/spec/strategy" : "/spec/updateStrategy";
  if (const Json* rolling = value_at(body, std::string(strategy) + "/rollingUpdate"); rolling != nullptr) {
    if (const Json* value = value_at(*rolling, "/maxUnavailable"); value != nullptr)
      workload.max_unavailable = int_or_text(*value);
    if (const Json* value = value_at(*rolling, "/maxSurge"); value != nullptr) workload.max_surge = int_or_text(*value);
  }
}

void merge_service(const Json& body, Service& service) {
  for (const Json* wanted : items(body, "/spec/ports")) {
    for (ServicePort& port : service.ports) {
      if (port.port != number(*wanted, "/port") || port.protocol != text(*wanted, "/protocol", "TCP")) continue;
      if (const std::optional<std::string> name = maybe_text(*wanted, "/name")) port.name = *name;
      if (const std::optional<std::string> protocol = maybe_text(*wanted, "/appProtocol"))
        port.app_protocol = *protocol;
    }
  }
}

// --- JSON Patches of an Ingress: leaves of its backends ---

// Cuts "/<number>" from the front; -1 when there is none.
int take_index(std::string_view& path) {
  if (!path.starts_with('/')) return -1;
  int index = -1;
  const auto [end, error] = std::from_chars(path.data() + 1, path.data() + path.size(), index);
  if (error != std::errc{}) return -1;
  path.remove_prefix(static_cast<std::size_t>(end - path.data()));
  return index;
}

bool take(std::string_view& path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  path.remove_prefix(prefix.size());
  return true;
}

IngressBackend* backend_at(std::string_view& path, Ingress& ingress) {
  if (take(path, "/spec/defaultBackend")) return ingress.default_backend ? &*ingress.default_backend : nullptr;
  if (!take(path, "/spec/rules")) return nullptr;
  const int rule = take_index(path);
  if (rule < 0 || static_cast<std::size_t>(rule) >= ingress.rules.size() || !take(path, "/http/paths")) return nullptr;
  std::vector<IngressPath>& paths = ingress.rules[static_cast<std::size_t>(rule)].paths;
  const int at = take_index(path);
  if (at < 0 || static_cast<std::size_t>(at) >= paths.size() || !take(path, "/backend")) return nullptr;
  return &paths[static_cast<std::size_t>(at)].backend;
}

void put_port(const Json& port, IngressBackend& backend) {
  backend.port = static_cast<int>(number(port, "/number"));
  backend.port_name = text(port, "/name");
}

void put_rules(const Json& rules, Ingress& ingress) {
  ingress.rules.clear();
  for (const Json* rule : items(rules, "")) {
    IngressRule& one = ingress.rules.emplace_back();
    one.host = text(*rule, "/host");
    for (const Json* path : items(*rule, "/http/paths")) {
      IngressPath& to = one.paths.emplace_back();
      to.path = text(*path, "/path");
      to.path_type = text(*path, "/pathType");
      to.backend.service = text(*path, "/backend/service/name");
      if (const Json* port = value_at(*path, "/backend/service/port"); port != nullptr) put_port(*port, to.backend);
    }
  }
}

void edit_backend(std::string_view path, const Json* value, Ingress& ingress) {
  IngressBackend* backend = backend_at(path, ingress);
  if (backend == nullptr) return;
  if (path == "/service/port/number") {
    backend->port = value != nullptr && value->is_number_integer() ? value->get<int>() : 0;
  } else if (path == "/service/port/name") {
    backend->port_name = value == nullptr ? "" : text(*value, "");
  } else if (path == "/service/port" && value != nullptr) {
    put_port(*value, *backend);
  } else if (path == "/service" && value != nullptr) {
    backend->service = text(*value, "/name");
    if (const Json* port = value_at(*value, "/port"); port != nullptr) put_port(*port, *backend);
  }
}

void edit(const Json& patch, Object& object) {
  if (!patch.is_array()) return;
  for (const Json& step : patch) {
    const std::string op = text(step, "/op");
    if (op != "add" && op != "replace" && op != "remove") continue;
    const Json* value = op == "remove" ? nullptr : value_at(step, "/value");
    const std::string where = text(step, "/path");
    std::string_view path = where;
    if (path.starts_with("/metadata/finalizers/") && value == nullptr) {
      std::erase(object.meta.finalizers, keys::kRecordFinalizer);  // no other is written by a rule
    } else if (path == "/metadata/annotations" && value != nullptr) {
      merge_labels(step, "/value", object.meta.annotations);
    } else if (object.kind == Kind::ingress && path == "/spec/rules") {
      if (value != nullptr) put_rules(*value, static_cast<Ingress&>(object));
    } else if (object.kind == Kind::ingress && path.starts_with("/spec/")) {
      edit_backend(path, value, static_cast<Ingress&>(object));
    } else {
      set_field(where, value, object);
    }
  }
}

void merge(const Json& body, Object& object) {
  merge_labels(body, "/metadata/labels", object.meta.labels);
  merge_labels(body, "/metadata/annotations", object.meta.annotations);
  switch (object.kind) {
    case Kind::deployment:
    case Kind::stateful_set:
    case Kind::daemon_set:
      merge_workload(body, static_cast<Workload&>(object));
      break;
    case Kind::service:
      merge_service(body, static_cast<Service&>(object));
      break;
    case Kind::config_map:
      merge_labels(body, "/data", static_cast<ConfigMap&>(object).data);
      break;
    case Kind::envoy_filter: {
      EnvoyFilter& filter = static_cast<EnvoyFilter&>(object);
      if (const Json* spec = value_at(body, "/spec"); spec != nullptr) filter.spec = to_text(*spec);
      merge_labels(body, "/spec/workloadSelector/labels", filter.workload_selector);
      break;
    }
    case Kind::gateway: {
      Gateway& gateway = static_cast<Gateway&>(object);
      merge_labels(body, "/spec/deployment/annotations", gateway.deployment_annotations);
      merge_labels(body, "/spec/controller/config", gateway.controller_config);
      break;
    }
    default:
      break;
  }
}

bool is_workload_kind(Kind kind) { return kind == Kind::deployment || kind == Kind::stateful_set || kind == Kind::daemon_set; }

template <typename T>
std::shared_ptr<Object> copy_as(const Object& object) {
  return std::make_shared<T>(static_cast<const T&>(object));
}

std::shared_ptr<Object> copy_of(const Object& object) {
  switch (object.kind) {
    case Kind::namespace_:
      return copy_as<Namespace>(object);
    case Kind::deployment:
    case Kind::stateful_set:
    case Kind::daemon_set:
      return copy_as<Workload>(object);
    case Kind::service:
      return copy_as<Service>(object);
    case Kind::ingress:
      return copy_as<Ingress>(object);
    case Kind::config_map:
      return copy_as<ConfigMap>(object);
    case Kind::application:
      return copy_as<Application>(object);
    case Kind::envoy_filter:
      return copy_as<EnvoyFilter>(object);
    case Kind::destination_rule:
      return copy_as<DestinationRule>(object);
    case Kind::virtual_service:
      return copy_as<VirtualService>(object);
    case Kind::gateway:
      return copy_as<Gateway>(object);
    case Kind::controller_revision:
      return copy_as<ControllerRevision>(object);
    case Kind::strategy:
      return copy_as<Strategy>(object);
    case Kind::autoscaler:
      return copy_as<Autoscaler>(object);
    default:
      return nullptr;  // a kind that no rule writes
  }
}

// The fields of ours that an apply leaves out go away, but for those that were put back to their former value: the
// manager of the restore owns these.
void drop_omitted(const Json& body, Object& object) {
  const Record record = read_record(object.meta);
  for (const std::string& path : record.own) {
    if (is_backend_path(path) || value_by_path(body, path) != nullptr) continue;
    Record one;
    one.own.insert(path);
    const std::vector<FieldState> fields = compare(latched(one, object), object);
    const auto was = record.was.find(path);
    if (!fields.empty() && was != record.was.end() && fields.front().live == was->second) continue;
    const bool none = fields.empty();
    if (!none) set_field(pointer_to(object, path), nullptr, object);
  }
  if (record.present && value_by_path(body, "metadata.annotations[" + std::string(keys::kUndo) + "]") == nullptr) {
    object.meta.annotations.erase(keys::kUndo);
  }
}

ObjectPtr created(const Change& change) {
  Json body = change.body;
  // What is created in the place of something new is another object all the same.
  const bool again = text(body, "/metadata/annotations/meshgraft.io~1undo") == planted_mark("new");
  body["metadata"]["uid"] = again ? "newer" : "new";
  Decoder decoder;
  Result<ObjectPtr> object = decoder.object(to_text(body));
  return object ? *std::move(object) : nullptr;
}

}  // namespace

ObjectPtr after(const ObjectPtr& object, const Change& change) {
  switch (change.verb) {
    case Verb::remove:
    case Verb::orphan:
      return nullptr;
    case Verb::create:
      return object != nullptr ? object : created(change);
    case Verb::apply:
      if (object == nullptr) return created(change);
      break;
    default:
      if (object == nullptr) return nullptr;
  }
  const std::shared_ptr<Object> next = copy_of(*object);
  if (next == nullptr) return object;
  Workload* workload = is_workload_kind(next->kind) ? static_cast<Workload*>(next.get()) : nullptr;
  const PodTemplate before = workload == nullptr ? PodTemplate() : workload->pod;
  if (change.verb == Verb::apply) drop_omitted(change.body, *next);
  if (change.verb == Verb::edit || (change.verb == Verb::restore && change.body.is_array())) {
    edit(change.body, *next);
    if (next->meta.deleting && !object->meta.finalizers.empty() && next->meta.finalizers.empty()) return nullptr;
  } else if (change.verb == Verb::scale && as<Workload>(next.get()) != nullptr) {
    static_cast<Workload&>(*next).replicas = number(change.body, "/spec/replicas");
    roll_out(static_cast<Workload&>(*next));
  } else {
    merge(change.body, *next);
  }
  if (workload != nullptr && change.verb != Verb::scale && !(workload->pod == before)) {
    roll_out(*workload);
  } else if (next->kind == Kind::deployment && workload->meta.generation > 0 && next->meta.annotations != object->meta.annotations) {
    // The API server counts a Deployment's annotations too (pkg/registry/apps/deployment/strategy.go, PrepareForUpdate).
    const bool seen = workload->status.observed_generation == workload->meta.generation;
    ++workload->meta.generation;
    if (seen) workload->status.observed_generation = workload->meta.generation;
  }
  return next;
}

}  // namespace meshgraft
