#include "reconcilers/selection.h"

#include <algorithm>
#include <functional>
#include <string_view>

namespace meshgraft {
namespace {

std::size_t hash_of(std::string_view key, std::string_view value) {
  const std::hash<std::string_view> hash;
  return hash(key) * 1099511628211ULL ^ hash(value);  // FNV's prime keeps (a,b) and (b,a) apart
}

// The keys that Services select by: a few, whatever else pods are labelled with. Sorted.
std::vector<std::string_view> selecting_keys(const NamespaceView& view) {
  std::vector<std::string_view> keys;
  for (const auto& service : view.services) {
    for (const auto& [key, value] : service->selector) {
      if (keys.empty() || keys.back() != key) keys.push_back(key);
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

}  // namespace

Selection::Selection(const NamespaceView& view) : view_(view) {
  const std::vector<std::string_view> keys = selecting_keys(view);
  pairs_.reserve(view.workloads.size());
  for (std::size_t i = 0; i < view.workloads.size(); ++i) {
    for (const auto& [key, value] : view.workloads[i]->pod.labels) {
      if (!std::binary_search(keys.begin(), keys.end(), std::string_view(key))) continue;
      pairs_.emplace_back(hash_of(key, value), static_cast<std::uint32_t>(i));
    }
  }
  std::sort(pairs_.begin(), pairs_.end());
  first_selected_.reserve(view.services.size() + 1);
  for (const auto& service : view.services) {
    first_selected_.push_back(static_cast<std::uint32_t>(selected_.size()));
    const std::vector<std::uint32_t> indexes = indexes_of(service->selector);
    selected_.insert(selected_.end(), indexes.begin(), indexes.end());
  }
  first_selected_.push_back(static_cast<std::uint32_t>(selected_.size()));
}

std::span<const std::uint32_t> Selection::selected_by(std::size_t service) const {
  return std::span(selected_).subspan(first_selected_[service], first_selected_[service + 1] - first_selected_[service]);
}

std::vector<std::shared_ptr<const Workload>> Selection::workloads_of(const Labels& selector) const {
  std::vector<std::uint32_t> indexes = indexes_of(selector);
  std::sort(indexes.begin(), indexes.end());
  std::vector<std::shared_ptr<const Workload>> found;
  found.reserve(indexes.size());
  for (const std::uint32_t index : indexes) found.push_back(view_.workloads[index]);
  return found;
}

std::vector<std::uint32_t> Selection::indexes_of(const Labels& selector) const {
  std::vector<std::uint32_t> found;
  auto best = std::make_pair(pairs_.end(), pairs_.end());
  bool first = true;
  for (const auto& [key, value] : selector) {
    const std::size_t hash = hash_of(key, value);
    const auto range = std::make_pair(std::lower_bound(pairs_.begin(), pairs_.end(), std::make_pair(hash, std::uint32_t{0})),
                                      std::upper_bound(pairs_.begin(), pairs_.end(), std::make_pair(hash, UINT32_MAX)));
    if (first || range.second - range.first < best.second - best.first) best = range;
    first = false;
  }
  for (auto pair = best.first; pair != best.second; ++pair) {
    if (is_subset(selector, view_.workloads[pair->second]->pod.labels)) found.push_back(pair->second);
  }
  return found;
}

int pod_port(const ServicePort& port, const std::vector<std::shared_ptr<const Workload>>& workloads) {
  if (!port.target_port.is_set()) return port.port;
  if (!port.target_port.is_text()) return port.target_port.number;
  for (const auto& workload : workloads) {
    for (const auto* containers : {&workload->pod.containers, &workload->pod.init_containers}) {
      for (const Container& container : *containers) {
        for (const ContainerPort& declared : container.ports) {
          if (declared.name == port.target_port.text) return declared.container_port;
        }
      }
    }
  }
  return 0;
}

}  // namespace meshgraft
