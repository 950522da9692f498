#include "reconcilers/callers.h"

#include "tests/reconcilers/given.h"

namespace meshgraft {
namespace {

TEST(Callers, a_value_names_a_service_only_as_a_host) {
  const struct {
    const char *name, *value;
    bool is;
  } rows[] = {
      {"", "http://cart/api", true},
      {"", "http://cart:8080", true},
      {"", "cart:8080", true},
      {"", "jdbc:mysql://cart.shop.svc.cluster.local:3306/x", true},
      {"", "--peer=cart.shop", true},
      {"", "redis://user:secret@cart/0", true},
      {"CART_HOST", "cart", true},
      {"cart.service.url", "cart", true},
      {"MODE", "cart", false},
      {"", "cart", false},
      {"", "the cart is full", false},
      {"", "http://cart-old/", false},
      {"", "http://shopping-cart:80", false},
      {"", "http://cart.other:80", false},
      {"", "cart.example.com", false},
      {"", "a1cart:80", false},
  };
  for (const auto& row : rows) EXPECT_EQ(names_as_host(row.name, row.value, "cart", "shop"), row.is) << row.name << "=" << row.value;
}

TEST(Callers, a_workload_is_no_caller_of_its_own_service) {
  const NamespaceView view = given::view(R"(
apiVersion: v1
kind: Service
metadata: {name: cart}
spec: {selector: {app: cart}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart}
spec: {selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: c, image: x, env: [{name: SELF_URL, value: "http://cart"}]}]}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: x, args: ["--cart=http://cart:80"]}]}}}
)");
  const auto callers = callers_of(view, {"cart"});
  ASSERT_EQ(callers.at("cart").size(), 1U);
  EXPECT_EQ(callers.at("cart")[0]->meta.name, "web");
}

}  // namespace
}  // namespace meshgraft
