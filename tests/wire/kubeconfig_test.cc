// Kubeconfig files as people have them, and every way in which they can be wrong.

#include "tests/wire/wire_world.h"

namespace meshgraft::test {
namespace {

using testing::HasSubstr;

class Kubeconfig : public testing::Test {
 protected:
  // A kubeconfig with one context "shop" of cluster "c" and user "u".
  std::string write(const std::string& cluster, const std::string& user, const std::string& name = "config") const {
    return folder.write(name,
                        "apiVersion: v1\nkind: Config\ncurrent-context: shop\n"
                        "contexts:\n- name: shop\n  context: {cluster: c, user: u, namespace: books}\n"
                        "clusters:\n- name: c\n  cluster: " +
                            cluster + "\nusers:\n- name: u\n  user: " + user + "\n");
  }
  std::string error_of(const std::string& path, const std::string& context = "") const {
    const Result<ClientConfig> config = read_kubeconfig(path, context);
    EXPECT_FALSE(config);
    return config ? "" : config.error().text;
  }
  TestAuthority authority{"test authority"};
  TemporaryFolder folder;
};

TEST_F(Kubeconfig, is_read_with_its_namespace_and_files_beside_it) {
  const TestCertificate own = authority.issue("me", {});
  folder.write("ca.crt", authority.ca_pem());
  folder.write("me.crt", own.certificate_pem);
  folder.write("me.key", own.key_pem);
  const std::string path =
      write("{server: 'https://10.0.0.1:6443/', certificate-authority: ca.crt, tls-server-name: api.example.com}",
            "{client-certificate: me.crt, client-key: me.key}");
  const Result<ClientConfig> config = read_kubeconfig(path, "");
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->server, "https://10.0.0.1:6443");
  EXPECT_EQ(config->ns, "books");
  EXPECT_EQ(config->context, "shop");
  EXPECT_EQ(config->user, "u");
  EXPECT_EQ(config->ca.file, folder.path("ca.crt"));
  EXPECT_EQ(config->certificate.file, folder.path("me.crt"));
  EXPECT_EQ(config->tls_server_name, "api.example.com");
  EXPECT_FALSE(config->insecure);
}

TEST_F(Kubeconfig, data_fields_are_base64) {
  const std::string path = write("{server: 'https://10.0.0.1', insecure-skip-tls-verify: true}", "{token: abc}");
  const Result<ClientConfig> config = read_kubeconfig(path, "shop");
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_TRUE(config->insecure);
  EXPECT_EQ(config->token, "abc");
  EXPECT_THAT(error_of(write("{server: 'https://x', certificate-authority-data: '###'}", "{}")),
              HasSubstr("cluster \"c\": certificate-authority-data is not base64"));
  EXPECT_THAT(error_of(write("{server: 'https://x', certificate-authority-data: 'aGVsbG8='}", "{}")),
              HasSubstr("the CA data holds no PEM certificate"));
}

TEST_F(Kubeconfig, the_first_of_several_files_that_defines_something_wins) {
  const std::string first =
      folder.write("first", "current-context: shop\nusers:\n- name: u\n  user: {token: from-first}\n");
  const std::string second = write("{server: 'https://second'}", "{token: from-second}", "second");
  const Result<ClientConfig> config = read_kubeconfig(first + ":" + folder.path("missing") + "::" + second, "");
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->token, "from-first");
  EXPECT_EQ(config->server, "https://second:443");
  EXPECT_EQ(config->source, "kubeconfig " + first + ":" + second);
}

TEST_F(Kubeconfig, a_token_file_and_a_plugin_are_found_beside_the_file) {
  const Result<ClientConfig> config = read_kubeconfig(
      write("{server: 'https://x'}", R"({tokenFile: token, exec: {apiVersion: client.authentication.k8s.io/v1,
      command: ./bin/login, args: [--cluster, one], env: [{name: A, value: b}], provideClusterInfo: true, interactiveMode: IfAvailable, installHint: get it}})"),
      "");
  ASSERT_FALSE(config);  // the token file is not there
  EXPECT_THAT(config.error().text,
              HasSubstr("the token file " + folder.path("token") + " cannot be read: No such file or directory"));
  folder.write("token", "abc");
  const Result<ClientConfig> good = read_kubeconfig(folder.path("config"), "");
  ASSERT_TRUE(good) << good.error().text;
  EXPECT_EQ(good->token_file, folder.path("token"));
  ASSERT_TRUE(good->exec);
  EXPECT_EQ(good->exec->command, folder.path("./bin/login"));
  EXPECT_EQ(good->exec->args, (std::vector<std::string>{"--cluster", "one"}));
  EXPECT_EQ(good->exec->env, (std::vector<std::pair<std::string, std::string>>{{"A", "b"}}));
  EXPECT_TRUE(good->exec->provide_cluster_info);
  EXPECT_EQ(good->exec->install_hint, "get it");
}

TEST_F(Kubeconfig, what_is_missing_or_broken_is_named) {
  const std::string missing = folder.path("missing");
  EXPECT_EQ(error_of(missing), "kubeconfig " + missing + " cannot be read: No such file or directory");
  EXPECT_THAT(error_of(missing + ":" + missing), HasSubstr("none of the kubeconfig files"));
  EXPECT_EQ(error_of(""), "no kubeconfig file is given");
  EXPECT_THAT(error_of(folder.path("")), HasSubstr("cannot be read: Is a directory"));
  EXPECT_THAT(error_of(folder.write("bad", "a: [b\nc: d")),
              testing::MatchesRegex("kubeconfig .*/bad, line [0-9]+: .*"));
  EXPECT_THAT(error_of(folder.write("list", "- a\n")), HasSubstr("is not a YAML mapping"));
  EXPECT_THAT(error_of(folder.write("pod", "kind: Pod\n")), HasSubstr("is a Pod, not a Config"));
  EXPECT_THAT(error_of(folder.write("empty", "kind: Config\n")),
              HasSubstr("current-context is not set and no context is given"));
  const std::string good = write("{server: 'https://x'}", "{}");
  EXPECT_EQ(error_of(good, "other"), "kubeconfig " + good + ": context \"other\" does not exist");
  const std::string dangling =
      folder.write("dangling", "current-context: a\ncontexts:\n- {name: a, context: {cluster: no, user: u}}\n");
  EXPECT_EQ(error_of(dangling),
            "kubeconfig " + dangling + ": context \"a\" names cluster \"no\", which does not exist");
  const std::string userless = folder.write("userless",
                                            "current-context: a\ncontexts:\n- {name: a, context: {cluster: c, user: "
                                            "no}}\nclusters:\n- {name: c, cluster: {server: 'https://x'}}\n");
  EXPECT_EQ(error_of(userless), "kubeconfig " + userless + ": context \"a\" names user \"no\", which does not exist");
}

TEST_F(Kubeconfig, what_is_not_supported_is_said) {
  EXPECT_THAT(error_of(write("{}", "{}")), HasSubstr("cluster \"c\" has no server"));
  EXPECT_THAT(error_of(write("{server: 'https://[::1]'}", "{}")), HasSubstr("use a DNS name"));
  EXPECT_THAT(error_of(write("{server: 'https://x', proxy-url: 'http://p'}", "{}")),
              HasSubstr("proxy-url is not supported"));
  EXPECT_THAT(error_of(write("{server: 'https://x', insecure-skip-tls-verify: true, certificate-authority: ca}", "{}")),
              HasSubstr("both a CA and insecure-skip-tls-verify"));
  EXPECT_THAT(error_of(write("{server: 'https://x'}", "{username: me, password: secret-word}")),
              testing::AllOf(HasSubstr("user \"u\" has a username"), testing::Not(HasSubstr("secret-word"))));
  EXPECT_THAT(error_of(write("{server: 'https://x'}", "{auth-provider: {name: gcp}}")),
              HasSubstr("auth-provider is not supported"));
  EXPECT_THAT(error_of(write("{server: 'https://x'}", "{as: somebody}")), HasSubstr("as is not supported"));
  EXPECT_THAT(error_of(write("{server: 'https://x'}", "{client-certificate: a}")),
              HasSubstr("only one of client-certificate and client-key"));
  EXPECT_THAT(error_of(write("{server: 'https://x'}", "{exec: {apiVersion: v1}}")), HasSubstr("exec has no command"));
  EXPECT_THAT(error_of(write("{server: 'https://x'}", "{exec: {command: x, interactiveMode: Always}}")),
              HasSubstr("needs a terminal"));
}

TEST_F(Kubeconfig, an_expired_client_certificate_says_when_it_expired) {
  const TestCertificate expired = authority.issue("me", {}, -7200, -3600);
  folder.write("me.crt", expired.certificate_pem);
  folder.write("me.key", expired.key_pem);
  const std::string path = write("{server: 'https://x'}", "{client-certificate: me.crt, client-key: me.key}");
  EXPECT_THAT(error_of(path),
              testing::MatchesRegex("kubeconfig " + path +
                                    ": the client certificate \\(/CN=me\\) expired on [0-9-]+ [0-9:]+ UTC"));
}

TEST_F(Kubeconfig, of_a_pod_is_its_service_account) {
  folder.write("ca.crt", authority.ca_pem());
  folder.write("token", "abc");
  folder.write("namespace", "meshgraft-system");
  const Result<ClientConfig> config = read_in_cluster("10.96.0.1", "443", folder.path(""));
  ASSERT_TRUE(config) << config.error().text;
  EXPECT_EQ(config->server, "https://10.96.0.1:443");
  EXPECT_EQ(config->ns, "meshgraft-system");
  EXPECT_FALSE(config->insecure);
  EXPECT_EQ(config->source, "the service account");
  EXPECT_EQ(read_in_cluster("fd00::1", "443", folder.path(""))->server, "https://kubernetes.default.svc:443");
  EXPECT_THAT(read_in_cluster("", "", folder.path("")).error().text, HasSubstr("not in a cluster"));
  std::filesystem::remove(folder.path("token"));
  EXPECT_THAT(read_in_cluster("10.96.0.1", "443", folder.path("")).error().text,
              HasSubstr("the service account's token"));
}

}  // namespace
}  // namespace meshgraft::test
