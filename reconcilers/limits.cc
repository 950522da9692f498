#include "reconcilers/limits.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/quantity.h"
#include "reconcilers/rollout.h"
#include "reconcilers/sidecar_size.h"

namespace meshgraft {
namespace {

// What the restarts add for good (sidecars), and pods that come on top while one workload restarts. Thousandths of a
// CPU, bytes, pods.
struct Need {
  std::int64_t cpu_request = 0, cpu_limit = 0, memory_request = 0, memory_limit = 0;
  std::int64_t sidecars = 0, surge = 0;
  bool beside = false;  // the surge is a whole Deployment that is re-created
};

bool wants_sidecar(const Context& context, const Workload& workload) {
  const Member* member = context.membership.member_of(workload);
  return member == nullptr || member->sidecar;  // a gateway's controller is no member and is restarted for its sidecar
}

// Of amounts that anybody may write into an annotation or a manifest: what is too much to count stays too much.
std::int64_t times(std::int64_t count, std::int64_t amount) {
  std::int64_t product = 0;
  return __builtin_mul_overflow(count, amount, &product) ? std::numeric_limits<std::int64_t>::max() : product;
}
void add(std::int64_t& sum, std::int64_t amount) {
  if (__builtin_add_overflow(sum, amount, &sum)) sum = std::numeric_limits<std::int64_t>::max();
}

Need need_of(const Context& context, const std::vector<const Workload*>& restarting, bool beside) {
  Need need;
  need.beside = beside;
  for (const Workload* workload : restarting) {
    need.surge = std::max<std::int64_t>(need.surge, beside ? workload->replicas : max_surge_of(*workload));
    if (!wants_sidecar(context, *workload)) continue;
    const SidecarSize size = sidecar_size(context.facts.mesh, workload->pod.annotations);
    // Those that come on top bring their sidecar too.
    const std::int64_t pods = workload->replicas;
    need.sidecars += pods;
    add(need.cpu_request, times(pods, size.cpu_request));
    add(need.cpu_limit, times(pods, size.cpu_limit));
    add(need.memory_request, times(pods, size.memory_request));
    add(need.memory_limit, times(pods, size.memory_limit));
  }
  return need;
}

// How much of `resource` the quota leaves, in its thousandths; nullopt when it does not bound it.
std::optional<std::int64_t> left(const ResourceQuota& quota, std::string_view resource) {
  const auto hard = quota.hard.find(resource);
  if (hard == quota.hard.end()) return std::nullopt;
  const std::optional<std::int64_t> most = parse_quantity(hard->second);
  if (!most) return std::nullopt;
  const auto used = quota.used.find(resource);
  return *most - (used == quota.used.end() ? 0 : parse_quantity(used->second).value_or(0));
}

void judge_quota(const ResourceQuota& quota, const Need& need, LimitsVerdict& verdict) {
  struct Row {
    std::string_view resource;
    std::int64_t wanted;  // thousandths of a CPU, or bytes
    bool memory;
  };
  const std::array<Row, 6> rows{{{"requests.cpu", need.cpu_request, false},
                                 {"cpu", need.cpu_request, false},
                                 {"limits.cpu", need.cpu_limit, false},
                                 {"requests.memory", need.memory_request, true},
                                 {"memory", need.memory_request, true},
                                 {"limits.memory", need.memory_limit, true}}};
  const auto refuse = [&](std::string text) {
    if (verdict.hold.empty()) verdict.hold = "ResourceQuota " + quota.meta.name + " leaves too little (MG213)";
    verdict.findings.push_back(finding("MG213", quota.key(), std::move(text)));
  };
  for (const Row& row : rows) {
    const std::optional<std::int64_t> rest = left(quota, row.resource);
    if (!rest || row.wanted == 0) continue;
    const std::int64_t available = row.memory ? *rest / 1000 : *rest;
    if (row.wanted <= available) continue;
    const auto text = [&row](std::int64_t amount) { return row.memory ? memory_text(amount) : cpu_text(amount); };
    refuse(std::to_string(need.sidecars) + " sidecars need " + std::string(row.resource) + " " + text(row.wanted) + ", " +
           text(std::max<std::int64_t>(available, 0)) + " is left");
  }
  for (const std::string_view resource : {"pods", "count/pods"}) {
    const std::optional<std::int64_t> rest = left(quota, resource);
    if (rest && need.surge > *rest / 1000)
      refuse((need.beside ? "re-creating a Deployment brings " : "a rolling update brings ") + std::to_string(need.surge) + (need.surge == 1 ? " pod" : " pods") + " more for a while, " + std::string(resource) +
             " leaves " + std::to_string(std::max<std::int64_t>(*rest / 1000, 0)));
  }
}

void judge_range(const LimitRange& range, const SidecarSize& size, LimitsVerdict& verdict) {
  const auto refuse = [&](std::string text) {
    if (verdict.hold.empty()) verdict.hold = "LimitRange " + range.meta.name + " refuses the sidecar (MG213)";
    verdict.findings.push_back(finding("MG213", range.key(), std::move(text)));
  };
  for (const LimitRange::Bound& bound : range.bounds) {
    if (bound.type != "Container") continue;
    for (const bool memory : {false, true}) {
      const std::string_view resource = memory ? "memory" : "cpu";
      const auto amount = [&](const Labels& bounds) -> std::optional<std::int64_t> {
        const auto found = bounds.find(resource);
        if (found == bounds.end()) return std::nullopt;
        const std::optional<std::int64_t> value = parse_quantity(found->second);
        return value && memory ? std::optional<std::int64_t>(*value / 1000) : value;
      };
      const auto text = [memory](std::int64_t value) { return memory ? memory_text(value) : cpu_text(value); };
      const std::int64_t limit = memory ? size.memory_limit : size.cpu_limit;
      const std::int64_t request = memory ? size.memory_request : size.cpu_request;
      if (const std::optional<std::int64_t> most = amount(bound.max); most && limit > *most)
        refuse("a sidecar may use " + std::string(resource) + " " + text(limit) + ", a container at most " + text(*most));
      if (const std::optional<std::int64_t> least = amount(bound.min); least && request > 0 && request < *least)
        refuse("a sidecar asks for " + std::string(resource) + " " + text(request) + ", a container must for " + text(*least));
    }
  }
}

void judge_workload(const Context& context, const Workload& workload, LimitsVerdict& verdict) {
  for (const auto& budget : context.view.limits->budgets) {
    if (budget->allowed > 0 || budget->expected == 0 || !budget->selector.matches(workload.pod.labels)) continue;
    verdict.findings.push_back(finding("MG230", workload.key(),
                                       "PodDisruptionBudget " + budget->meta.name + " allows no disruption now; a rolling update goes by the workload's own strategy"));
  }
  for (const auto& scaler : context.view.limits->autoscalers) {
    if (scaler->target_name != workload.meta.name || scaler->target_kind != info(workload.kind).name) continue;
    if (scaler->current != scaler->desired) {
      const std::string text = "HorizontalPodAutoscaler " + scaler->meta.name + " is scaling it from " +
                               std::to_string(scaler->current) + " to " + std::to_string(scaler->desired);
      verdict.waits.emplace(workload.key(), text);
      verdict.findings.push_back(finding("MG231", workload.key(), text));
    } else if (scaler->cpu_percent > 0 && wants_sidecar(context, workload)) {
      verdict.findings.push_back(finding("MG231", workload.key(),
                                         "HorizontalPodAutoscaler " + scaler->meta.name + " scales it at " + std::to_string(scaler->cpu_percent) +
                                             " % of the CPU that its containers ask for; the sidecar's share counts from now on"));
    }
  }
}

}  // namespace

LimitsVerdict judge_limits(const Context& context, const std::vector<const Workload*>& restarting, bool beside) {
  LimitsVerdict verdict;
  const Need need = need_of(context, restarting, beside);
  for (const auto& quota : context.view.limits->quotas) judge_quota(*quota, need, verdict);
  if (need.sidecars > 0) {
    for (const auto& range : context.view.limits->ranges) judge_range(*range, context.facts.mesh.sidecar, verdict);
  }
  for (const Workload* workload : restarting) judge_workload(context, *workload, verdict);
  return verdict;
}

}  // namespace meshgraft
