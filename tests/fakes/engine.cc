#include "tests/fakes/engine.h"

#include <chrono>
#include <cstdio>

#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

std::string version_of(const Target& target) {
  return api_version_of(target.type->group, target.version.empty() ? target.type->versions.front() : target.version);
}

std::string snapshot_key(const Target& target, const ListOptions& options, std::uint64_t version) {
  return std::to_string(version) + "|" + target.type->key() + "|" + target.ns + "|" + options.label_selector + "|" +
         options.field_selector;
}

struct Continue {
  std::uint64_t version = 0;
  std::size_t start = 0;
};

// Tokens are opaque to clients; ours read "v<version>.<start>".
std::optional<Continue> parsed_token(const std::string& token) {
  unsigned long long version = 0, start = 0;
  if (std::sscanf(token.c_str(), "v%llu.%llu", &version, &start) != 2) return std::nullopt;
  return Continue{version, start};
}

}  // namespace

std::string rfc3339(std::int64_t unix_seconds) {
  const auto time = std::chrono::sys_seconds(std::chrono::seconds(unix_seconds));
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char text[40];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

std::int64_t seconds_of(std::string_view rfc3339) {
  int year = 0, hour = 0, minute = 0, second = 0;
  unsigned month = 0, day = 0;
  if (std::sscanf(std::string(rfc3339).c_str(), "%d-%u-%uT%d:%d:%d", &year, &month, &day, &hour, &minute, &second) != 6)
    return 0;
  const std::chrono::sys_days date = std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  return std::chrono::duration_cast<std::chrono::seconds>(date.time_since_epoch()).count() + hour * 3600 + minute * 60 +
         second;
}

Engine::Engine() = default;

void Engine::set_time(std::int64_t unix_seconds) {
  MutexLock lock(mutex_);
  now_ = unix_seconds;
}

std::int64_t Engine::time() const {
  MutexLock lock(mutex_);
  return now_;
}

TypePtr Engine::by_plural(std::string_view group, std::string_view version, std::string_view plural) const {
  MutexLock lock(mutex_);
  return types_.by_plural(group, version, plural);
}

TypePtr Engine::by_kind(std::string_view api_version, std::string_view kind) const {
  MutexLock lock(mutex_);
  return types_.by_kind(api_version, kind);
}

std::vector<TypePtr> Engine::types() const {
  MutexLock lock(mutex_);
  return types_.all();
}

Answer Engine::get(const Target& target) const {
  MutexLock lock(mutex_);
  const Object found = store_.find(*target.type, target.ns, target.name);
  if (!found) return not_found(*target.type, target.name);
  if (target.subresource == "scale") {
    return {200,
            {{"kind", "Scale"},
             {"apiVersion", "autoscaling/v1"},
             {"metadata",
              {{"name", target.name},
               {"namespace", target.ns},
               {"uid", at(*found, {"metadata", "uid"})},
               {"resourceVersion", at(*found, {"metadata", "resourceVersion"})},
               {"creationTimestamp", at(*found, {"metadata", "creationTimestamp"})}}},
             {"spec", {{"replicas", number_at(*found, {"spec", "replicas"})}}},
             {"status", {{"replicas", number_at(*found, {"status", "replicas"})}}}}};
  }
  Json body = *found;
  body["apiVersion"] = version_of(target);
  return {200, std::move(body)};
}

Answer Engine::list(const Target& target, const ListOptions& options) {
  MutexLock lock(mutex_);
  const Result<Selector> labels = Selector::parse(options.label_selector);
  if (!labels) return bad_request(labels.error().text);
  const Result<FieldSelector> fields = FieldSelector::parse(options.field_selector);
  if (!fields) return bad_request(fields.error().text);
  std::uint64_t version = store_.version();
  if (const std::uint64_t asked = std::strtoull(options.resource_version.c_str(), nullptr, 10); asked > version) {
    return too_large_version(asked, version);
  }
  std::vector<Object> selected;
  std::size_t start = 0;
  if (!options.continue_token.empty()) {
    const std::optional<Continue> token = parsed_token(options.continue_token);
    if (!token) return bad_request("continue key is not valid: " + options.continue_token);
    auto page = pages_.find(snapshot_key(target, options, token->version));
    if (page == pages_.end()) {
      return expired(
          "The provided continue parameter is too old to display a consistent list result. You can start a new list "
          "without the continue parameter.");
    }
    version = token->version;
    start = token->start;
    selected = page->second;
  } else {
    for (Object& one : store_.list(*target.type, target.ns)) {
      if (labels->matches(labels_of(*one)) && fields->matches(*one)) selected.push_back(std::move(one));
    }
  }
  const std::size_t end = options.limit == 0 ? selected.size() : std::min(selected.size(), start + options.limit);
  Json body = {{"kind", target.type->kind + "List"},
               {"apiVersion", version_of(target)},
               {"metadata", {{"resourceVersion", std::to_string(version)}}},
               {"items", Json::array()}};
  Json::array_t& items = body["items"].get_ref<Json::array_t&>();
  items.reserve(end > start ? end - start : 0);
  for (std::size_t i = start; i < end; ++i) {
    Json item = *selected[i];
    if (target.type->custom) {
      item["apiVersion"] = version_of(target);
    } else {  // typed lists leave both out of their items
      item.erase("apiVersion");
      item.erase("kind");
    }
    items.push_back(std::move(item));
  }
  if (end < selected.size()) {
    body["metadata"]["continue"] = "v" + std::to_string(version) + "." + std::to_string(end);
    body["metadata"]["remainingItemCount"] = selected.size() - end;
    if (pages_.size() > 256) pages_.clear();
    pages_[snapshot_key(target, options, version)] = std::move(selected);
  }
  return {200, std::move(body)};
}

std::vector<Object> Engine::objects(std::string_view api_version, std::string_view kind, const std::string& ns) const {
  MutexLock lock(mutex_);
  const TypePtr type = types_.by_kind(api_version, kind);
  return type ? store_.list(*type, ns) : std::vector<Object>();
}

Object Engine::object(std::string_view api_version, std::string_view kind, const std::string& ns,
                      const std::string& name) const {
  MutexLock lock(mutex_);
  const TypePtr type = types_.by_kind(api_version, kind);
  return type ? store_.find(*type, ns, name) : nullptr;
}

std::uint64_t Engine::version() const {
  MutexLock lock(mutex_);
  return store_.version();
}

WatchBatch Engine::initial_events(const WatchOptions& options) {
  MutexLock lock(mutex_);
  WatchBatch batch;
  batch.version = store_.version();
  const Result<Selector> labels = Selector::parse(options.label_selector);
  const Result<FieldSelector> fields = FieldSelector::parse(options.field_selector);
  const std::string api_version = version_of({options.type, options.version, "", "", ""});
  for (const Object& one : store_.list(*options.type, options.ns)) {
    if (!labels || !fields || !labels->matches(labels_of(*one)) || !fields->matches(*one)) continue;
    Json body = *one;
    body["apiVersion"] = api_version;
    batch.events.push_back({{"type", "ADDED"}, {"object", std::move(body)}});
  }
  return batch;
}

WatchBatch Engine::events_since(const WatchOptions& options, std::uint64_t since) {
  MutexLock lock(mutex_);
  WatchBatch batch;
  batch.version = store_.version();
  if (store_.forgot(since)) {
    batch.ended = true;
    batch.events.push_back({{"type", "ERROR"},
                            {"object", expired("too old resource version: " + std::to_string(since) + " (" +
                                               std::to_string(batch.version) + ")")
                                           .body}});
    return batch;
  }
  const Result<Selector> labels = Selector::parse(options.label_selector);
  const Result<FieldSelector> fields = FieldSelector::parse(options.field_selector);
  const std::string api_version = version_of({options.type, options.version, "", "", ""});
  const auto selects = [&](const Object& object) {
    return object && labels && fields && labels->matches(labels_of(*object)) && fields->matches(*object);
  };
  for (const Event& event : store_.since(since, options.type->key())) {
    if (!options.ns.empty() && event.ns != options.ns) continue;
    const bool was = selects(event.before), is = !event.deleted && selects(event.after);
    if (!was && !is) continue;
    Json body = *event.after;
    body["apiVersion"] = api_version;
    batch.events.push_back({{"type", !is ? "DELETED" : was ? "MODIFIED" : "ADDED"}, {"object", std::move(body)}});
  }
  return batch;
}

std::optional<std::vector<Event>> Engine::changes_since(std::uint64_t since) const {
  MutexLock lock(mutex_);
  if (store_.forgot(since)) return std::nullopt;
  return store_.since(since);
}

std::uint64_t Engine::wake_ticket() const {
  MutexLock lock(mutex_);
  return wakes_;
}

void Engine::wait_beyond(std::uint64_t version, std::uint64_t ticket, std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (store_.version() <= version && wakes_ == ticket && std::chrono::steady_clock::now() < deadline) {
    changed_.wait_until(mutex_, deadline);
  }
}

void Engine::wake() {
  MutexLock lock(mutex_);
  ++wakes_;
  changed_.notify_all();
}

void Engine::compact() {
  MutexLock lock(mutex_);
  store_.compact(store_.version());
  pages_.clear();
  changed_.notify_all();
}

void Engine::set_history_limit(std::size_t events) {
  MutexLock lock(mutex_);
  store_.set_history_limit(events);
}

void Engine::set_injector(Injector injector) {
  MutexLock lock(mutex_);
  injector_ = std::move(injector);
}

std::string Engine::now_text() const { return rfc3339(now_); }

std::string Engine::next_uid() {
  char text[40];
  std::snprintf(text, sizeof text, "00000000-0000-4000-8000-%012llx", static_cast<unsigned long long>(++uids_));
  return text;
}

}  // namespace meshgraft::fakes
