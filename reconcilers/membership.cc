#include "reconcilers/membership.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include "reconcilers/deployment.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/record.h"
#include "reconcilers/replace_sight.h"
#include "reconcilers/selection.h"

namespace meshgraft {
namespace {

using ServicePtr = std::shared_ptr<const Service>;

const std::string* value_of(const Labels& labels, std::string_view key) {
  const Labels::const_iterator found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

bool mentions(const LabelSelector& selector, std::string_view key) {
  return selector.match_labels.find(key) != selector.match_labels.end() ||
         std::any_of(selector.expressions.begin(), selector.expressions.end(),
                     [key](const Requirement& clause) { return clause.key == key; });
}

// Works out the membership of one namespace; a value that lives for one call of find_members.
class Census {
 public:
  Census(const NamespaceView& view, const NamespaceOptions& options) : view_(view), options_(options) {}

  Membership take() {
    result_.selection = std::make_shared<const Selection>(view_);
    result_.middleware = find_middleware(view_, *result_.selection);
    result_.app_version = app_version();
    sort_services();
    link();
    result_.members.reserve(view_.workloads.size());
    for (std::uint32_t i = 0; i < view_.workloads.size(); ++i) consider(i);
    gather_by_service();
    block_equal_versions();
    index();
    return std::move(result_);
  }

 private:
  // An Application that exists says which version its members must name to be listed.
  std::string app_version() const {
    for (const auto& application : view_.applications) {
      if (application->meta.name != options_.app) continue;
      if (const std::string* version = value_of(application->match_labels, keys::kAppVersion)) return *version;
    }
    return options_.version;
  }

  // Which Services can have members (rules 1.1).
  void sort_services() {
    candidate_.resize(view_.services.size(), false);
    for (std::size_t i = 0; i < view_.services.size(); ++i) {
      const Service& service = *view_.services[i];
      if (service.meta.deleting || is_excluded(service.meta) || result_.middleware.has_service(service.meta.name))
        continue;
      if (service.external_name()) continue;
      if (service.selector.empty()) {
        result_.findings.push_back(finding("MG310", service.key(), "the Service has no selector, so no workload belongs to it"));
      } else if (!service.headless()) {
        candidate_[i] = true;
      }
    }
  }

  void link() {
    const Selection& selection = *result_.selection;
    services_of_.resize(view_.workloads.size());
    for (std::uint32_t s = 0; s < view_.services.size(); ++s) {
      const Service& service = *view_.services[s];
      if (service.selector.empty() || service.external_name()) continue;
      for (const std::uint32_t w : selection.selected_by(s)) services_of_[w].push_back(s);
      for (const auto& [key, value] : service.selector) {
        if (is_ours(key)) selecting_ours_.push_back(s);
      }
    }
    selecting_ours_.erase(std::unique(selecting_ours_.begin(), selecting_ours_.end()), selecting_ours_.end());
    for (const std::uint32_t s : selecting_ours_) {
      for (const auto& [key, value] : view_.services[s]->selector) {
        if (is_ours(key)) by_pair_[{key, value}].push_back(s);
      }
    }
    for (const auto& ingress : view_.ingresses) {
      if (ingress->default_backend) behind_ingress_.insert(ingress->default_backend->service);
      for (const IngressRule& rule : ingress->rules) {
        for (const IngressPath& path : rule.paths) behind_ingress_.insert(path.backend.service);
      }
    }
  }

  static bool is_ours(std::string_view key) {
    return key == keys::kAppLabel || key == keys::kVersionLabel || key == keys::kAppName || key == keys::kAppVersion;
  }

  void block(Member& member, std::string_view code, std::string text, std::string remedy = "") {
    member.blocked = std::string(code);
    member.why = text;
    result_.findings.push_back(finding(code, member.workload->key(), std::move(text), std::move(remedy)));
  }

  void consider(std::uint32_t w) {
    const Workload& workload = *view_.workloads[w];
    if (workload.kind == Kind::daemon_set || workload.meta.deleting || result_.middleware.has_workload(workload.key()) || comes_beside(view_, workload))
      return;
    Member member;
    member.workload = view_.workloads[w];
    if (is_excluded(workload.meta)) {
      member.excluded = true;
      member.why = std::string(keys::kExclude) + " is true";
    } else if (workload.pod.containers.empty()) {
      block(member, "MG226", "spec.template.spec.containers is empty");
    } else {
      check_keys(member);
    }
    if (!member.blocked.empty() || member.excluded) {
      member.service = sole_candidate(w);
      if (member.service == nullptr && member.excluded) return;
    } else if (!choose_service(w, member)) {
      return;
    }
    if (member.blocked.empty() && !member.excluded) settle(w, member);
    if (member.service != nullptr) compare_with_service(member);
    result_.members.push_back(std::move(member));
  }

  // The keys on the workload itself: a bad one blocks it.
  void check_keys(Member& member) {
    const Labels& annotations = member.workload->meta.annotations;
    for (const std::string_view key :
         {keys::kInject, keys::kAcceptOutage, keys::kExclude, keys::kReplace, keys::kManifestsUpdated}) {
      const std::string* value = value_of(annotations, key);
      if (value != nullptr && *value != "true" && *value != "false") {
        return block(member, "MG111", std::string(key) + " is \"" + *value + "\"; allowed: true, false");
      }
    }
    if (const std::string* value = value_of(annotations, keys::kVersion); value != nullptr && !is_version(*value)) {
      return block(member, "MG111", std::string(keys::kVersion) + " is \"" + *value + "\"; allowed: 1 to 16 of a-z and 0-9");
    }
    const Meta& meta = member.workload->meta;
    if (meta.annotations.find(keys::kUndo) == meta.annotations.end() || looks_recorded(meta)) return;
    if (const Record record = read_record(meta); !record.broken.empty()) {
      block(member, "MG107", std::string(keys::kUndo) + ": " + record.broken);
    }
  }

  std::vector<std::uint32_t> candidates(std::uint32_t w) const {
    std::vector<std::uint32_t> found;
    for (const std::uint32_t s : services_of_[w]) {
      if (candidate_[s]) found.push_back(s);
    }
    return found;
  }

  ServicePtr sole_candidate(std::uint32_t w) const {
    const std::vector<std::uint32_t> found = candidates(w);
    return found.size() == 1 ? view_.services[found.front()] : nullptr;
  }

  // Rules 1.2. False: the workload is no member at all.
  bool choose_service(std::uint32_t w, Member& member) {
    const Workload& workload = *member.workload;
    std::vector<std::uint32_t> found = candidates(w);
    const std::string* named = value_of(workload.meta.annotations, keys::kService);
    if (named != nullptr) {
      for (const std::uint32_t s : found) {
        if (view_.services[s]->meta.name == *named) {
          member.service = view_.services[s];
          return true;
        }
      }
      block(member, "MG201",
            std::string(keys::kService) + " names Service " + *named + ", which does not select this workload" +
                (found.empty() ? "" : "; these do: " + names(found)));
      return true;
    }
    if (found.empty()) {
      // Behind Services that are left alone on purpose nothing needs to be said.
      const bool left_alone = std::any_of(services_of_[w].begin(), services_of_[w].end(), [this](std::uint32_t s) {
        return is_excluded(view_.services[s]->meta) || result_.middleware.has_service(view_.services[s]->meta.name);
      });
      if (!left_alone) {
        result_.findings.push_back(finding("MG219", workload.key(),
                                           services_of_[w].empty()
                                               ? "no Service selects its pods"
                                               : "only headless Services select its pods: " + names(services_of_[w])));
      }
      return false;
    }
    if (found.size() == 1) {
      member.service = view_.services[found.front()];
      return true;
    }
    member.service = preferred(workload, found);
    if (member.service == nullptr) block(member, "MG201", "Services " + names(found) + " select it");
    return true;
  }

  ServicePtr by_name(const std::vector<std::uint32_t>& found, std::string_view name) const {
    for (const std::uint32_t s : found) {
      if (view_.services[s]->meta.name == name) return view_.services[s];
    }
    return nullptr;
  }

  ServicePtr preferred(const Workload& workload, const std::vector<std::uint32_t>& found) const {
    if (!workload.service_name.empty()) {
      if (ServicePtr service = by_name(found, workload.service_name)) return service;
    }
    if (const std::string* app = value_of(workload.pod.labels, keys::kAppLabel)) {
      if (ServicePtr service = by_name(found, *app)) return service;
    }
    if (ServicePtr service = by_name(found, workload.meta.name)) return service;
    const std::string_view name = workload.meta.name;
    const std::string tail = "-" + *version_of(workload);
    if (name.size() > tail.size() && name.ends_with(tail)) {
      if (ServicePtr service = by_name(found, name.substr(0, name.size() - tail.size()))) return service;
    }
    ServicePtr public_one;
    for (const std::uint32_t s : found) {
      if (!behind_ingress_.contains(view_.services[s]->meta.name)) continue;
      if (public_one != nullptr) return nullptr;
      public_one = view_.services[s];
    }
    return public_one;
  }

  // Rules 1.3, but for values that a selector keeps.
  const std::string* version_of(const Workload& workload) const {
    const std::string* version = value_of(workload.pod.labels, keys::kVersionLabel);
    if (version != nullptr && is_version(*version)) return version;
    version = value_of(workload.meta.annotations, keys::kVersion);
    return version != nullptr ? version : &options_.version;
  }

  std::string names(const std::vector<std::uint32_t>& services) const {
    std::string text;
    for (const std::uint32_t s : services) text += (text.empty() ? "" : ", ") + view_.services[s]->meta.name;
    return text;
  }

  // Law 2: a pod label that a Service, or the workload itself, selects by keeps its value.
  bool keeps(std::uint32_t w, std::string_view key) const {
    const Workload& workload = *view_.workloads[w];
    if (workload.pod.labels.find(key) == workload.pod.labels.end()) return false;
    if (mentions(workload.selector, key)) return true;
    return std::any_of(services_of_[w].begin(), services_of_[w].end(), [&](std::uint32_t s) {
      return view_.services[s]->selector.find(key) != view_.services[s]->selector.end();
    });
  }

  // `wanted`, or the value that stands there and has to stay.
  std::string settled(std::uint32_t w, std::string_view key, std::string_view wanted) const {
    return keeps(w, key) ? *value_of(view_.workloads[w]->pod.labels, key) : std::string(wanted);
  }

  void settle(std::uint32_t w, Member& member) {
    const Workload& workload = *member.workload;
    member.version = settled(w, keys::kVersionLabel, *version_of(workload));
    member.app_label = settled(w, keys::kAppLabel, member.service->meta.name);
    member.app_name = settled(w, keys::kAppName, options_.app);
    member.app_version = settled(w, keys::kAppVersion, result_.app_version);
    member.sidecar = wants_sidecar(workload);
    if (member.app_label != member.service->meta.name) {
      result_.findings.push_back(finding("MG207", workload.key(),
                                         "a selector uses app=" + member.app_label + ", so it does not become app=" + member.service->meta.name));
    }
    if (member.app_name != options_.app || member.app_version != result_.app_version) {
      result_.findings.push_back(finding("MG210", workload.key(),
                                         "a selector uses app.kubernetes.io/name=" + member.app_name + ", version " +
                                             member.app_version + ": it appears under the app " + member.app_name +
                                             " instead of " + options_.app));
    }
    // The template of a StatefulSet is touched for a sidecar alone.
    if (workload.kind == Kind::deployment || member.sidecar) check_new_labels(w, member);
  }

  // What several rules ask later, told while the workload's labels are at hand.
  static void compare_with_service(Member& member) {
    const Workload& workload = *member.workload;
    member.labelled = carries_labels(workload.meta.labels, member);
    if (workload.kind == Kind::deployment) member.gap = governance_gap(workload, *member.service, workload.meta.labels);
  }

  // Labels that are added may make selectors match that did not before.
  void check_new_labels(std::uint32_t w, Member& member) {
    const Workload& workload = *member.workload;
    if (carries_labels(workload.pod.labels, member)) return;
    const Labels wanted = member_labels(member);
    Labels labels = wanted;
    labels.insert(workload.pod.labels.begin(), workload.pod.labels.end());
    if (!workload.selector.matches(labels)) {
      return block(member, "MG218",
                   "spec.selector would not match the template with app=" + member.app_label + ", version=" + member.version);
    }
    for (const auto& pair : wanted) {
      const auto found = by_pair_.find({pair.first, pair.second});
      if (found == by_pair_.end()) continue;
      for (const std::uint32_t s : found->second) {
        const Service& service = *view_.services[s];
        const bool already = std::find(services_of_[w].begin(), services_of_[w].end(), s) != services_of_[w].end();
        if (!already && is_subset(service.selector, labels)) {
          return block(
              member, "MG220",
              "with " + pair.first + "=" + pair.second + " Service " + service.meta.name + " would select its pods");
        }
      }
    }
  }

  // The owner's word first, then the template's own, then the namespace's.
  bool wants_sidecar(const Workload& workload) const {
    if (const std::string* own = value_of(workload.meta.annotations, keys::kInject)) return *own == "true";
    if (workload.kind == Kind::stateful_set) return false;
    const std::string* said = value_of(workload.pod.labels, keys::kSidecarInject);
    if (said == nullptr) said = value_of(workload.pod.annotations, keys::kSidecarInject);
    if (said != nullptr) return *said != "false";
    return options_.inject_all;
  }

  void gather_by_service() {
    by_service_.reserve(result_.members.size());
    for (Member& member : result_.members) {
      if (member.service != nullptr) by_service_.emplace_back(member.service.get(), &member);
    }
    std::sort(by_service_.begin(), by_service_.end());
  }

  static bool counts(const Member& member) { return member.blocked.empty() && !member.excluded; }

  void block_equal_versions() {
    for (auto begin = by_service_.begin(); begin != by_service_.end();) {
      const auto end = std::find_if(begin, by_service_.end(), [begin](const auto& one) { return one.first != begin->first; });
      if (end - begin > 1) {
        std::map<std::string_view, std::vector<Member*>> by_version;
        for (; begin != end; ++begin) {
          Member& member = *begin->second;
          if (member.workload->kind == Kind::deployment && counts(member)) by_version[member.version].push_back(&member);
        }
        for (const auto& [version, group] : by_version) {
          if (group.size() > 1) block_group(group);
        }
      }
      begin = end;
    }
  }

  void block_group(const std::vector<Member*>& group) {
    std::string list;
    for (const Member* member : group) list += (list.empty() ? "" : ", ") + member->workload->meta.name;
    const std::string text = "Deployments " + list + " are all version " + group.front()->version + " behind Service " +
                             group.front()->service->meta.name;
    for (Member* member : group) {
      if (read_record(member->workload->meta).owns_template()) continue;  // joined before the other came
      block(*member, "MG202", text);
    }
  }

  // In the view's order, which is that of names.
  void index() {
    result_.behind.reserve(by_service_.size());
    for (const ServicePtr& service : view_.services) {
      const auto begin = std::lower_bound(by_service_.begin(), by_service_.end(), std::pair(service.get(), static_cast<Member*>(nullptr)));
      const auto end = std::find_if(begin, by_service_.end(), [&service](const auto& one) { return one.first != service.get(); });
      if (std::none_of(begin, end, [](const auto& one) { return counts(*one.second); })) continue;
      result_.services.push_back(service);
      result_.first_behind.push_back(static_cast<std::uint32_t>(result_.behind.size()));
      std::transform(begin, end, std::back_inserter(result_.behind), [](const auto& one) { return one.second; });
    }
    result_.first_behind.push_back(static_cast<std::uint32_t>(result_.behind.size()));
  }

  const NamespaceView& view_;
  const NamespaceOptions& options_;
  Membership result_;
  std::vector<bool> candidate_;                                 // by Service
  std::vector<std::vector<std::uint32_t>> services_of_;         // by workload: every Service that selects it
  std::vector<std::pair<const Service*, Member*>> by_service_;  // sorted: the members of a Service one after the other
  std::vector<std::uint32_t> selecting_ours_;                   // Services that select by a label that we write
  std::map<std::pair<std::string_view, std::string_view>, std::vector<std::uint32_t>> by_pair_;  // the same by such a pair
  std::set<std::string_view> behind_ingress_;                   // Service names
};

}  // namespace

bool is_excluded(const Meta& meta) {
  const Labels::const_iterator found = meta.annotations.find(keys::kExclude);
  return found != meta.annotations.end() && found->second == "true";
}

Labels member_labels(const Member& member) {
  Labels labels;  // filled in the order of its keys: each goes to the end
  labels.emplace(keys::kAppLabel, member.app_label);
  labels.emplace(keys::kAppName, member.app_name);
  labels.emplace(keys::kAppVersion, member.app_version);
  labels.emplace(keys::kVersionLabel, member.version);
  return labels;
}

bool carries_labels(const Labels& labels, const Member& member) {
  const auto says = [&labels](std::string_view key, const std::string& wanted) {
    const std::string* value = value_of(labels, key);
    return value != nullptr && *value == wanted;
  };
  return says(keys::kAppLabel, member.app_label) && says(keys::kVersionLabel, member.version) &&
         says(keys::kAppName, member.app_name) && says(keys::kAppVersion, member.app_version);
}

const Member* Membership::member_of(const Workload& workload) const {
  const auto found = std::lower_bound(members.begin(), members.end(), workload, [](const Member& member, const Workload& wanted) {
    if (member.workload->kind != wanted.kind) return member.workload->kind < wanted.kind;
    return member.workload->meta.name < wanted.meta.name;
  });
  if (found == members.end() || found->workload->kind != workload.kind || found->workload->meta.name != workload.meta.name) return nullptr;
  return &*found;
}

std::span<const Member* const> Membership::members_of(std::size_t service) const {
  return std::span(behind).subspan(first_behind[service], first_behind[service + 1] - first_behind[service]);
}

std::optional<std::size_t> Membership::index_of(std::string_view service_name) const {
  const auto found = std::lower_bound(services.begin(), services.end(), service_name,
                                      [](const ServicePtr& service, std::string_view name) { return service->meta.name < name; });
  if (found == services.end() || (*found)->meta.name != service_name) return std::nullopt;
  return static_cast<std::size_t>(found - services.begin());
}

Membership find_members(const NamespaceView& view, const NamespaceOptions& options, const Facts& /*facts*/) {
  if (options.app.empty()) {
    Membership none;
    none.selection = std::make_shared<const Selection>(view);
    none.middleware = find_middleware(view, *none.selection);
    return none;
  }
  return Census(view, options).take();
}

}  // namespace meshgraft
