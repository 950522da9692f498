#include "cmd/release.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include "cmd/following.h"
#include "cmd/live_world.h"
#include "cmd/plan.h"
#include "cmd/release_look.h"
#include "cmd/release_rows.h"
#include "cmd/render_json.h"
#include "k8sclient/model/yaml_read.h"
#include "reconcilers/keys.h"
#include "reconcilers/options.h"
#include "reconcilers/release_steps.h"

namespace meshgraft {
namespace {

constexpr std::chrono::seconds kAnswersSoon{10};  // nobody who looks at a terminal takes ten seconds of silence for work
// A release moves with each step: 12 s, or a rollout, of 600 s at most as a rule.
constexpr std::chrono::seconds kMovesWithin{900};
constexpr std::string_view kMend =
    "see that meshgraft run is up, the chart's releases.enabled is true and paused is not, and its namespaces.selector takes this namespace in";
constexpr std::string_view kBegin = "one begins with a gray Deployment and a Strategy, made in KubeSphere's console or applied: docs/guide.md, 6";
constexpr int kTries = 5;  // client-go util/retry DefaultRetry: an object that others write to meanwhile

// One release of one cluster: read, annotated, followed.
class Release {
 public:
  Release(Api& api, LiveWorld& live, std::string ns, const Options& options, const Terminal& terminal)
      : api_(api), live_(live), ns_(std::move(ns)), options_(options), settings_(options.settings), terminal_(terminal), outage_(terminal) {
    settings_.releases_enabled = true;  // what the chart says is not ours to know; a controller that does not carry it out is told below
  }

  // Exit status of --promote and --abort.
  int ask() {
    if (const std::optional<int> status = refuse_namespace()) return *status;
    for (int i = 0; i < kTries; ++i) {
      const Strategy* strategy = named_strategy(view(), options_.release);
      if (strategy == nullptr) return print_error(why_unseen(), terminal_);
      before_ = strategy->meta.annotations;
      version_ = strategy->meta.resource_version;
      const ReleaseLook now = look();
      remember(now);
      stuck_ = now.state && (now.state->finding == "MG804" || now.state->finding == "MG805");
      if (const std::optional<int> status = refuse_release(*strategy)) return *status;
      if (is_asked_already()) break;
      ApiResult<Unit> done = annotate(wanted(), strategy->meta.resource_version);
      if (done) {
        asked_ = true;
        break;
      }
      if (done.error().kind != ErrorClass::conflict || i + 1 == kTries) {
        return print_error(describe("annotate Strategy " + ns_ + '/' + options_.release, done.error()), terminal_);
      }
      if (Result<Unit, ReadError> again = list_namespace(api_, live_, ns_); !again) return print_error(again.error().text, terminal_);
    }
    if (options_.output.empty() || options_.output == "text") {
      terminal_.out << name() << ": " << (options_.abort ? "to be aborted" : "to be promoted") << (asked_ ? "" : " already")
                    << ". Interrupting this does not stop it: " << watch_command() << " follows again" << (options_.abort ? "" : ", --abort takes it back") << std::endl;
    }
    goal_ = options_.abort ? ReleasePhase::aborting : ReleasePhase::promoting;
    return relist() ? follow() : 1;
  }

  // Exit status of --watch.
  int watch() {
    const ReleaseLook sight = look();
    if (!sight.state) return print_error(why_unseen(), terminal_);
    remember(sight);
    goal_ = sight.state->phase;
    return follow();
  }

  // That it is not there, and which are.
  int tell_unseen() const { return print_error(why_unseen(), terminal_); }

 private:
  // For the case that nothing of it is left at the next look: whoever follows may stand still for longer than it takes.
  void remember(const ReleaseLook& sight) {
    if (!sight.state) return;
    last_ = sight.state;
    if (!sight.gray.empty()) gray_ = sight.gray;
    if (was_.empty()) was_ = images_of(view(), sight.state->principal_deployment);
  }

  [[nodiscard]] NamespaceView& view() const { return live_.world.namespaces.at(ns_); }

  [[nodiscard]] std::map<std::string, std::string> wanted() const {
    std::map<std::string, std::string> annotations{{std::string(keys::kPromote), options_.abort ? "" : options_.promote}, {std::string(keys::kAbort), options_.abort ? "true" : ""}};
    // A release that is stuck is tried again at a new value.
    if (stuck_ && !options_.abort) annotations.emplace(keys::kRetry, "after " + version_);
    return annotations;
  }

  [[nodiscard]] bool is_asked_already() const {
    const auto value = [this](std::string_view key) {
      const auto found = before_.find(key);
      return found == before_.end() ? std::string() : std::string(found->second);
    };
    const bool same = value(keys::kPromote) == (options_.abort ? "" : options_.promote) && value(keys::kAbort) == (options_.abort ? "true" : "");
    return same && (!stuck_ || options_.abort);
  }

  // Sets annotations, or takes off those with "".
  ApiResult<Unit> annotate(const std::map<std::string, std::string>& annotations, const std::string& version) {
    PatchRequest request;
    request.target = {Kind::strategy, ns_, options_.release};
    request.type = PatchType::merge;
    request.field_manager = std::string(keys::kFieldManager);
    for (const auto& [key, value] : annotations) request.body["metadata"]["annotations"][key] = value.empty() ? Json(nullptr) : Json(value);
    request.body["metadata"]["resourceVersion"] = version;
    ApiResult<Written> written = api_.patch(request);
    if (!written) return Unexpected<ApiError>(written.error());
    return Unit{};
  }

  [[nodiscard]] std::string name() const { return ns_ + '/' + options_.release; }
  [[nodiscard]] std::string watch_command() const { return '\'' + options_.program + " release " + options_.release + " -n " + ns_ + " --watch'"; }
  [[nodiscard]] bool is_labelled() const { return view().ns->meta.labels.contains(keys::kApp); }

  // Why a plan says nothing of it.
  [[nodiscard]] std::string why_unseen() const {
    std::string text = "strategies.servicemesh.kubesphere.io \"" + options_.release + "\" not found in namespace " + ns_;
    std::string names;
    for (const auto& strategy : view().strategies) names += (names.empty() ? "" : ", ") + strategy->meta.name;
    if (const Strategy* strategy = named_strategy(view(), options_.release); strategy != nullptr && strategy->meta.deleting) {
      text = name() + ": its Strategy is being deleted";
    } else if (strategy != nullptr && is_labelled()) {
      text = "namespace " + ns_ + " is frozen, so its releases stay where they are: see meshgraft check -n " + ns_;
    } else if (strategy != nullptr) {
      text = "namespace " + ns_ + " carries no meshgraft.io/app: meshgraft carries the releases of joined namespaces alone";
    } else if (!names.empty()) {
      text += "; there are: " + names;
    } else {
      text += ", which has none; " + std::string(kBegin);
    }
    return text;
  }

  std::optional<int> refuse_namespace() {
    const NamespaceOptions ns = read_options(*view().ns, settings_);
    if (ns.app.empty() || (!ns.frozen && ns.policy != Policy::observe)) return std::nullopt;
    const std::string why = ns.policy == Policy::observe ? "its policy is observe" : ns.paused ? "it is paused: remove meshgraft.io/paused" : "it is frozen: see meshgraft check";
    return print_error("nothing is written in namespace " + ns_ + " as long as " + why, terminal_);
  }

  // Whether a plan would refuse the release if it were asked for; then it is not.
  std::optional<int> refuse_release(const Strategy& strategy) {
    NamespaceView kept = view();
    auto asked = std::make_shared<Strategy>(strategy);
    for (const auto& [key, value] : wanted()) {
      asked->meta.annotations.erase(std::string_view(key));
      if (!value.empty()) asked->meta.annotations.insert_or_assign(key, value);
    }
    for (auto& one : view().strategies) {
      if (one->meta.name == strategy.meta.name) one = asked;
    }
    const ReleaseLook sight = look();
    view() = std::move(kept);
    if (!sight.state) return print_error(why_unseen(), terminal_);
    if (sight.state->phase != ReleasePhase::refused) return std::nullopt;
    return print_error(release_line(*sight.state) + (sight.remedy.empty() ? "" : "\n" + sight.remedy) + "\nnothing was changed", terminal_);
  }

  // What a controller keeps of time, as far as it was seen from here: a route of before the first look is an old one.
  void fill_moments() {
    Moments& moments = view().moments;
    moments.now = kRouteSettles + std::chrono::duration_cast<std::chrono::milliseconds>(time_of(terminal_) - begun_).count();
    for (const auto& routes : view().virtual_services) {
      const auto known = routed_.find(routes->key());
      if (known == routed_.end() || known->second.first != routes->destinations)
        routed_[routes->key()] = {routes->destinations, looked_ ? moments.now : 0};
      moments.routed.emplace(routes->key(), routed_[routes->key()].second);
    }
    looked_ = true;
  }

  ReleaseLook look() { return take_look(api_, live_, ns_, options_.release, settings_); }

  // Reads the namespace anew. A server that does not answer now may answer later, and the release goes on without us: said
  // once, then waited for as long as for a controller. False, and said, when it lasts or is another error.
  bool relist() {
    while (true) {
      const Time begun = time_of(terminal_);
      const Result<Unit, ReadError> ok = list_namespace(api_, live_, ns_);
      if (ok) {
        const Duration lasted = outage_.end();  // nobody can have done anything meanwhile
        moved_ += lasted;
        ours_ += lasted;
        return true;
      }
      end_bar();
      if (!outage_.bears(ok.error(), begun)) {
        if (goal_ != ReleasePhase::sharing) terminal_.err << "note: the release goes on without this command; " << watch_command() << " follows again" << std::endl;
        return false;
      }
      if (!terminal_.out) return false;
      pause_between_looks(terminal_);
    }
  }

  // The exit status. A line, or a document, whenever something changes.
  int follow() {
    begun_ = moved_ = ours_ = time_of(terminal_);
    while (terminal_.out) {
      fill_moments();
      const ReleaseLook sight = look();
      if (const std::optional<int> status = sight.state ? heed(sight) : ended()) return *status;
      pause_between_looks(terminal_);
      if (!relist()) return 1;
    }
    return 0;
  }

  // The exit status when it goes no further.
  std::optional<int> heed(const ReleaseLook& sight) {
    const bool news = say(*sight.state);
    const Time now = time_of(terminal_);
    if (news) moved_ = now;
    if (news || !sight.ours) {
      ours_ = now;
      noted_ = false;
    }
    remember(sight);
    if (const std::optional<int> status = stopped(sight)) return status;
    if (now - ours_ >= kAnswersSoon && !noted_) {
      noted_ = true;
      end_bar();
      terminal_.err << "note: no controller has taken it up for " << kAnswersSoon.count() << " s; waiting up to " << kAnswersWithin.count() << " s: " << kMend << std::endl;
    }
    if (now - ours_ >= kAnswersWithin) {
      if (const std::optional<int> status = give_up()) return status;
    }
    if (now - moved_ < kMovesWithin || goal_ == ReleasePhase::sharing) return std::nullopt;
    return stands_still(release_line(*sight.state));
  }

  int stands_still(const std::string& where) {
    end_bar();
    return print_error("nothing moved within " + std::to_string(kMovesWithin.count() / 60) + " minutes: " + where + "; it goes on by itself when that is over, see meshgraft check", terminal_);
  }

  // Whether this is news.
  bool say(const ReleaseState& state) {
    const std::string line = release_line(state);
    if (line == said_) return false;
    said_ = line;
    if (options_.output == "json" || options_.output == "yaml") {
      const Json document = releases_json({{ns_, {state}}});
      terminal_.out << (options_.output == "json" ? to_text(document, 2) + '\n' : "---\n" + to_yaml(document)) << std::flush;
    } else if (terminal_.interactive) {
      terminal_.out << "\r\033[K" << release_bar(state, terminal_.width) << std::flush;  // ECMA-48: erase to the end of the line
      bar_ = true;
    } else {
      terminal_.out << line << std::endl;
    }
    return true;
  }

  void end_bar() {
    if (bar_) terminal_.out << std::endl;
    bar_ = false;
  }

  // It goes no further without somebody: held, refused, or no longer asked for.
  std::optional<int> stopped(const ReleaseLook& sight) {
    const ReleaseState& state = *sight.state;
    if (goal_ == ReleasePhase::sharing) {  // nobody had asked for anything: follows whatever comes
      goal_ = state.phase == ReleasePhase::promoting || state.phase == ReleasePhase::aborting ? state.phase : goal_;
      return std::nullopt;
    }
    if (state.phase == ReleasePhase::promoting || state.phase == ReleasePhase::aborting) {
      goal_ = state.phase;
      return std::nullopt;
    }
    end_bar();
    std::string text = release_line(state);
    if (state.phase == ReleasePhase::sharing) text = ns_ + '/' + options_.release + ": nobody asks for it any more; traffic " + state.traffic;
    if (!sight.remedy.empty()) text += "\n" + sight.remedy;
    return print_error(text, terminal_);
  }

  // Nobody acts. Annotations that we set are as before, but only if nothing has come of them: nullopt when the Strategy
  // has changed meanwhile, which is worth another look.
  std::optional<int> give_up() {
    const std::string nobody = "no controller took it up within " + std::to_string(kAnswersWithin.count()) + " s";
    const std::string mend(kMend);
    const Strategy* strategy = named_strategy(view(), options_.release);
    if (!asked_ || strategy == nullptr || strategy->meta.annotations.contains(keys::kUndo)) {
      end_bar();
      return print_error(nobody + ": " + said_ + "; callers are served as that says, and it goes on by itself when a controller is there: " + mend, terminal_);
    }
    std::map<std::string, std::string> former = wanted();
    for (auto& [key, value] : former) {
      const auto found = before_.find(std::string_view(key));
      value = found == before_.end() ? "" : std::string(found->second);
    }
    if (const ApiResult<Unit> back = annotate(former, strategy->meta.resource_version); !back) {
      if (back.error().kind == ErrorClass::conflict) return std::nullopt;
      end_bar();
      return print_error(describe("take the annotation off Strategy " + ns_ + '/' + options_.release, back.error()), terminal_);
    }
    end_bar();
    return print_error(nobody + ", so the annotations of Strategy " + ns_ + '/' + options_.release + " are as before and nothing was changed; " + mend + ", then try again", terminal_);
  }

  // The plan says nothing of it any more. The exit status; none while the Strategy is still being deleted.
  std::optional<int> ended() {
    end_bar();
    if (!last_) return print_error(why_unseen(), terminal_);
    const Strategy* strategy = named_strategy(view(), options_.release);
    if (strategy != nullptr && !is_labelled()) {
      return print_error(name() + ": namespace " + ns_ + " no longer carries meshgraft.io/app, so the release stays where it is" +
                             (last_->traffic.empty() ? "" : ": traffic " + last_->traffic) + "; with the label on again it goes on, without it the Strategy blocks the way back (MG803)",
                         terminal_);
    }
    if (strategy != nullptr && strategy->meta.deleting) return wait_for_deletion();
    if (strategy != nullptr) {
      return print_error(name() + ": namespace " + ns_ + " is frozen, so the release stays where it is" + (last_->traffic.empty() ? "" : ": traffic " + last_->traffic) +
                             "; mend what meshgraft check -n " + ns_ + " says and it goes on",
                         terminal_);
    }
    const Images left = images_of(view(), last_->gray_deployment);
    const Images now = images_of(view(), last_->principal_deployment);
    const bool has_grays = goal_ != ReleasePhase::promoting || std::all_of(gray_.begin(), gray_.end(), [&now](const auto& image) {
      const auto found = now.find(image.first);
      return found != now.end() && found->second == image.second;
    });
    // Taken back while nobody looked.
    if (!has_grays && left.empty() && now == was_) goal_ = ReleasePhase::aborting;
    if (goal_ == ReleasePhase::sharing || (left.empty() && !now.empty() && (has_grays || goal_ == ReleasePhase::aborting))) {
      if (options_.output == "json" || options_.output == "yaml") return 0;
      terminal_.out << name() << ": " << (goal_ == ReleasePhase::promoting ? "promoted" : goal_ == ReleasePhase::aborting ? "aborted" : "gone");
      for (const auto& [container, image] : now) terminal_.out << (container == now.begin()->first ? "; Deployment " + last_->principal_deployment + " runs " : ", ") << image;
      terminal_.out << std::endl;
      return 0;
    }
    return print_error(name() + ": the Strategy was deleted before the release had ended" + (left.empty() ? "" : "; Deployment " + last_->gray_deployment + " is still there") +
                           ", so the traffic goes as KubeSphere's VirtualService says: see meshgraft check -n " + ns_,
                       terminal_);
  }

  // A finalizer holds the Strategy: what came of the release is told when it is gone.
  std::optional<int> wait_for_deletion() {
    const std::string line = why_unseen();
    if (line != said_) {
      said_ = line;
      moved_ = time_of(terminal_);
      terminal_.err << "note: " << line << "; waiting until it is gone" << std::endl;
    }
    if (time_of(terminal_) - moved_ < kMovesWithin) return std::nullopt;
    return stands_still(line);
  }

  Api& api_;
  LiveWorld& live_;
  const std::string ns_;
  const Options& options_;
  Settings settings_;
  const Terminal& terminal_;
  Labels before_;        // the Strategy's annotations before we asked
  std::string version_;  // its resourceVersion then
  bool stuck_ = false;   // it was held, or stopped because of somebody else's change
  bool asked_ = false;   // it was us who set them
  ReleasePhase goal_ = ReleasePhase::sharing;
  std::string said_;
  bool bar_ = false;     // a line of the terminal is begun
  Outage outage_;
  Time begun_, moved_, ours_;  // of the following; of the last news; since when the next write is the controller's and does not come
  bool noted_ = false;         // a missing controller was told since
  bool looked_ = false;        // what was routed before the first look is settled
  std::map<ObjectKey, std::pair<std::vector<RouteDestination>, std::int64_t>> routed_;  // where each leads, and since when
  std::optional<ReleaseState> last_;
  Images gray_;
  Images was_;  // the principal's at the first look
};

// The releases of the namespaces that the options name.
Releases releases_of(Api& api, LiveWorld& live, const std::string& scope, const Options& options) {
  Settings settings = options.settings;
  settings.releases_enabled = true;
  Releases found;
  for (const auto& [name, view] : live.world.namespaces) {
    if ((!scope.empty() && name != scope) || view.strategies.empty()) continue;
    for (ReleaseState& state : plan_of(api, live, name, settings).releases) {
      if (options.release.empty() || state.strategy.name == options.release) found[name].push_back(std::move(state));
    }
  }
  return found;
}

// `scope`: the namespace, "" for all.
int print_list(const Releases& releases, const std::string& scope, const NamespaceView* view, const Options& options, const Terminal& terminal) {
  if (options.output == "json") {
    terminal.out << to_text(releases_json(releases), 2) << '\n';
  } else if (options.output == "yaml") {
    terminal.out << to_yaml(releases_json(releases));
  } else if (releases.empty()) {
    const bool joined = view != nullptr && view->ns->meta.labels.contains(keys::kApp);
    terminal.out << "No grayscale release in " << (scope.empty() ? "a namespace that carries meshgraft.io/app" : "namespace " + scope)
                 << (scope.empty() || joined ? "; " + std::string(kBegin) : ", which carries no meshgraft.io/app") << ".\n";
  } else {
    terminal.out << release_rows(releases, terminal);
  }
  return 0;
}

}  // namespace

int print_release(const Options& options, const Terminal& terminal) {
  Result<Connection> connection = terminal.connect(options, terminal.environment);
  if (!connection) return print_error(connection.error().text, terminal);
  Result<LiveWorld, ReadError> live = list_world(*connection->api);
  if (!live) return print_error(live.error().text, terminal);
  for (const std::string& note : live->notes) terminal.err << "warning: " << note << '\n';
  const std::string scope = options.all_namespaces ? "" : options.ns.empty() ? connection->ns : options.ns;
  if (!scope.empty() && !live->world.namespaces.contains(scope)) return print_error("namespace \"" + scope + "\" not found", terminal);
  if (!live->world.served.contains(Kind::strategy)) {
    return print_error("this cluster does not serve strategies.servicemesh.kubesphere.io: KubeSphere's mesh is not installed, or you may not list them", terminal);
  }
  Release release(*connection->api, *live, scope, options, terminal);
  if (options.abort || !options.promote.empty()) return release.ask();
  if (options.watch) return release.watch();
  const Releases found = releases_of(*connection->api, *live, scope, options);
  if (found.empty() && !options.release.empty()) return release.tell_unseen();
  return print_list(found, scope, scope.empty() ? nullptr : &live->world.namespaces.at(scope), options, terminal);
}

}  // namespace meshgraft
