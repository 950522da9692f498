#include "controller/contests.h"

#include <algorithm>
#include <utility>

#include "controller/events.h"

namespace meshgraft {
namespace {

// Of the value that `change` gives the field at `path`. What it adds has none before it and is compared by path alone.
std::uint64_t value_of(const Change& change, const std::string& path) {
  for (const Overwrite& one : change.overwrites) {
    if (one.path == path) return fingerprint(one.after);
  }
  return 0;
}

}  // namespace

void Contests::wrote(const Change& change, Time now) {
  if (change.verb == Verb::restore || change.verb == Verb::remove || change.verb == Verb::orphan) {
    std::erase_if(fields_, [&change](const auto& field) { return field.first.target == change.target; });
    return;
  }
  for (const std::string& path : change.retakes) {
    Field& field = fields_[{change.target, path}];
    const std::uint64_t value = value_of(change, path);
    // Another value than before is a change of mind of ours, no contest.
    if (value != field.value) field.rounds.clear();
    field.value = value;
    field.restarts = field.restarts || change.impact == Impact::restart;
    std::erase_if(field.rounds, [now](Time when) { return now - when > kWindow; });
    field.rounds.push_back(now);
  }
  std::erase_if(fields_, [now](const auto& field) {
    return !field.second.given_up && !field.second.rounds.empty() && now - field.second.rounds.back() > kWindow;
  });
}

std::vector<std::string> Contests::give_up(const Change& change, Time now) {
  std::vector<std::string> paths;
  for (const std::string& path : change.retakes) {
    const auto found = fields_.find({change.target, path});
    if (found == fields_.end()) continue;
    Field& field = found->second;
    std::erase_if(field.rounds, [now](Time when) { return now - when > kWindow; });
    if (field.value != value_of(change, path) || field.rounds.size() < most_of(field)) continue;
    field.given_up = now;
    paths.push_back(path);
  }
  return paths;
}

void Contests::forget(const ObjectKey& target, std::string_view prefix) {
  std::erase_if(fields_, [&](const auto& field) { return field.first.target == target && field.first.path.starts_with(prefix); });
}

void Contests::name(const ObjectKey& target, const std::string& path, std::string manager) {
  const auto found = fields_.find({target, path});
  if (found != fields_.end()) found->second.manager = std::move(manager);
}

std::map<ObjectKey, std::map<std::string, std::string>> Contests::given_up(Time now) {
  std::map<ObjectKey, std::map<std::string, std::string>> result;
  for (auto& [key, field] : fields_) {
    if (!field.given_up) continue;
    if (!field.restarts && now >= *field.given_up + kRetry) {
      field.given_up.reset();
      field.rounds.assign(kRounds - 1, now);  // one more, and it has had them all
      continue;
    }
    result[key.target].emplace(key.path, field.manager);
  }
  return result;
}

std::optional<Time> Contests::next_retry() const {
  std::optional<Time> next;
  for (const auto& [key, field] : fields_) {
    if (!field.given_up || field.restarts) continue;
    const Time due = *field.given_up + kRetry;
    if (!next || due < *next) next = due;
  }
  return next;
}

}  // namespace meshgraft
