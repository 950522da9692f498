#include "controller/cache.h"

#include <gtest/gtest.h>

#include "controller/expectations.h"
#include "controller/relevance.h"
#include "reconcilers/keys.h"
#include "tests/controller/objects.h"
#include "tests/controller/sim_clock.h"

namespace meshgraft {
namespace {

using Standing = WatchMachine::Standing;

struct CacheTest : testing::Test {
  Cache cache;

  void follow(Kind kind, Standing standing = Standing::synced) {
    cache.set_standing(kind, Scope{}, standing, true, "");
  }
  Shelf shelf(std::vector<ObjectPtr> objects) {
    Shelf shelf;
    put_on(shelf, std::move(objects));
    return shelf;
  }
};
using Cache_ = CacheTest;

TEST_F(Cache_, a_view_holds_the_namespace_and_its_objects_sorted_by_name) {
  cache.upsert(made_namespace("shop"), "1");
  cache.upsert(made_deployment("shop", "web"), "2");
  cache.upsert(made_deployment("shop", "cart"), "3");
  cache.upsert(made_deployment("other", "web"), "4");
  cache.upsert(made<Service>("shop", "web"), "5");
  const std::optional<NamespaceView> view = cache.view("shop");
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->ns->meta.name, "shop");
  ASSERT_EQ(view->workloads.size(), 2U);
  EXPECT_EQ(view->workloads[0]->meta.name, "cart");
  EXPECT_EQ(view->workloads[1]->meta.name, "web");
  EXPECT_EQ(view->services.size(), 1U);
  EXPECT_FALSE(view->pods.has_value());
}

TEST_F(Cache_, a_kind_is_synced_when_everybody_who_follows_it_has_listed_it) {
  EXPECT_FALSE(cache.synced(Kind::service)) << "nobody follows it";
  follow(Kind::service, Standing::starting);
  EXPECT_FALSE(cache.synced(Kind::service));
  follow(Kind::service);
  EXPECT_TRUE(cache.synced(Kind::service));
  cache.set_standing(Kind::service, Scope{"shop", "web"}, Standing::forbidden, true, "no");
  EXPECT_FALSE(cache.synced(Kind::service));
  cache.set_standing(Kind::service, Scope{"shop", "web"}, Standing::failing, true, "a moment");
  EXPECT_TRUE(cache.synced(Kind::service)) << "read once, and will be followed again";
  EXPECT_FALSE(cache.synced(Kind::pod));
}

TEST_F(Cache_, of_a_kind_whose_single_objects_are_followed_one_that_nobody_wants_any_more_says_nothing) {
  cache.set_standing(Kind::config_map, Scope{"istio-system", "istio"}, Standing::synced, true, "");
  cache.set_standing(Kind::config_map, Scope{"gateways", "former"}, Standing::starting, true, "");
  cache.set_standing(Kind::config_map, Scope{"gateways", "former"}, Standing::absent, false, "");
  const auto config_maps = [this] {
    for (KindState& state : cache.states()) {
      if (state.kind == Kind::config_map) return std::move(state);
    }
    return KindState{};
  };
  EXPECT_TRUE(config_maps().wanted) << "/readyz?verbose would call the others absent";
  EXPECT_EQ(config_maps().standing, Standing::synced);
  cache.set_standing(Kind::config_map, Scope{"istio-system", "injector"}, Standing::failing, true, "a moment");
  EXPECT_EQ(config_maps().standing, Standing::failing) << "the least good of those that are wanted";
}

TEST_F(Cache_, there_is_no_view_of_a_namespace_that_is_not_there) {
  cache.upsert(made_deployment("shop", "web"), "2");
  EXPECT_FALSE(cache.view("shop").has_value());
}

TEST_F(Cache_, a_view_does_not_change_when_the_cache_does) {
  cache.upsert(made_namespace("shop"), "1");
  cache.upsert(made_deployment("shop", "web"), "2");
  const std::optional<NamespaceView> view = cache.view("shop");
  cache.remove(*made_deployment("shop", "web"), "3");
  EXPECT_EQ(view->workloads.size(), 1U);
  EXPECT_TRUE(cache.view("shop")->workloads.empty());
}

TEST_F(Cache_, a_list_replaces_everything_and_reports_what_vanished) {
  cache.replace(Kind::service, Scope{},
                shelf({made<Service>("a", "one"), made<Service>("a", "two"), made<Service>("b", "three")}), "10");
  auto changed = made<Service>("a", "two", "12");
  changed->type = "NodePort";
  const std::vector<CacheChange> changes = cache.replace(
      Kind::service, Scope{}, shelf({made<Service>("a", "one", "11"), changed, made<Service>("c", "four")}), "20");
  ASSERT_EQ(changes.size(), 3U) << "one's new version alone is no change";
  EXPECT_EQ(changes[0].after->meta.name, "two");
  EXPECT_EQ(changes[1].before->meta.name, "three");
  EXPECT_EQ(changes[1].after, nullptr);
  EXPECT_EQ(changes[2].after->meta.name, "four");
  EXPECT_EQ(changes[2].before, nullptr);
  EXPECT_EQ(cache.get({Kind::service, "b", "three"}), nullptr);
  EXPECT_EQ(cache.get({Kind::service, "a", "one"})->meta.resource_version, "11");
}

TEST_F(Cache_, an_update_that_no_rule_reads_is_stored_and_is_no_change) {
  cache.upsert(made_deployment("shop", "web", "1"), "1");
  EXPECT_FALSE(cache.upsert(made_deployment("shop", "web", "2"), "2").has_value());
  EXPECT_EQ(cache.get({Kind::deployment, "shop", "web"})->meta.resource_version, "2");
}

TEST_F(Cache_, a_scoped_list_touches_its_one_object_alone) {
  const Scope mesh{"istio-system", "istio"};
  cache.upsert(made<ConfigMap>("ingress-nginx", "controller"), "1");
  EXPECT_EQ(cache.replace(Kind::config_map, mesh, shelf({made<ConfigMap>("istio-system", "istio")}), "2").size(), 1U);
  EXPECT_NE(cache.get({Kind::config_map, "ingress-nginx", "controller"}), nullptr);
  const std::vector<CacheChange> gone = cache.replace(Kind::config_map, mesh, {}, "3");
  ASSERT_EQ(gone.size(), 1U);
  EXPECT_EQ(gone[0].after, nullptr);
  EXPECT_NE(cache.get({Kind::config_map, "ingress-nginx", "controller"}), nullptr);
}

TEST_F(Cache_, it_is_synced_when_every_kind_is_decided) {
  for (const KindInfo& row : kinds()) {
    if (row.watch != Watch::never) follow(row.kind, Standing::starting);
  }
  EXPECT_FALSE(cache.synced());
  for (const KindInfo& row : kinds()) {
    if (row.watch == Watch::always) follow(row.kind);
  }
  EXPECT_FALSE(cache.synced()) << "it is not known yet which optional kinds are served";
  for (const KindInfo& row : kinds()) {
    if (row.watch == Watch::if_served) cache.set_standing(row.kind, Scope{}, Standing::absent, false, "");
  }
  EXPECT_TRUE(cache.synced());
  follow(Kind::ingress, Standing::forbidden);
  EXPECT_TRUE(cache.synced()) << "what we may not read is not waited for";
  cache.set_standing(Kind::config_map, {"istio-system", "istio"}, Standing::starting, true, "");
  EXPECT_FALSE(cache.synced());
}

TEST_F(Cache_, the_world_names_the_optional_kinds_that_are_synced) {
  follow(Kind::application);
  follow(Kind::strategy, Standing::starting);
  follow(Kind::gateway, Standing::forbidden);
  EXPECT_EQ(cache.world().served, std::set<Kind>{Kind::application});
}

TEST_F(Cache_, a_kind_that_is_forbidden_for_a_moment_is_still_served) {
  follow(Kind::application);
  cache.bookmark(Kind::application, "100");
  follow(Kind::application, Standing::forbidden);
  EXPECT_EQ(cache.world().served, std::set<Kind>{Kind::application});
}

TEST_F(Cache_, a_write_is_seen_when_its_kind_has_come_that_far) {
  follow(Kind::deployment);
  const ObjectKey web{Kind::deployment, "shop", "web"};
  EXPECT_FALSE(cache.has_seen(web, "100"));
  cache.upsert(made_deployment("shop", "web", "99"), "99");
  EXPECT_FALSE(cache.has_seen(web, "100"));
  cache.upsert(made_deployment("shop", "cart", "101"), "101");
  EXPECT_TRUE(cache.has_seen(web, "100")) << "events come in the order of their versions";
  EXPECT_TRUE(cache.has_seen(web, "9")) << "compared as numbers, not as text";
}

TEST_F(Cache_, a_bookmark_or_a_list_shows_a_write_too) {
  follow(Kind::deployment);
  cache.bookmark(Kind::deployment, "100");
  EXPECT_TRUE(cache.has_seen({Kind::deployment, "shop", "web"}, "100"));
  cache.replace(Kind::deployment, Scope{}, {}, "200");
  EXPECT_TRUE(cache.has_seen({Kind::deployment, "shop", "web"}, "200"));
  cache.replace(Kind::deployment, Scope{}, {}, "50");
  EXPECT_FALSE(cache.has_seen({Kind::deployment, "shop", "web"}, "100"))
      << "a server restored from a backup counts anew";
}

TEST_F(Cache_, versions_that_are_no_numbers_are_compared_by_equality) {
  follow(Kind::deployment);
  cache.upsert(made_deployment("shop", "web", "b7"), "b7");
  EXPECT_TRUE(cache.has_seen({Kind::deployment, "shop", "web"}, "b7"));
  EXPECT_FALSE(cache.has_seen({Kind::deployment, "shop", "web"}, "b8"));
}

TEST_F(Cache_, a_kind_that_was_followed_and_is_forbidden_for_a_moment_is_waited_for) {
  follow(Kind::deployment);
  cache.upsert(made_deployment("shop", "web", "99"), "99");
  follow(Kind::deployment, Standing::forbidden);
  EXPECT_FALSE(cache.has_seen({Kind::deployment, "shop", "web"}, "100"))
      << "a plan from the old copy would repeat the write";
}

TEST_F(Cache_, nobody_waits_for_a_kind_that_nobody_follows) {
  EXPECT_TRUE(cache.has_seen({Kind::envoy_filter, "shop", "x"}, "100"));
  follow(Kind::envoy_filter, Standing::forbidden);
  EXPECT_TRUE(cache.has_seen({Kind::envoy_filter, "shop", "x"}, "100"));
  follow(Kind::envoy_filter, Standing::failing);
  EXPECT_FALSE(cache.has_seen({Kind::envoy_filter, "shop", "x"}, "100")) << "it will be followed again";
}

TEST_F(Cache_, of_single_objects_only_the_object_itself_tells) {
  cache.set_standing(Kind::config_map, {"a", "one"}, Standing::synced, true, "");
  cache.set_standing(Kind::config_map, {"a", "two"}, Standing::synced, true, "");
  cache.upsert(made<ConfigMap>("a", "one", "100"), "100");
  EXPECT_FALSE(cache.has_seen({Kind::config_map, "a", "two"}, "90"));
  EXPECT_TRUE(cache.has_seen({Kind::config_map, "a", "one"}, "90"));
  EXPECT_TRUE(cache.has_seen({Kind::config_map, "a", "three"}, "90")) << "nobody follows it";
}

TEST_F(Cache_, a_namespace_waits_for_its_own_write_and_no_longer_than_patience) {
  SimClock clock;
  Expectations expectations(cache, clock);
  follow(Kind::deployment);
  expectations.expect("shop", {Kind::deployment, "shop", "web"}, "100");
  EXPECT_TRUE(expectations.waits("shop"));
  EXPECT_FALSE(expectations.waits("other"));
  EXPECT_TRUE(expectations.fulfilled_by(Kind::deployment).empty());
  cache.bookmark(Kind::deployment, "100");
  EXPECT_TRUE(expectations.fulfilled_by(Kind::service).empty());
  EXPECT_EQ(expectations.fulfilled_by(Kind::deployment), std::vector<std::string>{"shop"});
  EXPECT_TRUE(expectations.fulfilled_by(Kind::deployment).empty()) << "said once";

  expectations.expect("shop", {Kind::deployment, "shop", "web"}, "200");
  clock.advance(Expectations::kPatience);
  EXPECT_FALSE(expectations.waits("shop"));
}

TEST_F(Cache_, a_write_that_the_cache_has_already_is_not_waited_for) {
  SimClock clock;
  Expectations expectations(cache, clock);
  follow(Kind::deployment);
  cache.bookmark(Kind::deployment, "100");
  expectations.expect("shop", {Kind::deployment, "shop", "web"}, "99");
  EXPECT_FALSE(expectations.waits("shop"));
}

// ---- relevance ---------------------------------------------------------------------------------------------------

TEST(Relevance, counters_that_lead_to_the_same_conclusion_are_the_same) {
  auto before = made_deployment("shop", "web");
  before->replicas = 10;
  before->status.replicas = 10;
  before->status.updated = 4;
  before->status.ready = before->status.available = 8;
  before->status.unavailable = 2;
  auto after = std::make_shared<Workload>(*before);
  after->meta.resource_version = "2";
  after->status.updated = 5;
  EXPECT_TRUE(same_for_rules(*before, *after));
  after->status.updated = 10;
  EXPECT_FALSE(same_for_rules(*before, *after)) << "every pod is updated now";
}

TEST(Relevance, readiness_lost_and_deadlines_missed_matter) {
  const auto before = made_deployment("shop", "web");
  auto after = std::make_shared<Workload>(*before);
  after->status.ready = after->status.available = 0;
  EXPECT_FALSE(same_for_rules(*before, *after));
  after = std::make_shared<Workload>(*before);
  after->status.deadline_exceeded = true;
  EXPECT_FALSE(same_for_rules(*before, *after));
  after = std::make_shared<Workload>(*before);
  after->meta.generation = 2;
  EXPECT_FALSE(same_for_rules(*before, *after)) << "its rollout is about to begin";
}

TEST(Relevance, our_own_report_on_a_namespace_is_no_change) {
  const auto before = made_namespace("shop");
  auto after = std::make_shared<Namespace>(*before);
  after->meta.annotations.emplace(keys::kStatus, "joined 1/1");
  EXPECT_TRUE(same_for_rules(*before, *after));
  after->meta.annotations.emplace("team", "books");
  EXPECT_FALSE(same_for_rules(*before, *after));
}

TEST(Relevance, a_recreated_object_is_another_one) {
  const auto before = made<Service>("shop", "web");
  auto after = std::make_shared<Service>(*before);
  after->meta.uid = "another";
  EXPECT_FALSE(same_for_rules(*before, *after));
}

TEST(Relevance, every_kind_is_the_same_as_itself) {
  for (const ObjectPtr& object : std::vector<ObjectPtr>{
           made<Namespace>("", "a"), made_deployment("a", "a"), made<Service>("a", "a"), made<Ingress>("a", "a"),
           made<IngressClass>("", "a"), made<ConfigMap>("a", "a"), made<WebhookConfiguration>("", "a"),
           made<Crd>("", "a"), made<Application>("a", "a"), made<VirtualService>("a", "a"),
           made<DestinationRule>("a", "a"), made<EnvoyFilter>("a", "a"), made<PeerAuthentication>("a", "a"),
           made<Strategy>("a", "a"), made<Gateway>("a", "a"), made<ClusterConfiguration>("a", "a"),
           made<InstallPlan>("", "a")}) {
    EXPECT_TRUE(same_for_rules(*object, *object)) << to_string(object->key());
  }
}

TEST(Relevance, a_rollout_in_a_joined_namespace_is_no_fact_of_the_cluster) {
  const auto before = made_deployment("shop", "web");
  auto after = std::make_shared<Workload>(*before);
  after->status.ready = 0;
  EXPECT_FALSE(touches_facts(before.get(), after.get(), false));
  EXPECT_TRUE(touches_facts(before.get(), after.get(), true));
  after->pod.containers[0].image = "nacos/nacos-server:2.2.3";
  EXPECT_TRUE(touches_facts(before.get(), after.get(), false));
  EXPECT_TRUE(touches_facts(nullptr, after.get(), false));
}

}  // namespace
}  // namespace meshgraft
