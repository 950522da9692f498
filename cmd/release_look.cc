#include "cmd/release_look.h"

#include <algorithm>
#include <memory>

#include "reconcilers/facts.h"

namespace meshgraft {

Images images_of(const NamespaceView& view, const std::string& deployment) {
  Images images;
  for (const auto& workload : view.workloads) {
    if (workload->kind != Kind::deployment || workload->meta.name != deployment) continue;
    for (const Container& one : workload->pod.containers) images.emplace(one.name, one.image);
  }
  return images;
}

// The plan of a namespace with the whole objects that it asks for.
Plan plan_of(Api& api, LiveWorld& live, const std::string& ns, const Settings& settings) {
  NamespaceView& view = live.world.namespaces.at(ns);
  const Facts facts = derive_facts(live.world, settings);
  Plan made = plan(view, facts, settings, Gating::limited);
  for (int i = 0; i < 3 && !made.wants_live.empty(); ++i) {
    for (const ObjectKey& key : made.wants_live) {
      ApiResult<Json> object = api.get_json(key);
      view.live.insert_or_assign(key, object ? std::make_shared<const Json>(*std::move(object)) : nullptr);
    }
    made = plan(view, facts, settings, Gating::limited);
  }
  return made;
}

const Strategy* named_strategy(const NamespaceView& view, const std::string& name) {
  for (const auto& strategy : view.strategies) {
    if (strategy->meta.name == name) return strategy.get();
  }
  return nullptr;
}

ReleaseLook take_look(Api& api, LiveWorld& live, const std::string& ns, const std::string& name, const Settings& settings) {
  const Plan made = plan_of(api, live, ns, settings);
  const NamespaceView& view = live.world.namespaces.at(ns);
  ReleaseLook sight;
  for (const ReleaseState& state : made.releases) {
    if (state.strategy.name == name) sight.state = state;
  }
  if (!sight.state) return sight;
  sight.gray = images_of(view, sight.state->gray_deployment);
  for (const Finding& finding : made.findings) {
    if (finding.about == sight.state->strategy && finding.code == sight.state->finding) sight.remedy = finding.remedy;
  }
  const ReleaseState& state = *sight.state;
  sight.ours = std::any_of(made.now.begin(), made.now.end(), [&state](const Change& change) {
    const bool its_deployment = change.target.kind == Kind::deployment && (change.target.name == state.principal_deployment || change.target.name == state.gray_deployment);
    return change.stage == Stage::release && (change.target == state.strategy || its_deployment);
  });
  return sight;
}

}  // namespace meshgraft
