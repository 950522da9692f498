#include "reconcilers/foresee_sets.h"

#include <algorithm>
#include <utility>

#include "k8sclient/model/json_read.h"

namespace meshgraft {
namespace {

using Sets = std::vector<std::shared_ptr<const ReplicaSet>>;

// Objects that a play creates share a uid, so the name counts too.
void orphan(Sets& sets, const Meta& former) {
  for (auto& set : sets) {
    const auto is_it = [&former](const OwnerReference& owner) { return owner.uid == former.uid && owner.name == former.name; };
    if (std::none_of(set->meta.owners.begin(), set->meta.owners.end(), is_it)) continue;
    auto next = std::make_shared<ReplicaSet>(*set);
    std::erase_if(next->meta.owners, is_it);
    set = std::move(next);
  }
}

std::shared_ptr<ReplicaSet> set_of(const Workload& workload, std::string name) {
  auto set = std::make_shared<ReplicaSet>();
  set->meta.ns = workload.meta.ns;
  set->meta.name = std::move(name);
  set->meta.uid = "of-" + workload.meta.name + "-" + workload.meta.uid;
  set->meta.owners.push_back({"Deployment", workload.meta.name, workload.meta.uid, true});
  set->meta.labels = workload.pod.labels;
  set->replicas = set->pods = set->ready = workload.replicas;
  return set;
}

// Those without an owner that the new Deployment's selector matches become its own; else it makes one.
void give_sets(Sets& sets, const Workload& workload) {
  bool has_one = false;
  for (auto& set : sets) {
    if (!set->meta.owners.empty() || !workload.selector.matches(set->meta.labels)) continue;
    auto next = std::make_shared<ReplicaSet>(*set);
    next->meta.owners.push_back({"Deployment", workload.meta.name, workload.meta.uid, true});
    set = std::move(next);
    has_one = true;
  }
  if (has_one) return;
  std::string name = workload.meta.name + "-" + workload.meta.uid;
  const auto at = std::lower_bound(sets.begin(), sets.end(), name, [](const auto& set, const std::string& wanted) { return set->meta.name < wanted; });
  sets.insert(at, set_of(workload, std::move(name)));
}

}  // namespace

void imagine_replica_sets(NamespaceView& view) {
  if (view.replica_sets) return;
  Sets& sets = view.replica_sets.emplace();
  for (const auto& workload : view.workloads) {
    if (workload->kind != Kind::deployment) continue;
    sets.push_back(set_of(*workload, workload->meta.name + "-current"));
  }
}

void play_on_sets(NamespaceView& view, const Change& change, const ObjectPtr& before, const ObjectPtr& after) {
  if (!view.replica_sets) return;
  Sets& sets = *view.replica_sets;
  if (change.verb == Verb::orphan && before != nullptr) return orphan(sets, before->meta);
  if (change.verb == Verb::create && before == nullptr) {
    if (const Workload* workload = as<Workload>(after.get()); workload != nullptr && workload->kind == Kind::deployment) give_sets(sets, *workload);
    return;
  }
  if (change.verb == Verb::remove && change.target.kind == Kind::deployment && before != nullptr) {
    std::erase_if(sets, [&before](const auto& set) {
      return std::any_of(set->meta.owners.begin(), set->meta.owners.end(), [&before](const OwnerReference& owner) { return owner.uid == before->meta.uid && owner.name == before->meta.name; });
    });
    return;
  }
  if (change.target.kind != Kind::replica_set) return;
  const auto at = std::find_if(sets.begin(), sets.end(), [&change](const auto& set) { return set->meta.name == change.target.name; });
  if (at == sets.end()) return;
  if (change.verb == Verb::remove) {
    sets.erase(at);
  } else if (change.verb == Verb::scale) {
    auto next = std::make_shared<ReplicaSet>(**at);
    next->replicas = next->pods = next->ready = number(change.body, "/spec/replicas");
    *at = std::move(next);
  }
}

}  // namespace meshgraft
