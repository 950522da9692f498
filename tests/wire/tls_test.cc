// Whom the client trusts and what it shows, over real handshakes.

#include <openssl/ssl.h>

#include "k8sclient/net/tls_context.h"
#include <openssl/ssl.h>

#include "tests/wire/wire_world.h"

namespace meshgraft::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

void give_web(const SeenRequest&, Conversation& client) { client.answer_json(deployment_json("web", "1")); }

class Tls : public WireTest {
 protected:
  // The error of a call to a server that shows `certificate`; no request may have reached it.
  ApiError refusal(const TestCertificate& certificate) {
    const auto server = serve_with(certificate, give_web);
    const ApiResult<ObjectPtr> object = client(*server)->get(deployment_key("web"));
    EXPECT_FALSE(object);
    EXPECT_TRUE(server->requests().empty());
    if (object) return {};
    EXPECT_EQ(object.error().kind, ErrorClass::transport);
    EXPECT_FALSE(object.error().sent);
    EXPECT_THAT(object.error().message, HasSubstr("the server at " + server->url() + " was not trusted: "));
    return object.error();
  }
};

TEST_F(Tls, a_certificate_for_the_address_or_the_name_is_accepted) {
  const auto server = serve(give_web);
  EXPECT_TRUE(client(*server)->get(deployment_key("web")));
  ClientConfig named = config_for(*server);
  named.server = server->named_url();
  const ApiResult<ObjectPtr> object = client(named)->get(deployment_key("web"));
  EXPECT_TRUE(object) << object.error().message;
}

TEST_F(Tls, a_certificate_of_another_authority_is_refused) {
  const TestAuthority other("another authority");
  EXPECT_THAT(refusal(other.issue("server", {"127.0.0.1"})).message,
              HasSubstr("the server's certificate is not signed by the configured CA"));
}

TEST_F(Tls, a_certificate_for_another_address_is_refused_and_its_names_are_told) {
  EXPECT_THAT(refusal(authority.issue("server", {"10.0.0.1", "api.example.com"})).message,
              HasSubstr("the server's certificate is for 10.0.0.1, api.example.com, not for 127.0.0.1"));
}

TEST_F(Tls, a_common_name_is_no_name) {
  EXPECT_THAT(refusal(authority.issue("127.0.0.1", {})).message,
              HasSubstr("the server's certificate is for no name, not for 127.0.0.1"));
  const auto server = serve_with(authority.issue("localhost", {"other.example.com"}), give_web);
  ClientConfig config = config_for(*server);
  config.server = server->named_url();
  const ApiResult<ObjectPtr> object = client(config)->get(deployment_key("web"));
  ASSERT_FALSE(object);
  EXPECT_THAT(object.error().message,
              HasSubstr("the server's certificate is for other.example.com, not for localhost"));
}

TEST_F(Tls, an_expired_or_future_certificate_is_refused_with_its_time) {
  EXPECT_THAT(refusal(authority.issue("server", {"127.0.0.1"}, -7200, -3600)).message,
              MatchesRegex(".*the server's certificate expired on [0-9]+-[0-9]+-[0-9]+ [0-9]+:[0-9]+:[0-9]+ UTC"));
  EXPECT_THAT(refusal(authority.issue("server", {"127.0.0.1"}, 3600, 7200)).message, HasSubstr("is not valid before"));
}

TEST_F(Tls, a_server_that_speaks_nothing_newer_than_tls_1_1_is_refused_before_it_sees_a_request) {
  const TestCertificate certificate = authority.issue("server", {"127.0.0.1"});
  for (const int highest : {TLS1_1_VERSION, TLS1_2_VERSION}) {
    FaultServer::Options old{certificate.certificate_pem, certificate.key_pem, "", ""};
    old.highest_tls = highest;
    FaultServer server(old, give_web);
    const ApiResult<ObjectPtr> object = client(config_for(server))->get(deployment_key("web"));
    EXPECT_EQ(object.has_value(), highest == TLS1_2_VERSION);
    EXPECT_EQ(server.requests().size(), highest == TLS1_2_VERSION ? 1U : 0U);
    if (!object) {
      EXPECT_EQ(object.error().kind, ErrorClass::transport);
    }
  }
}

TEST_F(Tls, insecure_skip_tls_verify_accepts_anything) {
  const TestAuthority other("another authority");
  const auto server = serve_with(other.issue("server", {"10.0.0.1"}, -7200, -3600), give_web);
  ClientConfig config = config_for(*server);
  config.ca = {};
  config.insecure = true;
  const ApiResult<ObjectPtr> object = client(config)->get(deployment_key("web"));
  EXPECT_TRUE(object) << object.error().message;
}

TEST_F(Tls, tls_server_name_is_verified_in_place_of_the_host) {
  const auto server = serve_with(authority.issue("server", {"kubernetes.default.svc"}), give_web);
  ClientConfig config = config_for(*server);
  config.tls_server_name = "kubernetes.default.svc";
  const ApiResult<ObjectPtr> object = client(config)->get(deployment_key("web"));
  EXPECT_TRUE(object) << object.error().message;
  config.tls_server_name = "other.default.svc";
  EXPECT_FALSE(client(config)->get(deployment_key("web")));
}

TEST_F(Tls, a_client_certificate_is_shown) {
  const TestCertificate shown = authority.issue("server", {"127.0.0.1"});
  const FaultServer server({shown.certificate_pem, shown.key_pem, authority.ca_pem(), ""}, give_web);
  ClientConfig config = config_for(server);
  EXPECT_FALSE(client(config)->get(deployment_key("web")));
  const TestCertificate own = authority.issue("system:admin", {});
  config.certificate.data = own.certificate_pem;
  config.key.data = own.key_pem;
  const ApiResult<ObjectPtr> object = client(config)->get(deployment_key("web"));
  EXPECT_TRUE(object) << object.error().message;
}

TEST_F(Tls, a_port_that_speaks_no_tls_is_a_transport_error_with_the_reason) {
  const FaultServer plain(
      {.certificate_pem = "", .key_pem = "", .client_ca_pem = "", .greeting = "HTTP/1.1 400 Bad Request\r\n\r\n"},
      [](const SeenRequest&, Conversation&) {});
  ClientConfig config = config_for(plain);
  config.server.replace(0, 4, "https");
  config.ca.data = authority.ca_pem();
  const ApiResult<ObjectPtr> object = client(config)->get(deployment_key("web"));
  ASSERT_FALSE(object);
  EXPECT_EQ(object.error().kind, ErrorClass::transport);
  EXPECT_THAT(object.error().message, HasSubstr("wrong version number"));
}

TEST_F(Tls, a_watch_checks_the_certificate_too) {
  const TestAuthority other("another authority");
  const auto server = serve_with(other.issue("server", {"127.0.0.1"}), give_web);
  const ApiResult<Unit> end = client(*server)->watch(deployment_watch(), [](std::string_view) { return true; });
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().kind, ErrorClass::transport);
  EXPECT_THAT(end.error().message, HasSubstr("not signed by the configured CA"));
}

TEST_F(Tls, settings_that_cannot_work_are_told_before_any_request) {
  const TestCertificate good = authority.issue("me", {}), other = authority.issue("other", {});
  const TestCertificate expired = authority.issue("me", {}, -7200, -3600);
  struct Case {
    std::string ca, certificate, key, reason;
  };
  const std::vector<Case> cases = {
      {"no PEM", "", "", "the CA data holds no PEM certificate"},
      {authority.ca_pem(), good.certificate_pem, "", "a client certificate and its key are needed together"},
      {authority.ca_pem(), "rubbish", good.key_pem, "the client certificate is not a PEM certificate"},
      {authority.ca_pem(), good.certificate_pem, "rubbish", "the client key is not an unencrypted PEM key"},
      {authority.ca_pem(), good.certificate_pem, other.key_pem,
       "the client key does not belong to the client certificate"},
      {authority.ca_pem(), expired.certificate_pem, expired.key_pem, "the client certificate (/CN=me) expired on 20"},
  };
  for (const Case& one : cases) {
    const auto made = TlsContext::make({one.ca, one.certificate, one.key, "127.0.0.1", false});
    ASSERT_FALSE(made) << one.reason;
    EXPECT_THAT(made.error().text, HasSubstr(one.reason));
    EXPECT_THAT(made.error().text, testing::Not(HasSubstr("BEGIN")));
  }
}

}  // namespace
}  // namespace meshgraft::test
