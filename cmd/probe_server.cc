#include "cmd/probe_server.h"

#include <CivetServer.h>

#include <string_view>
#include <utility>
#include <vector>

namespace meshgraft {
namespace {

void answer(mg_connection* connection, int code, std::string_view reason, std::string_view type,
            const std::string& body) {
  mg_printf(connection,
            "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\nConnection: "
            "close\r\n\r\n",
            code, std::string(reason).c_str(), std::string(type).c_str(), body.size());
  if (std::string_view(mg_get_request_info(connection)->request_method) != "HEAD")
    mg_write(connection, body.data(), body.size());
}

constexpr std::string_view kPlain = "text/plain; charset=utf-8";

// Answers one path; everything but GET and HEAD is 405 from the server itself.
class Handler final : public CivetHandler {
 public:
  explicit Handler(std::function<void(mg_connection*)> on_get) : on_get_(std::move(on_get)) {}
  bool handleGet(CivetServer*, mg_connection* connection) override {
    on_get_(connection);
    return true;
  }
  bool handleHead(CivetServer*, mg_connection* connection) override {
    on_get_(connection);
    return true;
  }

 private:
  std::function<void(mg_connection*)> on_get_;
};

bool is_verbose(mg_connection* connection) {
  const char* query = mg_get_request_info(connection)->query_string;
  return query != nullptr && std::string_view(query).find("verbose") != std::string_view::npos;
}

// As the library wants it: "+8080" listens on IPv4 and IPv6.
std::string listening(const std::string& address) {
  return address.starts_with(":") ? "+" + address.substr(1) : address;
}

bool has_port(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon + 1 == address.size() || address.size() - colon > 6) return false;
  return address.find_first_not_of("0123456789", colon + 1) == std::string::npos &&
         std::stoi(address.substr(colon + 1)) <= 65535;
}

}  // namespace

struct ProbeServer::Impl {
  explicit Impl(ProbeAnswers given)
      : answers(std::move(given)),
        metrics([this](mg_connection* connection) {
          answer(connection, 200, "OK", "text/plain; version=0.0.4; charset=utf-8", answers.metrics());
        }),
        live([this](mg_connection* connection) { answer_health(connection, answers.ailment(), ""); }),
        ready([this](mg_connection* connection) {
          answer_health(connection, answers.unreadiness(), is_verbose(connection) ? answers.details() : "");
        }) {}

  static void answer_health(mg_connection* connection, const std::string& trouble, const std::string& details) {
    const bool well = trouble.empty();
    answer(connection, well ? 200 : 503, well ? "OK" : "Service Unavailable", kPlain,
           details + (well ? "ok\n" : trouble + "\n"));
  }

  const ProbeAnswers answers;
  Handler metrics, live, ready;
  std::unique_ptr<CivetServer> server;  // last: it stops before its handlers go
};

Result<std::unique_ptr<ProbeServer>> ProbeServer::start(const std::string& address, ProbeAnswers answers) {
  if (!has_port(address)) return fail("metrics address " + address + ": not of the form HOST:PORT or :PORT");
  auto impl = std::make_unique<Impl>(std::move(answers));
  // Two threads: a slow scraper must not hold up the kubelet.
  const std::vector<std::string> options{"listening_ports",    listening(address),
                                         "num_threads",        "2",
                                         "request_timeout_ms", "5000",
                                         "enable_keep_alive",  "no"};
  try {
    impl->server = std::make_unique<CivetServer>(options);
    impl->server->addHandler("/metrics$", impl->metrics);
    impl->server->addHandler("/livez$", impl->live);
    impl->server->addHandler("/healthz$", impl->live);
    impl->server->addHandler("/readyz$", impl->ready);
  } catch (const CivetException& error) {
    return fail("metrics address " + address + ": cannot listen there (is the port taken?)");
  }
  return std::unique_ptr<ProbeServer>(new ProbeServer(std::move(impl)));
}

ProbeServer::ProbeServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProbeServer::~ProbeServer() = default;

int ProbeServer::port() const {
  const std::vector<int> ports = impl_->server->getListeningPorts();
  return ports.empty() ? 0 : ports.front();
}

}  // namespace meshgraft
