#pragma once
// ApiServer: an Engine behind HTTP or HTTPS on loopback, as kubectl and any Kubernetes client expect it. Started by
// the sandbox and by wire tests. A thread per connection; the engine does the locking.

#include <memory>
#include <string>

#include "k8sclient/base/result.h"
#include "tests/fakes/engine.h"
#include "tests/fakes/http_server.h"
#include "tests/fakes/request.h"

namespace meshgraft::fakes {

struct ServeOptions {
  int port = 0;  // 0: any free one
  bool tls = true;
  std::string token;  // asked from every request but probes; "" lets everybody in
};

// The answer to everything but a watch. Used by ApiServer for each request and by tests without a socket.
Answer answer_to(const Request& request, Engine& engine);

class ApiServer {
 public:
  // Listens when it returns. `engine` outlives the server. Errors: the port is taken.
  static Result<std::unique_ptr<ApiServer>> start(Engine& engine, ServeOptions options);
  // Its end ends every watch and waits for all connections.

  [[nodiscard]] int port() const { return server_->port(); }
  [[nodiscard]] std::string url() const;
  // A kubeconfig with server, CA and token in it.
  [[nodiscard]] std::string kubeconfig() const;

 private:
  ApiServer(Engine& engine, ServeOptions options) : engine_(engine), options_(std::move(options)) {}
  void serve(Exchange& exchange);
  void watch(Exchange& exchange, const Request& request, const Target& target);

  Engine& engine_;
  const ServeOptions options_;
  std::string certificate_pem_;
  std::unique_ptr<HttpServer> server_;
};

}  // namespace meshgraft::fakes
