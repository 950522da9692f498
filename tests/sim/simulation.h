#pragma once
// Simulation: one run of a scenario: the whole controller, one process after another or two at a time, over the
// embedded API server, in one thread, under a clock of its own and in an order that a seed chooses. sim_test makes
// many. After every step the invariants are checked; in the end the scenario's own condition, and that one more
// process writes nothing.

#include <cstdint>
#include <string>

#include "tests/sim/faulty_api.h"
#include "tests/sim/scenarios.h"

namespace meshgraft::sim {

struct Trial {
  const Scenario* scenario = nullptr;
  std::uint64_t seed = 0;         // 0: everything in its usual order
  std::set<FaultKind> faults;
  CrashPoint crash;
  bool twice = false;             // two controllers without an election, by mistake, both writing
  bool deletes = false;           // at a moment that the seed chooses a user deletes a Deployment, which must stay away
};

struct Report {
  std::string failure;            // "" when the run is as it should be
  std::uint64_t writes = 0;       // of plans, tried ones included
  int fewest_ready = 0;           // ready endpoints of the Service that had the fewest
  int processes = 0;              // how many the controller needed
};

Report simulate(const Trial& run);

// What to type to see the run again.
std::string replay_command(const Trial& run);
// A Trial from the text in replay_command's quotes; `scenario` null when it cannot be read.
Trial trial_from(std::string_view text);

}  // namespace meshgraft::sim
