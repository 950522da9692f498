#include "tests/wire/wire_world.h"

#include <gtest/gtest-spi.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace meshgraft::test {

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "meshgraft-wire-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "no temporary folder";
  folder_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string TemporaryFolder::write(std::string_view name, std::string_view text) const {
  const std::string whole = path(name);
  {
    std::ofstream file(whole + ".new", std::ios::binary);
    file << text;
  }
  std::filesystem::rename(whole + ".new", whole);
  return whole;
}

std::unique_ptr<FaultServer> WireTest::serve(FaultServer::Script script) {
  return serve_with(authority.issue("server", {"127.0.0.1", "localhost"}), std::move(script));
}

std::unique_ptr<FaultServer> WireTest::serve_with(const TestCertificate& certificate, FaultServer::Script script) {
  return std::make_unique<FaultServer>(FaultServer::Options{certificate.certificate_pem, certificate.key_pem, "", ""},
                                       std::move(script));
}

std::unique_ptr<FaultServer> WireTest::serve_plain(FaultServer::Script script) {
  return std::make_unique<FaultServer>(FaultServer::Options{}, std::move(script));
}

ClientConfig WireTest::config_for(const FaultServer& server) const {
  ClientConfig config;
  config.source = "the test";
  config.server = server.url();
  if (config.server.starts_with("https")) {
    config.ca.data = authority.ca_pem();
    config.token = kToken;
  }
  return config;
}

std::unique_ptr<Api> WireTest::client(const ClientConfig& config, RestOptions options) const {
  Result<std::unique_ptr<Api>> made = make_rest_api(config, std::move(options));
  EXPECT_TRUE(made) << (made ? "" : made.error().text);
  return made ? std::move(*made) : nullptr;
}

void at_some_speed(const std::function<void(int scale)>& trial) {
  for (const int scale : {1, 4}) {
    testing::TestPartResultArray failures;
    {
      const testing::ScopedFakeTestPartResultReporter here(
          testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &failures);
      trial(scale);
    }
    if (failures.size() == 0) return;
    std::printf("too slow a machine, or wrong: %s\n", failures.GetTestPartResult(0).message());
  }
  trial(16);
}

std::string deployment_json(std::string_view name, std::string_view version) {
  return R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"namespace":"shop","name":")" + std::string(name) +
         R"(","uid":"uid-)" + std::string(name) + R"(","resourceVersion":")" + std::string(version) +
         R"("},"spec":{"replicas":1,"selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})";
}

std::string status_json(int code, std::string_view reason, std::string_view message) {
  return R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":")" + std::string(message) +
         R"(","reason":")" + std::string(reason) + R"(","code":)" + std::to_string(code) + "}";
}

std::string event_line(std::string_view type, std::string_view object) {
  return R"({"type":")" + std::string(type) + R"(","object":)" + std::string(object) + "}\n";
}

WatchRequest deployment_watch() {
  WatchRequest request;
  request.kind = Kind::deployment;
  request.resource_version = "41";
  return request;
}

}  // namespace meshgraft::test
