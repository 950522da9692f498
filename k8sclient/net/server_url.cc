#include "k8sclient/net/server_url.h"

#include <arpa/inet.h>

#include <charconv>

namespace meshgraft {

std::string ServerUrl::text() const {
  return std::string(https ? "https://" : "http://") + host + ":" + std::to_string(port) + prefix;
}

Result<ServerUrl> parse_server_url(std::string_view text) {
  const std::string quoted = "\"" + std::string(text) + "\"";
  ServerUrl url;
  std::string_view rest = text;
  if (const auto scheme = rest.find("://"); scheme == std::string_view::npos) {
    url.https = false;
  } else {
    const std::string_view name = rest.substr(0, scheme);
    if (name != "https" && name != "http") return fail("the server URL " + quoted + " is neither https:// nor http://");
    url.https = name == "https";
    rest.remove_prefix(scheme + 3);
  }
  if (rest.find_first_of("?#@ \t\r\n\\\"<>") != std::string_view::npos)
    return fail("the server URL " + quoted + " holds more than scheme, host, port and path");
  const std::string_view authority = rest.substr(0, rest.find('/'));
  std::string_view prefix = rest.substr(authority.size());
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  url.prefix = prefix;
  if (authority.starts_with('['))
    return fail("the server URL " + quoted + " has an IPv6 address, which cannot be dialled: use a DNS name");
  const auto colon = authority.find(':');
  url.host = authority.substr(0, colon);
  url.port = url.https ? 443 : 80;
  if (url.host.empty()) return fail("the server URL " + quoted + " has no host");
  if (colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || url.port < 1 || url.port > 65535)
      return fail("the server URL " + quoted + " has no port between 1 and 65535 after its colon");
  }
  in_addr address{};
  url.ip = inet_pton(AF_INET, url.host.c_str(), &address) == 1;
  return url;
}

}  // namespace meshgraft
