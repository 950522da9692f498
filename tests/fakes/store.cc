#include "tests/fakes/store.h"

#include <algorithm>

#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {

Object Store::find(const ResourceType& type, const std::string& ns, const std::string& name) const {
  auto of_type = objects_.find(type.key());
  if (of_type == objects_.end()) return nullptr;
  auto it = of_type->second.find({ns, name});
  return it == of_type->second.end() ? nullptr : it->second;
}

std::vector<Object> Store::list(const ResourceType& type, const std::string& ns) const {
  std::vector<Object> result;
  auto of_type = objects_.find(type.key());
  if (of_type == objects_.end()) return result;
  auto it = ns.empty() ? of_type->second.begin() : of_type->second.lower_bound({ns, ""});
  for (; it != of_type->second.end() && (ns.empty() || it->first.first == ns); ++it) result.push_back(it->second);
  return result;
}

Object Store::put(const ResourceType& type, Json object) {
  Event event;
  event.version = ++version_;
  event.type_key = type.key();
  event.ns = text_at(object, {"metadata", "namespace"});
  event.name = text_at(object, {"metadata", "name"});
  object["metadata"]["resourceVersion"] = std::to_string(version_);
  event.after = std::make_shared<const Json>(std::move(object));
  Object& slot = objects_[event.type_key][{event.ns, event.name}];
  event.before = std::exchange(slot, event.after);
  Object result = event.after;
  remember(std::move(event));
  return result;
}

void Store::erase(const ResourceType& type, const std::string& ns, const std::string& name) {
  Object before = find(type, ns, name);
  if (!before) return;
  Event event;
  event.version = ++version_;
  event.type_key = type.key();
  event.ns = ns;
  event.name = name;
  event.deleted = true;
  event.before = before;
  Json last = *before;
  last["metadata"]["resourceVersion"] = std::to_string(version_);
  event.after = std::make_shared<const Json>(std::move(last));
  objects_[event.type_key].erase({ns, name});
  remember(std::move(event));
}

std::deque<Event>::const_iterator Store::first_after(std::uint64_t version) const {
  return std::upper_bound(history_.begin(), history_.end(), version,
                          [](std::uint64_t v, const Event& event) { return v < event.version; });
}

std::vector<Event> Store::since(std::uint64_t version, const std::string& type_key) const {
  std::vector<Event> result;
  for (auto it = first_after(version); it != history_.end(); ++it) {
    if (it->type_key == type_key) result.push_back(*it);
  }
  return result;
}

std::vector<Event> Store::since(std::uint64_t version) const { return {first_after(version), history_.end()}; }

void Store::compact(std::uint64_t version) {
  compacted_ = std::max(compacted_, std::min(version, version_));
  while (!history_.empty() && history_.front().version <= compacted_) history_.pop_front();
}

void Store::remember(Event event) {
  history_.push_back(std::move(event));
  if (history_.size() > limit_) compact(history_.front().version);
}

}  // namespace meshgraft::fakes
