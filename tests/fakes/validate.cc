#include "tests/fakes/validate.h"

#include <cctype>
#include <set>

#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

// apimachinery pkg/api/validation, TotalAnnotationSizeLimitB: of all keys and values together.
constexpr std::size_t kMostAnnotations = 256 * 1024;

bool alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// [A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?, at most 63 characters (apimachinery util/validation).
bool label_value(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() > 63 || !alnum(text.front()) || !alnum(text.back())) return false;
  for (char c : text) {
    if (!alnum(c) && c != '-' && c != '.' && c != '_') return false;
  }
  return true;
}

bool label_key(std::string_view text) {
  const auto slash = text.find('/');
  const std::string_view name = slash == std::string_view::npos ? text : text.substr(slash + 1);
  return !name.empty() && label_value(name) && (slash == std::string_view::npos || slash > 0);
}

bool object_name(std::string_view text) {
  if (text.empty() || text.size() > 253 || !alnum(text.front()) || !alnum(text.back())) return false;
  for (char c : text) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0 || (!alnum(c) && c != '-' && c != '.')) return false;
  }
  return true;
}

std::string quoted(const std::string& text) { return "Invalid value: \"" + text + "\": "; }

void check_labels(const Json& labels, const std::string& field, Json& causes) {
  if (!labels.is_object()) return;
  for (const auto& [key, value] : labels.items()) {
    if (!label_key(key))
      causes.push_back(cause("FieldValueInvalid", field,
                             quoted(key) + "name part must consist of alphanumeric characters, '-', '_' or '.', and "
                                           "must start and end with an alphanumeric character"));
    if (value.is_string() && !label_value(value.get<std::string>())) {
      causes.push_back(cause("FieldValueInvalid", field,
                             quoted(value.get<std::string>()) +
                                 "a valid label must be an empty string or consist of alphanumeric characters, '-', "
                                 "'_' or '.', and must start and end with an alphanumeric character"));
    }
  }
}

void check_metadata(const ResourceType& type, const Json& object, Json& causes) {
  const std::string name = text_at(object, {"metadata", "name"});
  const bool free_name = type.group == "rbac.authorization.k8s.io";
  if (!free_name && !object_name(name)) {
    causes.push_back(
        cause("FieldValueInvalid", "metadata.name",
              quoted(name) + "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' "
                             "or '.', and must start and end with an alphanumeric character"));
  }
  check_labels(at(object, {"metadata", "labels"}), "metadata.labels", causes);
  std::size_t annotated = 0;
  for (const auto& [key, value] : annotations_of(object).items()) {
    annotated += key.size() + (value.is_string() ? value.get_ref<const std::string&>().size() : 0);
    if (!value.is_string())
      causes.push_back(cause("FieldValueInvalid", "metadata.annotations", quoted(to_text(value)) + "must be a string"));
  }
  if (annotated > kMostAnnotations) {
    causes.push_back(cause("FieldValueTooLong", "metadata.annotations",
                           "Too long: may not be more than " + std::to_string(kMostAnnotations) + " bytes"));
  }
}

void check_template(const Json& pod, const std::string& field, Json& causes) {
  const std::string prefix = field.empty() ? "" : field + ".";
  check_labels(at(pod, {"metadata", "labels"}), prefix + "metadata.labels", causes);
  const Json& containers = at(pod, {"spec", "containers"});
  if (!containers.is_array() || containers.empty()) {
    causes.push_back(cause("FieldValueRequired", prefix + "spec.containers", "Required value"));
    return;
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < containers.size(); ++i) {
    const std::string here = prefix + "spec.containers[" + std::to_string(i) + "]";
    const std::string name = text_at(containers[i], {"name"});
    if (name.empty()) causes.push_back(cause("FieldValueRequired", here + ".name", "Required value"));
    if (!names.insert(name).second)
      causes.push_back(cause("FieldValueDuplicate", here + ".name", "Duplicate value: \"" + name + "\""));
    if (text_at(containers[i], {"image"}).empty())
      causes.push_back(cause("FieldValueRequired", here + ".image", "Required value"));
  }
}

void check_workload(const Json& before, const Json& object, Json& causes) {
  const Json& selector = at(object, {"spec", "selector"});
  if (!selector.is_object() || selector.empty()) {
    causes.push_back(cause("FieldValueRequired", "spec.selector", "Required value"));
  } else if (const Json& labels = at(object, {"spec", "template", "metadata", "labels"});
             !Selector::of(selector).matches(labels)) {
    causes.push_back(cause("FieldValueInvalid", "spec.template.metadata.labels",
                           "Invalid value: " + to_text(labels.is_object() ? labels : Json::object()) +
                               ": `selector` does not match template `labels`"));
  }
  if (before.is_object() && at(before, {"spec", "selector"}) != selector) {
    causes.push_back(
        cause("FieldValueInvalid", "spec.selector", "Invalid value: " + to_text(selector) + ": field is immutable"));
  }
  check_template(at(object, {"spec", "template"}), "spec.template", causes);
}

void check_service(const Json& before, const Json& object, Json& causes) {
  const Json& ports = at(object, {"spec", "ports"});
  const bool external = text_at(object, {"spec", "type"}) == "ExternalName";
  if (!external && text_at(object, {"spec", "clusterIP"}) != "None" && (!ports.is_array() || ports.empty())) {
    causes.push_back(cause("FieldValueRequired", "spec.ports", "Required value"));
  }
  std::set<std::string> names, numbers;
  for (std::size_t i = 0; ports.is_array() && i < ports.size(); ++i) {
    const std::string here = "spec.ports[" + std::to_string(i) + "]";
    const std::string name = text_at(ports[i], {"name"});
    const std::int64_t number = number_at(ports[i], {"port"});
    if (name.empty() && ports.size() > 1)
      causes.push_back(cause("FieldValueRequired", here + ".name", "Required value"));
    if (!name.empty() && !names.insert(name).second)
      causes.push_back(cause("FieldValueDuplicate", here + ".name", "Duplicate value: \"" + name + "\""));
    if (number < 1 || number > 65535)
      causes.push_back(cause("FieldValueInvalid", here + ".port",
                             "Invalid value: " + std::to_string(number) + ": must be between 1 and 65535, inclusive"));
    if (!numbers.insert(std::to_string(number) + "/" + text_at(ports[i], {"protocol"})).second) {
      causes.push_back(
          cause("FieldValueDuplicate", here,
                "Duplicate value: " + to_text({{"port", number}, {"protocol", text_at(ports[i], {"protocol"})}})));
    }
  }
  check_labels(at(object, {"spec", "selector"}), "spec.selector", causes);
  const std::string was = text_at(before, {"spec", "clusterIP"}), is = text_at(object, {"spec", "clusterIP"});
  if (!was.empty() && !external && was != is) {
    causes.push_back(
        cause("FieldValueInvalid", "spec.clusterIPs[0]", "Invalid value: [\"" + is + "\"]: may not change once set"));
  }
}

// StatefulSets may only change these fields (pkg/apis/apps/validation, ValidateStatefulSetUpdate).
void check_stateful_set_update(const Json& before, const Json& object, Json& causes) {
  Json was = at(before, {"spec"}), is = at(object, {"spec"});
  if (!was.is_object() || !is.is_object()) return;
  for (const char* free : {"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
                           "persistentVolumeClaimRetentionPolicy", "minReadySeconds", "selector"}) {
    was.erase(free);
    is.erase(free);
  }
  if (was == is) return;
  causes.push_back(
      cause("FieldValueForbidden", "spec",
            "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
            "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' "
            "are forbidden"));
}

void check_ingress(const Json& object, Json& causes) {
  const Json& rules = at(object, {"spec", "rules"});
  if (at(object, {"spec", "defaultBackend"}).is_null() && (!rules.is_array() || rules.empty())) {
    causes.push_back(
        cause("FieldValueInvalid", "spec", "Invalid value: []: either `defaultBackend` or `rules` must be specified"));
  }
}

}  // namespace

Answer validated(const ResourceType& type, const Json& before, const Json& object) {
  Json causes = Json::array();
  check_metadata(type, object, causes);
  if (type.group == "apps" && type.kind != "ControllerRevision") check_workload(before, object, causes);
  if (type.kind == "StatefulSet" && before.is_object()) check_stateful_set_update(before, object, causes);
  if (type.kind == "Service" && type.group.empty()) check_service(before, object, causes);
  if (type.kind == "Ingress" && !type.custom) check_ingress(object, causes);
  if (type.kind == "Pod") check_template(object, "", causes);
  if (causes.empty()) return {200, Json()};
  return invalid(type, text_at(object, {"metadata", "name"}), causes);
}

}  // namespace meshgraft::fakes
