#include <gtest/gtest.h>

#include "controller/facts_book.h"
#include "controller/rollout_ledger.h"
#include "tests/controller/sim_clock.h"

namespace meshgraft {
namespace {

struct LedgerTest : testing::Test {
  SimClock clock;
  RolloutLedger ledger{clock, 2};
  static ObjectKey workload(const std::string& ns, const std::string& name) { return {Kind::deployment, ns, name}; }
};
using Ledger = LedgerTest;

TEST_F(Ledger, places_are_given_up_to_the_limit_of_the_cluster) {
  EXPECT_TRUE(ledger.reserve("a", workload("a", "web")));
  EXPECT_TRUE(ledger.reserve("b", workload("b", "web")));
  EXPECT_FALSE(ledger.reserve("c", workload("c", "web")));
  EXPECT_EQ(ledger.elsewhere("a"), 1);
  EXPECT_EQ(ledger.elsewhere("c"), 2);
}

TEST_F(Ledger, a_place_is_free_when_the_plan_sees_the_rollout_complete_and_who_waits_is_woken) {
  ASSERT_TRUE(ledger.reserve("a", workload("a", "web")));
  ASSERT_TRUE(ledger.reserve("b", workload("b", "web")));
  ASSERT_FALSE(ledger.reserve("c", workload("c", "web")));
  EXPECT_TRUE(ledger.observe("a", 1, false).empty()) << "the plan sees what was reserved: still under way";
  EXPECT_EQ(ledger.observe("a", 0, false), std::vector<std::string>{"c"});
  EXPECT_TRUE(ledger.reserve("c", workload("c", "web")));
}

TEST_F(Ledger, a_namespace_whose_plan_waits_is_woken_too) {
  ASSERT_TRUE(ledger.reserve("a", workload("a", "web")));
  EXPECT_TRUE(ledger.observe("d", 0, true).empty());
  EXPECT_EQ(ledger.observe("a", 0, false), std::vector<std::string>{"d"});
  ledger.observe("d", 0, false);
  ASSERT_TRUE(ledger.reserve("a", workload("a", "web")));
  EXPECT_TRUE(ledger.observe("a", 0, false).empty());
}

TEST_F(Ledger, no_place_is_given_before_every_namespace_was_counted_after_a_start) {
  ledger.expect({"a", "b"});
  EXPECT_FALSE(ledger.reserve("a", workload("a", "web")));
  EXPECT_TRUE(ledger.observe("a", 0, true).empty());
  EXPECT_EQ(ledger.observe("b", 2, false), std::vector<std::string>{"a"});
  EXPECT_FALSE(ledger.reserve("a", workload("a", "web"))) << "b's two fill the cluster";
  EXPECT_EQ(ledger.observe("b", 1, false), std::vector<std::string>{"a"});
  EXPECT_TRUE(ledger.reserve("a", workload("a", "web")));
}

TEST_F(Ledger, a_namespace_that_goes_before_it_was_counted_holds_up_nobody) {
  ledger.expect({"a", "b"});
  EXPECT_FALSE(ledger.reserve("a", workload("a", "web")));
  ledger.observe("a", 0, true);
  EXPECT_EQ(ledger.forget("b"), std::vector<std::string>{"a"});
  EXPECT_TRUE(ledger.reserve("a", workload("a", "web")));
}

TEST_F(Ledger, a_refused_write_gives_its_place_back) {
  ASSERT_TRUE(ledger.reserve("a", workload("a", "web")));
  ASSERT_TRUE(ledger.reserve("b", workload("b", "web")));
  ASSERT_FALSE(ledger.reserve("c", workload("c", "web")));
  EXPECT_EQ(ledger.release("a", workload("a", "web")), std::vector<std::string>{"c"});
  EXPECT_EQ(ledger.total(), 1);
}

TEST_F(Ledger, a_lost_answer_keeps_its_place_until_it_is_certain) {
  ASSERT_TRUE(ledger.reserve("a", workload("a", "web")));
  ledger.keep_uncertain("a", workload("a", "web"));
  ledger.observe("a", 0, true);  // the cache may be behind the server
  EXPECT_EQ(ledger.total(), 1);
  EXPECT_TRUE(ledger.reserve("a", workload("a", "web"))) << "the same restart again takes the same place";
  EXPECT_EQ(ledger.total(), 1);
  ledger.observe("a", 1, false);
  EXPECT_EQ(ledger.total(), 1);

  ledger.keep_uncertain("a", workload("a", "web"));
  clock.advance(RolloutLedger::kUncertain);
  ledger.observe("a", 0, false);
  EXPECT_EQ(ledger.total(), 0);
}

TEST(FactsBook_, a_namespace_that_is_gone_is_waited_for_by_no_gateway_and_remembered_by_nobody) {
  SimClock clock;
  const Cache cache;
  const RolloutLedger ledger(clock, 1);
  const Settings settings;
  FactsBook facts(cache, ledger, settings);
  EXPECT_FALSE(facts.forget("shop")) << "nobody has planned it";
  facts.settle("shop", false);
  EXPECT_TRUE(facts.forget("shop")) << "gateways waited for it";
  EXPECT_FALSE(facts.forget("shop"));
  facts.settle("shop", true);
  EXPECT_FALSE(facts.forget("shop")) << "nobody waited";
}

}  // namespace
}  // namespace meshgraft
