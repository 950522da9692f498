#include "cmd/run.h"

#include <malloc.h>
#include <pthread.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "cmd/give_back.h"
#include "cmd/probe_server.h"
#include "cmd/version.h"
#include "controller/leader.h"
#include "controller/worker.h"
#include "k8sclient/net/rest_api.h"
#include "k8sclient/net/transport.h"

namespace meshgraft {
namespace {

// kubelet's usual grace is 30 s, but ours must be done in 5.
constexpr std::chrono::milliseconds kStopMost{4500};
constexpr double kStuckSeconds = 300;  // a write may take 4 s, a plan milliseconds: longer than this is a dead thread
constexpr std::chrono::seconds kCalm{5};  // so long after it is ready, what the start needed is given back
constexpr std::size_t kInFlight = 16;  // writes at the same time, over all workers

// SIGTERM and SIGINT, blocked for every thread and taken by wait(); SIGUSR1 is how a thread of ours ends the process.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // a scraper that goes away is not our end
  }
  // The same, 0 when none came for so long.
  int wait_for(std::chrono::seconds most) {
    const timespec limit{most.count(), 0};
    const int number = sigtimedwait(&set_, nullptr, &limit);
    return number < 0 ? 0 : number;
  }
  // The signal that came.
  int wait() {
    int number = 0;
    while (sigwait(&set_, &number) != 0) {
    }
    return number;
  }

 private:
  sigset_t set_{};
};

// Threads that are waited for together.
class Crew {
 public:
  void start(std::function<void()> work) {
    {
      const MutexLock lock(mutex_);
      ++running_;
    }
    threads_.emplace_back([this, work = std::move(work)]() noexcept {
      work();
      const MutexLock lock(mutex_);
      --running_;
      changed_.notify_all();
    });
  }
  // False when some thread is still at work at `deadline`.
  bool join(std::chrono::steady_clock::time_point deadline) {
    {
      const MutexLock lock(mutex_);
      while (running_ > 0 && std::chrono::steady_clock::now() < deadline) changed_.wait_until(mutex_, deadline);
      if (running_ > 0) return false;
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return true;
  }
  bool is_done_by(std::chrono::steady_clock::time_point deadline) {
    const MutexLock lock(mutex_);
    while (running_ > 0 && std::chrono::steady_clock::now() < deadline) changed_.wait_until(mutex_, deadline);
    return running_ == 0;
  }

 private:
  Mutex mutex_;
  Condition changed_;
  int running_ GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_;
};

// Everything that the controller is made of, in the order of construction; it stops in the reverse order.
class Daemon {
 public:
  Daemon(const RunOptions& options, Api& reads, Api& writes, Api& leases, Metrics& metrics)
      : options_(options),
        reads_(reads),
        writes_(writes),
        metrics_(metrics),
        log_(options.log_format == LogFormat::json, options.steps),
        queue_(clock_, &metrics_),
        ledger_(clock_, options.settings.max_rollouts),
        facts_(cache_, ledger_, options_.settings),
        expectations_(cache_, clock_),
        intake_(cache_, queue_, facts_, ledger_, expectations_, clock_),
        watchers_(reads_, cache_, intake_, clock_),
        leader_(leases, clock_, options.lease_namespace, options.lease_name, options.identity),
        live_(writes_),
        sink_(live_, options.leader_elect ? &leader_ : nullptr),
        senders_(sink_),
        events_(writes_, cache_, clock_) {
    intake_.connect(watchers_);
    intake_.on_restarts([this](Kind kind, ErrorClass reason) { metrics_.on_watch_restart(kind, reason); });
    intake_.on_ready([] { give_back_memory(); });  // the lists' buffers, which nobody needs again
    metrics_.set_sources([this] { return cache_.states(); }, [this] { return queue_.running(); });
    for (int i = 0; i < options_.workers; ++i)
      workers_.emplace_back(WorkerParts{cache_, queue_, intake_, facts_, ledger_, expectations_, senders_, reads_,
                                        events_, metrics_, book_, log_, clock_, options_.settings});
  }

  Result<Unit> start() {
    if (options_.metrics_address != "0") {
      Result<std::unique_ptr<ProbeServer>> probe = ProbeServer::start(options_.metrics_address, probe_answers());
      if (!probe) return Unexpected<Error>(probe.error());
      probe_ = std::move(*probe);
      spdlog::info("metrics and probes on port {}", probe_->port());
    }
    watchers_.start();
    for (Watcher& watcher : watchers_.all()) watching_.start([&watcher] { watcher.run(); });
    // A standby's cache is warm: its workers wait for the Lease alone.
    for (Worker& worker : workers_) {
      working_.start([this, &worker] {
        if (!options_.leader_elect || leader_.wait_until_leading()) worker.run();
      });
    }
    if (options_.leader_elect) {
      leading_.start([this] { leader_.run([this] { begin_to_lead(); }, [this] { stop_leading(); }); });
    } else {
      metrics_.set_leader(true);
    }
    for (std::size_t i = static_cast<std::size_t>(options_.workers); i < kInFlight; ++i)
      sending_.start([this] { senders_.run(); });
    recording_.start([this] { events_.run(); });
    return Unit{};
  }

  [[nodiscard]] bool is_ready() const { return intake_.ready(); }
  [[nodiscard]] bool lost_lease() const { return lost_; }

  // No namespace is taken after this is called; a worker that has planned one still sends its batch, and that ends
  // first. False when something does not end in time.
  bool stop() {
    const auto deadline = std::chrono::steady_clock::now() + kStopMost;
    queue_.shut_down();
    for (Watcher& watcher : watchers_.all()) watcher.stop();
    events_.stop();
    leader_.stop();
    bool done = working_.join(deadline);
    senders_.stop();
    done = sending_.join(deadline) && done;
    done = recording_.join(deadline) && done;
    done = leading_.join(deadline) && done;
    if (done && options_.leader_elect) {
      // The last write is over. A thread of its own: an API server that hangs must not make us miss kStopMost.
      leading_.start([this] { leader_.release(); });
      done = leading_.join(deadline);
    }
    // A watcher may have passed its last look at stop() and only now begin a stream, so it is told until it heard.
    do {
      reads_.stop_watches();
    } while (
        !watching_.is_done_by(std::min(deadline, std::chrono::steady_clock::now() + std::chrono::milliseconds(20))) &&
        std::chrono::steady_clock::now() < deadline);
    done = watching_.join(deadline) && done;
    metrics_.set_leader(false);
    probe_.reset();
    return done;
  }

 private:
  void begin_to_lead() {
    spdlog::info("lease {}/{}: leading as {}", options_.lease_namespace, options_.lease_name, options_.identity);
    metrics_.set_leader(true);
  }
  void stop_leading() {
    spdlog::critical("lease {}/{}: lost; another replica goes on", options_.lease_namespace, options_.lease_name);
    metrics_.set_leader(false);
    lost_ = true;
    ::kill(::getpid(), SIGUSR1);
  }

  ProbeAnswers probe_answers() {
    ProbeAnswers answers;
    answers.metrics = [this] { return metrics_.text(); };
    answers.ailment = [this] {
      return queue_.running().longest_seconds > kStuckSeconds
                 ? std::string("a namespace has been worked on for five minutes")
                 : std::string();
    };
    answers.unreadiness = [this] {
      return intake_.ready() ? std::string() : std::string("not every kind has been read yet; ?verbose lists them");
    };
    answers.details = [this] {
      std::string lines;
      for (const KindState& state : cache_.states()) {
        const std::string_view name = state.wanted ? to_string(state.standing) : std::string_view("absent");
        lines += fmt::format("{} {}: {}, {} objects{}{}\n",
                             state.wanted && state.standing == WatchMachine::Standing::synced ? "[+]" : "[ ]",
                             info(state.kind).plural, name, state.objects, state.why.empty() ? "" : ": ", state.why);
      }
      return lines;
    };
    return answers;
  }

  const RunOptions& options_;
  Api& reads_;
  Api& writes_;
  Metrics& metrics_;
  OutcomeLog log_;
  SystemClock clock_;
  Cache cache_;
  DirtyQueue queue_;
  RolloutLedger ledger_;
  FactsBook facts_;
  Expectations expectations_;
  Intake intake_;
  Watchers watchers_;
  Leader leader_;
  LiveSink live_;
  GuardedSink sink_;
  Senders senders_;
  EventRecorder events_;
  NamespaceBook book_;
  std::deque<Worker> workers_;
  std::unique_ptr<ProbeServer> probe_;
  std::atomic<bool> lost_ = false;
  Crew watching_, sending_, working_, recording_, leading_;
};

int fatal(const std::string& why) {
  spdlog::critical("{}", why);
  return 1;
}

}  // namespace

int run(const RunOptions& options) {
  Signals signals;
  // Thirty threads that wait most of the time: two arenas hold their memory as well as thirty, in a fraction of it.
  mallopt(M_ARENA_MAX, 2);
  // A page of a list and the parser's buffers are a mapping each, which goes back as a whole; on the heap, objects would
  // lie behind them. Set here because glibc raises the limit with every such buffer that is freed.
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  init_logging(options.log_format == LogFormat::json, options.verbose);
  init_transport();
  spdlog::info("meshgraft {} ({}), API server {} from {}", version_number(), version_commit(), options.client.server,
               options.client.source);

  Metrics metrics(version_number(), version_commit());
  StreamGauge gauge;
  RestOptions reading;
  reading.version = version_number();
  reading.observer = [&metrics](const CallReport& report) { metrics.on_call(report); };
  reading.gauge = &gauge;
  reading.stream_lists = true;
  metrics.set_watch_buffer([&gauge] { return gauge.bytes(); }, reading.watch_cap);
  RestOptions writing = reading;
  writing.call_deadline = LiveSink::kWriteDeadline;
  writing.bound_server = true;
  writing.in_flight = kInFlight;
  Result<std::unique_ptr<Api>> reads = make_rest_api(options.client, reading);
  if (!reads) return fatal(reads.error().text);
  Result<std::unique_ptr<Api>> writes = make_rest_api(options.client, writing);
  if (!writes) return fatal(writes.error().text);

  // Its own connections: renewing must not wait behind lists and writes.
  RestOptions leasing = writing;
  leasing.in_flight = 1;
  leasing.yields = false;
  Result<std::unique_ptr<Api>> leases = make_rest_api(options.client, leasing);
  if (!leases) return fatal(leases.error().text);

  Daemon daemon(options, **reads, **writes, **leases, metrics);
  if (const Result<Unit> started = daemon.start(); !started) {
    daemon.stop();
    return fatal(started.error().text);
  }
  int signal = 0;
  for (bool was_ready = false, calm = false; signal == 0 && !calm;) {
    signal = signals.wait_for(kCalm);
    calm = was_ready;
    was_ready = daemon.is_ready();
  }
  if (signal == 0) {
    give_back_memory();  // the first plans are made
    signal = signals.wait();
  }
  spdlog::info("{}: stopping", daemon.lost_lease() ? "lease lost" : signal == SIGTERM ? "SIGTERM" : "SIGINT");
  const int status = daemon.lost_lease() ? 1 : 0;
  if (!daemon.stop()) {
    // All state is with the API server, so leaving now loses nothing; a thread that waits for a dead server would.
    spdlog::warn("a request did not end in time; leaving without it");
    spdlog::shutdown();
    std::_Exit(status);
  }
  spdlog::info("stopped");
  return status;
}

}  // namespace meshgraft
