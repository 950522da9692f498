#include "reconcilers/callers.h"

#include <algorithm>
#include <array>

namespace meshgraft {
namespace {

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// CART_HOST, cart.service.url, REDIS_ADDR: variables whose whole value is a host.
bool is_host_variable(std::string_view name) {
  constexpr std::array<std::string_view, 9> kWords{"HOST", "ADDR", "URL", "URI", "SERVER", "SERVICE", "ENDPOINT", "UPSTREAM", "BACKEND"};
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return std::any_of(kWords.begin(), kWords.end(), [&upper](std::string_view word) { return upper.find(word) != std::string::npos; });
}

bool is_host_here(std::string_view value, std::size_t at, std::string_view service, std::string_view ns) {
  const std::string_view before = value.substr(0, at);
  const std::string_view after = value.substr(at + service.size());
  if (!before.empty() && (is_name_char(before.back()) || before.back() == '.')) return false;
  if (!after.empty() && is_name_char(after.front())) return false;
  const std::string in_ns = "." + std::string(ns);
  if (after.starts_with(in_ns) && (after.size() == in_ns.size() || !is_name_char(after[in_ns.size()]))) return true;
  if (after.starts_with('.')) return false;  // another namespace's, or a domain
  if (after.size() > 1 && after[0] == ':' && is_digit(after[1])) return true;
  return before.ends_with("//") || before.ends_with('@');
}

}  // namespace

bool names_as_host(std::string_view name, std::string_view value, std::string_view service, std::string_view ns) {
  if (service.empty()) return false;
  if (value == service) return is_host_variable(name);
  for (std::size_t at = value.find(service); at != std::string_view::npos; at = value.find(service, at + 1)) {
    if (is_host_here(value, at, service, ns)) return true;
  }
  return false;
}

std::map<std::string, std::vector<std::shared_ptr<const Workload>>> callers_of(const NamespaceView& view,
                                                                              const std::vector<std::string>& services) {
  std::map<std::string, std::vector<std::shared_ptr<const Workload>>> callers;
  for (const auto& service : view.services) {
    if (std::find(services.begin(), services.end(), service->meta.name) == services.end()) continue;
    const auto named_by = [&](const Container& container) {
      const auto in_env = [&](const EnvVar& env) { return names_as_host(env.name, env.value, service->meta.name, view.name); };
      const auto in_arg = [&](const std::string& arg) { return names_as_host("", arg, service->meta.name, view.name); };
      return std::any_of(container.env.begin(), container.env.end(), in_env) ||
             std::any_of(container.args.begin(), container.args.end(), in_arg);
    };
    for (const auto& workload : view.workloads) {
      if (!service->selector.empty() && is_subset(service->selector, workload->pod.labels)) continue;
      const auto& containers = workload->pod.containers;
      if (std::any_of(containers.begin(), containers.end(), named_by)) callers[service->meta.name].push_back(workload);
    }
  }
  return callers;
}

}  // namespace meshgraft
