#include "tests/fakes/api_http.h"

#include <openssl/evp.h>

#include <chrono>
#include <cstdlib>

#include "tests/fakes/certificate.h"
#include "tests/fakes/selectors.h"
#include "tests/fakes/table.h"

namespace meshgraft::fakes {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kBookmarkEvery(30);
constexpr std::chrono::seconds kLongestWatch(1800);  // where a client asks for nothing
constexpr std::chrono::milliseconds kLook(500);      // how late a client's going away is seen

std::string base64(const std::string& text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

Request request_of(Exchange& exchange) {
  Request request;
  const std::string& target = exchange.head.target;
  const auto mark = target.find('?');
  request.method = exchange.head.method;
  request.path = percent_decoded(std::string_view(target).substr(0, mark));
  if (mark != std::string::npos) request.query = parsed_query(std::string_view(target).substr(mark + 1));
  request.content_type = exchange.head.header("content-type");
  request.accept = exchange.head.header("accept");
  request.user_agent = exchange.head.header("user-agent");
  request.body = std::move(exchange.body);
  return request;
}

void send(Exchange& exchange, const Answer& answer) {
  exchange.answer(answer.code, "application/json", to_text(answer.body));
}

bool send_event(Exchange& exchange, const Json& event) { return exchange.chunk(to_text(event) + "\n"); }

Json bookmark(const Target& target, std::uint64_t version, bool initial_events_end) {
  Json metadata = {{"resourceVersion", std::to_string(version)}};
  if (initial_events_end) metadata["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  return {{"type", "BOOKMARK"},
          {"object",
           {{"kind", target.type->kind},
            {"apiVersion", api_version_of(target.type->group, target.version)},
            {"metadata", std::move(metadata)}}}};
}

}  // namespace

Result<std::unique_ptr<ApiServer>> ApiServer::start(Engine& engine, ServeOptions options) {
  std::unique_ptr<ApiServer> server(new ApiServer(engine, std::move(options)));
  std::string key_pem;
  if (server->options_.tls) {
    Result<Certificate> made = make_certificate();
    if (!made) return Unexpected<Error>(made.error());
    server->certificate_pem_ = made->certificate_pem;
    key_pem = made->key_pem;
  }
  Result<std::unique_ptr<HttpServer>> http =
      HttpServer::start(server->options_.port, server->certificate_pem_, key_pem,
                        [self = server.get()](Exchange& exchange) { self->serve(exchange); });
  if (!http) return Unexpected<Error>(http.error());
  server->server_ = std::move(*http);
  return server;
}

std::string ApiServer::url() const {
  return (options_.tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port());
}

std::string ApiServer::kubeconfig() const {
  std::string out =
      "apiVersion: v1\nkind: Config\ncurrent-context: sandbox\nclusters:\n- name: sandbox\n  cluster:\n    server: " +
      url() + "\n";
  if (options_.tls) out += "    certificate-authority-data: " + base64(certificate_pem_) + "\n";
  out +=
      "contexts:\n- name: sandbox\n  context:\n    cluster: sandbox\n    user: sandbox\nusers:\n- name: sandbox\n  "
      "user:";
  return out + (options_.token.empty() ? " {}\n" : "\n    token: " + options_.token + "\n");
}

void ApiServer::serve(Exchange& exchange) {
  const Request request = request_of(exchange);
  if (request.path == "/readyz" || request.path == "/livez" || request.path == "/healthz") {
    exchange.answer(200, "text/plain", "ok");
    return;
  }
  if (!options_.token.empty() && exchange.head.header("authorization") != "Bearer " + options_.token) {
    return send(exchange, refusal(401, "Unauthorized", "Unauthorized"));
  }
  std::optional<Target> target;
  if (request.method == "GET" && request.is_set("watch")) target = target_of_path(request.path, engine_);
  if (!target) return send(exchange, answer_to(request, engine_));
  Request asked = request;
  if (!target->name.empty()) {  // a watch of one object by its path
    asked.query["fieldSelector"] = "metadata.name=" + target->name;
    target->name.clear();
  }
  watch(exchange, asked, *target);
}

void ApiServer::watch(Exchange& exchange, const Request& request, const Target& target) {
  WatchOptions options;
  options.type = target.type;
  options.version = target.version;
  options.ns = target.ns;
  options.label_selector = request.parameter("labelSelector");
  options.field_selector = request.parameter("fieldSelector");
  std::uint64_t version = std::strtoull(request.parameter("resourceVersion").c_str(), nullptr, 10);
  if (version > engine_.version()) return send(exchange, too_large_version(version, engine_.version()));
  const bool bookmarks = request.is_set("allowWatchBookmarks"), initial = request.is_set("sendInitialEvents");
  std::chrono::seconds lasts(std::strtoll(request.parameter("timeoutSeconds").c_str(), nullptr, 10));
  if (lasts <= std::chrono::seconds(0)) lasts = kLongestWatch;
  const steady_clock::time_point end = steady_clock::now() + lasts;
  steady_clock::time_point next_bookmark = steady_clock::now() + kBookmarkEvery;
  const auto shown = [&](const Json& event) {
    if (!request.wants_table() || event["type"] == "ERROR") return event;
    return Json{
        {"type", event["type"]},
        {"object", table_of(*target.type, event["object"], request.parameter("includeObject"), engine_.time())}};
  };
  bool first = initial || version == 0;
  bool alive = exchange.begin("application/json");
  while (alive && steady_clock::now() < end) {
    const std::uint64_t ticket = engine_.wake_ticket();
    const WatchBatch batch = first ? engine_.initial_events(options) : engine_.events_since(options, version);
    version = batch.version;
    for (const Json& event : batch.events) alive = alive && send_event(exchange, shown(event));
    if (first && initial && bookmarks) alive = alive && send_event(exchange, bookmark(target, version, true));
    first = false;
    if (batch.ended) break;
    if (bookmarks && steady_clock::now() >= next_bookmark) {
      alive = alive && send_event(exchange, bookmark(target, version, false));
      next_bookmark = steady_clock::now() + kBookmarkEvery;
    }
    alive = alive && !exchange.is_over();
    if (alive) engine_.wait_beyond(version, ticket, std::min(end, steady_clock::now() + kLook));
  }
  if (alive && bookmarks && steady_clock::now() >= end) send_event(exchange, bookmark(target, version, false));
  if (alive) exchange.end();
}

}  // namespace meshgraft::fakes
