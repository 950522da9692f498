#include "k8sclient/model/decode_kinds.h"
#include "k8sclient/model/json_read.h"

// Istio's kinds.

namespace meshgraft::decoding {
namespace {

bool read_selected_labels(FieldReader& reader, Value value, std::string_view field_name, Labels& labels) {
  return reader.fields(
      value, [&](std::string_view key, Value field) { return key != field_name || reader.text_map(field, labels); });
}

}  // namespace

bool read_virtual_service(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  VirtualService& service = static_cast<VirtualService&>(object);
  int route = 0;
  const auto found = [&service](RouteDestination one) { service.destinations.push_back(std::move(one)); };
  const bool good = reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "hosts") return reader.text_list(field, service.hosts);
    return read_routes(reader, key, field, route, found);
  });
  service.destinations.shrink_to_fit();
  return good;
}

bool read_destination_rule(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  DestinationRule& rule = static_cast<DestinationRule&>(object);
  const auto tls = [&](std::string_view key, Value field) {
    return key != "mode" || reader.text(field, rule.tls_mode);
  };
  const auto subset = [&reader](Value item, std::string& name) {
    return reader.fields(item, [&reader, &name](std::string_view key, Value field) {
      return key != "name" || reader.text(field, name);
    });
  };
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "host") return reader.text(field, rule.host);
    if (key == "subsets") return reader.list(field, rule.subsets, subset);
    if (key != "trafficPolicy") return true;
    return reader.fields(
        field, [&](std::string_view name, Value inner) { return name != "tls" || reader.fields(inner, tls); });
  });
}

// The spec is taken as a whole: its text is parsed again with sorted keys. There are a handful of these objects.
bool read_envoy_filter(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  EnvoyFilter& filter = static_cast<EnvoyFilter&>(object);
  bool present = false;
  if (!reader.present(value, present)) return false;
  if (!present) return true;
  simdjson::ondemand::object spec;
  std::string_view raw;
  if (value.get_object().get(spec)) return reader.fail("expected an object");
  if (spec.raw_json().get(raw)) return reader.fail("not JSON");
  const Result<Json> parsed = read_json(raw);
  if (!parsed) return reader.fail(parsed.error().text);
  filter.spec = to_text(*parsed);
  const Json* labels = value_at(*parsed, "/workloadSelector/labels");
  if (labels == nullptr || !labels->is_object()) return true;
  for (const auto& [key, label] : labels->items()) {
    if (!label.is_string()) return reader.fail("workloadSelector.labels: expected text");
    filter.workload_selector.emplace(key, text(label, ""));
  }
  return true;
}

bool read_peer_authentication(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  PeerAuthentication& policy = static_cast<PeerAuthentication&>(object);
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "selector") return read_selected_labels(reader, field, "matchLabels", policy.match_labels);
    if (key != "mtls") return true;
    return reader.fields(
        field, [&](std::string_view name, Value inner) { return name != "mode" || reader.text(inner, policy.mode); });
  });
}

}  // namespace meshgraft::decoding
