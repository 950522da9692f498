#include "k8sclient/net/cpprest_exchange.h"

#include <cpprest/http_client.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "k8sclient/net/write_time.h"

namespace meshgraft {
namespace {

namespace http = web::http;
using ByteBuffer = Concurrency::streams::details::streambuf_state_manager<std::uint8_t>;
using ByteStreambuf = Concurrency::streams::streambuf<std::uint8_t>;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kCancelGrace{2};  // a cancelled request ended within 4 ms when measured; a resolver may hang

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
    const auto resume = [drained, size] { post_to_io_thread([drained, size] { drained.set(size); }); };
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

BodyPipe::Head head_of(const http::http_response& answer) {
  const auto header = [&answer](const char* name) {
    const auto found = answer.headers().find(name);
    return found == answer.headers().end() ? std::string() : found->second;
  };
  return {answer.status_code(),
          header("Content-Type"),
          header("Retry-After"),
          header("Location"),
          header("Content-Encoding"),
          header("X-Kubernetes-PF-FlowSchema-UID"),
          header("X-Kubernetes-PF-PriorityLevel-UID")};
}

// Fills `pipe` from what the library answers, on its thread.
void follow(const pplx::task<http::http_response>& request, const std::shared_ptr<BodyPipe>& pipe) {
  request.then([pipe](const pplx::task<http::http_response>& answered) {
    try {
      const http::http_response answer = answered.get();
      pipe->begin(head_of(answer));
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
}

}  // namespace

struct Exchange::Library {
  std::shared_ptr<RequestBuffer> body;  // null without one
  pplx::cancellation_token_source cancellation;
};

Exchange::Exchange(HttpClient& client, const HttpRequest& request, const std::string& user_agent, const Limits& limits)
    : pipe_(std::make_shared<BodyPipe>(limits.cap, limits.gauge)), library_(std::make_shared<Library>()) {
  try {
    http::http_request message(request.method);
    const WriteTime time = request.tells_limit ? write_time(limits.deadline, steady_clock::now(), limits.again)
                                               : WriteTime{limits.deadline, {}};
    message.set_request_uri(web::uri(request.tells_limit ? with_timeout(request.target, time.server) : request.target));
    message.headers().add("Accept", "application/json");
    message.headers().add("User-Agent", user_agent);
    if (!request.token.empty()) message.headers().add("Authorization", "Bearer " + request.token);
    if (!request.body.empty()) {
      library_->body = std::make_shared<RequestBuffer>(request.body, time.body_until);
      message.set_body(ByteStreambuf(library_->body).create_istream(), request.body.size(), request.content_type);
    }
    message.set_response_stream(ByteStreambuf(std::make_shared<AnswerBuffer>(pipe_)).create_ostream());
    follow(client.request(message, library_->cancellation.get_token()), pipe_);
  } catch (...) {
    pipe_->end(broken_end(std::current_exception()));
  }
}

bool Exchange::may_have_been_read() const { return library_->body == nullptr || library_->body->touched(); }

// Cancelling from any other thread races with asio's TLS operations.
void Exchange::cancel() {
  post_to_io_thread([library = library_] { library->cancellation.cancel(); });
  pipe_->abandon();
  pipe_->wait_end_only(steady_clock::now() + kCancelGrace);
}

}  // namespace meshgraft
