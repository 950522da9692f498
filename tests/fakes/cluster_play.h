#pragma once
// ClusterPlay: the controllers, scheduler and kubelets of a small cluster over an Engine: Deployments, ReplicaSets,
// StatefulSets, DaemonSets, pods, EndpointSlices. Stepped by its caller with a clock value; has no thread and never
// sleeps. Used by the sandbox and by controller tests.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fakes/engine.h"
#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {

struct PlayOptions {
  std::int64_t pod_ready_millis = 0;  // from scheduling to Ready
  // Pods that never become ready; without it, those with an image whose tag is "broken".
  std::function<bool(const Json& pod)> never_ready;
};

class ClusterPlay {
 public:
  // `engine` outlives this. Nodes are the Node objects in it.
  explicit ClusterPlay(Engine& engine, PlayOptions options = {}) : engine_(engine), options_(std::move(options)) {}

  // Lets every controller act at `now_millis` (since 1970, never decreasing; it also becomes the engine's time) until
  // none has anything to do. Returns whether anything was written.
  bool step(std::int64_t now_millis);
  // One round of every controller, not repeated: rollouts can be seen half-way.
  bool round(std::int64_t now_millis);
  // When something happens by itself (a pod becomes ready, a deadline passes), in milliseconds since 1970.
  [[nodiscard]] std::optional<std::int64_t> next_due() const;

  void set_pod_ready_millis(std::int64_t millis) { options_.pod_ready_millis = millis; }

 private:
  // play_deployments.cc
  void deployments();
  void deployment(const Json& object);
  std::string standing(const Json& deployment);
  std::vector<Json> replica_sets_of(const Json& deployment);
  Json new_replica_set(const Json& deployment, const std::vector<Json>& all, std::int64_t replicas);
  void roll(const Json& deployment, Json& newest, std::vector<Json>& old);
  void deployment_status(const Json& deployment, const std::string& newest, const std::vector<Json>& all);
  // play_pods.cc
  void collect_orphans();
  void replica_sets();
  void pods();
  bool schedule(Json& pod);
  void know_load();
  void start(Json& pod);
  // play_sets.cc
  void stateful_sets();
  void stateful_set(const Json& object);
  void daemon_sets();
  void daemon_set(const Json& object);
  std::vector<Object> pods_of(const Json& owner);
  Json pod_from(const Json& owner, const Json& pod_template, const std::string& name);
  void set_status(const Json& owner, Json status);
  // play_endpoints.cc
  void endpoint_slices();

  Answer write(const Json& object, std::string_view subresource = "");
  Answer create(Json object);
  void remove(const Json& object);
  Target target_of(const Json& object, std::string_view subresource = "") const;
  void remember_due(std::int64_t millis);

  // Which objects belong to whom, as of the beginning of a controller's turn, in which only what it writes itself
  // changes that: so that a thousand owners do not each look at every object of their namespace. Held by name; the
  // objects are read anew.
  struct Owned {
    std::map<std::string, std::set<std::string>> by_owner;   // uid -> names
    std::map<std::string, std::set<std::string>> of_nobody;  // namespace -> names
  };
  [[nodiscard]] Owned owned(std::string_view api_version, std::string_view kind) const;
  struct Load {
    std::size_t pods = 0;
    std::set<std::string> host_ports;  // "8080/TCP"
  };

  Engine& engine_;
  PlayOptions options_;
  Owned replica_sets_, pods_;
  std::map<std::string, std::string> settled_;  // Deployment uid -> how it stood when it was looked at with nothing to do or await
  std::map<std::string, Load> load_;  // by node
  std::int64_t now_ = 0;
  std::uint64_t last_version_ = 0;  // nothing to do while the engine stands there and nothing is due
  std::optional<std::int64_t> due_;
  std::map<std::string, std::int64_t> ready_at_;  // pod uid -> milliseconds
  std::uint32_t addresses_ = 0;
};

// Hash of a pod template, letters and digits: the value of pod-template-hash.
std::string template_hash(const Json& pod_template);
// The uid of the owner reference with controller: true, "" for none.
std::string controller_of(const Json& object);
Json owner_reference(const Json& owner);
bool is_ready(const Json& pod);
// A count or a percentage of `total`, percentages rounded up or down.
std::int64_t resolved(const Json& value, std::int64_t total, bool up);

}  // namespace meshgraft::fakes
