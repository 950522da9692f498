#include "tests/fakes/world.h"

#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

enum Trait : unsigned { kCluster = 1, kStatus = 2 };

struct CustomKind {
  const char *group, *kind, *plural, *singular, *short_name;
  std::vector<const char*> versions;  // the stored one first
  unsigned traits;
};

// Names and versions: KubeSphere 3.3.2's CRD files, Istio's crd-all.gen.yaml.
const std::vector<CustomKind>& istio_kinds() {
  static const std::vector<CustomKind> kinds = {
      {"networking.istio.io",
       "VirtualService",
       "virtualservices",
       "virtualservice",
       "vs",
       {"v1beta1", "v1alpha3"},
       kStatus},
      {"networking.istio.io",
       "DestinationRule",
       "destinationrules",
       "destinationrule",
       "dr",
       {"v1beta1", "v1alpha3"},
       kStatus},
      {"networking.istio.io", "Gateway", "gateways", "gateway", "gw", {"v1beta1", "v1alpha3"}, kStatus},
      {"networking.istio.io", "ServiceEntry", "serviceentries", "serviceentry", "se", {"v1beta1", "v1alpha3"}, kStatus},
      {"networking.istio.io", "Sidecar", "sidecars", "sidecar", "", {"v1beta1", "v1alpha3"}, kStatus},
      {"networking.istio.io", "EnvoyFilter", "envoyfilters", "envoyfilter", "", {"v1alpha3"}, kStatus},
      {"security.istio.io",
       "PeerAuthentication",
       "peerauthentications",
       "peerauthentication",
       "pa",
       {"v1beta1"},
       kStatus},
      {"security.istio.io",
       "AuthorizationPolicy",
       "authorizationpolicies",
       "authorizationpolicy",
       "",
       {"v1beta1"},
       kStatus}};
  return kinds;
}
const std::vector<CustomKind>& kubesphere_kinds() {
  static const std::vector<CustomKind> kinds = {
      {"app.k8s.io", "Application", "applications", "application", "app", {"v1beta1"}, kStatus},
      {"servicemesh.kubesphere.io", "Strategy", "strategies", "strategy", "", {"v1alpha2"}, 0},
      {"servicemesh.kubesphere.io", "ServicePolicy", "servicepolicies", "servicepolicy", "", {"v1alpha2"}, 0},
      {"gateway.kubesphere.io", "Gateway", "gateways", "gateway", "", {"v1alpha1"}, kStatus},
      {"monitoring.kubesphere.io",
       "ClusterDashboard",
       "clusterdashboards",
       "clusterdashboard",
       "",
       {"v1alpha2", "v1alpha1"},
       kCluster}};
  return kinds;
}
const CustomKind& cluster_configuration_kind() {
  static const CustomKind kind = {"installer.kubesphere.io",
                                  "ClusterConfiguration",
                                  "clusterconfigurations",
                                  "clusterconfiguration",
                                  "cc",
                                  {"v1alpha1"},
                                  0};
  return kind;
}
const CustomKind& install_plan_kind() {
  static const CustomKind kind = {"kubesphere.io", "InstallPlan",     "installplans", "installplan", "",
                                  {"v1alpha1"},    kCluster | kStatus};
  return kind;
}

Json crd_of(const CustomKind& kind) {
  Json versions = Json::array();
  for (const char* version : kind.versions) {
    Json one = {
        {"name", version},
        {"served", true},
        {"storage", versions.empty()},
        {"schema", {{"openAPIV3Schema", {{"type", "object"}, {"x-kubernetes-preserve-unknown-fields", true}}}}}};
    if ((kind.traits & kStatus) != 0) one["subresources"] = {{"status", Json::object()}};
    versions.push_back(std::move(one));
  }
  const std::string name = std::string(kind.plural) + "." + kind.group;
  Json names = {{"kind", kind.kind},
                {"plural", kind.plural},
                {"singular", kind.singular},
                {"listKind", std::string(kind.kind) + "List"}};
  if (*kind.short_name != '\0') names["shortNames"] = {kind.short_name};
  return {{"apiVersion", "apiextensions.k8s.io/v1"},
          {"kind", "CustomResourceDefinition"},
          {"metadata", {{"name", name}}},
          {"spec",
           {{"group", kind.group},
            {"scope", (kind.traits & kCluster) != 0 ? "Cluster" : "Namespaced"},
            {"names", names},
            {"versions", versions}}},
          {"status",
           {{"acceptedNames", names},
            {"conditions", Json::array({{{"type", "NamesAccepted"},
                                         {"status", "True"},
                                         {"reason", "NoConflicts"},
                                         {"lastTransitionTime", "2026-01-01T00:00:00Z"}},
                                        {{"type", "Established"},
                                         {"status", "True"},
                                         {"reason", "InitialNamesAccepted"},
                                         {"lastTransitionTime", "2026-01-01T00:00:00Z"}}})}}}};
}

Json expression(const char* key, const char* op, std::initializer_list<std::string> values = {}) {
  Json out = {{"key", key}, {"operator", op}};
  if (values.size() > 0) out["values"] = values;
  return out;
}

Json webhook(const char* name, Json namespaces, Json objects) {
  return {{"name", name},
          {"admissionReviewVersions", {"v1"}},
          {"sideEffects", "None"},
          {"failurePolicy", "Fail"},
          {"clientConfig", {{"service", {{"name", "istiod"}, {"namespace", "istio-system"}, {"path", "/inject"}}}}},
          {"namespaceSelector", {{"matchExpressions", std::move(namespaces)}}},
          {"objectSelector", {{"matchExpressions", std::move(objects)}}},
          {"rules",
           Json::array(
               {{{"operations", {"CREATE"}}, {"apiGroups", {""}}, {"apiVersions", {"v1"}}, {"resources", {"pods"}}}})}};
}

Json namespace_object(const std::string& name, Json labels = Json::object()) {
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}, {"labels", std::move(labels)}}}};
}

std::string suffix_of(const MeshFacts& mesh) { return mesh.revision == "default" ? "" : "-" + mesh.revision; }

Json istiod(const MeshFacts& mesh, Profile profile) {
  const std::string name = "istiod" + suffix_of(mesh);
  const Json labels = {
      {"app", "istiod"}, {"istio.io/rev", mesh.revision}, {"istio", profile == Profile::istio ? "pilot" : "istiod"}};
  return {{"apiVersion", "apps/v1"},
          {"kind", "Deployment"},
          {"metadata", {{"name", name}, {"namespace", mesh.root_namespace}, {"labels", labels}}},
          {"spec",
           {{"replicas", 1},
            {"selector", {{"matchLabels", {{"app", "istiod"}, {"istio.io/rev", mesh.revision}}}}},
            {"template",
             {{"metadata", {{"labels", labels}, {"annotations", {{"sidecar.istio.io/inject", "false"}}}}},
              {"spec",
               {{"containers",
                 Json::array({{{"name", "discovery"},
                               {"image", "istio/pilot:" + mesh.version},
                               {"ports", Json::array({{{"containerPort", 15010}, {"protocol", "TCP"}},
                                                      {{"containerPort", 15017}, {"protocol", "TCP"}}})}}})}}}}}}},
          {"status",
           {{"observedGeneration", 1},
            {"replicas", 1},
            {"updatedReplicas", 1},
            {"readyReplicas", 1},
            {"availableReplicas", 1},
            {"conditions",
             Json::array({{{"type", "Available"}, {"status", "True"}, {"reason", "MinimumReplicasAvailable"}}})}}}};
}

void seed_kubesphere(Engine& engine, Profile profile) {
  for (const char* ns : {"kubesphere-system", "kubesphere-devops-system"})
    engine.seed(namespace_object(ns, {{"istio-injection", "disabled"}}));
  engine.seed(namespace_object("kubesphere-controls-system"));
  if (profile == Profile::kubesphere_4) {
    engine.seed({{"apiVersion", "kubesphere.io/v1alpha1"},
                 {"kind", "InstallPlan"},
                 {"metadata", {{"name", "servicemesh"}}},
                 {"spec",
                  {{"extension", {{"name", "servicemesh"}, {"version", "0.1.0"}}},
                   {"enabled", true},
                   {"upgradeStrategy", "Manual"}}},
                 {"status", {{"state", "Installed"}, {"enabled", true}}}});
    return;
  }
  engine.seed(
      {{"apiVersion", "installer.kubesphere.io/v1alpha1"},
       {"kind", "ClusterConfiguration"},
       {"metadata",
        {{"name", "ks-installer"},
         {"namespace", "kubesphere-system"},
         {"labels", {{"version", profile == Profile::kubesphere_3_3 ? "v3.3.2" : "v3.4.1"}}}}},
       {"spec", {{"servicemesh", {{"enabled", true}, {"istio", {{"components", {{"cni", {{"enabled", false}}}}}}}}}}},
       {"status", {{"servicemesh", {{"status", "enabled"}, {"enabledTime", "2026-01-01T00:00:00UTC"}}}}}});
}

}  // namespace

std::optional<Profile> profile_named(std::string_view name) {
  if (name == "kubesphere-3.3") return Profile::kubesphere_3_3;
  if (name == "kubesphere-3.4") return Profile::kubesphere_3_4;
  if (name == "kubesphere-4") return Profile::kubesphere_4;
  if (name == "istio") return Profile::istio;
  return std::nullopt;
}

MeshFacts mesh_of(Profile profile) {
  switch (profile) {
    case Profile::kubesphere_3_3:
      return {"1.11.2", "1-11-2", "istio-system", false, false, true};
    case Profile::kubesphere_3_4:
      return {"1.14.6", "1-14-6", "istio-system", false, true, true};
    case Profile::kubesphere_4:
      return {"1.16.5", "1-16-5", "extension-servicemesh", false, true, true};
    case Profile::istio:
      break;
  }
  return {"1.31.0", "default", "istio-system", true, true, false};
}

Json injector_webhooks(Profile profile) {
  const MeshFacts mesh = mesh_of(profile);
  const Json unlabelled = expression("istio-injection", "DoesNotExist"),
             no_revision = expression("istio.io/rev", "DoesNotExist");
  const Json not_refused = expression("sidecar.istio.io/inject", "NotIn", {"false"});
  Json webhooks = Json::array();
  webhooks.push_back(webhook("rev.namespace.sidecar-injector.istio.io",
                             Json::array({expression("istio.io/rev", "In", {mesh.revision}), unlabelled}),
                             Json::array({not_refused})));
  // KubeSphere's installer takes the revision out of the second one: it is called for every pod.
  Json second = Json::array({not_refused});
  if (!mesh.kubesphere) second.push_back(expression("istio.io/rev", "In", {mesh.revision}));
  webhooks.push_back(
      webhook("rev.object.sidecar-injector.istio.io", Json::array({no_revision, unlabelled}), std::move(second)));
  if (!mesh.kubesphere) {
    webhooks.push_back(webhook("namespace.sidecar-injector.istio.io",
                               Json::array({expression("istio-injection", "In", {"enabled"})}),
                               Json::array({not_refused})));
    webhooks.push_back(webhook("object.sidecar-injector.istio.io", Json::array({unlabelled, no_revision}),
                               Json::array({expression("sidecar.istio.io/inject", "In", {"true"}), no_revision})));
  }
  std::string name = "istio-sidecar-injector" + suffix_of(mesh);
  if (mesh.root_namespace != "istio-system") name += "-" + mesh.root_namespace;
  return {{"apiVersion", "admissionregistration.k8s.io/v1"},
          {"kind", "MutatingWebhookConfiguration"},
          {"metadata", {{"name", name}, {"labels", {{"app", "sidecar-injector"}, {"istio.io/rev", mesh.revision}}}}},
          {"webhooks", std::move(webhooks)}};
}

void serve_custom_kinds(Engine& engine, Profile profile) {
  for (const CustomKind& kind : istio_kinds()) engine.seed(crd_of(kind));
  if (profile == Profile::istio) return;
  for (const CustomKind& kind : kubesphere_kinds()) engine.seed(crd_of(kind));
  engine.seed(crd_of(profile == Profile::kubesphere_4 ? install_plan_kind() : cluster_configuration_kind()));
}

void seed_world(Engine& engine, Profile profile, int nodes) {
  const MeshFacts mesh = mesh_of(profile);
  for (const char* ns : {"default", "kube-public", "kube-node-lease"}) engine.seed(namespace_object(ns));
  engine.seed(
      namespace_object("kube-system", mesh.kubesphere ? Json{{"istio-injection", "disabled"}} : Json::object()));
  engine.seed(
      namespace_object(mesh.root_namespace, mesh.kubesphere ? Json{{"istio-injection", "disabled"}} : Json::object()));
  for (int i = 1; i <= nodes; ++i) {
    const std::string name = "node-" + std::to_string(i);
    engine.seed(
        {{"apiVersion", "v1"},
         {"kind", "Node"},
         {"metadata", {{"name", name}, {"labels", {{"kubernetes.io/hostname", name}, {"kubernetes.io/os", "linux"}}}}},
         {"spec", {{"podCIDR", "10.244." + std::to_string(i) + ".0/24"}}},
         {"status",
          {{"capacity", {{"cpu", "8"}, {"memory", "32Gi"}, {"pods", "110"}}},
           {"allocatable", {{"cpu", "8"}, {"memory", "32Gi"}, {"pods", "110"}}},
           {"conditions", Json::array({{{"type", "Ready"}, {"status", "True"}, {"reason", "KubeletReady"}}})},
           {"addresses", Json::array({{{"type", "InternalIP"}, {"address", "192.168.0." + std::to_string(10 + i)}}})},
           {"nodeInfo", {{"kubeletVersion", "v1.37.2"}}}}}});
  }
  serve_custom_kinds(engine, profile);
  engine.seed(injector_webhooks(profile));
  const auto config_map = [&](const std::string& name, Json data) {
    engine.seed({{"apiVersion", "v1"},
                 {"kind", "ConfigMap"},
                 {"metadata",
                  {{"name", name + suffix_of(mesh)},
                   {"namespace", mesh.root_namespace},
                   {"labels", {{"istio.io/rev", mesh.revision}}}}},
                 {"data", std::move(data)}});
  };
  config_map("istio",
             {{"mesh", "defaultConfig:\n  discoveryAddress: istiod" + suffix_of(mesh) + "." + mesh.root_namespace +
                           ".svc:15012\nrootNamespace: " + mesh.root_namespace + "\ntrustDomain: cluster.local\n"}});
  config_map("istio-sidecar-injector",
             {{"config", std::string("policy: ") + (mesh.enabled_by_default ? "enabled" : "disabled") +
                             "\nalwaysInjectSelector:\n  []\nneverInjectSelector:\n  []\n"},
              {"values", "{\"global\":{\"istioNamespace\":\"" + mesh.root_namespace + "\"}}"}});
  engine.seed(istiod(mesh, profile));
  engine.seed(
      {{"apiVersion", "v1"},
       {"kind", "Service"},
       {"metadata",
        {{"name", "istiod" + suffix_of(mesh)}, {"namespace", mesh.root_namespace}, {"labels", {{"app", "istiod"}}}}},
       {"spec",
        {{"selector", {{"app", "istiod"}, {"istio.io/rev", mesh.revision}}},
         {"ports", Json::array({{{"name", "grpc-xds"}, {"port", 15010}},
                                {{"name", "https-webhook"}, {"port", 443}, {"targetPort", 15017}}})}}}});
  if (mesh.kubesphere) seed_kubesphere(engine, profile);
  Injector injector;
  injector.enabled_by_default = mesh.enabled_by_default;
  injector.honours_label = mesh.honours_label;
  injector.image = "istio/proxyv2:" + mesh.version;
  injector.revision = mesh.revision;
  engine.set_injector(std::move(injector));
}

}  // namespace meshgraft::fakes
