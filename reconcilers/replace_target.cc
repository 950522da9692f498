#include "reconcilers/replace_target.h"

#include <utility>

#include "k8sclient/model/json_read.h"
#include "reconcilers/findings.h"
#include "reconcilers/footprint.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

void put(Json& at, const Labels& labels) {
  for (const auto& [key, value] : labels) at[key] = value;
}

// "metadata.labels[app]" -> {"/metadata/labels", "app"}; an empty key for every other path.
std::pair<std::string, std::string> place_of(std::string_view path) {
  const std::size_t open = path.find('[');
  if (open == std::string_view::npos || !path.ends_with(']')) return {};
  std::string place = "/" + std::string(path.substr(0, open));
  for (char& letter : place) letter = letter == '.' ? '/' : letter;
  return {std::move(place), std::string(path.substr(open + 1, path.size() - open - 2))};
}

// Whether a Deployment's selector asks for the pod label `key`.
bool selects_by(const Json& selector, const std::string& key) {
  if (const Json* labels = value_at(selector, "/matchLabels"); labels != nullptr && labels->contains(key)) return true;
  for (const Json* one : items(selector, "/matchExpressions")) {
    if (text(*one, "/key") == key) return true;
  }
  return false;
}

}  // namespace

ReplaceRecord record_of_replace(const Member& member, const Json& whole, const Wish& wish, const std::string& name) {
  const Workload& workload = *member.workload;
  ReplaceRecord record;
  record.deployment = workload.meta.name;
  record.old_uid = workload.meta.uid;
  record.original = bare(whole, workload.meta.ns);
  record.target = record.original;
  record.undo_before = read_record(workload.meta);
  record.undo = record.undo_before;

  Wish all = wish;
  // KubeSphere compares the Service's selector with the Deployment's labels too.
  for (const auto& [key, value] : member.service->selector) {
    if (workload.meta.labels.find(key) == workload.meta.labels.end()) all.labels.emplace(key, value);
  }
  for (const FieldState& field : compare(all, workload)) {
    if (field.live && *field.live == field.wanted) continue;
    if (record.undo.own.insert(field.path).second && field.live) record.undo.was.emplace(field.path, *field.live);
  }
  Json& target = record.target;
  put(target["metadata"]["labels"], all.labels);
  put(target["metadata"]["annotations"], all.annotations);
  put(target["spec"]["template"]["metadata"]["labels"], all.pod_labels);
  put(target["spec"]["template"]["metadata"]["annotations"], all.pod_annotations);
  target["metadata"]["annotations"][std::string(keys::kUndo)] = planted_mark(record.old_uid);

  if (record.undo.replaced.is_null()) record.undo.replaced = {{"selector", record.original["spec"].value("selector", Json::object())}};
  if (name != record.deployment) record.new_name = name;
  if (record.beside()) {
    target["metadata"]["name"] = name;
    if (!record.undo.replaced.contains("name")) record.undo.replaced["name"] = record.deployment;
  }
  Json& selector = target["spec"]["selector"]["matchLabels"];
  const Json& pod_labels = target["spec"]["template"]["metadata"]["labels"];
  const auto ask = [&](const std::string& key) {
    if (const auto found = pod_labels.find(key); found != pod_labels.end()) selector[key] = *found;
  };
  for (const std::string_view key : {keys::kAppLabel, keys::kVersionLabel, keys::kAppName, keys::kAppVersion}) ask(std::string(key));
  for (const auto& [key, value] : member.service->selector) ask(std::string(key));
  return record;
}

Return record_of_return(const Workload& workload, const Json& whole, const Record& former, const std::string& name) {
  Return made;
  ReplaceRecord& record = made.record;
  record.undoing = true;
  record.deployment = workload.meta.name;
  record.old_uid = workload.meta.uid;
  record.original = bare(whole, workload.meta.ns);
  record.target = record.original;
  record.undo_before = former;
  if (name != record.deployment) record.new_name = name;
  Json& target = record.target;
  target["metadata"]["name"] = name;
  const Json selector = former.replaced.value("selector", Json::object());
  const Footprint footprint(&whole);
  // A file tells nobody's share.
  const bool told = value_at(whole, "/metadata/managedFields") != nullptr;
  for (const std::string& path : former.own) {
    const auto [place, key] = place_of(path);
    if (key.empty()) continue;
    const Json* map = value_at(target, place);
    if (map == nullptr || !map->is_object() || !map->contains(key)) continue;
    const Json present = (*map)[key];
    const std::optional<Json> applied = footprint.applied(path);
    const auto was = former.was.find(path);
    const std::optional<Json> before = applied ? applied : was != former.was.end() ? std::optional<Json>(was->second) : std::nullopt;
    // What the user's own manifest contains by now is his.
    if (before == present) continue;
    // The former selector must match: what it asks for is put back whoever changed it.
    const bool asked = place == "/spec/template/metadata/labels" && selects_by(selector, key);
    if (const std::string who = told && !asked ? footprint.taken_by(path, present, was == former.was.end() ? nullptr : &was->second) : ""; !who.empty()) {
      made.findings.push_back(finding("MG112", workload.key(), path + " is " + to_text(present) + " and stays: " + who + " changed it"));
      continue;
    }
    Json& live = target[Json::json_pointer(place)];
    if (before) {
      live[key] = *before;
    } else {
      live.erase(key);
    }
  }
  for (const char* place : {"/metadata/labels", "/spec/template/metadata/annotations"}) {
    const Json* map = value_at(target, place);
    if (map == nullptr || !map->is_object() || !map->empty()) continue;
    const Json::json_pointer at(place);
    target[at.parent_pointer()].erase(at.back());
  }
  target["spec"]["selector"] = selector;
  target["metadata"]["annotations"][std::string(keys::kUndo)] = planted_mark(record.old_uid);
  return made;
}

}  // namespace meshgraft
