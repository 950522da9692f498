#include "k8sclient/model/watch_machine.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace meshgraft {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using TimePoint = std::chrono::steady_clock::time_point;

constexpr int kPageSize = 500;              // client-go tools/pager, kube-rs watcher.rs
constexpr milliseconds kBackoffFirst{800};  // client-go reflector.go: 800 ms, 30 s, factor 2, jitter 1
constexpr milliseconds kBackoffMost{30'000};
constexpr std::chrono::minutes kBackoffReset{2};  // client-go reflector.go
constexpr seconds kQuietWatch{60};                // kube-apiserver cacher.go: a bookmark a minute, if any
// A proxy that holds the bytes of a watch back looks like a server without bookmarks: after so many silent streams in a
// row, half an hour, the kind is listed anew, however long its list, its standing as it was.
constexpr int kSilentToList = 24;
constexpr seconds kShortWatch{1};                 // client-go reflector.go: "very short watch"
constexpr seconds kErrorEventsMost{30};           // kube-apiserver cacher.go: MaxInternalErrorRetryDuration
constexpr seconds kRetryAfterMost{300};           // a proxy's day would blind us for a day
constexpr seconds kWatchLeast{240},
    kWatchMost{290};  // below the API server's five minutes of history; 290 is kube-rs's

// True when both are decimal and `a` is below `b`. Versions are comparable as integers (KEP-5504); a server that
// uses anything else is believed.
bool is_before(std::string_view a, std::string_view b) {
  const auto decimal = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
  };
  if (!decimal(a) || !decimal(b)) return false;
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

ApiError bad_answer(std::string message) {
  ApiError error;
  error.kind = ErrorClass::bad_answer;
  error.message = std::move(message);
  return error;
}

// "" when the object can be followed.
std::string flaw_of(const Object& object) {
  if (object.meta.resource_version.empty()) return to_string(object.key()) + " has no resourceVersion";
  if (object.meta.uid.empty()) return to_string(object.key()) + " has no uid";
  return "";
}

}  // namespace

Next WatchMachine::next() const {
  Next next;
  next.wait = wait_;
  const seconds more(static_cast<seconds::rep>(spread_ * static_cast<double>((kWatchMost - kWatchLeast).count())));
  if (state_ == State::listed || state_ == State::watching) {
    next.request = NextWatch{version_, kWatchLeast + more, false};
  } else if (asks_for_stream()) {
    next.request = NextWatch{"", kWatchLeast + more, true};
  } else {
    next.request = NextList{full_list_ ? 0 : kPageSize, continue_token_, ""};
  }
  return next;
}

std::vector<CacheStep> WatchMachine::on_page(ListPage page, TimePoint now, double random) {
  spread_ = random;
  wait_ = milliseconds(0);
  std::string flaw =
      page.resource_version.empty() ? std::string(info(kind_).plural) + ": the list has no resourceVersion" : "";
  for (const ObjectPtr& item : page.items) {
    if (flaw.empty()) flaw = flaw_of(*item);
  }
  if (!flaw.empty()) {
    on_list_error(bad_answer(std::move(flaw)), now, random);
    return {};
  }

  std::vector<CacheStep> steps;
  if (!replacing_) {
    steps.push_back({CacheOp::begin_replace, {}, nullptr, ""});
    replacing_ = true;
    page_version_ = page.resource_version;
  }
  if (!page.items.empty()) steps.push_back({CacheOp::add, std::move(page.items), nullptr, ""});
  if (!page.continue_token.empty()) {
    state_ = State::page;
    continue_token_ = std::move(page.continue_token);
    return steps;
  }
  version_ = page_version_;
  steps.push_back({CacheOp::end_replace, {}, nullptr, version_});
  start_over();
  state_ = State::listed;
  standing_ = Standing::synced;
  last_error_.reset();
  list_next_ = false;
  streams_failed_ = 0;
  ++counts_.lists;
  return steps;
}

// A kind that we may not see or that is not served is asked for by a list: one request, and its answer is clear.
bool WatchMachine::asks_for_stream() const {
  return streams_ && !list_next_ && state_ == State::empty && !full_list_ && streams_failed_ < 2 &&
         standing_ != Standing::forbidden && standing_ != Standing::absent;
}

void WatchMachine::on_list_error(const ApiError& error, TimePoint now, double random) {
  spread_ = random;
  switch (error.kind) {
    case ErrorClass::cancelled:
      wait_ = milliseconds(0);
      return;
    case ErrorClass::gone: {
      ++counts_.expired;
      const bool token_expired = !continue_token_.empty();
      start_over();
      if (token_expired) {
        full_list_ = true;
        wait_ = milliseconds(0);
        last_error_ = error;
        return;
      }
      break;
    }
    case ErrorClass::throttled:
    case ErrorClass::transport:
    case ErrorClass::server:
    case ErrorClass::unauthorized:
      break;  // the same page again
    default:
      if (error.kind == ErrorClass::bad_answer) ++counts_.bad_events;
      start_over();
  }
  fail_with(error, now, random);
}

void WatchMachine::on_watch_start(TimePoint now) {
  if (asks_for_stream()) {
    start_over();
    state_ = State::initial;
  }
  watch_started_ = now;
  saw_event_ = false;
  accepted_ = false;
  pending_.reset();
  ++counts_.watches;
}

void WatchMachine::on_watch_accepted() {
  if (state_ != State::listed || pending_) return;
  accepted_ = true;
  standing_ = Standing::synced;
  last_error_.reset();
}

Reaction WatchMachine::on_event(Result<WatchEvent> event) {
  if (pending_) return {std::nullopt, false};
  if (!event) {
    ++counts_.bad_events;
    return leave(bad_answer(std::move(event.error().text)));
  }
  switch (event->type) {
    case EventType::unknown:
      return {};
    case EventType::error:
      return leave(status_error(event->status_code, event->status_reason, event->status_message, event->too_large_rv,
                                event->retry_after));
    case EventType::added:
    case EventType::modified:
    case EventType::deleted:
    case EventType::bookmark:
      break;
  }

  std::string flaw;
  if (event->object != nullptr) flaw = flaw_of(*event->object);
  if (flaw.empty() && event->resource_version.empty())
    flaw = std::string(info(kind_).plural) + ": an event has no resourceVersion";
  if (flaw.empty() && state_ == State::initial) return on_initial_event(std::move(*event));
  if (flaw.empty() && is_before(event->resource_version, version_)) {
    flaw = std::string(info(kind_).plural) + ": resourceVersion went back from " + version_ + " to " +
           event->resource_version;
  }
  if (!flaw.empty()) {
    ++counts_.bad_events;
    return leave(bad_answer(std::move(flaw)));
  }

  saw_event_ = true;
  silent_in_a_row_ = 0;
  state_ = State::watching;
  standing_ = Standing::synced;
  last_error_.reset();
  error_events_since_.reset();
  version_ = event->resource_version;
  CacheStep step;
  step.resource_version = std::move(event->resource_version);
  if (event->type != EventType::bookmark) {
    ++counts_.events;
    step.op = event->type == EventType::deleted ? CacheOp::remove : CacheOp::upsert;
    step.object = std::move(event->object);
  }
  return {std::move(step), true};
}

// The objects of the start come in any order of versions: the bookmark that ends them says how far they reach.
Reaction WatchMachine::on_initial_event(WatchEvent event) {
  CacheStep step;
  if (event.type == EventType::bookmark && !event.initial_events_end) return {};
  if (event.type == EventType::bookmark) {
    saw_event_ = true;
    version_ = event.resource_version;
    state_ = State::watching;
    standing_ = Standing::synced;
    last_error_.reset();
    streams_failed_ = 0;
    ++counts_.lists;
    ++counts_.streamed;
    step.op = CacheOp::end_replace;
    step.resource_version = std::move(event.resource_version);
    // A list that was empty began no replacement.
    if (!std::exchange(replacing_, false)) return {std::move(step), true, true};
    return {std::move(step), true};
  }
  if (event.type == EventType::deleted) {
    step.op = CacheOp::drop;
    step.object = std::move(event.object);
  } else {
    step.op = CacheOp::add;
    step.objects.push_back(std::move(event.object));
  }
  return {std::move(step), true, !std::exchange(replacing_, true)};
}

// A stream that ended before all objects of the start had come: what came of them is thrown away.
void WatchMachine::on_initial_end(const ApiError* error, TimePoint now, double random) {
  start_over();
  if (error == nullptr || error->kind == ErrorClass::cancelled) {
    if (error == nullptr) ++streams_failed_;
    return;
  }
  switch (error->kind) {
    case ErrorClass::throttled:
    case ErrorClass::transport:
    case ErrorClass::server:
    case ErrorClass::unauthorized:
      ++streams_failed_;
      break;
    case ErrorClass::gone:
      ++counts_.expired;
      break;
    case ErrorClass::forbidden:
    case ErrorClass::not_found:
      list_next_ = true;
      return;
    default:
      streams_ = false;
      return;
  }
  fail_with(*error, now, random);
}

void WatchMachine::on_watch_end(const ApiError* error, TimePoint now, double random) {
  spread_ = random;
  wait_ = milliseconds(0);
  const std::optional<ApiError> left = std::exchange(pending_, std::nullopt);
  if (left) error = &*left;
  if (state_ == State::initial) return on_initial_end(error, now, random);
  if (error == nullptr) {
    state_ = State::listed;
    if (!saw_event_ && now - watch_started_ < kShortWatch) {
      ++counts_.short_watches;
      back_off(nullptr, now, random);
      return;
    }
    standing_ = Standing::synced;
    last_error_.reset();
    return;
  }
  state_ = State::listed;
  switch (error->kind) {
    case ErrorClass::cancelled:
      return;
    case ErrorClass::server:
      if (!left) break;
      if (!error_events_since_) error_events_since_ = now;
      if (now - *error_events_since_ > kErrorEventsMost) start_over();
      break;
    case ErrorClass::throttled:
    case ErrorClass::transport:
    case ErrorClass::unauthorized:
    case ErrorClass::forbidden:
      break;
    default:
      if (error->kind == ErrorClass::gone) ++counts_.expired;
      start_over();
  }
  // Dead, or just without bookmarks: the next watch tells within a second.
  const bool silent =
      error->kind == ErrorClass::transport && accepted_ && !saw_event_ && now - watch_started_ > kQuietWatch;
  if (silent && silent_in_a_row_ > 0 && standing_ == Standing::synced) {
    ++counts_.quiet_ends;
    if (++silent_in_a_row_ > kSilentToList) {
      silent_in_a_row_ = 1;
      start_over();
    }
    return;  // the last time it was well
  }
  fail_with(*error, now, random);
  if (silent) {
    wait_ = milliseconds(0);
    failed_at_.reset();
  }
  silent_in_a_row_ = silent ? 1 : 0;
}

// Forgets the list under way; what the cache holds stays until the next end_replace.
void WatchMachine::start_over() {
  state_ = State::empty;
  continue_token_.clear();
  page_version_.clear();
  full_list_ = false;
  replacing_ = false;
  error_events_since_.reset();
}

void WatchMachine::fail_with(const ApiError& error, TimePoint now, double random) {
  // API servers before 1.23 answer 404 for custom resources while they start: what was followed is absent only when
  // it is said twice.
  const bool followed = standing_ == Standing::synced || standing_ == Standing::failing;
  const bool said_before = last_error_ && last_error_->kind == ErrorClass::not_found;
  if (error.kind == ErrorClass::forbidden) {
    standing_ = Standing::forbidden;
  } else if (error.kind == ErrorClass::not_found && (!followed || said_before)) {
    standing_ = Standing::absent;
  } else if (followed && error.kind != ErrorClass::gone) {
    standing_ = Standing::failing;
  }
  last_error_ = error;
  back_off(&error, now, random);
}

void WatchMachine::back_off(const ApiError* error, TimePoint now, double random) {
  const bool healthy = !failed_at_ || now - *failed_at_ > kBackoffReset;
  backoff_ = healthy ? kBackoffFirst : std::min(backoff_ * 2, kBackoffMost);
  failed_at_ = now;
  wait_ = backoff_ + milliseconds(static_cast<milliseconds::rep>(random * static_cast<double>(backoff_.count())));
  if (error != nullptr && error->retry_after)
    wait_ = std::max<milliseconds>(wait_, std::min(*error->retry_after, kRetryAfterMost));
}

Reaction WatchMachine::leave(ApiError error) {
  pending_ = std::move(error);
  return {std::nullopt, false};
}

std::string_view to_string(WatchMachine::Standing standing) {
  switch (standing) {
    case WatchMachine::Standing::starting:
      return "starting";
    case WatchMachine::Standing::synced:
      return "synced";
    case WatchMachine::Standing::failing:
      return "failing";
    case WatchMachine::Standing::forbidden:
      return "forbidden";
    case WatchMachine::Standing::absent:
      return "absent";
  }
  return "starting";
}

}  // namespace meshgraft
