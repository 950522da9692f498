#include "cmd/source.h"

#include <algorithm>
#include <map>
#include <utility>

#include "cmd/controller_settings.h"
#include "cmd/manifests.h"
#include "cmd/report.h"
#include "k8sclient/model/refused_fields.h"
#include "reconcilers/findings.h"
#include "reconcilers/gateway_facts.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

constexpr std::string_view kDefaultProfile = "kubesphere-3.3";

// The mesh and platform of --facts or --profile.
Result<Profile> assumed_profile(const Options& options) {
  if (options.facts_file.empty()) {
    const std::string_view name = options.profile.empty() ? kDefaultProfile : std::string_view(options.profile);
    if (std::optional<Profile> found = profile(name)) return std::move(*found);
    return fail("unknown profile " + std::string(name));
  }
  Result<std::string> text = read_file(options.facts_file);
  if (!text) return fail(text.error().text);
  Result<Json> json = yaml_to_json(*text, options.facts_file);
  if (!json) return fail(json.error().text);
  Result<Profile> read = facts_from_json(*json);
  if (!read) return fail(options.facts_file + ": " + read.error().text);
  return read;
}

// "shop.yaml, document 2: Deployment of app/v1 …" for a document whose apiVersion is a slip of the pen: a group
// without a dot is Kubernetes' own, and Kubernetes has no such kind there. "" for every other.
std::string misspelt(const Document& document) {
  const Unknown* unknown = as<Unknown>(document.object.get());
  if (unknown == nullptr) return "";
  const std::string_view group = std::string_view(unknown->api_version).substr(0, unknown->api_version.find('/'));
  const bool known = std::any_of(kinds().begin(), kinds().end(), [&](const KindInfo& kind) { return kind.name == unknown->kind_name && kind.group.find('.') == std::string_view::npos; });
  if (!known || group.find('.') != std::string_view::npos) return "";
  return place_of(document) + ": " + unknown->kind_name + " " + unknown->meta.name + " is of apiVersion " +
         unknown->api_version + ", where Kubernetes has no such kind: it is left as it is";
}

// "not looked at: 2 ServiceAccounts, 1 CronJob": one line however many there are.
std::string unread_kinds(const std::vector<Document>& documents) {
  constexpr std::size_t kNamed = 3;
  std::map<std::pair<std::string, std::string>, int> count;  // by kind, and its group where Kubernetes has that kind too
  for (const Document& document : documents) {
    const Unknown* unknown = as<Unknown>(document.object.get());
    if (unknown == nullptr || !misspelt(document).empty()) continue;
    const bool known = std::any_of(kinds().begin(), kinds().end(), [unknown](const KindInfo& kind) { return kind.name == unknown->kind_name; });
    ++count[{unknown->kind_name, known ? unknown->api_version.substr(0, unknown->api_version.find('/')) : ""}];
  }
  std::vector<std::pair<std::pair<std::string, std::string>, int>> rows(count.begin(), count.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& left, const auto& right) { return left.second > right.second; });
  std::string text;
  for (std::size_t i = 0; i < rows.size() && i < kNamed; ++i) {
    text += (text.empty() ? "" : ", ") + counted(rows[i].second, rows[i].first.first);
    if (!rows[i].first.second.empty()) text += " of " + rows[i].first.second;
  }
  if (rows.size() > kNamed) text += " and " + counted(static_cast<int>(rows.size() - kNamed), "other kind");
  return text.empty() ? text : "not looked at: " + text;
}

// Whether the documents were printed by an API server rather than written by people.
bool is_dump(const std::vector<Document>& documents) {
  return std::any_of(documents.begin(), documents.end(), [](const Document& one) {
    return one.object != nullptr && !one.object->meta.uid.empty() && !one.object->meta.resource_version.empty();
  });
}

// What a plan of the cluster would have seen of the labelled namespaces and the dump does not show. What may be missing
// because there is none (quotas, autoscalers) is not named.
std::vector<std::string> unseen(const std::vector<Document>& documents, const World& world) {
  std::vector<std::string> notes;
  const bool gateway = std::any_of(world.namespaces.begin(), world.namespaces.end(), [](const auto& one) {
    return !one.second.gateways.empty() || std::any_of(one.second.workloads.begin(), one.second.workloads.end(), [](const auto& workload) { return read_ingress_controller(*workload).has_value(); });
  });
  for (const auto& [name, view] : world.namespaces) {
    if (!view.ns->meta.labels.contains(keys::kApp)) continue;
    const bool described = std::any_of(documents.begin(), documents.end(), [&ns = name](const Document& one) {
      return one.object->kind == Kind::namespace_ && one.object->meta.name == ns;
    });
    if (!described) notes.push_back("the dump has no Namespace " + name + ": what its labels and annotations say is not known");
    const bool runs = std::any_of(view.workloads.begin(), view.workloads.end(), [](const auto& workload) { return workload->replicas > 0; });
    if (runs && !view.pods) notes.push_back("the dump has no Pods of namespace " + name + ": pods that no workload made, and sidecars that did not come, are not seen");
    const bool serves = std::any_of(view.services.begin(), view.services.end(), [](const auto& service) { return !service->selector.empty(); });
    if (serves && !view.slices) notes.push_back("the dump has no EndpointSlices of namespace " + name + ": endpoints made by hand are not seen");
    if (!view.ingresses.empty() && !gateway) {
      notes.push_back("the dump has no ingress controller: whether a gateway elsewhere is in the mesh is not known, so the Ingresses of namespace " + name +
                      " count as served by none");
    }
  }
  return notes;
}

// What no API server would take, and where it stands.
void add_refused(const Document& document, std::vector<Finding>& findings) {
  for (const RefusedField& field : refused_fields(document)) {
    findings.push_back(finding("MG117", document.object->key(), place_of(document) + ": " + field.path + ": " + field.why));
  }
}

Result<Source> from_documents(const std::vector<Document>& documents, const Options& options) {
  if (documents.empty()) return fail("the files hold no document");
  std::vector<ObjectPtr> objects;
  objects.reserve(documents.size());
  for (const Document& document : documents) objects.push_back(document.object);
  Source source;
  for (const Document& document : documents) {
    if (std::string note = misspelt(document); !note.empty()) source.notes.push_back(std::move(note));
    add_refused(document, source.refused);
  }
  source.unread = unread_kinds(documents);
  source.world = make_world(running(objects));
  // What is created again is the whole document, of which the typed objects keep a part. A dump that bears a record
  // says also who applied what since: the way back asks for it.
  for (const Document& document : documents) {
    if (document.object == nullptr || document.object->kind == Kind::other) continue;
    const ObjectKey key = document.object->key();
    if (document.object->meta.annotations.contains(keys::kUndo))
      source.world.namespaces[key.ns].live.insert_or_assign(key, std::make_shared<const Json>(Json(document.json)));
    if (key.kind != Kind::deployment) continue;
    source.world.namespaces[key.ns].manifests.insert_or_assign(key.name, std::make_shared<const Json>(Json(document.json)));
  }
  Result<Profile> assumed = assumed_profile(options);
  if (!assumed) return fail(assumed.error().text);
  source.world.mesh = std::move(assumed->mesh);
  source.world.platform = std::move(assumed->platform);
  return source;
}

// What the command line says to assume about the world, whatever it was read from.
Result<Source> with_assumptions(Result<Source> source, const Options& options) {
  if (!source) return source;
  source->settings = settings_beside(options, source->world);
  source->world.istio_version = options.istio_version;
  source->world.ingress_nginx_version = options.ingress_nginx_version;
  if (Result<Unit> ok = assume(source->world, options.assumptions, source->scope); !ok) return fail(ok.error().text);
  if (options.replace_assumed) {
    source->notes.emplace_back("--policy replace acts as if the chart had replace.enabled=true");
  }
  return source;
}

Result<Source> from_files(const Options& options, const Terminal& terminal) {
  Result<std::vector<Document>> documents = read_paths(options.files, terminal.in, default_namespace(options));
  if (!documents) return fail(documents.error().text);
  Result<Source> source = with_assumptions(from_documents(*documents, options), options);
  if (!source || !is_dump(*documents)) return source;
  for (std::string& note : unseen(*documents, source->world)) source->notes.push_back(std::move(note));
  return source;
}

// Whether the command line would have us act as if `ns` were labelled.
bool is_joining(const Options& options, const std::string& scope, const std::string& ns) {
  return std::any_of(options.assumptions.begin(), options.assumptions.end(), [&](const Assumption& one) {
    const std::string& only = one.ns.empty() ? scope : one.ns;
    return one.label && (only.empty() || only == ns);
  });
}

// An error that looking again does not mend.
Unexpected<ReadError> stays(std::string text) { return Unexpected<ReadError>({std::move(text), false}); }

Result<Source, ReadError> from_cluster(const Options& options, const Connection& connection) {
  const bool all = options.all_namespaces || (options.settled && options.ns.empty());
  const std::string scope = all ? "" : options.ns.empty() ? connection.ns : options.ns;
  Result<LiveWorld, ReadError> live = list_world(*connection.api, [&](const std::string& ns) { return is_joining(options, scope, ns); });
  if (!live) return Unexpected<ReadError>(live.error());
  Source source;
  source.world = std::move(live->world);
  source.notes = std::move(live->notes);
  if (all) return source;
  source.scope = scope;
  if (!source.world.namespaces.contains(source.scope)) return stays("namespace \"" + source.scope + "\" not found");
  return source;
}

}  // namespace

std::string default_namespace(const Options& options) { return options.ns.empty() ? "default" : options.ns; }

std::vector<ObjectPtr> running(const std::vector<ObjectPtr>& objects) {
  std::vector<ObjectPtr> result;
  result.reserve(objects.size());
  for (const ObjectPtr& object : objects) {
    const Workload* workload = as<Workload>(object.get());
    if (workload == nullptr || workload->status.known) {
      result.push_back(object);
      continue;
    }
    auto healthy = std::make_shared<Workload>(*workload);
    Workload::Status& status = healthy->status;
    status.known = true;
    status.observed_generation = healthy->meta.generation;
    status.replicas = status.updated = status.ready = status.available = healthy->replicas;
    status.unavailable = 0;
    result.push_back(std::move(healthy));
  }
  return result;
}

namespace {

bool holds_a_controller(const NamespaceView& view) {
  return !view.gateways.empty() || std::any_of(view.workloads.begin(), view.workloads.end(), [](const auto& workload) { return read_ingress_controller(*workload).has_value(); });
}

}  // namespace

Result<Unit> assume(World& world, const std::vector<Assumption>& assumptions, std::string_view scope) {
  for (const Assumption& assumption : assumptions) {
    const std::string_view only = assumption.ns.empty() ? scope : std::string_view(assumption.ns);
    if (!only.empty() && !world.namespaces.contains(std::string(only))) {
      return fail("no object is in namespace \"" + std::string(only) + "\", which " + assumption.key + "=" + assumption.value + " names");
    }
    const bool holders = only.empty() && assumption.key == keys::kGateway &&
                         std::any_of(world.namespaces.begin(), world.namespaces.end(), [](const auto& one) { return holds_a_controller(one.second); });
    for (auto& [name, view] : world.namespaces) {
      if (!only.empty() && name != only) continue;
      if (holders && !holds_a_controller(view)) continue;
      auto labelled = std::make_shared<Namespace>(*view.ns);
      (assumption.label ? labelled->meta.labels : labelled->meta.annotations).insert_or_assign(assumption.key, assumption.value);
      view.ns = std::move(labelled);
    }
  }
  return Unit{};
}

Result<Source, ReadError> load(const Options& options, const Terminal& terminal) {
  if (!options.files.empty()) {
    Result<Source> source = from_files(options, terminal);
    if (!source) return stays(source.error().text);
    return std::move(*source);
  }
  Result<Connection> connection = terminal.connect(options, terminal.environment);
  if (!connection) return stays(connection.error().text);
  Result<Source, ReadError> read = from_cluster(options, *connection);
  if (!read) return read;
  Result<Source> source = with_assumptions(std::move(*read), options);
  if (!source) return stays(source.error().text);
  read_wanted(*connection->api, source->world, source->settings, source->notes);
  return std::move(*source);
}

Result<Source> load_documents(const std::vector<Document>& documents, const Options& options) {
  return with_assumptions(from_documents(documents, options), options);
}

}  // namespace meshgraft
