#include "cmd/undo.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <ostream>

#include "cmd/controller_settings.h"
#include "cmd/following.h"
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

// The report on a way back changes with each workload that is done: 12 s, 90 s and one rollout, of 600 s at most as a rule.
constexpr std::chrono::seconds kMovesWithin{900};

// How the report of a namespace begins once a controller has taken its way back up (member_table.h).
constexpr std::string_view kLeaving = "leaving, ";

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

std::string never_joined(const std::string& ns) {
  return "namespace " + ns + " carries neither meshgraft.io/app nor meshgraft.io/gateway, and nothing in it is ours: it never joined, or is as before again";
}

// "; to go: 5 changes, 2 workloads restart one after the other": what whoever follows is going to wait for.
std::string steps_to_go(const Source& source) {
  const Totals totals = make_report(foresee(source.world, source.settings), source).totals;
  std::string text = "; to go: " + std::to_string(totals.requests) + (totals.requests == 1 ? " change" : " changes");
  if (totals.restarting == 1) text += ", 1 workload restarts";
  if (totals.restarting > 1) text += ", " + std::to_string(totals.restarting) + " workloads restart one after the other";
  return text;
}

// What an interrupt means to whoever follows.
std::string uninterrupted(const std::string& ns, const Options& options) {
  return ". Interrupting this does not stop it: '" + options.program + " undo -n " + ns + " --yes' follows again";
}

// `joined`: the namespace carries a label, or a report on its way back.
int print_forecast(const Source& source, bool joined, const Options& options, const Terminal& terminal) {
  const Report report = make_report(foresee(source.world, source.settings), source);
  const bool apart = !joined && report.steps.empty();
  if (apart) terminal.err << "note: " << never_joined(source.scope) << '\n';
  if (options.output == "json") {
    terminal.out << to_text(plan_json(report), 2) << '\n';
  } else if (options.output == "yaml") {
    terminal.out << requests_yaml(report);
  } else if (!apart || !report.findings.empty()) {
    render_plan_text(report, options.verbose, terminal);
  }
  return report.steps.empty() ? 0 : 2;
}

// Sets the labels, or takes them off where `labels` has "" for them. `version`: only while the namespace is at it; "" for
// whenever.
ApiResult<Unit> put_labels(Api& api, const std::string& ns, const std::map<std::string, std::string>& labels, const std::string& version = "") {
  PatchRequest request;
  request.target = {Kind::namespace_, "", ns};
  request.type = PatchType::merge;
  request.field_manager = std::string(keys::kUndoManager);
  for (const auto& [key, value] : labels) {
    request.body["metadata"]["labels"][key] = value.empty() ? Json(nullptr) : Json(value);
  }
  if (!version.empty()) request.body["metadata"]["resourceVersion"] = version;
  ApiResult<Written> written = api.patch(request);
  if (!written) return Unexpected<ApiError>(written.error());
  return Unit{};
}

// Follows the way back of one namespace: prints the report on it whenever that changes, until it is gone.
class Following {
 public:
  // `taken`: the labels that we took off; empty when they were off before. `before`: the report as it was then.
  Following(Api& api, std::string ns, std::map<std::string, std::string> taken, std::string before, const Terminal& terminal)
      : api_(api), ns_(std::move(ns)), taken_(std::move(taken)), last_(std::move(before)), begun_(taken_.empty() && last_.starts_with(kLeaving)), outage_(terminal), terminal_(terminal) {}

  // The exit status.
  int run() {
    Time asked = time_of(terminal_);
    while (terminal_.out) {
      const Time begun = time_of(terminal_);
      const ApiResult<ObjectPtr> object = api_.get({Kind::namespace_, "", ns_});
      if (!object) {
        if (!outage_.bears(read_error("read namespace " + ns_, object.error()), begun)) return 1;
        pause_between_looks(terminal_);
        continue;
      }
      asked += outage_.end();  // nobody can have answered meanwhile
      const NamespacePtr now = as<Namespace>(*object);
      if (!labels_of(*now).empty()) {
        return print_error("namespace " + ns_ + " was labelled again meanwhile, which is left as it is: it joins again", terminal_);
      }
      hear(report_of(*now));
      if (answered_ && last_.empty()) {
        terminal_.out << ns_ << ": as before\n";
        return 0;
      }
      if (!answered_ && time_of(terminal_) - asked >= (begun_ ? kMovesWithin : kAnswersWithin)) {
        if (const std::optional<int> status = give_up(*now)) return *status;
      }
      pause_between_looks(terminal_);
    }
    return 0;
  }

 private:
  void hear(const std::string& report) {
    if (report == last_) return;
    answered_ = true;
    last_ = report;
    if (!report.empty()) terminal_.out << ns_ << ": " << report << std::endl;
  }

  // Nobody answers. Labels that we took off stand again, but only on the namespace as it was just seen: nullopt when it
  // has changed since, which is worth another look.
  std::optional<int> give_up(const Namespace& now) {
    const std::string nobody = "no controller took it up within " + std::to_string(kAnswersWithin.count()) + " s";
    if (!begun_ && taken_.empty()) {
      return print_error(nobody + ": nothing was changed, and the labels of namespace " + ns_ +
                             " were off before; start meshgraft run: the way back then begins by itself. To stay in instead, label the namespace again",
                         terminal_);
    }
    if (begun_) {
      return print_error("nothing moved within " + std::to_string(kMovesWithin.count() / 60) + " minutes: the report of namespace " + ns_ +
                             " still says \"" + last_ + "\"; see meshgraft status for what holds it, and whether meshgraft run is up: it goes on by itself",
                         terminal_);
    }
    if (const ApiResult<Unit> back = put_labels(api_, ns_, taken_, now.meta.resource_version); !back) {
      if (back.error().kind == ErrorClass::conflict) return std::nullopt;
      return print_error(describe("label namespace " + ns_, back.error()), terminal_);
    }
    return print_error(nobody + ", so the labels of namespace " + ns_ + " stand again and nothing was changed; start meshgraft run, then try again", terminal_);
  }

  Api& api_;
  const std::string ns_;
  const std::map<std::string, std::string> taken_;
  std::string last_;
  const bool begun_;  // the labels were off before, and a controller had taken it up
  bool answered_ = false;
  Outage outage_;  // the way back goes on without us
  const Terminal& terminal_;
};

int carry_out(Api& api, const Source& source, const Options& options, const Terminal& terminal) {
  const NamespaceView& view = source.world.namespaces.at(source.scope);
  const std::map<std::string, std::string> labels = labels_of(*view.ns);
  const std::string report = report_of(*view.ns);
  if (labels.empty() && report.empty()) {
    return print_error(never_joined(source.scope), terminal);
  }
  // What a label says that will be gone is no matter.
  Source back = source;
  NamespaceView& without = back.world.namespaces.at(source.scope);
  take_labels_off(without);
  const NamespaceOptions settings = read_options(*without.ns, source.settings);
  if (settings.frozen || settings.policy == Policy::observe) {
    const std::string why = settings.policy == Policy::observe ? "its policy is observe"
                            : settings.paused                  ? "it is paused: remove meshgraft.io/paused"
                                                               : "it is frozen: see meshgraft check";
    return print_error("nothing is written in namespace " + source.scope + " as long as " + why, terminal);
  }
  if (labels.empty()) {
    terminal.out << source.scope << (report.starts_with(kLeaving) ? ": on the way back already: " + report : ": labels off already, no controller has taken it up yet")
                 << uninterrupted(source.scope, options) << std::endl;
    return Following(api, source.scope, {}, report, terminal).run();
  }
  look_at_owners(api, back.settings, back.world, without);
  const std::string to_go = report.empty() ? "" : steps_to_go(back);
  std::map<std::string, std::string> off;
  for (const auto& [key, value] : labels) off.emplace(key, "");
  if (const ApiResult<Unit> done = put_labels(api, source.scope, off); !done) {
    return print_error(describe("take the labels off namespace " + source.scope, done.error()), terminal);
  }
  terminal.out << source.scope << ": labels removed" << to_go << (report.empty() ? "" : uninterrupted(source.scope, options)) << std::endl;
  // Without a report no controller ever wrote here: there is nothing to follow.
  return report.empty() ? 0 : Following(api, source.scope, labels, report, terminal).run();
}

}  // namespace

int print_undo(const Options& options, const Terminal& terminal) {
  Result<Connection> connection = terminal.connect(options, terminal.environment);
  if (!connection) return print_error(connection.error().text, terminal);
  Result<LiveWorld, ReadError> live = list_world(*connection->api);
  if (!live) return print_error(live.error().text, terminal);
  Source source;
  source.world = std::move(live->world);
  source.settings = settings_beside(options, source.world);
  source.scope = options.ns.empty() ? connection->ns : options.ns;
  for (const std::string& note : live->notes) terminal.err << "warning: " << note << '\n';
  const auto space = source.world.namespaces.find(source.scope);
  if (space == source.world.namespaces.end()) return print_error("namespace \"" + source.scope + "\" not found", terminal);
  if (options.yes) return carry_out(*connection->api, source, options, terminal);
  const bool joined = !labels_of(*space->second.ns).empty() || !report_of(*space->second.ns).empty();
  take_labels_off(space->second);
  look_at_owners(*connection->api, source.settings, source.world, space->second);
  return print_forecast(source, joined, options, terminal);
}

}  // namespace meshgraft
