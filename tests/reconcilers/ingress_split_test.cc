// One Ingress for each Service: there and back, step by step, and never a moment in which a path has no owner.

#include "reconcilers/ingress_split.h"

#include "reconcilers/foresee.h"
#include "reconcilers/keys.h"
#include "tests/reconcilers/ruling.h"

namespace meshgraft {
namespace {

using given::app_namespace;
using given::gateway;
using given::ingress;
using given::member;
using given::path;

const std::string kSplit = "annotations: {meshgraft.io/split-ingress: \"true\", nginx.ingress.kubernetes.io/ssl-redirect: \"true\"}";

World split_world(const std::string& meta = kSplit) {
  World world = given::world(app_namespace() + gateway("v1.15.1") + member("web", "[{name: http, port: 80, targetPort: 8080}]") +
                             member("api", "[{name: http, port: 80, targetPort: 9080}]") +
                             ingress("edge", path("/", "web", "number: 80") + ", " + path("/api", "api", "number: 80"), meta));
  const auto chosen = profile("istio");
  world.mesh = chosen->mesh;
  world.platform = chosen->platform;
  world.served = chosen->platform.served;
  return world;
}

// "create edge-api", "edit edge": what happens to Ingresses in a plan played to its end, without changes of metadata.
std::vector<std::string> ingress_steps(const Foreseen& foreseen) {
  std::vector<std::string> steps;
  for (const Foreseen::Step& step : foreseen.steps) {
    const Change& change = step.change;
    if (change.target.kind == Kind::ingress && change.verb != Verb::apply) steps.push_back(std::string(to_string(change.verb)) + " " + change.target.name);
  }
  return steps;
}

const Ingress* find(const NamespaceView& view, std::string_view name) {
  for (const auto& one : view.ingresses) {
    if (one->meta.name == name) return one.get();
  }
  return nullptr;
}

std::vector<std::string> paths(const Ingress* ingress) {
  std::vector<std::string> list;
  for (const IngressRule& rule : ingress->rules) {
    for (const IngressPath& path : rule.paths) list.push_back(path.path + " " + path.backend.service);
  }
  return list;
}

void carry_out_on(NamespaceView& view, const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    for (auto at = view.ingresses.begin(); at != view.ingresses.end(); ++at) {
      if ((*at)->meta.name != change.target.name) continue;
      const ObjectPtr next = after(*at, change);
      if (next == nullptr) {
        view.ingresses.erase(at);
      } else {
        *at = as<Ingress>(next);
      }
      break;
    }
  }
}

TEST(IngressSplit, copies_come_first_and_serve_last) {
  const Foreseen foreseen = foresee(split_world(), {});
  EXPECT_EQ(ingress_steps(foreseen), (std::vector<std::string>{"create edge-api", "edit edge", "edit edge-api"}));
  const NamespaceView& view = foreseen.after.namespaces.at("shop");
  EXPECT_EQ(paths(find(view, "edge")), std::vector<std::string>{"/ web"});
  EXPECT_EQ(paths(find(view, "edge-api")), std::vector<std::string>{"/api api"});
  const Labels& annotations = find(view, "edge-api")->meta.annotations;
  EXPECT_EQ(annotations.count(keys::kCanary), 0U);
  EXPECT_EQ(annotations.at("nginx.ingress.kubernetes.io/ssl-redirect"), "true");
  EXPECT_EQ(annotations.at(std::string(keys::kUpstreamVhost)), "api.shop.svc.cluster.local");
  EXPECT_EQ(find(view, "edge")->meta.annotations.at(std::string(keys::kUpstreamVhost)), "web.shop.svc.cluster.local");
}

TEST(IngressSplit, goes_back_in_the_opposite_order) {
  World world = foresee(split_world(), {}).after;
  NamespaceView& view = world.namespaces.at("shop");
  const auto step = [&view] { return unsplit_step(view, *find(view, "edge"), Stage::back_ingress_backend); };
  const auto carry_out = [&view](const std::vector<Change>& changes) { carry_out_on(view, changes); };
  const std::vector<Change> marked = step();
  ASSERT_EQ(marked.size(), 1U);
  EXPECT_EQ(marked[0].target.name, "edge-api");
  carry_out(marked);
  EXPECT_EQ(find(view, "edge-api")->meta.annotations.at(std::string(keys::kCanary)), "false");

  const std::vector<Change> grown = step();
  ASSERT_EQ(grown.size(), 1U);
  EXPECT_EQ(grown[0].target.name, "edge");
  carry_out(grown);
  EXPECT_EQ(paths(find(view, "edge")), (std::vector<std::string>{"/ web", "/api api"}));
  EXPECT_FALSE(is_split(*find(view, "edge")));

  const std::vector<Change> removed = step();
  ASSERT_EQ(removed.size(), 1U);
  EXPECT_EQ(removed[0].verb, Verb::remove);
  carry_out(removed);
  EXPECT_EQ(find(view, "edge-api"), nullptr);
  EXPECT_TRUE(step().empty());
}

TEST(IngressSplit, goes_back_when_its_owner_no_longer_asks_for_it) {
  World world = foresee(split_world(), {}).after;
  for (auto& one : world.namespaces.at("shop").ingresses) {
    auto changed = std::make_shared<Ingress>(*one);
    changed->meta.annotations.erase(keys::kSplitIngress);
    one = std::move(changed);
  }
  const Foreseen foreseen = foresee(world, {});
  std::vector<std::string> steps;
  for (const Foreseen::Step& step : foreseen.steps) {
    if (step.change.target.kind == Kind::ingress) steps.push_back(std::string(to_string(step.change.verb)) + " " + step.change.target.name);
  }
  // The Host that names one Service first, or requests for the others would be sent to it.
  EXPECT_EQ(steps, (std::vector<std::string>{"apply edge", "edit edge-api", "edit edge", "remove edge-api"}));
  const NamespaceView& view = foreseen.after.namespaces.at("shop");
  EXPECT_EQ(paths(find(view, "edge")), (std::vector<std::string>{"/ web", "/api api"}));
  EXPECT_EQ(find(view, "edge")->meta.annotations.at(std::string(keys::kUpstreamVhost)), "$service_name.$namespace.svc.cluster.local");
  EXPECT_EQ(find(view, "edge-api"), nullptr);
}

void give_path(NamespaceView& view, std::string_view name, const std::string& host, IngressPath path) {
  for (auto& one : view.ingresses) {
    if (one->meta.name != name) continue;
    auto edited = std::make_shared<Ingress>(*one);
    auto rule = std::find_if(edited->rules.begin(), edited->rules.end(), [&host](const IngressRule& old) { return old.host == host; });
    if (rule == edited->rules.end()) rule = edited->rules.insert(rule, IngressRule{host, {}});
    std::erase_if(rule->paths, [&path](const IngressPath& old) { return old.path == path.path; });
    if (!path.backend.service.empty()) rule->paths.push_back(std::move(path));
    one = edited;
  }
}

IngressPath to_service(std::string path, std::string service, int port = 80) {
  IngressPath one;
  one.path = std::move(path);
  one.path_type = "Prefix";
  one.backend.service = std::move(service);
  one.backend.port = port;
  return one;
}

// The original after the two steps that give it its paths back.
std::vector<std::string> grown(NamespaceView& view) {
  carry_out_on(view, unsplit_step(view, *find(view, "edge"), Stage::back_ingress_backend));  // the copies are marked
  carry_out_on(view, unsplit_step(view, *find(view, "edge"), Stage::back_ingress_backend));
  return paths(find(view, "edge"));
}

TEST(IngressSplit, what_people_added_to_the_parts_comes_back_with_the_whole) {
  World world = foresee(split_world(), {}).after;
  NamespaceView& view = world.namespaces.at("shop");
  const std::string host = find(view, "edge")->rules.at(0).host;
  give_path(view, "edge", host, to_service("/new", "web"));
  give_path(view, "edge", "other.example.com", to_service("/", "web"));
  give_path(view, "edge-api", host, to_service("/api/v2", "api"));
  EXPECT_EQ(grown(view), (std::vector<std::string>{"/ web", "/api api", "/new web", "/api/v2 api", "/ web"}));
}

TEST(IngressSplit, what_people_took_from_the_parts_stays_away) {
  World world = foresee(split_world(), {}).after;
  NamespaceView& view = world.namespaces.at("shop");
  const std::string host = find(view, "edge")->rules.at(0).host;
  give_path(view, "edge", host, to_service("/new", "web"));
  give_path(view, "edge", host, to_service("/", ""));
  EXPECT_EQ(grown(view), (std::vector<std::string>{"/api api", "/new web"}));
}

TEST(IngressSplit, a_path_that_people_sent_elsewhere_or_moved_goes_where_they_sent_it) {
  World world = foresee(split_world(), {}).after;
  NamespaceView& view = world.namespaces.at("shop");
  const std::string host = find(view, "edge")->rules.at(0).host;
  give_path(view, "edge", host, to_service("/", "web", 8081));
  give_path(view, "edge", host, to_service("/api", "api-new"));
  give_path(view, "edge-api", host, to_service("/api", ""));
  EXPECT_EQ(grown(view), (std::vector<std::string>{"/ web", "/api api-new"}));
  EXPECT_EQ(find(view, "edge")->rules.at(0).paths.at(0).backend.port, 8081);
}

TEST(IngressSplit, a_default_backend_that_came_later_takes_no_path_away) {
  World world = foresee(split_world(), {}).after;
  NamespaceView& view = world.namespaces.at("shop");
  for (auto& one : view.ingresses) {
    if (one->meta.name != "edge") continue;
    auto edited = std::make_shared<Ingress>(*one);
    edited->default_backend = to_service("", "api").backend;
    one = edited;
  }
  EXPECT_EQ(grown(view), (std::vector<std::string>{"/ web", "/api api"}));
}

TEST(IngressSplit, a_host_without_paths_stays_with_the_original) {
  World world = split_world();
  for (auto& one : world.namespaces.at("shop").ingresses) {
    auto edited = std::make_shared<Ingress>(*one);
    edited->rules.push_back({"fallback.example.com", {}});
    one = edited;
  }
  world = foresee(world, {}).after;
  NamespaceView& view = world.namespaces.at("shop");
  ASSERT_EQ(find(view, "edge")->rules.size(), 2U);
  EXPECT_EQ(find(view, "edge")->rules.at(1).host, "fallback.example.com");
  EXPECT_EQ(find(view, "edge-api")->rules.size(), 1U);
  grown(view);
  ASSERT_EQ(find(view, "edge")->rules.size(), 2U);
  EXPECT_EQ(find(view, "edge")->rules.at(1), (IngressRule{"fallback.example.com", {}}));
}

TEST(IngressSplit, a_copy_carries_tls_and_class) {
  const World world = split_world(kSplit);
  const Foreseen foreseen = foresee(world, {});
  const auto created = std::find_if(foreseen.steps.begin(), foreseen.steps.end(), [](const auto& step) { return step.change.verb == Verb::create && step.change.target.kind == Kind::ingress; });
  ASSERT_NE(created, foreseen.steps.end());
  EXPECT_EQ(created->change.body["spec"]["ingressClassName"], "nginx");
  EXPECT_EQ(created->change.body["metadata"]["annotations"]["nginx.ingress.kubernetes.io/canary"], "false");
}

TEST(IngressSplit, without_the_annotation_nothing_is_split) {
  EXPECT_EQ(ingress_steps(foresee(split_world(""), {})), std::vector<std::string>{});
}

}  // namespace
}  // namespace meshgraft
