#pragma once
// Middleware: Nacos, databases, queues and the like, recognised by image, or by port plus a second signal
// (rules 7). Middleware gets port protocols and no sidecar, and is never a member. Pure.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "reconcilers/selection.h"
#include "reconcilers/types.h"

namespace meshgraft {

struct MiddlewareService {
  std::string product;      // "Nacos", "Redis"
  std::string evidence;     // "image nacos/nacos-server:2.2.3", for people
  int nacos_port = 0;       // P of Nacos, 0 for others
};

struct Middleware {
  std::map<std::string, MiddlewareService, std::less<>> services;   // by Service name
  std::map<ObjectKey, std::string> workloads;                       // -> product
  [[nodiscard]] bool has_service(std::string_view name) const { return services.contains(name); }
  [[nodiscard]] bool has_workload(const ObjectKey& key) const { return workloads.contains(key); }
};

Middleware find_middleware(const NamespaceView& view);
// The same with what Services of `view` select, where the caller knows it already.
Middleware find_middleware(const NamespaceView& view, const Selection& selection);

}  // namespace meshgraft
