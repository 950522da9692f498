// What the API server refuses is told by its own code, and stops nobody else.

#include <gmock/gmock.h>

#include <optional>

#include "controller/refusals.h"
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
  std::size_t tries = 0;  // of writes to Service web until everything else was done

  // What is told of Service web when every write to it is answered with `error`, while another member stands beside it.
  Finding told(const ApiError& error) {
    cluster.add_namespace("shop");
    for (const char* name : {"cart", "web"}) cluster.add_app("shop", name);
    const auto hit = [](const Call& call) { return call.is_write() && call.key.kind == Kind::service && call.key.name == "web"; };
    cluster.api.set_fault([error, hit, this](const Call& call) {
      if (!hit(call)) return std::optional<fakes::Fault>();
      ++tries;
      return std::optional(fakes::Fault{error, false});
    });
    RigController controller(cluster);
    cluster.label("shop", "meshgraft.io/app", "shop");
    controller.settle();
    Finding found;
    for (const auto& [about, finding] : controller.book.page("shop").refused) {
      if (about.kind == Kind::service) found = finding;
    }
    EXPECT_TRUE(governed("cart")) << "the other member has joined all the same";
    EXPECT_LT(tries, 20u) << "the pauses grow";
    cluster.api.set_fault({});
    controller.settle(Refusals::kLongest);
    EXPECT_TRUE(governed("web")) << "what stood in the way is gone";
    EXPECT_TRUE(controller.book.page("shop").refused.empty());
    return found;
  }

  bool governed(const std::string& name) {
    const Json meta = cluster.object("v1", "Service", "shop", name)["metadata"];
    return meta.contains("annotations") && meta["annotations"].contains(keys::kGoverned);
  }
};

TEST_F(Refused, content_that_the_server_does_not_take_is_MG911_and_names_the_field) {
  ApiError error = fakes::server_fault().error;
  error.kind = ErrorClass::invalid;
  error.message = "Service \"web\" is invalid: spec.ports[0].name: Duplicate value: \"http\"";
  const Finding finding = told(error);
  EXPECT_EQ(finding.code, "MG911");
  EXPECT_THAT(finding.text, testing::HasSubstr("spec.ports[0].name"));
}

TEST_F(Refused, a_write_that_meets_another_writer_three_times_is_MG912) {
  EXPECT_EQ(told(fakes::conflict_fault().error).code, "MG912");
}

TEST_F(Refused, a_right_that_is_missing_is_MG910) {
  ApiError error = fakes::server_fault().error;
  error.kind = ErrorClass::forbidden;
  error.message = "services \"web\" is forbidden: User \"meshgraft\" cannot patch resource \"services\"";
  EXPECT_EQ(told(error).code, "MG910");
}

struct Pauses : testing::Test {
  Pauses() {
    change.target = {Kind::service, "shop", "web"};
    change.stage = Stage::service_ports;
  }
  static Time at(Duration after) { return Time{} + std::chrono::hours(1) + after; }
  Cache cache;
  Refusals refusals;
  Change change;
};

TEST_F(Pauses, double_with_each_refusal_up_to_five_minutes) {
  Duration now{}, last{};
  for (int i = 0; i < 12; ++i) {
    refusals.refused(change, "MG911", cache, at(now));
    const auto next = refusals.next_retry(at(now));
    ASSERT_TRUE(next);
    last = *next - at(now);
    EXPECT_TRUE(i > 0 || last == Refusals::kFirst);
    EXPECT_EQ(refusals.standing(cache, at(now)).size(), 1u);
    now += last;
    EXPECT_TRUE(refusals.standing(cache, at(now)).empty()) << "its time is over";
  }
  EXPECT_EQ(last, Refusals::kLongest);
  refusals.succeeded(change.target);
  EXPECT_EQ(refusals.next_retry(at(now)), std::nullopt);
}

TEST_F(Pauses, are_not_for_what_keeps_traffic_served) {
  for (const Stage stage : {Stage::middleware_ports, Stage::member_replace, Stage::back_service_ports, Stage::gateway_template}) {
    change.stage = stage;
    refusals.refused(change, "MG911", cache, at({}));
  }
  EXPECT_TRUE(refusals.standing(cache, at({})).empty());
}

TEST_F(Pauses, are_forgotten_when_nobody_wants_to_write_there_any_more) {
  refusals.refused(change, "MG911", cache, at({}));
  refusals.refused(change, "MG911", cache, at({}));
  EXPECT_TRUE(refusals.standing(cache, at(Refusals::kLongest + Refusals::kFirst * 3)).empty());
  refusals.refused(change, "MG911", cache, at(std::chrono::hours(1)));
  EXPECT_EQ(*refusals.next_retry(at(std::chrono::hours(1))) - at(std::chrono::hours(1)), Refusals::kFirst);
}

}  // namespace
}  // namespace meshgraft
