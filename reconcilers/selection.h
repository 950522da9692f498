#pragma once
// Selection: which workloads the selectors of a view's Services reach. Made once from a view by the rules that follow
// Services to pods; looks at no pod. Linear in the view's size. Pure.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "reconcilers/types.h"

namespace meshgraft {

class Selection {
 public:
  // Keeps a reference: `view` must outlive it.
  explicit Selection(const NamespaceView& view);

  // The workloads that view.services[service] selects, as indexes into view.workloads, in that order. None for an
  // empty selector: a Service without one selects nothing.
  [[nodiscard]] std::span<const std::uint32_t> selected_by(std::size_t service) const;
  // The same of `selector`, which has to be that of a Service of the view, in the view's order.
  [[nodiscard]] std::vector<std::shared_ptr<const Workload>> workloads_of(const Labels& selector) const;
  // The same as indexes, in no particular order.
  [[nodiscard]] std::vector<std::uint32_t> indexes_of(const Labels& selector) const;

 private:
  const NamespaceView& view_;
  // One entry for every pod label whose key some Service selects by: hash of the pair, index of the workload. Sorted.
  std::vector<std::pair<std::size_t, std::uint32_t>> pairs_;
  // What the Services select, one after the other; where that of view.services[i] begins, and one more for the end.
  std::vector<std::uint32_t> selected_, first_selected_;
};

// The number of the pod's port behind `port`: targetPort, or the container port of that name, or `port` itself.
// 0 when targetPort is a name that no container of `workloads` declares.
int pod_port(const ServicePort& port, const std::vector<std::shared_ptr<const Workload>>& workloads);

}  // namespace meshgraft
