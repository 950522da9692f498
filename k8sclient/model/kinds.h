#pragma once
// The table of kinds that the program knows: group, version, plural, scope. Used by every layer to build
// paths and to name objects; a new kind is one row here and, if a rule reads it, one struct in objects.h.

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace meshgraft {

enum class Kind : std::uint8_t {
  namespace_,
  deployment,
  stateful_set,
  daemon_set,
  service,
  ingress,
  ingress_class,
  config_map,
  webhook_configuration,  // MutatingWebhookConfiguration
  crd,                    // CustomResourceDefinition, metadata only
  application,
  virtual_service,
  destination_rule,
  envoy_filter,
  peer_authentication,
  strategy,
  gateway,  // KubeSphere's gateway.kubesphere.io Gateway
  cluster_configuration,
  install_plan,
  service_monitor,  // of Prometheus' operator
  controller_revision,  // ours alone: records of a replace under way
  // Read, or watched in one namespace, only while something there needs them:
  pod,
  replica_set,
  endpoint_slice,
  event,
  lease,
  resource_quota,
  limit_range,
  disruption_budget,  // PodDisruptionBudget
  autoscaler,         // HorizontalPodAutoscaler
  volume_claim,       // PersistentVolumeClaim
  other,  // a document of a kind that no rule reads; passed through
};

// How long the program keeps a kind in its cache.
enum class Watch : std::uint8_t {
  always,     // listed and watched cluster-wide from the start
  if_served,  // the same once its CRD is there
  never,      // read on demand
};

struct KindInfo {
  Kind kind;
  std::string_view name;     // as in a manifest: "Deployment"
  std::string_view group;    // "" for the core group
  std::string_view version;  // the version that we read and write
  std::string_view plural;   // "deployments"
  bool namespaced;
  Watch watch;
  std::string_view label_selector = {};  // which of them we list and watch; "" for all
};

// Every row, in the order of the enum, without Kind::other.
std::span<const KindInfo> kinds();

// The row of `kind`. Precondition: kind != Kind::other.
const KindInfo& info(Kind kind);

// "apps/v1", or "v1" for the core group.
std::string api_version(const KindInfo& info);

// The kind of a manifest's apiVersion and kind. Any version of a known group answers (an Ingress of
// extensions/v1beta1 too); nullopt when no row has that group and name.
std::optional<Kind> kind_of(std::string_view api_version, std::string_view name);

// "/apis/apps/v1/namespaces/shop/deployments/web"; `ns` empty for cluster-scoped kinds or for all namespaces,
// `name` empty for the collection.
std::string path_of(Kind kind, std::string_view ns, std::string_view name);

struct ObjectKey {
  Kind kind = Kind::other;
  std::string ns, name;
  auto operator<=>(const ObjectKey&) const = default;
};

// "Deployment shop/web", or "Namespace shop" for cluster-scoped kinds: how objects are named to people.
std::string to_string(const ObjectKey& key);

}  // namespace meshgraft
