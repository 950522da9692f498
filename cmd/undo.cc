#include "cmd/undo.h"

#include <chrono>
#include <map>
#include <memory>
#include <ostream>
#include <thread>

#include "cmd/live_world.h"
#include "cmd/plan.h"
#include "cmd/render_json.h"
#include "cmd/render_text.h"
#include "cmd/source.h"
#include "reconcilers/foresee.h"
#include "reconcilers/keys.h"
#include "reconcilers/undo.h"

namespace meshgraft {
namespace {

constexpr std::chrono::seconds kLookEvery{2};     // watch(1)'s default
constexpr std::chrono::seconds kAnswersWithin{20};  // an event reaches a controller at once; its debounce is 200 ms

using NamespacePtr = std::shared_ptr<const Namespace>;

std::map<std::string, std::string> labels_of(const Namespace& ns) {
  std::map<std::string, std::string> found;
  for (const std::string_view key : {keys::kApp, keys::kGateway}) {
    if (const auto label = ns.meta.labels.find(key); label != ns.meta.labels.end()) found.emplace(std::string(key), std::string(label->second));
  }
  return found;
}

std::string report_of(const Namespace& ns) {
  const auto found = ns.meta.annotations.find(keys::kStatus);
  return found == ns.meta.annotations.end() ? "" : std::string(found->second);
}

// The world in which the namespace carries neither label.
void take_labels_off(NamespaceView& view) {
  auto ns = std::make_shared<Namespace>(*view.ns);
  for (const auto& [key, value] : labels_of(*view.ns)) ns->meta.labels.erase(std::string_view(key));
  // Keys hold for a namespace that has left only while its report is there.
  if (report_of(*ns).empty()) ns->meta.annotations[std::string(keys::kStatus)] = "joined";
  view.ns = std::move(ns);
}

// What the server knows of every object with a record, so that the forecast leaves what somebody else took over.
void look_at_owners(Api& api, const Settings& settings, World& world, NamespaceView& view) {
  for (int i = 0; i < 3; ++i) {
    const Plan made = plan(view, derive_facts(world, settings), settings, Gating::open);
    if (made.wants_live.empty()) return;
    for (const ObjectKey& key : made.wants_live) {
      ApiResult<Json> object = api.get_json(key);
      view.live.insert_or_assign(key, object ? std::make_shared<const Json>(*std::move(object)) : nullptr);
    }
  }
}

int print_forecast(const Source& source, const Options& options, const Terminal& terminal) {
  const Report report = make_report(foresee(source.world, options.settings), source, options.settings);
  if (options.output == "json") {
    terminal.out << to_text(plan_json(report), 2) << '\n';
  } else if (options.output == "yaml") {
    terminal.out << requests_yaml(report);
  } else {
    render_plan_text(report, options.verbose, terminal);
  }
  return report.steps.empty() ? 0 : 2;
}

// Sets the labels, or takes them off where `labels` has "" for them.
ApiResult<Unit> put_labels(Api& api, const std::string& ns, const std::map<std::string, std::string>& labels) {
  PatchRequest request;
  request.target = {Kind::namespace_, "", ns};
  request.type = PatchType::merge;
  request.field_manager = std::string(keys::kUndoManager);
  for (const auto& [key, value] : labels) {
    request.body["metadata"]["labels"][key] = value.empty() ? Json(nullptr) : Json(value);
  }
  ApiResult<Written> written = api.patch(request);
  if (!written) return Unexpected<ApiError>(written.error());
  return Unit{};
}

// Prints the report on the namespace whenever it changes, until the namespace is as before.
int follow(Api& api, const std::string& ns, const std::map<std::string, std::string>& labels, const std::string& before, const Terminal& terminal) {
  std::string last = before;
  bool answered = false;
  for (std::chrono::seconds waited{0}; terminal.out; waited += kLookEvery) {
    const ApiResult<ObjectPtr> object = api.get({Kind::namespace_, "", ns});
    if (!object) return print_error(describe("read namespace " + ns, object.error()), terminal);
    const NamespacePtr now = as<Namespace>(*object);
    const std::string report = report_of(*now);
    if (report != last) {
      answered = true;
      last = report;
      if (!report.empty()) terminal.out << ns << ": " << report << std::endl;
    }
    if (answered && report.empty()) {
      terminal.out << ns << ": as before\n";
      return 0;
    }
    if (!answered && waited >= kAnswersWithin) {
      if (const ApiResult<Unit> back = put_labels(api, ns, labels); !back) return print_error(describe("label namespace " + ns, back.error()), terminal);
      return print_error("no controller took it up within " + std::to_string(kAnswersWithin.count()) +
                             " s, so the labels of namespace " + ns + " stand again and nothing was changed; start meshgraft run, then try again",
                         terminal);
    }
    if (terminal.pause) {
      terminal.pause(kLookEvery);
    } else {
      std::this_thread::sleep_for(kLookEvery);
    }
  }
  return 0;
}

int carry_out(Api& api, const Source& source, const Options& options, const Terminal& terminal) {
  const NamespaceView& view = source.world.namespaces.at(source.scope);
  const std::map<std::string, std::string> labels = labels_of(*view.ns);
  if (labels.empty()) {
    if (report_of(*view.ns).empty()) return print_error("namespace " + source.scope + " carries neither meshgraft.io/app nor meshgraft.io/gateway", terminal);
    return follow(api, source.scope, labels, "", terminal);
  }
  const NamespaceOptions settings = read_options(*view.ns, options.settings);
  if (settings.frozen || settings.policy == Policy::observe) {
    const std::string why = settings.policy == Policy::observe ? "its policy is observe" : "it is frozen: see meshgraft check";
    return print_error("nothing is written in namespace " + source.scope + " as long as " + why, terminal);
  }
  const bool joined = !report_of(*view.ns).empty();
  std::map<std::string, std::string> off;
  for (const auto& [key, value] : labels) off.emplace(key, "");
  if (const ApiResult<Unit> done = put_labels(api, source.scope, off); !done) {
    return print_error(describe("take the labels off namespace " + source.scope, done.error()), terminal);
  }
  terminal.out << source.scope << ": labels removed" << std::endl;
  // Without a report no controller ever wrote here: there is nothing to follow.
  return joined ? follow(api, source.scope, labels, report_of(*view.ns), terminal) : 0;
}

}  // namespace

int print_undo(const Options& options, const Terminal& terminal) {
  Result<Connection> connection = terminal.connect(options, terminal.environment);
  if (!connection) return print_error(connection.error().text, terminal);
  Result<LiveWorld> live = list_world(*connection->api);
  if (!live) return print_error(live.error().text, terminal);
  Source source;
  source.world = std::move(live->world);
  source.scope = options.ns.empty() ? connection->ns : options.ns;
  for (const std::string& note : live->notes) terminal.err << "warning: " << note << '\n';
  const auto space = source.world.namespaces.find(source.scope);
  if (space == source.world.namespaces.end()) return print_error("namespace \"" + source.scope + "\" not found", terminal);
  if (options.yes) return carry_out(*connection->api, source, options, terminal);
  take_labels_off(space->second);
  look_at_owners(*connection->api, options.settings, source.world, space->second);
  return print_forecast(source, options, terminal);
}

}  // namespace meshgraft
