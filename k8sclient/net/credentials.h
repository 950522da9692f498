#pragma once
// Credentials: where the API server is, whom it may be, and who we are to it: read from a kubeconfig or from the
// mounted service account, and read again while the program runs. Called by cmd (reading) and rest_api (current()).
// Never looks at environment variables or at the command line: callers pass what they found there. Never logs a secret.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/clock.h"
#include "k8sclient/base/mutex.h"
#include "k8sclient/base/result.h"
#include "k8sclient/net/exec_plugin.h"

namespace meshgraft {

// PEM text given directly or as a file that may change; data wins, as in kubectl.
struct PemSource {
  std::string data, file;
  [[nodiscard]] bool empty() const { return data.empty() && file.empty(); }
};

struct ClientConfig {
  std::string source;             // for messages: "kubeconfig /home/me/.kube/config", "the service account"
  std::string server;             // as ServerUrl::text() writes it
  std::string ns = "default";     // the context's namespace
  std::string context, user;      // names in the kubeconfig, "" in a cluster
  PemSource ca;                   // empty: the system's CAs
  std::string tls_server_name;    // "" verifies the server's host
  bool insecure = false;          // insecure-skip-tls-verify
  PemSource certificate, key;     // client certificate
  std::string token, token_file;  // the file wins
  std::optional<ExecPlugin> exec;
};

// `paths`: one file, or several separated by ':' as KUBECONFIG has them, of which the first that defines something wins
// and missing ones are passed over. `context`: "" takes current-context. Errors name the file: not readable, not YAML,
// context, cluster or user that does not exist, a client certificate that has expired, what we do not support
// (username, password, auth-provider, proxy-url, impersonation).
Result<ClientConfig> read_kubeconfig(std::string_view paths, std::string_view context);

inline constexpr std::string_view kServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

// `host` and `port`: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT. An IPv6 host becomes kubernetes.default.svc.
// The server's certificate is always verified.
Result<ClientConfig> read_in_cluster(std::string_view host, std::string_view port,
                                     std::string_view folder = kServiceAccountFolder);

// What a request needs at this moment.
struct Credential {
  std::string token;  // "" for none
  std::string ca_pem, certificate_pem, key_pem;
  bool operator==(const Credential&) const = default;
};

// Reads files again when `refresh` has passed and runs the exec plugin again when its credential expires. From any
// thread.
class CredentialSource {
 public:
  explicit CredentialSource(ClientConfig config, std::chrono::milliseconds refresh =
                                                     std::chrono::seconds(60))  // client-go token_source.go: 1 minute
      : config_(std::move(config)), refresh_(refresh) {}

  // May read files and run the plugin; holds up other callers meanwhile. When a file cannot be read again, the last
  // good credential stays in use.
  Result<Credential> current();

  // The server refused `refused` (401): makes current() read again. False when there is nothing to read again.
  bool forget(const Credential& refused);

 private:
  Result<Credential> read() REQUIRES(mutex_);

  const ClientConfig config_;
  const std::chrono::milliseconds refresh_;
  Mutex mutex_;
  std::optional<Credential> last_ GUARDED_BY(mutex_);
  std::optional<ExecCredential> given_ GUARDED_BY(mutex_);  // what the plugin gave last
  Time read_at_ GUARDED_BY(mutex_);
  bool refused_ GUARDED_BY(mutex_) = false;  // what was read last is to be read again
};

}  // namespace meshgraft
