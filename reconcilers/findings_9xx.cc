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
      {"MG910", Severity::error, "a write was refused: the permission is missing", "The API server answered 403: the controller's ClusterRole lacks a rule, or an admission webhook denied the request. Everything else goes on; the write is tried again with growing pauses.", "Install the chart's ClusterRole of this version, or read the message for the webhook that denied it.", "写入被拒绝：缺少权限", "API 服务器返回 403：控制器的 ClusterRole 缺少规则，或准入 webhook 拒绝了请求。其余照常进行；写入会以递增的间隔重试。", "安装与此版本一致的 ClusterRole，或查看消息中拒绝请求的 webhook。", "kubernetes docs reference/access-authn-authz/rbac", ""},
      {"MG911", Severity::error, "the API server refused the content of a write", "The request was well-formed but the object would not be valid, or an object of that name exists and is somebody else's. Everything else goes on; the write is tried again with growing pauses.", "The message names the field.", "API 服务器拒绝了写入内容", "请求格式正确，但对象将不合法，或者同名对象属于他人。其余照常进行；写入会以递增的间隔重试。", "消息中指出了字段。", "kubernetes api-concepts, Server-Side Apply", ""},
      {"MG912", Severity::warning, "a write keeps meeting another writer", "Three writes in a row met a newer object or fields that another manager owns. It is tried again with growing pauses.", "The message names the manager, or the object's managedFields do: kubectl get -o yaml --show-managed-fields.", "写入一再与其他写入者冲突", "连续三次写入遇到更新的对象或由其他管理者拥有的字段；会以递增的间隔重试。", "消息或对象的 managedFields 中列出了管理者：kubectl get -o yaml --show-managed-fields。", "kubernetes docs reference/using-api/server-side-apply", ""},
  };
  // clang-format on
  return rows;
}

}  // namespace meshgraft
