// How releases are told of: Events on the Strategy and on what its steps write, the log, and how long one took.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "controller/worker.h"

namespace meshgraft {
namespace {

// What the next release gives the same principal is another matter, though it be the same image again.
void forget_contests(const ReleaseState& ended, NamespacePage& page) {
  const ObjectKey principal{Kind::deployment, ended.strategy.ns, ended.principal_deployment};
  for (const char* part : {"spec.template.spec.containers[", "spec.template.spec.initContainers["}) page.contests.forget(principal, part);
  page.contests.forget(ended.strategy, "");
}

}  // namespace

// A step's write was carried out. The last one deletes the Strategy: how the release ended, and how long it took by its
// own record.
void Worker::after_release_step(const Change& change, NamespacePage& page) {
  if (change.target.kind == Kind::deployment) p_.events.tell(change.target, "Release", change.why);
  const auto known = page.releases.find(change.target);
  if (change.outcome.empty() || known == page.releases.end()) return;
  const std::int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(p_.clock.utc().time_since_epoch()).count();
  const std::int64_t took = known->second.since > 0 ? std::max<std::int64_t>(0, now - known->second.since) : 0;
  p_.metrics.on_release(change.outcome, static_cast<double>(took) / 1000);
  const std::string text = fmt::format("{} of {}: {} after {} s", to_string(change.target), known->second.gray, change.outcome, took / 1000);
  p_.events.tell({Kind::service, change.target.ns, known->second.service}, "Release", text);
  p_.log.told(change.target.ns, "release", change.target, text);
  forget_contests(known->second, page);
  page.releases.erase(known);
}

// One Event on the Strategy for each step that begins, with what it waits for.
void Worker::follow_releases(const NamespaceView& view, const Plan& plan, NamespacePage& page) {
  std::map<ObjectKey, ReleaseState> now;
  for (const ReleaseState& state : plan.releases) {
    const auto known = page.releases.find(state.strategy);
    const bool same = known != page.releases.end() && known->second.step == state.step && known->second.phase == state.phase;
    if (!same && state.step != ReleaseStep::none) {
      const std::string text = fmt::format("{}, {}{}{}", to_string(state.phase), to_string(state.step), state.why.empty() ? "" : ": ", state.why);
      p_.events.tell(state.strategy, "Release", text);
      p_.log.told(view.name, "release", state.strategy, text);
    }
    now.emplace(state.strategy, state);
  }
  for (const auto& [strategy, state] : page.releases) {
    if (now.contains(strategy)) continue;
    const bool there = std::any_of(view.strategies.begin(), view.strategies.end(), [&key = strategy](const auto& one) { return one->key() == key; });
    if (there) {
      now.emplace(strategy, state);  // the namespace is frozen, or leaves: its plan has no word about releases
    } else {
      forget_contests(state, page);  // somebody deleted it
    }
  }
  page.releases = std::move(now);
}

}  // namespace meshgraft
