#include "cmd/probe_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

namespace meshgraft {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// The whole answer to one request on loopback; "" when the server gave up waiting for it.
std::string ask_once(int port, const std::string& path, const std::string& method) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket);
    return "no connection";
  }
  const std::string request = method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  (void)::send(socket, request.data(), request.size(), MSG_NOSIGNAL);
  std::string answer;
  std::array<char, 4096> piece{};
  for (ssize_t size = 0; (size = ::recv(socket, piece.data(), piece.size(), 0)) > 0;)
    answer.append(piece.data(), static_cast<std::size_t>(size));
  ::close(socket);
  return answer;
}

// Once more where this machine stood still for longer than the 5 s that the server waits for a request.
std::string ask(int port, const std::string& path, const std::string& method = "GET") {
  std::string answer;
  for (int tries = 0; answer.empty() && tries < 4; ++tries) answer = ask_once(port, path, method);
  return answer;
}

struct Probe : testing::Test {
  std::string ailment, unreadiness;
  Result<std::unique_ptr<ProbeServer>> server =
      ProbeServer::start("127.0.0.1:0", {[] { return std::string("up 1\n"); }, [this] { return ailment; },
                                         [this] { return unreadiness; }, [] { return std::string("[+] services\n"); }});
};

TEST_F(Probe, metrics_are_text) {
  ASSERT_TRUE(server) << server.error().text;
  const std::string answer = ask((*server)->port(), "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("version=0.0.4"));
  EXPECT_THAT(answer, HasSubstr("up 1\n"));
}

TEST_F(Probe, it_is_live_and_ready_or_says_why_not) {
  ASSERT_TRUE(server);
  const int port = (*server)->port();
  EXPECT_THAT(ask(port, "/livez"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask(port, "/readyz"), StartsWith("HTTP/1.1 200"));
  unreadiness = "not every kind has been read yet";
  EXPECT_THAT(ask(port, "/readyz"), testing::AllOf(StartsWith("HTTP/1.1 503"), HasSubstr(unreadiness)));
  EXPECT_THAT(ask(port, "/livez"), StartsWith("HTTP/1.1 200")) << "not ready is no reason to be restarted";
  ailment = "stuck";
  EXPECT_THAT(ask(port, "/livez"), StartsWith("HTTP/1.1 503"));
}

TEST_F(Probe, verbose_lists_the_kinds) {
  ASSERT_TRUE(server);
  EXPECT_THAT(ask((*server)->port(), "/readyz?verbose"), HasSubstr("[+] services\nok"));
}

TEST_F(Probe, nothing_else_is_served) {
  ASSERT_TRUE(server);
  EXPECT_THAT(ask((*server)->port(), "/"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(ask((*server)->port(), "/metrics", "POST"), testing::Not(StartsWith("HTTP/1.1 200")));
}

TEST_F(Probe, a_taken_port_and_a_bad_address_are_errors_that_name_the_address) {
  ASSERT_TRUE(server);
  const std::string taken = "127.0.0.1:" + std::to_string((*server)->port());
  const Result<std::unique_ptr<ProbeServer>> second = ProbeServer::start(taken, {});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().text, HasSubstr(taken));
  for (const char* bad : {"8080", "localhost:", ":99999", ":http", ""}) {
    const Result<std::unique_ptr<ProbeServer>> none = ProbeServer::start(bad, {});
    ASSERT_FALSE(none) << bad;
    EXPECT_THAT(none.error().text, HasSubstr("metrics address"));
  }
}

}  // namespace
}  // namespace meshgraft
