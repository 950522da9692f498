#include "controller/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <map>
#include <sstream>
#include <utility>

#include "controller/process_usage.h"
#include "reconcilers/findings.h"

namespace meshgraft {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Buckets = prometheus::Histogram::BucketBoundaries;
using LabelList = std::vector<ClientMetric::Label>;

// client-go component-base metrics for work queues: ten buckets from 10 ns, times 10.
Buckets queue_buckets() { return {1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10}; }
// client-go component-base metrics for requests.
Buckets request_buckets() { return {0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60}; }
Buckets work_buckets() { return {0.0001, 0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}; }
Buckets join_buckets() { return {1, 5, 15, 60, 300, 900, 1800, 3600, 7200}; }

constexpr std::string_view kQueueName = "namespace";

// The kinds that rules write, and the verbs that a Change may have.
constexpr std::array kWrittenKinds{Kind::namespace_,   Kind::deployment, Kind::stateful_set, Kind::daemon_set,
                                   Kind::service,      Kind::ingress,    Kind::config_map,   Kind::application,
                                   Kind::envoy_filter, Kind::gateway,    Kind::controller_revision, Kind::replica_set,
                                   Kind::strategy};
constexpr std::array kVerbs{Verb::apply,  Verb::restore, Verb::edit, Verb::create,
                            Verb::remove, Verb::orphan,  Verb::scale};
constexpr std::array kResults{ChangeResult::ok, ChangeResult::conflict, ChangeResult::refused, ChangeResult::failed};
constexpr std::array kMethods{"GET", "POST", "PUT", "PATCH", "DELETE"};
constexpr std::array kRequestVerbs{"GET", "LIST", "WATCH", "POST", "PUT", "PATCH", "DELETE"};
constexpr std::array kCodes{200, 201, 202, 400, 401, 403, 404, 409, 410, 422, 429, 500, 502, 503, 504};
constexpr std::array kPhases{MemberPhase::waiting, MemberPhase::rolling, MemberPhase::joined,
                             MemberPhase::held,    MemberPhase::blocked, MemberPhase::excluded};
constexpr std::array kReleasePhases{ReleasePhase::sharing, ReleasePhase::promoting, ReleasePhase::aborting, ReleasePhase::held,
                                    ReleasePhase::refused};
constexpr std::array kPolicies{Policy::observe, Policy::join, Policy::replace};
constexpr std::array kErrorClasses{ErrorClass::transport, ErrorClass::cancelled,    ErrorClass::bad_answer,
                                   ErrorClass::gone,      ErrorClass::too_large_rv, ErrorClass::throttled,
                                   ErrorClass::server,    ErrorClass::unauthorized, ErrorClass::forbidden,
                                   ErrorClass::not_found, ErrorClass::conflict,     ErrorClass::exists,
                                   ErrorClass::invalid,   ErrorClass::other};

std::string_view name_of(Policy policy) {
  switch (policy) {
    case Policy::observe:
      return "observe";
    case Policy::join:
      return "join";
    case Policy::replace:
      return "replace";
  }
  return "";
}

std::string method_of(std::string_view verb) { return std::string(verb == "LIST" || verb == "WATCH" ? "GET" : verb); }
std::string code_of(int code) { return code == 0 ? "<error>" : std::to_string(code); }
std::string kind_name(Kind kind) { return std::string(kind == Kind::other ? "other" : info(kind).name); }

MetricFamily family(std::string name, std::string help, MetricType type) {
  MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

void add(MetricFamily& family, LabelList labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  family.metric.push_back(std::move(metric));
}

MetricFamily single(std::string name, std::string help, MetricType type, double value) {
  MetricFamily one = family(std::move(name), std::move(help), type);
  add(one, {}, value);
  return one;
}

}  // namespace

std::string_view to_string(ChangeResult result) {
  switch (result) {
    case ChangeResult::ok:
      return "ok";
    case ChangeResult::conflict:
      return "conflict";
    case ChangeResult::refused:
      return "refused";
    case ChangeResult::failed:
      return "failed";
  }
  return "";
}

// Change::outcome.
constexpr std::array<const char*, 4> kReplaceResults{"started", "completed", "rolled_back", "dropped"};
constexpr std::array<const char*, 2> kReleaseResults{"promoted", "aborted"};

std::string_view to_string(RolloutResult result) {
  switch (result) {
    case RolloutResult::started:
      return "started";
    case RolloutResult::completed:
      return "completed";
    case RolloutResult::failed:
      return "failed";
    case RolloutResult::rolled_back:
      return "rolled_back";
  }
  return "";
}

struct Metrics::Impl {
  struct NamespaceNumbers {
    Policy policy = Policy::join;
    std::array<int, kPhases.size()> phases{};
    std::array<int, kReleasePhases.size()> releases{};
    bool any_release = false;
    std::map<std::pair<std::string, Severity>, int> findings;
  };

  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& changes = counters("meshgraft_changes_total", "Writes.");
  prometheus::Family<prometheus::Counter>& rollouts =
      counters("meshgraft_rollouts_total", "Rollouts that meshgraft began, and how they ended.");
  prometheus::Family<prometheus::Counter>& replacements =
      counters("meshgraft_replacements_total", "Deployments re-created with a fuller selector.");
  prometheus::Family<prometheus::Counter>& restarts =
      counters("meshgraft_watch_restarts_total", "Watches begun again.");
  prometheus::Family<prometheus::Counter>& requests =
      counters("rest_client_requests_total", "Requests to the API server.");
  prometheus::Family<prometheus::Histogram>& request_seconds =
      histograms("rest_client_request_duration_seconds", "Duration of requests to the API server.");
  prometheus::Histogram& reconcile =
      histograms("meshgraft_reconcile_seconds", "Planning a namespace and carrying out what may be done at once.")
          .Add({}, work_buckets());
  prometheus::Histogram& event_to_write =
      histograms("meshgraft_event_to_write_seconds", "From an event of the API server to the write that it led to.")
          .Add({}, work_buckets());
  prometheus::Histogram& join =
      histograms("meshgraft_join_seconds", "From the label seen to the namespace fully joined.")
          .Add({}, join_buckets());
  prometheus::Family<prometheus::Histogram>& release_seconds =
      histograms("meshgraft_release_seconds", "From the annotation on a Strategy to its end, by how it ended.");
  const prometheus::Labels queue{{"name", std::string(kQueueName)}};
  prometheus::Gauge& depth = gauges("workqueue_depth", "Namespaces waiting.").Add(queue);
  prometheus::Counter& adds = counters("workqueue_adds_total", "Namespaces put into the queue.").Add(queue);
  prometheus::Counter& retries = counters("workqueue_retries_total", "Namespaces put back after a failure.").Add(queue);
  prometheus::Histogram& queue_seconds =
      histograms("workqueue_queue_duration_seconds", "Waiting in the queue.").Add(queue, queue_buckets());
  prometheus::Histogram& work_seconds =
      histograms("workqueue_work_duration_seconds", "Working on a namespace.").Add(queue, queue_buckets());
  prometheus::Gauge& leader =
      gauges("leader_election_master_status", "1 on the replica that writes.").Add({{"name", "meshgraft"}});

  std::function<std::vector<KindState>()> kinds;
  std::function<DirtyQueue::Running()> running;
  std::function<std::size_t()> watch_bytes;
  std::size_t watch_cap = 0;
  mutable Mutex mutex;
  std::map<std::string, NamespaceNumbers> namespaces GUARDED_BY(mutex);

  prometheus::Family<prometheus::Counter>& counters(const std::string& name, const std::string& help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  prometheus::Family<prometheus::Gauge>& gauges(const std::string& name, const std::string& help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }
  prometheus::Family<prometheus::Histogram>& histograms(const std::string& name, const std::string& help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }

  // What is made only when somebody asks, so that it costs no memory between.
  void add_namespaces(std::vector<MetricFamily>& all) const EXCLUDES(mutex);
  void add_states(std::vector<MetricFamily>& all) const EXCLUDES(mutex);
  // Each is a finding of its own.
  double contested() const EXCLUDES(mutex) {
    const MutexLock lock(mutex);
    double count = 0;
    for (const auto& [ns, numbers] : namespaces) {
      for (const auto& [what, number] : numbers.findings) count += what.first == "MG913" ? number : 0;
    }
    return count;
  }
};

void Metrics::Impl::add_namespaces(std::vector<MetricFamily>& all) const {
  MetricFamily by_policy = family("meshgraft_namespaces", "Labelled namespaces.", MetricType::Gauge);
  MetricFamily policies =
      family("meshgraft_namespace_info", "Always 1: the policy of a labelled namespace.", MetricType::Gauge);
  MetricFamily members = family("meshgraft_members", "Members by state.", MetricType::Gauge);
  MetricFamily findings = family("meshgraft_findings", "Findings as they stand.", MetricType::Gauge);
  MetricFamily releases = family("meshgraft_releases", "Releases (Strategies) by state.", MetricType::Gauge);
  std::map<Policy, int> count;
  const MutexLock lock(mutex);
  for (const auto& [ns, numbers] : namespaces) {
    ++count[numbers.policy];
    add(policies, {{"namespace", ns}, {"policy", std::string(name_of(numbers.policy))}}, 1);
    for (std::size_t i = 0; i < kPhases.size(); ++i)
      add(members, {{"namespace", ns}, {"state", std::string(to_string(kPhases[i]))}}, numbers.phases[i]);
    for (std::size_t i = 0; i < kReleasePhases.size() && numbers.any_release; ++i)
      add(releases, {{"namespace", ns}, {"state", std::string(to_string(kReleasePhases[i]))}}, numbers.releases[i]);
    for (const auto& [what, number] : numbers.findings) {
      add(findings, {{"namespace", ns}, {"code", what.first}, {"severity", std::string(to_string(what.second))}},
          number);
    }
  }
  for (const Policy policy : kPolicies) add(by_policy, {{"policy", std::string(name_of(policy))}}, count[policy]);
  all.push_back(std::move(by_policy));
  all.push_back(std::move(policies));
  all.push_back(std::move(members));
  all.push_back(std::move(findings));
  all.push_back(std::move(releases));
}

void Metrics::Impl::add_states(std::vector<MetricFamily>& all) const {
  MetricFamily objects = family("meshgraft_cache_objects", "Objects held in memory.", MetricType::Gauge);
  if (kinds) {
    for (const KindState& state : kinds())
      add(objects, {{"kind", kind_name(state.kind)}}, static_cast<double>(state.objects));
  }
  all.push_back(std::move(objects));
  all.push_back(single("meshgraft_contested_fields",
                       "Fields given up because another manager keeps changing them back.", MetricType::Gauge,
                       contested()));

  all.push_back(single("meshgraft_watch_buffered_bytes",
                       "Bytes of watches that were read and wait to be decoded, over all kinds.", MetricType::Gauge,
                       watch_bytes ? static_cast<double>(watch_bytes()) : 0));
  all.push_back(single("meshgraft_watch_buffer_cap_bytes",
                       "The most of them for one watch; beyond it the server is made to wait.", MetricType::Gauge,
                       static_cast<double>(watch_cap)));

  const DirtyQueue::Running now = running ? running() : DirtyQueue::Running{};
  MetricFamily unfinished = family("workqueue_unfinished_work_seconds",
                                   "Seconds that namespaces under work have been worked on so far.", MetricType::Gauge);
  add(unfinished, {{"name", std::string(kQueueName)}}, now.total_seconds);
  all.push_back(std::move(unfinished));
  MetricFamily longest =
      family("workqueue_longest_running_processor_seconds", "The longest of them.", MetricType::Gauge);
  add(longest, {{"name", std::string(kQueueName)}}, now.longest_seconds);
  all.push_back(std::move(longest));

  const ProcessUsage usage = read_process_usage();
  all.push_back(
      single("process_cpu_seconds_total", "CPU time, user and system.", MetricType::Counter, usage.cpu_seconds));
  all.push_back(single("process_resident_memory_bytes", "Resident memory.", MetricType::Gauge, usage.resident_bytes));
  all.push_back(single("process_virtual_memory_bytes", "Virtual memory.", MetricType::Gauge, usage.virtual_bytes));
  all.push_back(
      single("process_start_time_seconds", "Start of the process, Unix time.", MetricType::Gauge, usage.start_seconds));
  all.push_back(single("process_open_fds", "Open file descriptors.", MetricType::Gauge, usage.open_fds));
  all.push_back(single("process_max_fds", "The most that may be open.", MetricType::Gauge, usage.max_fds));
}

Metrics::Metrics(std::string_view version, std::string_view commit) : impl_(std::make_unique<Impl>()) {
  impl_->gauges("meshgraft_build_info", "Always 1.")
      .Add({{"version", std::string(version)}, {"commit", std::string(commit)}})
      .Set(1);
  for (const Kind kind : kWrittenKinds) {
    for (const Verb verb : kVerbs) {
      for (const ChangeResult result : kResults) {
        impl_->changes.Add({{"kind", kind_name(kind)},
                            {"verb", std::string(to_string(verb))},
                            {"result", std::string(to_string(result))}});
      }
    }
  }
  for (const RolloutResult result : {RolloutResult::started, RolloutResult::completed, RolloutResult::failed, RolloutResult::rolled_back}) {
    impl_->rollouts.Add({{"result", std::string(to_string(result))}});
  }
  for (const char* result : kReplaceResults) impl_->replacements.Add({{"result", result}});
  for (const char* result : kReleaseResults) impl_->release_seconds.Add({{"result", result}}, join_buckets());
  for (const KindInfo& row : meshgraft::kinds()) {
    if (row.watch == Watch::never && row.kind != Kind::config_map) continue;
    for (const ErrorClass reason : kErrorClasses)
      impl_->restarts.Add({{"kind", kind_name(row.kind)}, {"reason", std::string(to_string(reason))}});
  }
  for (const char* method : kMethods) {
    for (const int code : kCodes) impl_->requests.Add({{"code", code_of(code)}, {"method", method}});
    impl_->requests.Add({{"code", code_of(0)}, {"method", method}});
  }
  for (const char* verb : kRequestVerbs) impl_->request_seconds.Add({{"verb", verb}}, request_buckets());
}

Metrics::~Metrics() = default;

void Metrics::set_sources(std::function<std::vector<KindState>()> kinds, std::function<DirtyQueue::Running()> running) {
  impl_->kinds = std::move(kinds);
  impl_->running = std::move(running);
}

void Metrics::set_watch_buffer(std::function<std::size_t()> bytes, std::size_t cap) {
  impl_->watch_bytes = std::move(bytes);
  impl_->watch_cap = cap;
}

std::string Metrics::text() const {
  std::vector<MetricFamily> all = impl_->registry.Collect();
  impl_->add_namespaces(all);
  impl_->add_states(all);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, all);
  return std::move(out).str();
}

void Metrics::on_added(std::size_t depth) {
  impl_->adds.Increment();
  impl_->depth.Set(static_cast<double>(depth));
}
void Metrics::on_taken(std::size_t depth, Duration waited) {
  impl_->depth.Set(static_cast<double>(depth));
  impl_->queue_seconds.Observe(std::chrono::duration<double>(waited).count());
}
void Metrics::on_done(Duration worked) { impl_->work_seconds.Observe(std::chrono::duration<double>(worked).count()); }
void Metrics::on_retried() { impl_->retries.Increment(); }

void Metrics::on_call(const CallReport& report) {
  impl_->requests.Add({{"code", code_of(report.code)}, {"method", method_of(report.verb)}}).Increment();
  impl_->request_seconds.Add({{"verb", std::string(report.verb)}}, request_buckets()).Observe(report.seconds);
}
void Metrics::on_watch_restart(Kind kind, ErrorClass reason) {
  impl_->restarts.Add({{"kind", kind_name(kind)}, {"reason", std::string(to_string(reason))}}).Increment();
}
void Metrics::on_change(Kind kind, Verb verb, ChangeResult result) {
  impl_->changes
      .Add({{"kind", kind_name(kind)},
            {"verb", std::string(to_string(verb))},
            {"result", std::string(to_string(result))}})
      .Increment();
}
void Metrics::on_rollout(RolloutResult result) {
  impl_->rollouts.Add({{"result", std::string(to_string(result))}}).Increment();
}
void Metrics::on_replacement(const std::string& result) { impl_->replacements.Add({{"result", result}}).Increment(); }
void Metrics::on_release(const std::string& result, double seconds) {
  impl_->release_seconds.Add({{"result", result}}, join_buckets()).Observe(seconds);
}
void Metrics::on_reconcile(double seconds) { impl_->reconcile.Observe(seconds); }
void Metrics::on_event_written(double seconds) { impl_->event_to_write.Observe(seconds); }
void Metrics::on_joined(double seconds) { impl_->join.Observe(seconds); }
void Metrics::set_leader(bool leader) { impl_->leader.Set(leader ? 1 : 0); }

void Metrics::set_namespace(const std::string& ns, Policy policy, const std::vector<MemberState>& members,
                            const std::vector<Finding>& findings, const std::vector<ReleaseState>& releases) {
  Impl::NamespaceNumbers numbers;
  numbers.policy = policy;
  for (const MemberState& member : members) {
    for (std::size_t i = 0; i < kPhases.size(); ++i) numbers.phases[i] += member.phase == kPhases[i] ? 1 : 0;
  }
  for (const ReleaseState& release : releases) {
    numbers.any_release = true;
    for (std::size_t i = 0; i < kReleasePhases.size(); ++i) numbers.releases[i] += release.phase == kReleasePhases[i] ? 1 : 0;
  }
  for (const Finding& finding : findings) ++numbers.findings[{finding.code, finding.severity}];
  const MutexLock lock(impl_->mutex);
  impl_->namespaces.insert_or_assign(ns, std::move(numbers));
}

void Metrics::forget_namespace(const std::string& ns) {
  const MutexLock lock(impl_->mutex);
  impl_->namespaces.erase(ns);
}

}  // namespace meshgraft
