#include "k8sclient/model/objects.h"

#include <gtest/gtest.h>

namespace meshgraft {
namespace {

struct SelectorCase {
  const char* name;
  LabelSelector selector;
  Labels labels;
  bool matches;
};

TEST(LabelSelector, follows_the_rules_of_the_api_server) {
  const SelectorCase cases[] = {
      {"an empty selector matches everything", {}, {{"a", "1"}}, true},
      {"a pair must stand in the labels", {{{"a", "1"}}, {}}, {{"a", "1"}, {"b", "2"}}, true},
      {"another value does not do", {{{"a", "1"}}, {}}, {{"a", "2"}}, false},
      {"a missing key does not do", {{{"a", "1"}}, {}}, {{"b", "1"}}, false},
      {"In takes any listed value", {{}, {{"a", "In", {"1", "2"}}}}, {{"a", "2"}}, true},
      {"In needs the key", {{}, {{"a", "In", {"1"}}}}, {}, false},
      {"NotIn is true without the key", {{}, {{"a", "NotIn", {"1"}}}}, {}, true},
      {"NotIn refuses a listed value", {{}, {{"a", "NotIn", {"1"}}}}, {{"a", "1"}}, false},
      {"Exists takes the empty value too", {{}, {{"a", "Exists", {}}}}, {{"a", ""}}, true},
      {"Exists needs the key", {{}, {{"a", "Exists", {}}}}, {}, false},
      {"DoesNotExist refuses the key", {{}, {{"a", "DoesNotExist", {}}}}, {{"a", ""}}, false},
      {"DoesNotExist is true without it", {{}, {{"a", "DoesNotExist", {}}}}, {}, true},
      {"an operator that nobody knows matches nothing", {{}, {{"a", "Gt", {"1"}}}}, {{"a", "2"}}, false},
      {"all clauses must hold", {{{"a", "1"}}, {{"b", "Exists", {}}}}, {{"a", "1"}}, false},
  };
  for (const SelectorCase& each : cases) EXPECT_EQ(each.selector.matches(each.labels), each.matches) << each.name;
}

TEST(Objects, as_gives_the_struct_of_the_kind_and_null_for_others) {
  const ObjectPtr service = std::make_shared<Service>();
  const ObjectPtr daemon_set = std::make_shared<Workload>(Kind::daemon_set);
  EXPECT_NE(as<Service>(service), nullptr);
  EXPECT_EQ(as<Workload>(service), nullptr);
  EXPECT_NE(as<Workload>(daemon_set), nullptr);
  EXPECT_EQ(as<Service>(daemon_set), nullptr);
  EXPECT_EQ(as<Service>(ObjectPtr()), nullptr);
}

}  // namespace
}  // namespace meshgraft
