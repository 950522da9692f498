#include "tests/fakes/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

namespace meshgraft::fakes {
namespace {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Cert = std::unique_ptr<X509, Freed<X509_free>>;
using Bytes = std::unique_ptr<BIO, Freed<BIO_free_all>>;

bool add_extension(X509* certificate, int id, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, id, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

std::string text_of(BIO* bytes) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bytes, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Result<Certificate> make_certificate() {
  const Key key(EVP_EC_gen("P-256"));
  const Cert certificate(X509_new());
  if (!key || !certificate) return fail("OpenSSL made no key");
  constexpr long kDay = 24 * 3600;
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3650 * kDay);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("meshgraft-sandbox"), -1,
                             -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  if (!add_extension(certificate.get(), NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost") ||
      !add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE") ||
      X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
    return fail("OpenSSL did not sign the certificate");
  }
  const Bytes certificate_bytes(BIO_new(BIO_s_mem())), key_bytes(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_bytes.get(), certificate.get());
  PEM_write_bio_PrivateKey(key_bytes.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return Certificate{text_of(certificate_bytes.get()), text_of(key_bytes.get())};
}

}  // namespace meshgraft::fakes
