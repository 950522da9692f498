#include "cmd/connect.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "k8sclient/net/rest_api.h"

namespace meshgraft {
namespace {

TEST(Connect, an_unverified_server_is_refused_in_a_pod_and_nowhere_else) {
  std::string folder = (std::filesystem::temp_directory_path() / "meshgraft-connect-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  Options options;
  options.kubeconfig = folder + "/config";
  std::ofstream(options.kubeconfig) << "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                                       "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', "
                                       "insecure-skip-tls-verify: true}}]\n"
                                       "users: [{name: u, user: {token: t}}]\n"
                                       "contexts: [{name: c, context: {cluster: c, user: u}}]\n";
  Environment environment;
  EXPECT_TRUE(client_config(options, environment));
  environment.service_host = "10.96.0.1";
  const Result<ClientConfig> refused = client_config(options, environment);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("insecure-skip-tls-verify is refused in a pod"), std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST(Connect, a_command_bears_a_busy_server_for_longer_than_the_controller_does) {
  EXPECT_GE(command_options().call_deadline, 3 * RestOptions{}.call_deadline);
}

}  // namespace
}  // namespace meshgraft
