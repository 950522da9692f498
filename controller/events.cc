#include "controller/events.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>

#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

// The same for the same news, so that a restart finds its own Event there already.
std::string event_name(const std::string& object, std::string_view identity) {
  constexpr std::size_t kNameMost = 253;  // of any object's name
  const std::string suffix = fmt::format(".{:016x}", fingerprint(identity));
  return object.substr(0, kNameMost - suffix.size()) + suffix;
}

// Cuts at the end of a character, never inside one.
std::string shortened(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace

std::uint64_t fingerprint(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

std::string rfc3339_utc(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return std::string(text.data(), size);
}

void EventRecorder::report(const std::string& ns, const std::vector<Finding>& findings) {
  const MutexLock lock(mutex_);
  std::map<std::uint64_t, std::uint64_t>& told = told_[ns];
  std::map<std::uint64_t, std::uint64_t> now;
  for (const Finding& finding : findings) {
    const std::uint64_t what = fingerprint(finding.code + to_string(finding.about));
    const std::uint64_t content = fingerprint(finding.text);
    if (now.contains(what)) continue;  // several of one code on one object: the first stands for them
    const auto before = told.find(what);
    const bool known = before != told.end() && before->second == content;
    std::string text = finding.remedy.empty() ? finding.text : finding.text + ". " + finding.remedy;
    if (known || enqueue({finding.about, finding.code, std::move(text), finding.severity != Severity::info, 0})) {
      now.emplace(what, content);
    }
  }
  told = std::move(now);
}

void EventRecorder::tell(const ObjectKey& about, std::string_view reason, std::string text) {
  const MutexLock lock(mutex_);
  enqueue({about, std::string(reason), std::move(text), false, 0});
}

void EventRecorder::forget(const std::string& ns) {
  const MutexLock lock(mutex_);
  told_.erase(ns);
}

bool EventRecorder::enqueue(Item item) {
  if (items_.size() >= kQueue) return false;
  items_.push_back(std::move(item));
  changed_.notify_one();
  return true;
}

void EventRecorder::run() {
  Time due = clock_.now();  // of the next one, were there no burst (a leaky bucket as a meter)
  while (true) {
    {
      const MutexLock lock(mutex_);
      while (!stopped_ && items_.empty()) changed_.wait(mutex_);
      if (stopped_) return;
    }
    step();
    due = std::max(due, clock_.now()) + kInterval;
    const MutexLock lock(mutex_);
    const bool failed = !items_.empty() && items_.front().tries > 0;
    const Time until = failed ? clock_.now() + kPause : due - (kBurst - 1) * kInterval;
    while (!stopped_ && clock_.now() < until) clock_.wait_until(mutex_, changed_, until);
  }
}

void EventRecorder::stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

bool EventRecorder::step() {
  Item item;
  {
    const MutexLock lock(mutex_);
    if (items_.empty()) return false;
    item = std::move(items_.front());
    items_.pop_front();
  }
  if (send(item) || ++item.tries >= kTries) return true;
  const MutexLock lock(mutex_);
  items_.push_front(std::move(item));
  return true;
}

bool EventRecorder::send(const Item& item) {
  const ObjectPtr object = cache_.get(item.about);
  // Events about a Namespace stand in it: that is where people look for them.
  const std::string ns = item.about.kind == Kind::namespace_ ? item.about.name
                         : item.about.ns.empty()             ? "default"
                                                             : item.about.ns;
  const std::string uid = object == nullptr ? "" : object->meta.uid;
  const ObjectKey key{Kind::event, ns,
                      event_name(item.about.name, uid + item.reason + item.text + to_string(item.about))};
  const std::string now = rfc3339_utc(clock_.utc());
  Json about{{"name", item.about.name}, {"namespace", ns}};
  if (item.about.kind != Kind::other) {
    about["kind"] = info(item.about.kind).name;
    about["apiVersion"] = api_version(info(item.about.kind));
  }
  if (!uid.empty()) about["uid"] = uid;
  const Json body{{"apiVersion", "v1"},
                  {"kind", "Event"},
                  {"metadata", {{"name", key.name}, {"namespace", ns}}},
                  {"involvedObject", about},
                  {"reason", item.reason},
                  {"message", shortened(item.text, kMessageMost)},
                  {"type", item.warning ? "Warning" : "Normal"},
                  {"source", {{"component", keys::kFieldManager}}},
                  {"reportingComponent", keys::kFieldManager},
                  {"firstTimestamp", now},
                  {"lastTimestamp", now},
                  {"count", 1}};
  const ApiResult<Written> written = api_.create(key, body, keys::kFieldManager);
  if (written) return true;
  switch (written.error().kind) {
    case ErrorClass::exists:
    case ErrorClass::not_found:
      return true;  // sent before; the namespace is gone
    case ErrorClass::transport:
    case ErrorClass::throttled:
    case ErrorClass::server:
    case ErrorClass::unauthorized:
      return false;
    default:
      if (!std::exchange(said_refused_, true))
        spdlog::warn("event {}: {}; further refusals are not logged", to_string(item.about), written.error().message);
      return true;
  }
}

}  // namespace meshgraft
