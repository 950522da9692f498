#pragma once
// ApiServer: an Engine behind HTTP or HTTPS on loopback, as kubectl and any Kubernetes client expect it. Started by
// the sandbox and by wire tests. A thread per connection; the engine does the locking.

#include <atomic>
#include <memory>
#include <string>

#include "k8sclient/base/result.h"
#include "tests/fakes/engine.h"
#include "tests/fakes/request.h"

struct mg_context;
struct mg_connection;

namespace meshgraft::fakes {

struct ServeOptions {
  int port = 0;         // 0: any free one
  bool tls = true;
  std::string token;    // asked from every request but probes; "" lets everybody in
};

// The answer to everything but a watch. Used by ApiServer for each request and by tests without a socket.
Answer answer_to(const Request& request, Engine& engine);

class ApiServer {
 public:
  // Listens when it returns. `engine` outlives the server. Errors: port taken, no TLS in the HTTP library.
  static Result<std::unique_ptr<ApiServer>> start(Engine& engine, ServeOptions options);
  // Ends every watch and waits for all connections.
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::string url() const;
  // A kubeconfig with server, CA and token in it.
  [[nodiscard]] std::string kubeconfig() const;

 private:
  ApiServer(Engine& engine, ServeOptions options) : engine_(engine), options_(std::move(options)) {}
  static int on_request(mg_connection* connection, void* self);
  int serve(mg_connection* connection);
  void watch(mg_connection* connection, const Request& request, const Target& target);

  Engine& engine_;
  const ServeOptions options_;
  std::string certificate_pem_, certificate_file_;
  int port_ = 0;
  std::atomic<bool> stopping_{false};
  mg_context* context_ = nullptr;
};

}  // namespace meshgraft::fakes
