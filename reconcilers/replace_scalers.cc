#include "reconcilers/replace_scalers.h"

#include <utility>

#include "reconcilers/applier.h"

namespace meshgraft {

std::vector<std::shared_ptr<const Autoscaler>> scalers_of(const NamespaceView& view, std::string_view name) {
  std::vector<std::shared_ptr<const Autoscaler>> found;
  if (!view.limits) return found;
  for (const auto& scaler : view.limits->autoscalers) {
    if (scaler->target_kind == info(Kind::deployment).name && scaler->target_name == name && !scaler->meta.deleting) found.push_back(scaler);
  }
  return found;
}

Change lead_change(const Autoscaler& scaler, std::string_view from, std::string_view to, std::string why) {
  Change change;
  change.target = scaler.key();
  change.verb = Verb::edit;
  change.pre.uid = scaler.meta.uid;
  change.why = std::move(why);
  const char* path = "/spec/scaleTargetRef/name";
  change.body = Json::array({{{"op", "test"}, {"path", path}, {"value", std::string(from)}},
                             {{"op", "replace"}, {"path", path}, {"value", std::string(to)}}});
  change.overwrites.push_back({"spec.scaleTargetRef.name", std::string(from), std::string(to)});
  return change;
}

std::string scaler_obstacle(const NamespaceView& view, std::string_view name, bool updated) {
  for (const auto& scaler : scalers_of(view, name)) {
    const std::string which = "HorizontalPodAutoscaler " + scaler->meta.name + " scales it, and ";
    if (!scaler->meta.owners.empty()) return which + scaler->meta.owners.front().kind + " " + scaler->meta.owners.front().name + ", which owns it, would lead it back to a name that is gone";
    if (const std::string by(applier_of(scaler->meta)); !updated && !by.empty()) return which + "is applied by " + by + ": the next apply would lead it back to a name that is gone, unless meshgraft.io/manifests-updated says that it carries the new one";
  }
  return "";
}

}  // namespace meshgraft
