// The table of rules. Adding a rule is one file and one row here.

#include <array>

#include "reconcilers/application.h"
#include "reconcilers/copied_records.h"
#include "reconcilers/deployment.h"
#include "reconcilers/envoy_filter.h"
#include "reconcilers/gateway.h"
#include "reconcilers/ingresses.h"
#include "reconcilers/kubesphere_gateway.h"
#include "reconcilers/misplaced_keys.h"
#include "reconcilers/mutual_tls.h"
#include "reconcilers/platform.h"
#include "reconcilers/pod_traps.h"
#include "reconcilers/ports.h"
#include "reconcilers/reconciler.h"
#include "reconcilers/releases.h"
#include "reconcilers/replace.h"
#include "reconcilers/sandbox_events.h"
#include "reconcilers/rollback.h"
#include "reconcilers/service.h"
#include "reconcilers/stateful_set.h"
#include "reconcilers/subsets.h"
#include "reconcilers/undo.h"

namespace meshgraft {
namespace {

// get: of one object by its name, and of an object of which the server refused a write.
constexpr std::array<std::string_view, 2> kRead{"list", "watch"};
constexpr std::array<std::string_view, 1> kLookUp{"list"};
constexpr std::array<std::string_view, 3> kReadByName{"get", "list", "watch"};
constexpr std::array<std::string_view, 4> kReadPatch{"get", "list", "watch", "patch"};
constexpr std::array<std::string_view, 5> kReadPatchCreate{"get", "list", "watch", "patch", "create"};

// What every plan reads: namespaces and their report, the mesh and the platform.
constexpr std::array<RbacRule, 11> kPlatform{{
    {"", "namespaces", kReadPatch, ""},
    {"", "configmaps", kReadByName, ""},
    {"admissionregistration.k8s.io", "mutatingwebhookconfigurations", kRead, ""},
    {"apiextensions.k8s.io", "customresourcedefinitions", kRead, ""},
    {"apps", "daemonsets", kRead, ""},
    {"installer.kubesphere.io", "clusterconfigurations", kRead, ""},
    {"kubesphere.io", "installplans", kRead, ""},
    {"networking.istio.io", "virtualservices", kRead, ""},
    {"networking.istio.io", "destinationrules", kRead, ""},
    {"security.istio.io", "peerauthentications", kRead, ""},
    {"servicemesh.kubesphere.io", "strategies", kRead, ""},
}};
// Deployments, and what bounds their pods.
constexpr std::array<RbacRule, 5> kDeployments{{
    {"apps", "deployments", kReadPatch, ""},
    {"", "resourcequotas", kLookUp, ""},
    {"", "limitranges", kLookUp, ""},
    {"policy", "poddisruptionbudgets", kLookUp, ""},
    {"autoscaling", "horizontalpodautoscalers", kLookUp, ""},
}};
constexpr std::array<RbacRule, 1> kStatefulSets{{{"apps", "statefulsets", kReadPatch, ""}}};
constexpr std::array<RbacRule, 2> kServices{{{"", "services", kReadPatch, ""}, {"", "pods", kLookUp, ""}}};
constexpr std::array<RbacRule, 1> kApplications{{{"app.k8s.io", "applications", kReadPatchCreate, ""}}};

}  // namespace

std::span<const Reconciler> registry() {
  static const std::array kRows{
      Reconciler{"rollback", desired_rollback, {}},
      Reconciler{"undo", desired_way_back, rbac_way_back()},
      Reconciler{"platform", desired_platform, kPlatform},
      Reconciler{"subsets", desired_subsets, {}},
      Reconciler{"middleware_ports", desired_middleware_ports, rbac_middleware_ports()},
      Reconciler{"replace", desired_replaces, rbac_replace()},
      Reconciler{"deployment", desired_deployments, kDeployments},
      Reconciler{"stateful_set", desired_stateful_sets, kStatefulSets},
      Reconciler{"service_ports", desired_service_ports, rbac_service_ports()},
      Reconciler{"service", desired_services, kServices},
      Reconciler{"application", desired_application, kApplications},
      Reconciler{"ingress", desired_ingresses, rbac_ingresses()},
      Reconciler{"gateway", desired_gateway, rbac_gateway()},
      Reconciler{"kubesphere_gateway", desired_kubesphere_gateways, rbac_kubesphere_gateways()},
      Reconciler{"envoy_filter", desired_envoy_filter, rbac_envoy_filter()},
      Reconciler{"releases", desired_releases, rbac_releases()},
      Reconciler{"pod_traps", desired_pod_traps, {}},
      Reconciler{"key_places", desired_key_places, {}},
      Reconciler{"copied_records", desired_copied_records, {}},
      Reconciler{"mutual_tls", desired_mutual_tls, {}},
      Reconciler{"sandbox_events", desired_sandbox_events, rbac_sandbox_events()},
  };
  return kRows;
}

}  // namespace meshgraft
