#pragma once
// UndoFields: the way back of one object, from its undo record: former values are put back by a JSON Patch of the
// manager meshgraft-undo, and only then an apply of ours without the fields drops them (rules 0.4). The order of the
// whole (undo.h) and the roll-back of a failed restart ask it. Pure.
//
// A field goes back like this:
//   the last applied manifest has it with the present value    it is the user's by now: kept
//   somebody else owns it by now                               left as it is, and named (MG112)
//   the record or the manifest has a former value              restored
//   a creation or an edit of ours owns it                      removed by the patch: no apply can drop it
//   else                                                       dropped

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reconcilers/footprint.h"
#include "reconcilers/record.h"
#include "reconcilers/types.h"

namespace meshgraft {

// Which paths of the record a step takes back.
using Part = std::function<bool(std::string_view path)>;
bool is_template_path(std::string_view path);       // below spec.template
bool is_port_path(std::string_view path);           // of a Service
bool is_backend_path(std::string_view path);        // of an Ingress: leaves of its rules

// A record's path as a JSON Pointer into the object as it is now; "" when it leads nowhere.
std::string pointer_to(const Object& object, std::string_view path);

struct FieldsBack {
  std::optional<Change> change;    // the next request; nullopt when nothing of the part is left to do
  bool restarts = false;           // it changes the pod template
  std::vector<Finding> findings;   // MG112
};

// The next step for the fields of `part`. When nothing but them is recorded and `last` is true, the record itself
// goes with the drop, and every other annotation of ours too. Precondition: record.present.
FieldsBack take_back(const Object& object, const Record& record, const Footprint& footprint, const Part& part, bool last);

// Whether the fields of `part`, all of the pod template, would change.
bool template_goes_back(const Object& object, const Record& record, const Footprint& footprint, const Part& part = is_template_path);

}  // namespace meshgraft
