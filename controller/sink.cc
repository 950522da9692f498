#include "controller/sink.h"

#include <algorithm>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

// The body with the change's preconditions in it, in the way of its format.
Json guarded(const Change& change, PatchType type) {
  Json body = change.body;
  if (type == PatchType::json) {
    Json tests = Json::array();
    if (!change.pre.uid.empty())
      tests.push_back({{"op", "test"}, {"path", "/metadata/uid"}, {"value", change.pre.uid}});
    if (!change.pre.resource_version.empty()) {
      tests.push_back({{"op", "test"}, {"path", "/metadata/resourceVersion"}, {"value", change.pre.resource_version}});
    }
    if (body.is_array()) tests.insert(tests.end(), body.begin(), body.end());
    return tests;
  }
  if (!body.is_object()) body = Json::object();
  if (!change.pre.uid.empty()) body["metadata"]["uid"] = change.pre.uid;
  if (!change.pre.resource_version.empty()) body["metadata"]["resourceVersion"] = change.pre.resource_version;
  return body;
}

bool is_ours(const Json& object) {
  const std::vector<const Json*> managers = items(object, "/metadata/managedFields");
  return std::any_of(managers.begin(), managers.end(),
                     [](const Json* entry) { return text(*entry, "/manager") == keys::kFieldManager; });
}

}  // namespace

ApiResult<Outcome> LiveSink::carry_out(const Change& change) {
  if (change.witness) {
    if (const ApiResult<Unit> stands = ask(*change.witness); !stands) return Unexpected<ApiError>(stands.error());
  }
  switch (change.verb) {
    case Verb::apply:
      return patch(change, PatchType::apply, keys::kFieldManager);
    case Verb::restore:
      return patch(change, change.body.is_array() ? PatchType::json : PatchType::merge, keys::kUndoManager);
    case Verb::edit:
      return patch(change, PatchType::json, keys::kFieldManager);
    case Verb::scale:
      return patch(change, PatchType::merge, keys::kFieldManager);
    case Verb::create:
      return create(change);
    case Verb::remove:
      return remove(change, false);
    case Verb::orphan:
      return remove(change, true);
  }
  return Outcome{};
}

ApiResult<Outcome> LiveSink::patch(const Change& change, PatchType type, std::string_view manager) {
  PatchRequest request;
  request.target = change.target;
  request.type = type;
  request.body = guarded(change, type);
  request.field_manager = manager;
  request.force = type == PatchType::apply && change.force;
  ApiResult<Written> written = api_.patch(request);
  if (written) return Outcome{written->resource_version, false};
  return Unexpected<ApiError>(judged(change, std::move(written.error())));
}

ApiResult<Unit> LiveSink::ask(const Witness& witness) {
  const ApiResult<ObjectPtr> now = api_.get(witness.object);
  if (!now && now.error().kind != ErrorClass::not_found) return Unexpected<ApiError>(now.error());
  const auto is_as_planned = [&witness](const Meta& meta) {
    return meta.uid == witness.as.uid && (witness.as.resource_version.empty() || meta.resource_version == witness.as.resource_version);
  };
  if (now && is_as_planned((*now)->meta)) return Unit{};
  ApiError changed;
  changed.kind = ErrorClass::conflict;
  changed.message = to_string(witness.object) + (now ? " has changed" : " is gone") + " since this was planned";
  return Unexpected<ApiError>(std::move(changed));
}

ApiResult<Outcome> LiveSink::create(const Change& change) {
  ApiResult<Written> written = api_.create(change.target, change.body, keys::kFieldManager);
  if (written) return Outcome{written->resource_version, false};
  if (written.error().kind != ErrorClass::exists) return Unexpected<ApiError>(std::move(written.error()));
  // Sent twice, or done before a crash: fine when it is ours. Somebody else's object of that name is theirs.
  const ApiResult<Json> there = api_.get_json(change.target);
  if (!there) return Unexpected<ApiError>(there.error());
  if (is_ours(*there)) return Outcome{text(*there, "/metadata/resourceVersion"), true};
  return Unexpected<ApiError>(std::move(written.error()));
}

ApiResult<Outcome> LiveSink::remove(const Change& change, bool orphan) {
  DeleteRequest request;
  request.target = change.target;
  request.uid = change.pre.uid;
  request.resource_version = change.pre.resource_version;
  request.orphan = orphan;
  ApiResult<Unit> gone = api_.remove(request);
  if (gone || gone.error().kind == ErrorClass::not_found) return Outcome{};
  return Unexpected<ApiError>(std::move(gone.error()));
}

// The server says 409 for an object that is gone and 422 for another one of the same name, but 422 also for content
// that it refuses: the object itself tells.
ApiError LiveSink::judged(const Change& change, ApiError error) {
  if (error.kind == ErrorClass::not_found) {
    error.kind = ErrorClass::conflict;
    return error;
  }
  if (error.kind != ErrorClass::invalid) return error;
  const ApiResult<ObjectPtr> now = api_.get(change.target);
  if (!now) {
    if (now.error().kind == ErrorClass::not_found) error.kind = ErrorClass::conflict;
    return error;
  }
  const Meta& meta = (*now)->meta;
  const bool another = !change.pre.uid.empty() && meta.uid != change.pre.uid;
  const bool changed = !change.pre.resource_version.empty() && meta.resource_version != change.pre.resource_version;
  if (another || changed) error.kind = ErrorClass::conflict;
  return error;
}

ApiResult<Outcome> RecordingSink::carry_out(const Change& change) {
  const MutexLock lock(mutex_);
  changes_.push_back(change);
  return Outcome{};
}

std::vector<Change> RecordingSink::changes() const {
  const MutexLock lock(mutex_);
  return changes_;
}

}  // namespace meshgraft
