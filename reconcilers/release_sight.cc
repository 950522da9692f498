#include "reconcilers/release_sight.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "reconcilers/keys.h"
#include "reconcilers/mesh_host.h"

namespace meshgraft {
namespace {

const std::string* value_of(const Labels& labels, std::string_view key) {
  const auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

std::set<std::string> names_of(const std::vector<Container>& containers) {
  std::set<std::string> names;
  for (const Container& one : containers) names.insert(one.name);
  return names;
}

std::string list_of(const std::set<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list.empty() ? "none" : list;
}

// Looks at one Strategy; lives for one call.
class Look {
 public:
  Look(const Context& context, std::shared_ptr<const Strategy> strategy, bool recorded) : context_(context), recorded_(recorded) {
    sight_.strategy = std::move(strategy);
  }

  ReleaseSight take() {
    find_service();
    find_versions();
    if (sight_.service != nullptr) sight_.traffic = traffic();
    judge();
    return std::move(sight_);
  }

 private:
  [[nodiscard]] const Strategy& strategy() const { return *sight_.strategy; }

  void find_service() {
    const std::string* app = value_of(strategy().meta.labels, keys::kAppLabel);
    for (const auto& service : context_.view.services) {
      const bool by_label = app != nullptr && service->meta.name == *app;
      const bool by_host = app == nullptr && !strategy().hosts.empty() && is_host_of(strategy().hosts.front(), *service);
      if (by_label || by_host) sight_.service = service;
    }
  }

  void find_versions() {
    for (const std::string& subset : strategy().subsets) {
      if (subset == strategy().principal) continue;
      others_.insert(subset);
    }
    if (others_.size() == 1) sight_.gray_version = *others_.begin();
    if (sight_.service == nullptr || sight_.service->selector.empty()) return;
    for (const auto& workload : context_.view.workloads) {
      if (workload->kind != Kind::deployment || !is_subset(sight_.service->selector, workload->pod.labels)) continue;
      const std::string* version = value_of(workload->meta.labels, keys::kVersionLabel);
      if (version == nullptr) version = value_of(workload->pod.labels, keys::kVersionLabel);
      if (version == nullptr) continue;
      const std::string subset = subset_name(*version);
      if (subset == strategy().principal) take(workload, sight_.principal, principals_);
      if (subset == sight_.gray_version && !subset.empty()) take(workload, sight_.gray, grays_);
    }
  }

  static void take(const std::shared_ptr<const Workload>& workload, std::shared_ptr<const Workload>& into, int& count) {
    if (++count == 1) into = workload;
  }

  // Every different way of sharing, in the order of the routes: requests may be told apart by their content.
  [[nodiscard]] std::string traffic() const {
    std::vector<std::string> ways;
    for (const VirtualService* routes : routes_of(context_.view, *sight_.service)) {
      std::map<int, std::string> by_route;
      for (const RouteDestination& one : routes->destinations) {
        if (!is_host_of(one.host, *sight_.service)) continue;
        std::string& text = by_route[one.route];
        const std::string subset = one.subset.empty() ? "no subset" : one.subset;
        text += (text.empty() ? "" : ", ") + (one.mirror ? "copies to " + subset : subset + " " + std::to_string(one.weight < 0 ? 100 : one.weight));
      }
      for (auto& [route, text] : by_route) {
        if (std::find(ways.begin(), ways.end(), text) == ways.end()) ways.push_back(std::move(text));
      }
    }
    std::string all;
    for (const std::string& way : ways) all += (all.empty() ? "" : "; ") + way;
    return all;
  }

  void refuse(std::string_view code, std::string text, std::string remedy, bool only_when_asked = false) {
    sight_.finding = std::string(code);
    sight_.wrong = std::move(text);
    sight_.remedy = std::move(remedy);
    sight_.only_when_asked = only_when_asked;
  }
  [[nodiscard]] bool refused() const { return !sight_.finding.empty(); }

  // Each line is a check; the first that finds something is told.
  void judge() {
    read_way();
    if (!refused()) look_at_service();
    if (!refused()) look_at_type();
    if (!refused()) look_at_routes();
    if (!refused()) look_at_deployments();
    if (!refused() && sight_.way != ReleaseWay::none) look_at_release();
  }

  void read_way() {
    const std::string* promote = value_of(strategy().meta.annotations, keys::kPromote);
    const std::string* abort = value_of(strategy().meta.annotations, keys::kAbort);
    if (promote != nullptr && *promote != "true" && *promote != "template")
      return refuse("MG111", std::string(keys::kPromote) + " is " + quoted(*promote) + "; allowed: true, template", "");
    if (abort != nullptr && *abort != "true")
      return refuse("MG111", std::string(keys::kAbort) + " is " + quoted(*abort) + "; allowed: true", "");
    if (promote != nullptr && abort != nullptr) {
      return refuse("MG802", "it carries both " + std::string(keys::kPromote) + " and " + std::string(keys::kAbort),
                    "Take one of the two annotations off: " + unannotate(keys::kPromote) + ", or the same with " + std::string(keys::kAbort) + "-.");
    }
    if (promote != nullptr) sight_.way = ReleaseWay::promote;
    if (abort != nullptr) sight_.way = ReleaseWay::abort;
    sight_.whole_template = promote != nullptr && *promote == "template";
  }

  [[nodiscard]] std::string unannotate(std::string_view key) const {
    return "kubectl annotate strategies.servicemesh.kubesphere.io " + strategy().meta.name + " -n " + context_.view.name + " " + std::string(key) + "-";
  }

  void look_at_service() {
    if (sight_.service == nullptr) {
      const std::string* app = value_of(strategy().meta.labels, keys::kAppLabel);
      return refuse("MG802", "there is no Service " + (app != nullptr ? *app : strategy().hosts.empty() ? std::string("for it") : strategy().hosts.front()) + " in this namespace",
                    "Give the Strategy the labels of the Service whose traffic it shall share, or delete it.");
    }
    const Service& service = *sight_.service;
    for (const auto& other : context_.view.strategies) {
      if (other == sight_.strategy || !is_of(*other, service)) continue;
      return refuse("MG802", "Strategy " + other->meta.name + " is about Service " + service.meta.name + " too; KubeSphere follows neither",
                    "Delete one of the two.");
    }
    if (!context_.membership.is_member(service.meta.name)) {
      return refuse("MG802", "Service " + service.meta.name + " is not a member of the app", "Only members are released; what meshgraft check says of the Service tells why it is none.", true);
    }
    const std::string* governed = value_of(service.meta.annotations, keys::kGoverned);
    if (governed == nullptr || *governed != "true") return;
    for (const std::string_view key : {keys::kAppLabel, keys::kAppName, keys::kAppVersion}) {
      const std::string* ours = value_of(strategy().meta.labels, key);
      const std::string* of_service = value_of(service.meta.labels, key);
      if (ours != nullptr && of_service != nullptr && *ours == *of_service) continue;
      return refuse("MG802", "its label " + std::string(key) + " is not that of Service " + service.meta.name + ", so KubeSphere does not follow it",
                    "Give the Strategy the Service's labels app, app.kubernetes.io/name and app.kubernetes.io/version.");
    }
  }

  static bool is_of(const Strategy& strategy, const Service& service) {
    const std::string* app = value_of(strategy.meta.labels, keys::kAppLabel);
    if (app != nullptr) return *app == service.meta.name;
    return !strategy.hosts.empty() && is_host_of(strategy.hosts.front(), service);
  }

  // The console writes Bluegreen, the API's own constant says BlueGreen; KubeSphere's controllers do not read the type.
  void look_at_type() {
    const std::string& type = strategy().type;
    if (type == "Canary" || type == "Bluegreen" || type == "BlueGreen") return;
    const bool mirror = type == "Mirror";
    refuse("MG802", mirror ? "its type is Mirror: gray gets copies of requests and never serves one" : "its type is " + quoted(type) + "; allowed: Canary, Bluegreen",
           mirror ? "End a mirror in KubeSphere's console, or delete the gray Deployment's Strategy and then the Deployment; to promote that version, make a Canary of it." : "Set spec.type to Canary or Bluegreen.",
           true);
  }

  void look_at_routes() {
    const Strategy& it = strategy();
    if (it.principal.empty()) return refuse("MG802", "spec.principal is empty", "Set spec.principal to the version that serves.");
    if (others_.size() != 1) {
      return refuse("MG802", others_.empty() ? "its routes name no version but " + it.principal : "its routes name the versions " + list_of(others_) + " beside spec.principal " + it.principal,
                    "A release shares the traffic between two versions: spec.principal and one other in spec.template.");
    }
    std::map<int, std::pair<std::int64_t, bool>> sums;  // by route: the sum of its weights, and whether each may be one
    std::map<int, int> counts;
    for (const RouteDestination& one : it.destinations) {
      if (!is_host_of(one.host, *sight_.service))
        return refuse("MG802", "a route leads to host " + one.host + ", not to Service " + sight_.service->meta.name, "Let every route of spec.template lead to the Service's own versions.");
      if (one.mirror) continue;
      auto& [sum, good] = sums.try_emplace(one.route, 0, true).first->second;
      sum += std::max<std::int64_t>(one.weight, 0);
      good = good && one.weight <= kWhole && one.weight >= -1;
      ++counts[one.route];
    }
    for (const auto& [route, sum] : sums) {
      const bool alone = counts[route] == 1 && sum.first == 0;
      if (sum.second && (sum.first == kWhole || alone)) continue;
      return refuse("MG802", "the weights of a route add up to " + std::to_string(sum.first) + ", not to 100", "Let the weights of every route in spec.template add up to 100.");
    }
    if (it.governor.empty() || it.governor == it.principal || it.governor == sight_.gray_version) return;
    refuse("MG801", "spec.governor is " + quoted(it.governor) + ", which is neither " + it.principal + " nor " + sight_.gray_version, "Set spec.governor to one of the two versions, or to nothing.");
  }

  void look_at_deployments() {
    const Strategy& it = strategy();
    if (sight_.principal == nullptr) return missing(it.principal);
    if (sight_.gray == nullptr && !(recorded_ && sight_.way != ReleaseWay::none)) return missing(sight_.gray_version);
    if (principals_ > 1) return several(it.principal);
    if (grays_ > 1) return several(sight_.gray_version);
    if (!is_named(keys::kOldWorkload, *sight_.principal)) return;
    if (sight_.gray != nullptr) is_named(keys::kNewWorkload, *sight_.gray);
  }

  void missing(const std::string& version) {
    refuse("MG801", "Service " + sight_.service->meta.name + " has no Deployment of version " + version,
           "Create the Deployment of that version, or delete the Strategy: kubectl delete strategies.servicemesh.kubesphere.io " + strategy().meta.name + " -n " + context_.view.name);
  }
  void several(const std::string& version) {
    refuse("MG802", "several Deployments of Service " + sight_.service->meta.name + " have version " + version, "Give each version one Deployment.");
  }
  bool is_named(std::string_view key, const Workload& workload) {
    const std::string* name = value_of(strategy().meta.annotations, key);
    if (name == nullptr || name->empty() || *name == workload.meta.name) return true;
    refuse("MG802", "its annotation " + std::string(key) + " names " + *name + ", but the Deployment of that version is " + workload.meta.name, "Let the annotation name the Deployment, or take it off.");
    return false;
  }

  void look_at_release() {
    for (const auto& workload : {sight_.principal, sight_.gray}) {
      if (workload == nullptr) continue;
      const Member* member = context_.membership.member_of(*workload);
      if (is_excluded(workload->meta) || (member != nullptr && !member->blocked.empty()))
        return refuse("MG802", to_string(workload->key()) + " is left alone: " + (member != nullptr && !member->why.empty() ? member->why : std::string(keys::kExclude) + " is true"),
                      "Let meshgraft handle both Deployments of a release.", true);
      if (!owner_of(*workload).empty())
        return refuse("MG802", to_string(workload->key()) + " belongs to " + owner_of(*workload) + ", which would change it back", "Release it by means of its owner.", true);
    }
    if (is_excluded(strategy().meta)) return refuse("MG802", std::string(keys::kExclude) + " is true on it", "Take the annotation off.", true);
    if (sight_.principal->replicas == 0)
      return refuse("MG801", to_string(sight_.principal->key()) + " has 0 replicas: nobody could take the traffic back", "Scale it to what the Service needs.", true);
    if (const VirtualService* own = own_route_to_a_version(); own != nullptr)
      return refuse("MG802", to_string(own->key()) + " sends requests for Service " + sight_.service->meta.name + " to one of the two versions by itself; KubeSphere does not change it",
                    "Let that VirtualService name no subset of this Service until the release is over.", true);
    if (sight_.way == ReleaseWay::promote && sight_.gray != nullptr) compare_containers();
    if (!refused()) look_for_autoscalers();
  }

  // A VirtualService other than KubeSphere's (which has the Service's name) with a route to a subset of the Service.
  [[nodiscard]] const VirtualService* own_route_to_a_version() const {
    for (const VirtualService* routes : routes_of(context_.view, *sight_.service)) {
      if (routes->meta.name == sight_.service->meta.name) continue;
      for (const RouteDestination& one : routes->destinations) {
        if (is_host_of(one.host, *sight_.service) && !one.subset.empty()) return routes;
      }
    }
    return nullptr;
  }

  static std::string owner_of(const Workload& workload) {
    for (const OwnerReference& owner : workload.meta.owners) {
      if (owner.controller) return owner.kind + " " + owner.name;
    }
    return "";
  }

  void compare_containers() {
    const PodTemplate& principal = sight_.principal->pod;
    const PodTemplate& gray = sight_.gray->pod;
    for (const auto member : {&PodTemplate::containers, &PodTemplate::init_containers}) {
      const std::set<std::string> ours = names_of(principal.*member);
      const std::set<std::string> theirs = names_of(gray.*member);
      if (ours == theirs) continue;
      const std::string what = member == &PodTemplate::containers ? "containers" : "initContainers";
      return refuse("MG802", "Deployment " + sight_.gray->meta.name + " has the " + what + " " + list_of(theirs) + ", Deployment " + sight_.principal->meta.name + " has " + list_of(ours),
                    "Images are copied container by container: give both Deployments containers of the same names, or release this version as a change of the principal's manifest.", true);
    }
  }

  void look_for_autoscalers() {
    if (!context_.view.limits) return;
    for (const auto& scaler : context_.view.limits->autoscalers) {
      for (const auto& workload : {sight_.principal, sight_.gray}) {
        if (workload == nullptr || scaler->target_kind != "Deployment" || scaler->target_name != workload->meta.name) continue;
        return refuse("MG802", "HorizontalPodAutoscaler " + scaler->meta.name + " scales " + to_string(workload->key()) + ", by the load of one version alone",
                      "Delete the autoscaler for the time of the release, with enough replicas in both Deployments, and create it again afterwards.", true);
      }
    }
  }

  static constexpr std::int64_t kWhole = 100;  // istio.io/api networking/v1alpha3 HTTPRouteDestination: weights are percentages

  const Context& context_;
  const bool recorded_;
  ReleaseSight sight_;
  std::set<std::string> others_;  // versions beside the principal
  int principals_ = 0, grays_ = 0;
};

}  // namespace

std::string subset_name(std::string version) {
  std::erase_if(version, [](char c) { return c == '.' || c == '_' || c == '-'; });
  return version;
}

std::vector<const VirtualService*> routes_of(const NamespaceView& view, const Service& service) {
  std::vector<const VirtualService*> found;
  for (const auto& routes : view.virtual_services) {
    const auto leads_here = [&service](const RouteDestination& one) { return is_host_of(one.host, service); };
    if (std::any_of(routes->destinations.begin(), routes->destinations.end(), leads_here)) found.push_back(routes.get());
  }
  return found;
}

bool sends_all_to(const NamespaceView& view, const Service& service, std::string_view subset) {
  bool any = false;
  for (const VirtualService* routes : routes_of(view, service)) {
    for (const RouteDestination& one : routes->destinations) {
      if (!is_host_of(one.host, service)) continue;
      // Routes of somebody's own without a subset follow the Service's endpoints, whoever serves.
      if (one.subset.empty() && routes->meta.name != service.meta.name) continue;
      if (one.subset != subset) return false;
      any = true;
    }
  }
  return any;
}

bool has_subset(const NamespaceView& view, const Service& service, std::string_view subset) {
  return std::any_of(view.destination_rules.begin(), view.destination_rules.end(), [&](const auto& rule) {
    return is_host_of(rule->host, service) && std::find(rule->subsets.begin(), rule->subsets.end(), subset) != rule->subsets.end();
  });
}

ReleaseSight look_at_release(const Context& context, const std::shared_ptr<const Strategy>& strategy, bool recorded) {
  return Look(context, strategy, recorded).take();
}

}  // namespace meshgraft
