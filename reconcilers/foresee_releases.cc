#include "reconcilers/foresee_releases.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/keys.h"
#include "reconcilers/mesh_host.h"
#include "reconcilers/release_sight.h"

namespace meshgraft {
namespace {

// Every request to `subset`, as spec.governor makes it.
void send_all_to(NamespaceView& view, const Service& service, const std::string& subset) {
  for (auto& routes : view.virtual_services) {
    if (routes->meta.name != service.meta.name) continue;
    auto next = std::make_shared<VirtualService>(*routes);
    next->destinations.assign(1, {service.meta.name, subset, 100, 0, false});
    view.moments.routed.insert_or_assign(next->key(), view.moments.now);
    routes = std::move(next);
  }
}

void drop_subset(NamespaceView& view, const Service& service, const std::string& subset) {
  for (auto& rule : view.destination_rules) {
    if (rule->meta.name != service.meta.name) continue;
    auto next = std::make_shared<DestinationRule>(*rule);
    std::erase(next->subsets, subset);
    rule = std::move(next);
  }
}

// The place of the last step of `path` in `document`; null when the way there does not exist.
Json* parent_of(Json& document, const std::string& path) {
  Json* at = &document;
  std::size_t start = 1;
  for (std::size_t slash = path.find('/', start); slash != std::string::npos; start = slash + 1, slash = path.find('/', start)) {
    const std::string step = key_of_step(path.substr(start, slash - start));
    if (at->is_object()) {
      const auto found = at->find(step);
      if (found == at->end()) return nullptr;
      at = &*found;
    } else if (at->is_array()) {
      std::size_t index = at->size();
      std::from_chars(step.data(), step.data() + step.size(), index);
      if (index >= at->size()) return nullptr;
      at = &(*at)[index];
    } else {
      return nullptr;
    }
  }
  return at->is_object() ? at : nullptr;
}

}  // namespace

void play_on_routes(NamespaceView& view, const Change& change, const ObjectPtr& before, const ObjectPtr& after) {
  if (change.stage != Stage::release || before == nullptr) return;
  if (const Strategy* was = as<Strategy>(before.get()); was != nullptr) {
    const Strategy* is = as<Strategy>(after.get());
    if (is == nullptr || is->governor == was->governor) return;
    const auto app = is->meta.labels.find(keys::kAppLabel);
    for (const auto& service : view.services) {
      if (app != is->meta.labels.end() ? app->second == service->meta.name : !is->hosts.empty() && is_host_of(is->hosts.front(), *service))
        send_all_to(view, *service, is->governor);
    }
    return;
  }
  const Workload* gone = as<Workload>(before.get());
  if (gone == nullptr || after != nullptr) return;
  const auto version = gone->meta.labels.find(keys::kVersionLabel);
  if (version == gone->meta.labels.end()) return;
  for (const auto& service : view.services) {
    if (!service->selector.empty() && is_subset(service->selector, gone->pod.labels)) drop_subset(view, *service, subset_name(std::string(version->second)));
  }
}

Json patched(Json document, const Json& patch) {
  if (!patch.is_array()) return document;
  for (const Json& step : patch) {
    const std::string op = text(step, "/op");
    const std::string path = text(step, "/path");
    if (path.empty() || path.front() != '/') continue;
    Json* parent = parent_of(document, path);
    if (parent == nullptr) continue;
    const std::string last = key_of_step(path.substr(path.rfind('/') + 1));
    if (op == "remove") parent->erase(last);
    if ((op == "add" || op == "replace") && step.contains("value")) (*parent)[last] = step["value"];
  }
  return document;
}

}  // namespace meshgraft
