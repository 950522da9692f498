#pragma once
// plan: the pure heart. One namespace's view, the cluster's facts and the settings go in; the writes that may be
// sent now, what waits for what, findings and member states come out. Called by the controller's worker and, through
// foresee, by the command line and the tests. Deterministic; no clock, no I/O.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reconcilers/options.h"
#include "reconcilers/types.h"

namespace meshgraft {

struct Plan {
  std::vector<Change> now;          // may be sent at once, in any order: all of one stage
  std::vector<Waiting> waiting;     // why the rest is not in `now`
  std::vector<Finding> findings;    // sorted by code and object
  std::vector<MemberState> members;
  std::vector<ReleaseState> releases;  // one for each Strategy, sorted by name
  std::optional<Change> status;     // the one-line report meshgraft.io/status on the Namespace, when it differs; not a step of the plan
  bool wants_pods = false;          // look up the namespace's pods and plan again
  bool wants_limits = false;        // the same with its quotas, limit ranges, disruption budgets and autoscalers
  bool wants_claims = false;        // the same with its PersistentVolumeClaims
  bool wants_slices = false;        // the same with its EndpointSlices
  bool wants_events = false;        // the same with its Events
  bool wants_replica_sets = false;  // the same with its ReplicaSets, EndpointSlices and pods, as they are at one moment
  std::vector<ObjectKey> wants_live;  // the same with these objects whole, in view.live
  std::optional<std::int64_t> wake_after;  // milliseconds: something waits for time, plan again by then
  bool rolling = false;             // a rollout of ours is under way
  int rolling_count = 0;            // how many
  bool releasing = false;           // a release has something to do or waits for something; what else there is may be settled
  bool settled = false;             // nothing to do and nothing waits, but for what is held
  bool settled_before_gateway = false;  // the same up to and without the gateway's stages
};

// How many restarts `now` may hold.
enum class Gating : std::uint8_t {
  limited,  // as many as max-rollouts leaves room for
  open,     // all of the stage, in the order of the gate: for foresee, where a rollout takes no time
};

Plan plan(const NamespaceView& view, const Facts& facts, const Settings& settings, Gating gating = Gating::limited);

// Whether anything may be written in this namespace at all: it carries one of the labels, holds something of ours from
// when it did, or holds Nacos or a KubeSphere gateway that a labelled namespace needs (contract, section 3, line 1).
bool concerned(const NamespaceView& view, const Facts& facts, const Settings& settings);

}  // namespace meshgraft
