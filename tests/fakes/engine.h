#pragma once
// Engine: the embedded API server without a network. FakeApi calls it from controller tests, api_http from the
// wire, the player and the KubeSphere model as controllers. All calls may be made from any thread; answers are
// deterministic: time stands still until set_time, uids and names come from counters.

#include <condition_variable>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/clock.h"
#include "k8sclient/base/mutex.h"
#include "tests/fakes/answer.h"
#include "tests/fakes/injection.h"
#include "tests/fakes/managed_fields.h"
#include "tests/fakes/resource_types.h"
#include "tests/fakes/store.h"

namespace meshgraft::fakes {

struct Target {
  TypePtr type;
  std::string version;      // of the answer; "" for the type's preferred one
  std::string ns, name;     // ns "" for cluster-scoped types, or for all namespaces in a list
  std::string subresource;  // "", "status" or "scale"
};

struct WriteOptions {
  std::string manager = "unknown";
  bool force = false;    // apply only
  bool dry_run = false;  // answer as if written, store nothing
};

struct ListOptions {
  std::size_t limit = 0;  // 0 for everything at once
  std::string continue_token, resource_version, label_selector, field_selector;
};

struct WatchOptions {
  TypePtr type;
  std::string version, ns, label_selector, field_selector;
};

struct DeleteOptions {
  std::string uid, resource_version;  // preconditions, "" for none
  enum { background, foreground, orphan } propagation = background;
  bool dry_run = false;
};

enum class PatchFormat : std::uint8_t { json, merge, strategic, apply };

// What a watch has to send next.
struct WatchBatch {
  std::vector<Json> events;   // {"type":…,"object":…}
  std::uint64_t version = 0;  // where the watch stands afterwards
  bool ended = false;         // the last event is an ERROR: the watch is over
};

class Engine {
 public:
  Engine();

  // Seconds since 1970 for creationTimestamp and its like. Starts at 2026-01-01T00:00:00Z.
  void set_time(std::int64_t unix_seconds);
  [[nodiscard]] std::int64_t time() const;

  // nullptr when not served. `version` "" accepts any.
  [[nodiscard]] TypePtr by_plural(std::string_view group, std::string_view version, std::string_view plural) const;
  [[nodiscard]] TypePtr by_kind(std::string_view api_version, std::string_view kind) const;
  [[nodiscard]] std::vector<TypePtr> types() const;

  Answer get(const Target& target) const;
  Answer list(const Target& target, const ListOptions& options);
  Answer create(const Target& target, Json body, const WriteOptions& options);
  Answer update(const Target& target, Json body, const WriteOptions& options);
  Answer patch(const Target& target, PatchFormat format, const Json& body, const WriteOptions& options);
  Answer remove(const Target& target, const DeleteOptions& options);

  // Stores a whole object, status included, creating its namespace when that is missing; replaces what is there.
  // For worlds at the start of a test. Its fields belong to `manager`.
  Answer seed(Json object, std::string_view manager = "kubectl-client-side-apply");

  // The stored objects of a kind, for controllers inside this process; `ns` "" for all.
  [[nodiscard]] std::vector<Object> objects(std::string_view api_version, std::string_view kind,
                                            const std::string& ns = "") const;
  [[nodiscard]] Object object(std::string_view api_version, std::string_view kind, const std::string& ns,
                              const std::string& name) const;

  [[nodiscard]] std::uint64_t version() const;
  // The current objects as ADDED events.
  WatchBatch initial_events(const WatchOptions& options);
  // What happened after `since`. A forgotten version gives one ERROR event with a Status 410.
  WatchBatch events_since(const WatchOptions& options, std::uint64_t since);
  // What happened after `since`, of all kinds, for controllers inside this process; nullopt for a forgotten version.
  [[nodiscard]] std::optional<std::vector<Event>> changes_since(std::uint64_t since) const;
  // Blocks until something is newer than `version`, wake() was called since `ticket` was taken, or `deadline` passes.
  // Take the ticket before looking at whatever wake() announces.
  [[nodiscard]] std::uint64_t wake_ticket() const;
  void wait_beyond(std::uint64_t version, std::uint64_t ticket, std::chrono::steady_clock::time_point deadline);
  void wake();

  // Forgets history up to now: older watches and continue tokens get 410.
  void compact();
  void set_history_limit(std::size_t events);

  // How created pods are injected; the webhook configurations stored here decide first.
  void set_injector(Injector injector);

 private:
  Answer namespace_ready(const Target& target) const REQUIRES(mutex_);
  Answer create_object(const Target& target, Json body, const WriteOptions& options) REQUIRES(mutex_);
  Answer apply_object(const Target& target, Json config, const WriteOptions& options) REQUIRES(mutex_);
  Answer update_object(const Target& target, Json body, const WriteOptions& options) REQUIRES(mutex_);
  Answer scaled(const Target& target, std::optional<PatchFormat> format, const Json& body, const WriteOptions& options)
      REQUIRES(mutex_);
  // Everything between "this is the new object" and the store. `writer` null: managedFields are already right.
  Answer commit(const Target& target, const Json& before, Json after, const Manager* writer, bool dry_run)
      REQUIRES(mutex_);
  void admit_pod(const Target& target, Json& pod) REQUIRES(mutex_);
  void stored(const ResourceType& type, const Json& object) REQUIRES(mutex_);

  // engine_delete.cc
  Answer remove_object(const ResourceType& type, const std::string& ns, const std::string& name,
                       const DeleteOptions& options) REQUIRES(mutex_);
  void erase(const ResourceType& type, const std::string& ns, const std::string& name) REQUIRES(mutex_);
  void collect_dependents(const std::string& uid, const std::string& ns, bool orphan) REQUIRES(mutex_);
  void empty_namespace(const std::string& ns) REQUIRES(mutex_);
  void finish_namespace(const std::string& ns) REQUIRES(mutex_);

  std::string now_text() const REQUIRES(mutex_);
  std::string next_uid() REQUIRES(mutex_);

  mutable Mutex mutex_;
  Condition changed_;
  ResourceTypes types_ GUARDED_BY(mutex_);
  Store store_ GUARDED_BY(mutex_);
  Injector injector_ GUARDED_BY(mutex_);
  std::int64_t now_ GUARDED_BY(mutex_) = 1767225600;  // 2026-01-01T00:00:00Z
  std::uint64_t uids_ GUARDED_BY(mutex_) = 0;
  std::uint64_t wakes_ GUARDED_BY(mutex_) = 0;
  std::uint32_t addresses_ GUARDED_BY(mutex_) = 0;
  // Snapshots that continue tokens point into, by "version selector…".
  std::map<std::string, std::vector<Object>> pages_ GUARDED_BY(mutex_);
};

// "2026-01-01T00:00:00Z" and back; 0 for text that is none.
std::string rfc3339(std::int64_t unix_seconds);
std::int64_t seconds_of(std::string_view rfc3339);

}  // namespace meshgraft::fakes
