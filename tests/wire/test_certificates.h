#pragma once
// TestAuthority: a certificate authority that lives for one test and signs what the test asks for. Used by the wire
// tests; nothing is written to disk.

#include <openssl/ossl_typ.h>

#include <string>
#include <vector>

namespace meshgraft::test {

struct TestCertificate {
  std::string certificate_pem, key_pem;
};

class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name);
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  [[nodiscard]] const std::string& ca_pem() const { return ca_pem_; }

  // `names`: DNS names and IPv4 addresses; valid from `from` to `until`, in seconds from now.
  [[nodiscard]] TestCertificate issue(const std::string& common_name, const std::vector<std::string>& names,
                                      long from = -3600, long until = 3600) const;

 private:
  X509* ca_ = nullptr;
  EVP_PKEY* key_ = nullptr;
  std::string ca_pem_;
};

}  // namespace meshgraft::test
