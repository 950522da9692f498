// What bounds a namespace's pods: LimitRange, PodDisruptionBudget, HorizontalPodAutoscaler, and PersistentVolumeClaim.

#include "k8sclient/model/decode_kinds.h"

namespace meshgraft::decoding {

bool read_limit_range(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  LimitRange& range = static_cast<LimitRange&>(object);
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key != "limits") return true;
    return reader.list(field, range.bounds, [&reader](Value item, LimitRange::Bound& bound) {
      return reader.fields(item, [&reader, &bound](std::string_view name, Value inner) {
        if (name == "type") return reader.text(inner, bound.type);
        if (name == "max") return reader.quantity_map(inner, bound.max);
        return name != "min" || reader.quantity_map(inner, bound.min);
      });
    });
  });
}

bool read_disruption_budget(FieldReader& reader, std::string_view section, Value value, Object& object) {
  DisruptionBudget& budget = static_cast<DisruptionBudget&>(object);
  if (section == "spec") {
    return reader.fields(value, [&](std::string_view key, Value field) {
      return key != "selector" || read_selector(reader, field, budget.selector);
    });
  }
  if (section != "status") return true;
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "disruptionsAllowed") return reader.number(field, budget.allowed);
    return key != "expectedPods" || reader.number(field, budget.expected);
  });
}

bool read_autoscaler(FieldReader& reader, std::string_view section, Value value, Object& object) {
  Autoscaler& scaler = static_cast<Autoscaler&>(object);
  if (section == "spec") {
    return reader.fields(value, [&](std::string_view key, Value field) {
      if (key == "targetCPUUtilizationPercentage") return reader.number(field, scaler.cpu_percent);
      if (key != "scaleTargetRef") return true;
      return reader.fields(field, [&](std::string_view name, Value inner) {
        if (name == "kind") return reader.text(inner, scaler.target_kind);
        return name != "name" || reader.text(inner, scaler.target_name);
      });
    });
  }
  if (section != "status") return true;
  return reader.fields(value, [&](std::string_view key, Value field) {
    if (key == "currentReplicas") return reader.number(field, scaler.current);
    return key != "desiredReplicas" || reader.number(field, scaler.desired);
  });
}

bool read_volume_claim(FieldReader& reader, std::string_view section, Value value, Object& object) {
  if (section != "spec") return true;
  return reader.fields(value, [&](std::string_view key, Value field) {
    return key != "accessModes" || reader.text_list(field, static_cast<VolumeClaim&>(object).modes);
  });
}

}  // namespace meshgraft::decoding
