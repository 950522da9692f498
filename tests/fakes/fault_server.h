#pragma once
// FaultServer: an HTTP/1.1 server on loopback that answers exactly what a test tells it to, over TLS or in the clear,
// and misbehaves on demand. Used by the wire tests. A thread per connection; knows nothing of Kubernetes.

#include <openssl/ossl_typ.h>

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "k8sclient/base/mutex.h"

namespace meshgraft::test {

struct SeenRequest {
  std::string method, target, body;
  std::map<std::string, std::string> headers;  // names in lower case
  int connection = 0;                          // from 1, in the order of accepting
  int number = 0;                              // from 1, over all connections
};

// One connection, as a script sees it. Every call that writes returns false once the client is gone.
class Conversation {
 public:
  virtual ~Conversation() = default;

  // A whole answer with Content-Length. `headers`: complete lines, each ending in "\r\n".
  virtual bool answer(int status, std::string_view content_type, std::string_view body,
                      std::string_view headers = "") = 0;
  bool answer_json(std::string_view body) { return answer(200, "application/json", body); }

  // A chunked answer, piece by piece.
  virtual bool begin(int status, std::string_view content_type) = 0;
  virtual bool chunk(std::string_view bytes) = 0;
  virtual bool finish() = 0;

  virtual bool raw(std::string_view bytes) = 0;  // bytes as they are
  virtual void hang() = 0;                       // neither reads nor writes until the client or the test ends it
  virtual void reset() = 0;                      // RST
  virtual void close() = 0;                      // FIN, without a TLS goodbye
};

class FaultServer {
 public:
  struct Options {
    std::string certificate_pem, key_pem;  // "" for plain HTTP
    std::string client_ca_pem;             // asks for a client certificate of this CA, "" for none
    std::string greeting;                  // sent in the clear before anything is read, "" for none
    int highest_tls = 0;                   // such as TLS1_1_VERSION; 0 for OpenSSL's own
  };
  using Script = std::function<void(const SeenRequest&, Conversation&)>;

  // Listens on a free port of 127.0.0.1. `script` is called for every request, on its connection's thread; when it
  // returns without having closed, the next request of the connection is read.
  FaultServer(Options options, Script script);
  ~FaultServer();
  FaultServer(const FaultServer&) = delete;
  FaultServer& operator=(const FaultServer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const;        // by address
  [[nodiscard]] std::string named_url() const;  // by the name localhost

  // From the next connection on: says nothing, not even the TLS handshake, and reads nothing.
  void drop_silently(bool yes) { drop_ = yes; }

  // Called on each new connection's thread before anything is read; to be set before the first.
  void before_handshake(std::function<void()> act) { before_handshake_ = std::move(act); }

  [[nodiscard]] std::vector<SeenRequest> requests() const;
  [[nodiscard]] int connections() const;

  // Blocks until so many requests were read; false after 120 s.
  bool wait_for_requests(std::size_t count);
  // Blocks until at least so many clients' connections have ended; false after 120 s.
  bool wait_for_closed(int count);

 private:
  class Connection;
  void accept_all();
  void serve(Connection& connection);

  const Options options_;
  const Script script_;
  std::function<void()> before_handshake_;
  SSL_CTX* tls_ = nullptr;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> drop_{false}, stopping_{false};
  mutable Mutex mutex_;
  Condition changed_;
  std::vector<SeenRequest> seen_ GUARDED_BY(mutex_);
  std::list<Connection> open_ GUARDED_BY(mutex_);
  int closed_ GUARDED_BY(mutex_) = 0;
  std::thread acceptor_;
};

}  // namespace meshgraft::test
