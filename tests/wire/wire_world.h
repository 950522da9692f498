#pragma once
// What the wire tests share: a certificate authority, servers and clients of it, sample documents, temporary files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "k8sclient/net/rest_api.h"
#include "tests/fakes/fault_server.h"
#include "tests/wire/test_certificates.h"

namespace meshgraft::test {

inline constexpr std::string_view kToken = "token-of-the-test";

// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string path(std::string_view name) const { return (folder_ / name).string(); }
  std::string write(std::string_view name, std::string_view text) const;  // its path
 private:
  std::filesystem::path folder_;
};

class WireTest : public testing::Test {
 protected:
  // A TLS server with a good certificate for 127.0.0.1 and localhost.
  std::unique_ptr<FaultServer> serve(FaultServer::Script script);
  std::unique_ptr<FaultServer> serve_with(const TestCertificate& certificate, FaultServer::Script script);
  std::unique_ptr<FaultServer> serve_plain(FaultServer::Script script);

  // Trusts `authority`, shows kToken over https.
  ClientConfig config_for(const FaultServer& server) const;
  std::unique_ptr<Api> client(const ClientConfig& config, RestOptions options = {}) const;
  std::unique_ptr<Api> client(const FaultServer& server, RestOptions options = {}) const {
    return client(config_for(server), std::move(options));
  }

  TestAuthority authority{"test authority"};
};

// Runs `trial(scale)` with the scales 1, 4 and 16 until one is without a failure. The trial's deadlines and bounds are
// multiples of `scale`: a machine that stands still for longer than the shortest of them shows nothing of the client, and
// what the client does wrong is wrong with each of them.
void at_some_speed(const std::function<void(int scale)>& trial);

std::string deployment_json(std::string_view name, std::string_view version);
std::string status_json(int code, std::string_view reason, std::string_view message);
std::string event_line(std::string_view type, std::string_view object);

// Deployments of all namespaces from a version that the server knows.
WatchRequest deployment_watch();

inline ObjectKey deployment_key(std::string_view name) { return {Kind::deployment, "shop", std::string(name)}; }

}  // namespace meshgraft::test
