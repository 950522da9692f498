#pragma once
// TlsContext: what a connection to the API server trusts and shows: CA, client certificate, the name to verify. Made
// once from PEM text and applied to every new connection; the CA is parsed once. OpenSSL only; never reads a file,
// except the system's CA bundle when no CA is given.

#include <openssl/ossl_typ.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/mutex.h"
#include "k8sclient/base/result.h"

namespace meshgraft {

struct TlsOptions {
  std::string ca_pem;           // "" trusts the system's CAs
  std::string certificate_pem;  // client certificate and its chain, "" for none
  std::string key_pem;
  std::string name;       // the DNS name or IP address that the server's certificate must carry
  bool insecure = false;  // accept any certificate
};

class TlsContext : public std::enable_shared_from_this<TlsContext> {
 public:
  // Errors: PEM that cannot be read, a key that does not fit its certificate, a client certificate that has expired or
  // is not valid yet.
  static Result<std::shared_ptr<const TlsContext>> make(const TlsOptions& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Sets up a new connection's context: TLS 1.2 or later, our CA and nothing else, the strict name check.
  // False when OpenSSL refused something.
  bool apply(SSL_CTX* context) const;

  // The name for SNI, "" when it is an address (RFC 6066 has none for those).
  [[nodiscard]] std::string sni() const;

  // Why server certificates were refused so far: how often, and the last reason for people.
  struct Refusals {
    std::uint64_t count = 0;
    std::string last;
  };
  [[nodiscard]] Refusals refusals() const;

  // What the client certificate says, "" and zero when there is none.
  [[nodiscard]] std::chrono::system_clock::time_point client_expiry() const { return client_expiry_; }

 private:
  TlsContext() = default;
  static int verify(X509_STORE_CTX* chain, void* self);
  std::string refusal_text(X509_STORE_CTX* chain) const;

  std::string name_;
  bool name_is_ip_ = false, insecure_ = false;
  X509_STORE* store_ = nullptr;
  X509* certificate_ = nullptr;
  EVP_PKEY* key_ = nullptr;
  std::vector<X509*> chain_;
  std::chrono::system_clock::time_point client_expiry_{};
  mutable Mutex mutex_;
  mutable Refusals refusals_ GUARDED_BY(mutex_);
};

// Tells OpenSSL to look for no CA bundle by itself and remembers where it would have looked. Called once, before the
// first connection, by init_transport.
void hide_system_cas();

// The environment variables that hide_system_cas replaced, as they were ("NAME=value"), for child processes.
struct HiddenEnvironment {
  std::string cert_file, cert_dir;  // "" when unset before
  bool hidden = false;
};
HiddenEnvironment hidden_environment();

}  // namespace meshgraft
