#pragma once
// Record: the undo record, the annotation meshgraft.io/undo. It lists the fields that we own on an object and the
// values that we overwrote, so that conditions never remove what we added (rules 0.1) and undo is exact (0.4).
// Bound to the object's uid: a copy on another object is ignored.
//
//   {"uid":"…","own":["metadata.labels[app]",…],"was":{"spec.ports[80/TCP].name":"web"}}
//
// A Deployment that was re-created with a fuller selector has the former one in it too: "replaced":{"selector":{…}},
// and its former name when that changed too: "replaced":{"selector":{…},"name":"…"}.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "k8sclient/base/json.h"
#include "k8sclient/model/objects.h"

namespace meshgraft {

struct Record {
  bool present = false;                // a record of this very object was read
  std::string broken;                  // why the annotation could not be read, "" when it could
  std::set<std::string> own;           // paths as FieldState::path
  std::map<std::string, Json> was;     // path -> the value before us; only for values that we overwrote
  std::string held;                    // rolled back: what the workload was like then, "" when it is not held
  // The rollout that our last change of the template began; a later one is somebody else's. Absent while we have not
  // changed it, or when the object's generation was not known.
  struct Rolled {
    std::int64_t generation = 0;  // of the object after our change
    std::int64_t replicas = 0;    // when we changed it: scaling counts the generation up too
    std::string rest;             // rest_of_template then
    bool unserved = false;        // no pod of it was ever ready before
    bool operator==(const Rolled&) const = default;
  };
  std::optional<Rolled> rolled;
  Json replaced;                       // of a Deployment that we re-created: {"selector": the one before}; null else
  [[nodiscard]] bool owns(std::string_view path) const;
  [[nodiscard]] bool owns_template() const;  // some path below spec.template
};

// A fingerprint of what the pod template says besides the fields in `record.own`, and besides what only gateways are
// given (host network, host ports).
std::string rest_of_template(const Workload& workload, const Record& record);

// Whether the present rollout of `workload` is the one that our change of its template began. A record without the
// mark says nothing: then true.
bool is_our_rollout(const Workload& workload, const Record& record);

// Reads the annotation. Absent or bound to another uid: an empty Record.
Record read_record(const Meta& meta);

// Whether the annotation is there and looks like a record of this very object; cheap, for objects that need no change.
// False also for a record that cannot be read and for another object's.
bool looks_recorded(const Meta& meta);

// The annotation's value, keys sorted, compact.
std::string record_text(const Record& record, std::string_view uid);

}  // namespace meshgraft
