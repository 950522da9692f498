#pragma once
// How much CPU and memory a sidecar asks for. Called by the facts, which read the injector's defaults, and by whoever
// adds up what a plan costs. Knows no quota. Pure.

#include <string>

#include "k8sclient/base/json.h"
#include "k8sclient/base/result.h"
#include "reconcilers/types.h"

namespace meshgraft {

// The defaults in the injector's values (ConfigMap istio-sidecar-injector, key "values": JSON,
// global.proxy.resources); what they do not say, or say unreadably, is the chart's.
SidecarSize sidecar_size_of_values(const std::string& values);

// The sidecar of a pod with these annotations: sidecar.istio.io/proxyCPU, -Memory, -CPULimit, -MemoryLimit win. As in
// istiod's template, a pod that names any of them takes none of the defaults: what it does not name is then 0.
SidecarSize sidecar_size(const MeshFacts& mesh, const Labels& pod_annotations);

// {"cpu": "100m", "memory": "128Mi", "cpuLimit": "2", "memoryLimit": "1Gi"} and back. The error names the field.
Json sidecar_size_to_json(const SidecarSize& size);
Result<SidecarSize> sidecar_size_from_json(const Json& json);

}  // namespace meshgraft
