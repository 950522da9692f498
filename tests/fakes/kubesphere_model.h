#pragma once
// What KubeSphere 3.3's DestinationRule, VirtualService and Application controllers do, over JSON objects: from what
// changed in a cluster to the writes that its controllers would make. Told of an engine's changes by kubesphere_play and
// of a real API server's objects by `meshgraft-sandbox models`. Held to the recorded cases in tests/data/kubesphere-3.3.2.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "k8sclient/base/json.h"
#include "tests/fakes/store.h"

namespace meshgraft::fakes {

// The objects that these controllers look at, by kind and then by namespace and name. Each has kind and apiVersion.
using Snapshot = std::map<std::string, std::map<std::pair<std::string, std::string>, Object>>;

// Kinds of a Snapshot: "Service", "Deployment", "StatefulSet", "Ingress", "Application", "Strategy", "ServicePolicy",
// "VirtualService", "DestinationRule".
const std::vector<std::string>& watched_kinds();

struct ModelWrite {
  enum Verb { create, update, update_status, remove } verb = create;
  Json object;
};

// One object that is not what it was.
struct ModelChange {
  std::string kind;
  std::pair<std::string, std::string> place;
  Object before, after;  // null for a creation or a deletion
};

// What the controllers write because of `changes`, now that the world is `now`. Deterministic. An update that one of
// them misses in reality is missed here too.
std::vector<ModelWrite> kubesphere_writes(const std::vector<ModelChange>& changes, const Snapshot& now);

// What the controllers know of the world, and what of it they have not dealt with yet. Somebody else may write between a
// look at the world and their write; what woke them then wakes them again, as their queues do. What nobody changed costs
// nothing.
class ModelQueue {
 public:
  // The whole world is this now.
  void look(Snapshot now);
  // One object is this now, null when it is gone.
  void tell(const std::string& kind, const std::pair<std::string, std::string>& place, Object now);
  // What they write because of all that changed.
  [[nodiscard]] std::vector<ModelWrite> writes() const;
  // These writes were tried; `taken`: every one of them was.
  void tried(bool taken);

 private:
  void remember(const std::string& kind, const std::pair<std::string, std::string>& place, Object before);

  Snapshot world_;
  Snapshot before_;  // what changed, as it was when it was last dealt with; null: it was not there
  int refused_ = 0;  // times in a row
};

// The parts, each one controller's sync.

// The DestinationRule that `service` should have, `current` null when there is none; nullopt when nothing is written.
std::optional<Json> destination_rule_of(const Json& service, const std::vector<Object>& deployments,
                                        const std::vector<Object>& policies, const Json& current);
// The same for its VirtualService; `rule` is the Service's DestinationRule.
std::optional<Json> virtual_service_of(const Json& service, const Json& rule, const std::vector<Object>& strategies,
                                       const Json& current);
// The Application's status for its members in `world`.
Json application_status(const Json& application, const Snapshot& world);

// "http", "http2-…", "grpc-…": a port of an http route.
bool is_http_port(std::string_view name);

}  // namespace meshgraft::fakes
