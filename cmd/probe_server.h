#pragma once
// ProbeServer: /metrics, /livez and /readyz on one port, for Prometheus and the kubelet. run owns it; what it answers
// comes from the functions it is given, called on its own threads. Never speaks TLS, never writes.

#include <functional>
#include <memory>
#include <string>

#include "k8sclient/base/result.h"

namespace meshgraft {

struct ProbeAnswers {
  std::function<std::string()> metrics;      // text format 0.0.4
  std::function<std::string()> ailment;      // why the process should be restarted, "" when it is well
  std::function<std::string()> unreadiness;  // why it is not ready, "" when it is
  std::function<std::string()> details;      // of ?verbose: a line for every kind
};

class ProbeServer {
 public:
  // `address`: ":8080" on every interface, "127.0.0.1:8080", "[::1]:8080"; port 0 takes a free one. The error names the
  // address.
  static Result<std::unique_ptr<ProbeServer>> start(const std::string& address, ProbeAnswers answers);
  ~ProbeServer();
  ProbeServer(const ProbeServer&) = delete;
  ProbeServer& operator=(const ProbeServer&) = delete;

  [[nodiscard]] int port() const;

 private:
  struct Impl;
  explicit ProbeServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace meshgraft
