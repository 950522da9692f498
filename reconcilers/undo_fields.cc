#include "reconcilers/undo_fields.h"

#include <algorithm>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/findings.h"
#include "reconcilers/ingress_edit.h"
#include "reconcilers/keys.h"
#include "reconcilers/wish.h"

namespace meshgraft {
namespace {

enum class Way : std::uint8_t { settled, drop, restore, keep, left };

struct FieldBack {
  std::string path;
  Way way = Way::drop;
  Json live, to;     // restore: the value to put back
  std::string who;   // left: who has it now
};

Json port_json(const IngressBackend& backend) {
  return backend.port != 0 ? Json{{"number", backend.port}} : Json{{"name", backend.port_name}};
}

// The present value of a recorded field; nullopt when the object lost it.
std::optional<Json> live_value(const Object& object, const std::string& path) {
  if (is_backend_path(path)) {
    const Ingress* ingress = as<Ingress>(&object);
    if (ingress == nullptr) return std::nullopt;
    for (const BackendPlace& place : backends_of(*ingress)) {
      if (place.path == path) return port_json(*place.backend);
    }
    return std::nullopt;
  }
  Record one;
  one.own.insert(path);
  const std::vector<FieldState> fields = compare(latched(one, object), object);
  return fields.empty() ? std::nullopt : fields.front().live;
}

FieldBack judge(const Object& object, const Record& record, const Footprint& footprint, const std::string& path) {
  FieldBack back{path, Way::settled, Json(), Json(), ""};
  const std::optional<Json> live = live_value(object, path);
  if (!live) return back;
  back.live = *live;
  const std::optional<Json> applied = footprint.applied(path);
  const auto was = record.was.find(path);
  std::optional<Json> former = applied ? applied : was != record.was.end() ? std::optional<Json>(was->second) : std::nullopt;
  // A manifest may name a part of a map (rollingUpdate) and leave the rest to the server, as it was.
  if (applied && applied->is_object() && was != record.was.end() && was->second.is_object()) {
    former = was->second;
    former->update(*applied);
  }
  if (former && *former == *live) {
    // Put back already, or applied by the user meanwhile: then our apply must not drop it.
    back.way = applied ? Way::keep : Way::settled;
    return back;
  }
  if (std::string who = footprint.taken_by(path, *live, was == record.was.end() ? nullptr : &was->second); !who.empty()) {
    back.way = Way::left;
    back.who = std::move(who);
    return back;
  }
  back.way = former ? Way::restore : Way::drop;
  if (former) back.to = *former;
  // Whoever changed the backend since then meant it: our own switches write numbers.
  if (is_backend_path(path) && (!former || !live->contains("number"))) back.way = Way::left;
  return back;
}

// Where the list `list` of `object` has the element of `step`; -1 when it has none.
int index_of(const Object& object, const PathStep& step, int container) {
  const std::size_t slash = step.key->find('/');
  const std::string number = step.key->substr(0, slash);
  const std::string protocol = slash == std::string::npos ? "" : step.key->substr(slash + 1);
  if (const Service* service = as<Service>(&object); service != nullptr) {
    for (std::size_t i = 0; i < service->ports.size(); ++i) {
      if (std::to_string(service->ports[i].port) == number && service->ports[i].protocol == protocol) return static_cast<int>(i);
    }
    return -1;
  }
  const Workload* workload = as<Workload>(&object);
  if (workload == nullptr) return -1;
  if (step.name == "containers") {
    for (std::size_t i = 0; i < workload->pod.containers.size(); ++i) {
      if (workload->pod.containers[i].name == *step.key) return static_cast<int>(i);
    }
    return -1;
  }
  if (container < 0) return -1;
  const std::vector<ContainerPort>& ports = workload->pod.containers[static_cast<std::size_t>(container)].ports;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (std::to_string(ports[i].container_port) == number && ports[i].protocol == protocol) return static_cast<int>(i);
  }
  return -1;
}

std::string plain(const Json& value) {
  const std::string* text = value.get_ptr<const std::string*>();
  return text != nullptr ? *text : to_text(value);
}

const std::string kRecordPath = "metadata.annotations[" + std::string(keys::kUndo) + "]";  // NOLINT: short, and ours

Change restore_base(const Object& object) {
  Change change;
  change.target = object.key();
  change.verb = Verb::restore;
  change.pre.uid = object.meta.uid;
  change.pre.resource_version = object.meta.resource_version;
  change.body = Json::array();
  return change;
}

// The patch that puts former values back. Where it changes a pod template it takes along what else goes from there:
// two changes of a template would restart the pods twice. And it removes what no apply of ours can drop.
Change restore_of(const Object& object, const std::vector<FieldBack>& fields, const Footprint& footprint) {
  Change change = restore_base(object);
  for (const FieldBack& field : fields) {
    const bool gone = field.way == Way::drop && (is_template_path(field.path) || footprint.wrote(field.path));
    if (field.way != Way::restore && !gone) continue;
    const std::string pointer = pointer_to(object, field.path);
    if (pointer.empty()) continue;
    if (gone) {
      change.body.push_back({{"op", "remove"}, {"path", pointer}});
    } else {
      change.body.push_back({{"op", "add"}, {"path", pointer}, {"value", field.to}});
    }
    change.overwrites.push_back({field.path, plain(field.live), gone ? "" : plain(field.to)});
  }
  return change;
}

}  // namespace

std::string pointer_to(const Object& object, std::string_view path) {
  std::string pointer;
  int container = -1;
  for (const PathStep& step : steps_of(path)) {
    pointer += "/" + pointer_step(step.name);
    if (!step.key) continue;
    if (is_backend_path(path)) {
      pointer += "/" + *step.key;
    } else if (step.name == "ports" || step.name == "containers") {
      const int index = index_of(object, step, container);
      if (index < 0) return "";
      if (step.name == "containers") container = index;
      pointer += "/" + std::to_string(index);
    } else {
      pointer += "/" + pointer_step(*step.key);
    }
  }
  return pointer;
}

bool is_template_path(std::string_view path) { return path.starts_with("spec.template."); }
bool is_port_path(std::string_view path) { return path.starts_with("spec.ports["); }
bool is_backend_path(std::string_view path) { return path.starts_with("spec.rules[") || path.starts_with("spec.defaultBackend"); }

FieldsBack take_back(const Object& object, const Record& record, const Footprint& footprint, const Part& part, bool last) {
  FieldsBack result;
  std::vector<FieldBack> fields;
  bool restores = false;
  for (const std::string& path : record.own) {
    if (!part(path)) continue;
    FieldBack field = judge(object, record, footprint, path);
    const bool changes = field.way == Way::drop || field.way == Way::restore;
    restores = restores || field.way == Way::restore || (field.way == Way::drop && footprint.wrote(path));
    result.restarts = result.restarts || (changes && is_template_path(path));
    if (field.way == Way::left && record.was.contains(path)) {
      result.findings.push_back(finding("MG112", object.key(), path + " is " + plain(field.live) + ", which " + (field.who.empty() ? "somebody" : field.who) +
                                                                   " has set since, and was " + plain(record.was.at(path)) + " before"));
    }
    if (field.way == Way::left && !record.was.contains(path) && !field.who.empty() && field.who != Footprint::kSomebody)
      result.findings.push_back(finding("MG112", object.key(), path + " is " + plain(field.live) + ", which " + field.who + " has set as well"));
    fields.push_back(std::move(field));
  }
  if (restores) {
    result.change = restore_of(object, fields, footprint);
    if (!result.change->body.empty()) return result;
    result.change.reset();
  }
  // What the user keeps is re-judged at the end; until then it stays in what we apply.
  const bool gives_up = std::any_of(fields.begin(), fields.end(), [](const FieldBack& field) { return field.way != Way::keep; });
  if (!gives_up && !last) return result;

  Record after = record;
  std::vector<Overwrite> gone;
  for (const FieldBack& field : fields) {
    if (field.way == Way::drop) gone.push_back({field.path, plain(field.live), ""});
    if (field.way == Way::keep) continue;  // stays in what we apply: dropping it would take it from the user
    after.own.erase(field.path);
    after.was.erase(field.path);
  }
  if (result.restarts) after.rolled.reset();  // what comes now is no restart for the mesh
  const bool done = last && std::all_of(after.own.begin(), after.own.end(), [&fields](const std::string& path) {
                      return std::any_of(fields.begin(), fields.end(), [&path](const FieldBack& field) {
                        return field.path == path && field.way == Way::keep;
                      });
                    });
  // A record that an edit or a creation wrote, or `kubectl rollout undo`, is no apply's to drop: it is made ours by one
  // more apply, or removed.
  const std::string holder = footprint.taken_by(kRecordPath);
  const bool stays = done && (footprint.wrote(kRecordPath) || (!holder.empty() && holder != Footprint::kSomebody));
  if (stays && after.own == record.own && after.was == record.was) {
    result.change = restore_base(object);
    result.change->body.push_back({{"op", "remove"}, {"path", pointer_to(object, kRecordPath)}});
    return result;
  }
  result.change = apply_of_record(after, object, !done || stays);
  result.change->overwrites = std::move(gone);
  return result;
}

bool template_goes_back(const Object& object, const Record& record, const Footprint& footprint, const Part& part) {
  return std::any_of(record.own.begin(), record.own.end(), [&](const std::string& path) {
    if (!part(path)) return false;
    const Way way = judge(object, record, footprint, path).way;
    return way == Way::drop || way == Way::restore;
  });
}

}  // namespace meshgraft
