// Deployments: adoption of ReplicaSets, rolling update and Recreate, revisions, conditions. Rules and rounding:
// kubernetes pkg/controller/deployment.

#include <algorithm>
#include <array>
#include <utility>

#include "tests/fakes/cluster_play.h"

namespace meshgraft::fakes {
namespace {

constexpr const char* kRevision = "deployment.kubernetes.io/revision";
constexpr const char* kHash = "pod-template-hash";

Json without_hash(Json pod_template) {
  if (pod_template.contains("metadata") && pod_template["metadata"].contains("labels")) {
    pod_template["metadata"]["labels"].erase(kHash);
    if (pod_template["metadata"]["labels"].empty()) pod_template["metadata"].erase("labels");
  }
  pod_template["metadata"].erase("creationTimestamp");
  if (pod_template.contains("metadata") && pod_template["metadata"].contains("annotations") &&
      pod_template["metadata"]["annotations"].empty()) {
    pod_template["metadata"].erase("annotations");
  }
  return pod_template;
}

std::int64_t replicas(const Json& object) { return number_at(object, {"spec", "replicas"}); }
std::int64_t revision(const Json& object) {
  return std::strtoll(text_at(annotations_of(object), {kRevision}, "0").c_str(), nullptr, 10);
}

// Annotations that stay with the Deployment (deployment_util.go, annotationsToSkip).
bool is_copied(const std::string& key) {
  static constexpr std::array<std::string_view, 6> kSkipped = {"kubectl.kubernetes.io/last-applied-configuration",
                                                               kRevision,
                                                               "deployment.kubernetes.io/revision-history",
                                                               "deployment.kubernetes.io/desired-replicas",
                                                               "deployment.kubernetes.io/max-replicas",
                                                               "deprecated.deployment.rollback.to"};
  return std::find(kSkipped.begin(), kSkipped.end(), key) == kSkipped.end();
}

struct Limits {
  std::int64_t surge = 0, unavailable = 0;
};

Limits limits_of(const Json& deployment) {
  const std::int64_t wanted = replicas(deployment);
  const Json& rolling = at(deployment, {"spec", "strategy", "rollingUpdate"});
  Limits limits{resolved(at(rolling, {"maxSurge"}), wanted, true),
                resolved(at(rolling, {"maxUnavailable"}), wanted, false)};
  if (limits.surge == 0 && limits.unavailable == 0) limits.unavailable = 1;
  return limits;
}

void copy_annotations(const Json& deployment, Json& replica_set, std::int64_t rev) {
  Json& annotations = replica_set["metadata"]["annotations"];
  if (!annotations.is_object()) annotations = Json::object();
  for (const auto& [key, value] : annotations_of(deployment).items()) {
    if (is_copied(key)) annotations[key] = value;
  }
  annotations[kRevision] = std::to_string(rev);
  annotations["deployment.kubernetes.io/desired-replicas"] = std::to_string(replicas(deployment));
  annotations["deployment.kubernetes.io/max-replicas"] =
      std::to_string(replicas(deployment) + limits_of(deployment).surge);
}

std::int64_t sum(const std::vector<Json>& sets, std::initializer_list<std::string_view> field) {
  std::int64_t total = 0;
  for (const Json& one : sets) total += number_at(one, field);
  return total;
}

}  // namespace

void ClusterPlay::deployments() {
  replica_sets_ = owned("apps/v1", "ReplicaSet");
  for (const Object& object : engine_.objects("apps/v1", "Deployment")) {
    if (!at(*object, {"metadata", "deletionTimestamp"}).is_null()) continue;
    std::string& settled = settled_[text_at(*object, {"metadata", "uid"})];
    std::string now = standing(*object);
    if (now == settled) continue;
    const std::uint64_t before = engine_.version();
    const std::optional<std::int64_t> due = std::exchange(due_, std::nullopt);
    deployment(*object);
    settled = engine_.version() == before && !due_ ? std::move(now) : "";
    if (due) remember_due(*due);
  }
}

// The versions of all that a Deployment's turn looks at.
std::string ClusterPlay::standing(const Json& deployment) {
  const std::string ns = text_at(deployment, {"metadata", "namespace"});
  std::string result = text_at(deployment, {"metadata", "resourceVersion"});
  for (const auto* names : {&replica_sets_.by_owner[text_at(deployment, {"metadata", "uid"})], &replica_sets_.of_nobody[ns]}) {
    for (const std::string& name : *names) {
      const Object set = engine_.object("apps/v1", "ReplicaSet", ns, name);
      result += " " + (set ? text_at(*set, {"metadata", "resourceVersion"}) : "");
    }
  }
  return result;
}

// Those that it controls, and orphans that its selector matches, which it adopts: as the real controller does, only
// after another look at the Deployment, which may have been deleted, and its ReplicaSets orphaned, since it was listed.
std::vector<Json> ClusterPlay::replica_sets_of(const Json& deployment) {
  std::vector<Json> result;
  const std::string uid = text_at(deployment, {"metadata", "uid"});
  const Selector selector = Selector::of(at(deployment, {"spec", "selector"}));
  const std::string ns = text_at(deployment, {"metadata", "namespace"});
  std::set<std::string> names = replica_sets_.by_owner[uid];
  names.insert(replica_sets_.of_nobody[ns].begin(), replica_sets_.of_nobody[ns].end());
  for (const std::string& name : names) {
    const Object object = engine_.object("apps/v1", "ReplicaSet", ns, name);
    if (!object) continue;
    const std::string owner = controller_of(*object);
    if (owner == uid) {
      result.push_back(*object);
    } else if (owner.empty() && selector.matches(labels_of(*object))) {
      const Object now = engine_.object("apps/v1", "Deployment", ns, text_at(deployment, {"metadata", "name"}));
      if (!now || text_at(*now, {"metadata", "uid"}) != uid || !at(*now, {"metadata", "deletionTimestamp"}).is_null()) continue;
      Json adopted = *object;
      adopted["metadata"]["ownerReferences"] = Json::array({owner_reference(deployment)});
      if (Answer answer = write(adopted); answer.ok()) result.push_back(std::move(answer.body));
    }
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const Json& a, const Json& b) { return revision(a) < revision(b); });
  return result;
}

Json ClusterPlay::new_replica_set(const Json& deployment, const std::vector<Json>& all, std::int64_t wanted) {
  const Json& pod_template = at(deployment, {"spec", "template"});
  const std::string ns = text_at(deployment, {"metadata", "namespace"});
  std::string hash = template_hash(without_hash(pod_template));
  while (engine_.object("apps/v1", "ReplicaSet", ns, text_at(deployment, {"metadata", "name"}) + "-" + hash))
    hash = template_hash(hash);
  std::int64_t newest = 0;
  for (const Json& one : all) newest = std::max(newest, revision(one));
  Json set = {{"apiVersion", "apps/v1"},
              {"kind", "ReplicaSet"},
              {"metadata",
               {{"name", text_at(deployment, {"metadata", "name"}) + "-" + hash},
                {"namespace", ns},
                {"labels", at(pod_template, {"metadata", "labels"})},
                {"ownerReferences", Json::array({owner_reference(deployment)})}}},
              {"spec",
               {{"replicas", wanted},
                {"selector", at(deployment, {"spec", "selector"})},
                {"template", without_hash(pod_template)}}}};
  set["metadata"]["labels"][kHash] = hash;
  set["spec"]["selector"]["matchLabels"][kHash] = hash;
  set["spec"]["template"]["metadata"]["labels"][kHash] = hash;
  copy_annotations(deployment, set, newest + 1);
  Answer answer = create(std::move(set));
  if (!answer.ok()) return {};
  replica_sets_.by_owner[text_at(deployment, {"metadata", "uid"})].insert(text_at(answer.body, {"metadata", "name"}));
  return std::move(answer.body);
}

void ClusterPlay::deployment(const Json& object) {
  std::vector<Json> all = replica_sets_of(object);
  const Json wanted = without_hash(at(object, {"spec", "template"}));
  const bool paused = at(object, {"spec", "paused"}) == true;
  const bool recreate = text_at(object, {"spec", "strategy", "type"}) == "Recreate";
  auto same = std::find_if(all.begin(), all.end(), [&](const Json& one) {
    return without_hash(at(one, {"spec", "template"})) == wanted;
  });
  Json newest;
  std::vector<Json> old;
  for (auto it = all.begin(); it != all.end(); ++it) {
    if (it != same) old.push_back(*it);
  }
  if (same != all.end()) newest = *same;
  if (newest.is_null() && !paused) {
    const std::int64_t running = sum(old, {"spec", "replicas"});
    const bool old_pods = sum(old, {"status", "replicas"}) > 0;
    std::int64_t first =
        std::max<std::int64_t>(0, std::min(replicas(object), replicas(object) + limits_of(object).surge - running));
    if (recreate) first = running > 0 || old_pods ? 0 : replicas(object);
    newest = new_replica_set(object, all, first);
    if (newest.is_null()) return;
    all.push_back(newest);
  } else if (!newest.is_null()) {
    std::int64_t highest = 0;
    for (const Json& one : old) highest = std::max(highest, revision(one));
    const Json before = newest;
    copy_annotations(
        object, newest,
        std::max(revision(newest),
                 old.empty() ? revision(newest) : (revision(newest) > highest ? revision(newest) : highest + 1)));
    if (newest != before) {
      if (Answer answer = write(newest); answer.ok()) newest = std::move(answer.body);
    }
  }
  if (!newest.is_null() && text_at(annotations_of(object), {kRevision}) != std::to_string(revision(newest))) {
    Json marked = object;
    marked["metadata"]["annotations"][kRevision] = std::to_string(revision(newest));
    if (Answer answer = write(marked); !answer.ok()) return;
  }
  const auto scale = [this](Json& set, std::int64_t count) {
    if (replicas(set) == count) return false;
    set["spec"]["replicas"] = count;
    Answer answer = write(set);
    if (answer.ok()) set = std::move(answer.body);
    return answer.ok();
  };
  if (paused) {
    if (newest.is_object() && sum(old, {"spec", "replicas"}) == 0) scale(newest, replicas(object));
  } else if (recreate) {
    bool waiting = false;
    for (Json& one : old) {
      scale(one, 0);
      waiting = waiting || number_at(one, {"status", "replicas"}) > 0;
    }
    if (!waiting) scale(newest, replicas(object));
  } else {
    roll(object, newest, old);
  }
  all = replica_sets_of(object);
  const std::int64_t kept = number_at(object, {"spec", "revisionHistoryLimit"}, 10);
  std::vector<Json> idle;
  for (const Json& one : old) {
    if (replicas(one) == 0 && number_at(one, {"status", "replicas"}) == 0) idle.push_back(one);
  }
  for (std::size_t i = 0;
       idle.size() > static_cast<std::size_t>(kept) && i < idle.size() - static_cast<std::size_t>(kept); ++i)
    remove(idle[i]);
  deployment_status(object, newest.is_null() ? "" : text_at(newest, {"metadata", "name"}), all);
}

void ClusterPlay::roll(const Json& deployment, Json& newest, std::vector<Json>& old) {
  const std::int64_t wanted = replicas(deployment);
  const Limits limits = limits_of(deployment);
  const auto scale = [this](Json& set, std::int64_t count) {
    set["spec"]["replicas"] = count;
    if (Answer answer = write(set); answer.ok()) set = std::move(answer.body);
  };
  const std::int64_t old_total = sum(old, {"spec", "replicas"});
  if (replicas(newest) > wanted) return scale(newest, wanted);
  if (replicas(newest) < wanted) {
    const std::int64_t room = wanted + limits.surge - (old_total + replicas(newest));
    if (room > 0) return scale(newest, std::min(wanted, replicas(newest) + room));
  }
  if (old_total == 0) return;
  const std::int64_t least = wanted - limits.unavailable;
  const std::int64_t missing = replicas(newest) - number_at(newest, {"status", "availableReplicas"});
  std::int64_t may_go = old_total + replicas(newest) - least - missing;
  if (may_go <= 0) return;
  for (Json& one : old) {  // first those that serve nobody
    const std::int64_t broken = std::min(may_go, replicas(one) - number_at(one, {"status", "availableReplicas"}));
    if (broken <= 0) continue;
    scale(one, replicas(one) - broken);
    may_go -= broken;
  }
  std::int64_t available =
      sum(old, {"status", "availableReplicas"}) + number_at(newest, {"status", "availableReplicas"});
  for (Json& one : old) {
    const std::int64_t go = std::min(available - least, replicas(one));
    if (go <= 0 || replicas(one) == 0) continue;
    scale(one, replicas(one) - go);
    available -= go;
  }
}

void ClusterPlay::deployment_status(const Json& before, const std::string& newest, const std::vector<Json>& all) {
  const Object current = engine_.object("apps/v1", "Deployment", text_at(before, {"metadata", "namespace"}),
                                        text_at(before, {"metadata", "name"}));
  if (!current) return;
  const Json& deployment = *current;
  const Json& old = at(deployment, {"status"});
  const std::int64_t wanted = replicas(deployment), total = sum(all, {"status", "replicas"}),
                     ready = sum(all, {"status", "readyReplicas"});
  const std::int64_t available = sum(all, {"status", "availableReplicas"});
  std::int64_t updated = 0;
  for (const Json& one : all) {
    if (text_at(one, {"metadata", "name"}) == newest) updated = number_at(one, {"status", "replicas"});
  }
  Json status = {{"observedGeneration", at(before, {"metadata", "generation"})},
                 {"replicas", total},
                 {"updatedReplicas", updated},
                 {"readyReplicas", ready},
                 {"availableReplicas", available}};
  if (std::max(total, wanted) > available) status["unavailableReplicas"] = std::max(total, wanted) - available;
  for (const char* count : {"replicas", "updatedReplicas", "readyReplicas", "availableReplicas"}) {
    if (status[count] == 0) status.erase(count);
  }
  const std::string now = rfc3339(now_ / 1000);
  const auto former = [&](std::string_view type) -> const Json& {
    for (const Json& one : at(old, {"conditions"})) {
      if (text_at(one, {"type"}) == type) return one;
    }
    return at(Json(nullptr), {"none"});
  };
  const auto condition = [&](std::string_view type, bool is, std::string_view reason, const std::string& message,
                             bool progressed) {
    const Json& was = former(type);
    const char* const text = is ? "True" : "False";
    const bool turned = text_at(was, {"status"}) != text;
    const bool changed = turned || text_at(was, {"reason"}) != reason || progressed;
    return Json{{"type", type},
                {"status", text},
                {"reason", reason},
                {"message", message},
                {"lastTransitionTime", turned ? Json(now) : was.value("lastTransitionTime", Json(now))},
                {"lastUpdateTime", changed ? Json(now) : was.value("lastUpdateTime", Json(now))}};
  };
  const bool enough = available >= wanted - (text_at(deployment, {"spec", "strategy", "type"}) == "Recreate"
                                                 ? 0
                                                 : limits_of(deployment).unavailable);
  Json conditions = Json::array({condition(
      "Available", enough, enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
      enough ? "Deployment has minimum availability." : "Deployment does not have minimum availability.", false)});
  const std::string set_name = "ReplicaSet \"" + newest + "\"";
  const bool complete = updated == wanted && total == wanted && available == wanted;
  const Json& progressing = former("Progressing");
  if (at(deployment, {"spec", "paused"}) == true) {
    conditions.push_back(condition("Progressing", true, "DeploymentPaused", "Deployment is paused", false));
    conditions.back()["status"] = "Unknown";
  } else if (complete) {
    conditions.push_back(
        condition("Progressing", true, "NewReplicaSetAvailable", set_name + " has successfully progressed.", false));
  } else {
    const bool resumed = text_at(progressing, {"reason"}) == "NewReplicaSetAvailable" ||
                         text_at(progressing, {"reason"}) == "DeploymentPaused" ||
                         number_at(old, {"observedGeneration"}) != number_at(before, {"metadata", "generation"});
    const bool progressed = resumed || updated > number_at(old, {"updatedReplicas"}) ||
                            ready > number_at(old, {"readyReplicas"}) ||
                            available > number_at(old, {"availableReplicas"}) ||
                            total - updated < number_at(old, {"replicas"}) - number_at(old, {"updatedReplicas"});
    const std::int64_t since = seconds_of(text_at(progressing, {"lastUpdateTime"}, now));
    const std::int64_t deadline = since + number_at(deployment, {"spec", "progressDeadlineSeconds"}, 600);
    const bool late = !progressed && !progressing.is_null() && now_ / 1000 > deadline;
    if (late || (text_at(progressing, {"reason"}) == "ProgressDeadlineExceeded" && !progressed)) {
      conditions.push_back(
          condition("Progressing", false, "ProgressDeadlineExceeded", set_name + " has timed out progressing.", false));
    } else {
      conditions.push_back(
          condition("Progressing", true, "ReplicaSetUpdated", set_name + " is progressing.", progressed));
      remember_due(((progressed || progressing.is_null() ? now_ / 1000 + deadline - since : deadline) + 1) * 1000);
    }
  }
  status["conditions"] = std::move(conditions);
  set_status(deployment, std::move(status));
}

}  // namespace meshgraft::fakes
