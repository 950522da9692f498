#include "k8sclient/net/transport.h"

#include <openssl/err.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "k8sclient/net/body_pipe.h"
#include "k8sclient/net/call_slots.h"
#include "k8sclient/net/cpprest_client.h"
#include "k8sclient/net/cpprest_exchange.h"
#include "k8sclient/net/server_url.h"
#include "k8sclient/net/tls_context.h"

namespace meshgraft {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Bytes that the library reads at a time, a buffer a connection. Most watches are idle; lists are megabytes.
constexpr std::size_t kStreamChunk = std::size_t{16} * 1024, kCallChunk = std::size_t{64} * 1024;
// A stream that is accepted only to be refused inside it brings its ERROR event with the headers (kube-apiserver cacher.go).
constexpr seconds kAccepted{1};

milliseconds step_limit(const TransportOptions& options) { return options.call_deadline + seconds(5); }

class HttpTransport final : public Transport {
 public:
  HttpTransport(TransportOptions options, ServerUrl url, std::shared_ptr<HttpClient> calls)
      : options_(std::move(options)),
        url_(std::move(url)),
        slots_(options_.in_flight, options_.yields),
        calls_(std::move(calls)) {}

  TransportResult send(const HttpRequest& request) override {
    const Time deadline = request.deadline == Time{} ? steady_clock::now() + options_.call_deadline : request.deadline;
    const CallSlots::Slot slot(slots_, deadline);
    const Time begin = steady_clock::now();
    if (const Duration pause = slots_.pause_left(begin); !slot && pause > Duration::zero()) {
      Unexpected<TransportError> told = fault(TransportFault::paused, "asked for a pause that is not over", false);
      told.error().pause = std::chrono::ceil<seconds>(pause);
      return told;
    }
    if (!slot || begin >= deadline) return fault(TransportFault::timeout, "had no free connection in time", false);
    const std::shared_ptr<HttpClient> client = calls();
    Attempt attempt = call(*client, request, deadline);
    if (attempt.retry) attempt = call(*fresh_calls(client), request, deadline, true);
    if (attempt.result) slots_.answered(attempt.result->status, attempt.result->retry_after, steady_clock::now());
    return std::move(attempt.result);
  }

  TransportResult stream(const HttpRequest& request, const std::function<bool(std::string_view)>& on_bytes) override {
    // A client of its own: a new connection each time, so no stale one, and nothing is pooled after it. The library's
    // own limit only backs ours up, and must outlast a consumer that pauses the stream.
    const Result<std::shared_ptr<HttpClient>> client = make_http_client(
        url_, options_.tls, std::max<milliseconds>(4 * options_.stream_idle, seconds(300)), kStreamChunk);
    if (!client) return fault(TransportFault::broken, "cannot be asked: " + client.error().text, false);
    const std::uint64_t refused = refusals();
    Exchange exchange(**client, request, options_.user_agent, {options_.stream_cap, options_.gauge});
    const StreamEntry entry(*this, exchange.pipe());
    BodyPipe& pipe = *exchange.pipe();
    BodyPipe::Seen seen = pipe.wait_head(steady_clock::now() + options_.first_answer);
    if (seen != BodyPipe::Seen::head) return broken_off(exchange, seen, options_.first_answer, refused);
    HttpResponse response{pipe.head_seen(), {}};
    const bool wanted = response.status >= 200 && response.status < 300;
    std::string piece;
    if (wanted && options_.stream_idle > kAccepted) {
      seen = pipe.wait_bytes(piece, kAccepted);
      if ((seen == BodyPipe::Seen::bytes || seen == BodyPipe::Seen::deadline) && !on_bytes(piece)) {
        exchange.cancel();
        return response;
      }
    }
    while ((seen = pipe.wait_bytes(piece, options_.stream_idle)) == BodyPipe::Seen::bytes) {
      if (!wanted) {
        response.body += piece;
        if (response.body.size() < options_.stream_cap) continue;
      } else if (on_bytes(piece)) {
        continue;
      }
      exchange.cancel();
      return response;
    }
    if (seen == BodyPipe::Seen::end && pipe.end_seen().complete) return response;
    return broken_off(exchange, seen, options_.stream_idle, refused);
  }

  void stop_streams() override {
    MutexLock lock(mutex_);
    for (const std::shared_ptr<BodyPipe>& pipe : streams_) pipe->stop();
  }

 private:
  struct Attempt {
    TransportResult result;
    bool retry = false;
  };

  // A running stream's place in the list that stop_streams goes through.
  class StreamEntry {
   public:
    StreamEntry(HttpTransport& owner, std::shared_ptr<BodyPipe> pipe) : owner_(owner), pipe_(std::move(pipe)) {
      MutexLock lock(owner_.mutex_);
      owner_.streams_.push_back(pipe_);
    }
    ~StreamEntry() {
      MutexLock lock(owner_.mutex_);
      std::erase(owner_.streams_, pipe_);
    }
    StreamEntry(const StreamEntry&) = delete;
    StreamEntry& operator=(const StreamEntry&) = delete;

   private:
    HttpTransport& owner_;
    const std::shared_ptr<BodyPipe> pipe_;
  };

  Attempt call(HttpClient& client, const HttpRequest& request, Time deadline, bool again = false) {
    const std::uint64_t refused = refusals();
    Exchange exchange(client, request, options_.user_agent, {options_.body_cap, nullptr, deadline, again});
    BodyPipe& pipe = *exchange.pipe();
    const BodyPipe::Seen seen = pipe.wait_end(deadline);
    if (seen == BodyPipe::Seen::end && pipe.end_seen().complete) {
      HttpResponse response{pipe.head_seen(), {}};
      (void)pipe.wait_bytes(response.body, milliseconds(0));
      return {std::move(response)};
    }
    if (seen == BodyPipe::Seen::bytes) {
      exchange.cancel();
      return {fault(TransportFault::too_large,
                    "sent an answer of more than " + std::to_string(options_.body_cap >> 20) + " MiB")};
    }
    const bool before_headers = !pipe.has_head();
    TransportResult result = broken_off(exchange, seen, options_.call_deadline, refused);
    const bool repeatable = request.method != "POST" || !result.error().sent;
    const bool retry = before_headers && repeatable && result.error().fault == TransportFault::broken &&
                       steady_clock::now() < deadline;
    return {std::move(result), retry};
  }

  [[nodiscard]] std::uint64_t refusals() const {
    return options_.tls == nullptr ? 0 : options_.tls->refusals().count;
  }

  // Why an exchange ended without its whole answer. Never judges by an error's text. `refused`: refusals() before it.
  TransportResult broken_off(Exchange& exchange, BodyPipe::Seen seen, milliseconds limit, std::uint64_t refused) const {
    const bool answering = exchange.pipe()->has_head();
    const bool touched = exchange.may_have_been_read();
    if (seen != BodyPipe::Seen::end) exchange.cancel();
    if (seen == BodyPipe::Seen::stopped) return fault(TransportFault::cancelled, "was cancelled", touched);
    if (seen != BodyPipe::Seen::end) {
      return fault(TransportFault::timeout,
                   (answering ? "fell silent for " : "gave no answer within ") + text_of(limit), touched);
    }
    const BodyPipe::End end = exchange.pipe()->end_seen();
    if (end.code == ETIMEDOUT) {
      return fault(TransportFault::timeout, "gave no answer in time (" + end.message + ")", touched);
    }
    if (options_.tls != nullptr && !answering) {
      const TlsContext::Refusals now = options_.tls->refusals();
      if (now.count != refused) return fault(TransportFault::tls, "was not trusted: " + now.last, false);
    }
    // cpprestsdk reports a refused connection as EHOSTUNREACH.
    if (end.code == EHOSTUNREACH || end.code == ENETUNREACH || end.code == ECONNREFUSED) {
      return fault(TransportFault::broken, "cannot be reached: connection refused or no route to host", false);
    }
    return fault(TransportFault::broken,
                 (answering ? "broke off its answer (" : "gave no answer (") + end.message + reason_of(end.code) + ")",
                 touched);
  }

  // ": Connection reset by peer". The library puts errno, OpenSSL's and asio's codes into one number.
  static std::string reason_of(int code) {
    if (code > 255) {
      const char* const reason = ERR_reason_error_string(static_cast<unsigned long>(code));
      return reason == nullptr ? "" : std::string(": ") + reason;
    }
    return code > 2 ? std::string(": ") + std::strerror(code) : "";  // 1 and 2 are ends of streams
  }

  Unexpected<TransportError> fault(TransportFault kind, const std::string& what, bool sent = true) const {
    return Unexpected<TransportError>({kind, "the server at " + url_.text() + " " + what, sent});
  }

  static std::string text_of(milliseconds limit) {
    return limit.count() % 1000 == 0 ? std::to_string(limit.count() / 1000) + " s"
                                     : std::to_string(limit.count()) + " ms";
  }

  std::shared_ptr<HttpClient> calls() {
    MutexLock lock(mutex_);
    return calls_;
  }

  // A client without pooled connections; callers that failed on the same old one share it.
  std::shared_ptr<HttpClient> fresh_calls(const std::shared_ptr<HttpClient>& failed) {
    MutexLock lock(mutex_);
    if (calls_ != failed) return calls_;
    if (Result<std::shared_ptr<HttpClient>> made =
            make_http_client(url_, options_.tls, step_limit(options_), kCallChunk))
      calls_ = std::move(*made);
    return calls_;
  }

  const TransportOptions options_;
  const ServerUrl url_;
  CallSlots slots_;
  Mutex mutex_;
  std::shared_ptr<HttpClient> calls_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<BodyPipe>> streams_ GUARDED_BY(mutex_);
};

}  // namespace

Result<std::unique_ptr<Transport>> make_transport(const TransportOptions& options) {
  init_transport();
  Result<ServerUrl> url = parse_server_url(options.server);
  if (!url) return Unexpected<Error>(url.error());
  if (url->https && options.tls == nullptr) return fail("an https:// server needs TLS settings");
  Result<std::shared_ptr<HttpClient>> calls = make_http_client(*url, options.tls, step_limit(options), kCallChunk);
  if (!calls) return fail("the server URL \"" + options.server + "\" cannot be used: " + calls.error().text);
  return std::unique_ptr<Transport>(std::make_unique<HttpTransport>(options, std::move(*url), std::move(*calls)));
}

}  // namespace meshgraft
