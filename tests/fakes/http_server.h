#pragma once
// HttpServer: HTTP/1.1 on loopback, in the clear or over TLS, with answers that may stream. Used by api_http. A thread
// per connection; knows nothing of Kubernetes. (Debian 12's civetweb crashes on its first TLS connection: it was
// built for OpenSSL 1.1 and calls a function that OpenSSL 3 no longer has.)

#include <openssl/ossl_typ.h>

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "k8sclient/base/mutex.h"
#include "k8sclient/base/result.h"

namespace meshgraft::fakes {

struct HttpHead {
  std::string method, target;                  // target with its query, percent-encoded
  std::map<std::string, std::string> headers;  // names in lower case
  [[nodiscard]] std::string header(const std::string& name) const;
};

// One request and the way to answer it; every writer returns false once the client is gone.
class Exchange {
 public:
  virtual ~Exchange() = default;
  HttpHead head;
  std::string body;

  virtual bool answer(int code, std::string_view content_type, std::string_view text) = 0;
  // A chunked 200 answer: begin, chunks, end.
  virtual bool begin(std::string_view content_type) = 0;
  virtual bool chunk(std::string_view bytes) = 0;
  virtual bool end() = 0;
  // True when the client has closed its side, or the server stops.
  virtual bool is_over() = 0;
};

class HttpServer {
 public:
  using Handler = std::function<void(Exchange&)>;

  // Listens on 127.0.0.1 when it returns; `port` 0 takes a free one. With a certificate and key (PEM) it speaks TLS.
  // `handler` is called on connection threads, several at once. Ignores SIGPIPE for the process.
  static Result<std::unique_ptr<HttpServer>> start(int port, const std::string& certificate_pem,
                                                   const std::string& key_pem, Handler handler);
  // Breaks every connection and waits for their threads. Handlers that block must look at is_over().
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] int port() const { return port_; }

 private:
  struct Client {
    int fd = -1;
    std::atomic<bool> done{false};
    std::thread thread;
  };
  explicit HttpServer(Handler handler) : handler_(std::move(handler)) {}
  void accept_clients();
  void serve(Client& client);
  void join_finished();

  const Handler handler_;
  int listener_ = -1, port_ = 0;
  SSL_CTX* tls_ = nullptr;
  std::atomic<bool> stopping_{false};
  Mutex mutex_;
  std::list<Client> clients_ GUARDED_BY(mutex_);
  std::thread accepter_;
};

}  // namespace meshgraft::fakes
