#include "tests/fakes/table.h"

#include <functional>
#include <utility>

#include "tests/fakes/engine.h"
#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

struct Column {
  std::string name, type;
  int priority;  // 1: only with -o wide
  std::function<Json(const Json& object, std::int64_t now)> cell;
};

Column text(std::string name, std::function<std::string(const Json&)> cell, int priority = 0) {
  return {std::move(name), "string", priority,
          [cell = std::move(cell)](const Json& object, std::int64_t) { return Json(cell(object)); }};
}

Column number(std::string name, std::initializer_list<const char*> path) {
  return {std::move(name), "integer", 0,
          [places = std::vector<std::string>(path.begin(), path.end())](const Json& object, std::int64_t) {
            const Json* here = &object;
            for (const std::string& place : places) here = &at(*here, {place});
            return here->is_number() ? *here : Json(0);
          }};
}

Column age() {
  return {"Age", "string", 0, [](const Json& object, std::int64_t now) {
            const std::int64_t born = seconds_of(text_at(object, {"metadata", "creationTimestamp"}));
            return Json(born == 0 ? "<unknown>" : age_text(now - born));
          }};
}

std::string joined(const std::vector<std::string>& parts, std::string_view otherwise = "<none>") {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
  return out.empty() ? std::string(otherwise) : out;
}

std::string of_containers(const Json& pod_spec, const char* field) {
  std::vector<std::string> parts;
  for (const Json& container : at(pod_spec, {"containers"})) parts.push_back(text_at(container, {field}));
  return joined(parts);
}

std::string labels_text(const Json& labels) {
  std::vector<std::string> parts;
  if (labels.is_object()) {
    for (const auto& [key, value] : labels.items())
      parts.push_back(key + "=" + (value.is_string() ? value.get<std::string>() : to_text(value)));
  }
  return joined(parts);
}

std::string fraction(const Json& object, std::initializer_list<std::string_view> have,
                     std::initializer_list<std::string_view> want) {
  return std::to_string(number_at(object, have)) + "/" + std::to_string(number_at(object, want));
}

std::string pod_ready(const Json& pod) {
  std::size_t ready = 0;
  const Json& statuses = at(pod, {"status", "containerStatuses"});
  for (const Json& one : statuses) ready += at(one, {"ready"}) == true ? 1 : 0;
  return std::to_string(ready) + "/" + std::to_string(at(pod, {"spec", "containers"}).size());
}

std::string pod_status(const Json& pod) {
  if (!at(pod, {"metadata", "deletionTimestamp"}).is_null()) return "Terminating";
  for (const Json& one : at(pod, {"status", "containerStatuses"})) {
    if (const std::string reason = text_at(one, {"state", "waiting", "reason"}); !reason.empty()) return reason;
  }
  return text_at(pod, {"status", "phase"}, "Pending");
}

std::string service_ports(const Json& service) {
  std::vector<std::string> parts;
  for (const Json& port : at(service, {"spec", "ports"})) {
    std::string one = std::to_string(number_at(port, {"port"}));
    if (const std::int64_t node = number_at(port, {"nodePort"}); node != 0) one += ":" + std::to_string(node);
    parts.push_back(one + "/" + text_at(port, {"protocol"}, "TCP"));
  }
  return joined(parts);
}

std::string ingress_hosts(const Json& ingress) {
  std::vector<std::string> parts;
  for (const Json& rule : at(ingress, {"spec", "rules"})) parts.push_back(text_at(rule, {"host"}, "*"));
  return joined(parts, "*");
}

std::string slice_endpoints(const Json& slice) {
  std::vector<std::string> parts;
  for (const Json& endpoint : at(slice, {"endpoints"})) {
    for (const Json& address : at(endpoint, {"addresses"}))
      parts.push_back(address.is_string() ? address.get<std::string>() : "");
  }
  return joined(parts, "<unset>");
}

std::string slice_ports(const Json& slice) {
  std::vector<std::string> parts;
  for (const Json& port : at(slice, {"ports"})) parts.push_back(std::to_string(number_at(port, {"port"})));
  return joined(parts, "<unset>");
}

// A column of a CustomResourceDefinition; jsonPath of plain fields only.
Column custom(const Json& definition) {
  Column column;
  column.name = text_at(definition, {"name"});
  column.type = text_at(definition, {"type"}, "string");
  column.priority = static_cast<int>(number_at(definition, {"priority"}));
  std::vector<std::string> places;
  std::string place;
  for (char c : text_at(definition, {"jsonPath"}) + ".") {
    if (c != '.') {
      place += c;
    } else if (!place.empty()) {
      places.push_back(std::exchange(place, ""));
    }
  }
  const bool date = column.type == "date";
  column.cell = [places, date](const Json& object, std::int64_t now) {
    const Json* here = &object;
    for (const std::string& one : places) here = &at(*here, {one});
    if (date && here->is_string()) return Json(age_text(now - seconds_of(here->get<std::string>())));
    return here->is_structured() ? Json(to_text(*here)) : *here;
  };
  return column;
}

std::vector<Column> columns_of(const ResourceType& type) {
  std::vector<Column> out = {text("Name", [](const Json& o) { return text_at(o, {"metadata", "name"}); })};
  const auto add = [&out](Column column) { out.push_back(std::move(column)); };
  if (type.custom) {
    bool has_age = false;
    for (const Json& one : type.columns) {
      has_age = has_age || text_at(one, {"name"}) == "Age";
      add(custom(one));
    }
    if (!has_age) add(age());
    return out;
  }
  const std::string& kind = type.kind;
  if (kind == "Pod") {
    add(text("Ready", pod_ready));
    add(text("Status", pod_status));
    add(text("Restarts", [](const Json&) { return "0"; }));
    add(age());
    add(text(
        "IP",
        [](const Json& o) {
          return text_at(o, {"status", "podIP"}, "<none>");
        },
        1));
    add(text(
        "Node",
        [](const Json& o) {
          return text_at(o, {"spec", "nodeName"}, "<none>");
        },
        1));
    return out;
  }
  if (kind == "Deployment") {
    add(text("Ready", [](const Json& o) { return fraction(o, {"status", "readyReplicas"}, {"spec", "replicas"}); }));
    add(number("Up-to-date", {"status", "updatedReplicas"}));
    add(number("Available", {"status", "availableReplicas"}));
  } else if (kind == "StatefulSet") {
    add(text("Ready", [](const Json& o) { return fraction(o, {"status", "readyReplicas"}, {"spec", "replicas"}); }));
  } else if (kind == "ReplicaSet") {
    add(number("Desired", {"spec", "replicas"}));
    add(number("Current", {"status", "replicas"}));
    add(number("Ready", {"status", "readyReplicas"}));
  } else if (kind == "DaemonSet") {
    add(number("Desired", {"status", "desiredNumberScheduled"}));
    add(number("Current", {"status", "currentNumberScheduled"}));
    add(number("Ready", {"status", "numberReady"}));
    add(number("Up-to-date", {"status", "updatedNumberScheduled"}));
    add(number("Available", {"status", "numberAvailable"}));
  } else if (kind == "Service") {
    add(text("Type", [](const Json& o) { return text_at(o, {"spec", "type"}); }));
    add(text("Cluster-IP", [](const Json& o) { return text_at(o, {"spec", "clusterIP"}, "<none>"); }));
    add(text("External-IP", [](const Json& o) { return text_at(o, {"spec", "externalName"}, "<none>"); }));
    add(text("Port(s)", service_ports));
  } else if (kind == "Ingress") {
    add(text("Class", [](const Json& o) { return text_at(o, {"spec", "ingressClassName"}, "<none>"); }));
    add(text("Hosts", ingress_hosts));
    add(text("Address", [](const Json&) { return ""; }));
    add(text("Ports", [](const Json& o) { return at(o, {"spec", "tls"}).empty() ? "80" : "80, 443"; }));
  } else if (kind == "Namespace") {
    add(text("Status", [](const Json& o) { return text_at(o, {"status", "phase"}, "Active"); }));
  } else if (kind == "Node") {
    add(text("Status", [](const Json&) { return "Ready"; }));
    add(text("Roles", [](const Json&) { return "<none>"; }));
    add(age());
    add(text("Version", [](const Json& o) { return text_at(o, {"status", "nodeInfo", "kubeletVersion"}); }));
    return out;
  } else if (kind == "ConfigMap" || kind == "Secret") {
    if (kind == "Secret") add(text("Type", [](const Json& o) { return text_at(o, {"type"}, "Opaque"); }));
    add({"Data", "integer", 0, [](const Json& o, std::int64_t) { return Json(at(o, {"data"}).size()); }});
  } else if (kind == "Event") {
    out.clear();
    add({"Last Seen", "string", 0, [](const Json& o, std::int64_t now) {
           return Json(age_text(
               now - seconds_of(text_at(o, {"lastTimestamp"}, text_at(o, {"metadata", "creationTimestamp"})))));
         }});
    add(text("Type", [](const Json& o) { return text_at(o, {"type"}); }));
    add(text("Reason", [](const Json& o) { return text_at(o, {"reason"}); }));
    add(text("Object", [](const Json& o) {
      return text_at(o, {"involvedObject", "kind"}) + "/" + text_at(o, {"involvedObject", "name"});
    }));
    add(text("Message", [](const Json& o) { return text_at(o, {"message"}); }));
    return out;
  } else if (kind == "EndpointSlice") {
    add(text("AddressType", [](const Json& o) { return text_at(o, {"addressType"}); }));
    add(text("Ports", slice_ports));
    add(text("Endpoints", slice_endpoints));
  } else if (kind == "Lease") {
    add(text("Holder", [](const Json& o) { return text_at(o, {"spec", "holderIdentity"}); }));
  } else if (kind == "IngressClass") {
    add(text("Controller", [](const Json& o) { return text_at(o, {"spec", "controller"}); }));
  } else if (kind == "CustomResourceDefinition") {
    add(text("Created At", [](const Json& o) { return text_at(o, {"metadata", "creationTimestamp"}); }));
    return out;
  }
  add(age());
  if (type.group == "apps" && kind != "ControllerRevision") {
    add(text(
        "Containers",
        [](const Json& o) {
          return of_containers(at(o, {"spec", "template", "spec"}), "name");
        },
        1));
    add(text(
        "Images",
        [](const Json& o) {
          return of_containers(at(o, {"spec", "template", "spec"}), "image");
        },
        1));
    add(text(
        "Selector",
        [](const Json& o) {
          return labels_text(at(o, {"spec", "selector", "matchLabels"}));
        },
        1));
  }
  if (kind == "Service")
    add(text(
        "Selector",
        [](const Json& o) {
          return labels_text(at(o, {"spec", "selector"}));
        },
        1));
  return out;
}

}  // namespace

std::string age_text(std::int64_t seconds) {
  // apimachinery util/duration HumanDuration, for the ranges that occur.
  if (seconds < 0) seconds = 0;
  if (seconds < 120) return std::to_string(seconds) + "s";
  const std::int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
  if (minutes < 10)
    return std::to_string(minutes) + "m" + (seconds % 60 == 0 ? "" : std::to_string(seconds % 60) + "s");
  if (hours < 3) return std::to_string(minutes) + "m";
  if (hours < 8) return std::to_string(hours) + "h" + (minutes % 60 == 0 ? "" : std::to_string(minutes % 60) + "m");
  if (hours < 48) return std::to_string(hours) + "h";
  return std::to_string(days) + "d";
}

Json table_of(const ResourceType& type, const Json& body, std::string_view include_object, std::int64_t now) {
  const std::vector<Column> columns = columns_of(type);
  Json definitions = Json::array();
  for (const Column& column : columns) {
    definitions.push_back({{"name", column.name},
                           {"type", column.type},
                           {"format", column.name == "Name" ? "name" : ""},
                           {"description", column.name},
                           {"priority", column.priority}});
  }
  Json rows = Json::array();
  const auto add_row = [&](const Json& object) {
    Json cells = Json::array();
    for (const Column& column : columns) cells.push_back(column.cell(object, now));
    Json row = {{"cells", std::move(cells)}};
    if (include_object == "Object") {
      row["object"] = object;
    } else if (include_object != "None") {
      row["object"] = {
          {"kind", "PartialObjectMetadata"}, {"apiVersion", "meta.k8s.io/v1"}, {"metadata", at(object, {"metadata"})}};
    }
    rows.push_back(std::move(row));
  };
  Json metadata = Json::object();
  if (const Json& items = at(body, {"items"}); items.is_array()) {
    for (const Json& item : items) add_row(item);
    metadata = at(body, {"metadata"});
  } else {
    add_row(body);
    metadata["resourceVersion"] = at(body, {"metadata", "resourceVersion"});
  }
  return {{"kind", "Table"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", std::move(metadata)},
          {"columnDefinitions", std::move(definitions)},
          {"rows", std::move(rows)}};
}

}  // namespace meshgraft::fakes
