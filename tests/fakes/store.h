#pragma once
// The embedded API server's memory: objects, one growing resourceVersion, the history that watches read. Owned and
// locked by the engine; knows nothing of rules, managers or HTTP.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "k8sclient/base/json.h"
#include "tests/fakes/resource_types.h"

namespace meshgraft::fakes {

using Object = std::shared_ptr<const Json>;  // immutable; a write stores a new one

// One step of history. `before` is null for a creation, `after` holds the last state (with the new version) for a
// deletion too.
struct Event {
  std::uint64_t version = 0;
  std::string type_key, ns, name;
  bool deleted = false;
  Object before, after;
};

class Store {
 public:
  [[nodiscard]] Object find(const ResourceType& type, const std::string& ns, const std::string& name) const;
  // In order of namespace and name; `ns` "" for all.
  [[nodiscard]] std::vector<Object> list(const ResourceType& type, const std::string& ns) const;

  // Stores `object` under the next version, which it writes into the object.
  Object put(const ResourceType& type, Json object);
  void erase(const ResourceType& type, const std::string& ns, const std::string& name);

  [[nodiscard]] std::uint64_t version() const { return version_; }
  // Events later than `version`. Precondition: !forgot(version).
  [[nodiscard]] std::vector<Event> since(std::uint64_t version, const std::string& type_key) const;
  [[nodiscard]] std::vector<Event> since(std::uint64_t version) const;  // of every type
  // True when history no longer reaches back to `version`.
  [[nodiscard]] bool forgot(std::uint64_t version) const { return version < compacted_; }
  // Forgets everything up to and including `version`.
  void compact(std::uint64_t version);
  // How many events are kept before the oldest are forgotten.
  void set_history_limit(std::size_t events) { limit_ = events; }

 private:
  [[nodiscard]] std::deque<Event>::const_iterator first_after(std::uint64_t version) const;
  void remember(Event event);

  std::map<std::string, std::map<std::pair<std::string, std::string>, Object>> objects_;
  std::deque<Event> history_;
  std::uint64_t version_ = 1, compacted_ = 0;
  std::size_t limit_ = 50000;
};

}  // namespace meshgraft::fakes
