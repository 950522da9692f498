// Records that came with a copy of their object: told, never believed.

#include "reconcilers/copied_records.h"

#include <gmock/gmock.h>

#include "reconcilers/foresee.h"
#include "tests/reconcilers/live.h"

namespace meshgraft {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// What MG118 is told about in `yaml`.
std::vector<std::string> told(const std::string& yaml) {
  std::vector<std::string> about;
  for (const Finding& one : foresee(live::world(yaml), Settings{}).findings) {
    if (one.code == "MG118") about.push_back(to_string(one.about));
  }
  return about;
}

std::string ns(const std::string& labels) { return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, uid: ns-uid, labels: {" + labels + "}}\n"; }

std::string deployment(const std::string& name, const std::string& undo) {
  return "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: " + name + ", namespace: shop, uid: uid-" + name + ", annotations: {meshgraft.io/undo: '" + undo +
         "'}}\nspec:\n  replicas: 1\n  selector: {matchLabels: {run: " + name + "}}\n  template:\n    metadata: {labels: {run: " + name +
         "}}\n    spec: {containers: [{name: c, image: \"x:1\"}]}\n";
}

std::string record_of(const std::string& uid) { return R"({"own":["metadata.labels[app]"],"uid":")" + uid + "\"}"; }

const std::string kJoining = ns("meshgraft.io/app: shop");

TEST(CopiedRecords, a_record_of_an_object_that_is_not_here_is_told) {
  EXPECT_THAT(told(kJoining + deployment("web", record_of("uid-former"))), ElementsAre("Deployment shop/web"));
}

TEST(CopiedRecords, a_record_of_the_very_object_is_not_told) {
  EXPECT_THAT(told(kJoining + deployment("web", record_of("uid-web"))), IsEmpty());
}

TEST(CopiedRecords, a_gray_Deployments_copy_of_a_record_whose_object_is_here_is_not_told) {
  EXPECT_THAT(told(kJoining + deployment("web", record_of("uid-web")) + deployment("web-gray", record_of("uid-web"))), IsEmpty());
}

TEST(CopiedRecords, what_lists_nothing_is_not_told) {
  for (const char* undo : {"{}", R"({"uid":"uid-former"})", R"({"replaces":"uid-former"})"}) {
    EXPECT_THAT(told(kJoining + deployment("web", undo)), IsEmpty()) << undo;
  }
}

TEST(CopiedRecords, nothing_is_told_of_a_namespace_that_carries_no_label) {
  EXPECT_THAT(told(ns("team: a") + deployment("web", record_of("uid-former"))), IsEmpty());
}

}  // namespace
}  // namespace meshgraft
