#pragma once
// Transport: one HTTP request to one server, with deadlines, and streams that can be stopped from any thread. Called by
// rest_api. Its requests go through cpprest_exchange and cpprest_client, the only places that know the HTTP library.
// Never follows a redirect, never logs a request, never throws.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "k8sclient/base/clock.h"
#include "k8sclient/base/result.h"

namespace meshgraft {

class StreamGauge;
class TlsContext;

struct HttpRequest {
  std::string method;        // GET, PUT, PATCH, POST, DELETE
  std::string target;        // path and query below the server's URL, percent-encoded, from its leading "/"
  std::string body;          // "" for none
  std::string content_type;  // of the body
  std::string token;         // sent as Authorization: Bearer; "" for none
  Time deadline{};           // of a send(): nothing of it goes out later; the epoch for TransportOptions::call_deadline
  bool tells_limit = false;  // of a send(): the target gets `timeout=`, what is left of the deadline when it is sent
};

// Of the headers what somebody reads, "" when absent.
struct HttpHead {
  int status = 0;
  std::string content_type, retry_after, location;
  std::string content_encoding;  // we ask for none
  std::string flow_schema, priority_level;  // UIDs: how the server's priority and fairness classed the request
};

struct HttpResponse : HttpHead {
  std::string body;  // "" after a stream whose bytes went to on_bytes
};

enum class TransportFault : std::uint8_t {
  cancelled,  // stopped by us
  timeout,    // a deadline of ours passed
  tls,        // the server's certificate was refused, or the handshake failed for it
  broken,     // refused, reset, closed early, not HTTP
  too_large,  // the answer is larger than TransportOptions::body_cap
  paused,     // not sent: the server asked for a pause (429 with Retry-After) that outlasts the deadline
};

struct TransportError {
  TransportFault fault = TransportFault::broken;
  std::string message;  // for people, names the server, never holds a token
  bool sent = true;     // false when the request surely never reached the server
  std::chrono::seconds pause{0};  // paused: what is left of it
};

using TransportResult = Result<HttpResponse, TransportError>;

struct TransportOptions {
  std::string server;                     // https://host:port or http://host:port, with a path prefix if it has one
  std::shared_ptr<const TlsContext> tls;  // null for http://
  std::string user_agent;
  std::chrono::milliseconds call_deadline{10'000};  // of a whole send(), its retry included
  std::chrono::milliseconds first_answer{30'000};   // of a stream: until its headers
  std::chrono::milliseconds stream_idle{75'000};    // of a stream: without a byte; the server sends a bookmark a minute
  std::size_t in_flight = 16;                       // sends at the same time; more of them wait
  bool yields = true;                               // after 429 pause all sends and run fewer of them; call_slots.h
  std::size_t stream_cap = std::size_t{1} << 20;    // bytes read ahead of a slow consumer of a stream
  std::size_t body_cap = std::size_t{256} << 20;    // bytes of the answer to a send()
  StreamGauge* gauge = nullptr;                     // counts the bytes that wait for consumers of streams; outlives this
};

class Transport {
 public:
  virtual ~Transport() = default;

  // Sends and reads the whole answer, of any status. A connection that breaks before the answer's headers is tried once
  // more on a new one, except for POST once its body was on the way: that may have been carried out. The retry ends at
  // the first try's deadline, and a body is never begun after it, however long the process or its IO thread stood still.
  // With tells_limit the server's time ends within kConnectAllowance of the deadline (write_time.h): a connection that
  // takes longer than that is given up, and the retry allots its time anew.
  virtual TransportResult send(const HttpRequest& request) = 0;

  // Sends and hands the body of a 2xx answer to `on_bytes` on the calling thread as it arrives, in pieces of any size,
  // until the server ends it or on_bytes returns false: both are success. When nothing came within a second of a 2xx,
  // on_bytes is called once with "". A consumer that is slow slows the server down
  // once stream_cap bytes wait. Other statuses come back with their body, unstreamed.
  virtual TransportResult stream(const HttpRequest& request, const std::function<bool(std::string_view)>& on_bytes) = 0;

  // Ends every running stream with TransportFault::cancelled; streams started later work. From any thread.
  virtual void stop_streams() = 0;
};

// Starts the HTTP library's only thread; to be called first in main, before any other thread, because it hides the
// system's CA bundle from OpenSSL's defaults (reading it costs 23 ms of CPU a connection). Later calls do nothing.
void init_transport();

// The error is a server URL that the HTTP library does not take.
Result<std::unique_ptr<Transport>> make_transport(const TransportOptions& options);

}  // namespace meshgraft
