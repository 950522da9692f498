#include "reconcilers/options.h"

#include <gtest/gtest.h>

#include <string>

namespace meshgraft {
namespace {

Namespace shop(Labels labels, Labels annotations = {}) {
  Namespace ns;
  ns.meta.name = "shop";
  ns.meta.labels = std::move(labels);
  ns.meta.annotations = std::move(annotations);
  return ns;
}

std::string codes(const NamespaceOptions& options) {
  std::string list;
  for (const Finding& one : options.findings) list += (list.empty() ? "" : " ") + one.code;
  return list;
}

TEST(Options, defaults_are_the_contract_s) {
  const NamespaceOptions options = read_options(shop({{"meshgraft.io/app", "shop"}}), {});
  EXPECT_EQ(options.app, "shop");
  EXPECT_EQ(options.policy, Policy::join);
  EXPECT_EQ(options.version, "v1");
  EXPECT_TRUE(options.inject_all);
  EXPECT_EQ(options.max_rollouts, 1);
  EXPECT_FALSE(options.frozen);
  EXPECT_EQ(codes(options), "");
}

struct Case {
  const char* sentence;
  Labels labels, annotations;
  const char* finding;
  bool frozen;
};

TEST(Options, a_value_that_is_not_allowed_freezes_and_says_so) {
  const Labels app{{"meshgraft.io/app", "shop"}};
  const Case cases[] = {
      {"an app that is no DNS label", {{"meshgraft.io/app", "Shop_1"}}, {}, "MG101", true},
      {"an app with a dash at the end", {{"meshgraft.io/app", "shop-"}}, {}, "MG101", true},
      {"an empty app", {{"meshgraft.io/app", ""}}, {}, "MG101", true},
      {"an unknown gateway", {{"meshgraft.io/gateway", "traefik"}}, {}, "MG101", true},
      {"an unknown policy", app, {{"meshgraft.io/policy", "merge"}}, "MG101", true},
      {"a version with a dot", app, {{"meshgraft.io/version", "1.0"}}, "MG101", true},
      {"a version of 17 characters", app, {{"meshgraft.io/version", "a2345678901234567"}}, "MG101", true},
      {"inject that is neither all nor listed", app, {{"meshgraft.io/inject", "true"}}, "MG101", true},
      {"max-rollouts 0", app, {{"meshgraft.io/max-rollouts", "0"}}, "MG101", true},
      {"max-rollouts 101", app, {{"meshgraft.io/max-rollouts", "101"}}, "MG101", true},
      {"max-rollouts that is no number", app, {{"meshgraft.io/max-rollouts", "3x"}}, "MG101", true},
      {"accept-outage that is no flag", app, {{"meshgraft.io/accept-outage", "yes"}}, "MG101", true},
      {"naming that is unknown", app, {{"meshgraft.io/naming", "pretty"}}, "MG101", true},
      {"paused", app, {{"meshgraft.io/paused", "true"}}, "MG110", true},
      {"everything allowed",
       app,
       {{"meshgraft.io/policy", "observe"}, {"meshgraft.io/version", "v2"}, {"meshgraft.io/inject", "listed"}},
       "",
       false},
      {"bad keys without a label", {}, {{"meshgraft.io/policy", "merge"}}, "", false},
  };
  for (const Case& one : cases) {
    const NamespaceOptions options = read_options(shop(one.labels, one.annotations), {});
    EXPECT_EQ(codes(options), one.finding) << one.sentence;
    EXPECT_EQ(options.frozen, one.frozen) << one.sentence;
    for (const Finding& finding : options.findings)
      EXPECT_EQ(finding.about, (ObjectKey{Kind::namespace_, "", "shop"})) << one.sentence;
  }
}

TEST(Options, a_bad_value_is_named_with_the_values_that_are_allowed) {
  const NamespaceOptions options =
      read_options(shop({{"meshgraft.io/app", "shop"}}, {{"meshgraft.io/policy", "merge"}}), {});
  ASSERT_EQ(options.findings.size(), 1U);
  EXPECT_EQ(options.findings[0].text, "meshgraft.io/policy is \"merge\"; allowed: observe, join, replace");
}

TEST(Options, a_namespace_being_deleted_is_frozen) {
  Namespace ns = shop({{"meshgraft.io/app", "shop"}});
  ns.terminating = true;
  const NamespaceOptions options = read_options(ns, {});
  EXPECT_TRUE(options.frozen);
  EXPECT_EQ(codes(options), "MG109");
}

TEST(Options, a_namespace_that_the_chart_does_not_admit_is_not_concerned) {
  Settings settings;
  settings.namespace_selector.match_labels = {{"team", "a"}};
  settings.gateway_namespaces = {"ingress"};
  NamespaceOptions options =
      read_options(shop({{"meshgraft.io/app", "shop"}, {"meshgraft.io/gateway", "ingress-nginx"}}), settings);
  EXPECT_FALSE(options.concerned());
  EXPECT_EQ(codes(options), "MG105 MG105");
  options = read_options(shop({{"meshgraft.io/app", "shop"}, {"team", "a"}}), settings);
  EXPECT_EQ(options.app, "shop");
}

TEST(Options, the_chart_s_pause_pauses_every_namespace) {
  Settings settings;
  settings.paused = true;
  EXPECT_TRUE(read_options(shop({{"meshgraft.io/app", "shop"}}), settings).paused);
}

}  // namespace
}  // namespace meshgraft
