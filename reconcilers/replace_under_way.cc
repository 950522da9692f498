#include "reconcilers/replace_under_way.h"

#include <algorithm>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/mesh_host.h"
#include "reconcilers/release_sight.h"
#include "reconcilers/replace_scalers.h"
#include "reconcilers/replace_sight.h"
#include "reconcilers/rollback.h"
#include "reconcilers/rollout.h"
#include "reconcilers/rollout_failure.h"

namespace meshgraft {
namespace {

constexpr std::string_view kRule = "replace";

std::string pods(std::int64_t count) { return std::to_string(count) + (count == 1 ? " pod" : " pods"); }

// One replace of one plan.
class Replace {
 public:
  Replace(const Context& context, const ControllerRevision& object, ReplaceRecord record, Decision& decision)
      : context_(context), object_(object), record_(std::move(record)), decision_(decision),
        original_(deployment_named(context.view, record_.deployment)), live_(deployment_named(context.view, record_.target_name())),
        key_{Kind::deployment, context.view.name, record_.deployment}, new_key_{Kind::deployment, context.view.name, record_.target_name()} {}

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
    // Who scales is asked of a Deployment whose name goes.
    const bool limits = !record_.beside() || context_.view.played || context_.view.limits;
    if (!limits) decision_.wants_limits = true;
    if (!context_.view.replica_sets || !limits || (asks_for_whole() && !read())) return wait("what is there has to be read first", 0);
    // What serves must be seen, not assumed.
    if (!context_.view.played && (!context_.view.slices || !context_.view.pods))
      return wait("the namespace's pods and EndpointSlices cannot be read", 0);
    Seen seen = look_at_replace(context_.view, record_);
    seen.unwanted = unwanted();
    seen.wanted = seen.unwanted.empty();
    // The new one takes the annotation with it: without a mark on the former one it would be begun anew at once.
    if (seen.holder == Seen::Holder::planted && !record_.undoing && is_excluded(live_->meta)) seen.failed = std::string(keys::kExclude) + " was set on the new one";
    if (asks_for_whole()) {
      const Json* whole = whole_of(context_.view, *original_);
      seen.changed = whole != nullptr && !is_as_recorded(*whole);
      // Another of the same version carries the subset on.
      if (!record_.beside() || record_.undoing) seen.blocked = routed(*original_);
    }
    if (seen.holder == Seen::Holder::planted && seen.rollout != Rollout::complete && wants_pods_of_rollout(*live_, context_)) {
      if (const std::string why = what_pods_wait_for(*live_, context_); !why.empty()) decision_.findings.push_back(finding("MG229", new_key_, why));
    }
    // A subset that KubeSphere routes to by now is not taken away here: on to the end, and back in the order of undo.
    const std::string in_use = seen.holder == Seen::Holder::planted ? routed(*live_) : "";
    if (!in_use.empty()) seen.others_template = true;
    say_if_stuck(seen, in_use);
    carry_out(seen, next_step(seen));
  }

 private:
  // What is in use is not taken away, so that neither of the two ways is open.
  void say_if_stuck(const Seen& seen, const std::string& in_use) {
    if (seen.holder != Seen::Holder::planted || seen.back || !seen.others_template) return;
    const std::string why = in_use.empty() ? "somebody gave it another template" : in_use;
    if (!seen.failed.empty()) {
      decision_.findings.push_back(finding("MG232", new_key_, seen.failed + "; it is not taken away, since " + why,
                                           "Mend it: kubectl set image or kubectl edit deployment " + new_key_.name + " -n " + context_.view.name));
    } else if (seen.beside && seen.former && seen.changed) {
      decision_.findings.push_back(finding("MG232", new_key_, to_string(key_) + " was changed after it had been recorded; the new one is not made again, since " + why,
                                           "Make the same change to the new one, then: kubectl delete deployment " + key_.name + " -n " + context_.view.name));
    }
  }

  // Somebody deleted the record, which its finalizer keeps.
  [[nodiscard]] bool is_dropped() const { return object_.meta.deleting && keeps_record(object_.meta); }
  // Whether a Deployment has the name that the record is called by, whatever the record says.
  [[nodiscard]] bool stands() const {
    return std::any_of(context_.view.workloads.begin(), context_.view.workloads.end(), [this](const auto& workload) {
      return workload->kind == Kind::deployment && replace_record_name(workload->meta.name) == object_.meta.name;
    });
  }

  // Before the original goes it is compared with what was recorded.
  [[nodiscard]] bool asks_for_whole() const { return original_ != nullptr && original_->meta.uid == record_.old_uid; }
  // A plan from files knows nothing but the file.
  [[nodiscard]] bool read() const {
    return whole_of(context_.view, *original_) != nullptr || context_.view.live.find(key_) != context_.view.live.end();
  }
  // One that stands on beside the new one is scaled meanwhile as ever, and the new one with it.
  [[nodiscard]] bool is_as_recorded(const Json& whole) const {
    Json now = bare(whole, context_.view.name);
    if (!record_.beside() || !now.contains("spec") || !record_.original["spec"].contains("replicas")) return now == record_.original;
    now["spec"]["replicas"] = record_.original["spec"]["replicas"];
    return now == record_.original;
  }

  // Why this replace is not asked for any more; "" when it is. Once it has begun, only three things lead back (contract
  // 1); a lower policy does not.
  [[nodiscard]] std::string unwanted() const {
    const bool joined = !context_.options.app.empty();
    if (record_.undoing) return "";
    if (!joined) return "the label " + std::string(keys::kApp) + " was removed";
    if (asks_for_whole() && is_excluded(original_->meta)) return std::string(keys::kExclude) + " was set";
    return "";
  }

  // A subset that loses its Deployment while a VirtualService still routes to it is an outage (rules 14).
  [[nodiscard]] std::string routed(const Workload& workload) const {
    for (const auto& service : context_.view.services) {
      if (service->selector.empty() || !is_subset(service->selector, workload.pod.labels)) continue;
      const auto version = workload.meta.labels.find(keys::kVersionLabel);
      if (version == workload.meta.labels.end()) continue;
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

  // While the original is away nothing else of the namespace holds a step up: after a stop in between, a former stage may
  // have to wait once more for what only time tells.
  void send(Change change) {
    change.stage = stage();
    decision_.extras.push_back({.change = std::move(change), .hold = "", .goes_on = !asks_for_whole()});
  }

  // Nothing to send now; it is under way all the same.
  void wait(std::string why, std::int64_t wake) {
    decision_.replacing.push_back({asks_for_whole() ? key_ : new_key_, std::move(why), stage()});
    if (wake > 0 && (!decision_.wake_after || *decision_.wake_after > wake)) decision_.wake_after = wake;
  }

  [[nodiscard]] const ReplicaSet* set_of(const OldSet& old) const { return replica_set_named(context_.view, old.name); }

  void scale(const OldSet& old, const Step& step) {
    const ReplicaSet* set = set_of(old);
    if (set == nullptr) return;
    Change change = replace_change(Verb::scale, set->key(), step.why);
    change.pre = {set->meta.uid, set->meta.resource_version};
    change.body = {{"spec", {{"replicas", step.replicas}}}};
    send(std::move(change));
  }

  void remove_sets(const Seen& seen, const std::string& why) {
    for (const OldSet& old : seen.old) {
      const ReplicaSet* set = set_of(old);
      if (set == nullptr) continue;
      Change change = replace_change(Verb::remove, set->key(), why);
      change.pre = {set->meta.uid, set->meta.resource_version};
      send(std::move(change));
    }
  }

  void create(Json body, std::string why) {
    Change change = replace_change(Verb::create, record_.back.empty() ? new_key_ : key_, std::move(why));
    change.body = std::move(body);
    change.witness = Witness{object_.key(), {object_.meta.uid, object_.meta.resource_version}};
    send(std::move(change));
  }

  void progress(const ReplaceRecord& next, std::string why) {
    Change change = progress_change(next, object_);
    change.rule = kRule;
    change.why = std::move(why);
    send(std::move(change));
  }

  void bind(const Workload& workload, Record record, const std::string& why, const Wish& wish = {}) {
    record.present = true;
    Change change = apply_of(wish, workload, record);
    change.rule = kRule;
    change.why = why;
    change.force = true;  // the mark that stands there came with the request that created it
    change.pre.resource_version = workload.meta.resource_version;
    send(std::move(change));
  }

  // One that failed is held as after every roll-back, until it changes or meshgraft.io/retry does.
  void bind_restored(const std::string& why) {
    if (!record_.held) return bind(*original_, record_.undo_before, why);
    Record record = record_.undo_before;
    record.held = likeness_of(*original_, record);
    Wish wish;
    wish.annotations.emplace(keys::kHeld, record_.back);
    bind(*original_, std::move(record), "it is held: " + record_.back, wish);
  }

  void drop_mark(const std::string& why) {
    Change change = replace_change(Verb::edit, new_key_, why);
    change.pre = {live_->meta.uid, live_->meta.resource_version};
    change.body = Json::array({{{"op", "remove"}, {"path", "/metadata/annotations/meshgraft.io~1undo"}}});
    send(std::move(change));
  }

  // The whole as it was read tells the version that was compared with the record.
  void remove_original(Verb verb, std::string why) {
    Change change = replace_change(verb, key_, std::move(why));
    const Json* whole = whole_of(context_.view, *original_);
    change.pre = {original_->meta.uid, original_->meta.resource_version};
    if (whole != nullptr && whole->contains("metadata"))
      change.pre.resource_version = (*whole)["metadata"].value("resourceVersion", change.pre.resource_version);
    // Who deletes the new one in this very moment keeps the former.
    if (record_.beside() && live_ != nullptr) change.witness = Witness{new_key_, {live_->meta.uid, ""}};
    send(std::move(change));
  }

  void follow(const Seen& seen, std::string why) {
    Change change = replace_change(Verb::scale, new_key_, std::move(why));
    change.pre.uid = live_->meta.uid;
    change.body = {{"spec", {{"replicas", seen.former_replicas}}}};
    send(std::move(change));
  }

  void lead(const std::string& from, const std::string& to, const std::string& why) {
    for (const auto& scaler : scalers_of(context_.view, from)) {
      Change change = lead_change(*scaler, from, to, why);
      change.rule = kRule;
      send(std::move(change));
    }
  }

  // The target with as many replicas as the original has by now, and a mark of this record: what a former try of it
  // left in sight is another.
  [[nodiscard]] Json target_now() const {
    Json body = record_.target;
    body["metadata"]["annotations"][std::string(keys::kUndo)] = planted_mark(record_.old_uid, record_.uid);
    body["spec"]["replicas"] = original_->replicas;
    return body;
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
    if (seen.back && !(seen.beside && seen.holder == Seen::Holder::planted)) return record_.held ? "rolled_back" : "dropped";
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
    Change change = replace_change(Verb::remove, object_.key(), step.why);
    change.pre.uid = object_.meta.uid;
    change.outcome = outcome_of(seen);
    send(std::move(change));
  }

  // For a row of status, which knows neither since when the new pods have been available nor every endpoint: the
  // controller may wait for that before it does what comes next.
  static std::string what_is_next(const Seen& seen, const Step& step) {
    const std::string served = " when the new pods have served for " + std::to_string(std::max(kProbation, seen.min_ready_seconds)) + " s";
    switch (step.kind) {
      case Step::Kind::turn_back:
        return "it goes back: " + step.why;
      case Step::Kind::scale_down:
        return "the former pods go as the new ones serve";
      case Step::Kind::remove_sets:
        return "the former ReplicaSets go" + (seen.replicas == 0 ? "" : served);
      case Step::Kind::lead:
      case Step::Kind::remove_former:
        if (!seen.former) return step.why;
        return "the former Deployment goes" + (seen.replicas == 0 ? "" : served);
      default:
        return step.why.empty() ? "it is re-created" : step.why;
    }
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
      case Kind::orphan:
        remove_original(Verb::orphan, "deleted without its ReplicaSets; its " + pods(original_->replicas) + (original_->replicas == 1 ? " goes" : " go") + " on serving");
        break;
      case Kind::remove_former:
        remove_original(Verb::remove, step.why + ": it goes, and its pods with it");
        break;
      case Kind::follow:
        follow(seen, step.why);
        break;
      case Kind::lead:
        lead(record_.deployment, record_.target_name(), step.why + ": it scales Deployment " + record_.target_name() + " from now on");
        break;
      case Kind::lead_back:
        lead(record_.target_name(), record_.deployment, step.why + ": it scales Deployment " + record_.deployment + " again");
        break;
      case Kind::plant:
        create(seen.beside ? target_now() : record_.target, step.why + (keeps_pods(record_) ? "" : "; its new pods come beside the old ones"));
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
          bind(*live_, record_.undo, step.why);
        }
        break;
      case Kind::bind_restored:
        bind_restored(step.why);
        break;
      case Kind::remove_planted: {
        Change change = replace_change(seen.adopted ? Verb::orphan : Verb::remove, new_key_, "the new Deployment goes: " + step.why);
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
    wait(what_is_next(seen, step), decision_.extras.size() == sent ? step.wake : 0);
  }

  const Context& context_;
  const ControllerRevision& object_;
  ReplaceRecord record_;
  Decision& decision_;
  std::shared_ptr<const Workload> original_;  // who has its name: one and the same, but for naming=versioned
  std::shared_ptr<const Workload> live_;      // who has the new one's name
  const ObjectKey key_, new_key_;
};

}  // namespace

Change replace_change(Verb verb, ObjectKey target, std::string why) {
  Change change;
  change.verb = verb;
  change.target = std::move(target);
  change.stage = Stage::member_replace;
  change.rule = kRule;
  change.why = std::move(why);
  return change;
}

void decide_under_way(const Context& context, const ControllerRevision& object, ReplaceRecord record, Decision& decision) {
  Replace(context, object, std::move(record), decision).decide();
}

}  // namespace meshgraft
