// What a worker tells a plan of time and of what it saw before: a plan itself reads no clock and remembers nothing.

#include <algorithm>
#include <chrono>
#include <utility>

#include "controller/worker.h"
#include "reconcilers/keys.h"
#include "reconcilers/record.h"
#include "reconcilers/replace_record.h"
#include "reconcilers/rollout.h"

namespace meshgraft {

namespace {

std::string retry_of(const Object* object) {
  if (object == nullptr) return "";
  const auto found = object->meta.annotations.find(keys::kRetry);
  return found == object->meta.annotations.end() ? "" : std::string(found->second);
}

}  // namespace

// What is given up, without the objects that somebody has asked to try again since: on the object itself, or on the
// Strategy whose principal it is.
std::map<ObjectKey, std::map<std::string, std::string>> Worker::contested_of(const NamespaceView& view, NamespacePage& page) const {
  auto contested = page.contests.given_up(p_.clock.now());
  std::erase_if(page.retries, [&contested](const auto& known) { return !contested.contains(known.first); });
  std::erase_if(contested, [&](const auto& one) {
    const ObjectKey& key = one.first;
    if (info(key.kind).watch == Watch::never) return false;  // an autoscaler: no annotation of it is seen, time alone tries again
    const ObjectPtr object = p_.cache.get(key);
    if (object == nullptr) {  // another of its name has had no contest
      page.contests.forget(key, "");
      page.retries.erase(key);
      return true;
    }
    std::string now = retry_of(object.get());
    for (const auto& strategy : view.strategies) {
      const auto release = page.releases.find(strategy->key());
      const bool its = release != page.releases.end() && key == ObjectKey{Kind::deployment, view.name, release->second.principal_deployment};
      if (its) now += '/' + retry_of(strategy.get());
    }
    const auto [known, fresh] = page.retries.emplace(key, now);
    if (fresh || known->second == now) return false;
    page.contests.forget(key, "");
    page.retries.erase(known);
    return true;
  });
  return contested;
}

void Worker::fill_moments(NamespaceView& view, NamespacePage& page) const {
  const Time now = p_.clock.now();
  const std::int64_t utc =
      std::chrono::duration_cast<std::chrono::milliseconds>(p_.clock.utc().time_since_epoch()).count();
  view.moments.now = utc;
  p_.intake.fill_gone(view, now);
  page.whole.fill(p_.cache, view);
  view.moments.contested = contested_of(view, page);
  view.moments.refused = page.refusals.standing(p_.cache, p_.clock.now());
  const auto is_gone = [this](const ObjectKey& key) { return p_.cache.get(key) == nullptr; };
  std::erase_if(page.rolling, [&is_gone](const auto& one) { return is_gone(one.first); });
  std::erase_if(page.over, is_gone);
  for (const std::shared_ptr<const Workload>& workload : view.workloads) {
    const Rollout state = rollout_of(*workload);
    // A release restarts workloads of which nothing else is ours.
    if (state == Rollout::under_way && (looks_recorded(workload->meta) || has_planted_mark(workload->meta) || !view.strategies.empty())) {
      NamespacePage::Seen& seen = page.rolling[workload->key()];
      // A later generation is another rollout; scaling gives a stuck one a little more time.
      if (std::exchange(seen.generation, workload->meta.generation) != workload->meta.generation) seen.since = now;
      view.moments.rolling.emplace(workload->key(), moment_of(seen.since, now, utc));
    } else if (!page.rolling.empty() && page.rolling.erase(workload->key()) > 0 && state == Rollout::complete) {
      page.over.insert(workload->key());
    }
  }
  view.moments.over = page.over;
  if (view.strategies.empty()) return page.routed.clear();
  std::erase_if(page.routed, [&view](const auto& known) {
    return std::none_of(view.virtual_services.begin(), view.virtual_services.end(), [&known](const auto& one) { return one->key() == known.first; });
  });
  for (const std::shared_ptr<const VirtualService>& routes : view.virtual_services) {
    NamespacePage::Routed& known = page.routed[routes->key()];
    if (!known.since || known.destinations != routes->destinations) known = {routes->destinations, now};
    view.moments.routed.emplace(routes->key(), moment_of(*known.since, now, utc));
  }
}

}  // namespace meshgraft
