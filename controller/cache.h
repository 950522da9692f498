#pragma once
// Cache: the controller's copy of what the API server holds, of the kinds that rules read. Each kind is written by
// its watcher alone; workers, facts and the recorder of events take cheap snapshots (pointers to immutable objects).
// Decides nothing: it says which objects changed in a way that matters and how true each kind is.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/mutex.h"
#include "k8sclient/model/watch_machine.h"
#include "reconcilers/facts.h"

namespace meshgraft {

// Which objects of a kind a watcher is responsible for: all of them, or one by namespace and name.
struct Scope {
  std::string ns, name;
  auto operator<=>(const Scope&) const = default;
};

// `before` null: new; `after` null: gone.
struct CacheChange {
  ObjectPtr before, after;
  [[nodiscard]] const Object& any() const { return after != nullptr ? *after : *before; }
};

// Objects by namespace ("" for cluster-scoped kinds), sorted by name.
using Shelf = std::map<std::string, std::vector<ObjectPtr>, std::less<>>;

// How true the copy of a kind is; what /readyz?verbose shows.
struct KindState {
  Kind kind = Kind::other;
  WatchMachine::Standing standing = WatchMachine::Standing::starting;
  bool wanted = true;  // false: an optional kind whose CRD is not there, so nobody follows it
  std::size_t objects = 0;
  std::string why;  // the last error, "" when there is none
};

class Cache {
 public:
  // ---- for the one watcher of a kind and scope ----

  // Puts `object` in place of the one of its key; the change, unless no rule can tell both apart.
  std::optional<CacheChange> upsert(ObjectPtr object, std::string_view resource_version) EXCLUDES(mutex_);
  // Takes out the key of `object`.
  std::optional<CacheChange> remove(const Object& object, std::string_view resource_version) EXCLUDES(mutex_);
  // Everything in scope is now what `objects` says and nothing else, as of `resource_version`: the swap at the end of
  // a list. What vanished meanwhile is among the changes.
  std::vector<CacheChange> replace(Kind kind, const Scope& scope, Shelf objects, std::string_view resource_version)
      EXCLUDES(mutex_);
  // Nothing of the kind changed up to `resource_version`.
  void bookmark(Kind kind, std::string_view resource_version) EXCLUDES(mutex_);
  // Returns true when that is another standing than before, or trouble (`why`) began or ended. `wanted` false for a
  // single object that nobody follows any more: it is forgotten.
  bool set_standing(Kind kind, const Scope& scope, WatchMachine::Standing standing, bool wanted, std::string why)
      EXCLUDES(mutex_);

  // ---- for everybody ----

  // The namespace with all its objects; nullopt when there is no such namespace.
  [[nodiscard]] std::optional<NamespaceView> view(const std::string& ns) const EXCLUDES(mutex_);
  // Every namespace and every cluster-wide object; `served` holds the optional kinds that are synced.
  [[nodiscard]] World world() const EXCLUDES(mutex_);
  [[nodiscard]] ObjectPtr get(const ObjectKey& key) const EXCLUDES(mutex_);
  [[nodiscard]] std::vector<ObjectPtr> all(Kind kind) const EXCLUDES(mutex_);

  // True when the copy contains a write that left `resource_version` on `key`, or when nobody follows the kind so that
  // it never will. Versions that are numbers are compared as numbers (KEP-5504), others by equality.
  [[nodiscard]] bool has_seen(const ObjectKey& key, std::string_view resource_version) const EXCLUDES(mutex_);

  // True when every kind that is served and permitted was listed completely.
  [[nodiscard]] bool synced() const EXCLUDES(mutex_);
  // True when everybody who follows something of the kind has listed it completely, and somebody does.
  [[nodiscard]] bool synced(Kind kind) const EXCLUDES(mutex_);
  [[nodiscard]] std::vector<KindState> states() const EXCLUDES(mutex_);
  // True when the server said that it does not serve the kind, which somebody wants to follow.
  [[nodiscard]] bool is_missed(Kind kind) const EXCLUDES(mutex_);

 private:
  static constexpr std::size_t kKinds = static_cast<std::size_t>(Kind::other);
  struct Slot {
    Shelf shelf;
    std::optional<std::uint64_t> progress;  // the newest version seen, when versions are numbers
    std::map<Scope, KindState> standing;    // by watcher
    std::size_t objects = 0;
  };

  const Slot& slot(Kind kind) const REQUIRES(mutex_) { return slots_[static_cast<std::size_t>(kind)]; }
  Slot& slot(Kind kind) REQUIRES(mutex_) { return slots_[static_cast<std::size_t>(kind)]; }
  void advance(Slot& slot, std::string_view resource_version) REQUIRES(mutex_);
  ObjectPtr find(Kind kind, std::string_view ns, std::string_view name) const REQUIRES(mutex_);
  NamespaceView view_locked(const std::string& ns, std::shared_ptr<const Namespace> object) const REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::array<Slot, kKinds> slots_ GUARDED_BY(mutex_);
};

// Sorts a list's objects into shelves, in place of those of their keys.
void put_on(Shelf& shelf, std::vector<ObjectPtr> objects);
// Takes the object of this key out, if it is there.
void take_off(Shelf& shelf, const Object& object);

}  // namespace meshgraft
