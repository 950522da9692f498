// Keeps an annotation on every namespace that says how many Deployments it holds. Argument: a kubeconfig. Any number of
// replicas may run; one writes. Ends at SIGTERM.

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <iostream>
#include <thread>
#include <vector>

#include "controller/dirty_queue.h"
#include "controller/leader.h"
#include "controller/watcher.h"
#include "k8sclient/net/rest_api.h"
#include "k8sclient/net/transport.h"

using namespace meshgraft;

namespace {

constexpr const char* kAnnotation = "example.com/deployments";

// Hears of changes on the watchers' threads: the names of their namespaces go into the queue, each once.
class ToQueue final : public WatchListener {
 public:
  explicit ToQueue(DirtyQueue& queue) : queue_(queue) {}
  void on_changes(Kind kind, const std::vector<CacheChange>& changes) override {
    for (const CacheChange& change : changes)
      queue_.add_debounced(kind == Kind::namespace_ ? change.any().meta.name : change.any().meta.ns);
  }
  void on_progress(Kind) override {}
  void on_standing(Kind) override {}
  void on_restart(Kind kind, ErrorClass reason) override {
    std::cerr << info(kind).plural << ": asked for again after " << to_string(reason) << "\n";
  }

 private:
  DirtyQueue& queue_;
};

// Looks at what is there, not at what happened: the same answer however often and for whatever reason it is called.
ApiResult<Unit> reconcile(const std::string& ns, const Cache& cache, Api& api) {
  const ObjectPtr object = cache.get({Kind::namespace_, "", ns});
  if (object == nullptr) return Unit{};  // gone meanwhile
  std::size_t count = 0;
  for (const ObjectPtr& deployment : cache.all(Kind::deployment)) count += deployment->meta.ns == ns ? 1 : 0;
  const std::string wanted = std::to_string(count);
  const auto found = object->meta.annotations.find(kAnnotation);
  if (found != object->meta.annotations.end() && found->second == wanted) return Unit{};
  PatchRequest apply;
  apply.target = object->key();
  apply.field_manager = "deployment-counter";
  apply.force = true;
  // The uid: an apply for a namespace that is gone would create it.
  apply.body = {{"apiVersion", "v1"},
                {"kind", "Namespace"},
                {"metadata", {{"name", ns}, {"uid", object->meta.uid}, {"annotations", {{kAnnotation, wanted}}}}}};
  if (const ApiResult<Written> written = api.patch(apply); !written) return Unexpected<ApiError>(written.error());
  std::cout << ns << " has " << wanted << std::endl;
  return Unit{};
}

int counter(const ClientConfig& config) {
  RestOptions options;
  options.program = "deployment-counter";
  options.stream_lists = true;                       // by a watch where the server offers it, else in pages
  options.call_deadline = LiveSink::kWriteDeadline;  // Leader counts on it: no write outlives the Lease
  options.bound_server = true;
  const Result<std::unique_ptr<Api>> api = make_rest_api(config, options);
  options.yields = false;  // an Api of its own for the Lease: renewals are never behind a backlog or a pause
  const Result<std::unique_ptr<Api>> leases = make_rest_api(config, options);
  if (!api || !leases) {
    std::cerr << (api ? leases : api).error().text << "\n";
    return 1;
  }

  SystemClock clock;
  Cache cache;
  DirtyQueue queue(clock);
  ToQueue listener(queue);
  std::array<Watcher, 2> watchers{{{Kind::namespace_, **api, cache, listener, clock, 1},
                                   {Kind::deployment, **api, cache, listener, clock, 2}}};
  Leader leader(**leases, clock, "default", "deployment-counter", "replica-" + std::to_string(getpid()));

  std::vector<std::thread> watching;
  std::atomic<int> running{0};
  for (Watcher& watcher : watchers) {
    watcher.assign(Scope{});  // every object of the kind, in all namespaces
    ++running;
    watching.emplace_back([&watcher, &running] {
      watcher.run();
      --running;
    });
  }
  std::thread electing([&leader] { leader.run([] {}, [] { std::_Exit(1); }); });  // a lost Lease ends the process
  std::thread working([&leader, &queue, &cache, &api] {
    if (!leader.wait_until_leading()) return;
    while (const std::optional<std::string> ns = queue.take()) {
      ApiResult<Unit> done = Unexpected<ApiError>(ApiError{});  // not yet: it comes back a little later
      if (cache.synced(Kind::namespace_) && cache.synced(Kind::deployment) && leader.may_write())
        done = reconcile(*ns, cache, **api);
      if (done) {
        queue.forget(*ns);
      } else {
        if (!done.error().message.empty()) std::cerr << *ns << ": " << done.error().message << "\n";
        queue.add_rate_limited(*ns, done.error().retry_after.value_or(std::chrono::seconds(0)));
      }
      queue.done(*ns);
    }
  });

  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  int which = 0;
  sigwait(&end, &which);
  queue.shut_down();
  leader.stop();
  working.join();
  electing.join();
  leader.release();  // after the last write: the next replica need not wait
  for (Watcher& watcher : watchers) watcher.stop();
  while (running > 0) {  // one may be about to begin a stream
    (*api)->stop_watches();
    std::this_thread::yield();
  }
  for (std::thread& thread : watching) thread.join();
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  sigset_t end;  // blocked before the first thread, so that only sigwait takes it
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &end, nullptr);
  init_transport();
  const Result<ClientConfig> config = read_kubeconfig(count > 1 ? arguments[1] : "", "");
  if (!config) {
    std::cerr << config.error().text << "\n";
    return 1;
  }
  return counter(*config);
}
