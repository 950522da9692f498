#pragma once
// World and derive_facts: what is true of the whole cluster, worked out from all namespaces. The controller derives
// them from its cache on change; the command line from a live cluster or from files with a profile. Pure.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/result.h"
#include "reconcilers/types.h"

namespace meshgraft {

// Every object that some rule reads.
struct World {
  std::map<std::string, NamespaceView> namespaces;
  std::vector<std::shared_ptr<const IngressClass>> ingress_classes;
  std::vector<std::shared_ptr<const WebhookConfiguration>> webhooks;
  std::vector<std::shared_ptr<const PeerAuthentication>> peer_authentications;
  std::vector<std::shared_ptr<const ServiceMonitor>> service_monitors;
  std::vector<std::shared_ptr<const ClusterConfiguration>> cluster_configurations;
  std::vector<std::shared_ptr<const InstallPlan>> install_plans;
  std::set<Kind> served;             // kinds with Watch::if_served that the server has
  // Set by --profile or --facts: then mesh and platform are taken from here instead of being derived.
  std::optional<MeshFacts> mesh;
  std::optional<PlatformFacts> platform;
  // Overrides of --ingress-nginx-version and --istio-version.
  std::optional<Version> ingress_nginx_version, istio_version;
};

// A world of objects, each put where it belongs. Namespaces that no Namespace object describes are made up.
World make_world(const std::vector<ObjectPtr>& objects);

// Everything but `unsettled` and `rolling_elsewhere`, which depend on plans: the caller fills those.
Facts derive_facts(const World& world, const Settings& settings);

// The mesh and platform that a profile stands for: kubesphere-3.3, kubesphere-3.4, kubesphere-4, istio.
struct Profile {
  MeshFacts mesh;
  PlatformFacts platform;
};
std::optional<Profile> profile(std::string_view name);
std::vector<std::string_view> profile_names();

// Facts as YAML-able JSON and back, for `status --facts` and `--facts FILE`.
Json facts_to_json(const MeshFacts& mesh, const PlatformFacts& platform);
Result<Profile> facts_from_json(const Json& json);

}  // namespace meshgraft
