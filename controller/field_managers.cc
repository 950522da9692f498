#include "controller/field_managers.h"

#include "k8sclient/model/json_read.h"
#include "reconcilers/footprint.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

bool is_somebody_else(std::string_view manager) {
  return !manager.empty() && manager != keys::kFieldManager && manager != keys::kUndoManager &&
         manager != "kube-controller-manager";
}

}  // namespace

std::string manager_of(const Json& object, std::string_view path) {
  std::string best, when;
  for (const Json* entry : items(object, "/metadata/managedFields")) {
    const std::string manager = text(*entry, "/manager");
    const Json* fields = value_at(*entry, "/fieldsV1");
    if (!is_somebody_else(manager) || fields == nullptr || !owns_field(*fields, path)) continue;
    const std::string time = text(*entry, "/time");  // RFC 3339 in UTC: sorts as text
    if (!best.empty() && time < when) continue;
    best = manager;
    when = time;
  }
  return best;
}

}  // namespace meshgraft
