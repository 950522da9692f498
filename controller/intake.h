#pragma once
// Intake: turns what watchers hear into work: which namespaces must be planned again, whether facts changed, which
// optional kinds and ConfigMaps to follow, and when the first plan may be made. Called on watchers' threads.
// Plans nothing and sends nothing.

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "controller/dirty_queue.h"
#include "controller/expectations.h"
#include "controller/facts_book.h"
#include "controller/watchers.h"

namespace meshgraft {

class Intake final : public WatchListener {
 public:
  // The name in the queue that stands for "derive the facts anew" instead of a namespace.
  static constexpr std::string_view kFacts = "";

  Intake(Cache& cache, DirtyQueue& queue, FactsBook& facts, RolloutLedger& ledger, Expectations& expectations,
         Clock& clock)
      : cache_(cache), queue_(queue), facts_(facts), ledger_(ledger), expectations_(expectations), clock_(clock) {}

  // Before the first watcher starts. `watchers` outlives the watchers' threads.
  void connect(Watchers& watchers) EXCLUDES(mutex_);
  // Called for every list or stream that ended badly, and for nothing else.
  void on_restarts(std::function<void(Kind, ErrorClass)> observer) { restart_observer_ = std::move(observer); }

  // Called once, when ready() has become true and all work was enqueued.
  void on_ready(std::function<void()> observer) { ready_observer_ = std::move(observer); }

  void on_changes(Kind kind, const std::vector<CacheChange>& changes) override EXCLUDES(mutex_);
  void on_progress(Kind kind) override;
  void on_standing(Kind kind) override EXCLUDES(mutex_);
  void on_restart(Kind kind, ErrorClass reason) override;

  // True once every kind that is served and permitted, and the wanted ConfigMaps, were read; then for ever. Nothing is
  // planned before.
  [[nodiscard]] bool ready() const { return ready_; }

  // Kinds that the server forbids to read, for longer than a starting API server forbids everything (kForbiddenGrace).
  static constexpr Duration kForbiddenGrace = std::chrono::seconds(30);
  [[nodiscard]] std::set<Kind> unreadable() const EXCLUDES(mutex_);
  // When another kind will be one of them if nothing changes; nullopt without one.
  [[nodiscard]] std::optional<Time> next_unreadable() const EXCLUDES(mutex_);

  // Every namespace that carries one of the labels, was planned for one, or holds something of ours.
  void enqueue_all() EXCLUDES(mutex_);
  void enqueue_gateways();
  // A worker saw that `ns` is ours to plan (`concerned`), or is not any more.
  void know(const std::string& ns, bool concerned) EXCLUDES(mutex_);

  // When objects that matter by their absence went, and since when that is known, into view.moments. `now`: what the
  // clock shows at view.moments.now. Precondition: ready().
  void fill_gone(NamespaceView& view, Time now) const EXCLUDES(mutex_);

  // When the first event came that the plan about to be made answers; nullopt when none did. Forgets it.
  std::optional<Time> take_mark(const std::string& ns) EXCLUDES(mutex_);

 private:
  void consider(const CacheChange& change, bool& facts_touched, bool& config_maps_touched) EXCLUDES(mutex_);
  void note_gone(const CacheChange& change) EXCLUDES(mutex_);
  bool is_known(const std::string& ns) const EXCLUDES(mutex_);
  void look_at_crds() EXCLUDES(mutex_);
  void look_at_config_maps() REQUIRES(mutex_);
  void become_ready() EXCLUDES(mutex_);
  bool note_forbidden(Kind kind) EXCLUDES(mutex_);
  std::set<std::string> concerned() const EXCLUDES(mutex_);

  Cache& cache_;
  DirtyQueue& queue_;
  FactsBook& facts_;
  RolloutLedger& ledger_;
  Expectations& expectations_;
  Clock& clock_;
  std::function<void(Kind, ErrorClass)> restart_observer_;
  std::function<void()> ready_observer_;
  std::atomic<bool> ready_ = false;

  mutable Mutex mutex_;
  Watchers* watchers_ GUARDED_BY(mutex_) = nullptr;
  bool config_maps_known_ GUARDED_BY(mutex_) = false, becoming_ready_ GUARDED_BY(mutex_) = false;
  std::set<std::string> known_ GUARDED_BY(mutex_);
  std::map<Kind, Time> forbidden_ GUARDED_BY(mutex_);  // kinds that we may not read, since when
  std::map<std::string, Time> marks_ GUARDED_BY(mutex_);
  struct Gone {
    Time when;
    ObjectPtr was;  // of Deployments
  };
  std::map<ObjectKey, Gone> gone_ GUARDED_BY(mutex_);  // VirtualServices, DestinationRules and Deployments
  Time watching_since_ GUARDED_BY(mutex_);
};

// True when the namespace carries one of the two labels.
bool is_labelled(const Namespace& ns);

// A time for Moments, in milliseconds since the epoch: as long before `utc` as `since` is before `now`. How long
// something lasts is told by the clock that nobody sets.
std::int64_t moment_of(Time since, Time now, std::int64_t utc);

}  // namespace meshgraft
