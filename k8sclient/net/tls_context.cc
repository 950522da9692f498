#include "k8sclient/net/tls_context.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdlib>
#include <ctime>

namespace meshgraft {
namespace {

bool is_ip(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, name.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
}

struct BioFree {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using BioPtr = std::unique_ptr<BIO, BioFree>;

BioPtr bio_of(const std::string& pem) { return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

std::vector<X509*> certificates_of(const std::string& pem) {
  std::vector<X509*> found;
  const BioPtr bio = bio_of(pem);
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) found.push_back(certificate);
  ERR_clear_error();  // the end of the text is an error to OpenSSL
  return found;
}

std::chrono::system_clock::time_point time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string text_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return "an unreadable time";
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

std::string subject_of(const X509* certificate) {
  std::array<char, 256> text{};
  X509_NAME_oneline(X509_get_subject_name(certificate), text.data(), static_cast<int>(text.size()));
  return text.data();
}

// The DNS names and IPv4 addresses that a certificate is for: "a, b, 10.0.0.1".
std::string names_of(X509* certificate) {
  std::string text;
  auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    std::string one;
    if (name->type == GEN_DNS) {
      one.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                 static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 4) {
      std::array<char, INET_ADDRSTRLEN> address{};
      inet_ntop(AF_INET, ASN1_STRING_get0_data(name->d.iPAddress), address.data(), address.size());
      one = address.data();
    } else {
      continue;
    }
    text += (text.empty() ? "" : ", ") + one;
  }
  GENERAL_NAMES_free(names);
  return text.empty() ? "no name" : text;
}

struct SystemCas {
  HiddenEnvironment before;
};
SystemCas& system_cas() {
  static SystemCas cas;
  return cas;
}

void load_system_cas(X509_STORE* store) {
  const HiddenEnvironment& before = system_cas().before;
  const std::string file = before.cert_file.empty() ? X509_get_default_cert_file() : before.cert_file;
  const std::string dir = before.cert_dir.empty() ? X509_get_default_cert_dir() : before.cert_dir;
  X509_STORE_load_file(store, file.c_str());
  X509_STORE_load_path(store, dir.c_str());
  ERR_clear_error();  // an image without any is no error here: the handshake will say so
}

// Keeps the TlsContext alive as long as OpenSSL may call back into it.
int keep_alive_index() {
  static const int kIndex =
      SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, [](void*, void* held, CRYPTO_EX_DATA*, int, long, void*) {
        delete static_cast<std::shared_ptr<const TlsContext>*>(held);
      });
  return kIndex;
}

}  // namespace

void hide_system_cas() {
  HiddenEnvironment& before = system_cas().before;
  if (before.hidden) return;
  const char* file = std::getenv(X509_get_default_cert_file_env());
  const char* dir = std::getenv(X509_get_default_cert_dir_env());
  before.cert_file = file == nullptr ? "" : file;
  before.cert_dir = dir == nullptr ? "" : dir;
  before.hidden = true;
  setenv(X509_get_default_cert_file_env(), "/dev/null", 1);
  setenv(X509_get_default_cert_dir_env(), "/nonexistent", 1);
}

HiddenEnvironment hidden_environment() { return system_cas().before; }

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const TlsOptions& options) {
  const std::shared_ptr<TlsContext> made(new TlsContext);
  made->name_ = options.name;
  made->name_is_ip_ = is_ip(options.name);
  made->insecure_ = options.insecure;
  made->store_ = X509_STORE_new();
  if (options.ca_pem.empty()) {
    load_system_cas(made->store_);
  } else {
    const std::vector<X509*> cas = certificates_of(options.ca_pem);
    for (X509* ca : cas) {
      X509_STORE_add_cert(made->store_, ca);
      X509_free(ca);
    }
    if (cas.empty()) return fail("the CA data holds no PEM certificate");
  }
  X509_STORE_set_flags(made->store_,
                       X509_V_FLAG_PARTIAL_CHAIN);  // any certificate of the CA file is an anchor, as in Go

  if (options.certificate_pem.empty() != options.key_pem.empty())
    return fail("a client certificate and its key are needed together");
  if (!options.certificate_pem.empty()) {
    std::vector<X509*> certificates = certificates_of(options.certificate_pem);
    if (certificates.empty()) return fail("the client certificate is not a PEM certificate");
    made->certificate_ = certificates.front();
    made->chain_.assign(certificates.begin() + 1, certificates.end());
    const BioPtr bio = bio_of(options.key_pem);
    // The callback keeps OpenSSL from asking for a passphrase on the terminal.
    made->key_ = PEM_read_bio_PrivateKey(
        bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr);
    ERR_clear_error();
    if (made->key_ == nullptr) return fail("the client key is not an unencrypted PEM key");
    if (X509_check_private_key(made->certificate_, made->key_) != 1) {
      ERR_clear_error();
      return fail("the client key does not belong to the client certificate");
    }
    const ASN1_TIME* until = X509_get0_notAfter(made->certificate_);
    const ASN1_TIME* from = X509_get0_notBefore(made->certificate_);
    const std::string subject = subject_of(made->certificate_);
    if (X509_cmp_current_time(until) < 0)
      return fail("the client certificate (" + subject + ") expired on " + text_of(until));
    if (X509_cmp_current_time(from) > 0)
      return fail("the client certificate (" + subject + ") is not valid before " + text_of(from));
    made->client_expiry_ = time_of(until);
  }
  return std::shared_ptr<const TlsContext>(made);
}

TlsContext::~TlsContext() {
  X509_STORE_free(store_);
  X509_free(certificate_);
  EVP_PKEY_free(key_);
  for (X509* certificate : chain_) X509_free(certificate);
}

bool TlsContext::apply(SSL_CTX* context) const {
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) return false;
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // an idle watch holds no 34 kB of them
  SSL_CTX_set1_cert_store(context, store_);
  X509_VERIFY_PARAM* param = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);  // the CN is no name, as in Go
  const int named = name_is_ip_ ? X509_VERIFY_PARAM_set1_ip_asc(param, name_.c_str())
                                : X509_VERIFY_PARAM_set1_host(param, name_.data(), name_.size());
  if (named != 1) return false;
  if (certificate_ != nullptr) {
    if (SSL_CTX_use_certificate(context, certificate_) != 1 || SSL_CTX_use_PrivateKey(context, key_) != 1) return false;
    for (X509* certificate : chain_) {
      if (SSL_CTX_add1_chain_cert(context, certificate) != 1) return false;
    }
  }
  // Decides in place of the HTTP library's own check, which takes the CN for a name.
  SSL_CTX_set_cert_verify_callback(context, &TlsContext::verify, const_cast<TlsContext*>(this));
  auto* alive = new std::shared_ptr<const TlsContext>(shared_from_this());
  if (SSL_CTX_set_ex_data(context, keep_alive_index(), alive) != 1) {
    delete alive;
    return false;
  }
  return true;
}

std::string TlsContext::sni() const { return name_is_ip_ ? std::string() : name_; }

TlsContext::Refusals TlsContext::refusals() const {
  MutexLock lock(mutex_);
  return refusals_;
}

int TlsContext::verify(X509_STORE_CTX* chain, void* self) {
  const auto* context = static_cast<const TlsContext*>(self);
  if (context->insecure_) {
    X509_STORE_CTX_set_error(chain, X509_V_OK);
    return 1;
  }
  X509_STORE_CTX_set_verify_cb(chain, [](int ok, X509_STORE_CTX*) { return ok; });
  if (X509_verify_cert(chain) == 1) return 1;
  std::string text = context->refusal_text(chain);
  MutexLock lock(context->mutex_);
  ++context->refusals_.count;
  context->refusals_.last = std::move(text);
  return 0;
}

std::string TlsContext::refusal_text(X509_STORE_CTX* chain) const {
  const int code = X509_STORE_CTX_get_error(chain);
  X509* certificate = X509_STORE_CTX_get_current_cert(chain);
  X509* leaf = X509_STORE_CTX_get0_cert(chain);
  if (certificate == nullptr) certificate = leaf;
  const std::string which = certificate == nullptr || certificate == leaf
                                ? "the server's certificate"
                                : "the CA certificate (" + subject_of(certificate) + ")";
  switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return which + " expired on " + text_of(X509_get0_notAfter(certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return which + " is not valid before " + text_of(X509_get0_notBefore(certificate));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the server's certificate is for " + names_of(leaf) + ", not for " + name_;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "the server's certificate is not signed by the configured CA";
    default:
      return which + " was refused: " + X509_verify_cert_error_string(code);
  }
}

}  // namespace meshgraft
