#pragma once
// What KubeSphere 3.3's DestinationRule, VirtualService and Application controllers do, as pure functions over JSON
// objects: from two snapshots of a cluster to the writes that its controllers would make. Called by kubesphere_play
// with snapshots of an engine or a real API server. Held to the recorded cases in tests/data/kubesphere-3.3.2.

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

// What the controllers write when the world went from `before` to `after`. Everything in `after` counts as new when
// `before` is empty. Deterministic. An update that one of them misses in reality is missed here too.
std::vector<ModelWrite> kubesphere_writes(const Snapshot& before, const Snapshot& after);

// What the controllers have dealt with. Somebody else may write between a look at the world and their write; what woke
// them then wakes them again, as their queues do.
class DealtWith {
 public:
  // What they write now that the world is `now`.
  [[nodiscard]] std::vector<ModelWrite> writes(const Snapshot& now) const { return kubesphere_writes(seen_, now); }
  // These writes were tried; `taken`: every one of them was.
  void tried(Snapshot now, bool taken) {
    constexpr int kTries = 15;  // pkg/controller/virtualservice, maxRetries
    refused_ = taken ? 0 : refused_ + 1;
    if (refused_ % kTries == 0) seen_ = std::move(now);
  }

 private:
  Snapshot seen_;
  int refused_ = 0;  // times in a row
};

// The parts, each one controller's sync.

// The DestinationRule that `service` should have, `current` null when there is none; nullopt when nothing is written.
std::optional<Json> destination_rule_of(const Json& service, const std::vector<Json>& deployments,
                                        const std::vector<Json>& policies, const Json& current);
// The same for its VirtualService; `rule` is the Service's DestinationRule.
std::optional<Json> virtual_service_of(const Json& service, const Json& rule, const std::vector<Json>& strategies,
                                       const Json& current);
// The Application's status for its members in `world`.
Json application_status(const Json& application, const Snapshot& world);

// "http", "http2-…", "grpc-…": a port of an http route.
bool is_http_port(std::string_view name);

}  // namespace meshgraft::fakes
