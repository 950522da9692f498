// What a plan says of members that must not change: the truth about their pods, whoever gave them a sidecar.

#include <gmock/gmock.h>

#include <algorithm>

#include "reconcilers/plan.h"
#include "tests/reconcilers/live.h"

namespace meshgraft {
namespace {

// A Deployment with a Service, joined as app shop: labels, sidecar, record.
std::string joined(const std::string& name, const std::string& more = "") {
  return "---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: " + name + "\n  uid: uid-" + name +
         "\n  generation: 3\n  labels: {app: " + name + ", version: v1, app.kubernetes.io/name: shop, app.kubernetes.io/version: v1}\n  annotations:\n    meshgraft.io/undo: '{\"uid\":\"uid-" + name +
         "\",\"own\":[\"metadata.labels[app.kubernetes.io/name]\",\"spec.template.metadata.labels[version]\"]}'\n" + more +
         "spec:\n  replicas: 1\n  selector: {matchLabels: {run: " + name +
         "}}\n  template:\n    metadata: {labels: {run: " + name + ", app: " + name +
         ", version: v1, sidecar.istio.io/inject: \"true\"}, annotations: {sidecar.istio.io/inject: \"true\"}}\n    spec: {containers: [{name: c, image: \"x:1\"}]}\n"
         "status: {observedGeneration: 3, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1}\n" +
         live::service(name);
}

MemberState row(const Plan& plan, const std::string& name) {
  const auto found = std::find_if(plan.members.begin(), plan.members.end(), [&name](const MemberState& one) { return one.workload.name == name; });
  if (found != plan.members.end()) return *found;
  ADD_FAILURE() << "no row of " << name;
  return {};
}

TEST(FrozenMembers, of_an_app_that_cannot_be_read_are_still_joined_and_have_their_sidecars) {
  const Plan plan = live::plan(live::world(live::namespace_("meshgraft.io/app: Shop_1") + joined("web") + live::deployment("late") + live::service("late")));
  EXPECT_TRUE(plan.now.empty());
  EXPECT_EQ(row(plan, "web").phase, MemberPhase::joined);
  EXPECT_TRUE(row(plan, "web").sidecar);
  EXPECT_EQ(row(plan, "late").phase, MemberPhase::held);
  EXPECT_FALSE(row(plan, "late").sidecar) << "it never had one";
  EXPECT_EQ(row(plan, "late").why, "the namespace is frozen");
}

TEST(FrozenMembers, that_never_joined_have_no_sidecar_while_a_policy_is_wrong) {
  const Plan plan = live::plan(live::world(live::shop("meshgraft.io/policy: everything") + joined("web") + live::deployment("late") + live::service("late")));
  EXPECT_TRUE(row(plan, "web").sidecar);
  EXPECT_FALSE(row(plan, "late").sidecar);
}

TEST(ExcludedMembers, show_the_sidecar_that_their_own_template_asks_for) {
  const Plan plan = live::plan(live::world(live::shop() + joined("web", "    meshgraft.io/exclude: \"true\"\n") +
                                           live::deployment("bare", "", "annotations: {meshgraft.io/exclude: \"true\"}") + live::service("bare")));
  EXPECT_EQ(row(plan, "web").phase, MemberPhase::excluded);
  EXPECT_TRUE(row(plan, "web").sidecar);
  EXPECT_FALSE(row(plan, "bare").sidecar);
}

}  // namespace
}  // namespace meshgraft
