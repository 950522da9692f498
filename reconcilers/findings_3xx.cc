#include <vector>

#include "reconcilers/findings_rows.h"

namespace meshgraft {

// code, severity, title, cause, remedy, the same three in Chinese, source, istioctl's code
std::span<const FindingInfo> findings_3xx() {
  // clang-format off
  static const std::vector<FindingInfo> rows{
      {"MG310", Severity::info, "a Service without a selector is left as it is", "No workload belongs to it, and KubeSphere's controllers would take every Deployment of the namespace for its own.", "", "没有选择器的 Service 保持原样", "没有工作负载属于它，而 KubeSphere 的控制器会把命名空间内所有 Deployment 当作它的。", "", "kubesphere pkg/controller/destinationrule/destinationrule_controller.go (3.3.2)", ""},
  };
  // clang-format on
  return rows;
}

}  // namespace meshgraft
