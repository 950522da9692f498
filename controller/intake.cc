#include "controller/intake.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "controller/config_maps.h"
#include "controller/relevance.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

using Standing = WatchMachine::Standing;

constexpr std::chrono::minutes kGoneKept{10};  // longer than any rule asks for

bool has(const Labels& labels, std::string_view key) { return labels.contains(key); }

// Its report says that it was joined and is not back as before.
bool is_leaving(const Namespace& ns) { return has(ns.meta.annotations, keys::kStatus); }

bool is_gateway(const Namespace& ns) { return has(ns.meta.labels, keys::kGateway); }

std::string crd_name(const KindInfo& row) { return std::string(row.plural) + "." + std::string(row.group); }

// The namespace that a change is planned with.
const std::string& namespace_of(const Object& object) {
  return object.kind == Kind::namespace_ ? object.meta.name : object.meta.ns;
}

bool carries_undo(const CacheChange& change) {
  return (change.before != nullptr && has(change.before->meta.annotations, keys::kUndo)) ||
         (change.after != nullptr && has(change.after->meta.annotations, keys::kUndo));
}

}  // namespace

bool is_labelled(const Namespace& ns) { return has(ns.meta.labels, keys::kApp) || has(ns.meta.labels, keys::kGateway); }

std::int64_t moment_of(Time since, Time now, std::int64_t utc) {
  return utc - std::chrono::duration_cast<std::chrono::milliseconds>(now - since).count();
}

void Intake::connect(Watchers& watchers) {
  const MutexLock lock(mutex_);
  watchers_ = &watchers;
}

void Intake::on_changes(Kind kind, const std::vector<CacheChange>& changes) {
  if (kind == Kind::crd) {
    look_at_crds();
    return;
  }
  bool facts_touched = false, config_maps_touched = false;
  for (const CacheChange& change : changes) consider(change, facts_touched, config_maps_touched);
  if (facts_touched) {
    facts_.touch();
    if (ready_) queue_.add_debounced(std::string(kFacts));
  }
  if (config_maps_touched && ready_) {
    const MutexLock lock(mutex_);
    look_at_config_maps();
  }
}

void Intake::consider(const CacheChange& change, bool& facts_touched, bool& config_maps_touched) {
  const Object& any = change.any();
  const std::string& ns = namespace_of(any);
  // Before the first plan all of them are asked for at once, in become_ready().
  config_maps_touched = config_maps_touched || (ready_ && changes_config_maps(change));
  if (any.kind == Kind::virtual_service || any.kind == Kind::destination_rule || any.kind == Kind::deployment) note_gone(change);
  // The first lists only fill the cache: what to do is worked out once, when all of them are there.
  if (!ready_) {
    facts_touched = true;
    return;
  }
  const std::shared_ptr<const Namespace> object =
      ns.empty() ? nullptr : as<Namespace>(cache_.get({Kind::namespace_, "", ns}));
  const bool joined = object != nullptr && has(object->meta.labels, keys::kApp);
  const bool special = !joined || is_gateway(*object);
  facts_touched = facts_touched || touches_facts(change.before.get(), change.after.get(), special);
  if (ns.empty()) return;
  if (joined || (object != nullptr && (is_gateway(*object) || is_leaving(*object))) || is_known(ns) || facts_.concern(ns) ||
      carries_undo(change)) {
    {
      const MutexLock lock(mutex_);
      marks_.try_emplace(ns, clock_.now());
    }
    queue_.add_debounced(ns);
  }
}

// Kept as long as any rule asks for it (undo_services.h), and until the next one goes.
void Intake::note_gone(const CacheChange& change) {
  const Time now = clock_.now();
  const MutexLock lock(mutex_);
  if (change.after != nullptr) {
    gone_.erase(change.after->key());
    return;
  }
  std::erase_if(gone_, [now](const auto& one) { return now - one.second.when > kGoneKept; });
  gone_.insert_or_assign(change.before->key(), Gone{now, change.before->kind == Kind::deployment ? change.before : nullptr});
}

void Intake::fill_gone(NamespaceView& view, Time now) const {
  const MutexLock lock(mutex_);
  view.moments.watching_since = moment_of(watching_since_, now, view.moments.now);
  for (const auto& [key, gone] : gone_) {
    if (key.ns != view.name) continue;
    view.moments.gone.emplace(key, moment_of(gone.when, now, view.moments.now));
    if (gone.was != nullptr) view.moments.vanished.emplace(key, gone.was);
  }
}

void Intake::on_progress(Kind kind) {
  for (const std::string& ns : expectations_.fulfilled_by(kind)) queue_.add(ns);
}

void Intake::on_standing(Kind kind) {
  if (kind == Kind::crd) look_at_crds();
  facts_.touch();  // which optional kinds are served is a fact
  const bool turned = note_forbidden(kind);
  if (ready_) {
    queue_.add_debounced(std::string(kFacts));
    if (turned) enqueue_all();  // each will be told after the grace, or is told no longer (MG914)
    on_progress(kind);
    return;
  }
  become_ready();
}

// True when the kind has become forbidden, or is no longer.
bool Intake::note_forbidden(Kind kind) {
  const std::vector<KindState> states = cache_.states();
  const bool is_forbidden = std::any_of(states.begin(), states.end(), [kind](const KindState& state) {
    return state.kind == kind && state.wanted && state.standing == Standing::forbidden;
  });
  const MutexLock lock(mutex_);
  return is_forbidden ? forbidden_.try_emplace(kind, clock_.now()).second : forbidden_.erase(kind) > 0;
}

std::set<Kind> Intake::unreadable() const {
  std::set<Kind> kinds;
  const MutexLock lock(mutex_);
  for (const auto& [kind, since] : forbidden_) {
    if (clock_.now() - since >= kForbiddenGrace) kinds.insert(kind);
  }
  return kinds;
}

std::optional<Time> Intake::next_unreadable() const {
  std::optional<Time> next;
  const MutexLock lock(mutex_);
  for (const auto& [kind, since] : forbidden_) {
    const Time when = since + kForbiddenGrace;
    if (when > clock_.now() && (!next || when < *next)) next = when;
  }
  return next;
}

void Intake::on_restart(Kind kind, ErrorClass reason) {
  if (restart_observer_) restart_observer_(kind, reason);
}

void Intake::look_at_crds() {
  Standing standing = Standing::starting;
  for (const KindState& state : cache_.states()) {
    if (state.kind == Kind::crd) standing = state.standing;
  }
  if (standing == Standing::starting) return;
  // Who may not read CRDs asks for each kind and takes 404 for the answer.
  const bool readable = standing == Standing::synced || standing == Standing::failing;
  const MutexLock lock(mutex_);
  if (watchers_ == nullptr) return;
  for (const KindInfo& row : kinds()) {
    if (row.watch != Watch::if_served) continue;
    watchers_->serve(row.kind, !readable || cache_.get({Kind::crd, "", crd_name(row)}) != nullptr);
  }
}

// Looks and follows under one lock: of two threads the one that looked later has the last word.
void Intake::look_at_config_maps() {
  if (watchers_ != nullptr) watchers_->follow_config_maps(wanted_config_maps(cache_.world()));
}

void Intake::become_ready() {
  if (!cache_.synced()) return;
  {
    // Who comes second waits here until the first has said which ConfigMaps are wanted.
    const MutexLock lock(mutex_);
    if (!std::exchange(config_maps_known_, true)) look_at_config_maps();
  }
  if (!cache_.synced()) return;  // the ConfigMaps come first
  {
    const MutexLock lock(mutex_);
    if (std::exchange(becoming_ready_, true)) return;  // another watcher's thread is at it, or was
    for (const KindInfo& row : kinds()) {
      // After a restart: what was joined and lost its label meanwhile still carries our record.
      if (!row.namespaced || row.watch == Watch::never) continue;
      for (const ObjectPtr& object : cache_.all(row.kind)) {
        if (has(object->meta.annotations, keys::kUndo)) known_.insert(object->meta.ns);
      }
    }
    facts_.touch();
  }
  // Before any worker may reserve a place: rollouts that a former process began take theirs first.
  ledger_.expect(concerned());
  {
    const MutexLock lock(mutex_);
    watching_since_ = clock_.now();
    ready_ = true;  // what changes from here on is enqueued by consider(), what is there already below
  }
  const std::set<std::string> all = concerned();
  spdlog::info("synced: {} namespaces to look after", all.size());
  for (const std::string& ns : all) queue_.add(ns);
  queue_.add(std::string(kFacts));
  if (ready_observer_) ready_observer_();
}

std::set<std::string> Intake::concerned() const {
  std::set<std::string> all;
  const std::vector<ObjectPtr> namespaces = cache_.all(Kind::namespace_);
  const MutexLock lock(mutex_);
  for (const ObjectPtr& object : namespaces) {
    const Namespace& ns = *as<Namespace>(object.get());
    if (is_labelled(ns) || is_leaving(ns) || known_.contains(object->meta.name)) all.insert(object->meta.name);
  }
  return all;
}

void Intake::enqueue_all() {
  for (const std::string& ns : concerned()) queue_.add(ns);
  for (const ObjectPtr& object : cache_.all(Kind::namespace_)) {
    if (facts_.concern(object->meta.name)) queue_.add(object->meta.name);
  }
}

void Intake::enqueue_gateways() {
  for (const ObjectPtr& object : cache_.all(Kind::namespace_)) {
    // A KubeSphere gateway lives in a namespace that nobody labels.
    if (is_gateway(*as<Namespace>(object.get())) || facts_.concern(object->meta.name)) queue_.add(object->meta.name);
  }
}

bool Intake::is_known(const std::string& ns) const {
  const MutexLock lock(mutex_);
  return known_.contains(ns);
}

void Intake::know(const std::string& ns, bool concerned) {
  const MutexLock lock(mutex_);
  if (concerned) {
    known_.insert(ns);
  } else {
    known_.erase(ns);
    marks_.erase(ns);
  }
}

std::optional<Time> Intake::take_mark(const std::string& ns) {
  const MutexLock lock(mutex_);
  const auto mark = marks_.find(ns);
  if (mark == marks_.end()) return std::nullopt;
  const Time when = mark->second;
  marks_.erase(mark);
  return when;
}

}  // namespace meshgraft
