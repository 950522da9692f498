#include "controller/cache.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "controller/relevance.h"

namespace meshgraft {
namespace {

using Standing = WatchMachine::Standing;

std::optional<std::uint64_t> as_number(std::string_view version) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), number);
  if (error != std::errc() || end != version.data() + version.size() || version.empty()) return std::nullopt;
  return number;
}

bool name_before(const ObjectPtr& object, std::string_view name) { return object->meta.name < name; }

std::vector<ObjectPtr>::const_iterator place_of(const std::vector<ObjectPtr>& row, std::string_view name) {
  return std::lower_bound(row.begin(), row.end(), name, name_before);
}
std::vector<ObjectPtr>::iterator place_of(std::vector<ObjectPtr>& row, std::string_view name) {
  return std::lower_bound(row.begin(), row.end(), name, name_before);
}

bool is_at(const std::vector<ObjectPtr>& row, std::vector<ObjectPtr>::const_iterator place, std::string_view name) {
  return place != row.end() && (*place)->meta.name == name;
}

bool matters(const ObjectPtr& before, const ObjectPtr& after) {
  return before == nullptr || after == nullptr || !same_for_rules(*before, *after);
}

// The differences of two rows sorted by name.
void compare_rows(const std::vector<ObjectPtr>& before, const std::vector<ObjectPtr>& after,
                  std::vector<CacheChange>& changes) {
  auto b = before.begin();
  auto a = after.begin();
  while (b != before.end() || a != after.end()) {
    if (a == after.end() || (b != before.end() && (*b)->meta.name < (*a)->meta.name)) {
      changes.push_back({*b++, nullptr});
    } else if (b == before.end() || (*a)->meta.name < (*b)->meta.name) {
      changes.push_back({nullptr, *a++});
    } else {
      if (matters(*b, *a)) changes.push_back({*b, *a});
      ++b;
      ++a;
    }
  }
}

template <typename T>
void copy_row(const Shelf& shelf, std::string_view ns, std::vector<std::shared_ptr<const T>>& into) {
  const auto row = shelf.find(ns);
  if (row == shelf.end()) return;
  into.reserve(into.size() + row->second.size());
  for (const ObjectPtr& object : row->second) {
    if (auto typed = as<T>(object)) into.push_back(std::move(typed));
  }
}

template <typename T>
void copy_all(const Shelf& shelf, std::vector<std::shared_ptr<const T>>& into) {
  for (const auto& [ns, row] : shelf) copy_row(shelf, ns, into);
}

// Nothing more will be heard of the kind for now, or all that is there was heard.
bool is_decided(const KindState& state) { return !state.wanted || state.standing != Standing::starting; }

// The copy is true, or will be again. What was read once and is forbidden now is asked for again (a starting API server
// forbids everything for a moment): until then its copy is old, not gone.
bool is_followed(const KindState& state, bool was_read) {
  if (!state.wanted) return false;
  return state.standing == Standing::synced || state.standing == Standing::failing ||
         (state.standing == Standing::forbidden && was_read);
}

}  // namespace

void put_on(Shelf& shelf, std::vector<ObjectPtr> objects) {
  for (ObjectPtr& object : objects) {
    std::vector<ObjectPtr>& row = shelf[object->meta.ns];
    // Lists come sorted, so this is nearly always the end.
    if (row.empty() || row.back()->meta.name < object->meta.name) {
      row.push_back(std::move(object));
      continue;
    }
    const auto place = place_of(row, object->meta.name);
    if (is_at(row, place, object->meta.name)) {
      *place = std::move(object);
    } else {
      row.insert(place, std::move(object));
    }
  }
}

void take_off(Shelf& shelf, const Object& object) {
  const auto row = shelf.find(object.meta.ns);
  if (row == shelf.end()) return;
  const auto place = place_of(row->second, object.meta.name);
  if (is_at(row->second, place, object.meta.name)) row->second.erase(place);
  if (row->second.empty()) shelf.erase(row);
}

void Cache::advance(Slot& slot, std::string_view resource_version) {
  if (const std::optional<std::uint64_t> number = as_number(resource_version)) {
    slot.progress = std::max(*number, slot.progress.value_or(0));
  }
}

std::optional<CacheChange> Cache::upsert(ObjectPtr object, std::string_view resource_version) {
  CacheChange change{nullptr, object};
  {
    const MutexLock lock(mutex_);
    Slot& kind = slot(object->kind);
    advance(kind, resource_version);
    std::vector<ObjectPtr>& row = kind.shelf[object->meta.ns];
    const auto place = place_of(row, object->meta.name);
    if (is_at(row, place, object->meta.name)) {
      change.before = std::exchange(*place, std::move(object));
    } else {
      row.insert(place, std::move(object));
      ++kind.objects;
    }
  }
  if (!matters(change.before, change.after)) return std::nullopt;
  return change;
}

std::optional<CacheChange> Cache::remove(const Object& object, std::string_view resource_version) {
  CacheChange change;
  const MutexLock lock(mutex_);
  Slot& kind = slot(object.kind);
  advance(kind, resource_version);
  const auto row = kind.shelf.find(object.meta.ns);
  if (row == kind.shelf.end()) return std::nullopt;
  const auto place = place_of(row->second, object.meta.name);
  if (!is_at(row->second, place, object.meta.name)) return std::nullopt;
  change.before = std::move(*place);
  row->second.erase(place);
  if (row->second.empty()) kind.shelf.erase(row);
  --kind.objects;
  return change;
}

std::vector<CacheChange> Cache::replace(Kind kind, const Scope& scope, Shelf objects,
                                        std::string_view resource_version) {
  Shelf old;
  std::vector<CacheChange> changes;
  if (scope.name.empty()) {
    // Both maps are looked at outside the lock; objects are immutable and rows of `objects` were copied in.
    {
      const MutexLock lock(mutex_);
      Slot& here = slot(kind);
      old = std::exchange(here.shelf, objects);
      here.objects = 0;
      for (const auto& [ns, row] : here.shelf) here.objects += row.size();
      // A server restored from a backup counts from an earlier version on.
      here.progress = as_number(resource_version);
    }
    const std::vector<ObjectPtr> none;
    for (const auto& [ns, row] : old) {
      const auto now = objects.find(ns);
      compare_rows(row, now == objects.end() ? none : now->second, changes);
    }
    for (const auto& [ns, row] : objects) {
      if (!old.contains(ns)) compare_rows(none, row, changes);
    }
    return changes;
  }

  const auto row = objects.find(scope.ns);
  ObjectPtr now;
  if (row != objects.end()) {
    const auto place = place_of(std::as_const(row->second), scope.name);
    if (is_at(row->second, place, scope.name)) now = *place;
  }
  std::optional<CacheChange> change;
  if (now != nullptr) {
    change = upsert(std::move(now), resource_version);
  } else if (const ObjectPtr gone = get({kind, scope.ns, scope.name})) {
    change = remove(*gone, resource_version);
  }
  if (change) changes.push_back(std::move(*change));
  return changes;
}

void Cache::bookmark(Kind kind, std::string_view resource_version) {
  const MutexLock lock(mutex_);
  advance(slot(kind), resource_version);
}

bool Cache::set_standing(Kind kind, const Scope& scope, Standing standing, bool wanted, std::string why) {
  const MutexLock lock(mutex_);
  if (!wanted && !scope.name.empty()) return slot(kind).standing.erase(scope) > 0;
  KindState& state = slot(kind).standing[scope];
  const bool changed =
      state.kind != kind || state.standing != standing || state.wanted != wanted || state.why.empty() != why.empty();
  state = {kind, standing, wanted, 0, std::move(why)};
  return changed;
}

ObjectPtr Cache::find(Kind kind, std::string_view ns, std::string_view name) const {
  if (kind == Kind::other) return nullptr;
  const Shelf& shelf = slot(kind).shelf;
  const auto row = shelf.find(ns);
  if (row == shelf.end()) return nullptr;
  const auto place = place_of(row->second, name);
  return is_at(row->second, place, name) ? *place : nullptr;
}

ObjectPtr Cache::get(const ObjectKey& key) const {
  const MutexLock lock(mutex_);
  return find(key.kind, key.ns, key.name);
}

std::vector<ObjectPtr> Cache::all(Kind kind) const {
  const MutexLock lock(mutex_);
  std::vector<ObjectPtr> objects;
  objects.reserve(slot(kind).objects);
  for (const auto& [ns, row] : slot(kind).shelf) objects.insert(objects.end(), row.begin(), row.end());
  return objects;
}

NamespaceView Cache::view_locked(const std::string& ns, std::shared_ptr<const Namespace> object) const {
  NamespaceView view;
  view.name = ns;
  view.ns = std::move(object);
  for (const Kind kind : {Kind::deployment, Kind::stateful_set, Kind::daemon_set})
    copy_row(slot(kind).shelf, ns, view.workloads);
  copy_row(slot(Kind::service).shelf, ns, view.services);
  copy_row(slot(Kind::ingress).shelf, ns, view.ingresses);
  copy_row(slot(Kind::config_map).shelf, ns, view.config_maps);
  copy_row(slot(Kind::application).shelf, ns, view.applications);
  copy_row(slot(Kind::virtual_service).shelf, ns, view.virtual_services);
  copy_row(slot(Kind::destination_rule).shelf, ns, view.destination_rules);
  copy_row(slot(Kind::envoy_filter).shelf, ns, view.envoy_filters);
  copy_row(slot(Kind::strategy).shelf, ns, view.strategies);
  copy_row(slot(Kind::gateway).shelf, ns, view.gateways);
  copy_row(slot(Kind::controller_revision).shelf, ns, view.records);
  return view;
}

std::optional<NamespaceView> Cache::view(const std::string& ns) const {
  const MutexLock lock(mutex_);
  std::shared_ptr<const Namespace> object = as<Namespace>(find(Kind::namespace_, "", ns));
  if (object == nullptr) return std::nullopt;
  return view_locked(ns, std::move(object));
}

World Cache::world() const {
  const MutexLock lock(mutex_);
  World world;
  std::vector<std::shared_ptr<const Namespace>> namespaces;
  copy_all(slot(Kind::namespace_).shelf, namespaces);
  for (std::shared_ptr<const Namespace>& ns : namespaces) {
    const std::string name = ns->meta.name;
    world.namespaces.emplace_hint(world.namespaces.end(), name, view_locked(name, std::move(ns)));
  }
  copy_all(slot(Kind::ingress_class).shelf, world.ingress_classes);
  copy_all(slot(Kind::webhook_configuration).shelf, world.webhooks);
  copy_all(slot(Kind::peer_authentication).shelf, world.peer_authentications);
  copy_all(slot(Kind::cluster_configuration).shelf, world.cluster_configurations);
  copy_all(slot(Kind::install_plan).shelf, world.install_plans);
  copy_all(slot(Kind::service_monitor).shelf, world.service_monitors);
  for (const KindInfo& row : kinds()) {
    if (row.watch != Watch::if_served) continue;
    for (const auto& [scope, state] : slot(row.kind).standing) {
      if (is_followed(state, slot(row.kind).progress.has_value())) world.served.insert(row.kind);
    }
  }
  return world;
}

bool Cache::has_seen(const ObjectKey& key, std::string_view resource_version) const {
  if (key.kind == Kind::other || resource_version.empty()) return true;
  const MutexLock lock(mutex_);
  const Slot& kind = slot(key.kind);
  const auto watched = [&key, &kind](const auto& entry) {
    const auto& [scope, state] = entry;
    const bool in_scope = scope.name.empty() || (scope.ns == key.ns && scope.name == key.name);
    return in_scope && is_followed(state, kind.progress.has_value());
  };
  if (std::none_of(kind.standing.begin(), kind.standing.end(), watched)) return true;

  const std::optional<std::uint64_t> wanted = as_number(resource_version);
  const ObjectPtr object = find(key.kind, key.ns, key.name);
  if (object != nullptr && object->meta.resource_version == resource_version) return true;
  if (!wanted) return false;
  // Events of a kind arrive in the order of their versions, so the newest one says how far the copy has come. Where
  // several watchers share a kind only the object itself can tell.
  const bool shared = std::any_of(kind.standing.begin(), kind.standing.end(),
                                  [](const auto& entry) { return !entry.first.name.empty(); });
  if (shared) {
    const std::optional<std::uint64_t> have =
        object == nullptr ? std::nullopt : as_number(object->meta.resource_version);
    return have && *have >= *wanted;
  }
  return kind.progress && *kind.progress >= *wanted;
}

bool Cache::synced() const {
  const MutexLock lock(mutex_);
  for (const KindInfo& row : kinds()) {
    const Slot& kind = slot(row.kind);
    if (row.watch == Watch::never && kind.standing.empty()) continue;
    if (kind.standing.empty()) return false;  // its watcher has not begun
    const auto decided = [](const auto& entry) { return is_decided(entry.second); };
    if (!std::all_of(kind.standing.begin(), kind.standing.end(), decided)) return false;
  }
  return true;
}

bool Cache::synced(Kind kind) const {
  const MutexLock lock(mutex_);
  const auto& all = slot(kind).standing;
  const auto listed = [](const auto& entry) {
    return entry.second.standing == Standing::synced || entry.second.standing == Standing::failing;
  };
  return !all.empty() && std::all_of(all.begin(), all.end(), listed);
}

bool Cache::is_missed(Kind kind) const {
  const MutexLock lock(mutex_);
  const auto& all = slot(kind).standing;
  return std::any_of(all.begin(), all.end(), [](const auto& entry) {
    return entry.second.wanted && entry.second.standing == Standing::absent;
  });
}

std::vector<KindState> Cache::states() const {
  const MutexLock lock(mutex_);
  std::vector<KindState> states;
  for (const KindInfo& row : kinds()) {
    const Slot& kind = slot(row.kind);
    if (row.watch == Watch::never && kind.standing.empty()) continue;
    KindState worst{row.kind, Standing::starting, true, kind.objects, ""};
    bool first = true;
    // Several watchers of a kind: one that is wanted speaks for the kind, the least good of them.
    for (const auto& [scope, state] : kind.standing) {
      if (!first && (!state.wanted || (worst.wanted && state.standing == Standing::synced))) continue;
      worst = state;
      first = false;
    }
    worst.objects = kind.objects;
    states.push_back(std::move(worst));
  }
  return states;
}

}  // namespace meshgraft
