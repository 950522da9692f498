#include "cmd/controller_settings.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "reconcilers/release_record.h"

namespace meshgraft {
namespace {

// A flag of the chart's, and how its value goes from one Settings to another.
struct Setting {
  std::string_view flag;
  void (*take)(Settings& into, const Settings& from);
};

constexpr std::array kTaken{
    Setting{"--default-policy", [](Settings& into, const Settings& from) { into.default_policy = from.default_policy; }},
    Setting{"--replace-enabled", [](Settings& into, const Settings& from) { into.replace_enabled = from.replace_enabled; }},
    Setting{"--releases-enabled", [](Settings& into, const Settings& from) { into.releases_enabled = from.releases_enabled; }},
    Setting{"--max-rollouts", [](Settings& into, const Settings& from) { into.max_rollouts = from.max_rollouts; }},
    Setting{"--namespace-selector", [](Settings& into, const Settings& from) { into.namespace_selector = from.namespace_selector; }},
    Setting{"--gateway-namespaces", [](Settings& into, const Settings& from) { into.gateway_namespaces = from.gateway_namespaces; }},
    Setting{"--nacos-namespaces", [](Settings& into, const Settings& from) { into.nacos_namespaces = from.nacos_namespaces; }},
    Setting{"--client-ip-mode", [](Settings& into, const Settings& from) { into.client_ip = from.client_ip; }},
    Setting{"--trusted-proxies", [](Settings& into, const Settings& from) { into.trusted_proxies = from.trusted_proxies; }},
    Setting{"--mesh-revision", [](Settings& into, const Settings& from) { into.mesh.revision = from.mesh.revision; }},
    Setting{"--mesh-root-namespace", [](Settings& into, const Settings& from) { into.mesh.root_namespace = from.mesh.root_namespace; }},
    Setting{"--mesh-cluster-domain", [](Settings& into, const Settings& from) { into.mesh.cluster_domain = from.mesh.cluster_domain; }}};

bool is_taken(std::string_view word) {
  const std::string_view flag = word.substr(0, word.find('='));
  return std::any_of(kTaken.begin(), kTaken.end(), [flag](const Setting& one) { return one.flag == flag; });
}

// Of a controller's arguments those that are settings, so that a flag of another version is no matter.
std::vector<std::string> settings_among(const std::vector<std::string>& arguments) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!is_taken(arguments[i])) continue;
    words.push_back(arguments[i]);
    if (arguments[i].find('=') == std::string::npos && i + 1 < arguments.size() && !arguments[i + 1].starts_with('-')) words.push_back(arguments[++i]);
  }
  return words;
}

// What the controller that the world shows was started with. Nothing where there is none to be seen, or none whose
// settings can be read.
std::optional<Settings> controller_settings(const World& world) {
  for (const auto& [name, view] : world.namespaces) {
    for (const auto& workload : view.workloads) {
      const auto label = workload->pod.labels.find("app.kubernetes.io/name");  // charts/meshgraft, whatever the release is called
      if (workload->kind != Kind::deployment || label == workload->pod.labels.end() || label->second != "meshgraft") continue;
      for (const Container& container : workload->pod.containers) {
        if (std::find(container.args.begin(), container.args.end(), "run") == container.args.end()) continue;
        std::vector<std::string> words = settings_among(container.args);
        words.insert(words.begin(), {"meshgraft", "run"});
        if (const Parsed parsed = parse_options(words); parsed.options) return parsed.options->settings;
      }
    }
  }
  return std::nullopt;
}

// A controller that is not to be seen, because it runs elsewhere, shows in what it has begun.
bool has_begun_a_release(const World& world) {
  return std::any_of(world.namespaces.begin(), world.namespaces.end(), [](const auto& one) {
    return std::any_of(one.second.strategies.begin(), one.second.strategies.end(), [](const auto& strategy) { return read_release_record(*strategy).present; });
  });
}

}  // namespace

Settings settings_beside(const Options& options, const World& world) {
  Settings settings = options.settings;
  const std::optional<Settings> controller = controller_settings(world);
  if (!controller) {
    settings.releases_enabled = settings.releases_enabled || has_begun_a_release(world);
    return settings;
  }
  for (const Setting& one : kTaken) {
    if (!options.given.contains(one.flag)) one.take(settings, *controller);
  }
  settings.replace_enabled = settings.replace_enabled || options.replace_assumed;
  return settings;
}

}  // namespace meshgraft
