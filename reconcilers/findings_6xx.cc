#include <vector>

#include "reconcilers/findings_rows.h"

namespace meshgraft {

// code, severity, title, cause, remedy, the same three in Chinese, source, istioctl's code
std::span<const FindingInfo> findings_6xx() {
  // clang-format off
  static const std::vector<FindingInfo> rows{
      {"MG601", Severity::warning, "an EnvoyFilter for the whole mesh", "It changes every HTTP connection manager of every proxy, outbound too: request ids are made anew at inbound hops, and the last X-Forwarded-For entry of a client is believed.", "Use clientIP.mode=envoyFilter, which changes the gateway alone.", "作用于整个网格的 EnvoyFilter", "它会修改所有代理（包括出站）的 HTTP 连接管理器：入站时重新生成请求 ID，并信任客户端 X-Forwarded-For 的最后一项。", "使用 clientIP.mode=envoyFilter，仅修改网关。", "recorded from istiod 1.11.2 and 1.31: docs/design", ""},
      {"MG602", Severity::warning, "an EnvoyFilter preserve-client-ip of somebody else", "An object of that name was not made by this program, so it is left as it is.", "Delete it if this program should keep it; set clientIP.mode=off if it should not.", "已有他人创建的 preserve-client-ip", "该名称的对象并非由本程序创建，保持原样。", "若要由本程序管理请删除它；否则设置 clientIP.mode=off。", "docs/guide.md", ""},
      {"MG603", Severity::warning, "EnvoyFilter is not served", "Without it nginx sees 127.0.0.6 for requests that come through its sidecar.", "Install Istio's CRDs, or set clientIP.mode=bypass.", "集群不提供 EnvoyFilter", "没有它，nginx 对经过边车的请求只看到 127.0.0.6。", "安装 Istio 的 CRD，或设置 clientIP.mode=bypass。", "istio.io, EnvoyFilter", ""},
      {"MG604", Severity::error, "meshWide does harm from Istio 1.25", "From Envoy 1.33 no address is internal by default, so every hop of the mesh would count as its edge: request ids are made anew and x-envoy headers removed at each. It is not written.", "Use clientIP.mode=envoyFilter.", "Istio 1.25 起 meshWide 有害", "自 Envoy 1.33 起默认没有内部地址，网格每一跳都会被当作边缘：重新生成请求 ID 并删除 x-envoy 头，因此不写入。", "使用 clientIP.mode=envoyFilter。", "istio release notes 1.25, 53402", ""},
      {"MG605", Severity::warning, "a DestinationRule of somebody else for the gateway", "In mode bypass no sidecar listens on the gateway's ports, but callers in the mesh would speak TLS to them unless a DestinationRule says DISABLE; this host has one already that does not.", "Add trafficPolicy.tls.mode: DISABLE to it.", "网关已有他人的 DestinationRule", "bypass 模式下网关端口没有边车监听，除非 DestinationRule 设为 DISABLE，网格内调用方会使用 TLS；该主机已有的规则并非如此。", "在其中加入 trafficPolicy.tls.mode: DISABLE。", "istio/istio#30311", ""},
      {"MG611", Severity::error, "STRICT mTLS refuses callers without a sidecar", "A PeerAuthentication makes the pods of this Service accept mTLS alone. Callers that have no sidecar speak plain text and are refused as soon as the pods have theirs.", "Give the callers a sidecar, or set mtls.mode to PERMISSIVE.", "STRICT mTLS 会拒绝没有边车的调用方", "PeerAuthentication 使该 Service 的 Pod 只接受 mTLS。没有边车的调用方使用明文，Pod 注入边车后即被拒绝。", "为调用方注入边车，或将 mtls.mode 设为 PERMISSIVE。", "istio.io, PeerAuthentication", ""},
      {"MG612", Severity::error, "STRICT mTLS refuses the gateway", "The Ingress leads to pods that accept mTLS alone, through a gateway without a sidecar: every request from outside is refused.", "Label the gateway's namespace meshgraft.io/gateway=ingress-nginx, or set mtls.mode to PERMISSIVE.", "STRICT mTLS 会拒绝网关", "该 Ingress 经由没有边车的网关访问只接受 mTLS 的 Pod，来自外部的请求都会被拒绝。", "为网关所在命名空间添加标签 meshgraft.io/gateway=ingress-nginx，或将 mtls.mode 设为 PERMISSIVE。", "istio.io, PeerAuthentication", ""},
      {"MG613", Severity::error, "a DestinationRule asks for mTLS where nobody answers it", "Callers with a sidecar would speak mTLS to pods that have none: every such call fails.", "Remove trafficPolicy.tls from the DestinationRule, or set its mode to DISABLE.", "DestinationRule 要求 mTLS，但对端没有边车", "带边车的调用方会以 mTLS 访问没有边车的 Pod，这类调用全部失败。", "去掉 DestinationRule 的 trafficPolicy.tls，或将 mode 设为 DISABLE。", "istio.io, DestinationRule", "IST0113"},
      {"MG614", Severity::warning, "traffic rules do not reach these callers", "A VirtualService is carried out in the caller's sidecar. Callers without one go to all versions alike: grayscale, circuit breaking and the rest do not apply to them.", "Give the callers a sidecar too: meshgraft.io/inject=true", "流量规则对这些调用方无效", "VirtualService 由调用方的边车执行。没有边车的调用方会访问所有版本，灰度、熔断等规则对其无效。", "调用方也注入边车：meshgraft.io/inject=true。", "istio.io, Traffic Management", ""},
  };
  // clang-format on
  return rows;
}

}  // namespace meshgraft
