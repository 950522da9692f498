#pragma once
// The steps of a replace (rules 3), decided from what is seen alone: whoever has the name now, what the record says,
// how many old and new pods serve. A stop between any two requests therefore resumes or goes back. The rule for
// replaces makes Seen from a namespace's view and turns the Step into a request. Pure, reads no clock.

#include <cstdint>
#include <string>
#include <vector>

#include "reconcilers/rollout.h"

namespace meshgraft {

// A ReplicaSet of the former Deployment that nobody controls now.
struct OldSet {
  std::string name;
  std::int64_t replicas = 0;  // spec
  std::int64_t pods = 0, ready = 0;
  bool settled = true;    // its controller has seen the spec, and as many pods are left
  bool serving = false;   // had replicas when the record was made: the one to go back to
};

struct Seen {
  enum class Holder : std::uint8_t {
    nobody,    // no Deployment has the name
    original,  // the one that the record speaks of
    planted,   // the one that we created in its place
    other,     // somebody else's, or the original created again
  };
  Holder holder = Holder::nobody;
  bool leaving = false;       // that Deployment is being deleted
  bool wanted = true;         // the replace is still asked for
  std::string unwanted;       // why not
  bool changed = false;       // the original is no longer what was recorded
  std::string blocked;        // why the original must not go now, "" when it may
  // What the record says.
  bool acknowledged = false;  // the uid of the planted one, or that one was seen to vanish
  bool back = false;          // it goes back
  bool undoing = false;       // a way back: the former selector is what is wanted
  bool no_record = false;     // the planted one has no undo record of its own yet
  bool unbound = false;       // the original, restored or never away, lacks its undo record, or the mark that it is held
  // The one that has the name.
  std::int64_t replicas = 0, max_unavailable = 0;
  std::int64_t min_ready_seconds = 0;
  std::int64_t available_for = -1;  // seconds since its rollout was complete; -1 when that is not known
  Rollout rollout = Rollout::complete;
  bool paused = false;        // nor does anybody know for how long it has been available
  std::string failed;         // why it will not become ready: its deadline, a sidecar that is missing
  bool others_template = false;  // somebody has given it another template meanwhile
  bool taken_away = false;    // nobody has it: somebody deleted what we had restored
  bool adopted = false;       // it controls a ReplicaSet of the record
  // What serves: the fewest over the Services that select these pods.
  std::vector<OldSet> old;
  bool collected = false;     // the recorded ReplicaSets still belong to the former Deployment, which is gone
  bool taken = false;         // one of them belongs to somebody else's Deployment by now
  std::int64_t gone_for = -1;    // seconds since the name was seen to become free; -1 when that is not known
  std::int64_t serving = 0;      // ready endpoints of old and new pods
  std::int64_t serving_old = 0;  // of old pods alone
  std::int64_t most_old = 0;     // the same, but the most over these Services; 0 where nobody reads endpoints
  // meshgraft.io/naming=versioned: the new one has a name of its own, of which `holder` and what follows it speak; it
  // comes beside the original, and nothing is orphaned.
  bool beside = false;
  bool former = false;          // the original stands
  bool former_leaving = false;  // …and is being deleted
  std::int64_t former_replicas = 0;
  bool former_rolls = false;        // a rollout of it is under way
  std::int64_t former_ready = 0;    // of its pods, as its status says
  std::int64_t former_serving = 0;  // its ready endpoints, the fewest over the Services that select them
  bool scaled_former = false;   // an autoscaler leads to the original, or by its name to nobody
  bool scaled_new = false;      // an autoscaler leads to the new one
};

struct Step {
  enum class Kind : std::uint8_t {
    wait,          // nothing to send; `why` says for what
    stop,          // somebody else has the name: nothing is done any more (MG214)
    orphan,        // delete the original, leaving its ReplicaSets
    plant,         // create the target
    acknowledge,   // write the planted one's uid into the record
    scale_down,    // old set `set` to `replicas`
    remove_sets,   // the old sets, all empty
    bind,          // the undo record, on the planted one
    turn_back,     // write into the record that it goes back, and why
    scale_up,      // old set `set` to `replicas`
    remove_planted,  // delete the planted one; what it adopted stays
    restore,       // create the original
    bind_restored,  // the undo record that the original had, and that it is held, on the one restored
    clean_up,      // delete the old sets with their pods: their owner deleted the Deployment
    forget,        // remove the record
    follow,        // the planted one to as many replicas as the original has
    lead,          // the autoscalers of the original lead to the planted one
    lead_back,     // the reverse
    remove_former, // delete the original with its pods
  };
  Kind kind = Kind::wait;
  std::string why;
  std::size_t set = 0;         // index into Seen::old
  std::int64_t replicas = 0;
  std::int64_t wake = 0;       // milliseconds: look again by then although nothing may happen; 0 for never
  bool held = false;           // turn_back: and do not try again
};

// Seconds of availability before the old ReplicaSets go and with them the exact way back (rules 3, step 5).
constexpr std::int64_t kProbation = 30;
// Seconds for which the old pods go on serving after somebody deleted the new Deployment: he may create it again.
constexpr std::int64_t kAfterDeletion = 60;

Step next_step(const Seen& seen);

}  // namespace meshgraft
