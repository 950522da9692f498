#include <vector>

#include "reconcilers/findings_rows.h"

namespace meshgraft {

// code, severity, title, cause, remedy, the same three in Chinese, source, istioctl's code
std::span<const FindingInfo> findings_7xx() {
  // clang-format off
  static const std::vector<FindingInfo> rows{
      {"MG701", Severity::warning, "Nacos itself is injected", "Its servers and clients key connections by TCP peers, which a sidecar replaces; registrations merge or vanish.", "Take the sidecar away: sidecar.istio.io/inject: \"false\" in its template.", "Nacos 自身被注入边车", "Nacos 以 TCP 对端识别连接，边车会替换对端，导致注册合并或丢失。", "在其模板中设置 sidecar.istio.io/inject: \"false\"。", "alibaba/nacos#10141, nacos-group/nacos-k8s#411", ""},
      {"MG702", Severity::info, "middleware, left out of the app", "It gets no labels and no sidecar; ports that declare nothing get an appProtocol, so that callers' sidecars do not guess.", "If it is none, tell its ports by name and leave it out with meshgraft.io/exclude=true", "中间件，不加入应用", "不添加标签和边车；未声明协议的端口会设置 appProtocol，避免调用方边车猜测。", "若并非中间件，请为端口命名，并添加注解 meshgraft.io/exclude=true。", "docs/guide.md", ""},
      {"MG703", Severity::info, "calls through Nacos bypass traffic rules", "Nacos hands out pod IPs. A call to a pod IP does not meet the Service's VirtualService: grayscale and other traffic rules do not apply to it, and STRICT mTLS refuses it.", "For services under grayscale release, call by Service name.", "经 Nacos 的调用不受流量规则约束", "Nacos 返回 Pod IP，直连 Pod IP 的调用不经过 Service 的 VirtualService：灰度等规则无效，STRICT mTLS 下会被拒绝。", "需要灰度的服务请以 Service 名称调用。", "recorded from istiod 1.11.2 and 1.31: docs/design", ""},
  };
  // clang-format on
  return rows;
}

}  // namespace meshgraft
