#include "tests/fakes/http_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace meshgraft::fakes {
namespace {

constexpr std::size_t kHeadLimit = 64 << 10;  // bytes of request line and headers
constexpr std::size_t kBodyLimit = 64 << 20;
constexpr timeval kIdle{120, 0};  // a connection without a request for so long is closed

// A socket, with TLS over it or not.
class Wire {
 public:
  Wire(int fd, SSL_CTX* context) : fd_(fd) {
    if (context == nullptr) return;
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, fd);
  }
  ~Wire() {
    if (ssl_ != nullptr) SSL_free(ssl_);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  bool open() { return ssl_ == nullptr || SSL_accept(ssl_) == 1; }

  // More bytes into `buffer`; false at the end.
  bool read(std::string& buffer) {
    char piece[16384];
    const auto got =
        ssl_ != nullptr ? SSL_read(ssl_, piece, sizeof piece) : static_cast<int>(recv(fd_, piece, sizeof piece, 0));
    if (got <= 0) return false;
    buffer.append(piece, static_cast<std::size_t>(got));
    return true;
  }

  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t step = std::min<std::size_t>(bytes.size(), 1 << 20);
      const auto sent = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), static_cast<int>(step))
                                        : static_cast<int>(send(fd_, bytes.data(), step, MSG_NOSIGNAL));
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  void goodbye() {
    if (ssl_ != nullptr) SSL_shutdown(ssl_);
  }

 private:
  const int fd_;
  SSL* ssl_ = nullptr;
};

const char* words_of(int code) {
  switch (code) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 422:
      return "Unprocessable Entity";
    default:
      return code < 400 ? "OK" : "Error";
  }
}

class Conversation final : public Exchange {
 public:
  Conversation(Wire& wire, int fd, const std::atomic<bool>& stopping) : wire_(wire), fd_(fd), stopping_(stopping) {}

  bool answer(int code, std::string_view type, std::string_view text) override {
    std::string out =
        "HTTP/1.1 " + std::to_string(code) + " " + words_of(code) + "\r\nContent-Type: " + std::string(type) +
        "\r\nCache-Control: no-cache, private\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n";
    out += text;
    return wire_.write(out);
  }
  bool begin(std::string_view type) override {
    return wire_.write("HTTP/1.1 200 OK\r\nContent-Type: " + std::string(type) +
                       "\r\nCache-Control: no-cache, private\r\nTransfer-Encoding: chunked\r\n\r\n");
  }
  bool chunk(std::string_view bytes) override {
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    std::string out = size;
    out += bytes;
    out += "\r\n";
    return wire_.write(out);
  }
  bool end() override { return wire_.write("0\r\n\r\n"); }
  bool is_over() override {
    if (stopping_) return true;
    pollfd state{fd_, POLLRDHUP, 0};
    return poll(&state, 1, 0) > 0 && (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
  }

 private:
  Wire& wire_;
  const int fd_;
  const std::atomic<bool>& stopping_;
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

bool parse_head(std::string_view text, HttpHead& head) {
  const auto line = std::min(text.find("\r\n"), text.size());
  const std::string_view first = text.substr(0, line);
  const auto space = first.find(' '), last = first.rfind(' ');
  if (space == std::string_view::npos || last <= space || !first.substr(last + 1).starts_with("HTTP/1.")) return false;
  head.method = first.substr(0, space);
  head.target = first.substr(space + 1, last - space - 1);
  for (std::size_t start = line + 2; start < text.size();) {
    const auto end = std::min(text.find("\r\n", start), text.size());
    const std::string_view one = text.substr(start, end - start);
    const auto colon = one.find(':');
    if (colon == std::string_view::npos) return false;
    const auto value = one.find_first_not_of(" \t", colon + 1);
    head.headers[lower(one.substr(0, colon))] = value == std::string_view::npos ? "" : std::string(one.substr(value));
    start = end + 2;
  }
  return true;
}

// Reads until `buffer` holds `size` bytes.
bool fill(Wire& wire, std::string& buffer, std::size_t size) {
  while (buffer.size() < size) {
    if (!wire.read(buffer)) return false;
  }
  return true;
}

bool read_chunks(Wire& wire, std::string& buffer, std::string& body) {
  while (true) {
    std::size_t line;
    while ((line = buffer.find("\r\n")) == std::string::npos) {
      if (buffer.size() > kHeadLimit || !wire.read(buffer)) return false;
    }
    const std::size_t size = std::strtoull(buffer.c_str(), nullptr, 16);
    buffer.erase(0, line + 2);
    if (size > kBodyLimit || body.size() + size > kBodyLimit || !fill(wire, buffer, size + 2)) return false;
    body.append(buffer, 0, size);
    buffer.erase(0, size + 2);
    if (size == 0) return true;
  }
}

// The next request on a connection; false when there is none. `buffer` keeps what came behind it.
bool read_request(Wire& wire, std::string& buffer, Exchange& exchange) {
  std::size_t end;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (buffer.size() > kHeadLimit || !wire.read(buffer)) return false;
  }
  if (!parse_head(std::string_view(buffer).substr(0, end), exchange.head)) return false;
  buffer.erase(0, end + 4);
  if (lower(exchange.head.header("expect")) == "100-continue" && !wire.write("HTTP/1.1 100 Continue\r\n\r\n"))
    return false;
  if (lower(exchange.head.header("transfer-encoding")) == "chunked") return read_chunks(wire, buffer, exchange.body);
  const std::size_t size = std::strtoull(exchange.head.header("content-length").c_str(), nullptr, 10);
  if (size > kBodyLimit || !fill(wire, buffer, size)) return false;
  exchange.body = buffer.substr(0, size);
  buffer.erase(0, size);
  return true;
}

SSL_CTX* tls_context(const std::string& certificate_pem, const std::string& key_pem) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  if (context == nullptr) return nullptr;
  BIO* const certificate_bytes = BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size()));
  BIO* const key_bytes = BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size()));
  X509* const certificate = PEM_read_bio_X509(certificate_bytes, nullptr, nullptr, nullptr);
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(key_bytes, nullptr, nullptr, nullptr);
  const bool ok = certificate != nullptr && key != nullptr && SSL_CTX_use_certificate(context, certificate) == 1 &&
                  SSL_CTX_use_PrivateKey(context, key) == 1;
  X509_free(certificate);
  EVP_PKEY_free(key);
  BIO_free_all(certificate_bytes);
  BIO_free_all(key_bytes);
  if (ok) return context;
  SSL_CTX_free(context);
  return nullptr;
}

}  // namespace

std::string HttpHead::header(const std::string& name) const {
  auto it = headers.find(name);
  return it == headers.end() ? "" : it->second;
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(int port, const std::string& certificate_pem,
                                                      const std::string& key_pem, Handler handler) {
  std::signal(SIGPIPE, SIG_IGN);
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(handler)));
  if (!certificate_pem.empty()) {
    server->tls_ = tls_context(certificate_pem, key_pem);
    if (server->tls_ == nullptr) return fail("OpenSSL did not take the server's certificate");
  }
  server->listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(server->listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(server->listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(server->listener_, 256) != 0) {
    return fail("cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + std::strerror(errno));
  }
  socklen_t size = sizeof address;
  getsockname(server->listener_, reinterpret_cast<sockaddr*>(&address), &size);
  server->port_ = ntohs(address.sin_port);
  server->accepter_ = std::thread([self = server.get()] { self->accept_clients(); });
  return server;
}

HttpServer::~HttpServer() {
  stopping_ = true;
  if (listener_ >= 0) shutdown(listener_, SHUT_RDWR);
  if (accepter_.joinable()) accepter_.join();
  {
    MutexLock lock(mutex_);
    for (const Client& client : clients_) {
      if (!client.done) shutdown(client.fd, SHUT_RDWR);
    }
  }
  // Nobody adds clients any more; their threads never touch the list.
  std::list<Client> left;
  {
    MutexLock lock(mutex_);
    left.swap(clients_);
  }
  for (Client& client : left) {
    client.thread.join();
    close(client.fd);
  }
  if (listener_ >= 0) close(listener_);
  if (tls_ != nullptr) SSL_CTX_free(tls_);
}

void HttpServer::accept_clients() {
  while (!stopping_) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (stopping_ || errno == EBADF || errno == EINVAL) return;
      poll(nullptr, 0, 10);  // out of descriptors: some client will go
      continue;
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kIdle, sizeof kIdle);
    join_finished();
    MutexLock lock(mutex_);
    Client& client = clients_.emplace_back();
    client.fd = fd;
    client.thread = std::thread([this, &client] { serve(client); });
  }
}

void HttpServer::join_finished() {
  MutexLock lock(mutex_);
  for (auto it = clients_.begin(); it != clients_.end();) {
    if (!it->done) {
      ++it;
      continue;
    }
    it->thread.join();
    close(it->fd);
    it = clients_.erase(it);
  }
}

void HttpServer::serve(Client& client) {
  {
    Wire wire(client.fd, tls_);
    std::string buffer;
    bool open = wire.open();
    while (open && !stopping_) {
      Conversation conversation(wire, client.fd, stopping_);
      if (!read_request(wire, buffer, conversation)) break;
      handler_(conversation);
      open = lower(conversation.head.header("connection")) != "close" && !conversation.is_over();
    }
    if (open || !stopping_) wire.goodbye();
    ERR_clear_error();
  }
  shutdown(client.fd, SHUT_RDWR);
  client.done = true;
}

}  // namespace meshgraft::fakes
