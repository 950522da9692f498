#pragma once
// MachineBench: a WatchMachine with a clock of its own, driven and read in words, for the tests of lists and of
// watches.

#include <string>
#include <vector>

#include "k8sclient/model/watch_machine.h"

namespace meshgraft {

using std::chrono::milliseconds;
using std::chrono::seconds;
using State = WatchMachine::State;
using Standing = WatchMachine::Standing;

constexpr double kNoJitter = 0.0;

inline ObjectPtr service(const std::string& name, const std::string& version) {
  const std::shared_ptr<Service> object = std::make_shared<Service>();
  object->meta.ns = "shop";
  object->meta.name = name;
  object->meta.uid = "uid-" + name;
  object->meta.resource_version = version;
  return object;
}

inline ListPage page(const std::string& version, std::vector<ObjectPtr> items, const std::string& token = "") {
  ListPage result;
  result.resource_version = version;
  result.items = std::move(items);
  result.continue_token = token;
  return result;
}

inline WatchEvent change(EventType type, ObjectPtr object) {
  WatchEvent event;
  event.type = type;
  event.resource_version = object->meta.resource_version;
  event.object = std::move(object);
  return event;
}

inline WatchEvent bookmark(const std::string& version) {
  WatchEvent event;
  event.type = EventType::bookmark;
  event.resource_version = version;
  return event;
}

inline WatchEvent status(int code, const std::string& reason, int retry_after = 0) {
  WatchEvent event;
  event.type = EventType::error;
  event.status_code = code;
  event.status_reason = reason;
  event.status_message = "why";
  event.retry_after = retry_after;
  return event;
}

inline ApiError error(ErrorClass kind, std::optional<seconds> retry_after = std::nullopt) {
  ApiError result;
  result.kind = kind;
  result.message = "why";
  result.retry_after = retry_after;
  return result;
}

// "begin", "add:a,b", "end:<version>", "upsert:a", "remove:a", "bookmark:<version>".
inline std::string word(const CacheStep& step) {
  switch (step.op) {
    case CacheOp::begin_replace:
      return "begin";
    case CacheOp::end_replace:
      return "end:" + step.resource_version;
    case CacheOp::upsert:
      return "upsert:" + step.object->meta.name;
    case CacheOp::remove:
      return "remove:" + step.object->meta.name;
    case CacheOp::drop:
      return "drop:" + step.object->meta.name;
    case CacheOp::bookmark:
      return "bookmark:" + step.resource_version;
    case CacheOp::add:
      break;
  }
  std::string names;
  for (const ObjectPtr& object : step.objects) names += (names.empty() ? "" : ",") + object->meta.name;
  return "add:" + names;
}

inline std::string words(const std::vector<CacheStep>& steps) {
  std::string all;
  for (const CacheStep& step : steps) all += (all.empty() ? "" : " ") + word(step);
  return all;
}

// "list", "list limit=0", "list continue=t", "watch 7"; with "+800ms" when it waits.
inline std::string word(const Next& next) {
  std::string text;
  if (const NextList* list = std::get_if<NextList>(&next.request)) {
    text = "list";
    if (list->limit != 500) text += " limit=" + std::to_string(list->limit);
    if (!list->continue_token.empty()) text += " continue=" + list->continue_token;
    if (!list->resource_version.empty()) text += " rv=" + list->resource_version;
  } else {
    const NextWatch& watch = std::get<NextWatch>(next.request);
    text = watch.initial_events ? "stream" + watch.resource_version : "watch " + watch.resource_version;
  }
  if (next.wait.count() > 0) text += " +" + std::to_string(next.wait.count()) + "ms";
  return text;
}

// A machine with a clock of its own.
struct MachineBench {
  WatchMachine machine{Kind::service};
  std::chrono::steady_clock::time_point now{};
  double random = kNoJitter;

  std::string next() const { return word(machine.next()); }
  std::string on_page(ListPage list) { return words(machine.on_page(std::move(list), now, random)); }
  void list_fails(const ApiError& why) { machine.on_list_error(why, now, random); }

  // Watches: hands over the events, lets `lasts` pass and ends. Returns the cache's steps.
  std::string watch(std::vector<Result<WatchEvent>> events, milliseconds lasts, const ApiError* end = nullptr) {
    machine.on_watch_start(now);
    std::vector<CacheStep> steps;
    for (Result<WatchEvent>& event : events) {
      Reaction reaction = machine.on_event(std::move(event));
      if (reaction.begins) steps.push_back({CacheOp::begin_replace, {}, nullptr, ""});
      if (reaction.step) steps.push_back(std::move(*reaction.step));
      if (!reaction.go_on) break;
    }
    now += lasts;
    machine.on_watch_end(end, now, random);
    return words(steps);
  }

  // To the state where version 10 is listed and nothing watched yet.
  void synced() { (void)on_page(page("10", {service("a", "3")})); }
};

}  // namespace meshgraft
