#include <vector>

#include "reconcilers/findings_rows.h"

namespace meshgraft {

// code, severity, title, cause, remedy, the same three in Chinese, source, istioctl's code
std::span<const FindingInfo> findings_8xx() {
  // clang-format off
  static const std::vector<FindingInfo> rows{
      {"MG803", Severity::error, "a grayscale release blocks the way back", "A Strategy still shares the traffic of this Service between versions. KubeSphere would write the VirtualService again as long as it exists, so the Service and the Deployments behind it are left as they are.", "End the release: annotate the Strategy with meshgraft.io/promote=true or meshgraft.io/abort=true, or delete it.", "灰度发布阻止了撤销", "仍有 Strategy 在该 Service 的各版本之间分配流量。只要它存在，KubeSphere 就会重新写入 VirtualService，因此该 Service 及其背后的 Deployment 保持原样。", "结束灰度：在 Strategy 上添加注解 meshgraft.io/promote=true 或 meshgraft.io/abort=true，或将其删除。", "kubesphere pkg/controller/virtualservice/virtualservice_controller.go (3.3.2)", ""},
  };
  // clang-format on
  return rows;
}

}  // namespace meshgraft
