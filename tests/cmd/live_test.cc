// plan, check and status against a cluster: the embedded API server, without a network.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmd/live_world.h"
#include "tests/cmd/call.h"
#include "tests/cmd/seed.h"
#include "tests/fakes/fake_api.h"
#include "tests/fakes/world.h"

namespace meshgraft {
namespace {

using test::call;
using test::Called;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kShop = test::deployment_yaml("web") + test::service_yaml("web") + test::deployment_yaml("cart") + test::service_yaml("cart");

class Live : public testing::Test {
 protected:
  void SetUp() override {
    fakes::seed_world(engine_, fakes::Profile::kubesphere_3_3);
    put("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {kubesphere.io/workspace: demo}}\n");
    put(kShop);
  }

  void put(const std::string& yaml) { test::seed_documents(engine_, yaml, "shop"); }

  test::Given given() {
    test::Given result;
    result.connect = [this](const Options&, const Environment&) -> Result<Connection> {
      auto api = std::make_unique<fakes::FakeApi>(engine_);
      if (fault_) api->set_fault(fault_);
      return Connection{std::move(api), "shop", "test"};
    };
    return result;
  }

  fakes::Engine engine_;
  std::function<std::optional<fakes::Fault>(const fakes::Call&)> fault_;
};

TEST_F(Live, plan_of_an_unlabelled_namespace_changes_nothing) {
  const Called got = call({"plan"}, given());
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, HasSubstr("nothing to change"));
}

TEST_F(Live, plan_as_if_labelled_lists_the_members) {
  const Called got = call({"plan", "--app", "shop"}, given());
  EXPECT_EQ(got.status, 2) << got.err;
  EXPECT_THAT(got.out, HasSubstr("Deployment shop/web"));
  EXPECT_THAT(got.out, HasSubstr("Application shop/shop"));
}

TEST_F(Live, plan_of_a_cluster_and_of_its_manifests_agree) {
  const Called live = call({"plan", "--app", "shop"}, given());
  test::Given files = given();
  files.input = kShop;
  const Called file = call({"plan", "-f", "-", "-n", "shop", "--app", "shop"}, files);
  EXPECT_EQ(live.out, file.out);
}

TEST_F(Live, a_namespace_that_is_not_there_is_an_error) {
  const Called got = call({"status", "-n", "nowhere"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(got.err, "error: namespace \"nowhere\" not found\n");
}

TEST_F(Live, status_has_a_row_for_each_member) {
  put("apiVersion: v1\nkind: Namespace\nmetadata: {name: joined, labels: {meshgraft.io/app: shop}}\n");
  const Called got = call({"status", "-n", "joined"}, given());
  EXPECT_EQ(got.status, 0);
  EXPECT_THAT(got.out, StartsWith("joined: joined 0/0"));
  const Called none = call({"status"}, given());
  EXPECT_EQ(none.out, "Namespace shop carries neither meshgraft.io/app nor meshgraft.io/gateway.\nLabelled: joined (-n NAMESPACE looks at one, -A at all).\n");
  put("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {kubesphere.io/workspace: demo, meshgraft.io/app: shop}}\n");
  const Called rows = call({"status"}, given());
  EXPECT_THAT(rows.out, HasSubstr("shop       Deployment/cart  waiting"));
  EXPECT_THAT(rows.out, HasSubstr("shop: joined 0/2"));
  EXPECT_THAT(rows.out, testing::ContainsRegex("Deployment/cart +waiting +v1 +wanted +no +stage member-metadata comes first\n")) << "not what keeps it from being governed afterwards";
  EXPECT_THAT(rows.out, testing::ContainsRegex("Deployment/web +waiting +v1 +wanted +no +max-rollouts 1 is reached\n"));
}

TEST_F(Live, a_namespace_without_a_label_is_named_and_so_are_those_that_have_one) {
  EXPECT_EQ(call({"status", "-A"}, given()).out, "No namespace carries the label meshgraft.io/app or meshgraft.io/gateway.\n");
  const std::string carries = "Namespace shop carries neither meshgraft.io/app nor meshgraft.io/gateway";
  EXPECT_EQ(call({"status"}, given()).out, carries + ".\n");
  EXPECT_THAT(test::flat(call({"plan"}, given()).out), HasSubstr(carries + ", so nothing is planned. To see"));
  for (const char* name : {"a", "b", "c", "d"}) put("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + std::string(name) + ", labels: {meshgraft.io/app: shop}}\n");
  const std::string others = "Labelled: a, b, c and 1 more (-n NAMESPACE looks at one, -A at all).";
  EXPECT_THAT(test::flat(call({"plan"}, given()).out), HasSubstr(carries + ", so nothing is planned. " + others + " To see what a label would do"));
  EXPECT_THAT(call({"check"}, given()).err, HasSubstr(others));
  EXPECT_EQ(call({"status"}, given()).out, carries + ".\n" + others + '\n');
  EXPECT_THAT(call({"status", "-A"}, given()).out, testing::Not(HasSubstr("Labelled")));
}

TEST_F(Live, a_held_member_says_the_code_of_what_holds_it) {
  put("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {kubesphere.io/workspace: demo, meshgraft.io/app: shop}}\n");
  put("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: edge, namespace: shop}\nspec:\n  selector: {matchLabels: {app: edge}}\n"
      "  template: {metadata: {labels: {app: edge}}, spec: {hostNetwork: true, containers: [{name: c, image: x}]}}\n---\n" +
      test::service_yaml("edge"));
  EXPECT_THAT(call({"status"}, given()).out, testing::ContainsRegex("Deployment/edge +held +v1 +wanted +no +MG212: no sidecar would come: spec.template.spec.hostNetwork is true"));
}

TEST_F(Live, the_controllers_own_Deployment_says_what_the_chart_values_are_that_the_command_line_does_not_give) {
  put("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {kubesphere.io/workspace: demo, meshgraft.io/app: shop}, annotations: {meshgraft.io/policy: replace, meshgraft.io/max-rollouts: \"9\"}}\n");
  const std::string off = "the chart's replace.enabled is off", one_at_a_time = "max-rollouts 1 is reached";
  EXPECT_THAT(test::flat(call({"check"}, given()).out), HasSubstr(off));
  EXPECT_THAT(call({"status"}, given()).out, testing::Not(HasSubstr(one_at_a_time)));
  put("apiVersion: v1\nkind: Namespace\nmetadata: {name: meshgraft-system}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: meshgraft, namespace: meshgraft-system}\nspec:\n"
      "  selector: {matchLabels: {app.kubernetes.io/name: meshgraft}}\n  template:\n    metadata: {labels: {app.kubernetes.io/name: meshgraft}}\n"
      "    spec: {containers: [{name: meshgraft, image: x, args: [run, --a-flag-of-another-version=1, --paused, --replace-enabled, --max-rollouts, \"1\", --leader-elect]}]}\n");
  EXPECT_THAT(test::flat(call({"check"}, given()).out), testing::Not(HasSubstr(off)));
  EXPECT_THAT(test::flat(call({"check", "--replace-enabled=false"}, given()).out), HasSubstr(off)) << "what if the chart had it not";
  EXPECT_THAT(call({"plan"}, given()).out, HasSubstr(one_at_a_time));
  EXPECT_THAT(call({"plan", "--max-rollouts", "5"}, given()).out, testing::Not(HasSubstr(one_at_a_time)));
  EXPECT_THAT(call({"plan"}, given()).out, testing::Not(HasSubstr("paused"))) << "a plan says what would be done otherwise";
}

TEST_F(Live, volume_claims_are_read_only_where_a_deployment_that_mounts_one_would_be_created_again) {
  std::string docs = test::deployment_yaml("files");
  docs.insert(docs.find("containers:"), "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}], ");
  put(docs + test::service_yaml("files"));
  put("---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: shop}\nspec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}\n");
  int lists = 0;
  fault_ = [&lists](const fakes::Call& seen) -> std::optional<fakes::Fault> {
    lists += seen.key.kind == Kind::volume_claim ? 1 : 0;
    return std::nullopt;
  };
  const std::string head = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {kubesphere.io/workspace: demo, meshgraft.io/app: shop}";
  put(head + "}\n");
  call({"check", "--replace-enabled"}, given());
  EXPECT_EQ(lists, 0);
  put(head + ", annotations: {meshgraft.io/policy: replace}}\n");
  call({"check"}, given());
  EXPECT_EQ(lists, 0) << "the chart's switch is off, and with it the right";
  const Called got = call({"check", "--replace-enabled"}, given());
  EXPECT_EQ(lists, 1);
  EXPECT_THAT(got.out, Not(HasSubstr("MG205"))) << got.out;
}

TEST_F(Live, status_follows_until_all_is_settled_where_that_is_asked) {
  const std::string head = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {kubesphere.io/workspace: demo";
  put(head + ", meshgraft.io/app: shop}}\n");
  test::Given world = given();
  int pauses = 0;
  world.pause = [&](std::chrono::seconds) {
    if (++pauses == 2) put(head + "}}\n");
  };
  const Called got = call({"status", "--settled", "--watch"}, world);
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(pauses, 2);
  EXPECT_THAT(got.out, HasSubstr("shop: joined 0/2"));
}

TEST_F(Live, status_facts_come_back_through_plan_facts) {
  const test::Folder folder;
  const Called facts = call({"status", "-A", "--facts", "-o", "yaml"}, given());
  ASSERT_EQ(facts.status, 0) << facts.err;
  const std::string path = folder.write("facts.yaml", facts.out);
  test::Given files = given();
  files.input = kShop;
  const Called file = call({"plan", "-f", "-", "-n", "shop", "--app", "shop", "--facts", path}, files);
  EXPECT_EQ(file.status, 2) << file.err;
  EXPECT_EQ(file.out, call({"plan", "--app", "shop"}, given()).out);
}

TEST(StatusFacts, verbose_status_begins_with_the_mesh_and_the_platform_of_each_profile) {
  const auto first_lines = [](fakes::Profile profile) {
    fakes::Engine engine;
    fakes::seed_world(engine, profile);
    test::seed_documents(engine, "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {meshgraft.io/app: shop}}\n", "shop");
    test::Given given;
    given.connect = [&engine](const Options&, const Environment&) -> Result<Connection> { return Connection{std::make_unique<fakes::FakeApi>(engine), "shop", "test"}; };
    const Called got = call({"status", "-v"}, given);
    EXPECT_EQ(got.status, 0) << got.err;
    return got.out.substr(0, got.out.find("\n\n") + 1);
  };
  EXPECT_EQ(first_lines(fakes::Profile::kubesphere_3_3),
            "Mesh\n"
            "  istio             1.11.2\n"
            "  ready             yes\n"
            "  revision          1-11-2\n"
            "  root namespace    istio-system\n"
            "  injector policy   disabled: pods must ask\n"
            "  native sidecars   no\n"
            "  Istio CNI         no\n"
            "  istiods           istio-system/istiod-1-11-2 (1.11.2, revision 1-11-2, ready)\n"
            "  revision tags     none\n"
            "  mTLS policies     none\n"
            "  injector webhooks rev.namespace.sidecar-injector.istio.io (namespace:\n"
            "                    istio.io/rev=1-11-2 and no istio-injection; pod:\n"
            "                    sidecar.istio.io/inject!=false),\n"
            "                    rev.object.sidecar-injector.istio.io (namespace: no\n"
            "                    istio.io/rev and no istio-injection; pod:\n"
            "                    sidecar.istio.io/inject!=false)\n"
            "Platform\n"
            "  name              kubesphere 3.3.2\n"
            "  mesh switched on  yes\n"
            "  cluster domain    cluster.local\n"
            "  CRDs served       Application, VirtualService, DestinationRule, EnvoyFilter,\n"
            "                    PeerAuthentication, Strategy, Gateway, ClusterConfiguration\n");
  const std::string four = first_lines(fakes::Profile::kubesphere_4);
  EXPECT_THAT(four, HasSubstr("\n  istio             1.16.5\n"));
  EXPECT_THAT(four, HasSubstr("\n  root namespace    extension-servicemesh\n"));
  EXPECT_THAT(four, HasSubstr("\n  name              kubesphere 4\n  mesh switched on  yes\n"));
  EXPECT_THAT(four, HasSubstr("Gateway, InstallPlan\n"));
  const std::string vanilla = first_lines(fakes::Profile::istio);
  EXPECT_THAT(vanilla, HasSubstr("\n  injector policy   enabled: pods that say nothing are injected\n"));
  EXPECT_THAT(vanilla, HasSubstr("object.sidecar-injector.istio.io (namespace: no\n                    istio-injection and no istio.io/rev; pod:\n"
                                 "                    sidecar.istio.io/inject=true and no istio.io/rev)\n"));
  EXPECT_THAT(vanilla, HasSubstr("\n  name              istio\n"));
}

TEST_F(Live, a_kind_that_we_may_not_list_is_named) {
  fault_ = [](const fakes::Call& made) -> std::optional<fakes::Fault> {
    if (made.verb != fakes::CallVerb::list || made.key.kind != Kind::deployment) return std::nullopt;
    ApiError error;
    error.kind = ErrorClass::forbidden;
    error.code = 403;
    error.message = "deployments.apps is forbidden: User \"me\" cannot list resource \"deployments\"";
    return fakes::Fault{error, false};
  };
  const Called got = call({"plan"}, given());
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, StartsWith("error: cannot list deployments: deployments.apps is forbidden"));
}

TEST_F(Live, an_optional_kind_that_we_may_not_list_is_a_warning) {
  fault_ = [](const fakes::Call& made) -> std::optional<fakes::Fault> {
    if (made.verb != fakes::CallVerb::list || made.key.kind != Kind::strategy) return std::nullopt;
    ApiError error;
    error.kind = ErrorClass::forbidden;
    error.message = "strategies is forbidden";
    return fakes::Fault{error, false};
  };
  const Called got = call({"plan", "--app", "shop"}, given());
  EXPECT_EQ(got.status, 2);
  EXPECT_THAT(got.err, StartsWith("warning: cannot list strategies: strategies is forbidden; rules that need them are off"));
}

TEST_F(Live, autoscalers_that_we_may_not_list_are_not_taken_for_none) {
  const std::vector<std::string> asked{"plan", "-o", "json", "--app", "shop", "--policy", "replace", "--set", "meshgraft.io/naming=versioned"};
  EXPECT_THAT(call(asked, given()).out, Not(HasSubstr("HorizontalPodAutoscalers may not be listed here")));
  fault_ = [](const fakes::Call& made) -> std::optional<fakes::Fault> {
    if (made.verb != fakes::CallVerb::list || made.key.kind != Kind::autoscaler) return std::nullopt;
    ApiError error;
    error.kind = ErrorClass::forbidden;
    error.message = "horizontalpodautoscalers is forbidden";
    return fakes::Fault{error, false};
  };
  EXPECT_THAT(call(asked, given()).out, HasSubstr("HorizontalPodAutoscalers may not be listed here"));
}

TEST_F(Live, a_command_that_plans_writes_nothing) {
  const std::uint64_t before = engine_.version();
  for (const char* command : {"plan", "check", "status"}) (void)call({command}, given());
  (void)call({"plan", "--app", "shop", "-o", "json"}, given());
  EXPECT_EQ(engine_.version(), before);
}

}  // namespace
}  // namespace meshgraft
