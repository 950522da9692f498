#include "tests/fakes/kubesphere_play.h"

#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {

std::string_view model_api_version(std::string_view kind) {
  if (kind == "Service") return "v1";
  if (kind == "Deployment" || kind == "StatefulSet") return "apps/v1";
  if (kind == "Ingress") return "networking.k8s.io/v1";
  if (kind == "Application") return "app.k8s.io/v1beta1";
  if (kind == "Strategy" || kind == "ServicePolicy") return "servicemesh.kubesphere.io/v1alpha2";
  return "networking.istio.io/v1alpha3";  // VirtualService, DestinationRule
}

Snapshot KubeSpherePlay::snapshot() const {
  Snapshot result;
  for (const std::string& kind : watched_kinds()) {
    auto& places = result[kind];
    for (Object& object : engine_.objects(model_api_version(kind), kind)) {
      std::pair<std::string, std::string> place(text_at(*object, {"metadata", "namespace"}),
                                                text_at(*object, {"metadata", "name"}));
      places.emplace(std::move(place), std::move(object));
    }
  }
  return result;
}

void KubeSpherePlay::hear() {
  std::map<std::string, std::string> kinds;
  for (const std::string& kind : watched_kinds()) {
    if (const TypePtr type = engine_.by_kind(model_api_version(kind), kind)) kinds.emplace(type->key(), kind);
  }
  const std::optional<std::vector<Event>> events = engine_.changes_since(version_);
  if (!events || kinds != kinds_) {
    kinds_ = std::move(kinds);
    version_ = engine_.version();  // what comes between the two is heard again
    queue_.look(snapshot());
    return;
  }
  for (const Event& event : *events) {
    version_ = event.version;
    const auto kind = kinds_.find(event.type_key);
    if (kind != kinds_.end()) queue_.tell(kind->second, {event.ns, event.name}, event.deleted ? nullptr : event.after);
  }
}

bool KubeSpherePlay::carry_out(const ModelWrite& write) {
  const Json& object = write.object;
  const std::string kind = text_at(object, {"kind"});
  Target target{engine_.by_kind(model_api_version(kind), kind), "", text_at(object, {"metadata", "namespace"}),
                text_at(object, {"metadata", "name"}), ""};
  if (!target.type) return false;
  WriteOptions options;
  options.manager = "controller-manager";
  switch (write.verb) {
    case ModelWrite::create:
      return engine_.create(target, object, options).ok();
    case ModelWrite::update:
      return engine_.update(target, object, options).ok();
    case ModelWrite::update_status:
      target.subresource = "status";
      return engine_.update(target, object, options).ok();
    case ModelWrite::remove:
      return engine_.remove(target, {}).ok();
  }
  return false;
}

bool KubeSpherePlay::step() {
  constexpr int kRounds = 50;  // rule, routes, status: three are usual
  bool wrote = false;
  for (int i = 0; i < kRounds && engine_.version() != version_; ++i) {
    hear();
    bool all = true;
    for (const ModelWrite& write : queue_.writes()) {
      const bool taken = carry_out(write);
      wrote = taken || wrote;
      all = taken && all;
    }
    queue_.tried(all);
  }
  return wrote;
}

}  // namespace meshgraft::fakes
