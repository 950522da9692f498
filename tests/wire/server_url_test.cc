// Addresses of API servers as people write them.

#include "k8sclient/net/server_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace meshgraft::test {
namespace {

TEST(ServerUrl, is_read_with_scheme_port_and_prefix_in_every_usual_form) {
  EXPECT_EQ(parse_server_url("https://10.0.0.1:6443")->text(), "https://10.0.0.1:6443");
  EXPECT_EQ(parse_server_url("https://api.example.com/")->text(), "https://api.example.com:443");
  EXPECT_EQ(parse_server_url("https://rancher.example.com/k8s/clusters/c-1/")->text(),
            "https://rancher.example.com:443/k8s/clusters/c-1");
  EXPECT_EQ(parse_server_url("http://127.0.0.1:8001")->text(), "http://127.0.0.1:8001");
  EXPECT_EQ(parse_server_url("localhost:8080")->text(), "http://localhost:8080");
  EXPECT_TRUE(parse_server_url("https://10.0.0.1")->ip);
  EXPECT_FALSE(parse_server_url("https://kubernetes.default.svc")->ip);
}

TEST(ServerUrl, that_cannot_be_dialled_says_why) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"ftp://x", "neither https:// nor http://"},
      {"https://", "has no host"},
      {"https://x:0", "no port between 1 and 65535"},
      {"https://x:66000", "no port between 1 and 65535"},
      {"https://x:1a", "no port between 1 and 65535"},
      {"https://[fd00::1]:6443", "use a DNS name"},
      {"https://user@x", "more than scheme, host, port and path"},
      {"https://x/?a=b", "more than scheme, host, port and path"},
      {"https://x\r\nHost: y", "more than scheme, host, port and path"},
  };
  for (const auto& [text, reason] : cases) {
    const Result<ServerUrl> url = parse_server_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_THAT(url.error().text, testing::HasSubstr(reason)) << text;
  }
}

}  // namespace
}  // namespace meshgraft::test
