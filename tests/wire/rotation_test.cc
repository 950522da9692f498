// Credentials that change while the program runs: tokens, plugins, certificates.

#include <sys/stat.h>

#include <fstream>

#include "tests/wire/wire_world.h"

namespace meshgraft::test {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

class Rotation : public WireTest {
 protected:
  static RestOptions rereading_always() {
    RestOptions options;
    options.credential_refresh = milliseconds(0);
    return options;
  }
  static std::string bearer(const SeenRequest& request) {
    const auto found = request.headers.find("authorization");
    return found == request.headers.end() ? "" : found->second;
  }
  std::string script(const std::string& text) const {
    const std::string path = folder.write("plugin", "#!/bin/sh\n" + text);
    chmod(path.c_str(), 0755);
    return path;
  }
  // A plugin that counts its runs in `counter` as $runs and prints `status`, in which '$x' is the shell's.
  static std::string counting(const std::string& counter, const std::string& status) {
    return "echo x >> " + counter + "\nruns=$(grep -c x " + counter +
           ")\necho '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{" +
           status + "}}'\n";
  }
  TemporaryFolder folder;
};

void give_web(const SeenRequest&, Conversation& client) { client.answer_json(deployment_json("web", "1")); }

TEST_F(Rotation, a_token_file_is_read_again) {
  const auto server = serve(give_web);
  ClientConfig config = config_for(*server);
  config.token_file = folder.write("token", "first\n");
  const auto api = client(config, rereading_always());
  ASSERT_TRUE(api->get(deployment_key("web")));
  folder.write("token", "second\n");
  ASSERT_TRUE(api->get(deployment_key("web")));
  std::filesystem::remove(config.token_file);  // in the middle of being replaced
  ASSERT_TRUE(api->get(deployment_key("web")));
  folder.write("token", "third");
  ASSERT_TRUE(api->watch(deployment_watch(), [](std::string_view) { return true; }));
  const auto seen = server->requests();
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(bearer(seen[0]), "Bearer first");
  EXPECT_EQ(bearer(seen[1]), "Bearer second");
  EXPECT_EQ(bearer(seen[2]), "Bearer second");
  EXPECT_EQ(bearer(seen[3]), "Bearer third");
}

TEST_F(Rotation, a_token_is_not_read_for_every_call) {
  const auto server = serve(give_web);
  ClientConfig config = config_for(*server);
  config.token_file = folder.write("token", "first");
  const auto api = client(config);
  ASSERT_TRUE(api->get(deployment_key("web")));
  folder.write("token", "second");
  ASSERT_TRUE(api->get(deployment_key("web")));
  EXPECT_EQ(bearer(server->requests()[1]), "Bearer first");
}

TEST_F(Rotation, a_401_reads_the_token_again_once) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    if (bearer(request) == "Bearer second") {
      give_web(request, client);
    } else {
      client.answer(401, "application/json", status_json(401, "Unauthorized", "Unauthorized"));
    }
  });
  ClientConfig config = config_for(*server);
  config.token_file = folder.write("token", "first");
  const auto api = client(config);
  folder.write("token", "second");
  const ApiResult<ObjectPtr> object = api->get(deployment_key("web"));
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ(server->requests().size(), 2U);

  folder.write("token", "worse");
  const auto fresh = client(config);
  const ApiResult<ObjectPtr> refused = fresh->get(deployment_key("web"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorClass::unauthorized);
  EXPECT_EQ(server->requests().size(), 4U);
  EXPECT_THAT(refused.error().message, Not(HasSubstr("worse")));
}

TEST_F(Rotation, a_401_with_a_fixed_token_is_not_tried_again) {
  const auto server = serve([](const SeenRequest&, Conversation& client) {
    client.answer(401, "application/json", status_json(401, "Unauthorized", "Unauthorized"));
  });
  const ApiResult<ObjectPtr> refused = client(*server)->get(deployment_key("web"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorClass::unauthorized);
  EXPECT_EQ(server->requests().size(), 1U);
}

TEST_F(Rotation, a_token_that_would_add_headers_is_refused) {
  const auto server = serve(give_web);
  ClientConfig config = config_for(*server);
  config.token_file = folder.write("token", "good\r\nX-Other: bad");
  const Result<std::unique_ptr<Api>> api = make_rest_api(config);
  ASSERT_FALSE(api);
  EXPECT_THAT(api.error().text, HasSubstr("holds a character that no token has"));
}

TEST_F(Rotation, the_plugin_runs_again_when_its_credential_has_expired) {
  const auto server = serve(give_web);
  ClientConfig config = config_for(*server);
  config.token.clear();
  config.exec = ExecPlugin{};
  config.exec->api_version = "client.authentication.k8s.io/v1";
  const std::string counter = folder.path("runs");
  config.exec->command = script(counting(
      counter, R"("token":"'$NAME-$runs'","expirationTimestamp":"'$(cat )" + folder.path("expiry") + R"()'")"));
  config.exec->env = {{"NAME", "run"}};
  folder.write("expiry", "2020-01-01T00:00:00Z");
  config.ca.file = folder.write("ca.crt", config.ca.data);  // read again each time, which must not run the plugin
  config.ca.data.clear();
  const auto api = client(config, rereading_always());  // runs it once, to tell early what cannot work
  ASSERT_TRUE(api->get(deployment_key("web")));
  folder.write("expiry", "2099-01-01T00:00:00+02:00");
  ASSERT_TRUE(api->get(deployment_key("web")));
  ASSERT_TRUE(api->get(deployment_key("web")));
  const auto seen = server->requests();
  EXPECT_EQ(bearer(seen[0]), "Bearer run-2");
  EXPECT_EQ(bearer(seen[1]), "Bearer run-3");
  EXPECT_EQ(bearer(seen[2]), "Bearer run-3");
}

TEST_F(Rotation, the_plugin_runs_again_after_a_401) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    if (bearer(request) == "Bearer 1") {
      client.answer(401, "application/json", status_json(401, "Unauthorized", "Unauthorized"));
    } else {
      give_web(request, client);
    }
  });
  ClientConfig config = config_for(*server);
  config.token.clear();
  config.exec = ExecPlugin{};
  config.exec->api_version = "client.authentication.k8s.io/v1";
  const std::string counter = folder.path("runs");
  config.exec->command = script(counting(counter, R"("token":"'$runs'")"));
  const auto api = client(config);
  const ApiResult<ObjectPtr> object = api->get(deployment_key("web"));
  ASSERT_TRUE(object) << object.error().message;
  EXPECT_EQ(server->requests().size(), 2U);
}

TEST_F(Rotation, the_plugin_is_told_the_cluster_and_can_give_a_client_certificate) {
  const TestCertificate shown = authority.issue("server", {"127.0.0.1"}), own = authority.issue("plugin", {});
  const FaultServer server({shown.certificate_pem, shown.key_pem, authority.ca_pem(), ""}, give_web);
  ClientConfig config = config_for(server);
  config.token.clear();
  config.exec = ExecPlugin{};
  config.exec->api_version = "client.authentication.k8s.io/v1";
  config.exec->provide_cluster_info = true;
  const Json answer = {{"apiVersion", "client.authentication.k8s.io/v1"},
                       {"kind", "ExecCredential"},
                       {"status", {{"clientCertificateData", own.certificate_pem}, {"clientKeyData", own.key_pem}}}};
  config.exec->command = script("printf %s \"$KUBERNETES_EXEC_INFO\" > " + folder.path("info") + "\ncat " +
                                folder.write("answer", to_text(answer)));
  const ApiResult<ObjectPtr> object = client(config)->get(deployment_key("web"));
  ASSERT_TRUE(object) << object.error().message;
  std::ifstream info(folder.path("info"));
  const Json told = Json::parse(info, nullptr, false);
  EXPECT_EQ(told["kind"], "ExecCredential");
  EXPECT_EQ(told["spec"]["interactive"], false);
  EXPECT_EQ(told["spec"]["cluster"]["server"], server.url());
  EXPECT_THAT(told["spec"]["cluster"]["certificate-authority-data"].get<std::string>(),
              testing::StartsWith("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"));
}

TEST_F(Rotation, a_plugin_that_fails_says_how) {
  struct Case {
    std::string text, reason;
  };
  const std::vector<Case> cases = {
      {"echo 'log in first' >&2; exit 3", "failed with exit code 3: log in first"},
      {"echo hello", "did not print an ExecCredential"},
      {R"(echo '{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential"}')",
       "of version \"client.authentication.k8s.io/v1beta1\""},
      {R"(echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"}')", "without status"},
      {R"(echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{}}')",
       "with neither a token nor a client certificate"},
      {R"(echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"soon"}}')",
       "no RFC 3339 time: \"soon\""},
      {"kill -9 $$", "was ended by signal 9"},
  };
  ExecPlugin plugin;
  plugin.api_version = "client.authentication.k8s.io/v1";
  for (const Case& one : cases) {
    plugin.command = script(one.text);
    const Result<ExecCredential> credential = run_exec_plugin(plugin, {});
    ASSERT_FALSE(credential) << one.text;
    EXPECT_THAT(credential.error().text, HasSubstr("the credential plugin \"" + plugin.command + "\" "));
    EXPECT_THAT(credential.error().text, HasSubstr(one.reason));
  }
  for (const char* text : {"exec sleep 1000", "exec >&- 2>&-; exec sleep 1000"}) {
    plugin.command = script(text);
    const Result<ExecCredential> slow = run_exec_plugin(plugin, {}, milliseconds(100));
    ASSERT_FALSE(slow) << text;
    EXPECT_THAT(slow.error().text, HasSubstr("did not end in time")) << text;
  }
  plugin.command = folder.path("missing");
  plugin.install_hint = "install it from the shop";
  const Result<ExecCredential> missing = run_exec_plugin(plugin, {});
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().text,
              HasSubstr("cannot be started: No such file or directory; install it from the shop"));
}

TEST_F(Rotation, a_client_certificate_renewed_on_disk_is_shown_from_then_on) {
  const TestAuthority newer("newer authority");
  const TestCertificate shown = authority.issue("server", {"127.0.0.1"});
  const FaultServer old_server({shown.certificate_pem, shown.key_pem, authority.ca_pem(), ""}, give_web);
  ClientConfig config = config_for(old_server);
  const TestCertificate first = newer.issue("me", {}), second = authority.issue("me", {});
  config.certificate.file = folder.write("tls.crt", first.certificate_pem);
  config.key.file = folder.write("tls.key", first.key_pem);
  const auto api = client(config, rereading_always());
  EXPECT_FALSE(api->get(deployment_key("web")));  // the server does not know the newer authority
  folder.write("tls.crt", second.certificate_pem);
  EXPECT_FALSE(api->get(deployment_key("web")));  // the key is still the old one: the old pair stays in use
  folder.write("tls.key", second.key_pem);
  const ApiResult<ObjectPtr> object = api->get(deployment_key("web"));
  EXPECT_TRUE(object) << object.error().message;
}

TEST_F(Rotation, a_ca_renewed_on_disk_is_trusted_from_then_on) {
  const TestAuthority newer("newer authority");
  const auto server = serve_with(newer.issue("server", {"127.0.0.1"}), give_web);
  ClientConfig config = config_for(*server);
  config.ca.data.clear();
  config.ca.file = folder.write("ca.crt", authority.ca_pem());
  const auto api = client(config, rereading_always());
  EXPECT_FALSE(api->get(deployment_key("web")));
  folder.write("ca.crt", authority.ca_pem() + newer.ca_pem());
  const ApiResult<ObjectPtr> object = api->get(deployment_key("web"));
  EXPECT_TRUE(object) << object.error().message;
}

}  // namespace
}  // namespace meshgraft::test
