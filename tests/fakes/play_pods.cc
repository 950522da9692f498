// ReplicaSets, the scheduler and the kubelets: pods come, find a node, run and become ready.

#include <algorithm>
#include <array>
#include <set>

#include "tests/fakes/cluster_play.h"

namespace meshgraft::fakes {
namespace {

bool alive(const Json& pod) {
  const std::string phase = text_at(pod, {"status", "phase"});
  return at(pod, {"metadata", "deletionTimestamp"}).is_null() && phase != "Failed" && phase != "Succeeded";
}

std::set<std::string> host_ports(const Json& pod) {
  std::set<std::string> ports;
  for (const Json& container : at(pod, {"spec", "containers"})) {
    for (const Json& port : at(container, {"ports"})) {
      if (const std::int64_t number = number_at(port, {"hostPort"}); number > 0) {
        ports.insert(std::to_string(number) + "/" + text_at(port, {"protocol"}, "TCP"));
      }
    }
  }
  return ports;
}

Json condition(std::string_view type, bool is, const std::string& now, std::string_view reason = "",
               const std::string& message = "") {
  Json out = {
      {"type", type}, {"status", is ? "True" : "False"}, {"lastProbeTime", nullptr}, {"lastTransitionTime", now}};
  if (!reason.empty()) out["reason"] = reason;
  if (!message.empty()) out["message"] = message;
  return out;
}

bool has_broken_image(const Json& pod) {
  for (const Json& container : at(pod, {"spec", "containers"})) {
    if (text_at(container, {"image"}).ends_with(":broken")) return true;
  }
  return false;
}

Json container_statuses(const Json& pod, bool ready, bool broken, const std::string& now) {
  Json out = Json::array();
  for (const Json& container : at(pod, {"spec", "containers"})) {
    Json state = {{"running", {{"startedAt", now}}}};
    if (broken)
      state = {{"waiting",
                {{"reason", "ImagePullBackOff"},
                 {"message", "Back-off pulling image \"" + text_at(container, {"image"}) + "\""}}}};
    out.push_back({{"name", at(container, {"name"})},
                   {"image", at(container, {"image"})},
                   {"imageID", ""},
                   {"ready", ready},
                   {"started", !broken},
                   {"restartCount", 0},
                   {"state", std::move(state)},
                   {"lastState", Json::object()}});
  }
  return out;
}

}  // namespace

// What was made for an owner who was deleted in that moment, by somebody's request beside this one's turn.
void ClusterPlay::collect_orphans() {
  constexpr std::array<std::string_view, 4> kOwners = {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"};
  std::vector<Object> owned = engine_.objects("v1", "Pod");
  const std::vector<Object> sets = engine_.objects("apps/v1", "ReplicaSet");
  owned.insert(owned.end(), sets.begin(), sets.end());
  std::set<std::string> owners;
  for (const std::string_view kind : kOwners) {
    for (const Object& owner : engine_.objects("apps/v1", kind)) owners.insert(text_at(*owner, {"metadata", "uid"}));
  }
  for (const Object& one : owned) {
    for (const Json& owner : at(*one, {"metadata", "ownerReferences"})) {
      const bool known = std::find(kOwners.begin(), kOwners.end(), text_at(owner, {"kind"})) != kOwners.end();
      if (known && at(owner, {"controller"}) == true && !owners.contains(text_at(owner, {"uid"}))) remove(*one);
    }
  }
}

// Those that `owner` controls and that are not on their way out.
std::vector<Object> ClusterPlay::pods_of(const Json& owner) {
  std::vector<Object> result;
  const std::string uid = text_at(owner, {"metadata", "uid"}), ns = text_at(owner, {"metadata", "namespace"});
  for (const std::string& name : pods_.by_owner[uid]) {
    Object pod = engine_.object("v1", "Pod", ns, name);
    if (pod && controller_of(*pod) == uid && alive(*pod)) result.push_back(std::move(pod));
  }
  return result;
}

Json ClusterPlay::pod_from(const Json& owner, const Json& pod_template, const std::string& name) {
  Json metadata = at(pod_template, {"metadata"}).is_object() ? at(pod_template, {"metadata"}) : Json::object();
  metadata.erase("creationTimestamp");
  if (name.ends_with('-')) {
    metadata["generateName"] = name;
  } else {
    metadata["name"] = name;
  }
  metadata["namespace"] = at(owner, {"metadata", "namespace"});
  metadata["ownerReferences"] = Json::array({owner_reference(owner)});
  return {
      {"apiVersion", "v1"}, {"kind", "Pod"}, {"metadata", std::move(metadata)}, {"spec", at(pod_template, {"spec"})}};
}

void ClusterPlay::replica_sets() {
  for (const Object& object : engine_.objects("apps/v1", "ReplicaSet")) {
    const Json& set = *object;
    if (!at(set, {"metadata", "deletionTimestamp"}).is_null()) continue;
    const Selector selector = Selector::of(at(set, {"spec", "selector"}));
    const std::string ns = text_at(set, {"metadata", "namespace"});
    for (const std::string& name : pods_.of_nobody[ns]) {
      const Object pod = engine_.object("v1", "Pod", ns, name);
      if (!pod || !controller_of(*pod).empty() || !alive(*pod) || !selector.matches(labels_of(*pod))) continue;
      Json adopted = *pod;
      adopted["metadata"]["ownerReferences"] = Json::array({owner_reference(set)});
      if (write(adopted).ok()) pods_.by_owner[text_at(set, {"metadata", "uid"})].insert(name);
    }
    std::vector<Object> pods = pods_of(set);
    const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(0, number_at(set, {"spec", "replicas"})));
    for (std::size_t i = pods.size(); i < wanted; ++i) {
      Answer made = create(pod_from(set, at(set, {"spec", "template"}), text_at(set, {"metadata", "name"}) + "-"));
      if (!made.ok()) break;
      pods.push_back(std::make_shared<const Json>(std::move(made.body)));
    }
    // The least useful go first: unscheduled, then unready, then the youngest.
    std::stable_sort(pods.begin(), pods.end(), [](const Object& a, const Object& b) {
      const auto rank = [](const Json& pod) {
        return text_at(pod, {"spec", "nodeName"}).empty() ? 0 : is_ready(pod) ? 2 : 1;
      };
      if (rank(*a) != rank(*b)) return rank(*a) < rank(*b);
      return text_at(*a, {"metadata", "uid"}) > text_at(*b, {"metadata", "uid"});
    });
    while (pods.size() > wanted) {
      remove(*pods.front());
      pods.erase(pods.begin());
    }
    const auto ready = std::count_if(pods.begin(), pods.end(), [](const Object& pod) { return is_ready(*pod); });
    Json status = {{"replicas", pods.size()},
                   {"fullyLabeledReplicas", pods.size()},
                   {"readyReplicas", ready},
                   {"availableReplicas", ready},
                   {"observedGeneration", at(set, {"metadata", "generation"})}};
    for (const char* count : {"fullyLabeledReplicas", "readyReplicas", "availableReplicas"}) {
      if (status[count] == 0) status.erase(count);
    }
    set_status(set, std::move(status));
  }
}

void ClusterPlay::know_load() {
  load_.clear();
  for (const Object& pod : engine_.objects("v1", "Pod")) {
    const std::string node = text_at(*pod, {"spec", "nodeName"});
    if (node.empty() || !alive(*pod)) continue;
    ++load_[node].pods;
    load_[node].host_ports.merge(host_ports(*pod));
  }
}

bool ClusterPlay::schedule(Json& pod) {
  const std::set<std::string> wanted = host_ports(pod);
  std::string best;
  std::size_t nodes = 0, blocked = 0;
  for (const Object& node : engine_.objects("v1", "Node")) {
    ++nodes;
    if (at(*node, {"spec", "unschedulable"}) == true) continue;
    const Json& selector = at(pod, {"spec", "nodeSelector"});
    if (selector.is_object() && !selector.empty() && !map_selects(selector, labels_of(*node))) continue;
    const std::string name = text_at(*node, {"metadata", "name"});
    const auto& taken = load_[name].host_ports;
    if (std::any_of(wanted.begin(), wanted.end(), [&](const std::string& port) { return taken.contains(port); })) {
      ++blocked;
      continue;
    }
    if (best.empty() || load_[name].pods < load_[best].pods) best = name;
  }
  if (!best.empty()) {
    pod["spec"]["nodeName"] = best;
    return true;
  }
  std::string why = "0/" + std::to_string(nodes) + " nodes are available: ";
  why += blocked > 0 ? std::to_string(blocked) + " node(s) didn't have free ports for the requested pod ports."
                     : "node(s) didn't match Pod's node affinity/selector.";
  const std::string now = rfc3339(now_ / 1000);
  if (text_at(pod, {"status", "phase"}) != "Pending") {
    set_status(pod, {{"phase", "Pending"},
                     {"conditions", Json::array({condition("PodScheduled", false, now, "Unschedulable", why)})}});
  }
  return false;
}

void ClusterPlay::start(Json& pod) {
  const std::string now = rfc3339(now_ / 1000);
  const bool broken = options_.never_ready ? options_.never_ready(pod) : has_broken_image(pod);
  ++addresses_;
  std::string ip = "10.244." + std::to_string(addresses_ / 250) + "." + std::to_string(1 + addresses_ % 250);
  const Object node = engine_.object("v1", "Node", "", text_at(pod, {"spec", "nodeName"}));
  std::string host_ip = "192.168.0.10";
  if (node) {
    for (const Json& address : at(*node, {"status", "addresses"})) {
      if (text_at(address, {"type"}) == "InternalIP") host_ip = text_at(address, {"address"});
    }
  }
  if (at(pod, {"spec", "hostNetwork"}) == true) ip = host_ip;
  Json status = {{"phase", broken ? "Pending" : "Running"},
                 {"hostIP", host_ip},
                 {"podIP", ip},
                 {"podIPs", Json::array({{{"ip", ip}}})},
                 {"startTime", now},
                 {"qosClass", "BestEffort"},
                 {"conditions", Json::array({condition("PodScheduled", true, now), condition("Initialized", true, now),
                                             condition("ContainersReady", false, now, "ContainersNotReady"),
                                             condition("Ready", false, now, "ContainersNotReady")})},
                 {"containerStatuses", container_statuses(pod, false, broken, now)}};
  set_status(pod, std::move(status));
  if (!broken) ready_at_[text_at(pod, {"metadata", "uid"})] = now_ + options_.pod_ready_millis;
}

void ClusterPlay::pods() {
  know_load();
  std::set<std::string> seen;
  for (const Object& object : engine_.objects("v1", "Pod")) {
    const std::string uid = text_at(*object, {"metadata", "uid"});
    seen.insert(uid);
    if (!alive(*object)) continue;
    if (!text_at(*object, {"spec", "nodeName"}).empty() && !text_at(*object, {"status", "podIP"}).empty() &&
        !ready_at_.contains(uid))
      continue;
    Json pod = *object;
    if (text_at(pod, {"spec", "nodeName"}).empty()) {
      if (!schedule(pod)) continue;
      Answer bound = write(pod);
      if (!bound.ok()) continue;
      pod = std::move(bound.body);
      Load& load = load_[text_at(pod, {"spec", "nodeName"})];
      ++load.pods;
      load.host_ports.merge(host_ports(pod));
    }
    if (text_at(pod, {"status", "podIP"}).empty()) {
      start(pod);
    }
    auto due = ready_at_.find(uid);
    if (due == ready_at_.end()) continue;
    if (due->second > now_) {
      remember_due(due->second);
      continue;
    }
    const Object current =
        engine_.object("v1", "Pod", text_at(pod, {"metadata", "namespace"}), text_at(pod, {"metadata", "name"}));
    ready_at_.erase(due);
    if (!current) continue;
    const std::string now = rfc3339(now_ / 1000);
    Json status = at(*current, {"status"});
    status["conditions"] = Json::array({condition("PodScheduled", true, now), condition("Initialized", true, now),
                                        condition("ContainersReady", true, now), condition("Ready", true, now)});
    status["containerStatuses"] = container_statuses(*current, true, false, now);
    set_status(*current, std::move(status));
  }
  std::erase_if(ready_at_, [&seen](const auto& entry) { return !seen.contains(entry.first); });
}

}  // namespace meshgraft::fakes
