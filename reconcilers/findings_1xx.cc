#include <vector>

#include "reconcilers/findings_rows.h"

namespace meshgraft {

// code, severity, title, cause, remedy, the same three in Chinese, source, istioctl's code
std::span<const FindingInfo> findings_1xx() {
  // clang-format off
  static const std::vector<FindingInfo> rows{
      {"MG101", Severity::error, "a key of the Namespace has a value that is not allowed", "A label or annotation meshgraft.io/… on the Namespace cannot be read. The namespace is frozen: nothing is written, nothing is undone.", "Correct the value; the next look goes on from there.", "命名空间上的某个键取值不合法", "命名空间上的 meshgraft.io/… 标签或注解无法识别。该命名空间被冻结：不写入任何内容，也不撤销任何内容。", "改正取值即可，程序随后自动继续。", "docs/keys.md", ""},
      {"MG102", Severity::warning, "deleting the Application would delete its members", "spec.addOwnerRef of the Application is true: KubeSphere makes the Application an owner of every member, and deleting it lets the garbage collector delete them.", "Set spec.addOwnerRef to false, and remove the owner references that members already have.", "删除该 Application 会连同成员一起删除", "Application 的 spec.addOwnerRef 为 true：KubeSphere 会把它写成每个成员的属主，删除它时成员会被垃圾回收。", "将 spec.addOwnerRef 改为 false，并移除成员上已有的 ownerReferences。", "kubesphere pkg/controller/application/application_controller.go (3.3.2)", ""},
      {"MG103", Severity::warning, "the namespace belongs to no KubeSphere workspace", "The Namespace has no label kubesphere.io/workspace, so KubeSphere's console does not list it as a project and shows none of its apps.", "Assign the project to a workspace: kubectl label namespace NAME kubesphere.io/workspace=WORKSPACE", "该命名空间不属于任何企业空间", "命名空间没有 kubesphere.io/workspace 标签，KubeSphere 控制台不会把它列为项目，也不会显示其中的应用。", "把项目分配给企业空间：kubectl label namespace NAME kubesphere.io/workspace=WORKSPACE", "kubesphere pkg/controller/workspace (3.3.2)", ""},
      {"MG105", Severity::warning, "the label has no effect in this namespace", "The chart's values do not admit this namespace.", "Ask the owner of the installation to widen namespaces.selector or gateway.namespaces, or remove the label.", "该标签在此命名空间无效", "安装时的取值不允许该命名空间加入。", "请安装者放宽 namespaces.selector 或 gateway.namespaces，或移除该标签。", "docs/guide.md", ""},
      {"MG107", Severity::error, "the undo record of an object cannot be read", "The annotation meshgraft.io/undo holds something that is no record of ours. Without it nothing can be changed safely, so the object is left alone.", "Put the annotation back, or remove it if nothing of ours is left on the object.", "对象的撤销记录无法读取", "注解 meshgraft.io/undo 的内容不是本程序的记录。没有它就无法安全修改，因此该对象保持不动。", "恢复该注解；若对象上已没有本程序写入的内容，可将其删除。", "docs/keys.md", ""},
      {"MG108", Severity::error, "app or version of a joined namespace was changed", "Members carry the former value. Moving them to another app or version would cut running traffic, so the namespace is frozen.", "Set the former value again. To move the namespace, take it back first: meshgraft undo NAMESPACE, then label it anew.", "已加入的命名空间的应用名或版本被修改", "成员仍带有原来的值。直接改名会中断流量，因此该命名空间被冻结。", "恢复原值；如确需更换，先执行 meshgraft undo NAMESPACE，再重新打标签。", "docs/guide.md", ""},
      {"MG109", Severity::info, "the namespace is being deleted", "Its deletionTimestamp is set. Nothing is written in it any more.", "", "命名空间正在被删除", "已设置 deletionTimestamp，不再写入任何内容。", "", "docs/guide.md", ""},
      {"MG110", Severity::info, "paused", "meshgraft.io/paused on the Namespace, or paused in the chart's values, is true.", "Remove the annotation, or set the value to false, to go on.", "已暂停", "命名空间注解 meshgraft.io/paused 或安装取值 paused 为 true。", "移除注解或将取值改为 false 后继续。", "docs/keys.md", ""},
      {"MG111", Severity::error, "a key of an object has a value that is not allowed", "A meshgraft.io/… annotation on this object cannot be read. The object is left as it is; others go on.", "Correct the value.", "对象上的某个键取值不合法", "该对象上的 meshgraft.io/… 注解无法识别。该对象保持原样，其他对象不受影响。", "改正取值。", "docs/keys.md", ""},
      {"MG199", Severity::error, "the plan does not come to an end", "Playing the plan forward kept producing changes. This is a defect of the program.", "Report it with the output of: meshgraft plan -o json", "计划无法收敛", "推演计划时不断产生新的变更，这是程序缺陷。", "请附上 meshgraft plan -o json 的输出反馈。", "docs/findings.md", ""},
  };
  // clang-format on
  return rows;
}

}  // namespace meshgraft
