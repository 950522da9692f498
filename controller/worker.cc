#include "controller/worker.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>
#include <utility>

#include "controller/field_managers.h"
#include "reconcilers/findings.h"
#include "reconcilers/keys.h"
#include "reconcilers/options.h"
#include "reconcilers/record.h"
#include "reconcilers/replace_scalers.h"
#include "reconcilers/rollout.h"

namespace meshgraft {
namespace {

constexpr int kConflictsBeforeFinding = 3;
constexpr int kLookUpPage = 500;  // client-go tools/pager
constexpr int kLookUps = 5;       // what was looked up may lead to one more list, or object
constexpr std::chrono::milliseconds kWakeBesideFailure{60000};  // how soon a plan that waits is made again after a refusal

double seconds_of(Duration duration) { return std::chrono::duration<double>(duration).count(); }

bool takes_a_place(const Change& change) {
  return change.impact == Impact::restart && change.restarts > 0 && !change.at_once;
}

// Which lists of a namespace a plan could not do without.
using Lists = std::array<bool, 6>;
Lists lists_wanted(const Plan& plan) {
  return {plan.wants_pods, plan.wants_slices, plan.wants_events, plan.wants_limits, plan.wants_replica_sets, plan.wants_claims};
}

// Whether a write that was answered with this error may have been carried out all the same.
bool may_have_happened(const ApiError& error) {
  return error.sent && (error.kind == ErrorClass::transport || error.kind == ErrorClass::bad_answer ||
                        error.kind == ErrorClass::server);
}

// What a refused write is called. ingress-nginx looks at the whole Ingress at every update, and says what it minds.
Finding refusal(const ObjectKey& target, const ApiError& error) {
  const bool webhook = error.message.find("admission webhook") != std::string::npos;
  if (target.kind == Kind::ingress && webhook) return finding("MG408", target, error.message);
  return finding(error.kind == ErrorClass::forbidden ? "MG910" : "MG911", target, error.message);
}

std::string totals(const Plan& plan) {
  int restarts = 0;
  for (const Change& change : plan.now) restarts += change.restarts;
  std::string text = fmt::format("{} writes now, {} wait for them", plan.now.size(), plan.waiting.size());
  if (restarts > 0) text += fmt::format(", {} pods restart first", restarts);
  if (!plan.findings.empty()) text += fmt::format(", {} findings", plan.findings.size());
  return text;
}

// What no rule can see of a namespace, because the server forbids reading a kind that rules read.
std::vector<Finding> unread_kinds(const std::set<Kind>& unreadable, const Cache& cache, const ObjectKey& ns) {
  std::vector<Finding> findings;
  if (unreadable.empty()) return findings;
  for (const KindState& state : cache.states()) {
    if (!unreadable.contains(state.kind)) continue;
    findings.push_back(finding("MG914", ns, std::string(info(state.kind).plural) + ": " + state.why));
  }
  return findings;
}

}  // namespace

void Worker::run() {
  while (const std::optional<std::string> ns = p_.queue.take()) work_on(*ns);
}

bool Worker::step() {
  const std::optional<std::string> ns = p_.queue.try_take();
  if (ns) work_on(*ns);
  return ns.has_value();
}

// Take, look, plan, carry out, done: and this switch, which turns every outcome into what happens next.
void Worker::work_on(const std::string& ns) {
  const Time begin = p_.clock.now();
  const Round round = ns == Intake::kFacts ? look_at_facts() : look_at(ns);
  p_.metrics.on_reconcile(seconds_of(p_.clock.now() - begin));
  switch (round.verdict) {
    case Verdict::not_ready:
    case Verdict::gone:
      p_.queue.forget(ns);
      break;
    case Verdict::waits_for_cache:
      p_.queue.add_after(ns, Expectations::kPatience);  // intake adds it as soon as the cache has come that far
      break;
    case Verdict::nothing_to_do:
      p_.queue.forget(ns);
      break;
    case Verdict::wrote:
      p_.queue.forget(ns);
      if (p_.expectations.waits(ns)) {
        p_.queue.add_after(ns, Expectations::kPatience);
      } else if (round.only_removes) {
        p_.queue.add_debounced(ns);  // a removal leaves no version to wait for; its event comes soon
      } else {
        p_.queue.add(ns);
      }
      break;
    case Verdict::look_again:
    case Verdict::refused:
    case Verdict::failed:
      p_.queue.add_rate_limited(ns, round.at_least);
      break;
  }
  p_.queue.done(ns);
}

Worker::Round Worker::look_at_facts() {
  if (!p_.intake.ready()) return {Verdict::not_ready};
  if (p_.facts.read("").changed) p_.intake.enqueue_all();
  return {};
}

Worker::Round Worker::look_at(const std::string& ns) {
  if (!p_.intake.ready()) return {Verdict::not_ready};
  if (p_.expectations.waits(ns)) return {Verdict::waits_for_cache};
  std::optional<NamespaceView> view = p_.cache.view(ns);
  if (!view) {
    forget(ns);
    return {Verdict::gone};
  }
  const std::optional<Time> mark = p_.intake.take_mark(ns);
  const FactsBook::Reading reading = p_.facts.read(ns);
  if (reading.changed) p_.intake.enqueue_all();

  NamespacePage& page = p_.book.page(ns);
  fill_moments(*view, page);
  Plan what = plan(*view, reading.facts, p_.settings);
  std::set<Lists> asked{Lists{}};  // a list that may not be read is asked for once
  for (int i = 0; i < kLookUps; ++i) {
    const bool lists = asked.insert(lists_wanted(what)).second;
    if (!lists && what.wants_live.empty()) break;
    ApiResult<Unit> found = lists ? look_up(*view, what) : ApiResult<Unit>(Unit{});
    if (found && !what.wants_live.empty()) found = page.whole.look_up(p_.api, p_.cache, what.wants_live, *view);
    if (!found) {
      spdlog::warn("look up objects of {}: {}", ns, found.error().message);
      account(*view, what, page);  // its rollouts count for the others all the same
      return {Verdict::failed, found.error().retry_after.value_or(std::chrono::seconds(0))};
    }
    what = plan(*view, reading.facts, p_.settings);
  }
  if (give_up_contested(*view, what, page)) what = plan(*view, reading.facts, p_.settings);
  if (view->pods) page.over.clear();
  account(*view, what, page);
  Round round;
  follow_releases(*view, what, page);
  if (!what.now.empty() || what.status) {
    if (!what.now.empty()) announce(*view, what, page);
    round = carry_out(ns, what, page);
    if (mark && round.verdict != Verdict::nothing_to_do)
      p_.metrics.on_event_written(seconds_of(p_.clock.now() - *mark));
  }
  report(*view, reading.facts, what, page);
  if (what.wake_after) {
    // What failed is tried again after its back-off. What waits beside it goes on, but must not make the back-off short.
    const bool failed = round.verdict == Verdict::look_again || round.verdict == Verdict::refused || round.verdict == Verdict::failed;
    const std::int64_t least = failed ? kWakeBesideFailure.count() : 1;
    p_.queue.add_after(ns, std::chrono::milliseconds(std::max(*what.wake_after, least)));
  }
  if (const std::optional<Time> known = p_.ledger.uncertain_until(ns)) p_.queue.add_after(ns, *known - p_.clock.now());
  if (const std::optional<Time> then = p_.intake.next_unreadable()) p_.queue.add_after(ns, *then - p_.clock.now());
  if (const std::optional<Time> retry = page.contests.next_retry()) p_.queue.add_after(ns, *retry - p_.clock.now());
  if (const std::optional<Time> retry = page.refusals.next_retry(p_.clock.now())) p_.queue.add_after(ns, *retry - p_.clock.now());
  return round;
}

// Before anything is sent: fields that somebody changed back often enough. True when the plan must be made without
// them.
bool Worker::give_up_contested(NamespaceView& view, const Plan& plan, NamespacePage& page) {
  bool any = false;
  for (const Change& change : plan.now) {
    const std::vector<std::string> paths = page.contests.give_up(change, p_.clock.now());
    if (paths.empty()) continue;
    any = true;
    const ApiResult<Json> object = p_.api.get_json(change.target);
    for (const std::string& path : paths) {
      const std::string manager = object ? manager_of(*object, path) : "";
      page.contests.name(change.target, path, manager);
      p_.log.told(view.name, "given up", change.target, path + (manager.empty() ? "" : ", changed back by " + manager));
    }
  }
  if (any) view.moments.contested = contested_of(view, page);
  return any;
}

void Worker::forget(const std::string& ns) {
  for (const std::string& other : p_.ledger.forget(ns)) p_.queue.add(other);
  p_.intake.know(ns, false);
  p_.metrics.forget_namespace(ns);
  p_.events.forget(ns);
  p_.book.forget(ns);
  if (p_.facts.forget(ns)) p_.intake.enqueue_gateways();
}

// Every object of `T` in the namespace, sorted by name; nullopt when the program may not read them.
template <typename T>
ApiResult<Unit> Worker::list_into(NamespaceView& view, std::optional<std::vector<std::shared_ptr<const T>>>& into) {
  ListRequest request;
  request.kind = T::kKind;
  request.ns = view.name;
  request.limit = kLookUpPage;
  std::vector<std::shared_ptr<const T>> found;
  do {
    ApiResult<ListPage> page = p_.api.list(request);
    if (!page) {
      const ErrorClass why = page.error().kind;
      if (why == ErrorClass::forbidden || why == ErrorClass::not_found) return Unit{};
      return Unexpected<ApiError>(page.error());
    }
    for (const ObjectPtr& object : page->items) {
      if (std::shared_ptr<const T> typed = as<T>(object)) found.push_back(std::move(typed));
    }
    request.continue_token = page->continue_token;
  } while (!request.continue_token.empty());
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a->meta.name < b->meta.name; });
  into = std::move(found);
  return Unit{};
}

// What is not watched and the plan asked for.
ApiResult<Unit> Worker::look_up(NamespaceView& view, const Plan& plan) {
  // Endpoints first: a pod that goes meanwhile is then missed among the pods, and counted as gone.
  if (plan.wants_slices || plan.wants_replica_sets) {
    if (ApiResult<Unit> slices = list_into(view, view.slices); !slices) return slices;
  }
  if (plan.wants_pods || plan.wants_replica_sets) {
    if (ApiResult<Unit> pods = list_into(view, view.pods); !pods) return pods;
  }
  if (plan.wants_replica_sets) {
    if (ApiResult<Unit> sets = list_into(view, view.replica_sets); !sets) return sets;
  }
  if (plan.wants_events) {
    if (ApiResult<Unit> events = list_into(view, view.events); !events) return events;
  }
  if (plan.wants_claims) {
    if (ApiResult<Unit> claims = list_into(view, view.claims); !claims) return claims;
    if (!view.claims) view.claims.emplace();  // who may not read them knows none
  }
  return plan.wants_limits ? add_limits(view) : ApiResult<Unit>(Unit{});
}

// Who may not read one of them goes on without it, but does not take autoscalers for none.
ApiResult<Unit> Worker::add_limits(NamespaceView& view) {
  Limits limits;
  const auto add = [&](auto& list) -> ApiResult<Unit> {
    std::optional<std::remove_reference_t<decltype(list)>> found;
    ApiResult<Unit> done = list_into(view, found);
    if (found) list = std::move(*found);
    return done;
  };
  if (ApiResult<Unit> done = add(limits.quotas); !done) return done;
  if (ApiResult<Unit> done = add(limits.ranges); !done) return done;
  if (ApiResult<Unit> done = add(limits.budgets); !done) return done;
  std::optional<std::vector<std::shared_ptr<const Autoscaler>>> scalers;
  if (ApiResult<Unit> done = list_into(view, scalers); !done) return done;
  limits.autoscalers = scalers ? std::move(*scalers) : std::vector{unlisted_autoscalers()};
  view.limits = std::move(limits);
  return Unit{};
}

// What the plan means for other namespaces: places for restarts, and whether a gateway may go on.
void Worker::account(const NamespaceView& view, const Plan& plan, NamespacePage& page) {
  const bool ours = is_labelled(*view.ns) || !plan.now.empty() || !plan.waiting.empty() || plan.status ||
                    !plan.wants_live.empty();
  p_.intake.know(view.name, ours);
  for (const std::string& other : p_.ledger.observe(view.name, plan.rolling_count, !plan.waiting.empty()))
    p_.queue.add(other);
  if (p_.facts.settle(view.name, plan.settled_before_gateway)) p_.intake.enqueue_gateways();
  follow_rollouts(view, plan, page);

  if (!is_labelled(*view.ns)) {
    page.joining_since.reset();
  } else if (!plan.settled && !page.joining_since) {
    page.joining_since = p_.clock.now();
  } else if (plan.settled && page.joining_since) {
    const auto joined = std::count_if(plan.members.begin(), plan.members.end(),
                                      [](const MemberState& member) { return member.phase == MemberPhase::joined; });
    p_.metrics.on_joined(seconds_of(p_.clock.now() - *page.joining_since));
    page.joining_since.reset();
    p_.log.told(view.name, "settled", view.ns->key(),
                plan.members.empty() ? "" : fmt::format("{} of {} members joined", joined, plan.members.size()));
  }
}

void Worker::follow_rollouts(const NamespaceView& view, const Plan& plan, NamespacePage& page) {
  for (const Finding& finding : plan.findings) {
    if (finding.code != "MG215" || page.restarted.erase(finding.about) == 0) continue;
    p_.metrics.on_rollout(RolloutResult::failed);
    p_.log.told(view.name, "stuck", finding.about, finding.text);
  }
  for (const std::shared_ptr<const Workload>& workload : view.workloads) {
    if (page.restarted.empty()) return;
    if (rollout_of(*workload) != Rollout::complete || page.restarted.erase(workload->key()) == 0) continue;
    p_.metrics.on_rollout(RolloutResult::completed);
    p_.log.told(view.name, "available", workload->key());
  }
}

void Worker::announce(const NamespaceView& view, const Plan& plan, NamespacePage& page) {
  if (std::exchange(page.announced, true)) return;
  const std::string text = totals(plan);
  p_.events.tell(view.ns->key(), "Plan", text);
  p_.log.told(view.name, "plan", view.ns->key(), text);
}

Worker::Round Worker::carry_out(const std::string& ns, const Plan& plan, NamespacePage& page) {
  std::vector<const Change*> changes;
  for (const Change& change : plan.now) {
    if (takes_a_place(change) && !p_.ledger.reserve(ns, change.target)) continue;  // woken when a place is free
    changes.push_back(&change);
  }
  if (plan.status) changes.push_back(&*plan.status);
  if (changes.empty()) return {};

  const std::vector<ApiResult<Outcome>> answers = p_.senders.carry_out(changes);
  Round worst{Verdict::wrote};
  worst.only_removes = std::all_of(changes.begin(), changes.end(), [](const Change* change) {
    return change->verb == Verb::remove || change->verb == Verb::orphan;
  });
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const Round one = judge(ns, *changes[i], answers[i], page);
    worst.verdict = std::max(worst.verdict, one.verdict);
    worst.at_least = std::max(worst.at_least, one.at_least);
  }
  return worst;
}

Worker::Round Worker::judge(const std::string& ns, const Change& change, const ApiResult<Outcome>& answer,
                            NamespacePage& page) {
  const bool placed = takes_a_place(change);
  if (answer) {
    p_.expectations.expect(ns, change.target, answer->resource_version);
    page.contests.wrote(change, p_.clock.now());
    p_.metrics.on_change(change.target.kind, change.verb, ChangeResult::ok);
    p_.log.wrote(ns, change);
    page.refused.erase(change.target);
    page.refusals.succeeded(change.target);
    page.conflicts.erase(change.target);
    if (change.stage == Stage::release) {
      after_release_step(change, page);
    } else if (!change.outcome.empty()) {
      p_.metrics.on_replacement(change.outcome);
    }
    if (change.stage == Stage::rollback && change.restarts > 0) {
      page.restarted.erase(change.target);  // what completes now is its former template
      p_.metrics.on_rollout(RolloutResult::rolled_back);
    }
    if (placed && change.outcome.empty() && page.restarted.insert(change.target).second) p_.metrics.on_rollout(RolloutResult::started);
    return {Verdict::wrote};
  }

  const ApiError& error = answer.error();
  const bool unknown = may_have_happened(error);
  if (placed && unknown) p_.ledger.keep_uncertain(ns, change.target);
  if (placed && !unknown) {
    for (const std::string& other : p_.ledger.release(ns, change.target)) p_.queue.add(other);
  }
  p_.log.failed(ns, change, to_string(error.kind), error.message);
  switch (error.kind) {
    case ErrorClass::conflict:
      p_.metrics.on_change(change.target.kind, change.verb, ChangeResult::conflict);
      if (++page.conflicts[change.target] >= kConflictsBeforeFinding) {
        refuse(change, finding("MG912", change.target, error.message), page);
      }
      return {Verdict::look_again};
    case ErrorClass::forbidden:
    case ErrorClass::invalid:
    case ErrorClass::exists:
    case ErrorClass::other:
      p_.metrics.on_change(change.target.kind, change.verb, ChangeResult::refused);
      refuse(change, refusal(change.target, error), page);
      return {Verdict::refused};
    default:
      p_.metrics.on_change(change.target.kind, change.verb, ChangeResult::failed);
      return {Verdict::failed, error.retry_after.value_or(std::chrono::seconds(0))};
  }
}

// The finding stands until a write succeeds; meanwhile the object's next tries get rarer.
void Worker::refuse(const Change& change, Finding finding, NamespacePage& page) {
  page.refusals.refused(change, finding.code, p_.cache, p_.clock.now());
  page.refused.insert_or_assign(change.target, std::move(finding));
}

void Worker::report(const NamespaceView& view, const Facts& facts, const Plan& plan, NamespacePage& page) {
  if (!concerned(view, facts, p_.settings) && plan.findings.empty()) {
    p_.metrics.forget_namespace(view.name);
    p_.events.forget(view.name);
    return;
  }
  // A refusal stands, and conflicts count, for as long as there is something to write there.
  const auto is_over = [&plan, &view](const auto& one) {
    return !view.moments.refused.contains(one.first) &&
           std::none_of(plan.now.begin(), plan.now.end(), [&one](const Change& change) { return change.target == one.first; }) &&
           !(plan.status && plan.status->target == one.first);
  };
  std::erase_if(page.refused, is_over);
  std::erase_if(page.conflicts, is_over);
  std::vector<Finding> findings = plan.findings;
  for (const auto& [about, finding] : page.refused) findings.push_back(finding);
  for (Finding& finding : unread_kinds(p_.intake.unreadable(), p_.cache, view.ns->key())) findings.push_back(std::move(finding));
  p_.events.report(view.name, findings);
  p_.metrics.set_namespace(view.name, read_options(*view.ns, p_.settings).policy, plan.members, findings, plan.releases);

  std::set<std::uint64_t> now;
  for (const Finding& finding : findings) {
    const std::uint64_t what = fingerprint(finding.code + to_string(finding.about));
    if (now.insert(what).second && !page.logged.contains(what)) p_.log.found(view.name, finding);
  }
  page.logged = std::move(now);
}

}  // namespace meshgraft
