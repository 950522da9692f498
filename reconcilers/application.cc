#include "reconcilers/application.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/record.h"

namespace meshgraft {
namespace {

struct App {
  std::string version;
  // Objects that carry the app's labels now: kind and name, sorted. Into the view, which outlives it.
  std::vector<std::pair<std::string_view, std::string_view>> members;
  bool ours = false;                 // some of them carry an undo record of ours
  bool wanted = false;               // some member that is not blocked belongs to it; the namespace's own: any member
};

// The kinds that KubeSphere's console lists in an Application (console src/utils/form.templates.js, 3.3.2), Ingress
// under the group that current clusters serve.
Json component_kinds() {
  constexpr std::array<std::array<std::string_view, 2>, 6> kKinds{{{"", "Service"},
                                                                   {"apps", "Deployment"},
                                                                   {"apps", "StatefulSet"},
                                                                   {"networking.k8s.io", "Ingress"},
                                                                   {"servicemesh.kubesphere.io", "Strategy"},
                                                                   {"servicemesh.kubesphere.io", "ServicePolicy"}}};
  Json kinds = Json::array();
  for (const auto& [group, kind] : kKinds) kinds.push_back({{"group", group}, {"kind", kind}});
  return kinds;
}

// A fingerprint of the members: the same in a forecast and in the run that follows, which a resourceVersion is not.
std::string fingerprint(const App& app) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  const auto add = [&hash](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  };
  for (const auto& [kind, name] : app.members) {  // "Deployment/web\n"
    add(kind);
    add("/");
    add(name);
    add("\n");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = std::to_string(app.members.size()) + "-";
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[(hash >> shift) & 15U];
  return text;
}

// Whether an object is listed by the Application `name`: it carries both labels.
bool carries(const Meta& meta, std::string_view name, std::string_view version) {
  const auto has_name = meta.labels.find(keys::kAppName);
  const auto has_version = meta.labels.find(keys::kAppVersion);
  return has_name != meta.labels.end() && has_name->second == name && has_version != meta.labels.end() &&
         has_version->second == version;
}

class Apps {
 public:
  explicit Apps(const Context& context) {
    App& own = apps_[context.options.app];
    own.version = context.membership.app_version;
    for (const Member& member : context.membership.members) {
      if (member.excluded || !member.blocked.empty()) continue;
      const auto [at, added] = apps_.try_emplace(member.app_name);
      if (added) at->second.version = member.app_version;
      at->second.wanted = true;
      own.wanted = true;
      const bool listed = member.labelled ? member.app_version == at->second.version : carries(member.workload->meta, member.app_name, at->second.version);
      if (listed) count(*member.workload, at->second);
    }
    // Kinds in the order of their names: with no StatefulSets nothing is left to sort.
    for (const auto& ingress : context.view.ingresses) count_listed(*ingress);
    for (const auto& service : context.membership.services) count_listed(*service);
    for (auto& [name, app] : apps_) {
      if (!std::is_sorted(app.members.begin(), app.members.end())) std::sort(app.members.begin(), app.members.end());
    }
  }

  [[nodiscard]] const std::map<std::string, App, std::less<>>& all() const { return apps_; }

 private:
  void count_listed(const Object& object) {
    const auto name = object.meta.labels.find(keys::kAppName);
    if (name == object.meta.labels.end()) return;
    const auto app = apps_.find(name->second);
    if (app != apps_.end() && carries(object.meta, name->second, app->second.version)) count(object, app->second);
  }

  static void count(const Object& object, App& app) {
    app.members.emplace_back(info(object.kind).name, object.meta.name);
    if (!app.ours && looks_recorded(object.meta)) app.ours = true;
  }

  std::map<std::string, App, std::less<>> apps_;
};

Extra creation(const Context& context, const std::string& name, const App& app) {
  const Labels labels{{std::string(keys::kAppName), name}, {std::string(keys::kAppVersion), app.version}};
  Extra extra;
  extra.change.target = {Kind::application, context.view.name, name};
  extra.change.verb = Verb::create;
  extra.change.stage = Stage::application;
  extra.change.rule = "application";
  extra.change.why = "the self-built app " + name;
  extra.change.body = {
      {"apiVersion", api_version(info(Kind::application))},
      {"kind", "Application"},
      {"metadata",
       {{"name", name},
        {"namespace", context.view.name},
        {"labels", labels},
        {"annotations", {{std::string(keys::kGoverned), "true"}, {std::string(keys::kTouchedAt), fingerprint(app)}}}}},
      {"spec",
       {{"selector", {{"matchLabels", labels}}}, {"addOwnerRef", false}, {"componentKinds", component_kinds()}}}};
  return extra;
}

// KubeSphere's controller misses a label that is added to an object it knows already (recorded), so it is made to
// look again: once per set of members, and only where the labels came from us or are not listed yet.
bool needs_touch(const Application& application, const App& app, const std::string& now) {
  const auto touched = application.meta.annotations.find(keys::kTouchedAt);
  if (touched != application.meta.annotations.end()) return touched->second != now;
  if (app.ours) return true;
  const std::unordered_set<std::string_view> listed(application.components.begin(), application.components.end());
  return std::any_of(app.members.begin(), app.members.end(), [&listed](const auto& member) {
    return !listed.contains(std::string(member.first) + "/" + std::string(member.second));
  });
}

const Application* find(const NamespaceView& view, std::string_view name) {
  for (const auto& application : view.applications) {
    if (application->meta.name == name) return application.get();
  }
  return nullptr;
}

}  // namespace

Decision desired_application(const Context& context) {
  Decision decision;
  if (context.options.app.empty() || !context.facts.platform.served.contains(Kind::application)) return decision;
  const Apps apps(context);
  for (const auto& [name, app] : apps.all()) {
    const Application* application = find(context.view, name);
    if (application == nullptr) {
      if (app.wanted) decision.extras.push_back(creation(context, name, app));
      continue;
    }
    if (application->add_owner_ref) {
      decision.findings.push_back(
          finding("MG102", application->key(), "spec.addOwnerRef is true: deleting this app would delete its members"));
    }
    Intent intent;
    for (const auto& one : context.view.applications) {
      if (one.get() == application) intent.object = one;
    }
    intent.stage = Stage::application;
    intent.rule = "application";
    intent.wish.annotations.emplace(keys::kGoverned, "true");
    const std::string now = fingerprint(app);
    if (needs_touch(*application, app, now)) intent.wish.annotations.emplace(keys::kTouchedAt, now);
    const auto governed = application->meta.annotations.find(keys::kGoverned);
    const bool touches = governed != application->meta.annotations.end() && governed->second == "true";
    intent.why = touches ? "KubeSphere looks again at the members of app " + name : "governance and members of app " + name;
    decision.intents.push_back(std::move(intent));
  }
  return decision;
}

}  // namespace meshgraft
