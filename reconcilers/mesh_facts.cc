#include "reconcilers/mesh_facts.h"

#include <algorithm>
#include <set>

#include "reconcilers/gateway_facts.h"
#include "reconcilers/image.h"
#include "reconcilers/keys.h"
#include "reconcilers/sidecar_size.h"

namespace meshgraft {
namespace {

const std::string* value_of(const Labels& labels, std::string_view key) {
  const auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

// istiod's container, and the revision that its Deployment carries.
struct Istiod {
  const Workload* workload = nullptr;
  const Container* container = nullptr;
  std::string revision;
  std::optional<Version> version;
};

std::optional<Istiod> read_istiod(const Workload& workload) {
  if (workload.kind != Kind::deployment) return std::nullopt;
  const std::string* app = value_of(workload.pod.labels, keys::kAppLabel);
  if (app == nullptr || *app != "istiod") return std::nullopt;
  for (const Container& container : workload.pod.containers) {
    if (image_name(container.image) != "pilot" && container.name != "discovery") continue;
    const std::string* revision = value_of(workload.meta.labels, keys::kIstioRevision);
    if (revision == nullptr) revision = value_of(workload.pod.labels, keys::kIstioRevision);
    return Istiod{&workload, &container, revision == nullptr || revision->empty() ? "default" : *revision,
                  parse_version(image_tag(container.image))};
  }
  return std::nullopt;
}

// The istiod that speaks for the mesh; `revision` "" for any.
std::optional<Istiod> find_istiod(const World& world, const std::string& revision) {
  std::optional<Istiod> best;
  for (const auto& [name, view] : world.namespaces) {
    for (const auto& workload : view.workloads) {
      const auto found = read_istiod(*workload);
      if (!found || (!revision.empty() && found->revision != revision)) continue;
      const bool better = !best || (found->revision == "default" && best->revision != "default") ||
                          (best->revision != "default" && found->version && (!best->version || *best->version < *found->version));
      if (better) best = found;
    }
  }
  return best;
}

// Istio's chart calls the Service istiod, with the revision behind it; `revision` "" for any.
bool has_istiod_service(const World& world, const std::string& revision) {
  const std::string own = revision == "default" ? "istiod" : "istiod-" + revision;
  for (const auto& [name, view] : world.namespaces) {
    for (const auto& service : view.services) {
      if (revision.empty() ? service->meta.name == "istiod" || service->meta.name.starts_with("istiod-") : service->meta.name == own) return true;
    }
  }
  return false;
}

std::string env_of(const Container& container, std::string_view name) {
  for (const EnvVar& env : container.env) {
    if (env.name == name) return env.value;
  }
  return "";
}

// The value of a top-level "key: value" line of a YAML text, quotes taken off.
std::string yaml_line(const std::string& text, std::string_view key) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ':') continue;
    line.remove_prefix(key.size() + 1);
    const auto is_edge = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '"' || c == '\''; };
    while (!line.empty() && is_edge(line.front())) line.remove_prefix(1);
    while (!line.empty() && is_edge(line.back())) line.remove_suffix(1);
    return std::string(line);
  }
  return "";
}

constexpr std::string_view kMeshConfig = "istio", kInjectorConfig = "istio-sidecar-injector";  // Istio's chart istio-discovery

std::string of_revision(std::string_view base, const std::string& revision) {
  return revision == "default" || revision.empty() ? std::string(base) : std::string(base) + "-" + revision;
}

// The ConfigMap `base`, or `base`-`revision`, in `ns`; null when it is not there.
const ConfigMap* config_of(const World& world, const std::string& ns, std::string_view base, const std::string& revision) {
  const auto view = world.namespaces.find(ns);
  if (view == world.namespaces.end()) return nullptr;
  const std::string name = of_revision(base, revision);
  for (const auto& config : view->second.config_maps) {
    if (config->meta.name == name) return config.get();
  }
  return nullptr;
}

std::string data_of(const ConfigMap* config, std::string_view key) {
  if (config == nullptr) return "";
  const std::string* value = value_of(config->data, key);
  return value == nullptr ? "" : *value;
}

bool is_ready(const Workload& workload) { return workload.status.known && workload.status.ready > 0; }

std::vector<IstiodFacts> istiods_of(const World& world) {
  std::vector<IstiodFacts> all;
  for (const auto& [name, view] : world.namespaces) {
    for (const auto& workload : view.workloads) {
      auto found = read_istiod(*workload);
      if (!found) continue;
      all.push_back({name, workload->meta.name, std::move(found->revision), found->version, is_ready(*workload)});
    }
  }
  return all;
}

// The DaemonSet of Istio's chart istio-cni, which KubeSphere's installer uses too when its switch cni is on.
bool has_cni(const World& world) {
  for (const auto& [name, view] : world.namespaces) {
    for (const auto& workload : view.workloads) {
      if (workload->kind == Kind::daemon_set && workload->meta.name.starts_with("istio-cni-node")) return true;
    }
  }
  return false;
}

bool is_injector(const WebhookConfiguration& configuration) {
  const std::string* app = value_of(configuration.meta.labels, keys::kAppLabel);
  return app != nullptr && *app == "sidecar-injector";
}

// Every revision that an istiod or an injector's webhooks carry.
std::set<std::string> revisions_of(const World& world, const MeshFacts& mesh) {
  std::set<std::string> all;
  for (const IstiodFacts& one : mesh.istiods) all.insert(one.revision);
  for (const auto& configuration : world.webhooks) {
    const std::string* revision = value_of(configuration->meta.labels, keys::kIstioRevision);
    if (is_injector(*configuration)) all.insert(revision == nullptr || revision->empty() ? "default" : *revision);
  }
  return all;
}

// The revision that `wanted` names, by itself or by a tag; nullopt when it names none.
std::optional<std::string> resolve(const std::string& wanted, const std::set<std::string>& revisions, const MeshFacts& mesh) {
  if (wanted.empty() || revisions.contains(wanted)) return wanted;
  const auto tag = mesh.tags.find(wanted);
  if (tag == mesh.tags.end() || !revisions.contains(tag->second)) return std::nullopt;
  return tag->second;
}

std::string listed(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// The mesh configuration of the mesh's own istiod.
std::string mesh_config(const World& world, const std::string& ns, const std::string& revision) {
  return data_of(config_of(world, ns, kMeshConfig, revision), "mesh");
}

// istiod's --domain; "" when it has none, or one that only its container's environment knows.
std::string domain_of(const Container& istiod) {
  std::string domain;
  const auto& args = istiod.args;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--domain" && i + 1 < args.size()) domain = args[i + 1];
    if (args[i].starts_with("--domain=")) domain = args[i].substr(9);
  }
  return domain.find("$(") == std::string::npos ? domain : "";
}

// What the istiod of `revision` ("" for the one that speaks for the mesh) says of itself.
void read_control_plane(const World& world, const std::string& revision, MeshFacts& mesh) {
  if (!revision.empty()) mesh.revision = revision;
  const auto istiod = find_istiod(world, revision);
  if (!istiod) {
    // A control plane outside the cluster shows its webhooks alone; one that belongs here would have a Service.
    mesh.ready = mesh.present && !has_istiod_service(world, revision);
    mesh.policy_enabled = mesh.present && mesh.revision == "default";
    return;
  }
  mesh.revision = istiod->revision;
  mesh.version = istiod->version;
  mesh.ready = is_ready(*istiod->workload);
  const std::string ns = istiod->workload->meta.ns;
  mesh.root_namespace = ns;
  if (const std::string root = yaml_line(mesh_config(world, ns, mesh.revision), "rootNamespace"); !root.empty()) {
    mesh.root_namespace = root;
  }
  const std::string policy = yaml_line(data_of(config_of(world, ns, kInjectorConfig, mesh.revision), "config"), "policy");
  // Istio's chart says "enabled" unless told otherwise; KubeSphere's installer says "disabled" (global.proxy.autoInject).
  mesh.policy_enabled = policy.empty() ? mesh.revision == "default" : policy == "enabled";
  mesh.sidecar = sidecar_size_of_values(data_of(config_of(world, ns, kInjectorConfig, mesh.revision), "values"));
  mesh.native_sidecars = env_of(*istiod->container, "ENABLE_NATIVE_SIDECARS") == "true";
}

// What the mesh says of its root namespace against what the chart does.
void dispute_root(const World& world, const std::string& said, MeshFacts& mesh) {
  if (!world.namespaces.contains(said)) {
    mesh.disputed.push_back("mesh.rootNamespace is " + said + ", but the cluster has no such namespace");
    return;
  }
  const auto istiod = find_istiod(world, mesh.revision);
  if (!istiod) return;
  const std::string root = yaml_line(mesh_config(world, istiod->workload->meta.ns, mesh.revision), "rootNamespace");
  if (!root.empty() && root != said) mesh.disputed.push_back("mesh.rootNamespace is " + said + ", but istiod's mesh configuration says " + root);
}

}  // namespace

MeshFacts derive_mesh(const World& world, const std::string& wanted) {
  MeshFacts mesh;
  for (const auto& configuration : world.webhooks) {
    if (!is_injector(*configuration)) continue;
    mesh.present = true;
    const std::string* tag = value_of(configuration->meta.labels, "istio.io/tag");
    const std::string* of = value_of(configuration->meta.labels, keys::kIstioRevision);
    if (tag != nullptr && of != nullptr) mesh.tags.emplace(*tag, *of);
    if (mesh.revision.empty()) {
      const std::string* revision = value_of(configuration->meta.labels, keys::kIstioRevision);
      mesh.revision = revision == nullptr ? "default" : *revision;
    }
    std::copy_if(configuration->webhooks.begin(), configuration->webhooks.end(), std::back_inserter(mesh.injectors),
                 [](const Webhook& webhook) { return webhook.for_pods; });
  }
  mesh.istiods = istiods_of(world);
  mesh.cni = has_cni(world);
  const std::set<std::string> revisions = revisions_of(world, mesh);
  const auto chosen = resolve(wanted, revisions, mesh);
  read_control_plane(world, chosen.value_or(""), mesh);
  if (!chosen && mesh.present) {  // what is detected stays known: other rules look at it
    mesh.ready = false;
    mesh.unready_why = "mesh.revision is " + wanted + ", but no istiod and no injector carries that revision or tag; there are: " + listed(revisions);
  }
  return mesh;
}

PlatformFacts derive_platform(const World& world, const MeshFacts& mesh) {
  PlatformFacts platform;
  if (find_istiod(world, "")) platform.name = "istio";
  if (const auto istiod = find_istiod(world, mesh.revision)) {
    if (const std::string domain = domain_of(*istiod->container); !domain.empty()) platform.cluster_domain = domain;
  }
  for (const auto& configuration : world.cluster_configurations) {
    if (configuration->meta.name != "ks-installer") continue;
    platform.kubesphere = true;
    const auto version = parse_version(configuration->version);
    platform.name = version ? "kubesphere " + to_string(*version) : "kubesphere 3";
    platform.mesh_on = configuration->mesh_enabled && configuration->mesh_status == "enabled";
    if (!configuration->mesh_enabled) {
      platform.mesh_why = "ClusterConfiguration kubesphere-system/ks-installer has spec.servicemesh.enabled: false";
    } else if (!platform.mesh_on) {
      platform.mesh_why = "ClusterConfiguration kubesphere-system/ks-installer says status.servicemesh.status: " +
                          (configuration->mesh_status.empty() ? std::string("nothing yet") : configuration->mesh_status);
    }
  }
  // KubeSphere 4: the mesh is an extension.
  for (const auto& plan : world.install_plans) {
    if (plan->extension != "servicemesh") continue;
    platform.kubesphere = true;
    platform.name = "kubesphere 4";
    const bool unfinished = plan->state.find("ail") != std::string::npos || plan->state.ends_with("ing") || plan->state.starts_with("Uninstall");
    platform.mesh_on = plan->enabled && !plan->state.empty() && !unfinished;
    if (!plan->enabled) {
      platform.mesh_why = "InstallPlan " + plan->meta.name + " has spec.enabled: false";
    } else if (!platform.mesh_on) {
      platform.mesh_why = "InstallPlan " + plan->meta.name + " is in state " + (plan->state.empty() ? std::string("unknown") : plan->state);
    }
  }
  return platform;
}

void override_facts(const World& world, const MeshSettings& settings, Facts& facts) {
  MeshFacts& mesh = facts.mesh;
  const bool detected = !world.mesh;
  const auto tag = mesh.tags.find(settings.revision);
  const std::string& wanted = tag == mesh.tags.end() ? settings.revision : tag->second;
  if (!detected && !wanted.empty() && wanted != mesh.revision) {
    mesh.ready = false;
    mesh.unready_why = "mesh.revision is " + settings.revision + ", but the facts that were given are those of revision " + mesh.revision;
  }
  if (!settings.root_namespace.empty()) {
    if (detected && mesh.present) dispute_root(world, settings.root_namespace, mesh);
    mesh.root_namespace = settings.root_namespace;
  }
  if (!settings.cluster_domain.empty()) {
    const auto istiod = detected ? find_istiod(world, mesh.revision) : std::nullopt;
    const std::string domain = istiod ? domain_of(*istiod->container) : "";
    if (!domain.empty() && domain != settings.cluster_domain) {
      mesh.disputed.push_back("mesh.clusterDomain is " + settings.cluster_domain + ", but istiod was started with --domain " + domain);
    }
    facts.platform.cluster_domain = settings.cluster_domain;
  }
}

bool is_istiod(const Workload& workload) { return read_istiod(workload).has_value(); }

std::vector<ObjectKey> config_maps_of(const Workload& workload) {
  std::vector<ObjectKey> keys;
  if (const std::optional<Istiod> istiod = read_istiod(workload)) {
    for (const std::string_view base : {kMeshConfig, kInjectorConfig}) keys.push_back({Kind::config_map, workload.meta.ns, of_revision(base, istiod->revision)});
  }
  if (const std::optional<IngressController> controller = read_ingress_controller(workload); controller && !controller->config_map.empty())
    keys.push_back({Kind::config_map, controller->config_map_ns, controller->config_map});
  return keys;
}

}  // namespace meshgraft
