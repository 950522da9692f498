// What the API server refuses is told by its own code, and stops nobody else.

#include <gmock/gmock.h>

#include "reconcilers/keys.h"
#include "tests/controller/rig.h"

namespace meshgraft {
namespace {

using fakes::Call;

fakes::Fault webhook_fault() {
  fakes::Fault fault = fakes::server_fault();
  fault.error.kind = ErrorClass::other;
  fault.error.message = "admission webhook \"validate.nginx.ingress.kubernetes.io\" denied the request: annotation group ServerSnippet contains risky annotation";
  return fault;
}

TEST(Refusal, an_ingress_that_the_controllers_webhook_refuses_is_MG408_with_its_words) {
  RigCluster cluster;
  cluster.add_namespace("shop");
  cluster.add_app("shop", "web");
  cluster.engine.seed(Json::parse(R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"edge","namespace":"shop"},
    "spec":{"ingressClassName":"nginx","rules":[{"host":"a.example.com","http":{"paths":[{"path":"/","pathType":"Prefix","backend":{"service":{"name":"web","port":{"number":80}}}}]}}]}})"));
  cluster.api.set_fault([](const Call& call) {
    return call.is_write() && call.key.kind == Kind::ingress ? std::optional(webhook_fault()) : std::nullopt;
  });
  RigController controller(cluster);
  cluster.label("shop", "meshgraft.io/app", "shop");
  controller.settle();
  bool told = false;
  for (const auto& [about, finding] : controller.book.page("shop").refused) {
    if (about.kind != Kind::ingress) continue;
    told = true;
    EXPECT_EQ(finding.code, "MG408");
    EXPECT_THAT(finding.text, testing::HasSubstr("ServerSnippet contains risky annotation"));
  }
  EXPECT_TRUE(told);
  // The member behind it has joined all the same.
  EXPECT_EQ(cluster.deployment("shop", "web")["spec"]["template"]["metadata"]["labels"].value("version", ""), "v1");
}

struct Refused : testing::Test {
  RigCluster cluster;

  // What is told of Application shop when every write to it is answered with `error`.
  Finding told(const ApiError& error) {
    cluster.add_namespace("shop");
    cluster.add_app("shop", "web");
    cluster.api.set_fault([error](const Call& call) {
      return call.is_write() && call.key.kind == Kind::application ? std::optional(fakes::Fault{error, false}) : std::nullopt;
    });
    RigController controller(cluster);
    cluster.label("shop", "meshgraft.io/app", "shop");
    controller.settle();
    EXPECT_EQ(cluster.deployment("shop", "web")["spec"]["template"]["metadata"]["labels"].value("version", ""), "v1");
    for (const auto& [about, finding] : controller.book.page("shop").refused) {
      if (about.kind == Kind::application) return finding;
    }
    return {};
  }
};

TEST_F(Refused, content_that_the_server_does_not_take_is_MG911_and_names_the_field) {
  ApiError error = fakes::server_fault().error;
  error.kind = ErrorClass::invalid;
  error.message = "Application \"shop\" is invalid: spec.componentKinds: Required value";
  const Finding finding = told(error);
  EXPECT_EQ(finding.code, "MG911");
  EXPECT_THAT(finding.text, testing::HasSubstr("spec.componentKinds"));
}

TEST_F(Refused, a_write_that_meets_another_writer_three_times_is_MG912) {
  EXPECT_EQ(told(fakes::conflict_fault().error).code, "MG912");
}

}  // namespace
}  // namespace meshgraft
