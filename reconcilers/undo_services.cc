#include "reconcilers/undo_services.h"

#include <algorithm>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/mesh_host.h"
#include "reconcilers/undo.h"
#include "reconcilers/undo_fields.h"

namespace meshgraft {
namespace {

const std::string kGovernedPath = "metadata.annotations[" + std::string(keys::kGoverned) + "]";  // NOLINT: short, and ours

bool governed(const Service& service) {
  const auto found = service.meta.annotations.find(keys::kGoverned);
  return found != service.meta.annotations.end() && found->second == "true";
}

const Strategy* strategy_of(const NamespaceView& view, const Service& service) {
  for (const auto& strategy : view.strategies) {
    const auto app = strategy->meta.labels.find(keys::kAppLabel);
    if ((app != strategy->meta.labels.end() && app->second == service.meta.name) ||
        std::find(strategy->hosts.begin(), strategy->hosts.end(), service.meta.name) != strategy->hosts.end()) {
      return strategy.get();
    }
  }
  return nullptr;
}

template <typename T>
std::shared_ptr<const T> named(const std::vector<std::shared_ptr<const T>>& list, const std::string& name) {
  for (const auto& one : list) {
    if (one->meta.name == name) return one;
  }
  return nullptr;
}

// KubeSphere gives both objects the Service's labels.
bool labelled_by_kubesphere(const Object& object, const Service& service) {
  for (const std::string_view key : {keys::kAppName, keys::kAppVersion}) {
    const auto theirs = object.meta.labels.find(key);
    const auto of_service = service.meta.labels.find(key);
    if (theirs == object.meta.labels.end() || of_service == service.meta.labels.end() || theirs->second != of_service->second) return false;
  }
  return true;
}

// A field of another manager than KubeSphere's makes such an object somebody's own. Its program is controller-manager
// (kubesphere/cmd), in 4.x servicemesh-controller-manager (the extension's image).
bool made_by_kubesphere(const Object& object, const Service& service, const Footprint& footprint) {
  if (!labelled_by_kubesphere(object, service)) return false;
  const std::vector<std::string> managers = footprint.others();
  return std::all_of(managers.begin(), managers.end(), [](const std::string& manager) {
    return manager == "controller-manager" || manager == "servicemesh-controller-manager";
  });
}

enum class Answer : std::uint8_t { no, yes, unknown };

// Whether the subset of `service` is no more, or empty, when the way back is done.
Answer subset_goes(const Context& context, const Service& service, const std::string& subset, const Loss& loss, Decision& decision) {
  for (const auto& rule : context.view.destination_rules) {
    if (!is_host_of(rule->host, service) || std::find(rule->subsets.begin(), rule->subsets.end(), subset) == rule->subsets.end()) continue;
    const std::optional<Footprint> footprint = footprint_of(context, rule->key(), decision);
    if (!footprint) return Answer::unknown;
    if (rule->meta.name == service.meta.name && made_by_kubesphere(*rule, service, *footprint)) return Answer::yes;
    const auto whole = context.view.live.find(rule->key());
    if (whole == context.view.live.end() || whole->second == nullptr) return loss.pod_labels.empty() ? Answer::no : Answer::yes;
    for (const Json* one : items(*whole->second, "/spec/subsets")) {
      const Json* labels = value_at(*one, "/labels");
      if (text(*one, "/name") != subset || labels == nullptr || !labels->is_object()) continue;
      for (const auto& [key, value] : labels->items()) {
        if (loss.pod_labels.contains(key)) return Answer::yes;
      }
    }
  }
  return Answer::no;
}

// Whether a VirtualService that stays needs a subset that goes.
Answer needs_what_goes(const Context& context, const VirtualService& routes, const Service& service, const Loss& loss, Decision& decision) {
  Answer worst = Answer::no;
  for (const auto& [host, subset, weight, route, mirror] : routes.destinations) {
    if (subset.empty() || !is_host_of(host, service)) continue;
    const Answer one = subset_goes(context, service, subset, loss, decision);
    if (one == Answer::yes) return one;
    worst = std::max(worst, one);
  }
  return worst;
}

// How long `key` has been away, in milliseconds; nullopt when nobody gave the time.
std::optional<std::int64_t> away_for(const Moments& moments, const ObjectKey& key) {
  if (moments.now == 0) return std::nullopt;
  const auto gone = moments.gone.find(key);
  return moments.now - (gone == moments.gone.end() ? moments.watching_since : gone->second);
}

// Removes `object`, which KubeSphere made, in the state in which that was seen: who edits it in this moment makes it his.
template <typename T>
void remove(const std::shared_ptr<const T>& object, const Footprint& footprint, Stage stage, std::string why, Decision& decision) {
  Extra extra;
  extra.change.target = object->key();
  extra.change.verb = Verb::remove;
  extra.change.pre = {object->meta.uid, footprint.version_or(object->meta.resource_version)};
  extra.change.stage = stage;
  extra.change.impact = Impact::traffic;
  extra.change.rule = std::string(kUndoRule);
  extra.change.why = std::move(why);
  decision.extras.push_back(std::move(extra));
}

void wait_for(std::int64_t left, Decision& decision) {
  decision.wake_after = decision.wake_after ? std::min(*decision.wake_after, left) : left;
}

std::string may_route_again(const std::string& service) {
  return "KubeSphere may route Service " + service + " again for " + std::to_string(kLookAgainAfter / 1000) + " s";
}

// A step that only time brings: it keeps its stage, so that later stages wait.
void wait_in(Stage stage, const ObjectKey& target, const std::string& why, Decision& decision) {
  Extra extra;
  extra.change.target = target;
  extra.change.verb = Verb::remove;
  extra.change.stage = stage;
  extra.change.rule = std::string(kUndoRule);
  extra.hold = why;
  extra.passing = true;
  decision.extras.push_back(std::move(extra));
}

}  // namespace

Release release_service(const Context& context, const Service& service, const Record& record, const Loss& loss, Decision& decision) {
  const NamespaceView& view = context.view;
  const std::string& name = service.meta.name;
  Release release;
  release.hold = "Service " + name + " is still governed";
  release.passing = true;
  const auto routes = named(view.virtual_services, name);
  const auto rule = named(view.destination_rules, name);
  const bool ours = record.present && record.owns(kGovernedPath);
  if (!ours && governed(service) && !loss.subset) {
    release.done = true;
    return release;
  }

  if (governed(service) || routes != nullptr || rule != nullptr) {
    if (const Strategy* strategy = strategy_of(view, service)) {
      decision.findings.push_back(finding(
          "MG803", strategy->key(), "it shares the traffic of Service " + name + ", whose way back waits for its end",
          "End the release in KubeSphere's console; or send everything to the principal version: kubectl patch strategies.servicemesh.kubesphere.io " +
              strategy->meta.name + " -n " + view.name + " --type merge -p '{\"spec\":{\"governor\":\"" + strategy->principal +
              "\"}}', wait until VirtualService " + name + " says so and 12 s more, delete the other version's Deployment, then: kubectl delete strategies.servicemesh.kubesphere.io " + strategy->meta.name +
              " -n " + view.name));
      release.hold = "Strategy " + strategy->meta.name + " shares the traffic of Service " + name + " (MG803)";
      release.passing = false;
      return release;
    }
  }
  if (governed(service)) {
    if (!ours) {
      decision.findings.push_back(finding("MG113", service.key(), "its annotation " + std::string(keys::kGoverned) + " is not ours"));
      release.hold = "Service " + name + " is governed by its owner (MG113)";
      release.passing = false;
      return release;
    }
    const std::optional<Footprint> footprint = footprint_of(context, service.key(), decision);
    if (!footprint) return release;
    FieldsBack back = take_back(service, record, *footprint, [](std::string_view path) { return path == kGovernedPath; }, false);
    std::move(back.findings.begin(), back.findings.end(), std::back_inserter(decision.findings));
    if (!back.change) {  // the user's own manifest has it by now
      decision.findings.push_back(finding("MG113", service.key(), "its last applied manifest has the annotation " + std::string(keys::kGoverned)));
      release.hold = "Service " + name + " is governed by its owner (MG113)";
      release.passing = false;
      return release;
    }
    back.change->stage = Stage::back_service_annotation;
    back.change->impact = Impact::traffic;
    back.change->rule = std::string(kUndoRule);
    back.change->why = "KubeSphere no longer governs Service " + name;
    decision.extras.push_back({*std::move(back.change), "", false});
    return release;
  }

  const ObjectKey routes_key{Kind::virtual_service, view.name, name};
  const ObjectKey rule_key{Kind::destination_rule, view.name, name};
  std::shared_ptr<const VirtualService> made_routes;
  std::optional<Footprint> of_routes;
  for (const auto& one : view.virtual_services) {
    if (one == routes) {
      of_routes = footprint_of(context, one->key(), decision);
      if (!of_routes) return release;
      if (made_by_kubesphere(*one, service, *of_routes)) {
        made_routes = one;
        continue;
      }
    }
    const Answer needs = needs_what_goes(context, *one, service, loss, decision);
    if (needs == Answer::no) continue;
    if (needs == Answer::yes) {
      decision.findings.push_back(finding("MG113", one->key(), "it is not as KubeSphere made it, is left as it is, and routes to a subset of Service " + name + " that would go"));
      release.hold = to_string(one->key()) + " is somebody's own and routes to a subset that would go (MG113)";
      release.passing = false;
    }
    return release;
  }
  if (made_routes != nullptr) {
    remove(made_routes, *of_routes, Stage::back_virtual_service, "callers reach Service " + name + " by plain load balancing", decision);
    return release;
  }
  const std::optional<std::int64_t> without_routes = away_for(view.moments, routes_key);
  if (rule != nullptr) {
    const std::optional<Footprint> footprint = footprint_of(context, rule_key, decision);
    if (!footprint) return release;
    if (made_by_kubesphere(*rule, service, *footprint)) {
      if (without_routes && *without_routes < kDestinationRuleAfter) {
        wait_for(kDestinationRuleAfter - *without_routes, decision);
        wait_in(Stage::back_destination_rule, rule_key, "12 s after its VirtualService: proxies may still have the route", decision);
      } else {
        remove(rule, *footprint, Stage::back_destination_rule, "no route leads to its subsets any more", decision);
      }
      return release;
    }
    if (labelled_by_kubesphere(*rule, service))
      decision.findings.push_back(finding("MG113", rule_key, "it is not as KubeSphere made it for Service " + name + " and is left as it is; no route needs its subsets"));
  }
  const std::optional<std::int64_t> without_rule = away_for(view.moments, rule_key);
  const bool kubesphere = context.facts.platform.kubesphere && context.facts.platform.served.contains(Kind::virtual_service);
  const bool fresh = view.moments.gone.contains(routes_key) || view.moments.gone.contains(rule_key) || kubesphere;
  if (fresh && without_routes && without_rule) {
    const std::int64_t away = std::min(*without_routes, *without_rule);
    if (away < kLookAgainAfter) {
      wait_for(kLookAgainAfter - away, decision);
      release.hold = may_route_again(name);
      wait_in(Stage::back_destination_rule, routes_key, release.hold, decision);
      return release;
    }
  }
  release.done = true;
  release.hold.clear();
  // A forecast does not know how long they have been away: the controller may wait still.
  if (view.played && kubesphere && !view.moments.gone.contains(routes_key) && !view.moments.gone.contains(rule_key)) release.may_wait = may_route_again(name);
  return release;
}

}  // namespace meshgraft
