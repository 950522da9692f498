#pragma once
// ReplaceRecord: what a replace keeps while it is under way, in a ControllerRevision named meshgraft-<Deployment> with
// a label of ours: the whole Deployment as it was, the one that takes its place, its ReplicaSets, and how far it has
// come. Written before anything is deleted. The rule for replaces reads and writes it; it decides nothing. Pure.
//
//   data: {"deployment":{"name","uid"}, "direction":"in"|"back", "original":{…}, "target":{…},
//          "replicaSets":[{"name","uid","replicas"}], "undo":{own, was, replaced}, "undoBefore":{own, was}}
//   finalizer meshgraft.io/record: whoever deletes it, it stays until the replace is over
//   annotation meshgraft.io/undo: {"planted":"<uid>","back":"why it goes back","held":true}

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"
#include "k8sclient/model/objects.h"
#include "reconcilers/record.h"
#include "reconcilers/types.h"

namespace meshgraft {

struct RecordedSet {
  std::string name, uid;
  std::int64_t replicas = 0;  // when it was recorded
};

struct ReplaceRecord {
  std::string broken;      // why it cannot be read, "" when it can
  std::string uid;         // of the ControllerRevision; not part of what is written
  std::string deployment;  // name
  std::string new_name;    // meshgraft.io/naming=versioned: of the one that comes; "" when it gets the same
  std::string old_uid;     // of the Deployment that goes
  bool undoing = false;    // direction back: the original selector comes again
  Json original, target;   // bodies of create requests
  std::vector<RecordedSet> sets;
  Record undo;             // for the Deployment that came, without a uid
  Record undo_before;      // of the one that goes, if it had one
  // How far it is.
  std::string planted;     // uid of the Deployment that came; "" when that is not known yet
  std::string back;        // why it goes back to the original; "" when it does not
  bool held = false;       // …and is not tried again

  // The new one stands beside the original until that goes last.
  [[nodiscard]] bool beside() const { return !new_name.empty(); }
  [[nodiscard]] const std::string& target_name() const { return beside() ? new_name : deployment; }
};

// Whether the new Deployment takes the original's pods over: it matches all that is asked of it.
bool keeps_pods(const ReplaceRecord& record);

// The record's name: "meshgraft-web".
std::string replace_record_name(std::string_view deployment);

ReplaceRecord read_replace_record(const ControllerRevision& object);

// The whole ControllerRevision, for the request that creates it.
Json replace_record_body(const ReplaceRecord& record, std::string_view ns);

// The change that writes `record`'s progress on `object`.
Change progress_change(const ReplaceRecord& record, const ControllerRevision& object);

// Whether a deletion of the record with this metadata waits for us.
bool keeps_record(const Meta& meta);

// The change that lets `object` go when somebody deletes it, or has deleted it: its finalizer is taken off.
// Precondition: keeps_record().
Change release_change(const ControllerRevision& object);

// `raw`, a whole Deployment of `ns` as the server or a file shows it, as a body that creates it again: without status
// and what the server keeps.
Json bare(const Json& raw, std::string_view ns);

// The annotation meshgraft.io/undo of a Deployment that a replace has just created: a mark, not yet a record.
// Beside the original, which may be tried again, the mark names the record too: `by`.
std::string planted_mark(std::string_view old_uid, std::string_view by = "");
// True when `meta` carries this very mark.
bool is_planted(const Meta& meta, std::string_view old_uid, std::string_view by = "");
// True when `meta` carries the mark of some replace of `old_uid`.
bool takes_place_of(const Meta& meta, std::string_view old_uid);
// True when `meta` carries the mark of some replace.
bool has_planted_mark(const Meta& meta);

}  // namespace meshgraft
