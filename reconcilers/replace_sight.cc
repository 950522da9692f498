#include "reconcilers/replace_sight.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <set>

#include "k8sclient/model/decode.h"
#include "reconcilers/keys.h"
#include "reconcilers/replace_scalers.h"
#include "reconcilers/rollout_failure.h"

namespace meshgraft {
namespace {

std::string controller_of(const Meta& meta) {
  for (const OwnerReference& owner : meta.owners) {
    if (owner.controller) return owner.uid;
  }
  return "";
}

// The pod template of a create body.
PodTemplate template_of(const Json& body) {
  Decoder decoder;
  const Result<ObjectPtr> object = decoder.object(to_text(body));
  const Workload* workload = object ? as<Workload>(object->get()) : nullptr;
  return workload == nullptr ? PodTemplate{} : workload->pod;
}

Seen::Holder holder_of(const Workload* live, const ReplaceRecord& record) {
  if (live == nullptr) return Seen::Holder::nobody;
  if (live->meta.uid == record.old_uid && !record.beside()) return Seen::Holder::original;
  if (!record.planted.empty()) return live->meta.uid == record.planted ? Seen::Holder::planted : Seen::Holder::other;
  return is_planted(live->meta, record.old_uid, record.beside() ? record.uid : "") ? Seen::Holder::planted : Seen::Holder::other;
}

// Names of pods that a ReplicaSet of this name controls.
using PodNames = std::set<std::string_view>;

struct Serving {
  std::int64_t all = 0, old = 0;  // the fewest over these Services
  std::int64_t most_old = 0;
};

// Ready endpoints of old and of new pods over the Services that select them; nullopt when none does.
std::optional<Serving> count_serving(const NamespaceView& view, const Labels& pod_labels, const PodNames& old, const PodNames& fresh) {
  std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
  std::int64_t fewest_old = fewest;
  std::int64_t most_old = 0;
  for (const auto& service : view.services) {
    if (service->selector.empty() || service->external_name() || !is_subset(service->selector, pod_labels)) continue;
    std::set<std::string_view> ready;  // a pod stands in one slice for each family of addresses
    for (const auto& slice : *view.slices) {
      if (slice->service == service->meta.name) ready.insert(slice->ready_pods.begin(), slice->ready_pods.end());
    }
    std::int64_t from_old = 0;
    std::int64_t from_new = 0;
    for (const std::string_view pod : ready) {
      from_old += old.contains(pod) ? 1 : 0;
      from_new += fresh.contains(pod) ? 1 : 0;
    }
    fewest = std::min(fewest, from_old + from_new);
    fewest_old = std::min(fewest_old, from_old);
    most_old = std::max(most_old, from_old);
  }
  if (fewest == std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return Serving{fewest, fewest_old, most_old};
}

void look_at_sets(const NamespaceView& view, const ReplaceRecord& record, const Workload* live, Seen& seen) {
  std::set<std::string_view> old_names;
  std::set<std::string_view> new_names;
  const std::string uid = live == nullptr ? "" : live->meta.uid;
  for (const auto& set : *view.replica_sets) {
    const std::string owner = controller_of(set->meta);
    if (live != nullptr && seen.holder == Seen::Holder::planted && owner == uid) new_names.insert(set->meta.name);
    const auto recorded = std::find_if(record.sets.begin(), record.sets.end(), [&set](const RecordedSet& one) {
      return one.name == set->meta.name && one.uid == set->meta.uid;
    });
    if (recorded == record.sets.end() || set->meta.deleting) continue;
    if (owner == record.old_uid && live == nullptr) seen.collected = true;
    if (!owner.empty() && owner == uid && seen.holder == Seen::Holder::planted) seen.adopted = true;
    if (!owner.empty() && owner != record.old_uid && owner != uid) seen.taken = true;
    if (!owner.empty()) continue;
    OldSet old;
    old.name = set->meta.name;
    old.replicas = set->replicas;
    old.pods = set->pods;
    old.ready = set->ready;
    old.settled = set->observed_generation >= set->meta.generation && set->pods == set->replicas;
    old.serving = recorded->replicas > 0;
    seen.old.push_back(std::move(old));
    old_names.insert(set->meta.name);
  }
  // Where nobody reads pods, as in a plan from files, all of them are ready and serve.
  for (const OldSet& one : seen.old) seen.serving_old += one.ready;
  seen.serving = seen.serving_old;
  if (live != nullptr && seen.holder == Seen::Holder::planted && !seen.adopted) seen.serving += live->status.known ? live->status.ready : live->replicas;
  if (live != nullptr && seen.adopted) seen.serving = std::max(seen.serving, live->status.ready);
  if (view.played || !view.slices || !view.pods) return;

  PodNames old;
  PodNames fresh;
  for (const auto& pod : *view.pods) {
    if (pod->meta.deleting) continue;
    for (const OwnerReference& owner : pod->meta.owners) {
      if (old_names.contains(owner.name)) old.insert(pod->meta.name);
      if (!new_names.contains(owner.name)) continue;
      fresh.insert(pod->meta.name);
      if (!seen.adopted && pod->waiting_reason == "CrashLoopBackOff" && pod->restarts >= kCrashes)
        seen.failed = "its new pod " + pod->meta.name + " crashes: " + std::to_string(pod->restarts) + " restarts";
      const auto wanted = live->pod.annotations.find(keys::kSidecarInject);
      if (seen.adopted || !pod->ready || wanted == live->pod.annotations.end() || wanted->second != "true") continue;
      const auto is_proxy = [](const std::string& name) { return name == keys::kProxyContainer; };
      if (std::none_of(pod->containers.begin(), pod->containers.end(), is_proxy) &&
          std::none_of(pod->init_containers.begin(), pod->init_containers.end(), is_proxy))
        seen.failed = "pod " + pod->meta.name + " came without a sidecar";
    }
  }
  // Where no Service asks for these pods those that are ready count.
  if (const std::optional<Serving> serving = count_serving(view, template_of(record.original).labels, old, fresh)) {
    seen.serving = serving->all;
    seen.serving_old = serving->old;
    seen.most_old = serving->most_old;
  }
}

// The pods of the Deployment of this uid.
PodNames pods_of(const NamespaceView& view, const std::string& uid) {
  std::set<std::string_view> sets;
  for (const auto& set : *view.replica_sets) {
    if (controller_of(set->meta) == uid) sets.insert(set->meta.name);
  }
  PodNames pods;
  for (const auto& pod : *view.pods) {
    const auto is_its = [&sets](const OwnerReference& owner) { return sets.contains(owner.name); };
    if (!pod->meta.deleting && std::any_of(pod->meta.owners.begin(), pod->meta.owners.end(), is_its)) pods.insert(pod->meta.name);
  }
  return pods;
}

// The original, and who scales.
void look_beside(const NamespaceView& view, const ReplaceRecord& record, Seen& seen) {
  seen.beside = true;
  const std::shared_ptr<const Workload> former = deployment_named(view, record.deployment);
  seen.former = former != nullptr && former->meta.uid == record.old_uid;
  seen.unbound = seen.former && record.held && !former->meta.annotations.contains(keys::kHeld);
  if (seen.former) {
    seen.former_leaving = former->meta.deleting;
    seen.former_replicas = former->replicas;
    seen.former_rolls = rollout_of(*former) == Rollout::under_way;
    seen.former_ready = seen.former_serving = former->status.known ? former->status.ready : former->replicas;
    if (!view.played && view.slices && view.pods) {
      const std::optional<Serving> serving = count_serving(view, former->pod.labels, {}, pods_of(view, record.old_uid));
      if (serving) seen.former_serving = serving->all;
    }
  }
  seen.scaled_former = (seen.former || former == nullptr) && !scalers_of(view, record.deployment).empty();
  seen.scaled_new = !scalers_of(view, record.target_name()).empty();
}

}  // namespace

std::shared_ptr<const Workload> deployment_named(const NamespaceView& view, std::string_view name) {
  for (const auto& workload : view.workloads) {
    if (workload->kind == Kind::deployment && workload->meta.name == name) return workload;
  }
  return nullptr;
}

const Json* whole_of(const NamespaceView& view, const Workload& workload) {
  const auto live = view.live.find(workload.key());
  if (live != view.live.end() && live->second != nullptr) return live->second.get();
  const auto manifest = view.manifests.find(workload.meta.name);
  return manifest == view.manifests.end() ? nullptr : manifest->second.get();
}

const ReplicaSet* replica_set_named(const NamespaceView& view, std::string_view name) {
  if (!view.replica_sets) return nullptr;
  for (const auto& set : *view.replica_sets) {
    if (set->meta.name == name) return set.get();
  }
  return nullptr;
}

bool comes_beside(const NamespaceView& view, const Workload& workload) {
  if (!has_planted_mark(workload.meta)) return false;
  return std::any_of(view.workloads.begin(), view.workloads.end(), [&workload](const auto& other) {
    return other->kind == Kind::deployment && other->meta.name != workload.meta.name && takes_place_of(workload.meta, other->meta.uid);
  });
}

Seen look_at_replace(const NamespaceView& view, const ReplaceRecord& record) {
  Seen seen;
  const std::shared_ptr<const Workload> live = deployment_named(view, record.target_name());
  seen.holder = holder_of(live.get(), record);
  seen.acknowledged = !record.planted.empty();
  seen.back = !record.back.empty();
  seen.undoing = record.undoing;
  const std::int64_t now = view.moments.now / 1000;
  if (live != nullptr) {
    seen.leaving = live->meta.deleting;
    seen.replicas = live->replicas;
    seen.max_unavailable = max_unavailable_of(*live);
    seen.min_ready_seconds = live->min_ready_seconds;
    seen.rollout = rollout_of(*live);
    seen.paused = live->paused;
    // The server's clock may be ahead of ours; a play's has nothing to do with it.
    if (live->status.complete_since > 0 && now > 0 && !view.played) seen.available_for = std::max<std::int64_t>(0, now - live->status.complete_since);
    if (seen.rollout == Rollout::exceeded)
      seen.failed = "not available within " + std::to_string(live->progress_deadline_seconds) + " s: " + progress_text(*live) +
                    (live->status.message.empty() ? "" : "; " + live->status.message);
    seen.no_record = has_planted_mark(live->meta);
    seen.unbound = seen.holder == Seen::Holder::other && (record.undo_before.present || record.held) && !read_record(live->meta).present;
    if (seen.holder == Seen::Holder::planted) seen.others_template = !(live->pod == template_of(record.target));
  } else {
    const ObjectKey key{Kind::deployment, view.name, record.target_name()};
    const auto gone = view.moments.gone.find(key);
    const std::int64_t since = gone != view.moments.gone.end() ? gone->second : view.moments.watching_since;
    if (now > 0 && since > 0) seen.gone_for = std::max<std::int64_t>(0, now - since / 1000);
    // What was created and deleted before the record could name it must not come again.
    if (const auto was = view.moments.vanished.find(key); was != view.moments.vanished.end()) {
      const Seen::Holder last = holder_of(as<Workload>(was->second.get()), record);
      seen.acknowledged = seen.acknowledged || last == Seen::Holder::planted;
      seen.taken_away = seen.back && last == Seen::Holder::other;
    }
  }
  look_at_sets(view, record, live.get(), seen);
  if (record.beside()) look_beside(view, record, seen);
  return seen;
}

}  // namespace meshgraft
