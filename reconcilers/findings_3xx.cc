#include <vector>

#include "reconcilers/findings_rows.h"

namespace meshgraft {

// code, severity, title, cause, remedy, the same three in Chinese, source, istioctl's code
std::span<const FindingInfo> findings_3xx() {
  // clang-format off
  static const std::vector<FindingInfo> rows{
      {"MG301", Severity::warning, "nothing tells what a port speaks", "Neither the port's name nor appProtocol, a probe, an Ingress or a known number tells its protocol. Istio then guesses from the first bytes, KubeSphere takes it for TCP: no HTTP routes, no grayscale by header or percentage of requests.", "Annotate the Service with meshgraft.io/protocol.PORT=http (or http2, grpc, tcp)", "无法判断端口协议", "端口名、appProtocol、探针、Ingress 以及常用端口号都无法说明其协议。Istio 会靠首字节猜测，KubeSphere 视为 TCP：没有 HTTP 路由，无法按请求灰度。", "在 Service 上添加注解 meshgraft.io/protocol.端口=http（或 http2、grpc、tcp）。", "istio pkg/config/kube/conversion.go", "IST0118"},
      {"MG302", Severity::warning, "a port is not renamed, because its name is used", "KubeSphere makes HTTP routes only of ports named http, http2, grpc or with such a prefix. The present name is used by something that would break, or that would bring the name back.", "Let the user of the name take the port's number.", "端口名正被使用，不重命名", "KubeSphere 只为名为 http、http2、grpc 或以其为前缀的端口生成 HTTP 路由；当前名称仍被引用，改名会造成中断，或会被改回。", "让引用者改用端口号。", "kubesphere pkg/controller/virtualservice/virtualservice_controller.go (3.3.2)", ""},
      {"MG303", Severity::warning, "an appProtocol that Istio does not know", "appProtocol replaces the port's name for Istio; one that it does not know makes it guess the protocol, however good the name is.", "Remove appProtocol, or write http, http2, grpc or tcp.", "Istio 不认识的 appProtocol", "对 Istio 而言 appProtocol 优先于端口名；不认识的值会使其猜测协议，即使端口名正确。", "删除 appProtocol，或改为 http、http2、grpc、tcp。", "istio pkg/config/kube/conversion.go", "IST0118"},
      {"MG304", Severity::warning, "a bad value of meshgraft.io/protocol", "The annotation on the Service has a value that is no protocol; it is taken as absent.", "Use http, http2, grpc or tcp.", "meshgraft.io/protocol 的值无效", "Service 上该注解的值不是协议，按未设置处理。", "使用 http、http2、grpc 或 tcp。", "docs/keys.md", ""},
      {"MG310", Severity::info, "a Service without a selector", "Nothing says which pods are behind it (its Endpoints are made by hand or point outside), so no workload belongs to it and it is left as it is.", "", "没有选择器的 Service", "无法得知其后有哪些 Pod（Endpoints 为手工创建或指向集群外），因此没有成员，保持原样。", "", "kubernetes.io, Services without selectors", ""},
  };
  // clang-format on
  return rows;
}

}  // namespace meshgraft
