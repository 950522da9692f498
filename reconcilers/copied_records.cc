#include "reconcilers/copied_records.h"

#include <string>

#include "k8sclient/model/json_read.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/record.h"

namespace meshgraft {
namespace {

// The uid of the object that a record on another one is of; "" where there is no such record, or it lists nothing.
std::string copied_from(const Meta& meta) {
  if (meta.uid.empty() || looks_recorded(meta)) return "";  // nearly every object of a joined namespace
  const Labels::const_iterator found = meta.annotations.find(keys::kUndo);
  if (found == meta.annotations.end()) return "";
  const Result<Json> document = read_json(found->second);
  if (!document || !document->is_object() || value_at(*document, "/own") == nullptr) return "";
  const std::string uid = text(*document, "/uid");
  return uid == meta.uid ? "" : uid;
}

template <typename List>
bool holds(const List& objects, const std::string& uid) {
  for (const auto& object : objects) {
    if (object->meta.uid == uid) return true;
  }
  return false;
}

template <typename List>
void look_at(const List& objects, std::vector<Finding>& findings) {
  for (const auto& object : objects) {
    if (object->meta.deleting) continue;
    const std::string uid = copied_from(object->meta);
    if (uid.empty() || holds(objects, uid)) continue;
    findings.push_back(finding("MG118", object->key(), "its record was copied with it from another object: what it holds counts as yours, and stays when the label goes"));
  }
}

}  // namespace

Decision desired_copied_records(const Context& context) {
  if (!context.options.concerned()) return {};
  Decision decision;
  look_at(context.view.workloads, decision.findings);
  look_at(context.view.services, decision.findings);
  look_at(context.view.ingresses, decision.findings);
  return decision;
}

}  // namespace meshgraft
