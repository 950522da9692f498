// What a call makes of refusals, of proxies, and of answers that are none.

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/wire/wire_world.h"

namespace meshgraft::test {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

using RestFaults = WireTest;

ApiError error_of(const ApiResult<ObjectPtr>& result) {
  EXPECT_FALSE(result);
  return result ? ApiError{} : result.error();
}

TEST_F(RestFaults, a_refusal_of_the_api_keeps_its_class_reason_and_message) {
  struct Case {
    int status;
    std::string reason;
    ErrorClass kind;
  };
  const std::vector<Case> cases = {
      {403, "Forbidden", ErrorClass::forbidden},  {404, "NotFound", ErrorClass::not_found},
      {409, "Conflict", ErrorClass::conflict},    {409, "AlreadyExists", ErrorClass::exists},
      {410, "Expired", ErrorClass::gone},         {422, "Invalid", ErrorClass::invalid},
      {500, "InternalError", ErrorClass::server},
  };
  std::size_t next = 0;
  const auto server = serve([&cases, &next](const SeenRequest&, Conversation& client) {
    client.answer(cases[next].status, "application/json",
                  status_json(cases[next].status, cases[next].reason, "because"));
  });
  const auto api = client(*server);
  for (; next < cases.size(); ++next) {
    const ApiError error = error_of(api->get(deployment_key("web")));
    EXPECT_EQ(error.kind, cases[next].kind) << cases[next].reason;
    EXPECT_EQ(error.code, cases[next].status);
    EXPECT_EQ(error.reason, cases[next].reason);
    EXPECT_THAT(error.message, HasSubstr("because"));
  }
}

TEST_F(RestFaults, a_throttled_call_says_which_rule_of_the_servers_priority_and_fairness_it_fell_under) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    const std::string_view classed =
        "X-Kubernetes-PF-FlowSchema-UID: 1f2e\r\nX-Kubernetes-PF-PriorityLevel-UID: 3d4c\r\n";
    const bool says = request.number != 2;
    client.answer(request.number == 3 ? 404 : 429, "application/json",
                  request.number == 3 ? status_json(404, "NotFound", "gone") : status_json(429, "TooManyRequests", "slow"),
                  says ? classed : "");
  });
  const auto api = client(*server);
  EXPECT_EQ(error_of(api->get(deployment_key("web"))).message,
            "slow (flow schema UID 1f2e, priority level UID 3d4c)");
  EXPECT_EQ(error_of(api->get(deployment_key("web"))).message, "slow") << "a proxy, or a server without it";
  EXPECT_EQ(error_of(api->get(deployment_key("web"))).message, "gone") << "every answer carries them";
}

TEST_F(RestFaults, a_throttled_call_says_how_long_to_wait) {
  const auto server = serve([](const SeenRequest&, Conversation& client) {
    client.answer(429, "application/json", status_json(429, "TooManyRequests", "slow down"), "Retry-After: 7\r\n");
  });
  const ApiError error = error_of(client(*server)->get(deployment_key("web")));
  EXPECT_EQ(error.kind, ErrorClass::throttled);
  EXPECT_EQ(error.retry_after, std::chrono::seconds(7));
}

TEST_F(RestFaults, an_html_answer_is_named_as_such) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    client.answer(request.number == 1 ? 200 : 502, "text/html; charset=utf-8", "<html><body>Welcome</body></html>");
  });
  const auto api = client(*server);
  const ApiError page = error_of(api->get(deployment_key("web")));
  EXPECT_EQ(page.kind, ErrorClass::bad_answer);
  EXPECT_EQ(page.message,
            "the server at " + server->url() + " answered with HTML, not with the Kubernetes API (HTTP 200)");
  const ApiError gateway = error_of(api->get(deployment_key("web")));
  EXPECT_EQ(gateway.kind, ErrorClass::server);
  EXPECT_EQ(gateway.message,
            "the server at " + server->url() + " answered with HTML, not with the Kubernetes API (HTTP 502)");
}

TEST_F(RestFaults, truncated_json_and_empty_answers_are_bad_answers) {
  std::string body;
  const auto server = serve([&body](const SeenRequest&, Conversation& client) { client.answer_json(body); });
  const auto api = client(*server);
  for (const char* text :
       {R"({"kind":"DeploymentList","items":[{"metadata":{"na)", "", "null", "[]", "{}x", R"("text")"}) {
    body = text;
    ListRequest request;
    request.kind = Kind::deployment;
    const ApiResult<ListPage> page = api->list(request);
    ASSERT_FALSE(page) << text;
    EXPECT_EQ(page.error().kind, ErrorClass::bad_answer) << text;
    EXPECT_THAT(page.error().message, HasSubstr(server->url())) << text;
  }
}

TEST_F(RestFaults, a_redirect_is_not_followed_and_the_token_stays_here) {
  const auto other =
      serve([](const SeenRequest&, Conversation& client) { client.answer_json(deployment_json("web", "1")); });
  const auto server = serve([&other](const SeenRequest& request, Conversation& client) {
    const int status = request.number == 1 ? 302 : 307;
    client.answer(status, "text/plain", "", "Location: " + other->url() + "/elsewhere?secret=1\r\n");
  });
  const auto api = client(*server);
  const ApiError found = error_of(api->get(deployment_key("web")));
  EXPECT_EQ(found.kind, ErrorClass::bad_answer);
  EXPECT_THAT(found.message,
              HasSubstr("a redirect to " + other->url() + "/elsewhere, which is never followed (HTTP 302)"));
  const ApiResult<Written> posted = api->create(deployment_key("web"), {{"kind", "Deployment"}}, "meshgraft");
  ASSERT_FALSE(posted);
  EXPECT_EQ(posted.error().kind, ErrorClass::bad_answer);
  EXPECT_EQ(server->requests().size(), 2U);
  EXPECT_EQ(other->connections(), 0);
}

TEST_F(RestFaults, a_refused_connection_names_the_server_and_says_that_nothing_was_sent) {
  // A port that nobody listens on, and nobody else is given while it is bound.
  const int bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(bound, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(getsockname(bound, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ClientConfig config;
  config.source = "the test";
  config.server = "https://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  config.ca.data = authority.ca_pem();
  config.token = kToken;
  const ApiError error = error_of(client(config)->get(deployment_key("web")));
  EXPECT_EQ(error.kind, ErrorClass::transport);
  EXPECT_FALSE(error.sent);
  EXPECT_EQ(error.message,
            "the server at " + config.server + " cannot be reached: connection refused or no route to host");
  close(bound);
}

TEST_F(RestFaults, a_name_that_does_not_resolve_is_a_transport_error) {
  ClientConfig config;
  config.source = "the test";
  config.server = "http://no-such-host.invalid:6443";
  RestOptions options;
  options.call_deadline = std::chrono::seconds(5);
  const ApiError error = error_of(client(config, options)->get(deployment_key("web")));
  EXPECT_EQ(error.kind, ErrorClass::transport);
  EXPECT_THAT(error.message, HasSubstr("no-such-host.invalid"));
}

TEST_F(RestFaults, a_call_ends_at_its_deadline_wherever_the_server_hangs) {
  RestOptions options;
  options.call_deadline = milliseconds(700);
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    if (request.target.find("/half") != std::string::npos)
      client.raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\"");
    if (request.target.find("/chunk") != std::string::npos) {
      client.begin(200, "application/json");
      client.chunk("{\"a\"");
    }
    client.hang();
  });
  const auto api = client(*server, options);
  for (const char* name : {"mute", "half", "chunk"}) {
    const ApiError error = error_of(api->get(deployment_key(name)));
    EXPECT_EQ(error.kind, ErrorClass::transport) << name;
    EXPECT_THAT(error.message, HasSubstr("700 ms")) << name;
  }
  EXPECT_LE(server->requests().size(), 3U);  // a timeout is not tried again; a slow handshake is one
  EXPECT_TRUE(server->wait_for_closed(3));   // and none of its connections is kept
}

TEST_F(RestFaults, a_server_that_accepts_and_never_shakes_hands_is_a_timeout) {
  RestOptions options;
  options.call_deadline = milliseconds(200);
  const auto server = serve([](const SeenRequest&, Conversation&) {});
  server->drop_silently(true);
  const ApiResult<Written> written =
      client(*server, options)->create(deployment_key("web"), {{"kind", "Deployment"}}, "meshgraft");
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("gave no answer within 200 ms"));
  EXPECT_FALSE(written.error().sent);
}

TEST_F(RestFaults, an_answer_that_breaks_off_is_a_transport_error_and_no_object) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    const std::string whole = deployment_json("web", "1");
    if (request.target.find("/chunk") != std::string::npos) {
      client.begin(200, "application/json");
      client.raw("1000\r\n" + whole.substr(0, 40));
    } else {
      client.raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                 std::to_string(whole.size()) + "\r\n\r\n" + whole.substr(0, 40));
    }
    if (request.target.find("reset") != std::string::npos) {
      client.reset();
    } else {
      client.close();
    }
  });
  const auto api = client(*server);
  for (const char* name : {"length-close", "chunk-close", "length-reset", "chunk-reset"}) {
    const ApiError error = error_of(api->get(deployment_key(name)));
    EXPECT_EQ(error.kind, ErrorClass::transport) << name;
    EXPECT_THAT(error.message, HasSubstr("broke off its answer")) << name;
  }
}

TEST_F(RestFaults, what_is_not_http_is_a_transport_error) {
  const auto server = serve([](const SeenRequest&, Conversation& client) {
    client.raw("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    client.close();
  });
  const ApiError error = error_of(client(*server)->get(deployment_key("web")));
  EXPECT_EQ(error.kind, ErrorClass::transport);
  EXPECT_THAT(error.message, Not(HasSubstr(std::string(kToken))));
}

TEST_F(RestFaults, an_answer_without_end_is_refused_with_the_kind_that_was_listed) {
  const auto server = serve([](const SeenRequest&, Conversation& client) {
    bool more = client.begin(200, "application/json") && client.chunk(R"({"kind":"DeploymentList","items":[)");
    const std::string piece(std::size_t{64} * 1024, ' ');
    while (more) more = client.chunk(piece);
  });
  RestOptions options;
  options.answer_cap = std::size_t{1} << 20;
  options.call_deadline = std::chrono::minutes(2);  // not what ends it
  ListRequest request;
  request.kind = Kind::deployment;
  const ApiResult<ListPage> page = client(*server, options)->list(request);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, ErrorClass::bad_answer);
  EXPECT_THAT(page.error().message, HasSubstr("the list of deployments: the server at "));
  EXPECT_THAT(page.error().message, HasSubstr("sent an answer of more than 1 MiB"));
  EXPECT_TRUE(server->wait_for_closed(1));
}

TEST_F(RestFaults, a_refusal_that_repeats_the_request_does_not_show_the_token) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    const std::string header = request.headers.at("authorization");
    if (request.number == 1) client.answer(403, "application/json", status_json(403, "Forbidden", header + " may not"));
    if (request.number == 2) client.answer(400, "text/plain", "GET " + request.target + " Authorization: " + header);
  });
  const auto api = client(*server);
  EXPECT_EQ(error_of(api->get(deployment_key("web"))).message, "Bearer … may not");
  const std::string plain = error_of(api->get(deployment_key("web"))).message;
  EXPECT_THAT(plain, HasSubstr("Authorization: Bearer …"));
  EXPECT_THAT(plain, Not(HasSubstr(std::string(kToken))));
}

TEST_F(RestFaults, a_token_that_is_longer_than_what_is_shown_of_a_refusal_does_not_show_its_beginning) {
  const auto server = serve([](const SeenRequest& request, Conversation& client) {
    client.answer(400, "text/plain", "GET " + request.target + " Authorization: " + request.headers.at("authorization"));
  });
  ClientConfig config = config_for(*server);
  config.token = "eyJhbGciOi" + std::string(1200, 'x');  // a ServiceAccount's is about a kilobyte
  const std::string plain = error_of(client(config)->get(deployment_key("web"))).message;
  EXPECT_THAT(plain, HasSubstr("Authorization: Bearer …"));
  EXPECT_THAT(plain, Not(HasSubstr("eyJhbGciOi")));
}

TEST_F(RestFaults, an_object_of_an_unknown_kind_has_no_path) {
  const auto server = serve([](const SeenRequest&, Conversation&) {});
  const ApiError error = error_of(client(*server)->get({Kind::other, "shop", "x"}));
  EXPECT_EQ(error.kind, ErrorClass::other);
  EXPECT_FALSE(error.sent);
  EXPECT_EQ(server->connections(), 0);
}

}  // namespace
}  // namespace meshgraft::test
