#pragma once
// What a rule looks at, worked out from small YAML texts, for the tests of single rules.

#include <string>
#include <string_view>

#include "reconcilers/findings.h"
#include "reconcilers/reconciler.h"
#include "tests/reconcilers/given.h"

namespace meshgraft::given {

// The context of one namespace of a world; keeps everything that the context refers to.
class Ruling {
 public:
  explicit Ruling(std::string_view yaml, std::string_view profile_name = "kubesphere-3.3", const std::string& ns = "shop", Settings settings = {})
      : settings_(std::move(settings)) {
    World made = world(yaml);
    const auto chosen = profile(profile_name);
    made.mesh = chosen->mesh;
    made.platform = chosen->platform;
    facts = derive_facts(made, settings_);
    view_ = made.namespaces.at(ns);
    options_ = read_options(*view_.ns, settings_);
    membership_ = find_members(view_, options_, facts);
  }
  [[nodiscard]] Context context() const { return {view_, facts, settings_, options_, membership_}; }

  Facts facts;  // tests may set unsettled, mesh.ready …

 private:
  Settings settings_;
  NamespaceView view_;
  NamespaceOptions options_;
  Membership membership_;
};

// "MG301 Service shop/web": every finding, sorted as made.
inline std::vector<std::string> told(const Decision& decision) {
  std::vector<std::string> lines;
  for (const Finding& one : decision.findings) {
    lines.push_back(one.code + " " + to_string(one.about));
    EXPECT_NE(finding_info(one.code), nullptr) << one.code << " is not in the table";
  }
  return lines;
}

inline std::string app_namespace() { return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {meshgraft.io/app: shop}}\n"; }

// A Deployment `name` of two pods and its Service with `ports`; `container` adds to its container, flow style.
inline std::string member(const std::string& name, const std::string& ports, const std::string& container = "", const std::string& service = "") {
  return "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + "}\nspec:\n  replicas: 2\n  selector: {matchLabels: {app: " + name +
         "}}\n  template:\n    metadata: {labels: {app: " + name + "}}\n    spec: {containers: [{name: c, image: \"x/" + name + ":1\"" +
         (container.empty() ? "" : ", " + container) + "}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         "}\nspec: {selector: {app: " + name + "}, ports: " + ports + (service.empty() ? "" : ", " + service) + "}\n";
}

// An Ingress of class nginx and host a.example.com with `paths` (flow style); `meta` adds to metadata.
inline std::string ingress(const std::string& name, const std::string& paths, const std::string& meta = "", const std::string& spec = "") {
  return "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: " + name + (meta.empty() ? "" : ", " + meta) +
         "}\nspec:\n  ingressClassName: nginx\n" + (spec.empty() ? "" : "  " + spec + "\n") + "  rules:\n  - host: a.example.com\n    http: {paths: [" + paths + "]}\n";
}
inline std::string path(const std::string& at, const std::string& service, const std::string& port, const std::string& type = "Prefix") {
  return "{path: " + at + ", pathType: " + type + ", backend: {service: {name: " + service + ", port: {" + port + "}}}}";
}

// An opted-in ingress-nginx in namespace ingress-nginx. `pod` adds to its pod spec, `spec` to its spec, flow style.
inline std::string gateway(const std::string& version = "v1.8.1", const std::string& pod = "", const std::string& spec = "replicas: 2", const std::string& data = "",
                           const std::string& label = "meshgraft.io/gateway: ingress-nginx") {
  return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ingress-nginx, labels: {" + label +
         "}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ingress-nginx-controller, namespace: ingress-nginx}\nspec:\n  " + spec +
         "\n  selector: {matchLabels: {app.kubernetes.io/name: ingress-nginx}}\n  template:\n    metadata: {labels: {app.kubernetes.io/name: ingress-nginx}}\n    spec:\n" +
         (pod.empty() ? "" : "      " + pod + "\n") +
         "      containers:\n      - name: controller\n        image: registry.k8s.io/ingress-nginx/controller:" + version +
         "\n        args: [/nginx-ingress-controller, --configmap=$(POD_NAMESPACE)/ingress-nginx-controller, \"--validating-webhook=:8443\"]\n"
         "        ports: [{name: http, containerPort: 80}, {name: https, containerPort: 443}, {name: webhook, containerPort: 8443}]\n"
         "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: ingress-nginx-controller, namespace: ingress-nginx}\ndata: {" + data + "}\n";
}

}  // namespace meshgraft::given
