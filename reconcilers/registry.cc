// The table of rules. Adding a rule is one file and one row here.

#include <array>

#include "reconcilers/application.h"
#include "reconcilers/deployment.h"
#include "reconcilers/envoy_filter.h"
#include "reconcilers/gateway.h"
#include "reconcilers/ingresses.h"
#include "reconcilers/platform.h"
#include "reconcilers/ports.h"
#include "reconcilers/reconciler.h"
#include "reconcilers/service.h"
#include "reconcilers/stateful_set.h"
#include "reconcilers/subsets.h"

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
constexpr std::array<RbacRule, 1> kDeployments{{{"apps", "deployments", kReadPatch, ""}}};
constexpr std::array<RbacRule, 1> kStatefulSets{{{"apps", "statefulsets", kReadPatch, ""}}};
constexpr std::array<RbacRule, 2> kServices{{{"", "services", kReadPatch, ""}, {"", "pods", kLookUp, ""}}};
constexpr std::array<RbacRule, 1> kApplications{{{"app.k8s.io", "applications", kReadPatchCreate, ""}}};

}  // namespace

std::span<const Reconciler> registry() {
  static const std::array kRows{
      Reconciler{"platform", desired_platform, kPlatform},
      Reconciler{"subsets", desired_subsets, {}},
      Reconciler{"middleware_ports", desired_middleware_ports, rbac_middleware_ports()},
      Reconciler{"deployment", desired_deployments, kDeployments},
      Reconciler{"stateful_set", desired_stateful_sets, kStatefulSets},
      Reconciler{"service_ports", desired_service_ports, rbac_service_ports()},
      Reconciler{"service", desired_services, kServices},
      Reconciler{"application", desired_application, kApplications},
      Reconciler{"ingress", desired_ingresses, rbac_ingresses()},
      Reconciler{"gateway", desired_gateway, rbac_gateway()},
      Reconciler{"envoy_filter", desired_envoy_filter, rbac_envoy_filter()},
  };
  return kRows;
}

}  // namespace meshgraft
