#pragma once
// FactsBook: the cluster's facts as the last plans and the cache make them. Workers read it before every plan and
// write what the plan said of the namespace; intake says when the cache changed in a way that facts depend on.
// The facts themselves are derived by reconcilers/facts.

#include <map>
#include <memory>
#include <string>

#include "controller/cache.h"
#include "controller/rollout_ledger.h"
#include "k8sclient/base/mutex.h"

namespace meshgraft {

class FactsBook {
 public:
  FactsBook(const Cache& cache, const RolloutLedger& ledger, const Settings& settings)
      : cache_(cache), ledger_(ledger), settings_(settings) {}

  // The cache changed; the next reading derives the facts anew.
  void touch() EXCLUDES(mutex_);

  struct Reading {
    Facts facts;           // complete, for planning the namespace asked for
    bool changed = false;  // this reading found other facts than the last one: every joined namespace must plan again
  };
  Reading read(const std::string& ns) EXCLUDES(mutex_);

  // What plan said: nothing is left to do in `ns` before the gateway's turn. Returns true when that is news, so that
  // gateways must plan again. A joined namespace counts as unsettled until it was planned.
  bool settle(const std::string& ns, bool settled) EXCLUDES(mutex_);

  // The namespace is gone. Returns true when that is news to gateways.
  bool forget(const std::string& ns) EXCLUDES(mutex_);

  // True when `ns` must be planned without a label: its Nacos is to be given ports, or a KubeSphere Gateway is switched
  // through it.
  [[nodiscard]] bool concern(const std::string& ns) const EXCLUDES(mutex_);

 private:
  const Cache& cache_;
  const RolloutLedger& ledger_;
  const Settings& settings_;
  mutable Mutex mutex_;
  bool stale_ GUARDED_BY(mutex_) = true;
  bool first_ GUARDED_BY(mutex_) = true;
  Facts derived_ GUARDED_BY(mutex_);
  std::map<std::string, bool> settled_ GUARDED_BY(mutex_);
};

}  // namespace meshgraft
