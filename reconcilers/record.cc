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
  if (const Json* uid = value_at(*document, "/uid"); uid != nullptr && !uid->is_string()) {
    record.broken = "its field uid is no text";
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
  if (const Json* replaced = value_at(*document, "/replaced"); replaced != nullptr) read.replaced = *replaced;
  read.held = text(*document, "/held");
  if (const Json* rolled = value_at(*document, "/rolled"); rolled != nullptr) {
    read.rolled = Record::Rolled{number(*rolled, "/generation"), number(*rolled, "/replicas"), text(*rolled, "/rest"),
                                 maybe_bool(*rolled, "/unserved").value_or(false)};
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
                          : text.rfind(meta.uid) != std::string_view::npos;  // behind the list of fields
}

std::string record_text(const Record& record, std::string_view uid) {
  Json document = Json::object();
  if (!uid.empty()) document["uid"] = std::string(uid);
  if (!record.own.empty()) document["own"] = record.own;
  if (!record.was.empty()) document["was"] = record.was;
  if (!record.replaced.is_null()) document["replaced"] = record.replaced;
  if (!record.held.empty()) document["held"] = record.held;
  if (record.rolled) {
    document["rolled"] = {{"generation", record.rolled->generation}, {"replicas", record.rolled->replicas}, {"rest", record.rolled->rest}};
    if (record.rolled->unserved) document["rolled"]["unserved"] = true;
  }
  return to_text(document);
}

namespace {

// FNV-1a of 64 bits over texts, each ended by a zero byte.
class Fingerprint {
 public:
  void add(std::string_view text) {
    for (const unsigned char c : text) hash_ = (hash_ ^ c) * kPrime;
    hash_ *= kPrime;
  }
  void add(const Probe& probe) {
    add(std::to_string(static_cast<int>(probe.type)) + (probe.https ? "s" : ""));
    add(probe.port.is_text() ? probe.port.text : std::to_string(probe.port.number));
  }
  void add(const Container& container) {
    add(container.name);
    add(container.image);
    for (const std::string& arg : container.args) add(arg);
    for (const EnvVar& env : container.env) {
      add(env.name);
      add(env.value);
    }
    for (const ContainerPort& port : container.ports) add(port.name + std::to_string(port.container_port) + port.protocol);
    add(container.readiness);
    add(container.liveness);
    add(container.startup);
  }
  // The entries of `map` whose path below `place` is not ours.
  void add_rest(const Labels& map, std::string_view place, const Record& record) {
    for (const auto& [key, value] : map) {
      if (record.owns(std::string(place) + "[" + std::string(key) + "]")) continue;
      add(key);
      add(value);
    }
  }
  [[nodiscard]] std::string text() const {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string out;
    for (int shift = 60; shift >= 0; shift -= 4) out += kDigits[(hash_ >> shift) & 15U];
    return out;
  }

 private:
  static constexpr std::uint64_t kPrime = 1099511628211ULL;
  std::uint64_t hash_ = 14695981039346656037ULL;
};

}  // namespace

std::string rest_of_template(const Workload& workload, const Record& record) {
  Fingerprint rest;
  rest.add_rest(workload.pod.labels, "spec.template.metadata.labels", record);
  rest.add_rest(workload.pod.annotations, "spec.template.metadata.annotations", record);
  for (const Container& container : workload.pod.containers) rest.add(container);
  for (const Container& container : workload.pod.init_containers) rest.add(container);
  return rest.text();
}

bool is_our_rollout(const Workload& workload, const Record& record) {
  if (!record.rolled || record.rolled->generation == workload.meta.generation) return true;
  // Somebody scaled it meanwhile, which is no other rollout.
  return record.rolled->replicas != workload.replicas && record.rolled->rest == rest_of_template(workload, record);
}

}  // namespace meshgraft
