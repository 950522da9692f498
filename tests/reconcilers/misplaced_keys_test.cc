// Keys of ours where nobody reads them: told with what to do, and never acted on.

#include "reconcilers/misplaced_keys.h"

#include <gmock/gmock.h>

#include "reconcilers/foresee.h"
#include "reconcilers/keys.h"
#include "tests/reconcilers/live.h"

namespace meshgraft {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The texts and remedies of MG115 about the objects of `yaml`.
std::vector<std::string> told(const std::string& yaml) {
  std::vector<std::string> texts;
  for (const Finding& one : foresee(live::world(yaml), Settings{}).findings) {
    if (one.code == "MG115") texts.push_back(to_string(one.about) + ": " + one.text + " | " + one.remedy);
  }
  return texts;
}

std::string ns(const std::string& labels, const std::string& annotations = "a: b") {
  return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, uid: ns-uid, labels: {" + labels + "}, annotations: {" + annotations + "}}\n";
}

std::string deployment(const std::string& labels, const std::string& annotations, const std::string& pod_annotations = "x: z") {
  return "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, uid: uid-web, labels: {" + labels + "}, annotations: {" + annotations +
         "}}\nspec:\n  replicas: 1\n  selector: {matchLabels: {run: web}}\n  template:\n    metadata: {labels: {run: web}, annotations: {" + pod_annotations +
         "}}\n    spec: {containers: [{name: c, image: \"x:1\"}]}\n";
}

TEST(MisplacedKeys, an_app_set_as_an_annotation_is_told_although_the_namespace_carries_no_label) {
  EXPECT_THAT(told(ns("team: a", "meshgraft.io/app: shop")),
              ElementsAre("Namespace shop: annotation meshgraft.io/app is not read: it has to be a label | kubectl label namespace shop meshgraft.io/app=shop, "
                          "then: kubectl annotate namespace shop meshgraft.io/app-"));
}

TEST(MisplacedKeys, a_policy_set_as_a_label_is_told) {
  EXPECT_THAT(told(ns("meshgraft.io/app: shop, meshgraft.io/policy: observe")),
              ElementsAre("Namespace shop: label meshgraft.io/policy is not read: it has to be an annotation | kubectl annotate namespace shop "
                          "meshgraft.io/policy=observe, then: kubectl label namespace shop meshgraft.io/policy-"));
}

TEST(MisplacedKeys, a_misspelt_key_is_told_with_the_one_that_was_meant) {
  const auto texts = told(ns("meshgraft.io/app: shop", "meshgraft.io/polciy: observe, meshgraft.io/colour: blue"));
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_THAT(texts[0], HasSubstr("annotation meshgraft.io/colour is no key of meshgraft |"));
  EXPECT_THAT(texts[1], HasSubstr("annotation meshgraft.io/polciy is no key of meshgraft; meant is meshgraft.io/policy? |"));
}

TEST(MisplacedKeys, a_key_of_another_kind_and_one_on_the_pod_template_are_told) {
  const auto texts = told(ns("meshgraft.io/app: shop") + deployment("a: b", "meshgraft.io/split-ingress: \"true\"", "meshgraft.io/inject: \"false\""));
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_THAT(texts[0], HasSubstr("Deployment shop/web: annotation meshgraft.io/inject of the pod template is not read: it belongs on the Deployment itself | "
                                  "kubectl annotate deployment web -n shop meshgraft.io/inject=false, and take it out of the template"));
  EXPECT_THAT(texts[1], HasSubstr("annotation meshgraft.io/split-ingress means nothing on a Deployment; it is read on: Ingress"));
}

TEST(MisplacedKeys, what_to_type_is_one_word_of_the_shell_whatever_the_value_is) {
  const auto texts = told(ns("meshgraft.io/app: shop") + deployment("a: b", "a: b", "meshgraft.io/service: \"it's; rm -rf $HOME\""));
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_THAT(texts[0], HasSubstr("kubectl annotate deployment web -n shop 'meshgraft.io/service=it'\\''s; rm -rf $HOME', and take it out"));
}

TEST(MisplacedKeys, a_release_is_told_to_be_asked_for_on_its_Strategy) {
  const auto texts = told(ns("meshgraft.io/app: shop") + deployment("a: b", "meshgraft.io/promote: \"true\""));
  ASSERT_EQ(texts.size(), 1U);
  EXPECT_THAT(texts[0], HasSubstr("annotation meshgraft.io/promote means nothing on a Deployment; it is read on: Strategy | kubectl annotate "
                                  "strategies.servicemesh.kubesphere.io NAME -n shop meshgraft.io/promote=true"));
}

TEST(MisplacedKeys, keys_where_they_belong_and_those_that_we_write_are_no_finding) {
  const std::string service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop, annotations: {meshgraft.io/protocol.8080: http}}\n"
                              "spec: {selector: {run: web}, ports: [{port: 8080}]}\n";
  EXPECT_THAT(told(ns("meshgraft.io/app: shop", "meshgraft.io/policy: join, meshgraft.io/status: joined, meshgraft.io/version: v2") + service +
                   deployment("a: b", "meshgraft.io/inject: \"true\", meshgraft.io/retry: \"1\", meshgraft.io/undo: \"{}\"")),
              IsEmpty());
  EXPECT_TRUE(is_known_key("meshgraft.io/protocol.8080"));
  EXPECT_FALSE(is_known_key("meshgraft.io/protocol.http"));
}

std::vector<std::string> codes_of(const std::string& name, const std::string& more = "") {
  std::vector<std::string> codes;
  const std::string space = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + ", labels: {meshgraft.io/app: shop}}\n";
  for (const Finding& one : foresee(live::world(space + more), Settings{}).findings) {
    if (one.code == "MG116") codes.push_back(one.text.substr(0, one.text.find(':')));
  }
  return codes;
}

TEST(SystemNamespaces, are_warned_about_when_they_are_to_join_an_app) {
  EXPECT_THAT(codes_of("kube-system"), ElementsAre("the prefix kube- is reserved for Kubernetes itself"));
  EXPECT_THAT(codes_of("kubesphere-monitoring-system"), ElementsAre("KubeSphere itself runs here"));
  EXPECT_THAT(codes_of("shop"), IsEmpty());
  EXPECT_THAT(codes_of("kubesphere-demo"), IsEmpty());
  const std::string controller =
      "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: controller, namespace: edge}\nspec:\n  selector: {matchLabels: {app: nginx}}\n  template:\n"
      "    metadata: {labels: {app: nginx}}\n    spec: {containers: [{name: controller, image: \"registry.k8s.io/ingress-nginx/controller:v1.8.1\", args: "
      "[/nginx-ingress-controller]}]}\n";
  EXPECT_THAT(codes_of("edge", controller), ElementsAre("an ingress-nginx runs here"));
}

}  // namespace
}  // namespace meshgraft
