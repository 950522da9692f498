// StatefulSets and DaemonSets: ordered start, replacement from the highest ordinal, one pod a node.

#include <algorithm>

#include "tests/fakes/cluster_play.h"

namespace meshgraft::fakes {
namespace {

constexpr const char* kRevisionHash = "controller-revision-hash";

Json marked(const Json& pod_template, const std::string& hash) {
  Json out = pod_template;
  out["metadata"]["labels"][kRevisionHash] = hash;
  return out;
}

bool current(const Json& pod, const std::string& hash) { return text_at(labels_of(pod), {kRevisionHash}) == hash; }

void drop_zeros(Json& status, std::initializer_list<const char*> counts) {
  for (const char* count : counts) {
    if (status[count] == 0) status.erase(count);
  }
}

}  // namespace

void ClusterPlay::stateful_sets() {
  for (const Object& object : engine_.objects("apps/v1", "StatefulSet")) {
    if (at(*object, {"metadata", "deletionTimestamp"}).is_null()) stateful_set(*object);
  }
}

void ClusterPlay::stateful_set(const Json& object) {
  const std::string name = text_at(object, {"metadata", "name"});
  const std::string revision = name + "-" + template_hash(at(object, {"spec", "template"}));
  const bool parallel = text_at(object, {"spec", "podManagementPolicy"}) == "Parallel";
  const bool on_delete = text_at(object, {"spec", "updateStrategy", "type"}) == "OnDelete";
  const std::int64_t wanted = number_at(object, {"spec", "replicas"}, 1);
  const std::int64_t partition = number_at(object, {"spec", "updateStrategy", "rollingUpdate", "partition"});
  std::map<std::int64_t, Json> by_ordinal;
  for (const Object& pod : pods_of(object)) {
    const std::string pod_name = text_at(*pod, {"metadata", "name"});
    by_ordinal.emplace(std::strtoll(pod_name.c_str() + name.size() + 1, nullptr, 10), *pod);
  }
  bool waiting = false;  // for the pod before to become ready
  for (std::int64_t i = 0; i < wanted && !waiting; ++i) {
    auto it = by_ordinal.find(i);
    if (it == by_ordinal.end()) {
      Json pod = pod_from(object, marked(at(object, {"spec", "template"}), revision), name + "-" + std::to_string(i));
      pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = name + "-" + std::to_string(i);
      pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = std::to_string(i);
      pod["spec"]["hostname"] = name + "-" + std::to_string(i);
      if (const std::string service = text_at(object, {"spec", "serviceName"}); !service.empty())
        pod["spec"]["subdomain"] = service;
      Answer made = create(std::move(pod));
      if (!made.ok()) break;
      it = by_ordinal.emplace(i, std::move(made.body)).first;
    }
    waiting = !parallel && !is_ready(it->second);
  }
  for (auto it = by_ordinal.rbegin(); it != by_ordinal.rend() && it->first >= wanted; ++it) remove(it->second);
  std::erase_if(by_ordinal, [wanted](const auto& one) { return one.first >= wanted; });
  if (!on_delete && !waiting) {
    for (auto it = by_ordinal.rbegin(); it != by_ordinal.rend() && it->first >= partition; ++it) {
      if (!current(it->second, revision)) {
        remove(it->second);
        by_ordinal.erase(it->first);
        break;
      }
      if (!is_ready(it->second)) break;
    }
  }
  std::int64_t ready = 0, updated = 0;
  for (const auto& [ordinal, pod] : by_ordinal) {
    ready += is_ready(pod) ? 1 : 0;
    updated += current(pod, revision) ? 1 : 0;
  }
  const auto total = static_cast<std::int64_t>(by_ordinal.size());
  const bool complete = updated == wanted && ready == wanted && total == wanted;
  const std::string before = text_at(object, {"status", "currentRevision"}, revision);
  Json status = {{"observedGeneration", at(object, {"metadata", "generation"})},
                 {"replicas", total},
                 {"readyReplicas", ready},
                 {"availableReplicas", ready},
                 {"updatedReplicas", updated},
                 {"currentReplicas", complete ? total : total - updated},
                 {"updateRevision", revision},
                 {"currentRevision", complete ? revision : before},
                 {"collisionCount", 0}};
  drop_zeros(status, {"readyReplicas", "updatedReplicas", "currentReplicas"});
  set_status(object, std::move(status));
}

void ClusterPlay::daemon_sets() {
  for (const Object& object : engine_.objects("apps/v1", "DaemonSet")) {
    if (at(*object, {"metadata", "deletionTimestamp"}).is_null()) daemon_set(*object);
  }
}

void ClusterPlay::daemon_set(const Json& object) {
  const std::string hash = template_hash(at(object, {"spec", "template"}));
  const Json& selector = at(object, {"spec", "template", "spec", "nodeSelector"});
  std::vector<std::string> nodes;
  for (const Object& node : engine_.objects("v1", "Node")) {
    if (selector.is_object() && !selector.empty() && !map_selects(selector, labels_of(*node))) continue;
    nodes.push_back(text_at(*node, {"metadata", "name"}));
  }
  const auto wanted = static_cast<std::int64_t>(nodes.size());
  std::map<std::string, Json> by_node;
  for (const Object& pod : pods_of(object)) by_node.emplace(text_at(*pod, {"spec", "nodeName"}), *pod);
  for (const auto& [node, pod] : by_node) {
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) remove(pod);
  }
  if (text_at(object, {"spec", "updateStrategy", "type"}) != "OnDelete") {
    std::int64_t out = wanted;
    for (const auto& [node, pod] : by_node) out -= is_ready(pod) ? 1 : 0;
    std::int64_t may_go =
        std::max<std::int64_t>(
            1, resolved(at(object, {"spec", "updateStrategy", "rollingUpdate", "maxUnavailable"}), wanted, true)) -
        out;
    for (auto it = by_node.begin(); it != by_node.end();) {
      const bool stale = !current(it->second, hash), useless = !is_ready(it->second);
      if (stale && (useless || may_go > 0)) {
        if (!useless) --may_go;
        remove(it->second);
        it = by_node.erase(it);
      } else {
        ++it;
      }
    }
  }
  for (const std::string& node : nodes) {
    if (by_node.contains(node)) continue;
    Json pod =
        pod_from(object, marked(at(object, {"spec", "template"}), hash), text_at(object, {"metadata", "name"}) + "-");
    pod["spec"]["nodeName"] = node;
    if (Answer made = create(std::move(pod)); made.ok()) by_node.emplace(node, std::move(made.body));
  }
  std::int64_t ready = 0, updated = 0;
  for (const auto& [node, pod] : by_node) {
    ready += is_ready(pod) ? 1 : 0;
    updated += current(pod, hash) ? 1 : 0;
  }
  Json status = {{"observedGeneration", at(object, {"metadata", "generation"})},
                 {"desiredNumberScheduled", wanted},
                 {"currentNumberScheduled", by_node.size()},
                 {"numberMisscheduled", 0},
                 {"numberReady", ready},
                 {"numberAvailable", ready},
                 {"updatedNumberScheduled", updated},
                 {"numberUnavailable", wanted - ready}};
  drop_zeros(status, {"numberAvailable", "updatedNumberScheduled", "numberUnavailable"});
  set_status(object, std::move(status));
}

}  // namespace meshgraft::fakes
