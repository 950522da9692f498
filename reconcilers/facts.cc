// Works the cluster's facts out of all namespaces.

#include "reconcilers/facts.h"

#include <algorithm>
#include <tuple>

#include "reconcilers/gateway_facts.h"
#include "reconcilers/keys.h"
#include "reconcilers/mesh_facts.h"
#include "reconcilers/middleware.h"
#include "reconcilers/middleware_table.h"
#include "reconcilers/options.h"
#include "reconcilers/port_protocol.h"

namespace meshgraft {
namespace {

const std::string* value_of(const Labels& labels, std::string_view key) {
  const auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

// As Go's strconv.ParseBool, with which ingress-nginx reads the annotation.
bool is_true(const std::string* value) {
  return value != nullptr && (*value == "true" || *value == "True" || *value == "TRUE" || *value == "1" || *value == "t" || *value == "T");
}

bool by_name(const ObjectPtr& a, const ObjectPtr& b) { return a->meta.name < b->meta.name; }

bool by_kind_and_name(const std::shared_ptr<const Workload>& a, const std::shared_ptr<const Workload>& b) {
  return std::tie(a->kind, a->meta.name) < std::tie(b->kind, b->meta.name);
}

NamespaceView& view_of(World& world, const std::string& name) {
  NamespaceView& view = world.namespaces[name];
  view.name = name;
  return view;
}

// True when `object` was a T and has been put into `list`.
template <typename T>
bool put(std::vector<std::shared_ptr<const T>>& list, const ObjectPtr& object) {
  auto typed = as<T>(object);
  if (typed == nullptr) return false;
  list.push_back(std::move(typed));
  return true;
}

void put_into_namespace(World& world, const ObjectPtr& object) {
  NamespaceView& view = view_of(world, object->meta.ns);
  if (put(view.workloads, object) || put(view.services, object) || put(view.ingresses, object) || put(view.config_maps, object) ||
      put(view.applications, object) || put(view.virtual_services, object) || put(view.destination_rules, object) ||
      put(view.envoy_filters, object) || put(view.strategies, object) || put(view.gateways, object) || put(view.records, object)) {
    return;
  }
  if (auto pod = as<Pod>(object)) {
    if (!view.pods) view.pods.emplace();
    view.pods->push_back(std::move(pod));
  } else if (auto slice = as<EndpointSlice>(object)) {
    if (!view.slices) view.slices.emplace();
    view.slices->push_back(std::move(slice));
  } else if (auto set = as<ReplicaSet>(object)) {
    if (!view.replica_sets) view.replica_sets.emplace();
    view.replica_sets->push_back(std::move(set));
  } else if (object->kind == Kind::resource_quota || object->kind == Kind::limit_range ||
             object->kind == Kind::disruption_budget || object->kind == Kind::autoscaler) {
    if (!view.limits) view.limits.emplace();
    put(view.limits->quotas, object) || put(view.limits->ranges, object) || put(view.limits->budgets, object) ||
        put(view.limits->autoscalers, object);
  } else if (auto event = as<Event>(object)) {
    if (!view.events) view.events.emplace();
    view.events->push_back(std::move(event));
  } else if (auto claim = as<VolumeClaim>(object)) {
    if (!view.claims) view.claims.emplace();
    view.claims->push_back(std::move(claim));
  }
}

void sort_lists(NamespaceView& view) {
  std::stable_sort(view.workloads.begin(), view.workloads.end(), by_kind_and_name);
  const auto sort = [](auto& list) { std::stable_sort(list.begin(), list.end(), by_name); };
  sort(view.services);
  sort(view.ingresses);
  sort(view.config_maps);
  sort(view.applications);
  sort(view.virtual_services);
  sort(view.destination_rules);
  sort(view.envoy_filters);
  sort(view.strategies);
  sort(view.gateways);
  sort(view.records);
  if (view.pods) sort(*view.pods);
  if (view.replica_sets) sort(*view.replica_sets);
  if (view.slices) sort(*view.slices);
  if (view.events) sort(*view.events);
  if (view.limits) sort(view.limits->autoscalers);
  if (!view.claims) view.claims.emplace();  // one that does not stand there is not known
  sort(*view.claims);
}

// Which sniffed ports of a namespace our own rules declare before any gateway is injected. Looks for middleware only
// when it is asked: most namespaces have no such port.
class Mending {
 public:
  Mending(const NamespaceView& view, bool joined, bool nacos_wanted) : view_(view), joined_(joined), nacos_wanted_(nacos_wanted) {}
  [[nodiscard]] bool covers(const Service& service) {
    if (!joined_ && !nacos_wanted_) return false;
    if (!middleware_) middleware_ = find_middleware(view_);
    const auto found = middleware_->services.find(service.meta.name);
    if (found == middleware_->services.end()) return joined_ && !service.headless();
    return joined_ || found->second.product == kNacos;
  }

 private:
  const NamespaceView& view_;
  const bool joined_, nacos_wanted_;  // joined: of an app, members too
  std::optional<Middleware> middleware_;
};

// What is known of one backend of an Ingress.
void describe_backend(IngressUse& use, const NamespaceView& view, Mending& mending) {
  const auto service = std::lower_bound(view.services.begin(), view.services.end(), use.service,
                                        [](const auto& candidate, const std::string& name) { return candidate->meta.name < name; });
  if (service == view.services.end() || (*service)->meta.name != use.service) return;
  use.headless = (*service)->headless();
  for (const ServicePort& port : (*service)->ports) {
    if (use.port != port.name && use.port != std::to_string(port.port)) continue;
    use.sniffed = declared_protocol(port) == Protocol::unknown;
    use.mended = use.sniffed && mending.covers(**service);
  }
}

void add_uses(std::vector<IngressUse>& uses, const Ingress& ingress, const NamespaceView& view, Mending& mending,
              const std::string& class_name) {
  std::set<std::pair<std::string, std::string>> seen;
  const auto add = [&](const IngressBackend& backend) {
    if (backend.service.empty()) return;
    IngressUse use;
    use.ingress = ingress.key();
    use.class_name = class_name;
    use.service = backend.service;
    use.port = backend.port != 0 ? std::to_string(backend.port) : backend.port_name;
    if (!seen.emplace(use.service, use.port).second) return;
    use.service_upstream = is_true(value_of(ingress.meta.annotations, keys::kServiceUpstream));
    use.upstream_vhost = ingress.meta.annotations.contains(keys::kUpstreamVhost);
    use.created = ingress.meta.created;
    describe_backend(use, view, mending);
    uses.push_back(std::move(use));
  };
  if (ingress.default_backend) add(*ingress.default_backend);
  for (const IngressRule& rule : ingress.rules) {
    for (const IngressPath& path : rule.paths) add(path.backend);
  }
}

// Whether some variable of the workload names a Service of `services` in namespace `ns`: "nacos-headless.qifu".
bool names_service(const Workload& workload, const std::vector<std::string>& services) {
  const auto names = [&services](std::string_view text) {
    return std::any_of(services.begin(), services.end(), [text](const std::string& service) {
      const std::size_t at = text.find(service);
      if (at == std::string_view::npos) return false;
      const std::size_t end = at + service.size();
      const auto inside = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
      return (at == 0 || !inside(text[at - 1])) && (end == text.size() || !inside(text[end]));
    });
  };
  for (const Container& container : workload.pod.containers) {
    for (const EnvVar& env : container.env) {
      if (names(env.value)) return true;
    }
    for (const std::string& arg : container.args) {
      if (names(arg)) return true;
    }
  }
  return false;
}

std::set<std::string> nacos_wanted(const World& world, const Settings& settings, const std::set<std::string>& app_namespaces) {
  std::set<std::string> wanted;
  for (const std::string& ns : settings.nacos_namespaces) {
    const auto view = world.namespaces.find(ns);
    if (view == world.namespaces.end()) continue;
    std::vector<std::string> services;
    for (const auto& [name, service] : find_middleware(view->second).services) {
      if (service.product == kNacos) services.push_back(name + "." + ns);
    }
    if (services.empty()) continue;
    for (const std::string& app : app_namespaces) {
      const auto& workloads = world.namespaces.at(app).workloads;
      if (std::any_of(workloads.begin(), workloads.end(), [&services](const auto& workload) { return names_service(*workload, services); })) {
        wanted.insert(ns);
        break;
      }
    }
  }
  return wanted;
}

// A project gateway of KubeSphere's follows the label of its project.
void follow_project(const World& world, const Settings& settings, const std::set<std::string>& app_namespaces, GatewayFacts& gateway) {
  if (!gateway.kubesphere || gateway.watched_namespace.empty() || !app_namespaces.contains(gateway.watched_namespace)) return;
  const NamespaceOptions options = read_options(*world.namespaces.at(gateway.watched_namespace).ns, settings);
  if (options.app.empty()) return;
  gateway.wanted = true;
  if (options.policy == Policy::observe) gateway.hold = "policy observe of namespace " + gateway.watched_namespace;
  if (options.frozen) gateway.hold = "namespace " + gateway.watched_namespace + " is frozen";
  gateway.opted_in = gateway.in_mesh || gateway.switchable;
}

void apply_overrides(const World& world, Facts& facts) {
  if (world.istio_version) facts.mesh.version = world.istio_version;
  if (world.ingress_nginx_version) {
    for (GatewayFacts& gateway : facts.gateways) {
      gateway.version = world.ingress_nginx_version;
      gateway.validates = *gateway.version >= Version{1, 12, 0};
    }
  }
}

}  // namespace

World make_world(const std::vector<ObjectPtr>& objects) {
  World world;
  for (const ObjectPtr& object : objects) {
    if (object == nullptr || object->kind == Kind::other) continue;
    if (auto ns = as<Namespace>(object)) {
      view_of(world, ns->meta.name).ns = std::move(ns);
    } else if (auto crd = as<Crd>(object)) {
      for (const KindInfo& row : kinds()) {
        if (row.watch == Watch::if_served && crd->meta.name == std::string(row.plural) + "." + std::string(row.group)) world.served.insert(row.kind);
      }
    } else if (!put(world.ingress_classes, object) && !put(world.webhooks, object) && !put(world.install_plans, object)) {
      put(world.peer_authentications, object);
      put(world.service_monitors, object);
      put(world.cluster_configurations, object);
      if (info(object->kind).namespaced && !object->meta.ns.empty()) put_into_namespace(world, object);
    }
  }
  for (auto& [name, view] : world.namespaces) {
    if (view.ns == nullptr) {
      auto made_up = std::make_shared<Namespace>();
      made_up->meta.name = name;
      view.ns = std::move(made_up);
    }
    sort_lists(view);
  }
  std::stable_sort(world.ingress_classes.begin(), world.ingress_classes.end(), by_name);
  std::stable_sort(world.webhooks.begin(), world.webhooks.end(), by_name);
  return world;
}

Facts derive_facts(const World& world, const Settings& settings) {
  Facts facts;
  facts.mesh = world.mesh ? *world.mesh : derive_mesh(world, settings.mesh.revision);
  facts.platform = world.platform ? *world.platform : derive_platform(world, facts.mesh);
  override_facts(world, settings.mesh, facts);
  if (!world.platform) facts.platform.served = world.served;
  for (const auto& [name, view] : world.namespaces) {
    const std::string* app = value_of(view.ns->meta.labels, keys::kApp);
    if (app != nullptr && settings.namespace_selector.matches(view.ns->meta.labels)) facts.app_namespaces.insert(name);
    for (GatewayFacts& gateway : gateways_of(view, world.ingress_classes, settings)) facts.gateways.push_back(std::move(gateway));
  }
  for (GatewayFacts& gateway : facts.gateways) follow_project(world, settings, facts.app_namespaces, gateway);
  facts.nacos_wanted = nacos_wanted(world, settings, facts.app_namespaces);
  for (const auto& [name, view] : world.namespaces) {
    if (view.ingresses.empty()) continue;
    Mending mending(view, facts.app_namespaces.contains(name), facts.nacos_wanted.contains(name));
    for (const auto& ingress : view.ingresses) {
      add_uses(facts.ingress_uses, *ingress, view, mending, class_of(*ingress, world.ingress_classes));
    }
  }
  if (const auto root = world.namespaces.find(facts.mesh.root_namespace); root != world.namespaces.end()) {
    facts.root_filters = root->second.envoy_filters;
  }
  facts.peer_authentications = world.peer_authentications;
  facts.service_monitors = world.service_monitors;
  apply_overrides(world, facts);
  return facts;
}

}  // namespace meshgraft
