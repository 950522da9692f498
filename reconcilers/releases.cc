#include "reconcilers/releases.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/release_parts.h"
#include "reconcilers/release_record.h"
#include "reconcilers/release_sight.h"
#include "reconcilers/release_steps.h"
#include "reconcilers/replace_sight.h"
#include "reconcilers/rollout_failure.h"

namespace meshgraft {
namespace {

constexpr std::string_view kRule = "releases";

std::string annotation_path(std::string_view key) {
  std::string path = "/metadata/annotations/" + std::string(key);
  return path.replace(path.rfind('/'), 1, "~1");
}

std::string value_of(const Labels& labels, std::string_view key) {
  const auto found = labels.find(key);
  return found == labels.end() ? "" : std::string(found->second);
}

std::string pods(std::int64_t count) { return std::to_string(count) + (count == 1 ? " pod" : " pods"); }

ReleaseState state_of(const ReleaseSight& sight, const ReleaseRecord& record) {
  ReleaseState state;
  state.strategy = sight.strategy->key();
  state.service = sight.service == nullptr ? "" : sight.service->meta.name;
  state.type = sight.strategy->type;
  state.principal = sight.strategy->principal;
  state.gray = sight.gray_version;
  if (sight.principal != nullptr) state.principal_deployment = sight.principal->meta.name;
  if (sight.gray != nullptr) state.gray_deployment = sight.gray->meta.name;
  if (sight.way == ReleaseWay::promote) state.phase = ReleasePhase::promoting;
  if (sight.way == ReleaseWay::abort) state.phase = ReleasePhase::aborting;
  state.traffic = sight.traffic;
  state.since = record.since;
  return state;
}

// One release of one plan. Precondition: nothing is wrong with it, and something is asked for.
class Carrier {
 public:
  Carrier(const Context& context, const ReleaseSight& sight, ReleaseRecord record, ReleaseState& state, Decision& decision)
      : context_(context), sight_(sight), strategy_(*sight.strategy), principal_(*sight.principal), record_(std::move(record)),
        state_(state), decision_(decision) {}

  void decide() {
    if (!context_.view.limits && !context_.view.played) {
      decision_.wants_limits = true;
      // What is looked up for a rollout is looked up in the same round.
      if (!rollout_is_over(principal_)) decision_.releasing.push_back(sight_.principal);
      return tell(ReleaseStep::none, "what bounds its Deployments has to be read first");
    }
    const bool whole = sight_.whole_template || names_env(record_.was) || names_env(record_.want);
    if (whole && !read_whole()) return tell(ReleaseStep::none, "the whole of its Deployments has to be read first");
    present_ = release_parts(principal_, whole ? whole_of(context_.view, principal_) : nullptr);
    next_ = next_record(whole);
    carry_out(next_release_step(look()));
  }

 private:
  [[nodiscard]] bool promotes() const { return sight_.way == ReleaseWay::promote; }

  // Both Deployments, whole. A plan from files knows nothing but the file.
  bool read_whole() {
    bool all = true;
    for (const auto& workload : {sight_.principal, sight_.gray}) {
      if (workload == nullptr || whole_of(context_.view, *workload) != nullptr || context_.view.live.contains(workload->key())) continue;
      decision_.wants_live.push_back(workload->key());
      all = false;
    }
    return all;
  }

  // The record as it should be now. It is never made anew while the release goes on: what the principal was like before
  // stays known until the end.
  [[nodiscard]] ReleaseRecord next_record(bool whole) const {
    ReleaseRecord next = record_;
    const std::string retry = value_of(strategy_.meta.annotations, keys::kRetry);
    const bool ours = record_.present && (holds_parts(present_, record_.want) || (!record_.wrote.is_null() && holds_parts(present_, record_.wrote)));
    const bool again = !record_.present || retry != record_.retry || (promotes() && record_.principal != principal_.meta.uid);
    if (again) {
      next.present = true;
      next.retry = retry;
      next.held = false;
      next.principal = principal_.meta.uid;
      if (!ours) {
        next.was = present_;
        next.wrote = Json();
      }
    }
    if (!record_.present) next.since = context_.view.moments.now;
    if (sight_.gray == nullptr) return next;
    next.gray = sight_.gray->meta.uid;
    if (!promotes()) {
      if (!record_.present) next.want = next.was;
      return next;
    }
    Json want = release_parts(*sight_.gray, whole && sight_.whole_template ? whole_of(context_.view, *sight_.gray) : nullptr);
    next.was = completed_parts(std::move(next.was), present_);
    if (want == record_.want) return next;
    if (ours && holds_parts(present_, record_.want) && !holds_parts(present_, record_.was)) next.wrote = record_.want;
    next.want = std::move(want);
    next.held = false;
    return next;
  }

  [[nodiscard]] ReleaseSeen::Version version(std::string_view name) const {
    if (name == strategy_.principal) return ReleaseSeen::Version::principal;
    return name == sight_.gray_version ? ReleaseSeen::Version::gray : ReleaseSeen::Version::nobody;
  }

  [[nodiscard]] ReleaseSeen look() const {
    const NamespaceView& view = context_.view;
    const Service& service = *sight_.service;
    ReleaseSeen seen;
    seen.promote = promotes();
    seen.recorded = record_.present && next_ == record_;
    seen.held = record_.held;
    seen.wanted = holds_parts(present_, next_.want);
    seen.former = holds_parts(present_, next_.was);
    seen.written = !next_.wrote.is_null() && holds_parts(present_, next_.wrote);
    seen.rollout = rollout_of(principal_);
    seen.ready = principal_.status.known ? principal_.status.ready : principal_.replicas;
    seen.progress = principal_.status.known ? progress_text(principal_) : "";
    if (seen.rollout == Rollout::exceeded) {
      seen.failed = "not available within " + std::to_string(principal_.progress_deadline_seconds) + " s: " + seen.progress;
      if (!principal_.status.message.empty()) seen.failed += "; " + principal_.status.message;
    } else if (renews_containers(next_.was, next_.want)) {
      seen.failed = crash_of_new_image(principal_, context_);  // known minutes before the deadline is over
    }
    if (sight_.gray != nullptr) {
      const Workload& gray = *sight_.gray;
      seen.gray_there = true;
      seen.gray_leaving = gray.meta.deleting;
      seen.gray_replicas = gray.replicas;
      seen.gray_ready = gray.status.known ? gray.status.ready : gray.replicas;
      seen.gray_rollout = rollout_of(gray);
      seen.gray_progress = gray.status.known ? progress_text(gray) : "";
    }
    seen.governor = version(strategy_.governor);
    if (sends_all_to(view, service, strategy_.principal)) {
      seen.routes = ReleaseSeen::Version::principal;
    } else if (sends_all_to(view, service, sight_.gray_version)) {
      seen.routes = ReleaseSeen::Version::gray;
    } else if (!routes_of(view, service).empty()) {
      seen.routes = ReleaseSeen::Version::both;
    }
    seen.routed_for = routed_for();
    seen.principal_subset = has_subset(view, service, strategy_.principal);
    seen.gray_subset = has_subset(view, service, sight_.gray_version);
    return seen;
  }

  // Milliseconds since the last VirtualService of the Service began to lead where it does.
  [[nodiscard]] std::int64_t routed_for() const {
    const Moments& moments = context_.view.moments;
    std::int64_t since = moments.watching_since;
    for (const VirtualService* routes : routes_of(context_.view, *sight_.service)) {
      const auto found = moments.routed.find(routes->key());
      if (found != moments.routed.end()) since = std::max(since, found->second);
    }
    return moments.now == 0 ? kRouteSettles : std::max<std::int64_t>(0, moments.now - since);
  }

  void tell(ReleaseStep step, std::string why) {
    state_.step = step;
    state_.why = std::move(why);
  }

  // ---- requests ----

  Change change_of(Verb verb, const Object& object, std::string why) const {
    Change change;
    change.verb = verb;
    change.target = object.key();
    change.pre.uid = object.meta.uid;
    change.stage = Stage::release;
    change.rule = std::string(kRule);
    change.why = std::move(why);
    return change;
  }

  void send(Change change) { decision_.extras.push_back({std::move(change), "", false}); }

  void govern(const std::string& to, std::string why) {
    Change change = change_of(Verb::edit, strategy_, std::move(why));
    change.pre.resource_version = strategy_.meta.resource_version;
    change.body = Json::array({{{"op", "add"}, {"path", "/spec/governor"}, {"value", to}}});
    change.impact = Impact::traffic;
    change.retakes.emplace_back("spec.governor");  // whoever keeps setting it otherwise is given way to
    if (strategy_.governor.empty()) {
      change.adds.emplace_back("spec.governor");
    } else {
      change.overwrites.push_back({"spec.governor", strategy_.governor, to});
    }
    send(std::move(change));
  }

  // `reason`: why it is held, "" when it is not.
  void record(const ReleaseRecord& record, const std::string& reason, std::string why) {
    Change change = change_of(Verb::edit, strategy_, std::move(why));
    change.pre.resource_version = strategy_.meta.resource_version;
    change.body = Json::array({{{"op", "add"}, {"path", annotation_path(keys::kUndo)}, {"value", release_record_text(record, strategy_.meta.uid)}}});
    const bool marked = strategy_.meta.annotations.contains(keys::kHeld);
    if (!reason.empty()) {
      change.body.push_back({{"op", "add"}, {"path", annotation_path(keys::kHeld)}, {"value", reason}});
    } else if (marked) {
      change.body.push_back({{"op", "remove"}, {"path", annotation_path(keys::kHeld)}});
    }
    send(std::move(change));
  }

  // What the principal shall get, in one clause.
  [[nodiscard]] std::string gets(std::string what, const Json& parts) const {
    const std::string images = images_text(present_, parts);
    return std::move(what) + ": " + (images.empty() ? "env and resources" : images);
  }

  void change_principal(const Json& parts, bool back, std::string why) {
    Change change = change_of(Verb::edit, principal_, std::move(why));
    change.body = parts_patch(principal_, present_, parts);
    if (names_env(parts)) change.pre.resource_version = principal_.meta.resource_version;
    change.impact = Impact::restart;
    change.restarts = static_cast<int>(principal_.replicas);
    change.at_once = back;
    for (Overwrite& one : part_changes(present_, parts)) {
      change.retakes.push_back(one.path);
      if (one.before.empty()) {
        change.adds.push_back(std::move(one.path));
      } else {
        change.overwrites.push_back(std::move(one));
      }
    }
    send(std::move(change));
  }

  // Whether a restart of the principal may leave its callers without any pod, and nobody has said that it may.
  [[nodiscard]] bool leaves_nobody() const {
    const bool gray_serves = sight_.gray != nullptr && (!sight_.gray->status.known || sight_.gray->status.ready > 0);
    if (gray_serves || !restart_leaves_a_gap(principal_) || principal_.status.ready == 0) return false;
    const std::string own = value_of(principal_.meta.annotations, keys::kAcceptOutage);
    return own.empty() ? !context_.options.accept_outage : own != "true";
  }

  void remove(const Object& object, Impact impact, std::string outcome, std::string why) {
    Change change = change_of(Verb::remove, object, std::move(why));
    change.impact = impact;
    change.outcome = std::move(outcome);
    send(std::move(change));
  }

  void hold_text() {
    state_.phase = ReleasePhase::held;
    state_.finding = "MG804";
    const std::string reason = value_of(strategy_.meta.annotations, keys::kHeld);
    const std::string what = to_string(principal_.key()) + " did not become ready with " + images_of(next_.want) + (reason.empty() ? "" : ": " + reason);
    decision_.findings.push_back(finding("MG804", strategy_.key(), what));
    state_.why = what;
  }

  static std::string images_of(const Json& parts) {
    std::string all = images_text(Json::object(), parts);
    for (std::size_t at = all.find(":  -> "); at != std::string::npos; at = all.find(":  -> ")) all.replace(at, 6, " ");
    return all;
  }

  void carry_out(const ReleaseAct& act) {
    using Kind = ReleaseAct::Kind;
    tell(act.step, act.why);
    if (!rollout_is_over(principal_) && (promotes() || !act.finding.empty() || act.step == ReleaseStep::restoring)) decision_.releasing.push_back(sight_.principal);
    if (next_.held && promotes()) hold_text();
    if (!context_.settings.releases_enabled) {
      decision_.findings.push_back(finding("MG806", strategy_.key(), std::string(promotes() ? keys::kPromote : keys::kAbort) + " is set, and nothing is carried out"));
      state_.finding = "MG806";
      state_.why = "nothing is carried out without the chart's releases.enabled";
      return;
    }
    const std::string& name = sight_.service->meta.name;
    const std::string gray = sight_.gray == nullptr ? sight_.gray_version : sight_.gray_version + " (" + pods(sight_.gray->replicas) + ")";
    switch (act.kind) {
      case Kind::wait:
        if (act.wake > 0) decision_.wake_after = std::min(decision_.wake_after.value_or(act.wake), act.wake);
        decision_.extras.push_back({waiting(act), state_.why, true});
        return;
      case Kind::stop:
        if (act.finding == "MG804") return hold_text();
        state_.phase = ReleasePhase::refused;
        state_.finding = act.finding;
        decision_.findings.push_back(finding(act.finding, strategy_.key(), act.why,
                                             sight_.gray != nullptr ? "" : "Take the release back: set meshgraft.io/abort=true on the Strategy instead of meshgraft.io/promote. The principal goes on with what it runs."));
        return;
      case Kind::record:
        return record(next_, "", "the record of its release: " + act.why);
      case Kind::to_gray:
        return govern(sight_.gray_version, "every request for Service " + name + " to version " + gray);
      case Kind::to_principal:
        return govern(strategy_.principal, "every request for Service " + name + " to the principal, version " + strategy_.principal + " (" + pods(principal_.replicas) + ")");
      case Kind::update:
        return change_principal(next_.want, false, gets("the principal gets what gray runs, while gray serves", next_.want));
      case Kind::restore:
        if (leaves_nobody()) {
          state_.why = "the principal would restart with nobody in its place: set meshgraft.io/accept-outage=true on " + to_string(principal_.key()) + " or on its namespace";
          decision_.extras.push_back({waiting(act), state_.why, false});
          return;
        }
        return change_principal(next_.was, true, gets("the principal gets what it ran before", next_.was));
      case Kind::hold: {
        ReleaseRecord held = next_;
        held.held = true;
        return record(held, act.why, "it is held: " + act.why);
      }
      case Kind::remove_gray:
        return remove(*sight_.gray, Impact::none, "", "gray's Deployment: " + act.why);
      case Kind::close:
        return remove(strategy_, Impact::none, promotes() ? "promoted" : "aborted", act.why);
    }
  }

  // What a step that only time, KubeSphere or a rollout brings stands for.
  [[nodiscard]] Change waiting(const ReleaseAct& act) const {
    Change change;
    const bool rolls = act.step == ReleaseStep::updating || act.step == ReleaseStep::restoring;
    const bool goes = act.step == ReleaseStep::removing_gray && sight_.gray != nullptr;
    change.target = rolls ? principal_.key() : goes ? sight_.gray->key() : strategy_.key();
    change.verb = Verb::edit;
    change.stage = Stage::release;
    change.rule = std::string(kRule);
    return change;
  }

  const Context& context_;
  const ReleaseSight& sight_;
  const Strategy& strategy_;
  const Workload& principal_;
  const ReleaseRecord record_;
  ReleaseState& state_;
  Decision& decision_;
  Json present_;
  ReleaseRecord next_;
};

}  // namespace

Decision desired_releases(const Context& context) {
  Decision decision;
  if (context.options.app.empty()) return decision;
  for (const auto& strategy : context.view.strategies) {
    if (strategy->meta.deleting) continue;
    ReleaseRecord record = read_release_record(*strategy);
    const ReleaseSight sight = look_at_release(context, strategy, record.present);
    ReleaseState state = state_of(sight, record);
    const bool asked = sight.way != ReleaseWay::none;
    std::string code = sight.finding;
    std::string wrong = sight.wrong;
    if (asked && code.empty() && !record.broken.empty()) {
      code = "MG107";
      wrong = std::string(keys::kUndo) + ": " + record.broken;
    }
    if (!code.empty() && (asked || !sight.only_when_asked)) {
      state.phase = ReleasePhase::refused;
      state.finding = code;
      state.why = wrong;
      decision.findings.push_back(finding(code, strategy->key(), wrong, sight.remedy));
    } else if (asked) {
      Carrier(context, sight, std::move(record), state, decision).decide();
    }
    decision.releases.push_back(std::move(state));
  }
  return decision;
}

std::span<const RbacRule> rbac_releases() {
  static constexpr std::array<std::string_view, 3> kStrategies{"get", "patch", "delete"};
  static constexpr std::array<std::string_view, 1> kGray{"delete"};
  static constexpr std::string_view kSwitch = "releases.enabled";
  static const std::array kRules{
      RbacRule{"servicemesh.kubesphere.io", "strategies", kStrategies, kSwitch},
      RbacRule{"apps", "deployments", kGray, kSwitch},
  };
  return kRules;
}

}  // namespace meshgraft
