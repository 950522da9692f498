#include "tests/fakes/fault_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <stdexcept>

namespace meshgraft::test {
namespace {

constexpr std::chrono::seconds kPatience{120};  // of the waits that a test makes; never reached by one that passes

X509* certificate_of(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return certificate;
}

SSL_CTX* context_of(const FaultServer::Options& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  X509* certificate = certificate_of(options.certificate_pem);
  BIO* bio = BIO_new_mem_buf(options.key_pem.data(), static_cast<int>(options.key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  if (SSL_CTX_use_certificate(context, certificate) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1)
    throw std::runtime_error("the test server's certificate cannot be used");
  X509_free(certificate);
  EVP_PKEY_free(key);
  if (options.highest_tls != 0) {
    SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0");  // OpenSSL 3 speaks nothing below 1.2 otherwise
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, options.highest_tls);
  }
  if (!options.client_ca_pem.empty()) {
    X509* ca = certificate_of(options.client_ca_pem);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca);
    X509_free(ca);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

}  // namespace

class FaultServer::Connection final : public Conversation {
 public:
  Connection(int socket, int number, SSL_CTX* tls) : number_(number), socket_(socket) {
    if (tls == nullptr) return;
    ssl_ = SSL_new(tls);
    SSL_set_fd(ssl_, socket);
  }
  ~Connection() override {
    if (thread.joinable()) thread.join();
    SSL_free(ssl_);
    ::close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool handshake() { return ssl_ == nullptr || SSL_accept(ssl_) == 1; }

  bool answer(int status, std::string_view content_type, std::string_view body, std::string_view headers) override {
    return raw("HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Type: " + std::string(content_type) +
               "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + std::string(headers) + "\r\n" +
               std::string(body));
  }
  bool begin(int status, std::string_view content_type) override {
    return raw("HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Type: " + std::string(content_type) +
               "\r\nTransfer-Encoding: chunked\r\n\r\n");
  }
  bool chunk(std::string_view bytes) override {
    std::array<char, 24> size{};
    const int length = std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
    return raw(std::string(size.data(), static_cast<std::size_t>(length)) + std::string(bytes) + "\r\n");
  }
  bool finish() override { return raw("0\r\n\r\n"); }

  bool raw(std::string_view bytes) override {
    while (!bytes.empty() && !done_) {
      const long sent = ssl_ == nullptr ? send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                                        : SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
      if (sent <= 0) {
        done_ = true;
        ERR_clear_error();
        return false;
      }
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return !done_;
  }
  void hang() override {
    pollfd gone{socket_, POLLRDHUP, 0};
    while (poll(&gone, 1, -1) < 0) {
    }
    done_ = true;
  }
  void reset() override {
    const linger at_once{1, 0};
    setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    // Dropping the last descriptor sends the RST; the number stays taken, so that nobody else gets it meanwhile.
    const int other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    dup2(other, socket_);
    ::close(other);
    done_ = true;
  }
  void close() override {
    shutdown(socket_, SHUT_RDWR);
    done_ = true;
  }

  // The next request; false when there is none any more.
  bool read(SeenRequest& request) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return false;
    }
    parse_head(std::string_view(buffer_).substr(0, end), request);
    buffer_.erase(0, end + 4);
    const auto length = request.headers.find("content-length");
    const std::size_t size = length == request.headers.end() ? 0 : std::stoul(length->second);
    while (buffer_.size() < size) {
      if (!more()) return false;
    }
    request.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    request.connection = number_;
    return true;
  }

  [[nodiscard]] bool done() const { return done_; }
  void interrupt() const { shutdown(socket_, SHUT_RDWR); }

  std::thread thread;

 private:
  bool more() {
    if (done_) return false;
    std::array<char, 16384> piece{};
    const long got = ssl_ == nullptr ? recv(socket_, piece.data(), piece.size(), 0)
                                     : SSL_read(ssl_, piece.data(), static_cast<int>(piece.size()));
    if (got <= 0) {
      ERR_clear_error();
      return false;
    }
    buffer_.append(piece.data(), static_cast<std::size_t>(got));
    return true;
  }

  static void parse_head(std::string_view head, SeenRequest& request) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    const auto first = line.find(' '), last = line.rfind(' ');
    request.method = line.substr(0, first);
    request.target = line.substr(first + 1, last - first - 1);
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    while (!head.empty()) {
      const std::string_view field = head.substr(0, head.find("\r\n"));
      head.remove_prefix(std::min(head.size(), field.size() + 2));
      const auto colon = field.find(':');
      std::string name(field.substr(0, colon));
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char letter) { return std::tolower(letter); });
      std::string_view value = colon == std::string_view::npos ? "" : field.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      request.headers[name] = value;
    }
  }

  const int number_;
  const int socket_;
  SSL* ssl_ = nullptr;
  std::string buffer_;
  bool done_ = false;
};

FaultServer::FaultServer(Options options, Script script) : options_(std::move(options)), script_(std::move(script)) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to its socket without MSG_NOSIGNAL
  if (!options_.certificate_pem.empty()) tls_ = context_of(options_);
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 128) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("the test server cannot listen on loopback");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

FaultServer::~FaultServer() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  std::list<Connection> last;
  {
    MutexLock lock(mutex_);
    for (const Connection& connection : open_) connection.interrupt();
    last.swap(open_);
  }
  last.clear();  // joins every thread
  SSL_CTX_free(tls_);
}

std::string FaultServer::url() const {
  return (tls_ == nullptr ? "http://127.0.0.1:" : "https://127.0.0.1:") + std::to_string(port_);
}

std::string FaultServer::named_url() const {
  return (tls_ == nullptr ? "http://localhost:" : "https://localhost:") + std::to_string(port_);
}

void FaultServer::accept_all() {
  int number = 0;
  while (!stopping_) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    MutexLock lock(mutex_);
    Connection& connection = open_.emplace_back(socket, ++number, tls_);
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void FaultServer::serve(Connection& connection) {
  if (!options_.greeting.empty()) connection.raw(options_.greeting);
  if (before_handshake_) before_handshake_();
  if (drop_) {
    connection.hang();
  } else if (connection.handshake()) {
    while (!connection.done()) {
      SeenRequest request;
      if (!connection.read(request)) break;
      {
        MutexLock lock(mutex_);
        request.number = static_cast<int>(seen_.size()) + 1;
        seen_.push_back(request);
        changed_.notify_all();
      }
      script_(request, connection);
    }
  }
  connection.interrupt();
  MutexLock lock(mutex_);
  ++closed_;
  changed_.notify_all();
}

std::vector<SeenRequest> FaultServer::requests() const {
  MutexLock lock(mutex_);
  return seen_;
}

int FaultServer::connections() const {
  MutexLock lock(mutex_);
  return static_cast<int>(open_.size());
}

bool FaultServer::wait_for_requests(std::size_t count) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(mutex_);
  while (seen_.size() < count && std::chrono::steady_clock::now() < deadline) changed_.wait_until(mutex_, deadline);
  return seen_.size() >= count;
}

bool FaultServer::wait_for_closed(int count) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(mutex_);
  while (closed_ < count && std::chrono::steady_clock::now() < deadline) changed_.wait_until(mutex_, deadline);
  return closed_ >= count;
}

}  // namespace meshgraft::test
