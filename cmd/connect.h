#pragma once
// connect: finds the API server that the options and the environment name and makes its client. Called by program.cc
// for run and by source.cc for every other command that needs a cluster; makes no request.

#include <memory>
#include <string>

#include "cmd/options.h"
#include "k8sclient/net/api.h"
#include "k8sclient/net/credentials.h"

namespace meshgraft {

struct RestOptions;

struct Connection {
  std::unique_ptr<Api> api;
  std::string ns = "default";  // the context's namespace
  std::string source;          // for messages: "kubeconfig /home/me/.kube/config"
};

// Where the API server is and who we are to it, from what is found first:
// --kubeconfig, KUBECONFIG, ~/.kube/config, the pod's own service account. Errors: none of them there, or what is
// there cannot be read.
Result<ClientConfig> client_config(const Options& options, const Environment& environment);

// How a command's client behaves: it waits longer for an answer than the controller, which has a next time.
RestOptions command_options();

// A client of it.
Result<Connection> connect(const Options& options, const Environment& environment);

}  // namespace meshgraft
