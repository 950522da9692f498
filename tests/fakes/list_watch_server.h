#pragma once
// ListWatchServer: an API server for Deployments on loopback whose answers go wrong by name. Used by the wire tests of
// the whole client (RestApi, Watcher, Cache). It holds what is true, serves lists in pages, watches and streamed lists
// of it, ends every watch once everything was said, and lets the next request of a sort meet one fault.

#include <map>
#include <string>
#include <vector>

#include "k8sclient/base/mutex.h"
#include "tests/fakes/fault_server.h"

namespace meshgraft::test {

class ListWatchServer {
 public:
  // Which request a fault waits for.
  enum class On : std::uint8_t { list, watch, any };
  struct Fault {
    std::string_view name;
    On on;
    bool needs_list = false;   // events are lost or expired: the copy is right again only after a list
    bool is_counted = true;    // told to WatchListener::on_restart
    bool is_repeated = false;  // a call that meets it is sent once more on a new connection, and nobody hears of it
  };
  // Every fault that there is.
  static const std::vector<Fault>& faults();

  // `offers_streams` false: answers sendInitialEvents as a server without the WatchList feature does.
  ListWatchServer(FaultServer::Options options, bool offers_streams);

  // The next request that it fits meets it; empty for none.
  void inject(std::string_view name);
  [[nodiscard]] bool was_met() const;

  // Changes what is true.
  void put(const std::string& name);
  void remove(const std::string& name);
  // Forgets its history: watches from any version so far are answered 410.
  void expire();
  [[nodiscard]] std::map<std::string, std::string> truth() const;  // name -> resourceVersion

  [[nodiscard]] FaultServer& http() { return server_; }

 private:
  struct Event {
    int version;
    std::string line;
  };
  void answer(const SeenRequest& request, Conversation& client);
  void list(const SeenRequest& request, Conversation& client, bool byte_by_byte);
  static bool send(Conversation& client, std::string_view text, bool byte_by_byte);  // in chunks
  void watch(const SeenRequest& request, Conversation& client, bool byte_by_byte);
  void log(std::string_view type, const std::string& name, int version) REQUIRES(mutex_);

  const bool offers_streams_;
  mutable Mutex mutex_;
  std::map<std::string, std::string> truth_ GUARDED_BY(mutex_);
  std::vector<Event> events_ GUARDED_BY(mutex_);
  int version_ GUARDED_BY(mutex_) = 100;
  int oldest_ GUARDED_BY(mutex_) = 0;  // versions before it are expired
  std::string fault_ GUARDED_BY(mutex_);
  FaultServer server_;  // last: its threads use the rest
};

}  // namespace meshgraft::test
