#pragma once
// Would the mesh put a sidecar into this pod? The two layers of the real thing: the webhooks' selectors, then the
// injector's own decision. Called by the engine when a pod is created. Pure; independent of the reconcilers' own
// simulator on purpose, both are held to the same recorded rows.

#include <string>
#include <vector>

#include "k8sclient/base/json.h"

namespace meshgraft::fakes {

struct Injector {
  bool enabled_by_default = true;  // policy of ConfigMap istio-sidecar-injector
  bool honours_label = true;  // pod label sidecar.istio.io/inject decides before the annotation (Istio 1.14 and later)
  std::string image = "istio/proxyv2:1.31";
  std::string revision = "default";
};

// `configurations`: the MutatingWebhookConfigurations in force. Only webhooks named *.sidecar-injector.istio.io for
// created pods count.
bool gets_sidecar(const std::vector<Json>& configurations, const std::string& ns, const Json& namespace_labels,
                  const Json& pod, const Injector& injector);

// Adds container istio-proxy, init container istio-init and annotation sidecar.istio.io/status.
void add_sidecar(Json& pod, const Injector& injector);

}  // namespace meshgraft::fakes
