#include "tests/fakes/api_http.h"

#include <civetweb.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>

#include "tests/fakes/certificate.h"
#include "tests/fakes/selectors.h"
#include "tests/fakes/table.h"

namespace meshgraft::fakes {
namespace {

using std::chrono::steady_clock;

// Every watch keeps one; a controller has about 20, kubectl a few.
constexpr const char* kThreads = "96";
constexpr std::chrono::seconds kBookmarkEvery(30);
constexpr std::chrono::seconds kLongestWatch(300);  // where a client asks for nothing or for more

std::string base64(const std::string& text) {
  std::string out(4 * ((text.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string header(mg_connection* connection, const char* name) {
  const char* const value = mg_get_header(connection, name);
  return value == nullptr ? "" : value;
}

Request request_of(mg_connection* connection) {
  const mg_request_info* const info = mg_get_request_info(connection);
  Request request;
  request.method = info->request_method;
  request.path = info->local_uri == nullptr ? "/" : info->local_uri;
  if (info->query_string != nullptr) request.query = parsed_query(info->query_string);
  request.content_type = header(connection, "Content-Type");
  request.accept = header(connection, "Accept");
  request.user_agent = header(connection, "User-Agent");
  char buffer[16384];
  for (int got = 0; (got = mg_read(connection, buffer, sizeof buffer)) > 0;) request.body.append(buffer, static_cast<std::size_t>(got));
  return request;
}

const char* words_of(int code) {
  switch (code) {
    case 200: return "OK";
    case 201: return "Created";
    case 401: return "Unauthorized";
    case 404: return "Not Found";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 422: return "Unprocessable Entity";
    default: return code < 400 ? "OK" : "Error";
  }
}

int send(mg_connection* connection, int code, const std::string& body, const char* type) {
  const std::string head = "HTTP/1.1 " + std::to_string(code) + " " + words_of(code) + "\r\nContent-Type: " + type +
                           "\r\nCache-Control: no-cache, private\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  const std::string whole = head + body;
  mg_write(connection, whole.data(), whole.size());
  return code;
}

bool send_event(mg_connection* connection, const Json& event) {
  const std::string line = to_text(event) + "\n";
  return mg_send_chunk(connection, line.data(), static_cast<unsigned>(line.size())) > 0;
}

Json bookmark(const Target& target, std::uint64_t version, bool initial_events_end) {
  Json metadata = {{"resourceVersion", std::to_string(version)}};
  if (initial_events_end) metadata["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  return {{"type", "BOOKMARK"}, {"object", {{"kind", target.type->kind}, {"apiVersion", api_version_of(target.type->group, target.version)}, {"metadata", std::move(metadata)}}}};
}

}  // namespace

Result<std::unique_ptr<ApiServer>> ApiServer::start(Engine& engine, ServeOptions options) {
  std::unique_ptr<ApiServer> server(new ApiServer(engine, std::move(options)));
  const bool tls = server->options_.tls;
  mg_init_library(tls ? MG_FEATURES_TLS : MG_FEATURES_DEFAULT);
  if (tls) {
    if (mg_check_feature(MG_FEATURES_TLS) == 0) return fail("this civetweb was built without TLS");
    Result<Certificate> made = make_certificate();
    if (!made) return Unexpected<Error>(made.error());
    char file[] = "/tmp/meshgraft-sandbox-XXXXXX";
    const int descriptor = mkstemp(file);
    const std::string pem = made->key_pem + made->certificate_pem;
    if (descriptor < 0 || write(descriptor, pem.data(), pem.size()) != static_cast<ssize_t>(pem.size())) return fail("cannot write the server's certificate to /tmp");
    close(descriptor);
    server->certificate_file_ = file;
    server->certificate_pem_ = made->certificate_pem;
  }
  const std::string port = "127.0.0.1:" + std::to_string(server->options_.port) + (tls ? "s" : "");
  const char* settings[] = {"listening_ports", port.c_str(), "num_threads", kThreads, "enable_keep_alive", "yes",
                            "keep_alive_timeout_ms", "60000", "request_timeout_ms", "60000", "tcp_nodelay", "1",
                            tls ? "ssl_certificate" : nullptr, server->certificate_file_.c_str(), nullptr};
  mg_callbacks callbacks{};
  server->context_ = mg_start(&callbacks, nullptr, settings);
  if (server->context_ == nullptr) return fail("cannot listen on 127.0.0.1:" + std::to_string(server->options_.port) + " (taken?)");
  mg_server_port listening[4] = {};
  if (mg_get_server_ports(server->context_, 4, listening) > 0) server->port_ = listening[0].port;
  mg_set_request_handler(server->context_, "/", &ApiServer::on_request, server.get());
  return server;
}

ApiServer::~ApiServer() {
  stopping_ = true;
  engine_.wake();
  if (context_ != nullptr) mg_stop(context_);
  if (!certificate_file_.empty()) unlink(certificate_file_.c_str());
}

std::string ApiServer::url() const { return (options_.tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_); }

std::string ApiServer::kubeconfig() const {
  std::string out = "apiVersion: v1\nkind: Config\ncurrent-context: sandbox\nclusters:\n- name: sandbox\n  cluster:\n    server: " + url() + "\n";
  if (options_.tls) out += "    certificate-authority-data: " + base64(certificate_pem_) + "\n";
  out += "contexts:\n- name: sandbox\n  context:\n    cluster: sandbox\n    user: sandbox\nusers:\n- name: sandbox\n  user:";
  return out + (options_.token.empty() ? " {}\n" : "\n    token: " + options_.token + "\n");
}

int ApiServer::on_request(mg_connection* connection, void* self) { return static_cast<ApiServer*>(self)->serve(connection); }

int ApiServer::serve(mg_connection* connection) {
  const Request request = request_of(connection);
  if (request.path == "/readyz" || request.path == "/livez" || request.path == "/healthz") return send(connection, 200, "ok", "text/plain");
  if (!options_.token.empty() && header(connection, "Authorization") != "Bearer " + options_.token) {
    return send(connection, 401, to_text(refusal(401, "Unauthorized", "Unauthorized").body), "application/json");
  }
  if (request.method == "GET" && request.is_set("watch")) {
    if (std::optional<Target> target = target_of_path(request.path, engine_)) {
      if (!target->name.empty()) {  // a watch of one object by its path
        Request narrowed = request;
        narrowed.query["fieldSelector"] = "metadata.name=" + target->name;
        target->name.clear();
        watch(connection, narrowed, *target);
      } else {
        watch(connection, request, *target);
      }
      return 200;
    }
  }
  const Answer answer = answer_to(request, engine_);
  return send(connection, answer.code, to_text(answer.body), "application/json");
}

void ApiServer::watch(mg_connection* connection, const Request& request, const Target& target) {
  WatchOptions options;
  options.type = target.type;
  options.version = target.version;
  options.ns = target.ns;
  options.label_selector = request.parameter("labelSelector");
  options.field_selector = request.parameter("fieldSelector");
  const std::string asked = request.parameter("resourceVersion");
  std::uint64_t version = std::strtoull(asked.c_str(), nullptr, 10);
  if (version > engine_.version()) {
    const Answer refused = too_large_version(version, engine_.version());
    send(connection, refused.code, to_text(refused.body), "application/json");
    return;
  }
  static constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-cache, private\r\nTransfer-Encoding: chunked\r\n\r\n";
  mg_write(connection, kHead.data(), kHead.size());
  const bool bookmarks = request.is_set("allowWatchBookmarks"), initial = request.is_set("sendInitialEvents");
  std::chrono::seconds lasts(std::strtoll(request.parameter("timeoutSeconds").c_str(), nullptr, 10));
  if (lasts <= std::chrono::seconds(0) || (lasts > kLongestWatch && !bookmarks)) lasts = kLongestWatch;
  const steady_clock::time_point end = steady_clock::now() + lasts;
  steady_clock::time_point next_bookmark = steady_clock::now() + kBookmarkEvery;
  const auto shown = [&](const Json& event) {
    if (!request.wants_table() || event["type"] == "ERROR") return event;
    return Json{{"type", event["type"]}, {"object", table_of(*target.type, event["object"], request.parameter("includeObject"), engine_.time())}};
  };
  bool first = initial || version == 0, alive = true;
  while (alive && !stopping_ && steady_clock::now() < end) {
    const std::uint64_t ticket = engine_.wake_ticket();
    const WatchBatch batch = first ? engine_.initial_events(options) : engine_.events_since(options, version);
    version = batch.version;
    for (const Json& event : batch.events) alive = alive && send_event(connection, shown(event));
    if (first && initial && bookmarks) alive = alive && send_event(connection, bookmark(target, version, true));
    first = false;
    if (batch.ended || !alive) break;
    if (bookmarks && steady_clock::now() >= next_bookmark) {
      alive = send_event(connection, bookmark(target, version, false));
      next_bookmark = steady_clock::now() + kBookmarkEvery;
    }
    if (!stopping_) engine_.wait_beyond(version, ticket, std::min(end, next_bookmark));
  }
  if (alive && bookmarks && !stopping_ && steady_clock::now() >= end) send_event(connection, bookmark(target, version, false));
  mg_send_chunk(connection, "", 0);
}

}  // namespace meshgraft::fakes
