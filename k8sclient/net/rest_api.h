#pragma once
// The Api over HTTPS (or plain HTTP, for kubectl proxy and tests). Made by cmd once; used from any thread.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "k8sclient/base/result.h"
#include "k8sclient/net/api.h"
#include "k8sclient/net/credentials.h"
#include "k8sclient/net/stream_gauge.h"

namespace meshgraft {

// One finished request, for the rest_client_* metrics.
struct CallReport {
  std::string_view verb;  // GET, LIST, WATCH, POST, PUT, PATCH, DELETE
  int code = 0;           // HTTP status, 0 when no answer came
  double seconds = 0;     // a watch: until it ended
};

struct RestOptions {
  std::string program = "meshgraft", version = "dev";  // for User-Agent: "<program>/<version> (linux/amd64)"
  // Of a whole call: waiting for a place, its retry on a new connection and its repeat after a 401. Nothing of it is
  // sent later, even if a credential plugin took longer than that.
  std::chrono::milliseconds call_deadline{10'000};
  std::chrono::milliseconds watch_idle{75'000};  // a watch without a byte for so long is dead
  std::chrono::milliseconds watch_first_answer{30'000};  // until a watch's headers
  std::chrono::milliseconds credential_refresh{60'000};  // how old a credential read from a file may get
  std::size_t in_flight = 16;                            // calls at the same time
  bool yields = true;         // a 429 pauses all calls of this Api for its Retry-After; false for leader election
  bool bound_server = false;  // writes carry timeout=, what is left of the deadline: the server gives up when we do
  bool stream_lists = false;  // WatchList is asked for where Api::streams_lists() is heeded
  StreamGauge* gauge = nullptr;                          // counts bytes read ahead of slow consumers; outlives the Api
  std::size_t watch_cap = std::size_t{1} << 20;          // bytes read ahead of a slow consumer of a watch
  std::size_t answer_cap = std::size_t{256} << 20;       // bytes of an answer; a page of 500 objects of 300 kB has 150 MB
  std::function<void(const CallReport&)> observer;       // called on the requesting thread; empty for none
};

// Makes no request. Errors: a CA, certificate or key that cannot be used, a server URL that cannot be dialled, a
// token for a plain http:// server.
Result<std::unique_ptr<Api>> make_rest_api(const ClientConfig& config, RestOptions options = {});

}  // namespace meshgraft
