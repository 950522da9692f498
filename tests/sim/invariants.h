#pragma once
// Invariants: what a user can rely on at every moment (docs/design/contract.md, section 3), watched over a simulated
// cluster. Simulation calls check() after every step, wrote() after every write of ours and user_acted() after every
// act of the scenario's user. Changes nothing.

#include <climits>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "tests/controller/rig.h"

namespace meshgraft::sim {

class Invariants {
 public:
  // `most`: workloads of the whole cluster that may restart because of us at one time, for each of `controllers` that do
  // not know of each other. `outage_by_user`: Services, as "namespace/name", that the scenario's user deprives of their
  // pods himself. `keeps`: the ready endpoints that a Service, named likewise, never has fewer of; 1 where it says nothing.
  Invariants(const RigCluster& cluster, int most, int controllers, std::set<std::string> outage_by_user, std::map<std::string, int> keeps = {})
      : cluster_(cluster), most_(most * controllers), controllers_(controllers), outage_by_user_(std::move(outage_by_user)), keeps_(std::move(keeps)) {}

  void wrote(const ObjectKey& key);
  void user_acted();
  // From now on the Services of `ns` may be without endpoints: its user deletes what serves them.
  void allow_outage(const std::string& ns);
  // "" while everything holds; otherwise what does not, in one sentence. The first breach is kept.
  const std::string& check();

  // Of all Services of labelled namespaces that had a ready endpoint: the fewest that one had afterwards.
  [[nodiscard]] int fewest_ready() const { return fewest_; }

 private:
  struct Seen {
    std::string uid;
    std::string pod_template;
    bool ours = false;       // restarting because of us
    bool users = false;      // restarting because its user changed the template
    bool available = false;  // was completely available once
  };
  void look_at_labels();
  void look_at_endpoints();
  void look_at_rollouts();
  void breach(const std::string& what);

  const RigCluster& cluster_;
  const int most_, controllers_;
  std::set<std::string> outage_by_user_;
  const std::map<std::string, int> keeps_;
  std::uint64_t version_ = 0;
  std::set<std::string> labelled_;  // namespaces that carried one of our labels at some time
  std::set<std::string> had_endpoints_;
  std::map<std::pair<std::string, std::string>, Seen> workloads_;  // namespace, "Kind name"
  std::string breach_;
  int fewest_ = INT_MAX;
};

// Labels, annotations and spec of everything in a namespace that people make, without what servers and controllers
// keep. Two of these are equal when a namespace is as before.
Json image_of(const RigCluster& cluster, const std::string& ns);

}  // namespace meshgraft::sim
