#pragma once
// IngressEdit: other port numbers in the backends of one Ingress. The rules of an Ingress are an atomic list, which
// an apply would take over whole; so single leaves are changed by a JSON Patch with tests, and the same patch writes
// the undo record. Used by the rules for Service ports and for Ingresses. Pure.

#include <string>
#include <vector>

#include "reconcilers/types.h"

namespace meshgraft {

// One backend: where it stands and what it says. `path` is the record's, `pointer` the patch's.
struct BackendPlace {
  const IngressBackend* backend = nullptr;
  std::string path;     // "spec.rules[0].http.paths[1].backend.service.port"
  std::string pointer;  // "/spec/rules/0/http/paths/1/backend/service/port"
  const IngressRule* rule = nullptr;       // null for the default backend
  const IngressPath* ingress_path = nullptr;
};

// Every backend that is a Service, the default backend first.
std::vector<BackendPlace> backends_of(const Ingress& ingress);

struct PortSwitch {
  BackendPlace place;
  int number = 0;  // the Service port to name instead
};

// The parts of such a patch, for other leaves of an Ingress: the tests that it begins with, and the undo record.
void begin_edit(Json& patch, const Ingress& ingress);
void put_record(Json& patch, const Ingress& ingress, std::string value);

// The request; precondition: `switches` is not empty, ingress.old_version is false.
Change ingress_edit(const Ingress& ingress, const std::vector<PortSwitch>& switches, Stage stage, std::string why);

}  // namespace meshgraft
