#pragma once
// UndoServices: the governance of Services taken back, before anything of the Deployments behind them (rules 14).
// KubeSphere empties a DestinationRule's subsets as soon as a Deployment loses an annotation or a label and leaves the
// VirtualService as it is, and then every caller with a sidecar gets 503. So, for one Service:
//   1. its annotation goes, and is seen gone          a Strategy blocks this (MG803)
//   2. then its VirtualService, if KubeSphere made it
//   3. 12 s later its DestinationRule                 istiod's longest debounce is 10 s
//   4. and 90 s later both are still gone             KubeSphere's retry queue may make them again for 82 s
// Asked by undo.h. Pure.

#include <map>
#include <optional>
#include <set>
#include <string>

#include "reconcilers/reconciler.h"

namespace meshgraft {

constexpr std::int64_t kDestinationRuleAfter = 12'000;  // milliseconds; pilot discovery, PILOT_DEBOUNCE_MAX is 10 s
constexpr std::int64_t kLookAgainAfter = 90'000;        // client-go's default back-off sums up to 82 s in KubeSphere's 15 tries

// How far the governance of a Service is taken back.
struct Release {
  bool done = false;
  std::string hold;      // why what depends on it has to wait; "" when done
  bool passing = false;  // that ends by itself
  std::string may_wait = {};  // of a forecast, when done: what the controller may wait for still, "" for nothing
};

// What the Deployments behind a Service lose on the way back.
struct Loss {
  bool subset = false;               // something that makes one of them a subset for KubeSphere
  std::set<std::string> pod_labels;  // keys
};

// The next step for `service`, added to `decision`, and how far it is. `record`: of the Service; not present when
// nothing of ours is on it. A VirtualService or DestinationRule of somebody's own stays; it holds the way back only
// where its routes need a subset that would go (MG113).
Release release_service(const Context& context, const Service& service, const Record& record, const Loss& loss, Decision& decision);

}  // namespace meshgraft
