// The sim tier: every scenario under every fault. A run that fails prints the command that shows it again.
// MESHGRAFT_SIM_SEEDS sets how many seeds each scenario gets (a release build makes a thousand in a few minutes), MESHGRAFT_SIM_TRACE prints every write and act.

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "tests/sim/simulation.h"

namespace meshgraft::sim {
namespace {

std::uint64_t seeds(std::uint64_t otherwise) {
  const char* const text = std::getenv("MESHGRAFT_SIM_SEEDS");
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::set<FaultKind> every_fault() {
  std::set<FaultKind> all;
  for (int i = 0; i < kFaultKinds; ++i) all.insert(static_cast<FaultKind>(i));
  return all;
}

Report expect_well(const Trial& run) {
  Report report = simulate(run);
  EXPECT_EQ(report.failure, "") << replay_command(run);
  return report;
}

struct OfScenario : testing::TestWithParam<const Scenario*> {};

TEST_P(OfScenario, ends_well_and_a_second_run_writes_nothing) {
  const Report report = expect_well({.scenario = GetParam(), .seed = 0, .faults = {}, .crash = {}});
  EXPECT_GT(report.writes, 0U);
  std::printf("%s: %d ready endpoints at least, %d writes\n", std::string(GetParam()->name).c_str(), report.fewest_ready,
              static_cast<int>(report.writes));
}

TEST_P(OfScenario, survives_a_crash_at_every_write) {
  const std::uint64_t writes = simulate({.scenario = GetParam(), .seed = 0, .faults = {}, .crash = {}}).writes;
  ASSERT_GT(writes, 0U);
  for (std::uint64_t k = 1; k <= writes && !HasFailure(); ++k) {
    for (const bool carried_out : {false, true}) {
      const Report report =
          expect_well({.scenario = GetParam(), .seed = 0, .faults = {}, .crash = {.write = k, .carried_out = carried_out}});
      EXPECT_GE(report.processes, 2) << "there was no write " << k;
    }
  }
}

TEST_P(OfScenario, survives_each_kind_of_fault) {
  for (const FaultKind kind : every_fault()) {
    for (std::uint64_t seed = 1; seed <= seeds(1) && !HasFailure(); ++seed)
      expect_well({.scenario = GetParam(), .seed = seed, .faults = {kind}, .crash = {}});
  }
}

TEST_P(OfScenario, survives_all_faults_together) {
  for (std::uint64_t seed = 1; seed <= seeds(4) && !HasFailure(); ++seed)
    expect_well({.scenario = GetParam(), .seed = seed, .faults = every_fault(), .crash = {}});
}

// Nobody elects them and each believes that it is alone. What a write was planned for is part of the request, so the
// second of two is refused and looks again. Each restarts as many at a time as it may, so that there can be twice as many.
TEST_P(OfScenario, survives_two_controllers_by_mistake) {
  for (std::uint64_t seed = 0; seed <= seeds(1) && !HasFailure(); ++seed)
    expect_well({.scenario = GetParam(), .seed = seed, .faults = {}, .crash = {}, .twice = true});
}

// Nor does what a user deletes come back, whoever of them has not seen it yet: a create is asked for by a record, which is
// looked at right before.
TEST_P(OfScenario, leaves_what_a_user_deletes_deleted_even_with_two_controllers) {
  for (const bool twice : {false, true}) {
    for (std::uint64_t seed = 1; seed <= seeds(3) && !HasFailure(); ++seed)
      expect_well({.scenario = GetParam(), .seed = seed, .faults = {}, .crash = {}, .twice = twice, .deletes = true});
  }
}

std::vector<const Scenario*> rows() {
  std::vector<const Scenario*> rows;
  for (const Scenario& scenario : scenarios()) rows.push_back(&scenario);
  return rows;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, OfScenario, testing::ValuesIn(rows()),
                         [](const auto& param) { return std::string(param.param->name); });

TEST(Sim, the_same_seed_gives_the_same_run) {
  const Trial run{.scenario = rows().front(), .seed = 7, .faults = every_fault(), .crash = {}};
  const Report first = simulate(run);
  const Report second = simulate(run);
  EXPECT_EQ(first.writes, second.writes);
  EXPECT_EQ(first.processes, second.processes);
  EXPECT_EQ(first.failure, second.failure);
}

TEST(Sim, a_replay_command_gives_the_run_back) {
  const Trial run{.scenario = rows().back(), .seed = 42, .faults = {FaultKind::conflict, FaultKind::stale_reads},
                .crash = {.write = 9, .carried_out = true}};
  const std::string command = replay_command(run);
  const std::size_t begin = command.find('\'') + 1;
  const Trial read = trial_from(std::string_view(command).substr(begin, command.find('\'', begin) - begin));
  EXPECT_EQ(read.scenario, run.scenario);
  EXPECT_EQ(read.seed, run.seed);
  EXPECT_EQ(read.faults, run.faults);
  EXPECT_EQ(read.crash.write, 9U);
  EXPECT_TRUE(read.crash.carried_out);
}

// The run that MESHGRAFT_SIM names; the first scenario in its usual order when it names none.
TEST(Sim, replay) {
  const char* const text = std::getenv("MESHGRAFT_SIM");
  Trial run = trial_from(text == nullptr ? rows().front()->name : text);
  ASSERT_NE(run.scenario, nullptr) << "no scenario of that name: " << text;
  const Report report = expect_well(run);
  std::printf("%d writes, %d processes, %d ready endpoints at least\n", static_cast<int>(report.writes), report.processes,
              report.fewest_ready);
}

}  // namespace
}  // namespace meshgraft::sim
