#include <vector>

#include "reconcilers/findings_rows.h"

namespace meshgraft {

// code, severity, title, cause, remedy, the same three in Chinese, source, istioctl's code
std::span<const FindingInfo> findings_9xx() {
  // clang-format off
  static const std::vector<FindingInfo> rows{
      {"MG902", Severity::error, "KubeSphere's service mesh is off or not ready", "KubeSphere's own configuration says so. Members get their labels, but no pod is restarted for a sidecar until it is on.", "Turn it on: spec.servicemesh.enabled in ClusterConfiguration ks-installer, or the extension servicemesh in KubeSphere 4.", "KubeSphere 服务网格未开启或未就绪", "KubeSphere 的配置如此声明。成员会得到标签，但在开启之前不会为边车重启任何 Pod。", "开启 ClusterConfiguration ks-installer 的 spec.servicemesh.enabled；KubeSphere 4 请安装扩展 servicemesh。", "ks-installer roles/ks-istio (3.3)", ""},
      {"MG904", Severity::error, "the cluster has no sidecar injector", "No MutatingWebhookConfiguration of an Istio injector was found. Members get their labels, but no pod is restarted.", "Install Istio, or turn on KubeSphere's service mesh.", "集群没有边车注入器", "没有找到 Istio 注入器的 MutatingWebhookConfiguration。成员会得到标签，但不会重启 Pod。", "安装 Istio，或开启 KubeSphere 服务网格。", "istio manifests/charts/istio-control/istio-discovery", ""},
      {"MG905", Severity::warning, "the self-built app cannot be created", "The cluster does not serve applications.app.k8s.io, so there is nothing to list the members in. Everything else goes on.", "Install KubeSphere's Application CRD; it is picked up without a restart.", "无法创建自制应用", "集群没有 applications.app.k8s.io，因此没有可列出成员的应用；其余照常进行。", "安装 KubeSphere 的 Application CRD，无需重启即可生效。", "kubesphere pkg/controller/application (3.3.2)", ""},
  };
  // clang-format on
  return rows;
}

}  // namespace meshgraft
