#pragma once
// Footprint: what the server knows of one object and the cache does not keep: who owns a field (managedFields), and
// what the manifest says that somebody applied last. The way back asks it before it puts a field back. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"

namespace meshgraft {

// A step of a record's path: "spec.ports[80/TCP].name" is spec, ports[80/TCP], name.
struct PathStep {
  std::string name;
  std::optional<std::string> key;
};
std::vector<PathStep> steps_of(std::string_view path);

// What `document` (an object or the body of an apply) has at a record's path; null when it has nothing there.
const Json* value_by_path(const Json& document, std::string_view path);

// Whether a set of fields (fieldsV1 of an entry in managedFields) has a record's path in it.
bool owns_field(const Json& fields, std::string_view path);

class Footprint {
 public:
  // `object`: the whole object as the server has it; null when nobody looked (a manifest). When nobody looked, or it
  // has no managedFields (a dump), every field that the record lists counts as ours alone. Keeps the pointer.
  explicit Footprint(const Json* object);

  // The value that the last applied manifest has for `path` (as of the undo record); nullopt when there is none.
  [[nodiscard]] std::optional<Json> applied(std::string_view path) const;

  static constexpr std::string_view kSomebody = "somebody";
  // Who else than we owns `path` by now: the name of the manager; kSomebody when we do not own it any more and
  // nobody does; "" when it is ours alone. `live`: its value; `former`: the value that we overwrote, null when there
  // was none. They tell, of a map, which parts another manager has held since before us.
  [[nodiscard]] std::string taken_by(std::string_view path, const Json& live = Json(), const Json* former = nullptr) const;

  // Whether a request of ours other than an apply owns `path`: one that created the object, or a JSON Patch. For the
  // API server that is another owner than our applies, so a field that an apply leaves out stays all the same.
  [[nodiscard]] bool wrote(std::string_view path) const;

  // The managers of everything outside of `status` other than we, each once.
  [[nodiscard]] std::vector<std::string> others() const;

  // The resourceVersion of what all this was read from; `otherwise` when nobody looked.
  [[nodiscard]] std::string version_or(std::string_view otherwise) const;

 private:
  const Json* object_;
  Json manifest_;
};

}  // namespace meshgraft
