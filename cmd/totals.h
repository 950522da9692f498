#pragma once
// Totals: what a whole plan costs, for its last line. Made once from the foreseen steps by report.cc; every form of
// output prints the same figures. Counts only; decides nothing.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "reconcilers/foresee.h"

namespace meshgraft {

// Ports of nodes that nobody answers on while the pods that hold them restart, one after the other.
struct ClosedPorts {
  ObjectKey workload;
  std::set<int> ports;
  int pods = 0;
  std::int64_t seconds = 0;  // at most, for each pod: its grace period; the start of the next one comes on top
};

// An Ingress whose backends will see another Host than now.
struct HostChange {
  ObjectKey ingress;
  std::string before, after;  // before: "" for the Host that the client asked for
};

struct FindingCounts {
  int errors = 0, warnings = 0, infos = 0;
};

struct Totals {
  int requests = 0;
  std::map<Kind, int> objects;       // different objects written to, by kind
  int created = 0, removed = 0;      // objects
  int restarts = 0;                  // pods
  int restarting = 0;                // workloads
  int sidecars = 0;                  // pods that get one
  std::int64_t sidecar_cpu = 0, sidecar_memory = 0;  // what those sidecars ask for: thousandths of a CPU, bytes
  std::vector<ClosedPorts> closed;   // by workload
  std::vector<HostChange> hosts;     // by Ingress
  FindingCounts findings;            // one for each object that a finding is about
  FindingCounts listed;              // as text lists them: what is said of several objects alike is one
};

// `before` and `after` are the worlds around the steps.
Totals count_totals(const std::vector<Foreseen::Step>& steps, const std::vector<Finding>& findings, const World& before,
                    const World& after, const MeshFacts& mesh);

}  // namespace meshgraft
