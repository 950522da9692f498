#pragma once
// Callers: which workloads call which Services of their namespace, as far as their variables and arguments tell. The
// rule for mTLS asks it before it says that a caller is left out. A Service's name alone proves nothing ("api" stands
// in many values): it must look like a host. Pure.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reconcilers/types.h"

namespace meshgraft {

// Whether the value of variable `name` ("" for an argument) names Service `service` of namespace `ns` as a host:
// "http://cart/x", "user@cart", "cart:8080", "cart.shop", or "cart" alone in a variable such as CART_HOST.
bool names_as_host(std::string_view name, std::string_view value, std::string_view service, std::string_view ns);

// By Service name: the workloads of `view` that name it, in the view's order. A workload is no caller of a Service
// that selects it.
std::map<std::string, std::vector<std::shared_ptr<const Workload>>> callers_of(const NamespaceView& view,
                                                                              const std::vector<std::string>& services);

}  // namespace meshgraft
