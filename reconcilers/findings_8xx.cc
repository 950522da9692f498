#include <vector>

#include "reconcilers/findings_rows.h"

namespace meshgraft {

// code, severity, title, cause, remedy, the same three in Chinese, source, istioctl's code
std::span<const FindingInfo> findings_8xx() {
  // clang-format off
  static const std::vector<FindingInfo> rows{
      {"MG803", Severity::error, "a grayscale release blocks the way back", "A Strategy still shares the traffic of this Service between versions. KubeSphere would write the VirtualService again as long as it exists, so the Service and the Deployments behind it are left as they are.", "End the release in KubeSphere's console. Or by hand: send everything to the principal version (spec.governor), wait until the VirtualService says so, delete the other version's Deployment, then the Strategy.", "灰度发布阻止了撤销", "仍有 Strategy 在该 Service 的各版本之间分配流量。只要它存在，KubeSphere 就会重新写入 VirtualService，因此该 Service 及其背后的 Deployment 保持原样。", "在 KubeSphere 控制台结束灰度发布。或者手动处理：把全部流量交给主版本（spec.governor），等 VirtualService 生效后删除另一版本的 Deployment，最后删除 Strategy。", "kubesphere pkg/controller/virtualservice/virtualservice_controller.go (3.3.2)", ""},
  };
  // clang-format on
  return rows;
}

}  // namespace meshgraft
