// The meshes that a profile stands for, and facts as a file.
//
// Sources: KubeSphere's ks-installer (release-3.3 and v3.4.1, roles/ks-istio): revisions, policy "disabled", and the
// patch that takes the istio.io/rev clause out of the second webhook's objectSelector; the servicemesh extension of
// KubeSphere 4 for its namespace and revision; Istio's chart istio-discovery for the four webhooks of a default
// revision. The webhooks of kubesphere-3.3 and istio are those recorded in tests/data/injection.

#include <array>

#include "k8sclient/model/json_read.h"
#include "reconcilers/facts.h"
#include "reconcilers/keys.h"
#include "reconcilers/sidecar_size.h"

namespace meshgraft {
namespace {

Requirement absent(std::string_view key) { return {std::string(key), "DoesNotExist", {}}; }
Requirement in(std::string_view key, std::string_view value) { return {std::string(key), "In", {std::string(value)}}; }
Requirement not_in(std::string_view key, std::string_view value) { return {std::string(key), "NotIn", {std::string(value)}}; }

Webhook webhook(std::string_view name, std::vector<Requirement> of_namespace, std::vector<Requirement> of_object) {
  Webhook made;
  made.name = std::string(name) + ".sidecar-injector.istio.io";
  made.namespace_selector.expressions = std::move(of_namespace);
  made.object_selector.expressions = std::move(of_object);
  made.for_pods = true;
  return made;
}

// A revision without the name "default", as KubeSphere leaves it: every pod of a namespace without either label is
// put before istiod.
std::vector<Webhook> kubesphere_webhooks(std::string_view revision) {
  return {webhook("rev.namespace", {in(keys::kIstioRevision, revision), absent(keys::kIstioInjection)}, {not_in(keys::kSidecarInject, "false")}),
          webhook("rev.object", {absent(keys::kIstioRevision), absent(keys::kIstioInjection)}, {not_in(keys::kSidecarInject, "false")})};
}

std::vector<Webhook> default_webhooks() {
  return {webhook("rev.namespace", {in(keys::kIstioRevision, "default"), absent(keys::kIstioInjection)}, {not_in(keys::kSidecarInject, "false")}),
          webhook("rev.object", {absent(keys::kIstioRevision), absent(keys::kIstioInjection)},
                  {not_in(keys::kSidecarInject, "false"), in(keys::kIstioRevision, "default")}),
          webhook("namespace", {in(keys::kIstioInjection, "enabled")}, {not_in(keys::kSidecarInject, "false")}),
          webhook("object", {absent(keys::kIstioInjection), absent(keys::kIstioRevision)},
                  {in(keys::kSidecarInject, "true"), absent(keys::kIstioRevision)})};
}

constexpr std::array<std::string_view, 4> kNames{"kubesphere-3.3", "kubesphere-3.4", "kubesphere-4", "istio"};

MeshFacts mesh_of(Version version, std::string_view revision) {
  MeshFacts mesh;
  mesh.present = true;
  mesh.ready = true;
  mesh.version = version;
  mesh.revision = std::string(revision);
  return mesh;
}

PlatformFacts platform_of(std::string_view name, bool kubesphere) {
  PlatformFacts platform;
  platform.name = std::string(name);
  platform.kubesphere = kubesphere;
  platform.served = {Kind::virtual_service, Kind::destination_rule, Kind::envoy_filter, Kind::peer_authentication};
  if (kubesphere) platform.served.insert({Kind::application, Kind::strategy, Kind::gateway});
  return platform;
}

// ---- facts as JSON -----------------------------------------------------------------------------------------------

Json to_json(const LabelSelector& selector) {
  Json json = Json::object();
  if (!selector.match_labels.empty()) json["matchLabels"] = selector.match_labels;
  for (const Requirement& requirement : selector.expressions) {
    Json row = {{"key", requirement.key}, {"operator", requirement.op}};
    if (!requirement.values.empty()) row["values"] = requirement.values;
    json["matchExpressions"].push_back(std::move(row));
  }
  return json;
}

Result<LabelSelector> selector_from(const Json& json, const std::string& where) {
  LabelSelector selector;
  if (const Json* labels = value_at(json, "/matchLabels")) {
    if (!labels->is_object()) return fail(where + ".matchLabels is no object");
    for (const auto& [key, value] : labels->items()) {
      const auto* label = value.get_ptr<const std::string*>();
      if (label == nullptr) return fail(where + ".matchLabels." + key + " is no text");
      selector.match_labels.emplace(key, *label);
    }
  }
  if (const Json* rows = value_at(json, "/matchExpressions")) {
    if (!rows->is_array()) return fail(where + ".matchExpressions is no list");
    for (const Json& row : *rows) {
      Requirement requirement{text(row, "/key"), text(row, "/operator"), {}};
      if (requirement.key.empty() || requirement.op.empty()) return fail(where + ".matchExpressions has a row without key or operator");
      if (const Json* values = value_at(row, "/values"); values != nullptr && values->is_array()) {
        for (const Json& value : *values) {
          if (const auto* word = value.get_ptr<const std::string*>()) requirement.values.push_back(*word);
        }
      }
      selector.expressions.push_back(std::move(requirement));
    }
  }
  return selector;
}

// What is wrong with the list of istiods; "" when nothing is.
std::string read_istiods(const Json& json, std::vector<IstiodFacts>& list) {
  const Json* rows = value_at(json, "/istiods");
  if (rows == nullptr) return "";
  if (!rows->is_array()) return "mesh.istiods is no list";
  for (const Json& row : *rows) {
    IstiodFacts one{text(row, "/namespace"), text(row, "/name"), text(row, "/revision", "default"), parse_version(text(row, "/version")),
                    maybe_bool(row, "/ready").value_or(true)};
    if (one.name.empty()) return "mesh.istiods has a row without name";
    list.push_back(std::move(one));
  }
  return "";
}

Result<MeshFacts> mesh_from(const Json& json) {
  MeshFacts mesh;
  mesh.present = maybe_bool(json, "/present").value_or(true);
  mesh.ready = maybe_bool(json, "/ready").value_or(true);
  mesh.unready_why = text(json, "/readyWhy");
  if (const Json* clauses = value_at(json, "/disputed"); clauses != nullptr && clauses->is_array()) {
    for (const Json& clause : *clauses) mesh.disputed.push_back(text(clause, ""));
  }
  if (const auto version = maybe_text(json, "/version"); version && !version->empty()) {
    mesh.version = parse_version(*version);
    if (!mesh.version) return fail("mesh.version is \"" + *version + "\", which is no version such as 1.11.2");
  }
  mesh.revision = text(json, "/revision", "default");
  mesh.root_namespace = text(json, "/rootNamespace", "istio-system");
  const std::string policy = text(json, "/injectionPolicy", "disabled");
  if (policy != "enabled" && policy != "disabled") return fail("mesh.injectionPolicy is \"" + policy + "\"; allowed: enabled, disabled");
  mesh.policy_enabled = policy == "enabled";
  mesh.native_sidecars = maybe_bool(json, "/nativeSidecars").value_or(false);
  if (const Json* sidecar = value_at(json, "/sidecar")) {
    auto size = sidecar_size_from_json(*sidecar);
    if (!size) return fail("mesh.sidecar." + size.error().text);
    mesh.sidecar = *size;
  }
  mesh.cni = maybe_bool(json, "/cni").value_or(false);
  if (const Json* tags = value_at(json, "/tags")) {
    if (!tags->is_object()) return fail("mesh.tags is no object of tag and revision");
    for (const auto& [tag, revision] : tags->items()) mesh.tags.emplace(tag, text(revision, ""));
  }
  if (auto why = read_istiods(json, mesh.istiods); !why.empty()) return fail(why);
  const Json* webhooks = value_at(json, "/webhooks");
  if (webhooks == nullptr) return mesh;
  if (!webhooks->is_array()) return fail("mesh.webhooks is no list");
  for (const Json& row : *webhooks) {
    Webhook webhook;
    webhook.name = text(row, "/name");
    webhook.for_pods = true;
    const std::string where = "mesh.webhooks[" + std::to_string(mesh.injectors.size()) + "]";
    const Json none = Json::object();
    const Json* of_namespace = value_at(row, "/namespaceSelector");
    const Json* of_object = value_at(row, "/objectSelector");
    auto namespaces = selector_from(of_namespace == nullptr ? none : *of_namespace, where + ".namespaceSelector");
    if (!namespaces) return fail(namespaces.error().text);
    auto objects = selector_from(of_object == nullptr ? none : *of_object, where + ".objectSelector");
    if (!objects) return fail(objects.error().text);
    webhook.namespace_selector = std::move(*namespaces);
    webhook.object_selector = std::move(*objects);
    mesh.injectors.push_back(std::move(webhook));
  }
  return mesh;
}

Result<PlatformFacts> platform_from(const Json& json) {
  PlatformFacts platform;
  platform.name = text(json, "/name", "unknown");
  platform.kubesphere = maybe_bool(json, "/kubesphere").value_or(false);
  platform.mesh_on = maybe_bool(json, "/meshOn").value_or(true);
  platform.mesh_why = text(json, "/meshWhy");
  platform.cluster_domain = text(json, "/clusterDomain", "cluster.local");
  const Json* served = value_at(json, "/served");
  if (served == nullptr) return platform;
  if (!served->is_array()) return fail("platform.served is no list");
  for (const Json& row : *served) {
    const auto* name = row.get_ptr<const std::string*>();
    bool known = false;
    for (const KindInfo& kind : kinds()) {
      if (name == nullptr || kind.watch != Watch::if_served || *name != std::string(kind.name) + "." + std::string(kind.group)) continue;
      platform.served.insert(kind.kind);
      known = true;
    }
    if (!known) return fail("platform.served has an entry that is no kind such as EnvoyFilter.networking.istio.io");
  }
  return platform;
}

}  // namespace

std::vector<std::string_view> profile_names() { return {kNames.begin(), kNames.end()}; }

std::optional<Profile> profile(std::string_view name) {
  if (name == "kubesphere-3.3" || name == "kubesphere-3.4") {
    const bool is_33 = name == "kubesphere-3.3";
    const std::string_view revision = is_33 ? "1-11-2" : "1-14-6";
    Profile made{mesh_of(is_33 ? Version{1, 11, 2} : Version{1, 14, 6}, revision), platform_of(is_33 ? "kubesphere 3.3" : "kubesphere 3.4", true)};
    made.mesh.injectors = kubesphere_webhooks(revision);
    return made;
  }
  if (name == "kubesphere-4") {
    Profile made{mesh_of({1, 16, 5}, "1-16-5"), platform_of("kubesphere 4", true)};
    made.mesh.root_namespace = "extension-servicemesh";
    made.mesh.injectors = kubesphere_webhooks("1-16-5");
    return made;
  }
  if (name == "istio") {
    Profile made{mesh_of({1, 31, 0}, "default"), platform_of("istio", false)};
    made.mesh.policy_enabled = true;
    made.mesh.injectors = default_webhooks();
    return made;
  }
  return std::nullopt;
}

Json facts_to_json(const MeshFacts& mesh, const PlatformFacts& platform) {
  Json json;
  Json& m = json["mesh"];
  m["present"] = mesh.present;
  m["ready"] = mesh.ready;
  if (!mesh.unready_why.empty()) m["readyWhy"] = mesh.unready_why;
  if (!mesh.disputed.empty()) m["disputed"] = mesh.disputed;
  if (mesh.version) m["version"] = to_string(*mesh.version);
  m["revision"] = mesh.revision;
  m["rootNamespace"] = mesh.root_namespace;
  m["injectionPolicy"] = mesh.policy_enabled ? "enabled" : "disabled";
  m["nativeSidecars"] = mesh.native_sidecars;
  m["sidecar"] = sidecar_size_to_json(mesh.sidecar);
  m["cni"] = mesh.cni;
  if (!mesh.tags.empty()) m["tags"] = mesh.tags;
  for (const IstiodFacts& one : mesh.istiods) {
    Json row{{"namespace", one.ns}, {"name", one.name}, {"revision", one.revision}, {"ready", one.ready}};
    if (one.version) row["version"] = to_string(*one.version);
    m["istiods"].push_back(std::move(row));
  }
  m["webhooks"] = Json::array();
  for (const Webhook& webhook : mesh.injectors) {
    if (!webhook.for_pods) continue;
    m["webhooks"].push_back({{"name", webhook.name},
                             {"namespaceSelector", to_json(webhook.namespace_selector)},
                             {"objectSelector", to_json(webhook.object_selector)}});
  }
  Json& p = json["platform"];
  p["name"] = platform.name;
  p["kubesphere"] = platform.kubesphere;
  p["meshOn"] = platform.mesh_on;
  if (!platform.mesh_why.empty()) p["meshWhy"] = platform.mesh_why;
  p["clusterDomain"] = platform.cluster_domain;
  p["served"] = Json::array();
  for (const Kind kind : platform.served) p["served"].push_back(std::string(info(kind).name) + "." + std::string(info(kind).group));
  return json;
}

Result<Profile> facts_from_json(const Json& json) {
  if (!json.is_object()) return fail("the facts are no object with the keys mesh and platform");
  const Json none = Json::object();
  const Json* mesh_json = value_at(json, "/mesh");
  const Json* platform_json = value_at(json, "/platform");
  if (mesh_json == nullptr && platform_json == nullptr) return fail("the facts have neither the key mesh nor the key platform");
  if (mesh_json != nullptr && !mesh_json->is_object()) return fail("mesh is no object");
  if (platform_json != nullptr && !platform_json->is_object()) return fail("platform is no object");
  auto mesh = mesh_from(mesh_json == nullptr ? none : *mesh_json);
  if (!mesh) return fail(mesh.error().text);
  auto platform = platform_from(platform_json == nullptr ? none : *platform_json);
  if (!platform) return fail(platform.error().text);
  return Profile{std::move(*mesh), std::move(*platform)};
}

}  // namespace meshgraft
