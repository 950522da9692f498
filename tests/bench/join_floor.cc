// The floor of `./bench join`: sends prepared requests over TLS on as many kept-alive connections, with no cache, no
// plan and no decoding, and prints wall time and CPU. What a join costs above this is ours.
//
//   join_floor HOST PORT CA CERT KEY CONNECTIONS < requests
// Each input line is one request as JSON: {"lane": "shop", "method", "path", "type", "body"}. Requests of a lane go over
// one connection, in their order; lanes are dealt out in turn.

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "k8sclient/base/json.h"

namespace {

using meshgraft::Json;

struct Server {
  std::string host, port;
  SSL_CTX* context = nullptr;
};

[[noreturn]] void die(const std::string& what) {
  std::cerr << "join_floor: " << what << "\n";
  std::exit(1);
}

// One kept-alive connection.
class Connection {
 public:
  explicit Connection(const Server& server) : host_(server.host + ":" + server.port) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(server.host.c_str(), server.port.c_str(), &hints, &found) != 0) die("cannot resolve " + server.host);
    socket_ = socket(found->ai_family, found->ai_socktype, 0);
    if (connect(socket_, found->ai_addr, found->ai_addrlen) != 0) die("cannot connect to " + host_);
    freeaddrinfo(found);
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ssl_ = SSL_new(server.context);
    SSL_set_fd(ssl_, socket_);
    if (SSL_connect(ssl_) != 1) die("TLS handshake failed");
  }
  ~Connection() {
    SSL_free(ssl_);
    close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Sends one request and reads its whole answer. Returns the status code.
  int send(const Json& request) {
    const std::string body = request.at("body").get<std::string>();
    const std::string text = request.at("method").get<std::string>() + " " + request.at("path").get<std::string>() +
                             " HTTP/1.1\r\nHost: " + host_ + "\r\nAccept: application/json\r\nContent-Type: " +
                             request.at("type").get<std::string>() + "\r\nContent-Length: " + std::to_string(body.size()) +
                             "\r\n\r\n" + body;
    if (SSL_write(ssl_, text.data(), static_cast<int>(text.size())) <= 0) die("write failed");
    return read_answer();
  }

 private:
  void fill() {
    char piece[16384];
    const int got = SSL_read(ssl_, piece, sizeof piece);
    if (got <= 0) die("connection closed by " + host_);
    buffer_.append(piece, static_cast<std::size_t>(got));
  }

  std::string take_line() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n")) == std::string::npos) fill();
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return line;
  }

  void skip(std::size_t bytes) {
    while (buffer_.size() < bytes) fill();
    buffer_.erase(0, bytes);
  }

  int read_answer() {
    const int status = std::atoi(take_line().substr(9, 3).c_str());
    std::size_t length = 0;
    bool chunked = false;
    for (std::string line = take_line(); !line.empty(); line = take_line()) {
      if (strncasecmp(line.c_str(), "content-length:", 15) == 0) length = std::strtoul(line.c_str() + 15, nullptr, 10);
      if (strncasecmp(line.c_str(), "transfer-encoding: chunked", 26) == 0) chunked = true;
    }
    if (!chunked) {
      skip(length);
      return status;
    }
    for (std::size_t size = 1; size != 0;) {
      size = std::strtoul(take_line().c_str(), nullptr, 16);
      skip(size + 2);
    }
    return status;
  }

  const std::string host_;
  int socket_ = -1;
  SSL* ssl_ = nullptr;
  std::string buffer_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) die("usage: join_floor HOST PORT CA CERT KEY CONNECTIONS < requests");
  Server server{argv[1], argv[2], SSL_CTX_new(TLS_client_method())};
  SSL_CTX_set_verify(server.context, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(server.context, argv[3], nullptr) != 1) die("cannot read the CA");
  if (SSL_CTX_use_certificate_file(server.context, argv[4], SSL_FILETYPE_PEM) != 1) die("cannot read the certificate");
  if (SSL_CTX_use_PrivateKey_file(server.context, argv[5], SSL_FILETYPE_PEM) != 1) die("cannot read the key");
  const std::size_t connections = std::strtoul(argv[6], nullptr, 10);
  if (connections == 0) die("CONNECTIONS must be at least 1");

  std::map<std::string, std::size_t> lanes;
  std::vector<std::vector<Json>> work(connections);
  std::size_t requests = 0;
  for (std::string line; std::getline(std::cin, line); ++requests) {
    Json request = Json::parse(line);
    const auto [lane, fresh] = lanes.try_emplace(request.at("lane").get<std::string>(), lanes.size());
    work[lane->second % connections].push_back(std::move(request));
  }

  std::vector<std::map<int, std::size_t>> answers(connections);
  const auto start = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < connections; ++i) {
      threads.emplace_back([&server, &work, &answers, i] {
        if (work[i].empty()) return;
        Connection connection(server);
        for (const Json& request : work[i]) ++answers[i][connection.send(request)];
      });
    }
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;

  std::map<int, std::size_t> total;
  for (const auto& part : answers) {
    for (const auto& [status, count] : part) total[status] += count;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  Json out{{"requests", requests}, {"wall_seconds", wall.count()},
           {"cpu_seconds", seconds(usage.ru_utime) + seconds(usage.ru_stime)}, {"statuses", Json::object()}};
  for (const auto& [status, count] : total) out["statuses"][std::to_string(status)] = count;
  std::cout << meshgraft::to_text(out) << "\n";
  SSL_CTX_free(server.context);
  return 0;
}
