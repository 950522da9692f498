// meshgraft-sandbox: an embedded API server with a small cluster behind it, for trying meshgraft out and for tests.

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "tests/fakes/sandbox.h"
#include "tests/fakes/sandbox_arguments.h"
#include "tests/fakes/sandbox_commands.h"

namespace {

namespace fakes = meshgraft::fakes;

std::atomic<bool> stop{false};

void on_signal(int) { stop = true; }

int failed(const std::string& why) {
  std::fprintf(stderr, "error: %s\n", why.c_str());
  return 1;
}

int serve(const fakes::SandboxCommand& command) {
  auto sandbox = fakes::Sandbox::open(command.options);
  if (!sandbox) return failed(sandbox.error().text);
  const fakes::ApiServer& server = (*sandbox)->server();
  const std::string kubeconfig = command.kubeconfig_out.empty() ? "meshgraft-sandbox-" + std::to_string(server.port()) + ".kubeconfig" : command.kubeconfig_out;
  if (!fakes::write_kubeconfig(kubeconfig, server.kubeconfig())) return failed("cannot write " + kubeconfig);
  std::printf("serving Kubernetes (profile %s, %d nodes, %d objects loaded) at %s\n", command.profile.c_str(), command.options.nodes,
              (*sandbox)->loaded(), server.url().c_str());
  std::printf("export KUBECONFIG=%s\n", kubeconfig.c_str());
  std::fflush(stdout);
  (*sandbox)->run(stop);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const char* environment = std::getenv("KUBECONFIG");  // NOLINT(concurrency-mt-unsafe): read once, before any thread
  const fakes::SandboxParsed parsed = fakes::parse_sandbox({argv + 1, argv + argc}, environment == nullptr ? "" : environment);
  if (!parsed.command) {
    std::fputs(parsed.text.c_str(), parsed.status == 0 ? stdout : stderr);
    return parsed.status;
  }
  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  const fakes::SandboxCommand& command = *parsed.command;
  switch (command.verb) {
    case fakes::SandboxVerb::serve: return serve(command);
    case fakes::SandboxVerb::models: return fakes::run_models(command.kubeconfig, stop);
    case fakes::SandboxVerb::label: return fakes::label_namespace(command.kubeconfig, command.ns, command.words);
    case fakes::SandboxVerb::show: return fakes::show(command.kubeconfig, command.words);
  }
  return 1;
}
