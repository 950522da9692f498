#pragma once
// Record: the undo record, the annotation meshgraft.io/undo. It lists the fields that we own on an object and the
// values that we overwrote, so that conditions never remove what we added (rules 0.1) and undo is exact (0.4).
// Bound to the object's uid: a copy on another object is ignored.
//
//   {"uid":"…","own":["metadata.labels[app]",…],"was":{"spec.ports[80/TCP].name":"web"}}

#include <map>
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
  [[nodiscard]] bool owns(std::string_view path) const;
  [[nodiscard]] bool owns_template() const;  // some path below spec.template
};

// Reads the annotation. Absent or bound to another uid: an empty Record.
Record read_record(const Meta& meta);

// Whether the annotation is there and looks like a record of this very object; cheap, for objects that need no change.
// False also for a record that cannot be read and for another object's.
bool looks_recorded(const Meta& meta);

// The annotation's value, keys sorted, compact.
std::string record_text(const Record& record, std::string_view uid);

}  // namespace meshgraft
