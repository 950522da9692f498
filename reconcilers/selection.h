#pragma once
// Selection: which workloads a Service's selector reaches, and which Services reach a workload. Made once from a
// view by the rules that follow Services to pods; looks at no pod. Linear in the view's size. Pure.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "reconcilers/types.h"

namespace meshgraft {

class Selection {
 public:
  // Keeps a reference: `view` must outlive it.
  explicit Selection(const NamespaceView& view);

  // The workloads whose pod labels `selector` matches, in the view's order. None for an empty selector: a Service
  // without one selects nothing.
  [[nodiscard]] std::vector<std::shared_ptr<const Workload>> workloads_of(const Labels& selector) const;
  // The same as indexes into view.workloads, in no particular order.
  [[nodiscard]] std::vector<std::uint32_t> indexes_of(const Labels& selector) const;

 private:
  const NamespaceView& view_;
  // One entry for every pod label of every workload: hash of the pair, index of the workload. Sorted.
  std::vector<std::pair<std::size_t, std::uint32_t>> pairs_;
};

// The number of the pod's port behind `port`: targetPort, or the container port of that name, or `port` itself.
// 0 when targetPort is a name that no container of `workloads` declares.
int pod_port(const ServicePort& port, const std::vector<std::shared_ptr<const Workload>>& workloads);

}  // namespace meshgraft
