#include "k8sclient/model/kinds.h"

#include <gtest/gtest.h>

namespace meshgraft {
namespace {

TEST(Kinds, every_row_answers_to_its_own_api_version_and_name) {
  for (const KindInfo& row : kinds()) {
    EXPECT_EQ(kind_of(api_version(row), row.name), row.kind) << row.name;
    EXPECT_EQ(&info(row.kind), &row);
  }
}

TEST(Kinds, the_group_decides_between_equal_names) {
  EXPECT_EQ(kind_of("gateway.kubesphere.io/v1alpha1", "Gateway"), Kind::gateway);
  EXPECT_EQ(kind_of("gateway.networking.k8s.io/v1", "Gateway"), std::nullopt);
  EXPECT_EQ(kind_of("networking.istio.io/v1beta1", "Gateway"), std::nullopt);
  EXPECT_EQ(kind_of("v1", "Deployment"), std::nullopt);
  EXPECT_EQ(kind_of("", "Deployment"), std::nullopt);
}

TEST(Kinds, any_version_of_a_known_group_answers) {
  EXPECT_EQ(kind_of("networking.istio.io/v1", "VirtualService"), Kind::virtual_service);
  EXPECT_EQ(kind_of("gateway.kubesphere.io/v2alpha1", "Gateway"), Kind::gateway);
  EXPECT_EQ(kind_of("apps/v1beta2", "Deployment"), Kind::deployment);
}

TEST(Kinds, groups_that_a_kind_has_left_still_answer) {
  EXPECT_EQ(kind_of("extensions/v1beta1", "Ingress"), Kind::ingress);
  EXPECT_EQ(kind_of("extensions/v1beta1", "Deployment"), Kind::deployment);
  EXPECT_EQ(kind_of("extensions/v1beta1", "StatefulSet"), std::nullopt);
  EXPECT_EQ(kind_of("events.k8s.io/v1", "Event"), Kind::event);
}

TEST(Kinds, paths_are_those_of_the_api_server) {
  EXPECT_EQ(path_of(Kind::service, "", ""), "/api/v1/services");
  EXPECT_EQ(path_of(Kind::service, "shop", ""), "/api/v1/namespaces/shop/services");
  EXPECT_EQ(path_of(Kind::deployment, "shop", "web"), "/apis/apps/v1/namespaces/shop/deployments/web");
  EXPECT_EQ(path_of(Kind::namespace_, "", "shop"), "/api/v1/namespaces/shop");
  EXPECT_EQ(path_of(Kind::namespace_, "ignored", "shop"), "/api/v1/namespaces/shop");
  EXPECT_EQ(path_of(Kind::strategy, "shop", "web"),
            "/apis/servicemesh.kubesphere.io/v1alpha2/namespaces/shop/strategies/web");
  EXPECT_EQ(path_of(Kind::webhook_configuration, "", ""),
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations");
}

TEST(Kinds, objects_are_named_to_people_with_kind_namespace_and_name) {
  EXPECT_EQ(to_string(ObjectKey{Kind::deployment, "shop", "web"}), "Deployment shop/web");
  EXPECT_EQ(to_string(ObjectKey{Kind::namespace_, "", "shop"}), "Namespace shop");
  EXPECT_EQ(to_string(ObjectKey{Kind::other, "shop", "job"}), "Object shop/job");
}

}  // namespace
}  // namespace meshgraft
