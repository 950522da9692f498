#include "cmd/manifest_edit.h"

#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/model/json_read.h"
#include "reconcilers/footprint.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

// What tells the items of a list apart, by the list's name (the API's list-map-keys). Other lists are replaced whole.
struct ListKey {
  std::string_view list, within;  // within: the member that holds the list
  std::array<std::string_view, 2> keys;
};
constexpr std::array<ListKey, 4> kLists{{{"ports", "spec", {"port", "protocol"}},            // Service
                                         {"ports", "containers", {"containerPort", "protocol"}},
                                         {"containers", "spec", {"name", ""}},
                                         {"initContainers", "spec", {"name", ""}}}};

const ListKey* list_key(std::string_view within, std::string_view list) {
  for (const ListKey& row : kLists) {
    if (row.list == list && row.within == within) return &row;
  }
  return nullptr;
}

// A key's value for comparison; a protocol that is left out is TCP (core/v1).
OrderedJson key_value(const OrderedJson& item, std::string_view key) {
  const auto found = item.find(std::string(key));
  if (found != item.end() && !found->is_null()) return *found;
  return key == "protocol" ? OrderedJson("TCP") : OrderedJson();
}

bool same_item(const OrderedJson& left, const OrderedJson& right, const ListKey& by) {
  if (!left.is_object() || !right.is_object()) return false;
  for (const std::string_view key : by.keys) {
    if (!key.empty() && key_value(left, key) != key_value(right, key)) return false;
  }
  return true;
}

void merge(std::string_view within, const OrderedJson& wanted, OrderedJson& into);

void merge_list(std::string_view list, const OrderedJson& wanted, const ListKey& by, OrderedJson& into) {
  for (const OrderedJson& item : wanted) {
    OrderedJson* found = nullptr;
    for (OrderedJson& live : into) {
      if (found == nullptr && same_item(live, item, by)) found = &live;
    }
    if (found == nullptr) {
      into.push_back(item);
      continue;
    }
    for (const auto& [key, value] : item.items()) {
      // What only tells items apart is there already, if need be as the default that nobody writes.
      if (key == by.keys[0] || key == by.keys[1]) continue;
      OrderedJson one = OrderedJson::object();
      one[key] = value;
      merge(list, one, *found);
    }
  }
}

// The members of `wanted` laid over `into`, which is the member `within` of its parent.
void merge(std::string_view within, const OrderedJson& wanted, OrderedJson& into) {
  if (!into.is_object()) into = OrderedJson::object();
  for (const auto& [key, value] : wanted.items()) {
    OrderedJson& at = into[key];
    if (value.is_object()) {
      merge(key, value, at);
    } else if (const ListKey* by = list_key(within, key); by != nullptr && value.is_array() && at.is_array()) {
      merge_list(key, value, *by, at);
    } else {
      at = value;
    }
  }
}

// RFC 7386: a null removes.
void merge_patch(const OrderedJson& patch, OrderedJson& into) {
  if (!patch.is_object()) {
    into = patch;
    return;
  }
  if (!into.is_object()) into = OrderedJson::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) {
      into.erase(key);
    } else {
      merge_patch(value, into[key]);
    }
  }
}

// Takes `key` out of the map `name` of `metadata`, and the map with it when nothing else is left.
void drop(OrderedJson& metadata, const std::string& name, std::string_view key) {
  const auto map = metadata.find(name);
  if (map == metadata.end() || !map->is_object() || map->erase(std::string(key)) == 0) return;
  if (map->empty()) metadata.erase(name);
}

bool has_record(const OrderedJson& document) {
  if (!document.is_object()) return false;
  const auto metadata = document.find("metadata");
  if (metadata == document.end() || !metadata->is_object()) return false;
  const auto annotations = metadata->find("annotations");
  return annotations != metadata->end() && annotations->is_object() && annotations->contains(std::string(keys::kUndo));
}

// "80/TCP" of a list of ports, "main" of a list of containers.
bool is_item(const OrderedJson& item, const PathStep& step) {
  if (!item.is_object()) return false;
  if (step.name != "ports") return key_value(item, "name") == *step.key;
  for (const char* number : {"port", "containerPort"}) {
    const auto found = item.find(number);
    const OrderedJson protocol = key_value(item, "protocol");
    if (found != item.end() && found->is_number() && protocol.is_string() && found->dump() + "/" + protocol.get_ref<const std::string&>() == *step.key) return true;
  }
  return false;
}

// Takes the field at a record's path out of `node`, and the maps that are empty without it.
void take_out(std::span<const PathStep> steps, OrderedJson& node) {
  if (steps.empty() || !node.is_object()) return;
  const PathStep& step = steps.front();
  const bool last = steps.size() == 1;
  const auto found = node.find(step.name);
  if (found == node.end()) return;
  if (step.key && found->is_array()) {
    for (OrderedJson& item : *found) {
      if (!last && is_item(item, step)) take_out(steps.subspan(1), item);
    }
    return;
  }
  if (step.key && found->is_object()) {
    const auto inner = found->find(*step.key);
    if (inner == found->end()) return;
    if (last) {
      found->erase(*step.key);
    } else {
      take_out(steps.subspan(1), *inner);
    }
  } else if (last) {
    node.erase(step.name);
    return;
  } else {
    take_out(steps.subspan(1), *found);
  }
  if (found->is_object() && found->empty()) node.erase(step.name);
}

// What an apply leaves out of the fields that are ours goes, as on the server.
void take_out_dropped(const Change& change, OrderedJson& document) {
  for (const Overwrite& one : change.overwrites) {
    if (!one.after.empty() || value_by_path(change.body, one.path) != nullptr) continue;
    const std::vector<PathStep> steps = steps_of(one.path);
    take_out(steps, document);
  }
}

// The part of a body that belongs into a file. A file that has a record keeps it true: it is a dump of a live object.
OrderedJson for_file(const Json& body, bool with_record = false) {
  OrderedJson json = body;
  const auto metadata = json.find("metadata");
  if (metadata == json.end() || !metadata->is_object()) return json;
  metadata->erase("uid");
  metadata->erase("resourceVersion");
  if (!with_record) drop(*metadata, "annotations", keys::kUndo);
  return json;
}

// ---- JSON Patch, as far as rules write it: test, add, replace, remove (RFC 6902) ----------------------------------

std::vector<std::string> keys_of(std::string_view pointer) {
  std::vector<std::string> keys;
  while (pointer.starts_with('/')) {
    pointer.remove_prefix(1);
    const std::string_view step = pointer.substr(0, pointer.find('/'));
    keys.push_back(key_of_step(step));
    pointer.remove_prefix(step.size());
  }
  return keys;
}

OrderedJson* below(OrderedJson& at, const std::string& step) {
  if (at.is_object()) {
    const auto found = at.find(step);
    return found == at.end() ? nullptr : &*found;
  }
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
  if (!at.is_array() || error != std::errc{} || end != step.data() + step.size() || index >= at.size()) return nullptr;
  return &at[index];
}

// An Ingress of the two v1beta1 groups has its backends as {serviceName, servicePort}, and the default one is spec.backend.
struct OldWords {
  std::string path;
  OrderedJson value;
};
OldWords in_old_words(std::string path, OrderedJson value) {
  constexpr std::string_view kPort = "/service/port";
  constexpr std::string_view kDefault = "/spec/defaultBackend/";
  if (path.ends_with(kPort)) path.replace(path.size() - kPort.size(), kPort.size(), "/servicePort");
  if (path.starts_with(kDefault)) path.replace(0, kDefault.size(), "/spec/backend/");
  if (!value.is_object() || value.size() != 1) return {std::move(path), std::move(value)};
  OrderedJson only = value.begin().value();
  return {std::move(path), std::move(only)};
}

bool is_old_ingress(const OrderedJson& document) {
  const auto version = document.find("apiVersion");
  const auto kind = document.find("kind");
  return kind != document.end() && *kind == "Ingress" && version != document.end() && version->is_string() &&
         version->get_ref<const std::string&>().ends_with("/v1beta1");
}

bool patch_one(const Json& operation, OrderedJson& document) {
  const std::string op = text(operation, "/op");
  std::string path = text(operation, "/path");
  const auto given = operation.find("value");
  OrderedJson value = given == operation.end() ? OrderedJson() : OrderedJson(*given);
  if (is_old_ingress(document) && path.starts_with("/spec/")) {
    OldWords old = in_old_words(std::move(path), std::move(value));
    path = std::move(old.path);
    value = std::move(old.value);
  }
  const std::vector<std::string> steps = keys_of(path);
  if (steps.empty()) return false;
  OrderedJson* parent = &document;
  for (std::size_t i = 0; i + 1 < steps.size() && parent != nullptr; ++i) parent = below(*parent, steps[i]);
  if (parent == nullptr) return false;
  OrderedJson* target = below(*parent, steps.back());
  if (op == "test") return target != nullptr && *target == value;
  if (op == "replace" && target != nullptr) {
    *target = value;
    return true;
  }
  if (op == "remove" && target != nullptr && parent->is_object()) {
    parent->erase(steps.back());
    return true;
  }
  if (op == "add" && parent->is_object()) {
    (*parent)[steps.back()] = value;
    return true;
  }
  return false;
}

// An operation that only concerns what a file does not have: our record, unless it is a dump, the object's uid and
// version.
bool concerns_the_server(const Json& operation, bool recorded) {
  const std::string path = text(operation, "/path");
  if (path == "/metadata/uid" || path == "/metadata/resourceVersion") return true;
  if (recorded) return false;
  if (path.starts_with("/metadata/annotations/")) return keys_of(path).back() == keys::kUndo;
  const auto value = operation.find("value");
  return path == "/metadata/annotations" && value != operation.end() && value->is_object() && value->size() == 1 &&
         value->contains(std::string(keys::kUndo));
}

bool patch(const Json& operations, OrderedJson& document) {
  OrderedJson next = document;
  const bool recorded = has_record(document);
  for (const Json& operation : operations) {
    if (!concerns_the_server(operation, recorded) && !patch_one(operation, next)) return false;
  }
  document = std::move(next);
  return true;
}

}  // namespace

bool edit_document(const Change& change, OrderedJson& document) {
  switch (change.verb) {
    case Verb::create:
      if (document.is_null()) document = for_file(change.body);
      return true;
    case Verb::remove:
    case Verb::orphan:
      document = nullptr;
      return true;
    case Verb::edit:
      return patch(change.body, document);
    case Verb::restore: {
      if (document.is_null()) return false;
      if (change.body.is_array()) return patch(change.body, document);
      Json body = change.body;
      if (const auto metadata = body.find("metadata"); metadata != body.end() && metadata->is_object()) {
        for (const char* server : {"uid", "resourceVersion"}) metadata->erase(server);
      }
      merge_patch(OrderedJson(body), document);
      return true;
    }
    case Verb::apply:
    case Verb::scale:
      break;
  }
  const bool recorded = has_record(document);
  OrderedJson body = for_file(change.body, recorded);
  if (document.is_null()) {
    document = std::move(body);
    return true;
  }
  // The document is that object: what names it stays as it is written.
  for (const char* name : {"apiVersion", "kind"}) body.erase(name);
  if (const auto metadata = body.find("metadata"); metadata != body.end()) {
    for (const char* name : {"name", "namespace"}) metadata->erase(name);
    if (metadata->empty()) body.erase("metadata");
  }
  take_out_dropped(change, document);
  merge("", body, document);
  if (recorded && !has_record(body)) drop(document["metadata"], "annotations", keys::kUndo);
  return true;
}

}  // namespace meshgraft
