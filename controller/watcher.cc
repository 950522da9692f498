#include "controller/watcher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace meshgraft {
namespace {

using Standing = WatchMachine::Standing;

std::string field_selector(const Scope& scope) { return scope.name.empty() ? "" : "metadata.name=" + scope.name; }

bool in_scope(const Scope& scope, const Object& object) {
  return scope.name.empty() || (object.meta.ns == scope.ns && object.meta.name == scope.name);
}

WatchMachine::Lists lists_of(const Api& api) {
  return api.streams_lists() ? WatchMachine::Lists::streamed : WatchMachine::Lists::paged;
}

}  // namespace

Watcher::Watcher(Kind kind, Api& api, Cache& cache, WatchListener& listener, Clock& clock, std::uint32_t seed)
    : kind_(kind), api_(api), cache_(cache), listener_(listener), clock_(clock), random_(seed) {
  machine_.emplace(kind, lists_of(api));
}

void Watcher::assign(std::optional<Scope> scope) {
  const MutexLock lock(mutex_);
  if (assigned_ == scope && !reassigned_) {
    // Whatever it waited for may have come: the CRD, or the server's knowledge of it.
    hurried_ = true;
    changed_.notify_all();
    return;
  }
  assigned_ = std::move(scope);
  reassigned_ = true;
  changed_.notify_all();
}

std::optional<Scope> Watcher::assigned() const {
  const MutexLock lock(mutex_);
  return assigned_;
}

std::optional<Scope> Watcher::following() const {
  const MutexLock lock(mutex_);
  return shown_;
}

void Watcher::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

void Watcher::run() {
  while (true) {
    const Duration wait = machine_->next().wait;
    {
      const MutexLock lock(mutex_);
      const Time until = clock_.now() + wait;
      const bool idle = !following_ && !reassigned_;
      while (!stopped_ && !reassigned_ && !hurried_ && (idle || clock_.now() < until)) {
        clock_.wait_until(mutex_, changed_, idle ? clock_.now() + std::chrono::hours(1) : until);
      }
      if (stopped_) return;
      if (std::exchange(hurried_, false)) machine_->hurry();
    }
    step();
  }
}

bool Watcher::step() {
  take_assignment();
  if (!following_) return false;
  const Next next = machine_->next();
  std::visit([this](const auto& request) { send(request); }, next.request);
  report_standing();
  return true;
}

void Watcher::take_assignment() {
  std::optional<Scope> scope;
  {
    const MutexLock lock(mutex_);
    if (!std::exchange(reassigned_, false)) return;
    scope = shown_ = assigned_;
  }
  // Wanted again before this thread heard that it was not: what is there stays. Not so with a kind, whose CRD went.
  if (following_ && scope == following_ && !scope->name.empty()) return;
  if (following_) {
    // What nobody follows must not be believed.
    const std::vector<CacheChange> gone = cache_.replace(kind_, *following_, {}, "");
    cache_.set_standing(kind_, *following_, Standing::absent, false, "");
    if (!gone.empty()) listener_.on_changes(kind_, gone);
    listener_.on_standing(kind_);
  }
  machine_.emplace(kind_, lists_of(api_));
  list_.clear();
  following_ = std::move(scope);
  if (following_) report_standing();
}

void Watcher::send(const NextList& request) {
  ListRequest list;
  list.kind = kind_;
  list.ns = following_->ns;
  list.limit = request.limit;
  list.continue_token = request.continue_token;
  list.resource_version = request.resource_version;
  list.label_selector = info(kind_).label_selector;
  list.field_selector = field_selector(*following_);
  ApiResult<ListPage> page = api_.list(list);
  if (!page) {
    listener_.on_restart(kind_, page.error().kind);
    machine_->on_list_error(page.error(), clock_.now(), random());
    return;
  }
  std::vector<CacheStep> steps = machine_->on_page(std::move(*page), clock_.now(), random());
  if (steps.empty() && machine_->last_error()) listener_.on_restart(kind_, machine_->last_error()->kind);
  for (CacheStep& step : steps) carry_out(std::move(step));
}

void Watcher::send(const NextWatch& request) {
  WatchRequest watch;
  watch.kind = kind_;
  watch.ns = following_->ns;
  watch.resource_version = request.resource_version;
  watch.label_selector = info(kind_).label_selector;
  watch.field_selector = field_selector(*following_);
  watch.timeout = request.timeout;
  watch.initial_events = request.initial_events;
  WatchDecoder lines(kind_, decoder_);
  machine_->on_watch_start(clock_.now());
  const bool was_well = machine_->standing() == Standing::synced;
  bool reported = was_well;
  const auto on_event = [this, &reported](Result<WatchEvent> event) {
    Reaction reaction = machine_->on_event(std::move(event));
    if (reaction.begins) list_.clear();
    if (reaction.step) carry_out(std::move(*reaction.step));
    if (!reported) {
      reported = true;
      report_standing();
    }
    const MutexLock lock(mutex_);
    return reaction.go_on && !stopped_ && !reassigned_;
  };
  const auto on_accepted = [this, &reported] {
    machine_->on_watch_accepted();
    if (!reported && machine_->standing() == Standing::synced) {
      reported = true;
      report_standing();
    }
    const MutexLock lock(mutex_);
    return !stopped_ && !reassigned_;
  };
  const ApiResult<Unit> end = api_.watch(watch, [&lines, &on_event, &on_accepted](std::string_view bytes) {
    return bytes.empty() ? on_accepted() : lines.feed(bytes, on_event);
  });
  const ApiError* error = end ? nullptr : &end.error();
  machine_->on_watch_end(error, clock_.now(), random());
  const std::optional<ApiError>& why = machine_->last_error();
  if (why) {
    listener_.on_restart(kind_, why->kind);
  } else if (error != nullptr && error->kind == ErrorClass::transport) {
    // Its standing did not change: API servers such as 1.24 keep a quiet kind silent. Said once, then for those who look.
    spdlog::debug("watch {}: {}; asked for again", info(kind_).plural, error->message);
    listener_.on_restart(kind_, error->kind);
  } else if (error == nullptr && lines.unfinished() > 0) {
    // Ended well by its framing and in the middle of a line: some proxy cut it. The next watch brings that event whole.
    listener_.on_restart(kind_, ErrorClass::bad_answer);
  }
}

void Watcher::carry_out(CacheStep step) {
  std::vector<CacheChange> changes;
  switch (step.op) {
    case CacheOp::begin_replace:
      list_.clear();
      return;
    case CacheOp::add:
      std::erase_if(step.objects, [this](const ObjectPtr& object) { return !in_scope(*following_, *object); });
      put_on(list_, std::move(step.objects));
      return;
    case CacheOp::drop:
      take_off(list_, *step.object);
      return;
    case CacheOp::end_replace:
      changes = cache_.replace(kind_, *following_, std::exchange(list_, {}), step.resource_version);
      // Whoever hears of the changes may ask whether the kind is synced: it is from here on.
      cache_.set_standing(kind_, *following_, Standing::synced, true, "");
      if (!changes.empty()) listener_.on_changes(kind_, changes);
      listener_.on_progress(kind_);
      listener_.on_standing(kind_);
      return;
    case CacheOp::upsert:
    case CacheOp::remove: {
      if (!in_scope(*following_, *step.object)) return;
      std::optional<CacheChange> change = step.op == CacheOp::upsert
                                              ? cache_.upsert(std::move(step.object), step.resource_version)
                                              : cache_.remove(*step.object, step.resource_version);
      if (change) {
        changes.push_back(std::move(*change));
        listener_.on_changes(kind_, changes);
      }
      break;
    }
    case CacheOp::bookmark:
      cache_.bookmark(kind_, step.resource_version);
      break;
  }
  listener_.on_progress(kind_);
}

void Watcher::report_standing() {
  const Standing standing = machine_->standing();
  const std::string why = machine_->last_error() ? machine_->last_error()->message : "";
  if (standing == Standing::absent) {
    const std::vector<CacheChange> gone = cache_.replace(kind_, *following_, {}, "");
    if (!gone.empty()) listener_.on_changes(kind_, gone);
  }
  if (!cache_.set_standing(kind_, *following_, standing, true, why)) return;
  const std::string_view plural = info(kind_).plural;
  switch (standing) {
    case Standing::failing:
      spdlog::warn("watch {}: {}", plural, why);
      break;
    case Standing::forbidden:
      spdlog::error("watch {}: forbidden, rules that read it are off: {}", plural, why);
      break;
    case Standing::absent:
      spdlog::info("watch {}: not served here", plural);
      break;
    case Standing::starting:
      if (!why.empty()) spdlog::warn("watch {}: {}", plural, why);
      break;
    case Standing::synced:
      spdlog::debug("watch {}: following", plural);
      break;
  }
  listener_.on_standing(kind_);
}

}  // namespace meshgraft
