#include "reconcilers/record.h"

#include <utility>

#include "k8sclient/base/result.h"
#include "k8sclient/model/json_read.h"
#include "reconcilers/keys.h"

namespace meshgraft {

bool Record::owns(std::string_view path) const { return own.find(std::string(path)) != own.end(); }

bool Record::owns_template() const {
  constexpr std::string_view kTemplate = "spec.template.";
  const auto first = own.lower_bound(std::string(kTemplate));
  return first != own.end() && first->starts_with(kTemplate);
}

Record read_record(const Meta& meta) {
  Record record;
  const Labels::const_iterator found = meta.annotations.find(keys::kUndo);
  if (found == meta.annotations.end()) return record;
  const Result<Json> document = read_json(found->second);
  if (!document) {
    record.broken = document.error().text;
    return record;
  }
  if (!document->is_object()) {
    record.broken = "it is no JSON object";
    return record;
  }
  // A copy on another object (the console's gray Deployment, a file re-applied later) says nothing about this one.
  if (text(*document, "/uid") != meta.uid) return record;
  const Json* own = value_at(*document, "/own");
  if (own != nullptr && !own->is_array()) {
    record.broken = "its field own is no list";
    return record;
  }
  const Json* was = value_at(*document, "/was");
  if (was != nullptr && !was->is_object()) {
    record.broken = "its field was is no object";
    return record;
  }
  Record read;
  if (own != nullptr) {
    for (const Json& path : *own) {
      if (const std::string* value = path.get_ptr<const std::string*>(); value != nullptr) {
        read.own.insert(*value);
      } else {
        record.broken = "its field own holds something that is no text";
        return record;
      }
    }
  }
  if (was != nullptr) {
    for (const auto& [path, value] : was->items()) read.was.emplace(path, value);
  }
  read.present = true;
  return read;
}

bool looks_recorded(const Meta& meta) {
  const Labels::const_iterator found = meta.annotations.find(keys::kUndo);
  if (found == meta.annotations.end()) return false;
  const std::string_view text = found->second;
  if (!text.starts_with('{') || !text.ends_with('}')) return false;
  return meta.uid.empty() ? text.find("\"uid\"") == std::string_view::npos
                          : text.find(meta.uid) != std::string_view::npos;
}

std::string record_text(const Record& record, std::string_view uid) {
  Json document = Json::object();
  if (!uid.empty()) document["uid"] = std::string(uid);
  if (!record.own.empty()) document["own"] = record.own;
  if (!record.was.empty()) document["was"] = record.was;
  return to_text(document);
}

}  // namespace meshgraft
