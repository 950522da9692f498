#pragma once
// What an ingress controller's pod template says about itself: arguments, ports, version. derive_facts and the rule
// for the gateway both read controllers through this. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconcilers/types.h"

namespace meshgraft {

struct IngressController {
  const Container* container = nullptr;  // of the workload that it was read from
  std::string controller_class;          // --controller-class
  std::string ingress_class;             // --ingress-class
  std::string config_map_ns, config_map; // --configmap with $(POD_NAMESPACE) filled in; "" when it names none
  std::string watched_namespace;         // --watch-namespace, "" for all
  std::string default_backend;           // --default-backend-service as "namespace/name", "" when it names none
  bool without_class = false;            // --watch-ingress-without-class
  bool kubesphere = false;               // made by KubeSphere's gateway controller: never edited
  std::optional<bool> validates;         // --enable-annotation-validation, where it says so
  int http_port = 80, https_port = 443;  // --http-port, --https-port
  int webhook_port = 0;                  // --validating-webhook, 0 when it has none
  std::optional<Version> version;        // from the image tag
};

// nullopt when `workload` is no ingress-nginx controller (a Deployment or DaemonSet; rules 9).
std::optional<IngressController> read_ingress_controller(const Workload& workload);

// The gateways of one namespace: one for its ingress-nginx controllers together, one for every KubeSphere Gateway.
// `classes` are all IngressClasses of the cluster.
std::vector<GatewayFacts> gateways_of(const NamespaceView& view, const std::vector<std::shared_ptr<const IngressClass>>& classes,
                                      const Settings& settings);

// Whether `gateway` serves an Ingress of `ns` whose class resolved to `class_name`.
bool serves(const GatewayFacts& gateway, std::string_view ns, std::string_view class_name);

// The class of an Ingress: spec, then annotation, then the cluster's default class, else "".
std::string class_of(const Ingress& ingress, const std::vector<std::shared_ptr<const IngressClass>>& classes);

}  // namespace meshgraft
