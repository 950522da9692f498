#pragma once
// Namespace shop whose label went: what stands in it, and its plan. For the tests of the way back.

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "tests/reconcilers/live.h"

namespace meshgraft::going {

constexpr std::string_view kGoing =
    "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, uid: ns-uid, annotations: {meshgraft.io/status: joined, X}}\n";

inline std::string unlabelled(const std::string& annotation = "a: b") {
  std::string text(kGoing);
  return text.replace(text.find('X'), 1, annotation);
}

// A Service that we governed and labelled.
inline std::string service(const std::string& extra = "") {
  return R"yaml(---
apiVersion: v1
kind: Service
metadata:
  name: web
  uid: svc-web
  labels: {app: web, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1, team: blue}
  annotations:
    servicemesh.kubesphere.io/enabled: "true"
    meshgraft.io/undo: '{"uid":"svc-web","own":["metadata.annotations[servicemesh.kubesphere.io/enabled]","metadata.labels[app]","metadata.labels[app.kubernetes.io/name]","metadata.labels[app.kubernetes.io/version]"],"was":{"metadata.labels[app]":"old"}}'
)yaml" + extra +
         "spec:\n  clusterIP: 10.0.0.1\n  selector: {run: web}\n  ports: [{port: 80, name: http}]\n";
}

// The plan of `yaml` when the server knows of no other owner, `seconds` after the VirtualService and the
// DestinationRule went (if they are gone).
inline Plan plan_at(const std::string& yaml, std::int64_t seconds, const std::map<ObjectKey, std::shared_ptr<const Json>>& live_objects = {}) {
  World world = live::world(yaml);
  world.served.insert({Kind::virtual_service, Kind::destination_rule, Kind::application});
  world.platform->served = world.served;
  NamespaceView& view = world.namespaces.at("shop");
  view.moments.now = 1'000'000;
  view.moments.watching_since = view.moments.now - seconds * 1000;
  view.live = live_objects;
  Plan made = live::plan(world);
  while (!made.wants_live.empty()) {
    for (const ObjectKey& key : made.wants_live) view.live.emplace(key, nullptr);
    made = live::plan(world);
  }
  return made;
}

// The same Service once its governance went.
inline std::string released() {
  std::string text = service();
  const std::string line = "    servicemesh.kubesphere.io/enabled: \"true\"\n";
  text.erase(text.find(line), line.size());
  const std::string path = "\"metadata.annotations[servicemesh.kubesphere.io/enabled]\",";
  return text.erase(text.find(path), path.size());
}

}  // namespace meshgraft::going
