#pragma once
// ExecPlugin: a program that a kubeconfig names to get a credential (client.authentication.k8s.io/v1, and v1beta1 of
// the same shape). Run by credentials. Never gives the program a terminal; never logs what it printed.

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "k8sclient/base/result.h"

namespace meshgraft {

struct ExecPlugin {
  std::string command;
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;  // added to ours
  std::string api_version;
  bool provide_cluster_info = false;
  std::string install_hint;
};

struct ExecCluster {  // what provideClusterInfo tells the program
  std::string server, ca_pem, tls_server_name;
  bool insecure = false;
};

struct ExecCredential {
  std::string token, certificate_pem, key_pem;
  std::optional<std::chrono::system_clock::time_point> expires;
};

// Runs the program, at most `limit` long. Errors: it cannot be started (with its install hint), fails (with the end of
// what it wrote to stderr), takes too long, prints something else than an ExecCredential with a status.
Result<ExecCredential> run_exec_plugin(const ExecPlugin& plugin, const ExecCluster& cluster,
                                       std::chrono::milliseconds limit = std::chrono::seconds(60));

}  // namespace meshgraft
