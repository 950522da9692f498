#include "reconcilers/forced.h"

#include <map>
#include <set>
#include <string>

#include "reconcilers/applier.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/record.h"

namespace meshgraft {
namespace {

using Forced = std::map<ObjectKey, std::pair<const Object*, std::set<std::string>>>;

std::string plain(const Json& value) {
  const auto* text = value.get_ptr<const std::string*>();
  return text != nullptr ? *text : to_text(value);
}

void add(Forced& forced, const Object& object, std::string text) {
  auto& entry = forced[object.key()];
  entry.first = &object;
  entry.second.insert(std::move(text));
}

void add_wished(Forced& forced, const Intent& intent) {
  if (!intent.hold.empty() || applier_of(intent.object->meta).empty()) return;
  for (const FieldState& field : compare(intent.wish, *intent.object)) {
    if (field.live && *field.live != field.wanted) add(forced, *intent.object, field.path + " (" + plain(*field.live) + ")");
  }
}

void add_recorded(Forced& forced, const Object& object) {
  if (applier_of(object.meta).empty()) return;
  const auto text = object.meta.annotations.find(keys::kUndo);
  if (text == object.meta.annotations.end() || std::string_view(text->second).find("\"was\"") == std::string_view::npos) return;
  const Record record = read_record(object.meta);
  for (const auto& [path, value] : record.was) {
    if (record.owns(path)) add(forced, object, path + " (" + plain(value) + ")");
  }
}

}  // namespace

std::vector<Finding> forced_values(const NamespaceView& view, const std::vector<Intent>& intents) {
  Forced forced;
  for (const Intent& intent : intents) add_wished(forced, intent);
  for (const auto& object : view.workloads) add_recorded(forced, *object);
  for (const auto& object : view.services) add_recorded(forced, *object);
  for (const auto& object : view.ingresses) add_recorded(forced, *object);
  for (const auto& object : view.config_maps) add_recorded(forced, *object);
  std::vector<Finding> findings;
  for (const auto& [key, entry] : forced) {
    std::string list;
    for (const std::string& field : entry.second) list += (list.empty() ? "" : ", ") + field;
    const std::string by(applier_of(entry.first->meta));
    findings.push_back(finding("MG104", key, by + " applies it, and knows the former values of " + list));
  }
  return findings;
}

}  // namespace meshgraft
