// ReplicaSets and our own records of a replace: read only while a Deployment is being re-created.

#include <string>
#include <string_view>

#include "k8sclient/model/decode_kinds.h"
#include "k8sclient/model/json_read.h"

namespace meshgraft::decoding {

bool read_replica_set(FieldReader& reader, std::string_view section, Value value, Object& object) {
  ReplicaSet& set = static_cast<ReplicaSet&>(object);
  if (section == "spec") {
    return reader.fields(value, [&reader, &set](std::string_view key, Value field) {
      return key != "replicas" || reader.number(field, set.replicas);
    });
  }
  if (section != "status") return true;
  return reader.fields(value, [&reader, &set](std::string_view key, Value field) {
    if (key == "observedGeneration") return reader.number(field, set.observed_generation);
    if (key == "replicas") return reader.number(field, set.pods);
    return key != "readyReplicas" || reader.number(field, set.ready);
  });
}

// Taken as a whole: a record holds a complete object, of which the typed structs keep a part.
bool read_controller_revision(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "data") return true;
  bool present = false;
  if (!reader.present(value, present)) return false;
  if (!present) return true;
  simdjson::ondemand::object data;
  std::string_view raw;
  if (value.get_object().get(data)) return reader.fail("expected an object");
  if (data.raw_json().get(raw)) return reader.fail("not JSON");
  const Result<Json> parsed = read_json(raw);
  if (!parsed) return reader.fail(parsed.error().text);
  static_cast<ControllerRevision&>(object).data = to_text(*parsed);
  return true;
}

}  // namespace meshgraft::decoding
