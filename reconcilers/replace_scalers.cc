#include "reconcilers/replace_scalers.h"

#include <algorithm>
#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/applier.h"

namespace meshgraft {
namespace {

// The name that what people apply leads to, where kubectl apply has left it; "" where nothing tells.
std::string applied_target(const Autoscaler& scaler) {
  const auto found = scaler.meta.annotations.find("kubectl.kubernetes.io/last-applied-configuration");
  if (found == scaler.meta.annotations.end()) return "";
  const Result<Json> manifest = read_json(found->second);
  return manifest ? text(*manifest, "/spec/scaleTargetRef/name") : "";
}

}  // namespace

std::vector<std::shared_ptr<const Autoscaler>> scalers_of(const NamespaceView& view, std::string_view name) {
  std::vector<std::shared_ptr<const Autoscaler>> found;
  if (!view.limits) return found;
  for (const auto& scaler : view.limits->autoscalers) {
    if (scaler->target_kind == info(Kind::deployment).name && scaler->target_name == name && !scaler->meta.deleting) found.push_back(scaler);
  }
  return found;
}

std::shared_ptr<const Autoscaler> unlisted_autoscalers() { return std::make_shared<const Autoscaler>(); }

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
  change.retakes.emplace_back("spec.scaleTargetRef.name");  // whoever keeps leading it elsewhere is given way to
  return change;
}

std::string scaler_obstacle(const NamespaceView& view, std::string_view from, std::string_view to, Lead lead) {
  if (view.limits && std::any_of(view.limits->autoscalers.begin(), view.limits->autoscalers.end(), [](const auto& one) { return one->meta.name.empty(); }))
    return "HorizontalPodAutoscalers may not be listed here: whether one scales it, and would be left with a name that is gone, is not known";
  for (const auto& scaler : scalers_of(view, from)) {
    const std::string which = "HorizontalPodAutoscaler " + scaler->meta.name + " scales it, and ";
    if (!scaler->meta.owners.empty()) return which + scaler->meta.owners.front().kind + " " + scaler->meta.owners.front().name + ", which owns it, would lead it back to a name that is gone";
    const std::string by(applier_of(scaler->meta));
    if (by.empty() || lead == Lead::on_updated || applied_target(*scaler) == to) continue;
    return which + "is applied by " + by + ": the next apply would lead it back to a name that is gone" +
           (lead == Lead::on ? ", unless meshgraft.io/manifests-updated says that it carries the new one" : "");
  }
  return "";
}

}  // namespace meshgraft
