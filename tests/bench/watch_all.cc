// The other figures of `./bench client`: the client's layers alone (RestApi, Watcher, Cache) beside the 10,000 objects.
// Arguments: a kubeconfig; "paged" or "streamed"; "needed" for the kinds that rules need, "all" for Pods, ReplicaSets and
// ConfigMaps too, as another program might. Writes the file that WATCH_ALL_READY names once every kind is synced, and stays until it is ended.

#include <malloc.h>

#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "cmd/give_back.h"
#include "controller/watcher.h"
#include "k8sclient/net/rest_api.h"
#include "k8sclient/net/transport.h"

namespace meshgraft {
namespace {

class Silent final : public WatchListener {
 public:
  void on_changes(Kind, const std::vector<CacheChange>&) override {}
  void on_progress(Kind) override {}
  void on_standing(Kind) override {}
  void on_restart(Kind, ErrorClass) override {}
};

int watch_all(const std::string& kubeconfig, bool streamed, bool all) {
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  init_transport();
  const Result<ClientConfig> config = read_kubeconfig(kubeconfig, "");
  if (!config) {
    std::cerr << config.error().text << "\n";
    return 1;
  }
  RestOptions options;
  options.stream_lists = streamed;
  const Result<std::unique_ptr<Api>> api = make_rest_api(*config, options);
  if (!api) {
    std::cerr << api.error().text << "\n";
    return 1;
  }
  SystemClock clock;
  Cache cache;
  Silent silent;
  std::deque<Watcher> watchers;
  std::vector<std::thread> threads;
  std::uint32_t seed = 1;
  std::vector<Kind> kinds{Kind::namespace_, Kind::deployment, Kind::service, Kind::ingress};
  if (all) kinds.insert(kinds.end(), {Kind::replica_set, Kind::pod, Kind::config_map});
  for (const Kind kind : kinds) {
    Watcher& watcher = watchers.emplace_back(kind, **api, cache, silent, clock, seed++);
    watcher.assign(Scope{});
    threads.emplace_back([&watcher] { watcher.run(); });
  }
  const auto synced = [&cache, &watchers] {
    std::size_t count = 0;
    for (const KindState& state : cache.states()) count += state.standing == WatchMachine::Standing::synced ? 1 : 0;
    return count == watchers.size();
  };
  while (!synced()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  give_back_memory();
  std::this_thread::sleep_for(std::chrono::seconds(5));
  give_back_memory();  // as `run` does
  if (const char* ready = std::getenv("WATCH_ALL_READY")) std::ofstream(ready) << "ready\n";
  for (std::thread& thread : threads) thread.join();  // SIGTERM ends the process
  return 0;
}

}  // namespace
}  // namespace meshgraft

int main(int count, char** arguments) {
  if (count != 4) return 1;
  return meshgraft::watch_all(arguments[1], std::string(arguments[2]) == "streamed", std::string(arguments[3]) == "all");
}
