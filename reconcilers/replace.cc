#include "reconcilers/replace.h"

#include <algorithm>
#include <array>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/member_template.h"
#include "reconcilers/mesh_host.h"
#include "reconcilers/release_sight.h"
#include "reconcilers/replace_record.h"
#include "reconcilers/replace_sight.h"
#include "reconcilers/replace_target.h"
#include "reconcilers/rollback.h"
#include "reconcilers/rollout.h"
#include "reconcilers/rollout_failure.h"

namespace meshgraft {
namespace {

constexpr std::string_view kRule = "replace";

Change change_of(Verb verb, ObjectKey target, std::string why) {
  Change change;
  change.verb = verb;
  change.target = std::move(target);
  change.stage = Stage::member_replace;
  change.rule = kRule;
  change.why = std::move(why);
  return change;
}

std::string pods(std::int64_t count) { return std::to_string(count) + (count == 1 ? " pod" : " pods"); }

// The new Deployment takes the ReplicaSet over when it matches all that is asked of it.
bool keeps_pods(const ReplaceRecord& record) {
  const Json* before = value_at(record.original, "/spec/template");
  const Json* after = value_at(record.target, "/spec/template");
  return !record.undoing && before != nullptr && after != nullptr && *before == *after;
}

std::string what_pods_do(const ReplaceRecord& record, const Workload& workload) {
  if (keeps_pods(record)) return "its pods carry every label already and stay";
  return pods(workload.replicas) + (workload.replicas == 1 ? " comes" : " come") + " beside the old";
}

// One replace of one plan.
class Replace {
 public:
  Replace(const Context& context, const ControllerRevision& object, ReplaceRecord record, Decision& decision)
      : context_(context), object_(object), record_(std::move(record)), decision_(decision),
        live_(deployment_named(context.view, record_.deployment)), key_{Kind::deployment, context.view.name, record_.deployment} {}

  void decide() {
    if (!record_.broken.empty()) {
      decision_.findings.push_back(finding("MG107", object_.key(), record_.broken));
      if (is_dropped() && stands()) release("somebody deleted the record, and a Deployment of that name stands", "dropped");
      return;
    }
    if (object_.meta.deleting && !keeps_record(object_.meta)) return;
    if (is_dropped())
      decision_.findings.push_back(finding("MG119", object_.key(), "somebody deleted it while " + to_string(key_) + " is being created again: it stays until that is over"));
    if (!context_.view.replica_sets) decision_.wants_replica_sets = true;
    if (asks_for_whole() && !read()) decision_.wants_live.push_back(key_);
    if (!context_.view.replica_sets || (asks_for_whole() && !read())) return wait("what is there has to be read first", 0);
    // What serves must be seen, not assumed.
    if (!context_.view.played && (!context_.view.slices || !context_.view.pods))
      return wait("the namespace's pods and EndpointSlices cannot be read", 0);
    Seen seen = look_at_replace(context_.view, record_);
    seen.unwanted = unwanted();
    seen.wanted = seen.unwanted.empty();
    if (seen.holder == Seen::Holder::original) {
      const Json* whole = whole_of(context_.view, *live_);
      seen.changed = whole != nullptr && !(bare(*whole, context_.view.name) == record_.original);
      seen.blocked = routed();
    }
    if (seen.holder == Seen::Holder::planted && seen.rollout != Rollout::complete && wants_pods_of_rollout(*live_, context_)) {
      if (const std::string why = what_pods_wait_for(*live_, context_); !why.empty()) decision_.findings.push_back(finding("MG229", key_, why));
    }
    // A subset that KubeSphere routes to by now is not taken away here: on to the end, and back in the order of undo.
    if (seen.holder == Seen::Holder::planted && !routed().empty()) seen.others_template = true;
    carry_out(seen, next_step(seen));
  }

 private:
  // Somebody deleted the record, which its finalizer keeps.
  [[nodiscard]] bool is_dropped() const { return object_.meta.deleting && keeps_record(object_.meta); }
  // Whether a Deployment has the name that the record is called by, whatever the record says.
  [[nodiscard]] bool stands() const {
    return std::any_of(context_.view.workloads.begin(), context_.view.workloads.end(), [this](const auto& workload) {
      return workload->kind == Kind::deployment && replace_record_name(workload->meta.name) == object_.meta.name;
    });
  }

  // Before the original goes it is compared with what was recorded.
  [[nodiscard]] bool asks_for_whole() const { return live_ != nullptr && live_->meta.uid == record_.old_uid; }
  // A plan from files knows nothing but the file.
  [[nodiscard]] bool read() const {
    return whole_of(context_.view, *live_) != nullptr || context_.view.live.find(key_) != context_.view.live.end();
  }

  // Why this replace is not asked for any more; "" when it is. Once it has begun, only three things lead back (contract
  // 1); a lower policy does not.
  [[nodiscard]] std::string unwanted() const {
    const bool joined = !context_.options.app.empty();
    if (record_.undoing) return "";
    if (!joined) return "the label " + std::string(keys::kApp) + " was removed";
    if (live_ != nullptr && is_excluded(live_->meta)) return std::string(keys::kExclude) + " was set";
    return "";
  }

  // A subset that loses its Deployment while a VirtualService still routes to it is an outage (rules 14).
  [[nodiscard]] std::string routed() const {
    for (const auto& service : context_.view.services) {
      if (service->selector.empty() || !is_subset(service->selector, live_->pod.labels)) continue;
      const auto version = live_->meta.labels.find(keys::kVersionLabel);
      if (version == live_->meta.labels.end()) continue;
      for (const auto& routes : context_.view.virtual_services) {
        for (const auto& [host, subset, weight, route, mirror] : routes->destinations) {
          if (subset != version->second || !is_host_of(host, *service) || !has_subset(context_.view, *service, subset)) continue;
          return to_string(routes->key()) + " still routes to its subset " + subset;
        }
      }
    }
    return "";
  }

  // What is not asked for any more belongs to the way back: its other steps would wait for this one, and this one for
  // their stages.
  [[nodiscard]] Stage stage() const {
    return record_.undoing || !record_.back.empty() || !unwanted().empty() ? Stage::back_template : Stage::member_replace;
  }

  void send(Change change) {
    change.stage = stage();
    decision_.extras.push_back({std::move(change), "", false});
  }

  // Nothing to send now; it is under way all the same.
  void wait(std::string why, std::int64_t wake) {
    decision_.replacing.push_back({key_, std::move(why), stage()});
    if (wake > 0 && (!decision_.wake_after || *decision_.wake_after > wake)) decision_.wake_after = wake;
  }

  [[nodiscard]] const ReplicaSet* set_of(const OldSet& old) const { return replica_set_named(context_.view, old.name); }

  void scale(const OldSet& old, const Step& step) {
    const ReplicaSet* set = set_of(old);
    if (set == nullptr) return;
    Change change = change_of(Verb::scale, set->key(), step.why);
    change.pre = {set->meta.uid, set->meta.resource_version};
    change.body = {{"spec", {{"replicas", step.replicas}}}};
    send(std::move(change));
  }

  void remove_sets(const Seen& seen, const std::string& why) {
    for (const OldSet& old : seen.old) {
      const ReplicaSet* set = set_of(old);
      if (set == nullptr) continue;
      Change change = change_of(Verb::remove, set->key(), why);
      change.pre = {set->meta.uid, set->meta.resource_version};
      send(std::move(change));
    }
  }

  void create(Json body, std::string why) {
    Change change = change_of(Verb::create, key_, std::move(why));
    change.body = std::move(body);
    change.witness = object_.key();
    change.pre = {object_.meta.uid, object_.meta.resource_version};
    send(std::move(change));
  }

  void progress(const ReplaceRecord& next, std::string why) {
    Change change = progress_change(next, object_);
    change.rule = kRule;
    change.why = std::move(why);
    send(std::move(change));
  }

  void bind(Record record, const std::string& why, const Wish& wish = {}) {
    record.present = true;
    Change change = apply_of(wish, *live_, record);
    change.rule = kRule;
    change.why = why;
    change.force = true;  // the mark that stands there came with the request that created it
    change.pre.resource_version = live_->meta.resource_version;
    send(std::move(change));
  }

  // One that failed is held as after every roll-back, until it changes or meshgraft.io/retry does.
  void bind_restored(const std::string& why) {
    if (!record_.held) return bind(record_.undo_before, why);
    Record record = record_.undo_before;
    record.held = likeness_of(*live_, record);
    Wish wish;
    wish.annotations.emplace(keys::kHeld, record_.back);
    bind(std::move(record), "it is held: " + record_.back, wish);
  }

  void drop_mark(const std::string& why) {
    Change change = change_of(Verb::edit, key_, why);
    change.pre = {live_->meta.uid, live_->meta.resource_version};
    change.body = Json::array({{{"op", "remove"}, {"path", "/metadata/annotations/meshgraft.io~1undo"}}});
    send(std::move(change));
  }

  [[nodiscard]] Json restored(const Seen& seen) const {
    Json body = record_.original;
    for (const OldSet& old : seen.old) {
      if (old.serving && old.replicas > 0) body["spec"]["replicas"] = old.replicas;
    }
    return body;
  }

  // Not held: it went back because it was no longer asked for, and nothing failed.
  [[nodiscard]] std::string_view outcome_of(const Seen& seen) const {
    if (seen.back) return record_.held ? "rolled_back" : "dropped";
    return seen.holder == Seen::Holder::planted ? "completed" : "dropped";
  }

  // Without its finalizer the record can be deleted; one that somebody has deleted already is gone by that.
  void release(std::string why, std::string_view outcome) {
    Change change = release_change(object_);
    change.rule = kRule;
    change.why = std::move(why);
    if (object_.meta.deleting) change.outcome = outcome;
    send(std::move(change));
  }

  void forget(const Step& step, const Seen& seen) {
    if (keeps_record(object_.meta)) return release("its finalizer goes first; " + step.why, outcome_of(seen));
    Change change = change_of(Verb::remove, object_.key(), step.why);
    change.pre.uid = object_.meta.uid;
    change.outcome = outcome_of(seen);
    send(std::move(change));
  }

  void carry_out(const Seen& seen, const Step& step) {
    using Kind = Step::Kind;
    if (step.kind == Kind::stop) {
      if (is_dropped()) return release("somebody deleted the record, and a Deployment of that name stands", "dropped");
      decision_.findings.push_back(finding("MG214", key_, step.why + "; " + to_string(object_.key()) + " keeps what stood there before"));
      return;
    }
    const std::size_t sent = decision_.extras.size();
    switch (step.kind) {
      case Kind::wait:
      case Kind::stop:
        break;
      case Kind::orphan: {
        Change change = change_of(Verb::orphan, key_, "deleted without its ReplicaSets; its " + pods(live_->replicas) + (live_->replicas == 1 ? " goes" : " go") + " on serving");
        const Json* whole = whole_of(context_.view, *live_);
        const Json* version = whole == nullptr ? nullptr : &*whole;
        change.pre = {live_->meta.uid, live_->meta.resource_version};
        if (version != nullptr && version->contains("metadata"))
          change.pre.resource_version = (*version)["metadata"].value("resourceVersion", change.pre.resource_version);
        send(std::move(change));
        break;
      }
      case Kind::plant:
        create(record_.target, step.why + (keeps_pods(record_) ? "" : "; its new pods come beside the old ones"));
        break;
      case Kind::acknowledge: {
        ReplaceRecord next = record_;
        next.planted = live_->meta.uid;
        progress(next, step.why);
        break;
      }
      case Kind::turn_back: {
        ReplaceRecord next = record_;
        if (live_ != nullptr && seen.holder == Seen::Holder::planted) next.planted = live_->meta.uid;
        next.back = step.why;
        next.held = step.held;
        progress(next, "it goes back to what it was: " + step.why);
        break;
      }
      case Kind::scale_down:
      case Kind::scale_up:
        scale(seen.old[step.set], step);
        break;
      case Kind::remove_sets:
      case Kind::clean_up:
        remove_sets(seen, step.why);
        break;
      case Kind::bind:
        if (record_.undoing) {
          drop_mark(step.why);
        } else {
          bind(record_.undo, step.why);
        }
        break;
      case Kind::bind_restored:
        bind_restored(step.why);
        break;
      case Kind::remove_planted: {
        Change change = change_of(seen.adopted ? Verb::orphan : Verb::remove, key_, "the new Deployment goes: " + step.why);
        change.pre.uid = live_->meta.uid;
        send(std::move(change));
        break;
      }
      case Kind::restore:
        create(restored(seen), step.why + "; it takes its former pods over, none restarts");
        break;
      case Kind::forget:
        forget(step, seen);
        break;
    }
    wait(step.why.empty() ? "it is re-created" : step.why, decision_.extras.size() == sent ? step.wake : 0);
  }

  const Context& context_;
  const ControllerRevision& object_;
  ReplaceRecord record_;
  Decision& decision_;
  std::shared_ptr<const Workload> live_;
  const ObjectKey key_;
};

std::vector<RecordedSet> sets_of(const NamespaceView& view, const Workload& workload) {
  std::vector<RecordedSet> sets;
  for (const auto& set : *view.replica_sets) {
    const bool its = std::any_of(set->meta.owners.begin(), set->meta.owners.end(), [&workload](const OwnerReference& owner) {
      return owner.controller && owner.uid == workload.meta.uid && owner.name == workload.meta.name;
    });
    if (its) sets.push_back({set->meta.name, set->meta.uid, set->replicas});
  }
  return sets;
}

Wish metadata_and_template(const Context& context, const Member& member) {
  Wish wish = decide_template(context, member, NewPods::beside).intent.wish;
  wish.labels = member_labels(member);
  wish.annotations.emplace(keys::kGoverned, "true");
  return wish;
}

// The record of a replace that may begin: the request that takes a place at the gate.
Change begin(const Context& context, ReplaceRecord record, const Workload& workload, std::string why) {
  record.sets = sets_of(context.view, workload);
  Change change = change_of(Verb::create, {Kind::controller_revision, context.view.name, replace_record_name(record.deployment)}, std::move(why));
  change.body = replace_record_body(record, context.view.name);
  change.witness = workload.key();
  change.pre.uid = workload.meta.uid;
  change.restarts = keeps_pods(record) ? 0 : static_cast<int>(workload.replicas);
  change.impact = change.restarts > 0 ? Impact::restart : Impact::none;
  change.outcome = "started";
  return change;
}

void consider(const Context& context, const Member& member, Decision& decision) {
  ReplaceVerdict verdict = replace_verdict(context, member);
  if (!verdict.takes) return;  // the rule for Deployments says why
  std::move(verdict.findings.begin(), verdict.findings.end(), std::back_inserter(decision.findings));
  std::move(verdict.wants_live.begin(), verdict.wants_live.end(), std::back_inserter(decision.wants_live));
  decision.wants_replica_sets = decision.wants_replica_sets || verdict.wants_replica_sets;
  decision.wants_claims = decision.wants_claims || verdict.wants_claims;
  const Workload& workload = *member.workload;
  Extra extra;
  extra.hold = std::move(verdict.hold);
  extra.passing = verdict.passing;
  extra.change.target = {Kind::controller_revision, context.view.name, replace_record_name(workload.meta.name)};
  extra.change.stage = Stage::member_replace;
  extra.member = workload.key();
  if (extra.hold.empty()) {
    const ReplaceRecord record = record_of_replace(member, *whole_of(context.view, workload), metadata_and_template(context, member));
    extra.change = begin(context, record, workload,
                         "the record of " + to_string(workload.key()) + ", which is created again with a fuller selector; " + what_pods_do(record, workload) +
                             "; its rollout history is lost");
  }
  decision.extras.push_back(std::move(extra));
}

bool is_under_way(const NamespaceView& view, std::string_view deployment) {
  return std::any_of(view.records.begin(), view.records.end(),
                     [deployment](const auto& object) { return object->meta.name == replace_record_name(deployment); });
}

}  // namespace

void begin_return(const Context& context, const std::shared_ptr<const Workload>& workload, const Record& record, Decision& decision) {
  if (is_under_way(context.view, workload->meta.name)) return;
  Extra extra;
  extra.change.target = {Kind::controller_revision, context.view.name, replace_record_name(workload->meta.name)};
  extra.change.stage = Stage::back_template;
  extra.member = workload->key();
  const Json* whole = whole_of(context.view, *workload);
  const Rollout state = rollout_of(*workload);
  if (!context.settings.replace_enabled) {
    extra.hold = "re-creating is switched off (the chart's replace.enabled)";
  } else if (workload->meta.annotations.find(keys::kHeld) != workload->meta.annotations.end()) {
    extra.hold = "it did not become ready with its former selector";
  } else if (state != Rollout::complete && state != Rollout::empty) {
    extra.hold = "not all of its pods are available: " + progress_text(*workload);
    extra.passing = true;
  } else if (whole == nullptr || !context.view.replica_sets) {
    decision.wants_replica_sets = decision.wants_replica_sets || !context.view.replica_sets;
    extra.hold = "the whole of it has to be read first";
    extra.passing = true;
  } else {
    Return made = record_of_return(*workload, *whole, record);
    std::move(made.findings.begin(), made.findings.end(), std::back_inserter(decision.findings));
    extra.change = begin(context, std::move(made.record), *workload,
                         "the record of " + to_string(workload->key()) + ", which is created again with its former selector");
    extra.change.stage = Stage::back_template;
  }
  decision.extras.push_back(std::move(extra));
}

Decision desired_replaces(const Context& context) {
  Decision decision;
  for (const auto& object : context.view.records) Replace(context, *object, read_replace_record(*object), decision).decide();
  for (const Member& member : context.membership.members) {
    if (member.workload->kind != Kind::deployment || member.excluded || !member.blocked.empty()) continue;
    if (is_under_way(context.view, member.workload->meta.name)) continue;
    consider(context, member, decision);
    if (has_planted_mark(member.workload->meta))
      decision.findings.push_back(finding("MG107", member.workload->key(), "the record of its replace is gone, so its former ReplicaSets are left as they are"));
  }
  return decision;
}

std::span<const RbacRule> rbac_replace() {
  static constexpr std::array<std::string_view, 5> kRecords{"get", "list", "watch", "create", "delete"};
  static constexpr std::array<std::string_view, 1> kProgress{"patch"};
  static constexpr std::array<std::string_view, 2> kRecreate{"create", "delete"};
  static constexpr std::array<std::string_view, 4> kSets{"get", "list", "patch", "delete"};
  static constexpr std::array<std::string_view, 1> kClaims{"list"};
  static constexpr std::string_view kSwitch = "replace.enabled";
  static const std::array kRules{
      RbacRule{"apps", "controllerrevisions", kRecords, ""},
      RbacRule{"apps", "controllerrevisions", kProgress, ""},
      RbacRule{"apps", "deployments", kRecreate, kSwitch},
      RbacRule{"apps", "replicasets", kSets, kSwitch},
      RbacRule{"", "persistentvolumeclaims", kClaims, kSwitch},
  };
  return kRules;
}

}  // namespace meshgraft
