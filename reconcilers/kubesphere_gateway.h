#pragma once
// The rule for KubeSphere's own gateways (rules 9): they are switched into the mesh through their Gateway object
// (v1alpha1), never on their Deployment, which KubeSphere writes again and again. A project gateway follows the label
// of its project's Namespace, a cluster gateway the label meshgraft.io/gateway of the Namespace that it runs in. Pure.
//
//   Gateway of                         | done
//   an app namespace, v1alpha1         | spec.deployment.annotations, when that namespace is done with its own changes
//   an app namespace, v2alpha1 and on  | nothing; MG508 with the value to set
//   a namespace that nobody labelled   | nothing

#include "reconcilers/reconciler.h"

namespace meshgraft {

// Whether some KubeSphere gateway of this namespace is, or is to be, switched by us.
bool switches_kubesphere_gateway(const Context& context);

Decision desired_kubesphere_gateways(const Context& context);
std::span<const RbacRule> rbac_kubesphere_gateways();

}  // namespace meshgraft
