#pragma once
// MeshHost: which Service of a namespace a host of a VirtualService, DestinationRule or Strategy there means. Asked by
// every rule that reads routes. Pure.

#include <string_view>

#include "k8sclient/model/objects.h"

namespace meshgraft {

// The name of the Service of namespace `ns` that `host`, written in that namespace, means: "web" of "web", "web.shop" and
// "web.shop.svc.cluster.local". "" for another namespace's, and for a host that is no Service's.
std::string_view service_of_host(std::string_view host, std::string_view ns);

bool is_host_of(std::string_view host, const Service& service);

}  // namespace meshgraft
