#include "reconcilers/stateful_set.h"

#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/member_template.h"

namespace meshgraft {

Decision desired_stateful_sets(const Context& context) {
  Decision decision;
  for (const Member& member : context.membership.members) {
    const Workload& set = *member.workload;
    if (set.kind != Kind::stateful_set || member.excluded || !member.blocked.empty()) continue;
    Intent metadata;
    metadata.object = member.workload;
    metadata.stage = Stage::member_metadata;
    metadata.rule = "stateful_set";
    metadata.wish.labels = member_labels(member);
    metadata.wish.annotations.emplace(keys::kGoverned, "true");
    metadata.why = "labels and governance of member " + member.service->meta.name;
    decision.intents.push_back(std::move(metadata));
    if (context.facts.platform.kubesphere) {
      decision.findings.push_back(
          finding("MG206", set.key(),
                  "it is listed in the app " + member.app_name +
                      "; KubeSphere makes no subset, VirtualService or grayscale release for it"));
    }
    if (!member.sidecar) continue;

    TemplateDecision pod = decide_template(context, member);
    const bool by_hand = set.strategy == "OnDelete" || set.partition.value_or(0) > 0;
    if (by_hand && !pod.held_template) {
      pod.intent.hold = "its pods would not be replaced together (MG217)";
      pod.intent.at_once = false;
      decision.findings.push_back(finding("MG217", set.key(),
                                          set.strategy == "OnDelete"
                                              ? "updateStrategy is OnDelete"
                                              : "updateStrategy has partition " + std::to_string(*set.partition)));
    } else {
      for (Finding& one : pod.findings) decision.findings.push_back(std::move(one));
    }
    decision.intents.push_back(std::move(pod.intent));
  }
  return decision;
}

}  // namespace meshgraft
