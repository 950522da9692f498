#include "reconcilers/undo_created.h"

#include <algorithm>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/gateway_facts.h"
#include "reconcilers/ingress_split.h"
#include "reconcilers/keys.h"
#include "reconcilers/undo.h"

namespace meshgraft {
namespace {

const std::string kTouchedPath = "metadata.annotations[" + std::string(keys::kTouchedAt) + "]";  // NOLINT: short, and ours

bool labelled_ours(const Object& object) {
  const auto label = object.meta.labels.find(keys::kManagedBy);
  return label != object.meta.labels.end() && label->second == keys::kManagedByUs;
}

bool is_our_filter(const Object& object) {
  return labelled_ours(object) && object.meta.name.starts_with(keys::kEnvoyFilterName);
}
bool is_our_rule(const Object& object) { return labelled_ours(object) && object.meta.name.starts_with("meshgraft-"); }

// Deletes `object` once nobody else has a field of it, in the state in which that was seen; names who has. Only of an
// Application, whose status changes all the time, the uid alone is held fast.
void remove(const Context& context, const Object& object, Stage stage, Impact impact, std::string why, Decision& decision) {
  if (object.meta.deleting) return;
  const std::optional<Footprint> footprint = footprint_of(context, object.key(), decision);
  if (!footprint) return;
  if (const std::vector<std::string> others = footprint->others(); !others.empty()) {
    decision.findings.push_back(finding("MG113", object.key(), "it is left: " + others.front() + " owns some of it by now"));
    return;
  }
  Extra extra;
  extra.change.target = object.key();
  extra.change.verb = Verb::remove;
  extra.change.pre.uid = object.meta.uid;
  if (object.kind != Kind::application) extra.change.pre.resource_version = footprint->version_or(object.meta.resource_version);
  extra.change.stage = stage;
  extra.change.impact = impact;
  extra.change.rule = std::string(kUndoRule);
  extra.change.why = std::move(why);
  decision.extras.push_back(std::move(extra));
}

bool has_controller(const NamespaceView& view) {
  return std::any_of(view.workloads.begin(), view.workloads.end(), [](const auto& workload) {
    return workload->meta.annotations.contains(keys::kUndo) && read_ingress_controller(*workload).has_value();
  });
}

// Whether the Ingress that this one was split from is there: then it goes with that one.
bool has_original(const NamespaceView& view, const Ingress& copy) {
  const auto from = copy.meta.annotations.find(keys::kSplitFrom);
  return std::any_of(view.ingresses.begin(), view.ingresses.end(),
                     [&](const auto& one) { return from != copy.meta.annotations.end() && one->meta.name == from->second; });
}

}  // namespace

bool created_by_us(const Application& application) {
  if (!application.meta.annotations.contains(keys::kTouchedAt)) return false;
  const Record record = read_record(application.meta);
  return record.broken.empty() && (!record.present || record.was.contains(kTouchedPath));
}

bool holds_created(const NamespaceView& view) {
  return std::any_of(view.ingresses.begin(), view.ingresses.end(), [](const auto& one) { return is_split_copy(*one); }) ||
         std::any_of(view.applications.begin(), view.applications.end(), [](const auto& one) { return created_by_us(*one); }) ||
         std::any_of(view.envoy_filters.begin(), view.envoy_filters.end(), [](const auto& one) { return is_our_filter(*one); }) ||
         std::any_of(view.destination_rules.begin(), view.destination_rules.end(), [](const auto& one) { return is_our_rule(*one); });
}

void take_back_created(const Context& context, bool app_gone, bool gateway_gone, Decision& decision) {
  const NamespaceView& view = context.view;
  if (app_gone) {
    for (const auto& application : view.applications) {
      if (created_by_us(*application)) remove(context, *application, Stage::back_application, Impact::none, "the app that was made for this namespace", decision);
    }
    for (const auto& ingress : view.ingresses) {
      if (is_split_copy(*ingress) && !has_original(view, *ingress)) remove(context, *ingress, Stage::back_ingress_backend, Impact::traffic, "an Ingress that was made for a split one", decision);
    }
  }
  if (!gateway_gone) return;
  const bool is_root = view.name == context.facts.mesh.root_namespace;
  for (const auto& filter : view.envoy_filters) {
    if (!is_our_filter(*filter) || (is_root && filter->workload_selector.empty())) continue;
    remove(context, *filter, Stage::back_envoy_filter, Impact::traffic, "the gateway is no longer in the mesh", decision);
  }
  for (const auto& rule : view.destination_rules) {
    if (is_our_rule(*rule)) remove(context, *rule, Stage::back_envoy_filter, Impact::traffic, "the gateway is no longer in the mesh", decision);
  }
  // The mesh-wide one goes with the last gateway.
  const bool last = std::none_of(context.facts.gateways.begin(), context.facts.gateways.end(),
                                 [](const GatewayFacts& gateway) {
                                   return gateway.kubesphere ? gateway.wanted && gateway.switchable : gateway.opted_in;
                                 });
  if (!last || context.facts.root_filters.empty() || !(has_controller(view) || is_root || !view.gateways.empty())) return;
  for (const auto& filter : context.facts.root_filters) {
    if (is_our_filter(*filter) && filter->workload_selector.empty()) {
      remove(context, *filter, Stage::back_envoy_filter, Impact::traffic, "no gateway is in the mesh any more", decision);
    }
  }
}

}  // namespace meshgraft
