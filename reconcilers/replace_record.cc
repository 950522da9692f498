#include "reconcilers/replace_record.h"

#include <algorithm>
#include <array>
#include <utility>

#include "k8sclient/base/result.h"
#include "k8sclient/model/json_read.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

// What the server keeps by itself (meta/v1 ObjectMeta), and the Deployment controller (deployment_util.go).
constexpr std::array<std::string_view, 8> kServerKept{"uid",           "resourceVersion",   "generation",
                                                      "managedFields", "creationTimestamp", "deletionTimestamp",
                                                      "selfLink",      "deletionGracePeriodSeconds"};
constexpr std::string_view kRevision = "deployment.kubernetes.io/revision";
constexpr std::string_view kMark = R"({"replaces":")";

Json undo_json(const Record& record) {
  Json body = Json::object();
  if (!record.own.empty()) body["own"] = record.own;
  if (!record.was.empty()) body["was"] = record.was;
  if (!record.replaced.is_null()) body["replaced"] = record.replaced;
  return body;
}

Record undo_of(const Json& document, std::string_view path) {
  Record record;
  const std::string at(path);
  for (const Json* one : items(document, at + "/own")) record.own.insert(text(*one, ""));
  if (const Json* was = value_at(document, at + "/was"); was != nullptr && was->is_object()) {
    for (const auto& [key, value] : was->items()) record.was.emplace(key, value);
  }
  if (const Json* replaced = value_at(document, at + "/replaced"); replaced != nullptr) record.replaced = *replaced;
  record.present = !record.own.empty() || !record.was.empty();
  return record;
}

std::string progress_text(const ReplaceRecord& record) {
  Json progress = Json::object();
  if (!record.planted.empty()) progress["planted"] = record.planted;
  if (!record.back.empty()) progress["back"] = record.back;
  if (record.held) progress["held"] = true;
  return to_text(progress);
}

bool read_object(const Json& data, const char* key, Json& into) {
  const auto found = data.find(key);
  if (found == data.end() || !found->is_object()) return false;
  into = *found;
  return !text(into, "/metadata/name").empty() && into.contains("spec");
}

}  // namespace

bool keeps_pods(const ReplaceRecord& record) {
  const Json* before = value_at(record.original, "/spec/template");
  const Json* after = value_at(record.target, "/spec/template");
  return !record.undoing && !record.beside() && before != nullptr && after != nullptr && *before == *after;
}

std::string replace_record_name(std::string_view deployment) { return "meshgraft-" + std::string(deployment); }

ReplaceRecord read_replace_record(const ControllerRevision& object) {
  ReplaceRecord record;
  record.uid = object.meta.uid;
  const Result<Json> data = read_json(object.data);
  if (!data || !data->is_object()) {
    record.broken = "its data is no JSON object";
    return record;
  }
  record.deployment = text(*data, "/deployment/name");
  record.old_uid = text(*data, "/deployment/uid");
  record.undoing = text(*data, "/direction") == "back";
  if (record.deployment.empty() || !maybe_text(*data, "/deployment/uid") || !read_object(*data, "original", record.original) ||
      !read_object(*data, "target", record.target)) {
    record.broken = "its data lacks the Deployment that was, or the one that comes";
    return record;
  }
  if (object.meta.name != replace_record_name(record.deployment) ||
      text(record.original, "/metadata/name") != record.deployment) {
    record.broken = "its name and the Deployment in it differ";
    return record;
  }
  record.new_name = text(record.target, "/metadata/name");
  if (record.new_name == record.deployment) record.new_name.clear();
  for (const Json* one : items(*data, "/replicaSets"))
    record.sets.push_back({text(*one, "/name"), text(*one, "/uid"), number(*one, "/replicas")});
  record.undo = undo_of(*data, "/undo");
  record.undo_before = undo_of(*data, "/undoBefore");

  const auto written = object.meta.annotations.find(keys::kUndo);
  if (written == object.meta.annotations.end()) return record;
  const Result<Json> progress = read_json(written->second);
  if (!progress || !progress->is_object()) {
    record.broken = "its annotation " + std::string(keys::kUndo) + " is no JSON object";
    return record;
  }
  record.planted = text(*progress, "/planted");
  record.back = text(*progress, "/back");
  record.held = maybe_bool(*progress, "/held").value_or(false);
  return record;
}

Json replace_record_body(const ReplaceRecord& record, std::string_view ns) {
  Json sets = Json::array();
  for (const RecordedSet& one : record.sets)
    sets.push_back({{"name", one.name}, {"uid", one.uid}, {"replicas", one.replicas}});
  Json data{{"deployment", {{"name", record.deployment}, {"uid", record.old_uid}}},
            {"direction", record.undoing ? "back" : "in"},
            {"original", record.original},
            {"target", record.target},
            {"replicaSets", std::move(sets)},
            {"undo", undo_json(record.undo)}};
  if (record.undo_before.present) data["undoBefore"] = undo_json(record.undo_before);
  return {{"apiVersion", "apps/v1"},
          {"kind", "ControllerRevision"},
          {"metadata",
           {{"name", replace_record_name(record.deployment)},
            {"namespace", std::string(ns)},
            {"labels",
             {{std::string(keys::kManagedBy), std::string(keys::kManagedByUs)},
              {std::string(keys::kRecord), std::string(keys::kRecordOfReplace)}}},
            {"annotations", {{std::string(keys::kUndo), progress_text(record)}}},
            {"finalizers", Json::array({std::string(keys::kRecordFinalizer)})}}},
          {"revision", 1},
          {"data", std::move(data)}};
}

Change progress_change(const ReplaceRecord& record, const ControllerRevision& object) {
  Change change;
  change.target = object.key();
  change.verb = Verb::edit;
  change.pre = {object.meta.uid, object.meta.resource_version};
  const bool there = object.meta.annotations.find(keys::kUndo) != object.meta.annotations.end();
  if (object.meta.annotations.empty()) {
    change.body = Json::array({{{"op", "add"}, {"path", "/metadata/annotations"}, {"value", {{std::string(keys::kUndo), progress_text(record)}}}}});
    return change;
  }
  change.body = Json::array({{{"op", there ? "replace" : "add"},
                              {"path", "/metadata/annotations/meshgraft.io~1undo"},
                              {"value", progress_text(record)}}});
  return change;
}

bool keeps_record(const Meta& meta) {
  return std::find(meta.finalizers.begin(), meta.finalizers.end(), keys::kRecordFinalizer) != meta.finalizers.end();
}

Change release_change(const ControllerRevision& object) {
  const std::vector<std::string>& all = object.meta.finalizers;
  const auto place = std::find(all.begin(), all.end(), keys::kRecordFinalizer) - all.begin();
  const std::string path = "/metadata/finalizers/" + std::to_string(place);
  Change change;
  change.target = object.key();
  change.verb = Verb::edit;
  change.pre = {object.meta.uid, object.meta.resource_version};
  change.body = Json::array({{{"op", "test"}, {"path", path}, {"value", std::string(keys::kRecordFinalizer)}},
                             {{"op", "remove"}, {"path", path}}});
  return change;
}

Json bare(const Json& raw, std::string_view ns) {
  Json body = raw;
  body.erase("status");
  body["metadata"]["namespace"] = std::string(ns);  // a file may leave it to its reader
  const auto meta = body.find("metadata");
  if (meta == body.end() || !meta->is_object()) return body;
  for (const std::string_view key : kServerKept) meta->erase(std::string(key));
  const auto annotations = meta->find("annotations");
  if (annotations != meta->end() && annotations->is_object()) {
    annotations->erase(std::string(kRevision));
    if (annotations->empty()) meta->erase(annotations);
  }
  const auto pod = value_at(body, "/spec/template/metadata");
  if (pod != nullptr && pod->is_object() && pod->contains("creationTimestamp"))
    body["spec"]["template"]["metadata"].erase("creationTimestamp");
  return body;
}

std::string planted_mark(std::string_view old_uid, std::string_view by) {
  return std::string(kMark) + std::string(old_uid) + (by.empty() ? "" : "\",\"by\":\"" + std::string(by)) + "\"}";
}

bool is_planted(const Meta& meta, std::string_view old_uid, std::string_view by) {
  const auto found = meta.annotations.find(keys::kUndo);
  return found != meta.annotations.end() && found->second == planted_mark(old_uid, by);
}

bool takes_place_of(const Meta& meta, std::string_view old_uid) {
  const auto found = meta.annotations.find(keys::kUndo);
  return found != meta.annotations.end() && found->second.starts_with(std::string(kMark) + std::string(old_uid) + '"');
}

bool has_planted_mark(const Meta& meta) {
  const auto found = meta.annotations.find(keys::kUndo);
  return found != meta.annotations.end() && found->second.starts_with(kMark);
}

}  // namespace meshgraft
