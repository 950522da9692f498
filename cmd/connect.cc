#include "cmd/connect.h"

#include <filesystem>
#include <system_error>

#include "cmd/version.h"
#include "k8sclient/net/rest_api.h"

namespace meshgraft {

namespace {

Result<ClientConfig> found_config(const Options& options, const Environment& environment) {
  if (!options.kubeconfig.empty()) return read_kubeconfig(options.kubeconfig, options.context);
  if (!environment.kubeconfig.empty()) return read_kubeconfig(environment.kubeconfig, options.context);
  const std::string usual = environment.home.empty() ? "" : environment.home + "/.kube/config";
  std::error_code ignored;
  if (!usual.empty() && std::filesystem::exists(usual, ignored)) return read_kubeconfig(usual, options.context);
  if (!environment.service_host.empty() && options.context.empty()) {
    return read_in_cluster(environment.service_host, environment.service_port);
  }
  const bool reads_files = options.command == Command::plan || options.command == Command::check;
  return fail("no cluster to ask: KUBECONFIG is not set" + (usual.empty() ? "" : ", " + usual + " does not exist") +
              " and this is no pod; give --kubeconfig FILE" + (reads_files ? ", or -f for manifests" : ""));
}

}  // namespace

Result<ClientConfig> client_config(const Options& options, const Environment& environment) {
  Result<ClientConfig> config = found_config(options, environment);
  // A pod has the cluster's CA at hand; whoever can stand between it and the API server would get its token.
  if (config && config->insecure && !environment.service_host.empty())
    return fail(config->source + ": insecure-skip-tls-verify is refused in a pod; name a certificate-authority");
  return config;
}

RestOptions command_options() {
  RestOptions rest;
  rest.version = std::string(version_number());
  rest.call_deadline = std::chrono::seconds(30);  // client-go's dialer; kubectl waits for an answer without end
  return rest;
}

Result<Connection> connect(const Options& options, const Environment& environment) {
  Result<ClientConfig> config = client_config(options, environment);
  if (!config) return fail(config.error().text);
  Result<std::unique_ptr<Api>> api = make_rest_api(*config, command_options());
  if (!api) return fail(api.error().text);
  return Connection{std::move(*api), config->ns, config->source};
}

}  // namespace meshgraft
