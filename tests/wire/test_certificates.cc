#include "tests/wire/test_certificates.h"

#include <arpa/inet.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace meshgraft::test {
namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

std::string pem_of(X509* certificate) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(bio, certificate);
  return text_of(bio);
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* unsigned_certificate(const std::string& common_name, EVP_PKEY* key, long from, long until) {
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  long serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial < 0 ? -(serial + 1) : serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), from);
  X509_gmtime_adj(X509_getm_notAfter(certificate), until);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
  return certificate;
}

}  // namespace

TestAuthority::TestAuthority(const std::string& name) : key_(EVP_EC_gen("P-256")) {
  ca_ = unsigned_certificate(name, key_, -86400, 86400);
  X509_set_issuer_name(ca_, X509_get_subject_name(ca_));
  extend(ca_, ca_, NID_basic_constraints, "critical,CA:TRUE");
  extend(ca_, ca_, NID_key_usage, "critical,keyCertSign,cRLSign");
  extend(ca_, ca_, NID_subject_key_identifier, "hash");
  X509_sign(ca_, key_, EVP_sha256());
  ca_pem_ = pem_of(ca_);
}

TestAuthority::~TestAuthority() {
  X509_free(ca_);
  EVP_PKEY_free(key_);
}

TestCertificate TestAuthority::issue(const std::string& common_name, const std::vector<std::string>& names, long from,
                                     long until) const {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = unsigned_certificate(common_name, key, from, until);
  X509_set_issuer_name(certificate, X509_get_subject_name(ca_));
  std::string list;
  for (const std::string& name : names) {
    in_addr address{};
    list += (list.empty() ? "" : ",") + std::string(inet_pton(AF_INET, name.c_str(), &address) == 1 ? "IP:" : "DNS:") +
            name;
  }
  if (!list.empty()) extend(certificate, ca_, NID_subject_alt_name, list);
  extend(certificate, ca_, NID_ext_key_usage, "serverAuth,clientAuth");
  X509_sign(certificate, key_, EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  TestCertificate issued{pem_of(certificate), text_of(bio)};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return issued;
}

}  // namespace meshgraft::test
