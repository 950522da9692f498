#pragma once
// Objects as an API server shows them, with uid, generation and status, for the tests of plan and gate.

#include <string>

#include "reconcilers/plan.h"
#include "tests/reconcilers/given.h"

namespace meshgraft::live {

// Namespace shop with these labels and annotations, as flow mappings without braces.
inline std::string namespace_(const std::string& labels, const std::string& annotations = "") {
  return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, uid: ns-uid, labels: {" + labels +
         "}, annotations: {" + annotations + "}}\n";
}
inline std::string shop(const std::string& annotations = "", const std::string& labels = "") {
  return namespace_("meshgraft.io/app: shop" + (labels.empty() ? "" : ", " + labels), annotations);
}

inline std::string service(const std::string& name) {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", uid: svc-" + name +
         "}\nspec:\n  clusterIP: 10.0.0.1\n  selector: {run: " + name + "}\n  ports: [{port: 80, name: http}]\n";
}

// A Deployment of two pods that are all available. `spec` replaces lines of the defaults: "replicas: 1",
// "strategy: {type: Recreate}", "pod_labels: {…}", "env: [...]"; `meta` adds to metadata; `status` replaces status.
inline std::string deployment(const std::string& name, const std::string& spec = "", const std::string& meta = "",
                              const std::string& status = "") {
  const auto is = [&spec](const char* key) { return spec.starts_with(key); };
  const std::string pod_labels = is("pod_labels: {") ? spec.substr(13, spec.size() - 14) + ", " : "";
  const std::string env = is("env:") ? ", " + spec : "";
  std::string text = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", uid: uid-" + name +
                     ", generation: 3" + (meta.empty() ? "" : ", " + meta) + "}\nspec:\n";
  if (!is("replicas:")) text += "  replicas: 2\n";
  if (!spec.empty() && pod_labels.empty() && env.empty()) text += "  " + spec + "\n";
  text += "  selector: {matchLabels: {run: " + name + "}}\n  template:\n    metadata: {labels: {" + pod_labels +
          "run: " + name + "}}\n    spec: {containers: [{name: c, image: \"x:1\"" + env + "}]}\n";
  const int replicas = is("replicas: ") ? std::stoi(spec.substr(10)) : 2;
  const std::string n = std::to_string(replicas);
  text += "status: {" +
          (status.empty() ? "observedGeneration: 3, replicas: " + n + ", updatedReplicas: " + n +
                                ", readyReplicas: " + n + ", availableReplicas: " + n +
                                ", conditions: [{type: Progressing, status: \"True\", reason: NewReplicaSetAvailable}]"
                          : status) +
          "}\n";
  return text;
}

inline World world(const std::string& yaml, std::string_view profile_name = "kubesphere-3.3") {
  World made = given::world(yaml);
  const auto assumed = profile(profile_name);
  made.mesh = assumed->mesh;
  made.platform = assumed->platform;
  made.served = assumed->platform.served;
  made.mesh->ready = true;
  return made;
}

inline Plan plan(const World& world, const Settings& settings = {}) {
  Facts facts = derive_facts(world, settings);
  return meshgraft::plan(world.namespaces.at("shop"), facts, settings);
}
inline Plan plan(const std::string& yaml, const Settings& settings = {}) { return plan(world(yaml), settings); }

// "member-metadata Deployment shop/web" of everything that may be sent now.
inline std::vector<std::string> targets(const Plan& plan) {
  std::vector<std::string> list;
  for (const Change& change : plan.now)
    list.push_back(std::string(to_string(change.stage)) + " " + to_string(change.target));
  return list;
}

inline std::string codes(const Plan& plan) {
  std::string list;
  for (const Finding& one : plan.findings) list += (list.empty() ? "" : " ") + one.code;
  return list;
}

}  // namespace meshgraft::live
