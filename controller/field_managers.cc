#include "controller/field_managers.h"

#include <vector>

#include "k8sclient/model/json_read.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

// "spec.ports[80/TCP].name" -> f:spec, f:ports, k:{"port":80,"protocol":"TCP"}, f:name: fieldsV1's own keys
// (sigs.k8s.io/structured-merge-diff, fieldpath/serialize-pe.go).
std::vector<std::string> steps_of(std::string_view path) {
  std::vector<std::string> steps;
  while (!path.empty()) {
    if (path.front() == '[') {
      const std::size_t end = path.find(']');
      const std::string inside(path.substr(1, end == std::string_view::npos ? end : end - 1));
      const std::size_t slash = inside.find('/');
      const bool is_port = slash != std::string::npos && inside.find_first_not_of("0123456789") == slash;
      const bool is_container = !steps.empty() && steps.back() == "f:containers";
      if (is_port) {
        const std::string key = steps.size() > 1 && steps[steps.size() - 2].starts_with("k:") ? "containerPort" : "port";
        steps.push_back("k:{\"" + key + "\":" + inside.substr(0, slash) + ",\"protocol\":\"" + inside.substr(slash + 1) + "\"}");
      } else if (is_container) {
        steps.push_back("k:{\"name\":\"" + inside + "\"}");
      } else {
        steps.push_back("f:" + inside);
      }
      path = end == std::string_view::npos ? std::string_view{} : path.substr(end + 1);
    } else if (path.front() == '.') {
      path.remove_prefix(1);
    } else {
      const std::size_t end = std::min(path.find('.'), path.find('['));
      steps.push_back("f:" + std::string(path.substr(0, end)));
      path = end == std::string_view::npos ? std::string_view{} : path.substr(end);
    }
  }
  return steps;
}

bool owns(const Json& fields, const std::vector<std::string>& steps) {
  const Json* at = &fields;
  for (const std::string& step : steps) {
    if (!at->is_object()) return false;
    if (at->empty()) return true;  // an atomic whole
    const auto next = at->find(step);
    if (next == at->end()) return false;
    at = &*next;
  }
  return true;
}

bool is_somebody_else(std::string_view manager) {
  return !manager.empty() && manager != keys::kFieldManager && manager != keys::kUndoManager &&
         manager != "kube-controller-manager";
}

}  // namespace

std::string manager_of(const Json& object, std::string_view path) {
  const std::vector<std::string> steps = steps_of(path);
  std::string best, when;
  for (const Json* entry : items(object, "/metadata/managedFields")) {
    const std::string manager = text(*entry, "/manager");
    const Json* fields = value_at(*entry, "/fieldsV1");
    if (!is_somebody_else(manager) || fields == nullptr || !owns(*fields, steps)) continue;
    const std::string time = text(*entry, "/time");  // RFC 3339 in UTC: sorts as text
    if (!best.empty() && time < when) continue;
    best = manager;
    when = time;
  }
  return best;
}

}  // namespace meshgraft
