#pragma once
// run: the daemon behind `meshgraft run`. main calls it with the client configuration and settings that it read from
// arguments, files and environment; it owns and starts every thread of the controller and returns when a signal or a
// fatal error ended it. Never reads arguments, environment or files itself.

#include <cstdint>
#include <string>

#include "k8sclient/net/credentials.h"
#include "reconcilers/types.h"

namespace meshgraft {

enum class LogFormat : std::uint8_t { text, json };

struct RunOptions {
  ClientConfig client;  // where the API server is and who we are to it
  Settings settings;
  std::string metrics_address = ":8080";  // ":PORT", "HOST:PORT" (port 0 takes a free one); "0" serves nothing
  LogFormat log_format = LogFormat::text;
  bool verbose = false;  // debug lines too
  bool steps = true;     // each write is a line on standard output too, for a person who watches
  int workers = 4;       // namespaces worked on at one time, 1 to 16

  // Leader election on a Lease; off when `leader_elect` is false.
  bool leader_elect = false;
  std::string lease_namespace;  // the Pod's own namespace
  std::string lease_name = "meshgraft";
  std::string identity;  // of this replica: the Pod's name, or host name and process number
};

// Runs until SIGTERM or SIGINT, then stops within 5 s (a Lease held against a server that hangs may take 4 s more).
// Returns 0 after a clean stop, 1 on a fatal error (credentials that cannot be used, the metrics address is taken, the
// lease was lost); the reason is logged. Blocks both signals in the calling thread, so that the threads it starts
// inherit that. A step on standard output: "apply Deployment shop/catalog member-template restarts 2 pods".
int run(const RunOptions& options);

}  // namespace meshgraft
