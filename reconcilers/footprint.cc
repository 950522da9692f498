#include "reconcilers/footprint.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "k8sclient/model/json_read.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

// "80/TCP": the key of a port in the lists that the API server merges; number and protocol.
std::pair<int, std::string> port_key(std::string_view key) {
  const std::size_t slash = key.find('/');
  int number = 0;
  const std::string_view digits = key.substr(0, slash);
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return {number, slash == std::string_view::npos ? "TCP" : std::string(key.substr(slash + 1))};
}

bool is_list(const PathStep& step) { return step.name == "ports" || step.name == "containers"; }

// Maps that the API server merges key by key. Who wrote an empty one owns the map alone ("f:data": {}), no key of it.
bool is_merged_map(const PathStep& step) {
  return step.name == "labels" || step.name == "annotations" || step.name == "data" || step.name == "config";
}

// What fields the number of a port stands in: of a Service "port", of a container "containerPort".
std::string_view number_field(bool in_container) { return in_container ? "containerPort" : "port"; }

const Json* member(const Json* at, std::string_view name) {
  if (at == nullptr || !at->is_object()) return nullptr;
  const auto found = at->find(name);
  return found == at->end() ? nullptr : &*found;
}

// The set of fields below `path` in fieldsV1; null when the manager owns nothing there. Atomic lists (the rules of an
// Ingress) are owned as a whole, so the walk ends where fieldsV1 says nothing of what is inside.
const Json* owned_at(const Json& fields, const std::vector<PathStep>& steps) {
  const Json* at = &fields;
  bool in_container = false;
  for (const PathStep& step : steps) {
    at = member(at, "f:" + step.name);
    if (at == nullptr) return nullptr;
    if (!step.key) continue;
    if (at->empty()) return is_merged_map(step) ? nullptr : at;
    if (!is_list(step)) {
      at = member(at, "f:" + *step.key);
    } else if (step.name == "containers") {
      at = member(at, "k:" + to_text(Json{{"name", *step.key}}));
      in_container = true;
    } else {
      const auto [number, protocol] = port_key(*step.key);
      at = member(at, "k:" + to_text(Json{{std::string(number_field(in_container)), number}, {"protocol", protocol}}));
    }
    if (at == nullptr) return nullptr;
  }
  return at;
}

// The members of a map that a manager owns, without the map itself (".").
void add_parts(const Json& fields, std::set<std::string>& parts) {
  if (!fields.is_object()) return;
  for (auto part = fields.begin(); part != fields.end(); ++part) {
    if (part.key() != ".") parts.insert(part.key());
  }
}

const Json* element(const Json& list, const PathStep& step, bool in_container) {
  if (!list.is_array()) return nullptr;
  if (!is_list(step)) {  // by index: "rules[0]"
    std::size_t index = 0;
    std::from_chars(step.key->data(), step.key->data() + step.key->size(), index);
    return index < list.size() ? &list[index] : nullptr;
  }
  for (const Json& one : list) {
    if (step.name == "containers") {
      if (text(one, "/name") == *step.key) return &one;
      continue;
    }
    const auto [number_wanted, protocol] = port_key(*step.key);
    if (number(one, "/" + std::string(number_field(in_container))) == number_wanted &&
        text(one, "/protocol", "TCP") == protocol) {
      return &one;
    }
  }
  return nullptr;
}

}  // namespace

std::vector<PathStep> steps_of(std::string_view path) {
  std::vector<PathStep> steps;
  while (!path.empty()) {
    PathStep step;
    const std::size_t end = std::min(path.find_first_of(".["), path.size());
    step.name = std::string(path.substr(0, end));
    path.remove_prefix(end);
    if (path.starts_with('[')) {
      const std::size_t close = std::min(path.find(']'), path.size());
      step.key = std::string(path.substr(1, close - 1));
      path.remove_prefix(std::min(close + 1, path.size()));
    }
    if (path.starts_with('.')) path.remove_prefix(1);
    steps.push_back(std::move(step));
  }
  return steps;
}

bool owns_field(const Json& fields, std::string_view path) { return owned_at(fields, steps_of(path)) != nullptr; }

Footprint::Footprint(const Json* object) : object_(object != nullptr && object->is_object() ? object : nullptr) {
  if (object_ == nullptr) return;
  const Json* annotations = value_at(*object_, "/metadata/annotations");
  const Json* applied = member(annotations, kLastApplied);
  if (applied == nullptr || !applied->is_string()) return;
  if (Result<Json> read = read_json(*applied->get_ptr<const std::string*>())) manifest_ = *std::move(read);
}

const Json* value_by_path(const Json& document, std::string_view path) {
  const Json* at = &document;
  bool in_container = false;
  for (const PathStep& step : steps_of(path)) {
    at = member(at, step.name);
    if (at == nullptr || !step.key) continue;
    at = at->is_array() ? element(*at, step, in_container) : member(at, *step.key);
    in_container = in_container || step.name == "containers";
  }
  return at;
}

std::optional<Json> Footprint::applied(std::string_view path) const {
  const Json* value = value_by_path(manifest_, path);
  return value == nullptr ? std::nullopt : std::optional<Json>(*value);
}

std::string Footprint::taken_by(std::string_view path, const Json& live, const Json* former) const {
  // `kubectl get -o yaml` leaves managedFields out.
  if (object_ == nullptr || value_at(*object_, "/metadata/managedFields") == nullptr) return "";
  const std::vector<PathStep> steps = steps_of(path);
  bool ours = false;
  bool theirs = false;
  std::string other;
  std::set<std::string> our_parts, their_parts;
  for (const Json* entry : items(*object_, "/metadata/managedFields")) {
    const Json* fields = member(entry, "fieldsV1");
    if (fields == nullptr || !text(*entry, "/subresource").empty() || owned_at(*fields, steps) == nullptr) continue;
    const std::string manager = text(*entry, "/manager");
    if (manager == keys::kUndoManager) continue;
    const bool our_entry = manager == keys::kFieldManager;
    (our_entry ? ours : theirs) = true;
    if (!our_entry) other = manager;
    add_parts(*owned_at(*fields, steps), our_entry ? our_parts : their_parts);
  }
  // Of a map they keep the map itself (".") from before us, and a part whose value was then what it is now. A part that
  // had another value we took from them: who holds it has set it again since.
  const bool is_map = theirs && (!our_parts.empty() || !their_parts.empty());
  const auto as_before = [&](const std::string& part) {
    const std::string_view name = std::string_view(part).substr(std::string_view("f:").size());
    const Json* now = member(&live, name);
    const Json* then = member(former, name);
    return our_parts.contains(part) && now != nullptr && then != nullptr && *now == *then;
  };
  if (ours && is_map && std::all_of(their_parts.begin(), their_parts.end(), as_before)) return "";
  if (!other.empty()) return other;
  return ours ? "" : std::string(kSomebody);
}

bool Footprint::wrote(std::string_view path) const {
  if (object_ == nullptr) return false;
  const std::vector<PathStep> steps = steps_of(path);
  for (const Json* entry : items(*object_, "/metadata/managedFields")) {
    const Json* fields = member(entry, "fieldsV1");
    if (fields == nullptr || text(*entry, "/manager") != keys::kFieldManager || text(*entry, "/operation") != "Update") continue;
    if (text(*entry, "/subresource").empty() && owned_at(*fields, steps) != nullptr) return true;
  }
  return false;
}

std::vector<std::string> Footprint::others() const {
  std::vector<std::string> names;
  if (object_ == nullptr) return names;
  for (const Json* entry : items(*object_, "/metadata/managedFields")) {
    const std::string manager = text(*entry, "/manager");
    if (manager == keys::kFieldManager || manager == keys::kUndoManager || text(*entry, "/subresource") == "status") continue;
    // A controller may write its status without the subresource.
    const Json* fields = member(entry, "fieldsV1");
    if (fields != nullptr && fields->is_object() && fields->size() == 1 && fields->contains("f:status")) continue;
    if (std::find(names.begin(), names.end(), manager) == names.end()) names.push_back(manager);
  }
  return names;
}

std::string Footprint::version_or(std::string_view otherwise) const {
  return object_ == nullptr ? std::string(otherwise) : text(*object_, "/metadata/resourceVersion", otherwise);
}

}  // namespace meshgraft
