#include "reconcilers/gate.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "reconcilers/record.h"
#include "reconcilers/rollout.h"
#include "reconcilers/rollout_failure.h"

namespace meshgraft {
namespace {

bool is_name_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

// Calls `f` with every run of characters of a Service name in `text`.
template <typename F>
void each_word(std::string_view text, F f) {
  std::size_t start = 0;
  while (start < text.size()) {
    while (start < text.size() && !is_name_char(text[start])) ++start;
    std::size_t end = start;
    while (end < text.size() && is_name_char(text[end])) ++end;
    if (end > start) f(text.substr(start, end - start));
    start = end;
  }
}

std::set<std::string_view> services_behind_ingresses(const NamespaceView& view) {
  std::set<std::string_view> names;
  for (const auto& ingress : view.ingresses) {
    if (ingress->default_backend) names.insert(ingress->default_backend->service);
    for (const IngressRule& rule : ingress->rules) {
      for (const IngressPath& path : rule.paths) names.insert(path.backend.service);
    }
  }
  return names;
}

// One workload that is to restart.
struct Node {
  std::size_t intent = 0;
  std::string_view name;
  bool at_the_front = false;         // an Ingress leads to it
  std::vector<std::size_t> callers;  // nodes that have to wait for this one
  std::size_t waits_for = 0;         // callees that are not done
};

// What comes first among nodes that wait for nothing.
bool before(const Node& a, const Node& b) {
  if (a.at_the_front != b.at_the_front) return b.at_the_front;
  return a.name < b.name;
}

const Workload& workload_of(const Intent& intent) { return *as<Workload>(intent.object.get()); }

std::vector<Node> nodes_of(const std::vector<Intent>& intents, const std::vector<std::size_t>& candidates,
                           const Context& context) {
  std::map<std::string_view, std::vector<std::size_t>, std::less<>> behind;  // Service name -> nodes
  const std::set<std::string_view> front = services_behind_ingresses(context.view);
  std::vector<Node> nodes;
  for (const std::size_t candidate : candidates) {
    const Workload& workload = workload_of(intents[candidate]);
    Node node{candidate, workload.meta.name, false, {}, 0};
    const Member* member = context.membership.member_of(workload);
    if (member != nullptr && member->service != nullptr) {
      behind[member->service->meta.name].push_back(nodes.size());
      node.at_the_front = front.contains(member->service->meta.name);
    }
    nodes.push_back(std::move(node));
  }
  for (std::size_t caller = 0; caller < nodes.size(); ++caller) {
    std::set<std::size_t> callees;
    for (const Container& container : workload_of(intents[nodes[caller].intent]).pod.containers) {
      for (const EnvVar& env : container.env) {
        each_word(env.value, [&](std::string_view word) {
          const auto found = behind.find(word);
          if (found != behind.end()) callees.insert(found->second.begin(), found->second.end());
        });
      }
    }
    callees.erase(caller);
    for (const std::size_t callee : callees) nodes[callee].callers.push_back(caller);
    nodes[caller].waits_for = callees.size();
  }
  return nodes;
}

}  // namespace

Rolling rolling_of(const std::vector<Intent>& intents, const Context& context) {
  Rolling rolling;
  for (const Intent& intent : intents) {
    if (intent.impact != Impact::restart) continue;
    const Workload* workload = as<Workload>(intent.object.get());
    if (workload == nullptr) continue;
    if (rollout_is_over(*workload)) continue;
    const Record record = read_record(workload->meta);
    if (!record.owns_template()) continue;
    std::vector<std::shared_ptr<const Workload>>& list = !is_our_rollout(*workload, record)             ? rolling.theirs
                                                         : record.rolled && record.rolled->unserved ? rolling.unserved
                                                         : failed_rollout(*workload, context)       ? rolling.exceeded
                                                                                                    : rolling.under_way;
    list.push_back(std::static_pointer_cast<const Workload>(intent.object));
  }
  return rolling;
}

Room room_for_restarts(const Rolling& rolling, const NamespaceOptions& options, const Settings& settings,
                       const Facts& facts) {
  if (!rolling.exceeded.empty()) {
    return {0,
            "the rollout of " + to_string(rolling.exceeded.front()->key()) + " failed and stops the queue (MG215)"};
  }
  if (!rolling.held.empty())
    return {0, to_string(rolling.held.front()->key()) + " was rolled back and stops the queue (MG225)"};
  const int here = static_cast<int>(rolling.under_way.size() + rolling.replacing.size());
  const int in_namespace = options.max_rollouts - here;
  const int in_cluster = settings.max_rollouts - facts.rolling_elsewhere - here;
  Room room{std::max(0, std::min(in_namespace, in_cluster)), ""};
  if (in_namespace <= in_cluster) {
    room.why = "max-rollouts " + std::to_string(options.max_rollouts) + " is reached";
  } else {
    room.why = "maxRollouts " + std::to_string(settings.max_rollouts) + " of the cluster is reached";
  }
  if (!rolling.under_way.empty()) {
    room.why += ": " + to_string(rolling.under_way.front()->key()) + " is restarting";
  } else if (here > 0) {
    room.why += ": " + to_string(rolling.replacing.front()) + " is being created again";
  }
  return room;
}

std::vector<std::size_t> restart_order(const std::vector<Intent>& intents, std::vector<std::size_t> candidates,
                                       const Context& context) {
  if (candidates.size() < 2) return candidates;
  std::vector<Node> nodes = nodes_of(intents, candidates, context);
  const auto less = [&nodes](std::size_t a, std::size_t b) {
    if (before(nodes[a], nodes[b])) return true;
    if (before(nodes[b], nodes[a])) return false;
    return a < b;
  };
  std::set<std::size_t, decltype(less)> free(less);
  std::set<std::size_t, decltype(less)> bound(less);
  for (std::size_t i = 0; i < nodes.size(); ++i) (nodes[i].waits_for == 0 ? free : bound).insert(i);
  std::vector<std::size_t> order;
  while (!free.empty() || !bound.empty()) {
    // Callers of each other: the first by name breaks the ring.
    std::set<std::size_t, decltype(less)>& from = free.empty() ? bound : free;
    const std::size_t next = *from.begin();
    from.erase(from.begin());
    order.push_back(nodes[next].intent);
    for (const std::size_t caller : nodes[next].callers) {
      if (nodes[caller].waits_for == 0 || --nodes[caller].waits_for > 0) continue;
      if (bound.erase(caller) > 0) free.insert(caller);
    }
  }
  return order;
}

}  // namespace meshgraft
