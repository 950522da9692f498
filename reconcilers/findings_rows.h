#pragma once
// The rows of the table of findings, a file per hundred, one row a line. Only findings.cc reads them.

#include <span>

#include "reconcilers/findings.h"

namespace meshgraft {

std::span<const FindingInfo> findings_1xx();  // namespace and app
std::span<const FindingInfo> findings_2xx();  // workload
std::span<const FindingInfo> findings_3xx();  // Service and ports
std::span<const FindingInfo> findings_4xx();  // Ingress
std::span<const FindingInfo> findings_5xx();  // gateway
std::span<const FindingInfo> findings_6xx();  // mesh and mTLS
std::span<const FindingInfo> findings_7xx();  // middleware
std::span<const FindingInfo> findings_8xx();  // releases
std::span<const FindingInfo> findings_9xx();  // platform

}  // namespace meshgraft
