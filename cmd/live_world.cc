#include "cmd/live_world.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <utility>

#include "reconcilers/keys.h"
#include "reconcilers/mesh_facts.h"
#include "reconcilers/plan.h"
#include "reconcilers/replace_scalers.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

// Every page of a list.
ApiResult<std::vector<ObjectPtr>> list_all(Api& api, Kind kind, const std::string& ns) {
  std::vector<ObjectPtr> objects;
  ListRequest request;
  request.kind = kind;
  request.ns = ns;
  request.label_selector = info(kind).label_selector;
  bool restarted = false;
  while (true) {
    ApiResult<ListPage> page = api.list(request);
    if (!page) {
      // The token of a long list expired: the server wants it begun anew, once.
      if (page.error().kind == ErrorClass::gone && !restarted) {
        restarted = true;
        objects.clear();
        request.continue_token.clear();
        continue;
      }
      return Unexpected<ApiError>(page.error());
    }
    std::move(page->items.begin(), page->items.end(), std::back_inserter(objects));
    if (page->continue_token.empty()) return objects;
    request.continue_token = page->continue_token;
  }
}

std::set<Kind> served_kinds(const std::vector<ObjectPtr>& crds) {
  std::set<std::string> names;
  for (const ObjectPtr& crd : crds) names.insert(crd->meta.name);
  std::set<Kind> served;
  for (const KindInfo& row : kinds()) {
    if (row.watch == Watch::if_served && names.contains(std::string(row.plural) + "." + std::string(row.group))) served.insert(row.kind);
  }
  return served;
}

// What is read of a namespace only when a rule may write in it.
constexpr std::array kOnDemand{Kind::pod, Kind::endpoint_slice, Kind::resource_quota, Kind::limit_range, Kind::disruption_budget, Kind::autoscaler};

// What was read of a namespace and is empty is not what is unknown.
template <typename Read>
void tell_empty_from_unknown(NamespaceView& view, const Read& was_read) {
  if (!view.pods && was_read(Kind::pod)) view.pods.emplace();
  if (!view.slices && was_read(Kind::endpoint_slice)) view.slices.emplace();
  if (!view.limits) view.limits.emplace();  // who may not read them goes on without, as the controller does
  if (!was_read(Kind::autoscaler)) view.limits->autoscalers = {unlisted_autoscalers()};
  view.claims.reset();  // no list has them: read_wanted() reads those that a plan asks for
}

bool concerned(const Object& ns) { return ns.meta.labels.contains(keys::kApp) || ns.meta.labels.contains(keys::kGateway); }

// Labelled namespaces with a rollout under way: their Events tell why it takes so long.
std::set<std::string> with_rollouts(const std::vector<ObjectPtr>& objects, const std::set<std::string>& labelled) {
  std::set<std::string> found;
  for (const ObjectPtr& object : objects) {
    const Workload* workload = as<Workload>(object.get());
    if (workload != nullptr && labelled.contains(workload->meta.ns) && !rollout_is_over(*workload)) found.insert(workload->meta.ns);
  }
  return found;
}

// The ConfigMaps that facts and rules need, by name: a namespace may hold thousands that nobody reads.
std::set<ObjectKey> config_maps(const std::vector<ObjectPtr>& objects) {
  std::set<ObjectKey> wanted;
  for (const ObjectPtr& object : objects) {
    const Workload* workload = as<Workload>(object.get());
    if (workload == nullptr) continue;
    for (ObjectKey& key : config_maps_of(*workload)) wanted.insert(std::move(key));
  }
  return wanted;
}

}  // namespace

bool passing(const ApiError& error) {
  return error.kind == ErrorClass::transport || error.kind == ErrorClass::server || error.kind == ErrorClass::throttled || error.kind == ErrorClass::gone;
}

std::string describe(std::string_view doing, const ApiError& error) {
  std::string text = "cannot " + std::string(doing) + ": ";
  if (error.message.empty()) return text.append(to_string(error.kind));
  return text + error.message;
}

ReadError read_error(std::string_view doing, const ApiError& error) { return {describe(doing, error), passing(error)}; }

Result<LiveWorld, ReadError> list_world(Api& api) {
  return list_world(api, [](const std::string&) { return false; });
}

Result<LiveWorld, ReadError> list_world(Api& api, const std::function<bool(const std::string& ns)>& joining) {
  LiveWorld live;
  std::vector<ObjectPtr> objects;
  std::vector<ObjectPtr> namespaces;
  std::set<Kind> served;
  std::set<Kind> unread;
  const auto take = [&](Kind kind, const std::string& ns) -> Result<std::vector<ObjectPtr>, ReadError> {
    const std::string doing = "list " + std::string(info(kind).plural) + (ns.empty() ? "" : " of namespace " + ns);
    ApiResult<std::vector<ObjectPtr>> found = list_all(api, kind, ns);
    if (found) {
      objects.insert(objects.end(), found->begin(), found->end());
      return std::move(*found);
    }
    const ErrorClass why = found.error().kind;
    const bool absent = why == ErrorClass::not_found;
    if ((info(kind).watch == Watch::always && kind != Kind::controller_revision) || (why != ErrorClass::forbidden && !absent)) return Unexpected<ReadError>(read_error(doing, found.error()));
    unread.insert(kind);
    if (!absent) live.notes.push_back(describe(doing, found.error()) + "; rules that need them are off");
    return std::vector<ObjectPtr>{};
  };

  for (const KindInfo& row : kinds()) {
    if (row.watch != Watch::always) continue;
    Result<std::vector<ObjectPtr>, ReadError> found = take(row.kind, "");
    if (!found) return Unexpected<ReadError>(found.error());
    if (row.kind == Kind::crd) served = served_kinds(*found);
    if (row.kind == Kind::namespace_) namespaces = std::move(*found);
  }
  for (const Kind kind : served) {
    if (Result<std::vector<ObjectPtr>, ReadError> found = take(kind, ""); !found) return Unexpected<ReadError>(found.error());
  }
  std::set<std::string> looked_into;
  for (const ObjectPtr& ns : namespaces) {
    if (concerned(*ns) || joining(ns->meta.name)) looked_into.insert(ns->meta.name);
  }
  for (const ObjectPtr& ns : namespaces) {
    if (!looked_into.contains(ns->meta.name)) continue;
    for (const Kind kind : kOnDemand) {
      if (Result<std::vector<ObjectPtr>, ReadError> found = take(kind, ns->meta.name); !found) return Unexpected<ReadError>(found.error());
    }
  }
  for (const std::string& ns : with_rollouts(objects, looked_into)) {
    if (Result<std::vector<ObjectPtr>, ReadError> found = take(Kind::event, ns); !found) return Unexpected<ReadError>(found.error());
  }
  for (const ObjectKey& key : config_maps(objects)) {
    ApiResult<ObjectPtr> found = api.get(key);
    if (found) {
      objects.push_back(std::move(*found));
    } else if (found.error().kind == ErrorClass::forbidden) {
      live.notes.push_back(describe("read " + to_string(key), found.error()) + "; what it says is not known");
    } else if (found.error().kind != ErrorClass::not_found) {
      return Unexpected<ReadError>(read_error("read " + to_string(key), found.error()));
    }
  }

  live.world = make_world(objects);
  for (const Kind kind : unread) served.erase(kind);
  live.world.served = served;
  for (auto& [name, view] : live.world.namespaces) {
    if (looked_into.contains(name)) tell_empty_from_unknown(view, [&unread](Kind kind) { return !unread.contains(kind); });
  }
  return live;
}

Result<Unit, ReadError> list_namespace(Api& api, LiveWorld& live, const std::string& ns) {
  ApiResult<ObjectPtr> itself = api.get({Kind::namespace_, "", ns});
  if (!itself) return Unexpected<ReadError>(read_error("read namespace " + ns, itself.error()));
  std::vector<ObjectPtr> objects{*itself};
  const auto take = [&](Kind kind) -> Result<bool, ReadError> {
    ApiResult<std::vector<ObjectPtr>> found = list_all(api, kind, ns);
    if (found) {
      objects.insert(objects.end(), found->begin(), found->end());
      return true;
    }
    const bool needed = info(kind).watch == Watch::always && kind != Kind::controller_revision;
    if (!needed && (found.error().kind == ErrorClass::forbidden || found.error().kind == ErrorClass::not_found)) return false;  // list_world said so
    return Unexpected<ReadError>(read_error("list " + std::string(info(kind).plural) + " of namespace " + ns, found.error()));
  };
  for (const KindInfo& row : kinds()) {
    if (!row.namespaced || row.watch == Watch::never || (row.watch == Watch::if_served && !live.world.served.contains(row.kind))) continue;
    if (Result<bool, ReadError> ok = take(row.kind); !ok) return Unexpected<ReadError>(ok.error());
  }
  std::set<Kind> read;
  for (const Kind kind : kOnDemand) {
    Result<bool, ReadError> ok = take(kind);
    if (!ok) return Unexpected<ReadError>(ok.error());
    if (*ok) read.insert(kind);
  }
  NamespaceView fresh = std::move(make_world(objects).namespaces[ns]);
  tell_empty_from_unknown(fresh, [&read](Kind kind) { return read.contains(kind); });
  NamespaceView& view = live.world.namespaces[ns];
  fresh.config_maps = std::move(view.config_maps);
  view = std::move(fresh);
  return Unit{};
}

namespace {

// What the namespace has of a kind, sorted by name; noted and left unknown when it cannot be read.
template <typename T>
void read_list(Api& api, Kind kind, const std::string& ns, std::optional<std::vector<std::shared_ptr<const T>>>& into, std::vector<std::string>& notes) {
  ApiResult<std::vector<ObjectPtr>> found = list_all(api, kind, ns);
  if (!found) {
    notes.push_back(describe("list " + std::string(info(kind).plural) + " of namespace " + ns, found.error()));
    return;
  }
  into.emplace();
  for (const ObjectPtr& object : *found) {
    if (std::shared_ptr<const T> one = as<T>(object)) into->push_back(std::move(one));
  }
  std::sort(into->begin(), into->end(), [](const auto& a, const auto& b) { return a->meta.name < b->meta.name; });
}

}  // namespace

void read_wanted(Api& api, World& world, const Settings& settings, std::vector<std::string>& notes) {
  const Facts facts = derive_facts(world, settings);
  for (auto& [name, view] : world.namespaces) {
    if (!meshgraft::concerned(view, facts, settings)) continue;
    Plan wanted = plan(view, facts, settings, Gating::open);
    if (wanted.wants_claims) {
      read_list(api, Kind::volume_claim, name, view.claims, notes);
      if (!view.claims) view.claims.emplace();  // who may not read them knows none, as the controller
      wanted = plan(view, facts, settings, Gating::open);
    }
    for (const ObjectKey& key : wanted.wants_live) {
      ApiResult<Json> whole = api.get_json(key);
      if (whole) {
        view.live.insert_or_assign(key, std::make_shared<const Json>(*std::move(whole)));
      } else if (whole.error().kind != ErrorClass::not_found) {  // it has gone since it was listed
        notes.push_back(describe("read " + to_string(key), whole.error()));
      }
    }
    if (wanted.wants_replica_sets) read_list(api, Kind::replica_set, name, view.replica_sets, notes);
  }
}

}  // namespace meshgraft
