#include "tests/fakes/raw_client.h"

#include "k8sclient/net/credentials.h"
#include "k8sclient/net/server_url.h"
#include "k8sclient/net/tls_context.h"
#include "k8sclient/net/transport.h"

namespace meshgraft::fakes {

RawClient::RawClient() = default;
RawClient::~RawClient() = default;

Result<std::unique_ptr<RawClient>> RawClient::open(const std::string& kubeconfig) {
  init_transport();
  Result<ClientConfig> config = read_kubeconfig(kubeconfig, "");
  if (!config) return Unexpected<Error>(config.error());
  Result<ServerUrl> url = parse_server_url(config->server);
  if (!url) return fail(kubeconfig + ": " + url.error().text);
  std::unique_ptr<RawClient> client(new RawClient);
  client->credentials_ = std::make_unique<CredentialSource>(*config);
  Result<Credential> credential = client->credentials_->current();
  if (!credential) return Unexpected<Error>(credential.error());
  TransportOptions options;
  options.server = config->server;
  options.user_agent = "meshgraft-sandbox";
  if (config->server.starts_with("https://")) {
    const std::string& name = config->tls_server_name.empty() ? url->host : config->tls_server_name;
    Result<std::shared_ptr<const TlsContext>> tls = TlsContext::make(
        {credential->ca_pem, credential->certificate_pem, credential->key_pem, name, config->insecure});
    if (!tls) return fail(kubeconfig + ": " + tls.error().text);
    options.tls = *tls;
  }
  Result<std::unique_ptr<Transport>> transport = make_transport(options);
  if (!transport) return Unexpected<Error>(transport.error());
  client->transport_ = std::move(*transport);
  return client;
}

Result<Answer> RawClient::call(std::string_view method, const std::string& target, const Json& body,
                               std::string_view content_type) {
  Result<Credential> credential = credentials_->current();
  if (!credential) return Unexpected<Error>(credential.error());
  HttpRequest request{std::string(method), target, body.is_null() ? "" : to_text(body), std::string(content_type),
                      credential->token};
  const TransportResult response = transport_->send(request);
  if (!response) return fail(response.error().message);
  Json json = Json::parse(response->body, nullptr, false);
  if (json.is_discarded())
    return fail(std::string(method) + " " + target + ": the answer (HTTP " + std::to_string(response->status) +
                ") is not JSON");
  return Answer{response->status, std::move(json)};
}

std::string raw_path(std::string_view api_version, std::string_view plural, std::string_view ns,
                     std::string_view name) {
  std::string out = api_version.find('/') == std::string_view::npos ? "/api/" : "/apis/";
  out += api_version;
  if (!ns.empty()) out += "/namespaces/" + std::string(ns);
  out += "/" + std::string(plural);
  if (!name.empty()) out += "/" + std::string(name);
  return out;
}

}  // namespace meshgraft::fakes
