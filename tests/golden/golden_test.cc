// Golden cases: every directory here that holds a file `args` is one. Its manifests are planned with those flags, and
// the whole output must equal want.txt; a plan of the foreseen result must be empty.
//
// MESHGRAFT_GOLDEN_UPDATE=1 rewrites want.txt: read the difference before committing it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "cmd/program.h"
#include "cmd/source.h"
#include "reconcilers/foresee.h"
#include "reconcilers/record.h"
#include "tests/golden/case_files.h"

namespace meshgraft {
namespace {

namespace fs = std::filesystem;
int no_controller(const Options&, const Terminal&) { return 1; }

// Those whose name a Deployment had before it was created again under another.
std::set<std::string> named_before(const World& world) {
  std::set<std::string> names;
  for (const auto& [name, view] : world.namespaces) {
    for (const auto& workload : view.workloads) {
      const Record record = read_record(workload->meta);
      if (record.replaced.contains("name")) names.insert(to_string(ObjectKey{Kind::deployment, name, record.replaced.value("name", "")}));
    }
  }
  return names;
}

void expect_undone(const World& before, const Foreseen& first, const Settings& settings);

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, case_) {
  const fs::path directory = golden_root() / GetParam();
  fs::current_path(directory);
  const std::vector<std::string> flags = flags_of(directory);
  std::istringstream in;
  std::ostringstream out;
  const Terminal terminal{in, out, out};
  const int status = program(flags, terminal, no_controller);
  const bool refused = out.str().starts_with("error: ");
  EXPECT_EQ(status == 1, refused) << out.str();

  const char* update = std::getenv("MESHGRAFT_GOLDEN_UPDATE");
  if (update != nullptr && std::string(update) == "1") {
    std::ofstream(directory / "want.txt", std::ios::binary) << out.str();
  }
  EXPECT_EQ(text_of(directory / "want.txt"), out.str());

  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), refused ? 1000 : 80) << line;
  if (refused) return;

  const Parsed parsed = parse_options(flags);
  ASSERT_TRUE(parsed.options) << parsed.text;
  Result<Source, ReadError> source = load(*parsed.options, terminal);
  ASSERT_TRUE(source);
  const Foreseen first = foresee(source->world, parsed.options->settings);
  EXPECT_EQ(status, first.steps.empty() ? 0 : 2);
  const Foreseen second = foresee(first.after, parsed.options->settings);
  for (const Foreseen::Step& step : second.steps) {
    ADD_FAILURE() << "a plan of the result still wants to " << to_string(step.change.verb) << ' ' << to_string(step.change.target) << " ("
                  << to_string(step.change.stage) << "): " << step.change.why << '\n'
                  << to_text(step.change.body, 2);
  }
  const bool frozen = std::any_of(first.findings.begin(), first.findings.end(),
                                  [](const Finding& one) { return one.code == "MG109" || one.code == "MG110"; });
  if (!frozen) expect_undone(source->world, first, parsed.options->settings);
}

// What people and other programs see of an object, as far as rules know it.
std::string essence(const Object& object) {
  std::ostringstream text;
  const auto labels = [&text](std::string_view name, const Labels& list) {
    for (const auto& [key, value] : list) text << name << ' ' << std::string(key) << '=' << std::string(value) << '\n';
  };
  labels("label", object.meta.labels);
  labels("annotation", object.meta.annotations);
  if (const Workload* workload = as<Workload>(&object); workload != nullptr) {
    labels("pod label", workload->pod.labels);
    labels("pod annotation", workload->pod.annotations);
    labels("selector", workload->selector.match_labels);
    text << "pod " << workload->pod.host_network << ' ' << workload->pod.dns_policy << '\n'
         << "rolling " << workload->max_unavailable.number << workload->max_unavailable.text << ' ' << workload->max_surge.number
         << workload->max_surge.text << '\n';
    for (const Container& container : workload->pod.containers) {
      for (const ContainerPort& port : container.ports) text << "port " << port.container_port << ' ' << port.host_port << '\n';
    }
  }
  if (const Service* service = as<Service>(&object); service != nullptr) {
    for (const ServicePort& port : service->ports)
      text << "port " << port.port << ' ' << port.name << ' ' << port.app_protocol.value_or("-") << '\n';
  }
  if (const Ingress* ingress = as<Ingress>(&object); ingress != nullptr) {
    const auto backend = [&text](const IngressBackend& one) { text << one.service << ' ' << one.port << ' ' << one.port_name << '\n'; };
    if (ingress->default_backend) backend(*ingress->default_backend);
    for (const IngressRule& rule : ingress->rules) {
      for (const IngressPath& path : rule.paths) {
        text << rule.host << path.path << ' ';
        backend(path.backend);
      }
    }
  }
  if (const ConfigMap* config = as<ConfigMap>(&object); config != nullptr) labels("data", config->data);
  if (const EnvoyFilter* filter = as<EnvoyFilter>(&object); filter != nullptr) text << filter->spec << '\n';
  if (const Gateway* gateway = as<Gateway>(&object); gateway != nullptr) {
    labels("switch", gateway->deployment_annotations);
    labels("config", gateway->controller_config);
  }
  return text.str();
}

std::map<std::string, std::string> essences(const World& world) {
  std::map<std::string, std::string> all;
  const auto add = [&all](const auto& list) {
    for (const auto& object : list) all.emplace(to_string(object->key()), essence(*object));
  };
  for (const auto& [name, view] : world.namespaces) {
    add(view.workloads);
    add(view.services);
    add(view.ingresses);
    add(view.config_maps);
    add(view.applications);
    add(view.virtual_services);
    add(view.destination_rules);
    add(view.envoy_filters);
    add(view.gateways);
  }
  return all;
}

// The same world with neither label on any namespace, and nothing that would freeze them.
World without_labels(World world) {
  for (auto& [name, view] : world.namespaces) {
    auto ns = std::make_shared<Namespace>(*view.ns);
    ns->meta.labels.erase(std::string_view("meshgraft.io/app"));
    ns->meta.labels.erase(std::string_view("meshgraft.io/gateway"));
    ns->meta.annotations[std::string("meshgraft.io/accept-outage")] = "true";
    // The report that the controller writes on a joined namespace.
    ns->meta.annotations[std::string("meshgraft.io/status")] = "joined";
    view.ns = std::move(ns);
    view.live.clear();
  }
  return world;
}

// Objects whose manifest says already that they are ours, or copies a record: what was before that nobody knows.
std::set<std::string> recorded_before(const World& world) {
  std::set<std::string> names;
  const auto add = [&names](const auto& list) {
    for (const auto& object : list) {
      if (object->meta.annotations.contains(std::string_view("meshgraft.io/undo"))) names.insert(to_string(object->key()));
    }
  };
  for (const auto& [name, view] : world.namespaces) {
    add(view.workloads);
    add(view.services);
    add(view.ingresses);
    add(view.config_maps);
    add(view.applications);
    add(view.gateways);
  }
  return names;
}

// What the end of a release deleted: that was asked for, and no label brings it back.
std::set<std::string> released(const Foreseen& first) {
  std::set<std::string> names;
  for (const Foreseen::Step& step : first.steps) {
    if (step.change.stage == Stage::release && step.change.verb == Verb::remove) names.insert(to_string(step.change.target));
  }
  return names;
}

void expect_undone(const World& before, const Foreseen& first, const Settings& settings) {
  const Foreseen back = foresee(without_labels(first.after), settings);
  // A release under way blocks it, and says so.
  if (std::any_of(back.findings.begin(), back.findings.end(), [](const Finding& one) { return one.code == "MG803"; })) return;
  const std::set<std::string> recorded = recorded_before(before);
  // What KubeSphere made of a Service that is recorded came with it.
  const auto came_with_it = [&recorded](const std::string& name) {
    for (const std::string kind : {"VirtualService ", "DestinationRule "}) {
      if (name.starts_with(kind) && recorded.contains("Service " + name.substr(kind.size()))) return true;
    }
    return false;
  };
  const std::set<std::string> ended = released(first);
  const std::map<std::string, std::string> was = essences(before);
  const std::map<std::string, std::string> is = essences(back.after);
  for (const auto& [name, text] : was) {
    if (recorded.contains(name) || ended.contains(name)) continue;
    const auto found = is.find(name);
    if (found == is.end() && came_with_it(name)) continue;
    // A case may begin with objects that were created by us: these go.
    const bool created = text.find("label app.kubernetes.io/managed-by=meshgraft\n") != std::string::npos || text.find("annotation meshgraft.io/touched-at=") != std::string::npos;
    if (found == is.end() && created) continue;
    EXPECT_EQ(text, found == is.end() ? "gone" : found->second) << name << " after the way back";
  }
  const std::set<std::string> former = named_before(before);
  for (const auto& [name, text] : is) EXPECT_TRUE(was.contains(name) || former.contains(name)) << name << " is left behind";
}

std::string test_name(const testing::TestParamInfo<std::string>& info) { return test_name_of(info.param); }

INSTANTIATE_TEST_SUITE_P(Plan, Golden, testing::ValuesIn(golden_cases()), test_name);

}  // namespace
}  // namespace meshgraft
