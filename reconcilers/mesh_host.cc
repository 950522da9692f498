#include "reconcilers/mesh_host.h"

namespace meshgraft {

std::string_view service_of_host(std::string_view host, std::string_view ns) {
  const std::size_t dot = host.find('.');
  if (dot == std::string_view::npos) return host;
  std::string_view rest = host.substr(dot + 1);
  if (!rest.starts_with(ns)) return {};
  rest.remove_prefix(ns.size());
  return rest.empty() || rest == ".svc" || rest.starts_with(".svc.") ? host.substr(0, dot) : std::string_view{};
}

bool is_host_of(std::string_view host, const Service& service) {
  return service_of_host(host, service.meta.ns) == service.meta.name;
}

}  // namespace meshgraft
