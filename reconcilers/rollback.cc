#include "reconcilers/rollback.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "reconcilers/foresee.h"
#include "reconcilers/keys.h"
#include "reconcilers/rollout_failure.h"
#include "reconcilers/undo.h"
#include "reconcilers/undo_fields.h"
#include "reconcilers/wish.h"

namespace meshgraft {
namespace {

constexpr std::string_view kRule = "rollback";

std::string held_path() { return "metadata.annotations[" + std::string(keys::kHeld) + "]"; }

Record without_template(Record record) {
  std::erase_if(record.own, [](const std::string& path) { return is_template_path(path); });
  std::erase_if(record.was, [](const auto& value) { return is_template_path(value.first); });
  return record;
}

Extra extra_of(Change change, Impact impact, std::string why) {
  Extra extra;
  extra.change = std::move(change);
  extra.change.stage = Stage::rollback;
  extra.change.impact = impact;
  extra.change.rule = std::string(kRule);
  extra.change.why = std::move(why);
  return extra;
}

// The former template of `workload`; nullopt when it stands there.
std::optional<Change> former_template(const Workload& workload, const Record& record, const Footprint& footprint) {
  if (!template_goes_back(workload, record, footprint)) return std::nullopt;
  return take_back(workload, record, footprint, is_template_path, false).change;
}

// Its pods get requests as a subset, by their label version, which the former template lacks: going back would starve
// what is left of them.
bool serves_as_subset(const NamespaceView& view, const Workload& workload) {
  return std::any_of(view.services.begin(), view.services.end(), [&workload](const auto& service) {
    const auto governed = service->meta.annotations.find(keys::kGoverned);
    return governed != service->meta.annotations.end() && governed->second == "true" && !service->selector.empty() &&
           is_subset(service->selector, workload.pod.labels);
  });
}

void hold(const std::shared_ptr<const Workload>& workload, Record record, const Footprint& footprint, const std::string& reason, Decision& decision) {
  ObjectPtr back = workload;
  if (const std::optional<Change> change = former_template(*workload, record, footprint)) back = after(workload, *change);
  record.held = likeness_of(*as<Workload>(back.get()), record);
  Wish wish;
  wish.annotations.emplace(keys::kHeld, reason);
  decision.extras.push_back(extra_of(apply_of(wish, *workload, record), Impact::none, "its restart failed: " + reason));
}

}  // namespace

// What the workload is like once its former template is back: another template later is somebody's change, and another
// value of meshgraft.io/retry asks for a new try.
std::string likeness_of(const Workload& workload, const Record& record) {
  const auto retry = workload.meta.annotations.find(keys::kRetry);
  return rest_of_template(workload, without_template(record)) + "/" + (retry == workload.meta.annotations.end() ? std::string() : retry->second);
}

Decision desired_rollback(const Context& context) {
  Decision decision;
  for (const auto& workload : context.view.workloads) {
    const bool held = workload->meta.annotations.contains(keys::kHeld);
    const std::optional<std::string> reason = held ? std::nullopt : failed_rollout(*workload, context);
    if (!held && (!reason || serves_as_subset(context.view, *workload))) continue;
    if (!workload->meta.annotations.contains(keys::kUndo)) continue;
    if (leaves(context, *workload)) continue;
    // Read this late because nearly every workload is neither held nor failing, and a record is dear to read.
    Record record = read_record(workload->meta);
    if (!record.present) continue;
    // Held by somebody's own annotation, or a rollout that is not of our template.
    if (held ? record.held.empty() : !record.owns_template()) continue;
    const std::optional<Footprint> footprint = footprint_of(context, workload->key(), decision);
    if (!footprint) continue;
    if (!held) {
      hold(workload, std::move(record), *footprint, *reason, decision);
      continue;
    }
    if (std::optional<Change> change = former_template(*workload, record, *footprint)) {
      Extra extra = extra_of(*std::move(change), Impact::restart, "the template that it had before");
      extra.change.restarts = static_cast<int>(workload->replicas);
      extra.change.at_once = true;
      decision.extras.push_back(std::move(extra));
    } else if (likeness_of(*workload, record) != record.held) {
      record.held.clear();
      const auto is_mark = [](std::string_view path) { return path == held_path(); };
      FieldsBack back = take_back(*workload, record, *footprint, is_mark, false);
      if (back.change) decision.extras.push_back(extra_of(*std::move(back.change), Impact::none, "it changed, or is to be tried again"));
    } else {
      decision.held.push_back(workload);
    }
  }
  return decision;
}

}  // namespace meshgraft
