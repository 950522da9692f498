#include "reconcilers/sandbox_events.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "reconcilers/findings.h"
#include "reconcilers/record.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

constexpr std::int64_t kLate = 60'000;  // milliseconds; an image is usually there by then

// Whether a rollout of ours takes long enough to ask why.
bool is_late(const Context& context, const Workload& workload) {
  const Rollout state = rollout_of(workload);
  if (state != Rollout::exceeded && state != Rollout::under_way) return false;
  if (!looks_recorded(workload.meta) || !read_record(workload.meta).owns_template()) return false;
  if (state == Rollout::exceeded) return true;
  const Moments& moments = context.view.moments;
  const auto since = moments.rolling.find(workload.key());
  return moments.now != 0 && since != moments.rolling.end() && moments.now - since->second >= kLate;
}

// The part of the message behind the sandbox's id: `plugin type="calico" failed (add): … Unauthorized`.
std::string cause_of(const std::string& message) {
  const std::size_t at = message.find("plugin type=");
  return at == std::string::npos ? message : message.substr(at);
}

}  // namespace

Decision desired_sandbox_events(const Context& context) {
  Decision decision;
  if (!context.options.concerned()) return decision;
  if (!context.view.events) {
    decision.wants_events = std::any_of(context.view.workloads.begin(), context.view.workloads.end(),
                                        [&context](const auto& workload) { return is_late(context, *workload); });
    return decision;
  }
  std::set<std::string> pods;
  std::string cause;
  for (const auto& event : *context.view.events) {
    if (event->reason != "FailedCreatePodSandBox" || event->about_kind != "Pod") continue;
    pods.insert(event->about_name);
    if (cause.empty()) cause = cause_of(event->message);
  }
  if (pods.empty()) return decision;
  const bool token = cause.find("Unauthorized") != std::string::npos;
  const bool calico = cause.find("calico") != std::string::npos;
  std::string text = "Pod " + *pods.begin() + (pods.size() > 1 ? " and " + std::to_string(pods.size() - 1) + " more get" : " gets") +
                     " no network from " + (pods.size() > 1 ? "their nodes: " : "its node: ") + cause;
  decision.findings.push_back(finding("MG901", context.view.ns->key(), std::move(text),
                                      token && calico ? "" : "Look at the network plugin of that node; nothing here can mend it."));
  return decision;
}

std::span<const RbacRule> rbac_sandbox_events() {
  static constexpr std::array<std::string_view, 1> kVerbs{"list"};
  static constexpr std::array kRbac{RbacRule{"", "events", kVerbs, ""}};
  return kRbac;
}

}  // namespace meshgraft
