#include "reconcilers/release_record.h"

#include "k8sclient/model/json_read.h"
#include "reconcilers/keys.h"
#include "reconcilers/release_parts.h"

namespace meshgraft {
namespace {

Json member(const Json& document, std::string_view path) {
  const Json* found = value_at(document, path);
  return found == nullptr ? Json() : *found;
}

}  // namespace

ReleaseRecord read_release_record(const Strategy& strategy) {
  ReleaseRecord record;
  const auto found = strategy.meta.annotations.find(keys::kUndo);
  if (found == strategy.meta.annotations.end()) return record;
  const Result<Json> document = read_json(found->second);
  if (!document || !document->is_object()) {
    record.broken = document ? "it is no JSON object" : document.error().text;
    return record;
  }
  if (text(*document, "/uid") != strategy.meta.uid) return record;
  const Json* release = value_at(*document, "/release");
  if (release == nullptr) return record;
  record.was = member(*release, "/was");
  record.want = member(*release, "/want");
  record.wrote = member(*release, "/wrote");
  if (!are_parts(record.was) || !are_parts(record.want) || !(record.wrote.is_null() || are_parts(record.wrote))) {
    record.broken = "it does not say what the principal was like";
    return record;
  }
  record.present = true;
  record.principal = text(*release, "/principal");
  record.gray = text(*release, "/gray");
  record.retry = text(*release, "/retry");
  record.held = maybe_bool(*release, "/held").value_or(false);
  record.since = number(*release, "/since");
  return record;
}

std::string release_record_text(const ReleaseRecord& record, const std::string& uid) {
  Json release = {{"principal", record.principal}, {"gray", record.gray}, {"was", record.was}, {"want", record.want}};
  if (!record.wrote.is_null()) release["wrote"] = record.wrote;
  if (!record.retry.empty()) release["retry"] = record.retry;
  if (record.held) release["held"] = true;
  if (record.since > 0) release["since"] = record.since;
  Json document = {{"release", std::move(release)}};
  if (!uid.empty()) document["uid"] = uid;
  return to_text(document);
}

}  // namespace meshgraft
