#include "tests/sim/invariants.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "reconcilers/keys.h"
#include "tests/fakes/selectors.h"

namespace meshgraft::sim {
namespace {

using fakes::at;
using fakes::number_at;
using fakes::text_at;

bool is_rollout_complete(const Json& workload) {
  const std::int64_t wanted = number_at(workload, {"spec", "replicas"}, 1);
  return number_at(workload, {"status", "observedGeneration"}) >= number_at(workload, {"metadata", "generation"}) &&
         number_at(workload, {"status", "updatedReplicas"}) == wanted &&
         number_at(workload, {"status", "replicas"}) == wanted &&
         number_at(workload, {"status", "availableReplicas"}) >= wanted;
}

std::string title_of(const Json& object) { return text_at(object, {"kind"}) + " " + text_at(object, {"metadata", "name"}); }

}  // namespace

void Invariants::breach(const std::string& what) {
  if (breach_.empty()) breach_ = what;
}

void Invariants::wrote(const ObjectKey& key) {
  look_at_labels();
  const std::string ns = key.kind == Kind::namespace_ ? key.name : key.ns;
  if (!labelled_.contains(ns)) breach("a write in namespace " + ns + ", which nobody labelled: " + to_string(key));
  if (key.kind != Kind::deployment) return;
  const Json object = cluster_.deployment(key.ns, key.name);
  Seen& seen = workloads_[{key.ns, title_of(object)}];
  seen.uid = text_at(object, {"metadata", "uid"});
  std::string now = to_text(at(object, {"spec", "template"}));
  if (now == seen.pod_template) return;
  seen.pod_template = std::move(now);
  // Pods that roll for their user's reason already are mended at once; those that serve nobody need no gate.
  if (seen.available && !seen.users) seen.ours = true;
}

void Invariants::allow_outage(const std::string& ns) {
  for (const fakes::Object& service : cluster_.engine.objects("v1", "Service", ns)) outage_by_user_.insert(ns + "/" + text_at(*service, {"metadata", "name"}));
}

void Invariants::user_acted() {
  look_at_labels();
  for (const fakes::Object& object : cluster_.engine.objects("apps/v1", "Deployment")) {
    Seen& seen = workloads_[{text_at(*object, {"metadata", "namespace"}), title_of(*object)}];
    std::string now = to_text(at(*object, {"spec", "template"}));
    // Another one of the same name has no pods that serve.
    if (const std::string uid = text_at(*object, {"metadata", "uid"}); uid != std::exchange(seen.uid, uid)) {
      seen.pod_template.clear();
      seen.available = false;
    }
    if (now == seen.pod_template) continue;
    seen.pod_template = std::move(now);
    seen.ours = false;
    seen.users = true;
  }
}

const std::string& Invariants::check() {
  if (!breach_.empty() || cluster_.engine.version() == version_) return breach_;
  version_ = cluster_.engine.version();
  look_at_labels();
  look_at_endpoints();
  look_at_rollouts();
  return breach_;
}

void Invariants::look_at_labels() {
  for (const fakes::Object& object : cluster_.engine.objects("v1", "Namespace")) {
    const Json& labels = at(*object, {"metadata", "labels"});
    if (labels.contains(std::string(keys::kApp)) || labels.contains(std::string(keys::kGateway)))
      labelled_.insert(text_at(*object, {"metadata", "name"}));
  }
}

void Invariants::look_at_endpoints() {
  std::map<std::string, int> ready;
  for (const fakes::Object& slice : cluster_.engine.objects("discovery.k8s.io/v1", "EndpointSlice")) {
    int& count = ready[text_at(*slice, {"metadata", "namespace"}) + "/" +
                       text_at(*slice, {"metadata", "labels", "kubernetes.io/service-name"})];
    for (const Json& endpoint : at(*slice, {"endpoints"})) count += at(endpoint, {"conditions", "ready"}) == true ? 1 : 0;
  }
  for (const fakes::Object& service : cluster_.engine.objects("v1", "Service")) {
    const std::string name = text_at(*service, {"metadata", "namespace"}) + "/" + text_at(*service, {"metadata", "name"});
    if (outage_by_user_.contains(name)) continue;
    if (ready[name] > 0) had_endpoints_.insert(name);
    if (!had_endpoints_.contains(name)) continue;
    if (labelled_.contains(text_at(*service, {"metadata", "namespace"}))) fewest_ = std::min(fewest_, ready[name]);
    if (ready[name] == 0) breach("Service " + name + " has no ready endpoint");
    const auto keeps = keeps_.find(name);
    if (keeps != keeps_.end() && ready[name] < keeps->second)
      breach("Service " + name + " has " + std::to_string(ready[name]) + " ready endpoints, fewer than the " + std::to_string(keeps->second) + " that it keeps");
  }
}

void Invariants::look_at_rollouts() {
  std::map<std::string, int> rolling;
  int all = 0;
  for (const fakes::Object& object : cluster_.engine.objects("apps/v1", "Deployment")) {
    const std::string ns = text_at(*object, {"metadata", "namespace"});
    Seen& seen = workloads_[{ns, title_of(*object)}];
    if (seen.pod_template.empty()) seen.pod_template = to_text(at(*object, {"spec", "template"}));
    if (is_rollout_complete(*object)) {
      seen.ours = seen.users = false;
      seen.available = true;
    }
    if (!seen.ours) continue;
    ++all;
    const fakes::Object space = cluster_.engine.object("v1", "Namespace", "", ns);
    const std::string most = text_at(*space, {"metadata", "annotations", std::string(keys::kMaxRollouts)}, "1");
    if (++rolling[ns] > std::atoi(most.c_str()) * controllers_)
      breach("more than " + most + " workloads of namespace " + ns + " restart because of us");
  }
  if (all > most_) breach("more than " + std::to_string(most_) + " workloads of the cluster restart because of us");
}

Json image_of(const RigCluster& cluster, const std::string& ns) {
  Json image = Json::object();
  for (const char* type : {"v1 Service", "apps/v1 Deployment", "apps/v1 StatefulSet", "networking.k8s.io/v1 Ingress",
                           "v1 ConfigMap", "app.k8s.io/v1beta1 Application", "apps/v1 DaemonSet", "networking.istio.io/v1alpha3 EnvoyFilter",
                           "networking.istio.io/v1alpha3 VirtualService", "networking.istio.io/v1alpha3 DestinationRule",
                           "apps/v1 ControllerRevision"}) {
    const std::string text = type;
    const std::size_t space = text.find(' ');
    for (const fakes::Object& object : cluster.engine.objects(text.substr(0, space), text.substr(space + 1), ns)) {
      Json kept = Json::object();
      kept["labels"] = at(*object, {"metadata", "labels"});
      kept["annotations"] = at(*object, {"metadata", "annotations"});
      if (kept["annotations"].is_object()) kept["annotations"].erase("deployment.kubernetes.io/revision");
      for (const char* map : {"labels", "annotations"}) {
        if (kept[map].empty()) kept.erase(map);
      }
      for (const char* part : {"spec", "data"}) {
        if (object->contains(part)) kept[part] = (*object)[part];
      }
      // A real API server keeps no empty map.
      if (Json* meta = kept.contains("spec") && kept["spec"].contains("template") ? &kept["spec"]["template"]["metadata"] : nullptr) {
        for (const char* map : {"labels", "annotations"}) {
          if (meta->contains(map) && (*meta)[map].empty()) meta->erase(map);
        }
      }
      image[title_of(*object)] = std::move(kept);
    }
  }
  return image;
}

}  // namespace meshgraft::sim
