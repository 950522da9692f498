#include "controller/refusals.h"

#include <algorithm>

namespace meshgraft {

void Refusals::refused(const Change& change, const std::string& code, const Cache& cache, Time now) {
  if (!stands_alone(change.stage)) return;
  Pause& pause = pauses_[change.target];
  pause.length = pause.length == Duration{} ? kFirst : std::min(pause.length * 2, kLongest);
  pause.until = now + pause.length;
  pause.seen = version_of(cache, change.target);
  pause.why = "the API server refuses it (" + code + ")";
}

std::map<ObjectKey, std::string> Refusals::standing(const Cache& cache, Time now) {
  // Tried again long ago and neither refused nor done: nobody wants to write there any more.
  std::erase_if(pauses_, [now](const auto& one) { return now - one.second.until > kLongest; });
  std::map<ObjectKey, std::string> all;
  for (const auto& [key, pause] : pauses_) {
    if (pause.until > now && pause.seen == version_of(cache, key)) all.emplace(key, pause.why);
  }
  return all;
}

std::optional<Time> Refusals::next_retry(Time now) const {
  std::optional<Time> first;
  for (const auto& [key, pause] : pauses_) {
    if (pause.until > now && (!first || pause.until < *first)) first = pause.until;
  }
  return first;
}

std::string Refusals::version_of(const Cache& cache, const ObjectKey& key) {
  const ObjectPtr object = cache.get(key);
  if (object == nullptr) return "";
  return as<Workload>(object.get()) != nullptr ? std::to_string(object->meta.generation) : object->meta.resource_version;
}

}  // namespace meshgraft
