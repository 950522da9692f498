#pragma once
// Worker: takes a namespace, looks at it, plans, carries out what may be done now, and says how it went. run.cc gives
// several of them a thread each; tests call step(). The heart of the controller; all that it knows of rules is plan().
//
// Guarantees
// - A namespace is never on two workers, and nothing is planned before every kind that is served and permitted is
// synced.
// - A namespace with a write that the cache has not seen waits for it: a plan never overlooks its own writes.
// - No restart is sent without a place in the ledger.
// - One object that cannot be written stops no other object, one namespace no other namespace.

#include <string>
#include <vector>

#include "controller/events.h"
#include "controller/intake.h"
#include "controller/metrics.h"
#include "controller/namespace_book.h"
#include "controller/outcome_log.h"
#include "controller/senders.h"
#include "reconcilers/plan.h"

namespace meshgraft {

// What all workers share. Everything outlives them.
struct WorkerParts {
  Cache& cache;
  DirtyQueue& queue;
  Intake& intake;
  FactsBook& facts;
  RolloutLedger& ledger;
  Expectations& expectations;
  Senders& senders;
  Api& api;  // for pods, which are not watched
  EventRecorder& events;
  Metrics& metrics;
  NamespaceBook& book;
  OutcomeLog& log;
  Clock& clock;
  const Settings& settings;
};

class Worker {
 public:
  explicit Worker(WorkerParts parts) : p_(parts) {}

  // Works until the queue is shut down. Never throws.
  void run();
  // Works on the next namespace that is ready; false when none is.
  bool step();

 private:
  enum class Verdict {
    not_ready,        // the cache is not complete yet; everything is enqueued when it is
    gone,             // there is no such namespace
    waits_for_cache,  // a write of ours is not in the cache yet
    nothing_to_do,
    wrote,       // at least one write, and none failed
    look_again,  // somebody else was faster
    refused,     // the server will not have it: a finding, and later again
    failed,      // the server could not be asked, or not answer
  };
  struct Round {
    Verdict verdict = Verdict::nothing_to_do;
    Duration at_least{0};  // that the server asked us to wait
    bool only_removes = false;
  };

  void work_on(const std::string& ns);
  Round look_at(const std::string& ns);
  Round look_at_facts();
  void forget(const std::string& ns);
  template <typename T>
  ApiResult<Unit> list_into(NamespaceView& view, std::optional<std::vector<std::shared_ptr<const T>>>& into);
  ApiResult<Unit> look_up(NamespaceView& view, const Plan& plan);
  ApiResult<Unit> add_limits(NamespaceView& view);
  void fill_moments(NamespaceView& view, NamespacePage& page) const;
  std::map<ObjectKey, std::map<std::string, std::string>> contested_of(const NamespaceView& view, NamespacePage& page) const;
  bool give_up_contested(NamespaceView& view, const Plan& plan, NamespacePage& page);
  void account(const NamespaceView& view, const Plan& plan, NamespacePage& page);
  void follow_rollouts(const NamespaceView& view, const Plan& plan, NamespacePage& page);
  void follow_releases(const NamespaceView& view, const Plan& plan, NamespacePage& page);  // worker_releases.cc
  void after_release_step(const Change& change, NamespacePage& page);
  void announce(const NamespaceView& view, const Plan& plan, NamespacePage& page);
  Round carry_out(const std::string& ns, const Plan& plan, NamespacePage& page);
  Round judge(const std::string& ns, const Change& change, const ApiResult<Outcome>& answer, NamespacePage& page);
  void refuse(const Change& change, Finding finding, NamespacePage& page);
  void report(const NamespaceView& view, const Facts& facts, const Plan& plan, NamespacePage& page);

  WorkerParts p_;
};

}  // namespace meshgraft
