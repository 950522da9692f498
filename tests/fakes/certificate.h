#pragma once
// A certificate for the embedded API server, made when it starts: one self-signed pair for 127.0.0.1 and localhost.
// Called by api_http. Leaves no file behind but the one that its caller asks for.

#include <string>

#include "k8sclient/base/result.h"

namespace meshgraft::fakes {

struct Certificate {
  std::string certificate_pem, key_pem;
};

// Valid from yesterday for ten years; usable as its own CA.
Result<Certificate> make_certificate();

}  // namespace meshgraft::fakes
