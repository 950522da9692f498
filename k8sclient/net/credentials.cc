#include "k8sclient/net/credentials.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "k8sclient/net/server_url.h"

namespace meshgraft {
namespace {

constexpr std::chrono::seconds kExpiryMargin{10};  // a request on the way must not outlive its credential

Result<std::string> read_file(const std::string& path, std::string_view what) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (file) text << file.rdbuf();
  if (!file || text.str().empty()) {
    return fail(std::string(what) + " " + path +
                " cannot be read: " + (errno != 0 ? std::strerror(errno) : "it is empty"));
  }
  return text.str();
}

Result<std::string> pem_of(const PemSource& source, std::string_view what) {
  if (!source.data.empty() || source.file.empty()) return source.data;
  return read_file(source.file, what);
}

// A token is one line of visible characters; anything else would end up as other headers.
Result<std::string> token_of(std::string text, const std::string& origin) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  for (const char letter : text) {
    if (letter <= ' ' || letter > '~') return fail("the token of " + origin + " holds a character that no token has");
  }
  if (text.empty()) return fail("the token of " + origin + " is empty");
  return text;
}

bool has_expired(const ExecCredential& credential) {
  return credential.expires && std::chrono::system_clock::now() + kExpiryMargin >= *credential.expires;
}

}  // namespace

Result<ClientConfig> read_in_cluster(std::string_view host, std::string_view port, std::string_view folder) {
  ClientConfig config;
  config.source = "the service account";
  if (host.empty() || port.empty())
    return fail("not in a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
  // The HTTP library cannot dial IPv6 literals; the API server's certificate carries this name in every cluster.
  const std::string name = host.find(':') == std::string_view::npos ? std::string(host) : "kubernetes.default.svc";
  const Result<ServerUrl> url = parse_server_url("https://" + name + ":" + std::string(port));
  if (!url) return fail("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT: " + url.error().text);
  config.server = url->text();
  config.ca.file = std::string(folder) + "/ca.crt";
  config.token_file = std::string(folder) + "/token";
  if (const Result<std::string> ca = read_file(config.ca.file, "the cluster's CA"); !ca)
    return Unexpected<Error>(ca.error());
  if (const Result<std::string> token = read_file(config.token_file, "the service account's token"); !token)
    return Unexpected<Error>(token.error());
  if (const Result<std::string> ns = read_file(std::string(folder) + "/namespace", "the pod's namespace"); ns) {
    config.ns = *ns;
    while (!config.ns.empty() && config.ns.back() <= ' ') config.ns.pop_back();
  }
  return config;
}

Result<Credential> CredentialSource::current() {
  MutexLock lock(mutex_);
  if (last_ && !refused_) {
    const bool has_files = !config_.token_file.empty() || !config_.ca.file.empty() ||
                           !config_.certificate.file.empty() || !config_.key.file.empty();
    const bool old = has_files && std::chrono::steady_clock::now() - read_at_ >= refresh_;
    if (!old && !(given_ && has_expired(*given_))) return *last_;
  }
  Result<Credential> fresh = read();
  if (!fresh) {
    if (!last_ || config_.exec) return fresh;
    return *last_;  // a file being replaced; the next call tries again
  }
  read_at_ = std::chrono::steady_clock::now();
  refused_ = false;
  last_ = *fresh;
  return fresh;
}

bool CredentialSource::forget(const Credential& refused) {
  if (config_.token_file.empty() && !config_.exec) return false;
  MutexLock lock(mutex_);
  if (last_ && last_->token == refused.token && last_->certificate_pem == refused.certificate_pem) {
    refused_ = true;
    given_.reset();
  }
  return true;
}

Result<Credential> CredentialSource::read() {
  Credential credential;
  Result<std::string> ca = pem_of(config_.ca, "the CA file");
  if (!ca) return Unexpected<Error>(ca.error());
  Result<std::string> certificate = pem_of(config_.certificate, "the client certificate");
  if (!certificate) return Unexpected<Error>(certificate.error());
  Result<std::string> key = pem_of(config_.key, "the client key");
  if (!key) return Unexpected<Error>(key.error());
  credential.ca_pem = std::move(*ca);
  credential.certificate_pem = std::move(*certificate);
  credential.key_pem = std::move(*key);
  if (!config_.token_file.empty()) {
    Result<std::string> text = read_file(config_.token_file, "the token file");
    if (!text) return Unexpected<Error>(text.error());
    Result<std::string> token = token_of(std::move(*text), config_.token_file);
    if (!token) return Unexpected<Error>(token.error());
    credential.token = std::move(*token);
  } else if (!config_.token.empty()) {
    Result<std::string> token = token_of(config_.token, config_.source);
    if (!token) return Unexpected<Error>(token.error());
    credential.token = std::move(*token);
  } else if (config_.exec) {
    if (!given_ || has_expired(*given_)) {
      Result<ExecCredential> given = run_exec_plugin(
          *config_.exec, {config_.server, credential.ca_pem, config_.tls_server_name, config_.insecure});
      if (!given) return Unexpected<Error>(given.error());
      given_ = std::move(*given);
    }
    if (!given_->token.empty()) {
      Result<std::string> token = token_of(given_->token, "the credential plugin");
      if (!token) return Unexpected<Error>(token.error());
      credential.token = std::move(*token);
    }
    if (!given_->certificate_pem.empty()) {
      credential.certificate_pem = given_->certificate_pem;
      credential.key_pem = given_->key_pem;
    }
  }
  return credential;
}

}  // namespace meshgraft
