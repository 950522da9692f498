// The engine's writes: create, update, patch, apply, scale, and the one way into the store that all of them take.

#include "tests/fakes/defaults.h"
#include "tests/fakes/engine.h"
#include "tests/fakes/patches.h"
#include "tests/fakes/selectors.h"
#include "tests/fakes/validate.h"

namespace meshgraft::fakes {
namespace {

std::string version_of(const Target& target) {
  return api_version_of(target.type->group, target.version.empty() ? target.type->versions.front() : target.version);
}

Manager manager_of(const Target& target, const WriteOptions& options, std::string time) {
  Manager manager;
  manager.name = options.manager;
  manager.api_version = version_of(target);
  manager.subresource = target.subresource;
  manager.time = std::move(time);
  return manager;
}

// What clients may not set stays as it is: identity, times, the part that belongs to the other subresource.
void keep_system_fields(const Target& target, const Json& before, Json& after) {
  const Json& was = before["metadata"];
  for (const char* name : {"name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp",
                           "deletionGracePeriodSeconds", "resourceVersion"}) {
    if (was.contains(name)) {
      after["metadata"][name] = was[name];
    } else {
      after["metadata"].erase(name);
    }
  }
  after["apiVersion"] = before["apiVersion"];
  after["kind"] = before["kind"];
  if (!target.type->has_status) return;
  if (target.subresource == "status") {
    Json status = after.value("status", Json());
    Json managed = after["metadata"].value("managedFields", Json());
    after = before;
    if (!managed.is_null()) after["metadata"]["managedFields"] = std::move(managed);
    if (status.is_null()) {
      after.erase("status");
    } else {
      after["status"] = std::move(status);
    }
  } else if (before.contains("status")) {
    after["status"] = before["status"];
  } else {
    after.erase("status");
  }
}

// Everything that counts for metadata.generation: all but metadata and status.
Json desired_state(Json object) {
  object.erase("metadata");
  object.erase("status");
  return object;
}

// A Service that is written without its address keeps it (registry/core/service: patchAllocatedValues).
void keep_address(const ResourceType& type, const Json& before, Json& after) {
  if (type.kind != "Service" || type.custom || !before.is_object() ||
      text_at(after, {"spec", "type"}) == "ExternalName")
    return;
  const std::string was = text_at(before, {"spec", "clusterIP"});
  if (was.empty() || !after.contains("spec") || !text_at(after, {"spec", "clusterIP"}).empty()) return;
  after["spec"]["clusterIP"] = was;
  after["spec"]["clusterIPs"] = at(before, {"spec", "clusterIPs"});
}

Json without_managers(Json object) {
  object["metadata"].erase("managedFields");
  return object;
}

Answer uid_is_immutable(const Target& target, const std::string& uid) {
  return invalid(
      *target.type, target.name,
      Json::array({cause("FieldValueInvalid", "metadata.uid", "Invalid value: \"" + uid + "\": field is immutable")}));
}

bool well_formed(const Json& body) {
  return body.is_object() && (!body.contains("metadata") || body["metadata"].is_object());
}

}  // namespace

Answer Engine::create(const Target& target, Json body, const WriteOptions& options) {
  MutexLock lock(mutex_);
  return create_object(target, std::move(body), options);
}

Answer Engine::update(const Target& target, Json body, const WriteOptions& options) {
  MutexLock lock(mutex_);
  if (target.subresource == "scale") return scaled(target, std::nullopt, body, options);
  return update_object(target, std::move(body), options);
}

Answer Engine::namespace_ready(const Target& target) const {
  if (!target.type->namespaced) return {200, Json()};
  const TypePtr type = types_.by_kind("v1", "Namespace");
  const Object found = store_.find(*type, "", target.ns);
  if (!found) return not_found(*type, target.ns);
  if (text_at(*found, {"status", "phase"}) != "Terminating") return {200, Json()};
  const std::string why = "unable to create new content in namespace " + target.ns + " because it is being terminated";
  return refusal(403, "Forbidden", target.type->plural + " \"" + target.name + "\" is forbidden: " + why,
                 {{"name", target.name},
                  {"kind", target.type->plural},
                  {"causes", Json::array({{{"reason", "NamespaceTerminating"},
                                           {"message", "namespace " + target.ns + " is being terminated"},
                                           {"field", "metadata.namespace"}}})}});
}

Answer Engine::create_object(const Target& asked, Json body, const WriteOptions& options) {
  if (!well_formed(body)) return bad_request("the body of the request is no object");
  Target target = asked;
  if (const std::string kind = text_at(body, {"kind"}); !kind.empty() && kind != target.type->kind) {
    return bad_request(kind + " in version \"" + text_at(body, {"apiVersion"}) + "\" cannot be handled as a " +
                       target.type->kind);
  }
  Json& metadata = body["metadata"];
  if (target.name.empty()) target.name = text_at(metadata, {"name"});
  if (target.name.empty() && !text_at(metadata, {"generateName"}).empty()) {
    char suffix[16];
    std::snprintf(suffix, sizeof suffix, "%05llx", static_cast<unsigned long long>(uids_ + 1));
    target.name = text_at(metadata, {"generateName"}) + suffix;
  }
  if (target.name.empty()) {
    return invalid(*target.type, "",
                   Json::array({cause("FieldValueRequired", "metadata.name",
                                      "Required value: name or generateName is required")}));
  }
  if (const std::string ns = text_at(metadata, {"namespace"});
      target.type->namespaced && !ns.empty() && ns != target.ns) {
    return bad_request("the namespace of the provided object does not match the namespace sent on the request");
  }
  if (!text_at(metadata, {"resourceVersion"}).empty())
    return bad_request("resourceVersion should not be set on objects to be created");
  if (Answer ready = namespace_ready(target); !ready.ok()) return ready;
  if (store_.find(*target.type, target.ns, target.name)) return already_exists(*target.type, target.name);
  metadata["name"] = target.name;
  if (target.type->has_status && target.type->kind != "Namespace") body.erase("status");
  metadata.erase("managedFields");
  const Manager writer = manager_of(target, options, now_text());
  return commit(target, Json(), std::move(body), &writer, options.dry_run);
}

Answer Engine::update_object(const Target& target, Json body, const WriteOptions& options) {
  if (!well_formed(body)) return bad_request("the body of the request is no object");
  const Object before = store_.find(*target.type, target.ns, target.name);
  if (!before) return not_found(*target.type, target.name);
  const Json& metadata = at(body, {"metadata"});
  if (const std::string name = text_at(metadata, {"name"}); name != target.name) {
    return bad_request("the name of the object (" + name + ") does not match the name on the URL (" + target.name +
                       ")");
  }
  const std::string uid = text_at(metadata, {"uid"}), have = text_at(*before, {"metadata", "uid"});
  if (!uid.empty() && uid != have) {
    return conflict(*target.type, target.name,
                    "Precondition failed: UID in precondition: " + uid + ", UID in object meta: " + have);
  }
  const std::string version = text_at(metadata, {"resourceVersion"});
  if (version.empty() && target.type->custom) {
    return invalid(*target.type, target.name,
                   Json::array({cause("FieldValueInvalid", "metadata.resourceVersion",
                                      "Invalid value: 0: must be specified for an update")}));
  }
  if (!version.empty() && version != text_at(*before, {"metadata", "resourceVersion"}))
    return object_modified(*target.type, target.name);
  keep_system_fields(target, *before, body);
  const Manager writer = manager_of(target, options, now_text());
  return commit(target, *before, std::move(body), &writer, options.dry_run);
}

Answer Engine::patch(const Target& target, PatchFormat format, const Json& body, const WriteOptions& options) {
  MutexLock lock(mutex_);
  if (target.subresource == "scale") return scaled(target, format, body, options);
  if (format == PatchFormat::apply) return apply_object(target, body, options);
  const Object before = store_.find(*target.type, target.ns, target.name);
  if (!before) return not_found(*target.type, target.name);
  Json current = *before;
  current["apiVersion"] = version_of(target);
  Answer patched = format == PatchFormat::json    ? json_patched(current, body)
                   : format == PatchFormat::merge ? merge_patched(current, body)
                                                  : strategic_patched(*target.type, current, body);
  if (!patched.ok()) return patched;
  const std::string uid = text_at(patched.body, {"metadata", "uid"});
  if (!uid.empty() && uid != text_at(*before, {"metadata", "uid"})) return uid_is_immutable(target, uid);
  return update_object(target, std::move(patched.body), options);
}

Answer Engine::apply_object(const Target& target, Json config, const WriteOptions& options) {
  if (!well_formed(config)) return bad_request("the body of the request is no object");
  const std::string kind = text_at(config, {"kind"}), api_version = text_at(config, {"apiVersion"});
  if (kind != target.type->kind || api_version.empty()) {
    return bad_request("invalid object type: /, Kind=: apiVersion and kind must be set and name a " +
                       target.type->kind);
  }
  const Json& metadata = at(config, {"metadata"});
  if (metadata.contains("managedFields")) return bad_request("metadata.managedFields must be nil");
  if (const std::string name = text_at(metadata, {"name"}); !name.empty() && name != target.name) {
    return bad_request("the name of the object (" + name + ") does not match the name on the URL (" + target.name +
                       ")");
  }
  const Object before = store_.find(*target.type, target.ns, target.name);
  const std::string uid = text_at(metadata, {"uid"}), version = text_at(metadata, {"resourceVersion"});
  if (!before) {
    if (!uid.empty()) {
      return conflict(*target.type, target.name,
                      "uid mismatch: the provided object specified uid " + uid + ", and no existing object was found");
    }
    if (!version.empty()) return object_modified(*target.type, target.name);
    if (!target.subresource.empty()) return not_found(*target.type, target.name);
    if (Answer ready = namespace_ready(target); !ready.ok()) return ready;
  } else {
    if (!uid.empty() && uid != text_at(*before, {"metadata", "uid"})) {
      return uid_is_immutable(target, uid);
    }
    if (!version.empty() && version != text_at(*before, {"metadata", "resourceVersion"}))
      return object_modified(*target.type, target.name);
  }
  if (target.subresource == "status") {
    Json only = {{"apiVersion", api_version}, {"kind", kind}, {"metadata", {{"name", target.name}}}};
    if (config.contains("status")) only["status"] = config["status"];
    config = std::move(only);
  } else if (target.type->has_status) {
    config.erase("status");
  }
  config["metadata"]["name"] = target.name;
  for (const char* name : {"uid", "resourceVersion", "creationTimestamp", "generation"}) config["metadata"].erase(name);
  config["apiVersion"] = before ? at(*before, {"apiVersion"}) : Json(version_of(target));
  Applied applied = apply_config(*target.type, before ? *before : Json(), config,
                                 manager_of(target, options, now_text()), options.force);
  if (!applied.conflicts.empty()) {
    return refusal(409, "Conflict", conflict_message(applied.conflicts),
                   {{"causes", conflict_causes(applied.conflicts)}});
  }
  if (before) keep_system_fields(target, *before, applied.object);
  return commit(target, before ? *before : Json(), std::move(applied.object), nullptr, options.dry_run);
}

Answer Engine::scaled(const Target& target, std::optional<PatchFormat> format, const Json& body,
                      const WriteOptions& options) {
  const Object before = store_.find(*target.type, target.ns, target.name);
  if (!before) return not_found(*target.type, target.name);
  Json scale = {{"metadata", {{"resourceVersion", at(*before, {"metadata", "resourceVersion"})}}},
                {"spec", {{"replicas", number_at(*before, {"spec", "replicas"})}}}};
  if (format == PatchFormat::json) {
    Answer patched = json_patched(scale, body);
    if (!patched.ok()) return patched;
    scale = std::move(patched.body);
  } else if (format) {
    scale.merge_patch(body);
  } else {
    scale = body;
  }
  const std::string version = text_at(scale, {"metadata", "resourceVersion"});
  if (!version.empty() && version != text_at(*before, {"metadata", "resourceVersion"}))
    return object_modified(*target.type, target.name);
  Json after = *before;
  after["spec"]["replicas"] = number_at(scale, {"spec", "replicas"});
  const Manager writer = manager_of(target, options, now_text());
  Answer written = commit(target, *before, std::move(after), &writer, options.dry_run);
  if (!written.ok()) return written;
  return {200,
          {{"kind", "Scale"},
           {"apiVersion", "autoscaling/v1"},
           {"metadata",
            {{"name", target.name},
             {"namespace", target.ns},
             {"resourceVersion", at(written.body, {"metadata", "resourceVersion"})}}},
           {"spec", {{"replicas", number_at(written.body, {"spec", "replicas"})}}},
           {"status", {{"replicas", number_at(written.body, {"status", "replicas"})}}}}};
}

Answer Engine::commit(const Target& target, const Json& before, Json after, const Manager* writer, bool dry_run) {
  const ResourceType& type = *target.type;
  Json& metadata = after["metadata"];
  const bool creates = !before.is_object();
  if (creates) {
    after["apiVersion"] = version_of(target);
    after["kind"] = type.kind;
    if (type.namespaced) {
      metadata["namespace"] = target.ns;
    } else {
      metadata.erase("namespace");
    }
    metadata["name"] = target.name;
    if (type.kind == "Pod" && !type.custom) admit_pod(target, after);
  }
  for (const char* map : {"labels", "annotations"}) {
    if (auto it = metadata.find(map); it != metadata.end() && (it->is_null() || (it->is_object() && it->empty())))
      metadata.erase(map);
  }
  keep_address(type, before, after);
  set_defaults(type, after, addresses_);
  if (Answer checked = validated(type, before, after); !checked.ok()) return checked;
  if (creates) {
    metadata["uid"] = next_uid();
    metadata["creationTimestamp"] = now_text();
    if (type.has_generation) metadata["generation"] = 1;
  } else if (type.has_generation && target.subresource != "status" && desired_state(before) != desired_state(after)) {
    metadata["generation"] = number_at(before, {"metadata", "generation"}) + 1;
  }
  if (writer != nullptr) {
    if (!creates && without_managers(before) == without_managers(after) &&
        (!metadata.contains("managedFields") ||
         metadata["managedFields"] == at(before, {"metadata", "managedFields"}))) {
      return {200, before};
    }
    record_update(type, before, after, *writer);
  }
  if (!creates && before == after) return {200, before};
  const int code = creates ? 201 : 200;
  if (dry_run) return {code, std::move(after)};
  const bool dying = metadata.contains("deletionTimestamp") && at(metadata, {"finalizers"}).empty();
  const Object kept = store_.put(type, std::move(after));
  stored(type, *kept);
  if (dying && type.kind != "Namespace") erase(type, target.ns, target.name);
  changed_.notify_all();
  Json body = *kept;
  body["apiVersion"] = version_of(target);
  return {code, std::move(body)};
}

void Engine::admit_pod(const Target& target, Json& pod) {
  const TypePtr namespaces = types_.by_kind("v1", "Namespace");
  const TypePtr webhooks = types_.by_kind("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration");
  const Object ns = store_.find(*namespaces, "", target.ns);
  std::vector<Json> configurations;
  for (const Object& one : store_.list(*webhooks, "")) configurations.push_back(*one);
  if (gets_sidecar(configurations, target.ns, ns ? labels_of(*ns) : Json::object(), pod, injector_))
    add_sidecar(pod, injector_);
}

void Engine::stored(const ResourceType& type, const Json& object) {
  if (type.kind != "CustomResourceDefinition" || type.custom) return;
  types_.serve(object);
}

Answer Engine::seed(Json object, std::string_view manager) {
  MutexLock lock(mutex_);
  const TypePtr type = types_.by_kind(text_at(object, {"apiVersion"}), text_at(object, {"kind"}));
  if (!type)
    return bad_request("no matches for kind \"" + text_at(object, {"kind"}) + "\" in version \"" +
                       text_at(object, {"apiVersion"}) + "\"");
  Target target{type, "", type->namespaced ? text_at(object, {"metadata", "namespace"}, "default") : "",
                text_at(object, {"metadata", "name"}), ""};
  const std::string api_version = text_at(object, {"apiVersion"});
  target.version = api_version.substr(api_version.find('/') == std::string::npos ? 0 : api_version.find('/') + 1);
  WriteOptions options;
  options.manager = manager;
  if (type->namespaced) {
    const TypePtr namespaces = types_.by_kind("v1", "Namespace");
    if (!store_.find(*namespaces, "", target.ns)) {
      Answer made = create_object({namespaces, "", "", target.ns, ""}, {{"metadata", {{"name", target.ns}}}}, options);
      if (!made.ok()) return made;
    }
  }
  object["metadata"].erase("resourceVersion");
  object["metadata"].erase("managedFields");
  const Json status = object.value("status", Json());
  const Json uid = at(object, {"metadata", "uid"}), generation = at(object, {"metadata", "generation"}),
             created = at(object, {"metadata", "creationTimestamp"});
  Object before = store_.find(*type, target.ns, target.name);
  const Manager writer = manager_of(target, options, now_text());
  if (before) {
    Json after = object;
    keep_system_fields(target, *before, after);
    if (!status.is_null()) after["status"] = status;
    return commit(target, *before, std::move(after), &writer, false);
  }
  Answer made = create_object(target, object, options);
  if (!made.ok()) return made;
  Json whole = made.body;
  if (!status.is_null()) whole["status"] = status;
  if (!uid.is_null()) whole["metadata"]["uid"] = uid;
  if (!generation.is_null()) whole["metadata"]["generation"] = generation;
  if (created.is_string()) whole["metadata"]["creationTimestamp"] = created;
  const Object stored_now = store_.put(*type, std::move(whole));
  changed_.notify_all();
  return {201, *stored_now};
}

}  // namespace meshgraft::fakes
