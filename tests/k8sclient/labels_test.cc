#include "k8sclient/model/labels.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace meshgraft {
namespace {

std::vector<std::string> keys_of(const Labels& labels) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : labels) keys.push_back(key);
  return keys;
}

TEST(Labels, are_sorted_by_key_however_they_come) {
  Labels labels{{"version", "v1"}, {"app", "web"}};
  labels.emplace("tier", "front");
  EXPECT_EQ(keys_of(labels), (std::vector<std::string>{"app", "tier", "version"}));
}

TEST(Labels, a_key_that_is_not_there_is_found_nowhere) {
  const Labels labels{{"app", "web"}, {"version", "v1"}};
  EXPECT_EQ(labels.find("aaa"), labels.end());
  EXPECT_EQ(labels.find("apps"), labels.end());
  EXPECT_EQ(labels.find("z"), labels.end());
  EXPECT_EQ(Labels().find("app"), Labels().end());
}

TEST(Labels, emplace_keeps_what_is_there_and_insert_or_assign_replaces_it) {
  Labels labels{{"app", "web"}};
  EXPECT_FALSE(labels.emplace("app", "other").second);
  EXPECT_EQ(labels.at("app"), "web");
  EXPECT_FALSE(labels.insert_or_assign("app", "other").second);
  EXPECT_EQ(labels.at("app"), "other");
  EXPECT_EQ(labels.size(), 1U);
}

TEST(Labels, an_erased_key_is_gone_and_its_neighbours_stay) {
  Labels labels{{"a", "1"}, {"b", "2"}, {"c", "3"}};
  EXPECT_EQ(labels.erase("b"), 1U);
  EXPECT_EQ(labels.erase("b"), 0U);
  EXPECT_EQ(keys_of(labels), (std::vector<std::string>{"a", "c"}));
}

TEST(Labels, the_same_entries_are_equal_in_any_order_of_arrival) {
  EXPECT_EQ((Labels{{"a", "1"}, {"b", "2"}}), (Labels{{"b", "2"}, {"a", "1"}}));
  EXPECT_NE((Labels{{"a", "1"}}), (Labels{{"a", "2"}}));
}

}  // namespace
}  // namespace meshgraft
