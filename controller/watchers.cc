#include "controller/watchers.h"

#include <spdlog/spdlog.h>

#include <vector>

namespace meshgraft {

Watchers::Watchers(Api& api, Cache& cache, WatchListener& listener, Clock& clock) : cache_(cache) {
  std::uint32_t seed = 1;
  for (const KindInfo& row : kinds()) {
    if (row.watch != Watch::never) watchers_.emplace_back(row.kind, api, cache, listener, clock, seed++);
  }
  for (std::size_t i = 0; i < kConfigMaps; ++i)
    watchers_.emplace_back(Kind::config_map, api, cache, listener, clock, seed++);
}

void Watchers::start() {
  for (Watcher& watcher : watchers_) {
    if (watcher.kind() == Kind::config_map) continue;
    // Undecided until the CRDs are known: nothing is planned before.
    cache_.set_standing(watcher.kind(), Scope{}, WatchMachine::Standing::starting, true, "");
    if (info(watcher.kind()).watch == Watch::always) watcher.assign(Scope{});
  }
}

void Watchers::serve(Kind kind, bool served) {
  Watcher* watcher = of(kind);
  if (watcher == nullptr) return;
  if (served && watcher->assigned()) {
    // Its CRD is there, and the server did not know it yet when it was asked.
    if (cache_.is_missed(kind)) watcher->assign(Scope{});
    return;
  }
  // Said here already, so that whoever asks before the watcher's thread woke up gets the right answer.
  cache_.set_standing(kind, Scope{}, served ? WatchMachine::Standing::starting : WatchMachine::Standing::absent, served,
                      "");
  if (served || watcher->assigned()) watcher->assign(served ? std::optional<Scope>(Scope{}) : std::nullopt);
}

void Watchers::follow_config_maps(const std::set<Scope>& wanted) {
  std::set<Scope> missing = wanted;
  std::vector<Watcher*> rest, busy, free;
  // One in a stream hears of its assignment when that ends, which may take minutes, and what it followed leaves the
  // cache only then: nobody else may be given that meanwhile.
  for (Watcher& watcher : watchers_) {
    if (watcher.kind() != Kind::config_map) continue;
    const std::optional<Scope> scope = watcher.following();
    if (!scope || missing.erase(*scope) == 0) {
      rest.push_back(&watcher);
    } else if (watcher.assigned() != scope) {
      watcher.assign(scope);
    }
  }
  for (Watcher* watcher : rest) {
    const std::optional<Scope> scope = watcher->assigned();
    if (scope && missing.erase(*scope) > 0) continue;
    if (scope) watcher->assign(std::nullopt);
    (watcher->following() ? busy : free).push_back(watcher);
  }
  free.insert(free.begin(), busy.begin(), busy.end());
  for (const Scope& scope : missing) {
    if (free.empty()) {
      spdlog::warn("watch configmaps: {}/{} is not followed, {} are the most", scope.ns, scope.name, kConfigMaps);
      continue;
    }
    cache_.set_standing(Kind::config_map, scope, WatchMachine::Standing::starting, true, "");
    free.back()->assign(scope);
    free.pop_back();
  }
}

Watcher* Watchers::of(Kind kind) {
  for (Watcher& watcher : watchers_) {
    if (watcher.kind() == kind) return &watcher;
  }
  return nullptr;
}

}  // namespace meshgraft
