#include "cmd/release.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

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

constexpr std::chrono::seconds kLookEvery{2};  // watch(1)'s default
// As undo's: a controller answers in a second; one that starts, or takes over a lease of 15 s, in a minute at most. Twice that.
constexpr std::chrono::seconds kAnswersWithin{120};
constexpr std::chrono::seconds kAnswersSoon{10};  // nobody who looks at a terminal takes ten seconds of silence for work
// A release moves with each step: 12 s, or a rollout, of 600 s at most as a rule.
constexpr std::chrono::seconds kMovesWithin{900};
constexpr std::string_view kMend =
    "see that meshgraft run is up, the chart's releases.enabled is true and paused is not, and its namespaces.selector takes this namespace in";
constexpr int kTries = 5;  // client-go util/retry DefaultRetry: an object that others write to meanwhile

// One release of one cluster: read, annotated, followed.
class Release {
 public:
  Release(Api& api, LiveWorld& live, std::string ns, const Options& options, const Terminal& terminal)
      : api_(api), live_(live), ns_(std::move(ns)), options_(options), settings_(options.settings), terminal_(terminal) {
    settings_.releases_enabled = true;  // what the chart says is not ours to know; a controller that does not carry it out is told below
  }

  // Exit status of --promote and --abort.
  int ask() {
    if (const std::optional<int> status = refuse_namespace()) return *status;
    for (int i = 0; i < kTries; ++i) {
      const Strategy* strategy = named_strategy(view(), options_.release);
      if (strategy == nullptr) return print_error(not_found(), terminal_);
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
      if (Result<Unit> again = list_namespace(api_, live_, ns_); !again) return print_error(again.error().text, terminal_);
    }
    if (options_.output.empty() || options_.output == "text") {
      terminal_.out << ns_ << '/' << options_.release << ": " << (options_.abort ? "to be aborted" : "to be promoted") << (asked_ ? "" : " already")
                    << ". Interrupting this does not stop it: '" << options_.program << " release " << options_.release << " -n " << ns_
                    << " --watch' follows again" << (options_.abort ? "" : ", --abort takes it back") << std::endl;
    }
    goal_ = options_.abort ? ReleasePhase::aborting : ReleasePhase::promoting;
    return relist() ? follow() : 1;
  }

  // Exit status of --watch.
  int watch() {
    const ReleaseLook sight = look();
    if (!sight.state) return print_error(not_found(), terminal_);
    remember(sight);
    goal_ = sight.state->phase;
    return follow();
  }

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

  [[nodiscard]] std::string not_found() const {
    std::string text = "strategies.servicemesh.kubesphere.io \"" + options_.release + "\" not found in namespace " + ns_;
    std::string names;
    for (const auto& strategy : view().strategies) names += (names.empty() ? "" : ", ") + strategy->meta.name;
    if (named_strategy(view(), options_.release) != nullptr) {
      text = "namespace " + ns_ + " carries no meshgraft.io/app: meshgraft carries the releases of joined namespaces alone";
    } else if (!names.empty()) {
      text += "; there are: " + names;
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
    if (!sight.state) return print_error(not_found(), terminal_);
    if (sight.state->phase != ReleasePhase::refused) return std::nullopt;
    return print_error(release_line(*sight.state) + (sight.remedy.empty() ? "" : "\n" + sight.remedy) + "\nnothing was changed", terminal_);
  }

  // What a controller keeps of time, as far as it was seen from here: a route of before the first look is an old one.
  void fill_moments() {
    Moments& moments = view().moments;
    const bool first = routed_.empty();
    moments.now = now_.count();
    for (const auto& routes : view().virtual_services) {
      const auto known = routed_.find(routes->key());
      if (known == routed_.end() || known->second.first != routes->destinations)
        routed_[routes->key()] = {routes->destinations, first ? 0 : moments.now};
      moments.routed.emplace(routes->key(), routed_[routes->key()].second);
    }
  }

  ReleaseLook look() { return take_look(api_, live_, ns_, options_.release, settings_); }

  void pause() const {
    if (terminal_.pause) {
      terminal_.pause(kLookEvery);
    } else {
      std::this_thread::sleep_for(kLookEvery);
    }
  }

  // Reads the namespace anew. A server that does not answer now may answer later, and the release goes on without us: said
  // once, then waited for as long as for a controller. False, and said, when it lasts or is another error.
  bool relist() {
    for (std::chrono::seconds unheard{0};; unheard += kLookEvery) {
      const Result<Unit> ok = list_namespace(api_, live_, ns_);
      if (ok) return true;
      const ApiResult<ObjectPtr> ns = api_.get({Kind::namespace_, "", ns_});
      const bool passes = (ns || passing(ns.error())) && unheard < kAnswersWithin;
      if (unheard == std::chrono::seconds{0} || !passes) {
        end_bar();
        print_error(ok.error().text, terminal_);
      }
      if (!passes || !terminal_.out) return false;
      pause();
    }
  }

  // The exit status. A line, or a document, whenever something changes.
  int follow() {
    for (std::chrono::seconds still{0}; terminal_.out; still += kLookEvery, now_ += kLookEvery) {
      fill_moments();
      const ReleaseLook sight = look();
      if (!sight.state) return ended();
      if (say(*sight.state)) still = std::chrono::seconds{0};
      remember(sight);
      if (const std::optional<int> status = stopped(sight)) return *status;
      if (still == kAnswersSoon && sight.ours) {
        end_bar();
        terminal_.err << "note: no controller has taken it up for " << kAnswersSoon.count() << " s; waiting up to " << kAnswersWithin.count() << " s: " << kMend << std::endl;
      }
      if (still >= kAnswersWithin && sight.ours) {
        if (const std::optional<int> status = give_up()) return *status;
      }
      if (still >= kMovesWithin && goal_ != ReleasePhase::sharing) {
        end_bar();
        return print_error("nothing moved within " + std::to_string(kMovesWithin.count() / 60) + " minutes: " + release_line(*sight.state) +
                               "; it goes on by itself when that is over, see meshgraft check",
                           terminal_);
      }
      pause();
      if (!relist()) return 1;
    }
    return 0;
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

  // The Strategy is gone.
  int ended() {
    end_bar();
    const std::string name = ns_ + '/' + options_.release;
    if (!last_) return print_error(not_found(), terminal_);
    if (named_strategy(view(), options_.release) != nullptr) {
      return print_error(name + ": namespace " + ns_ + " no longer carries meshgraft.io/app, so the release stays where it is" +
                             (last_->traffic.empty() ? "" : ": traffic " + last_->traffic) + "; with the label on again it goes on, without it the Strategy blocks the way back (MG803)",
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
      terminal_.out << name << ": " << (goal_ == ReleasePhase::promoting ? "promoted" : goal_ == ReleasePhase::aborting ? "aborted" : "gone");
      for (const auto& [container, image] : now) terminal_.out << (container == now.begin()->first ? "; Deployment " + last_->principal_deployment + " runs " : ", ") << image;
      terminal_.out << std::endl;
      return 0;
    }
    return print_error(name + ": the Strategy was deleted before the release had ended" + (left.empty() ? "" : "; Deployment " + last_->gray_deployment + " is still there") +
                           ", so the traffic goes as KubeSphere's VirtualService says: see meshgraft check -n " + ns_,
                       terminal_);
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
  std::chrono::milliseconds now_{kRouteSettles};  // since long enough before the first look
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
                 << (scope.empty() || joined ? "" : ", which carries no meshgraft.io/app") << ".\n";
  } else {
    terminal.out << release_rows(releases, terminal);
  }
  return 0;
}

}  // namespace

int print_release(const Options& options, const Terminal& terminal) {
  Result<Connection> connection = terminal.connect(options, terminal.environment);
  if (!connection) return print_error(connection.error().text, terminal);
  Result<LiveWorld> live = list_world(*connection->api);
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
  if (found.empty() && !options.release.empty()) {
    return print_error("strategies.servicemesh.kubesphere.io \"" + options.release + "\" not found among the releases of namespace " + scope, terminal);
  }
  return print_list(found, scope, scope.empty() ? nullptr : &live->world.namespaces.at(scope), options, terminal);
}

}  // namespace meshgraft
