// main: sets up the terminal and calls program(). The only file that knows the process' own streams.

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>

#include "cmd/plan.h"
#include "cmd/program.h"
#include "cmd/run.h"

namespace meshgraft {
namespace {

constexpr int kNarrowest = 40;  // below it, wrapping makes nothing readable

int width_of_terminal() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return std::max<int>(size.ws_col, kNarrowest);
}

// Two hosts may give the same process number: the Lease must tell their replicas apart.
std::string host_name() {
  std::string name(256, '\0');
  if (::gethostname(name.data(), name.size() - 1) != 0) return "meshgraft";
  return name.c_str();
}

int start(const Options& options, const Terminal& terminal) {
  Result<ClientConfig> client = client_config(options, terminal.environment);
  if (!client) return print_error(client.error().text, terminal);
  RunOptions run_options;
  run_options.client = std::move(*client);
  run_options.settings = options.settings;
  run_options.metrics_address = options.metrics_address;
  run_options.log_format = options.log_format == "json" ? LogFormat::json : LogFormat::text;
  run_options.verbose = options.verbose;
  run_options.workers = options.workers;
  run_options.leader_elect = options.leader_elect;
  run_options.lease_name = options.lease_name;
  const Environment& environment = terminal.environment;
  // `kubectl logs` mixes what a pod says on both outputs, and the log says every step already.
  run_options.steps = run_options.log_format == LogFormat::text && environment.service_host.empty();
  run_options.lease_namespace = !options.lease_namespace.empty()      ? options.lease_namespace
                                : !environment.pod_namespace.empty() ? environment.pod_namespace
                                                                     : "meshgraft-system";
  run_options.identity = !options.identity.empty()      ? options.identity
                         : !environment.pod_name.empty() ? environment.pod_name
                                                         : host_name() + "-" + std::to_string(::getpid());
  return run(run_options);
}

int guarded(const std::vector<std::string>& arguments) {
  const bool interactive = ::isatty(STDOUT_FILENO) == 1;
  Terminal terminal{std::cin, std::cout, std::cerr};
  terminal.environment = read_environment();
  terminal.interactive = interactive;
  terminal.colour = interactive && !terminal.environment.no_colour;
  terminal.width = interactive ? width_of_terminal() : 80;
  terminal.connect = connect;
  const int status = program(arguments, terminal, start);
  std::cout.flush();
  if (!std::cout && status != 1) return print_error("cannot write to standard output", terminal);
  return status;
}

}  // namespace
}  // namespace meshgraft

int main(int argc, char** argv) {
  try {
    std::ios::sync_with_stdio(false);
    return meshgraft::guarded({argv, argv + argc});
  } catch (const std::exception& error) {  // out of memory, or a mistake of ours
    std::cerr << "error: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
