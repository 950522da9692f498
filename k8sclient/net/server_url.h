#pragma once
// ServerUrl: the parts of an API server's address. Read by credentials, TLS set-up and the transport. Never resolves a
// name.

#include <string>
#include <string_view>

#include "k8sclient/base/result.h"

namespace meshgraft {

struct ServerUrl {
  bool https = true;
  std::string host;  // name or IPv4 address
  int port = 443;
  std::string prefix;                      // path before /api, "" for none; no trailing slash
  bool ip = false;                         // host is an IPv4 address
  [[nodiscard]] std::string text() const;  // without a trailing slash; the port always written
};

// "https://10.0.0.1:6443/prefix/". No scheme means http, as kubectl has it. Errors: another scheme, user info, query or
// fragment, a port out of range, an IPv6 literal (the HTTP library hands the brackets to the resolver).
Result<ServerUrl> parse_server_url(std::string_view text);

}  // namespace meshgraft
