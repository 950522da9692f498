#include "reconcilers/sidecar_size.h"

#include <array>
#include <optional>
#include <string_view>

#include "k8sclient/model/json_read.h"
#include "reconcilers/quantity.h"

namespace meshgraft {
namespace {

// One of the four amounts: where it stands in the injector's values, in a pod's annotations and in the facts.
struct Part {
  std::int64_t SidecarSize::* amount;
  std::int64_t divisor;  // of the parsed thousandths: 1 for CPU, 1000 for bytes
  std::string_view value, annotation, fact;
};
constexpr std::array<Part, 4> kParts{
    {{&SidecarSize::cpu_request, 1, "/global/proxy/resources/requests/cpu", "sidecar.istio.io/proxyCPU", "cpu"},
     {&SidecarSize::memory_request, 1000, "/global/proxy/resources/requests/memory", "sidecar.istio.io/proxyMemory", "memory"},
     {&SidecarSize::cpu_limit, 1, "/global/proxy/resources/limits/cpu", "sidecar.istio.io/proxyCPULimit", "cpuLimit"},
     {&SidecarSize::memory_limit, 1000, "/global/proxy/resources/limits/memory", "sidecar.istio.io/proxyMemoryLimit", "memoryLimit"}}};

// The amount that `value` states, as text or as a number; nullopt when it states none.
std::optional<std::int64_t> amount(const Json& value, std::int64_t divisor) {
  const std::string* text = value.get_ptr<const std::string*>();
  if (text == nullptr && !value.is_number()) return std::nullopt;
  const std::optional<std::int64_t> thousandths = parse_quantity(text == nullptr ? to_text(value) : *text);
  if (!thousandths || *thousandths < 0) return std::nullopt;
  return *thousandths / divisor;
}

// Exact, unlike memory_text: "128Mi", or bytes where no unit divides them.
std::string exact_bytes(std::int64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"", "Ki", "Mi", "Gi", "Ti"};
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && bytes != 0 && bytes % 1024 == 0) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes).append(kUnits.at(unit));
}

}  // namespace

SidecarSize sidecar_size_of_values(const std::string& values) {
  SidecarSize size;
  const Result<Json> json = read_json(values);
  if (!json || !json->is_object()) return size;
  for (const Part& part : kParts) {
    const Json* value = value_at(*json, part.value);
    if (value == nullptr) continue;
    if (const std::optional<std::int64_t> read = amount(*value, part.divisor)) size.*part.amount = *read;
  }
  return size;
}

SidecarSize sidecar_size(const MeshFacts& mesh, const Labels& pod_annotations) {
  SidecarSize own{0, 0, 0, 0};
  bool any = false;
  for (const Part& part : kParts) {
    const auto found = pod_annotations.find(part.annotation);
    if (found == pod_annotations.end()) continue;
    any = true;
    const std::optional<std::int64_t> read = parse_quantity(found->second);
    if (read && *read >= 0) own.*part.amount = *read / part.divisor;
  }
  return any ? own : mesh.sidecar;
}

Json sidecar_size_to_json(const SidecarSize& size) {
  Json json = Json::object();
  for (const Part& part : kParts) {
    const std::int64_t value = size.*part.amount;
    json[std::string(part.fact)] = part.divisor == 1 ? cpu_text(value) : exact_bytes(value);
  }
  return json;
}

Result<SidecarSize> sidecar_size_from_json(const Json& json) {
  SidecarSize size;
  for (const Part& part : kParts) {
    const Json* value = value_at(json, "/" + std::string(part.fact));
    if (value == nullptr) continue;
    const std::optional<std::int64_t> read = amount(*value, part.divisor);
    if (!read) return fail(std::string(part.fact) + " is " + to_text(*value) + ", which is no quantity such as 100m or 128Mi");
    size.*part.amount = *read;
  }
  return size;
}

}  // namespace meshgraft
