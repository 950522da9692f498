// The transport over cpprestsdk: the only file that includes cpprest, pplx or asio. What it does and avoids was
// measured on 2.10.18: one pool thread, cancellation only on that thread, own stream buffers, no silent resends of
// requests with a body, no redirects. IO-thread code never blocks; callers wait on a BodyPipe.

#include <cpprest/http_client.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pplx/threadpool.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>

#include "k8sclient/net/body_pipe.h"
#include "k8sclient/net/call_slots.h"
#include "k8sclient/net/keep_alive.h"
#include "k8sclient/net/server_url.h"
#include "k8sclient/net/tls_context.h"
#include "k8sclient/net/transport.h"
#include "k8sclient/net/write_time.h"

namespace meshgraft {
namespace {

namespace http = web::http;
using http::client::http_client;
using http::client::http_client_config;
using ByteBuffer = Concurrency::streams::details::streambuf_state_manager<std::uint8_t>;
using ByteStreambuf = Concurrency::streams::streambuf<std::uint8_t>;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Bytes that the library reads at a time, a buffer a connection. Most watches are idle; lists are megabytes.
constexpr std::size_t kStreamChunk = std::size_t{16} * 1024, kCallChunk = std::size_t{64} * 1024;
// A stream that is accepted only to be refused inside it brings its ERROR event with the headers (kube-apiserver cacher.go).
constexpr seconds kAccepted{1};
constexpr seconds kCancelGrace{2};  // a cancelled request ended within 4 ms when measured; a resolver may hang

boost::asio::io_service& io_service() { return crossplat::threadpool::shared_instance().service(); }

// The parts of cpprest's stream buffer that neither of our two directions has.
class HalfBuffer : public ByteBuffer {
 public:
  using ByteBuffer::ByteBuffer;
  [[nodiscard]] bool can_seek() const override { return false; }
  [[nodiscard]] bool has_size() const override { return false; }
  [[nodiscard]] std::size_t buffer_size(std::ios_base::openmode) const override { return 0; }
  void set_buffer_size(std::size_t, std::ios_base::openmode) override {}
  [[nodiscard]] std::size_t in_avail() const override { return 0; }
  [[nodiscard]] pos_type getpos(std::ios_base::openmode) const override { return -1; }
  pos_type seekpos(pos_type, std::ios_base::openmode) override { return -1; }
  pos_type seekoff(off_type, std::ios_base::seekdir, std::ios_base::openmode) override { return -1; }
  bool acquire(std::uint8_t*& data, std::size_t& size) override {
    data = nullptr;
    size = 0;
    return false;
  }
  void release(std::uint8_t*, std::size_t) override {}

 protected:
  pplx::task<int_type> _putc(std::uint8_t) override { return pplx::task_from_result<int_type>(traits::eof()); }
  pplx::task<std::size_t> _putn(const std::uint8_t*, std::size_t) override {
    return pplx::task_from_result<std::size_t>(0);
  }
  pplx::task<int_type> _bumpc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  int_type _sbumpc() override { return traits::eof(); }
  pplx::task<int_type> _getc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  int_type _sgetc() override { return traits::eof(); }
  pplx::task<int_type> _nextc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  pplx::task<int_type> _ungetc() override { return pplx::task_from_result<int_type>(traits::eof()); }
  pplx::task<std::size_t> _getn(std::uint8_t*, std::size_t) override { return pplx::task_from_result<std::size_t>(0); }
  std::size_t _scopy(std::uint8_t*, std::size_t) override { return 0; }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  std::uint8_t* _alloc(std::size_t) override { return nullptr; }
  void _commit(std::size_t) override {}
};

// The answer's body into the pipe. A full pipe leaves the task unfinished, which stops the reading of the socket.
class AnswerBuffer final : public HalfBuffer {
 public:
  explicit AnswerBuffer(std::shared_ptr<BodyPipe> pipe) : HalfBuffer(std::ios_base::out), pipe_(std::move(pipe)) {}

 protected:
  pplx::task<std::size_t> _putn(const std::uint8_t* data, std::size_t size) override {
    pplx::task_completion_event<std::size_t> drained;
    const auto resume = [drained, size] { io_service().post([drained, size] { drained.set(size); }); };
    const BodyPipe::Push taken = pipe_->push({reinterpret_cast<const char*>(data), size}, resume);
    // A refused piece is dropped: the request is being cancelled. Failing here would make the library wait, on its only
    // thread, for work of that thread.
    return taken == BodyPipe::Push::wait ? pplx::create_task(drained) : pplx::task_from_result(size);
  }

 private:
  const std::shared_ptr<BodyPipe> pipe_;
};

// The request's body. It cannot be rewound, so the library cannot send it a second time behind our back, and it knows
// whether any of it was asked for.
class RequestBuffer final : public HalfBuffer {
 public:
  RequestBuffer(std::string body, Time deadline)
      : HalfBuffer(std::ios_base::in), body_(std::move(body)), deadline_(deadline) {}
  [[nodiscard]] bool touched() const { return touched_; }
  [[nodiscard]] std::size_t in_avail() const override { return body_.size() - read_; }

 protected:
  pplx::task<std::size_t> _getn(std::uint8_t* data, std::size_t size) override {
    // A process that was stopped wakes up here: a body that begins now would reach the server after its time. Without a
    // body the library gives the request up, and the server carries out nothing.
    if (steady_clock::now() >= deadline_) return pplx::task_from_result<std::size_t>(0);
    touched_ = true;
    const std::size_t piece = std::min(size, body_.size() - read_);
    std::memcpy(data, body_.data() + read_, piece);
    read_ += piece;
    return pplx::task_from_result(piece);
  }

 private:
  const std::string body_;
  const Time deadline_;
  std::size_t read_ = 0;  // IO thread only
  std::atomic<bool> touched_{false};
};

BodyPipe::End broken_end(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const http::http_exception& e) {
    return {false, e.error_code().value(), e.what()};
  } catch (const std::exception& e) {
    return {false, 0, e.what()};
  } catch (...) {
    return {false, 0, "unknown failure"};
  }
}

std::string header(const http::http_response& answer, const char* name) {
  const auto found = answer.headers().find(name);
  return found == answer.headers().end() ? std::string() : found->second;
}

// One request on its way. Everything the IO thread touches is shared, so the caller may leave before it ends.
struct Exchange {
  std::shared_ptr<BodyPipe> pipe;
  std::shared_ptr<RequestBuffer> body;  // null without one
  pplx::cancellation_token_source cancellation;
  std::uint64_t refusals_before = 0;

  // Cancelling from any other thread races with asio's TLS operations.
  void cancel() {
    io_service().post([source = cancellation]() { source.cancel(); });
    pipe->abandon();
    pipe->wait_end_only(steady_clock::now() + kCancelGrace);
  }
};

class CpprestTransport final : public Transport {
 public:
  CpprestTransport(TransportOptions options, ServerUrl url)
      : options_(std::move(options)),
        url_(std::move(url)),
        slots_(options_.in_flight, options_.yields),
        calls_(make_client(options_.call_deadline + seconds(5))) {}

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
    const std::shared_ptr<http_client> client = calls();
    Attempt attempt = call(*client, request, deadline);
    if (attempt.retry) attempt = call(*fresh_calls(client), request, deadline, true);
    if (attempt.result) slots_.answered(attempt.result->status, attempt.result->retry_after, steady_clock::now());
    return std::move(attempt.result);
  }

  TransportResult stream(const HttpRequest& request, const std::function<bool(std::string_view)>& on_bytes) override {
    // A client of its own: a new connection each time, so no stale one, and nothing is pooled after it. The library's
    // own limit only backs ours up, and must outlast a consumer that pauses the stream.
    const std::shared_ptr<http_client> client =
        make_client(std::max<milliseconds>(4 * options_.stream_idle, seconds(300)), kStreamChunk);
    Exchange exchange = start(*client, request, options_.stream_cap, Time::max(), options_.gauge);
    const StreamEntry entry(*this, exchange.pipe);
    BodyPipe& pipe = *exchange.pipe;
    BodyPipe::Seen seen = pipe.wait_head(steady_clock::now() + options_.first_answer);
    if (seen != BodyPipe::Seen::head) return broken_off(exchange, seen, options_.first_answer);
    HttpResponse response = response_of(pipe.head_seen());
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
    return broken_off(exchange, seen, options_.stream_idle);
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
    StreamEntry(CpprestTransport& owner, std::shared_ptr<BodyPipe> pipe) : owner_(owner), pipe_(std::move(pipe)) {
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
    CpprestTransport& owner_;
    const std::shared_ptr<BodyPipe> pipe_;
  };

  Attempt call(http_client& client, const HttpRequest& request, Time deadline, bool again = false) {
    Exchange exchange = start(client, request, options_.body_cap, deadline, nullptr, again);
    BodyPipe& pipe = *exchange.pipe;
    const BodyPipe::Seen seen = pipe.wait_end(deadline);
    if (seen == BodyPipe::Seen::end && pipe.end_seen().complete) {
      HttpResponse response = response_of(pipe.head_seen());
      (void)pipe.wait_bytes(response.body, milliseconds(0));
      return {std::move(response)};
    }
    if (seen == BodyPipe::Seen::bytes) {
      exchange.cancel();
      return {fault(TransportFault::too_large,
                    "sent an answer of more than " + std::to_string(options_.body_cap >> 20) + " MiB")};
    }
    const bool before_headers = !pipe.has_head();
    TransportResult result = broken_off(exchange, seen, options_.call_deadline);
    const bool repeatable = request.method != "POST" || !result.error().sent;
    const bool retry = before_headers && repeatable && result.error().fault == TransportFault::broken &&
                       steady_clock::now() < deadline;
    return {std::move(result), retry};
  }

  Exchange start(http_client& client, const HttpRequest& request, std::size_t cap, Time deadline,
                 StreamGauge* gauge, bool again = false) const {
    Exchange exchange;
    exchange.pipe = std::make_shared<BodyPipe>(cap, gauge);
    if (options_.tls != nullptr) exchange.refusals_before = options_.tls->refusals().count;
    const std::shared_ptr<BodyPipe> pipe = exchange.pipe;
    try {
      http::http_request message(request.method);
      const WriteTime time =
          request.tells_limit ? write_time(deadline, steady_clock::now(), again) : WriteTime{deadline, {}};
      message.set_request_uri(
          web::uri(request.tells_limit ? with_timeout(request.target, time.server) : request.target));
      message.headers().add("Accept", "application/json");
      message.headers().add("User-Agent", options_.user_agent);
      if (!request.token.empty()) message.headers().add("Authorization", "Bearer " + request.token);
      if (!request.body.empty()) {
        exchange.body = std::make_shared<RequestBuffer>(request.body, time.body_until);
        message.set_body(ByteStreambuf(exchange.body).create_istream(), request.body.size(), request.content_type);
      }
      message.set_response_stream(ByteStreambuf(std::make_shared<AnswerBuffer>(pipe)).create_ostream());
      client.request(message, exchange.cancellation.get_token())
          .then([pipe](const pplx::task<http::http_response>& answered) {
            try {
              const http::http_response answer = answered.get();
              pipe->begin({answer.status_code(), header(answer, "Content-Type"), header(answer, "Retry-After"),
                           header(answer, "Location"), header(answer, "Content-Encoding")});
              answer.content_ready().then([pipe](const pplx::task<http::http_response>& whole) {
                try {
                  (void)whole.get();
                  pipe->end({});
                } catch (...) {
                  pipe->end(broken_end(std::current_exception()));
                }
              });
            } catch (...) {
              pipe->end(broken_end(std::current_exception()));
            }
          });
    } catch (...) {
      pipe->end(broken_end(std::current_exception()));
    }
    return exchange;
  }

  // Why an exchange ended without its whole answer. Never judges by an error's text.
  TransportResult broken_off(Exchange& exchange, BodyPipe::Seen seen, milliseconds limit) const {
    const bool answering = exchange.pipe->has_head();
    const bool touched = exchange.body == nullptr || exchange.body->touched();
    if (seen != BodyPipe::Seen::end) exchange.cancel();
    if (seen == BodyPipe::Seen::stopped) return fault(TransportFault::cancelled, "was cancelled", touched);
    if (seen != BodyPipe::Seen::end) {
      return fault(TransportFault::timeout,
                   (answering ? "fell silent for " : "gave no answer within ") + text_of(limit), touched);
    }
    const BodyPipe::End end = exchange.pipe->end_seen();
    if (end.code == ETIMEDOUT) {
      return fault(TransportFault::timeout, "gave no answer in time (" + end.message + ")", touched);
    }
    if (options_.tls != nullptr && !answering) {
      const TlsContext::Refusals refusals = options_.tls->refusals();
      if (refusals.count != exchange.refusals_before)
        return fault(TransportFault::tls, "was not trusted: " + refusals.last, false);
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

  static HttpResponse response_of(BodyPipe::Head head) {
    return {head.status,
            std::move(head.content_type),
            std::move(head.retry_after),
            std::move(head.location),
            std::move(head.content_encoding),
            {}};
  }

  [[nodiscard]] std::shared_ptr<http_client> make_client(milliseconds step_limit,
                                                         std::size_t chunk = kCallChunk) const {
    http_client_config config;
    config.set_timeout(step_limit);
    config.set_chunksize(chunk);
    config.set_max_redirects(0);  // a redirect would carry the token to another host
    config.set_tlsext_sni_enabled(false);
    const std::shared_ptr<const TlsContext> tls = options_.tls;
    const bool https = url_.https, ipv4 = url_.ip;
    if (https) {
      config.set_ssl_context_callback([tls](boost::asio::ssl::context& context) {
        if (tls == nullptr || !tls->apply(context.native_handle())) throw std::runtime_error("TLS set-up failed");
      });
    }
    config.set_nativehandle_options(
        [tls, https, ipv4](http::client::native_handle handle) { set_up_socket(handle, tls, https, ipv4); });
    auto owned = std::make_shared<http_client>(url_.text(), config);
    // The last holder may be any thread; the pool's sockets and timer are better closed on theirs.
    http_client* const raw = owned.get();
    return {raw, [owned = std::move(owned)](http_client*) mutable { io_service().post([last = std::move(owned)] {}); }};
  }

  // Called before the connect, and again for each reuse. Only an IPv4 address tells the family that the socket must be
  // opened with; connections to a DNS name go without TCP keep-alive, and our own limits find their stalls.
  static void set_up_socket(http::client::native_handle handle, const std::shared_ptr<const TlsContext>& tls,
                            bool https, bool ipv4) {
    using boost::asio::ip::tcp;
    auto* const secure = https ? static_cast<boost::asio::ssl::stream<tcp::socket&>*>(handle) : nullptr;
    auto& socket = https ? secure->next_layer() : *static_cast<tcp::socket*>(handle);
    if (socket.is_open()) return;
    if (https && !tls->sni().empty()) SSL_set_tlsext_host_name(secure->native_handle(), tls->sni().c_str());
    if (!ipv4) return;
    boost::system::error_code failed;
    socket.open(tcp::v4(), failed);
    if (failed) return;  // the connect will open it, and report
    keep_alive(socket.native_handle());
  }

  std::shared_ptr<http_client> calls() {
    MutexLock lock(mutex_);
    return calls_;
  }

  // A client without pooled connections; callers that failed on the same old one share it.
  std::shared_ptr<http_client> fresh_calls(const std::shared_ptr<http_client>& failed) {
    MutexLock lock(mutex_);
    if (calls_ == failed) calls_ = make_client(options_.call_deadline + seconds(5));
    return calls_;
  }

  const TransportOptions options_;
  const ServerUrl url_;
  CallSlots slots_;
  Mutex mutex_;
  std::shared_ptr<http_client> calls_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<BodyPipe>> streams_ GUARDED_BY(mutex_);
};

}  // namespace

void init_transport() {
  static std::once_flag once;
  std::call_once(once, [] {
    hide_system_cas();
    crossplat::threadpool::initialize_with_threads(1);  // more are slower, and race on cancellation
  });
}

Result<std::unique_ptr<Transport>> make_transport(const TransportOptions& options) {
  init_transport();
  Result<ServerUrl> url = parse_server_url(options.server);
  if (!url) return Unexpected<Error>(url.error());
  if (url->https && options.tls == nullptr) return fail("an https:// server needs TLS settings");
  try {
    return std::unique_ptr<Transport>(std::make_unique<CpprestTransport>(options, *url));
  } catch (const std::exception& e) {
    return fail("the server URL \"" + options.server + "\" cannot be used: " + e.what());
  }
}

}  // namespace meshgraft
