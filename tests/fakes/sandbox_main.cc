// meshgraft-sandbox: an embedded API server with a small cluster behind it, for trying meshgraft out and for tests.

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "tests/fakes/sandbox.h"
#include "tests/fakes/sandbox_commands.h"

namespace {

std::atomic<bool> stop{false};

void on_signal(int) { stop = true; }

int serve(const meshgraft::fakes::SandboxOptions& options, const std::string& profile, std::string kubeconfig) {
  auto sandbox = meshgraft::fakes::Sandbox::open(options);
  if (!sandbox) {
    std::fprintf(stderr, "meshgraft-sandbox: %s\n", sandbox.error().text.c_str());
    return 1;
  }
  const meshgraft::fakes::ApiServer& server = (*sandbox)->server();
  if (kubeconfig.empty()) kubeconfig = "meshgraft-sandbox-" + std::to_string(server.port()) + ".kubeconfig";
  if (!meshgraft::fakes::write_kubeconfig(kubeconfig, server.kubeconfig())) {
    std::fprintf(stderr, "meshgraft-sandbox: cannot write %s\n", kubeconfig.c_str());
    return 1;
  }
  std::printf("serving Kubernetes (profile %s, %d nodes, %d objects loaded) at %s\n", profile.c_str(), options.nodes,
              (*sandbox)->loaded(), server.url().c_str());
  std::printf("export KUBECONFIG=%s\n", kubeconfig.c_str());
  std::fflush(stdout);
  (*sandbox)->run(stop);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  namespace fakes = meshgraft::fakes;
  CLI::App app(
      "An embedded Kubernetes API server: loads manifests, plays Deployments, sidecar injection and KubeSphere's "
      "controllers, serves until stopped");
  app.name("meshgraft-sandbox");
  fakes::SandboxOptions options;
  std::string profile = "kubesphere-3.3", out, kubeconfig, ns;
  std::vector<std::string> labels, plurals;
  bool plain = false;
  app.add_option("-f,--filename", options.files, "manifests: a file or a directory; repeatable");
  app.add_option("--profile", profile, "the mesh that is installed")
      ->check(CLI::IsMember({"kubesphere-3.3", "kubesphere-3.4", "kubesphere-4", "istio"}))
      ->capture_default_str();
  app.add_option("--port", options.port, "port on 127.0.0.1; 0 takes a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--kubeconfig-out", out,
                 "where the kubeconfig is written (default: meshgraft-sandbox-PORT.kubeconfig here)");
  app.add_option("--nodes", options.nodes, "number of nodes")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--pod-ready-seconds", options.pod_ready_seconds, "from a pod's start to Ready")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--speed", options.speed, "sandbox seconds per second")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--http", plain, "plain HTTP without a token, for curl");
  const auto command = [&](const char* name, const char* text) {
    CLI::App* sub = app.add_subcommand(name, text);
    sub->add_option("--kubeconfig", kubeconfig, "the API server to act on")->required();
    return sub;
  };
  CLI::App* const models = command("models", "KubeSphere's controllers as a model, on a real API server");
  CLI::App* const label = command("label", "label a namespace: KEY=VALUE sets, KEY- removes");
  label->add_option("namespace", ns, "the namespace")->required();
  label->add_option("labels", labels, "KEY=VALUE or KEY-")->required();
  CLI::App* const show = command("show", "print VirtualServices, DestinationRules and others of all namespaces");
  show->add_option("resources", plurals, "plural names, e.g. virtualservices")->required();
  app.require_subcommand(0, 1);
  CLI11_PARSE(app, argc, argv);

  std::signal(SIGTERM, on_signal);
  std::signal(SIGINT, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  if (models->parsed()) return fakes::run_models(kubeconfig, stop);
  if (label->parsed()) return fakes::label_namespace(kubeconfig, ns, labels);
  if (show->parsed()) return fakes::show(kubeconfig, plurals);
  options.profile = *fakes::profile_named(profile);
  options.tls = !plain;
  return serve(options, profile, out);
}
