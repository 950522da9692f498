#include "reconcilers/ingress_edit.h"

#include "k8sclient/model/json_read.h"
#include "reconcilers/keys.h"
#include "reconcilers/record.h"

namespace meshgraft {
namespace {

Json port_json(const IngressBackend& backend) {
  return backend.port != 0 ? Json{{"number", backend.port}} : Json{{"name", backend.port_name}};
}

std::string port_text(const IngressBackend& backend) { return backend.port != 0 ? std::to_string(backend.port) : backend.port_name; }

Json test(std::string path, Json value) { return {{"op", "test"}, {"path", std::move(path)}, {"value", std::move(value)}}; }

}  // namespace

// Writes the record into the annotation. "add" on a member replaces it; the map itself must be made when it is
// missing, which the test of the resourceVersion makes safe.
void put_record(Json& patch, const Ingress& ingress, std::string value) {
  const bool has_map = !ingress.meta.annotations.empty() || ingress.meta.applied;
  const std::string key(keys::kUndo);
  if (has_map) {
    patch.push_back({{"op", "add"}, {"path", "/metadata/annotations/" + pointer_step(key)}, {"value", std::move(value)}});
  } else {
    patch.push_back({{"op", "add"}, {"path", "/metadata/annotations"}, {"value", Json{{key, std::move(value)}}}});
  }
}

void begin_edit(Json& patch, const Ingress& ingress) {
  if (!ingress.meta.uid.empty()) patch.push_back(test("/metadata/uid", ingress.meta.uid));
  if (!ingress.meta.resource_version.empty()) patch.push_back(test("/metadata/resourceVersion", ingress.meta.resource_version));
}

std::vector<BackendPlace> backends_of(const Ingress& ingress) {
  std::vector<BackendPlace> places;
  if (ingress.default_backend && !ingress.default_backend->service.empty()) {
    places.push_back({&*ingress.default_backend, "spec.defaultBackend.service.port", "/spec/defaultBackend/service/port", nullptr, nullptr});
  }
  for (std::size_t r = 0; r < ingress.rules.size(); ++r) {
    const IngressRule& rule = ingress.rules[r];
    for (std::size_t p = 0; p < rule.paths.size(); ++p) {
      if (rule.paths[p].backend.service.empty()) continue;
      const std::string rule_number = std::to_string(r);
      const std::string path_number = std::to_string(p);
      places.push_back({&rule.paths[p].backend, "spec.rules[" + rule_number + "].http.paths[" + path_number + "].backend.service.port",
                        "/spec/rules/" + rule_number + "/http/paths/" + path_number + "/backend/service/port", &rule, &rule.paths[p]});
    }
  }
  return places;
}

Change ingress_edit(const Ingress& ingress, const std::vector<PortSwitch>& switches, Stage stage, std::string why) {
  Change change;
  change.target = ingress.key();
  change.verb = Verb::edit;
  change.pre.uid = ingress.meta.uid;
  change.pre.resource_version = ingress.meta.resource_version;
  change.stage = stage;
  change.impact = Impact::traffic;
  change.why = std::move(why);
  Record record = read_record(ingress.meta);
  change.body = Json::array();
  begin_edit(change.body, ingress);
  for (const PortSwitch& one : switches) {
    const IngressBackend& backend = *one.place.backend;
    const Json after{{"number", one.number}};
    change.body.push_back(test(one.place.pointer, port_json(backend)));
    change.body.push_back({{"op", "replace"}, {"path", one.place.pointer}, {"value", after}});
    change.overwrites.push_back({one.place.path, port_text(backend), std::to_string(one.number)});
    if (record.own.insert(one.place.path).second) {
      record.was.emplace(one.place.path, port_json(backend));
    } else {
      change.retakes.push_back(one.place.path);
    }
  }
  put_record(change.body, ingress, record_text(record, ingress.meta.uid));
  return change;
}

}  // namespace meshgraft
