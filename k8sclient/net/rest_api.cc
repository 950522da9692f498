#include "k8sclient/net/rest_api.h"

#include <utility>

#include "k8sclient/base/mutex.h"
#include "k8sclient/model/kinds.h"
#include "k8sclient/net/server_url.h"
#include "k8sclient/net/tls_context.h"
#include "k8sclient/net/transport.h"

namespace meshgraft {
namespace {

#if defined(__aarch64__)
constexpr std::string_view kArchitecture = "arm64";
#else
constexpr std::string_view kArchitecture = "amd64";
#endif

// Everything but RFC 3986's unreserved characters as %XX.
std::string percent_encoded(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
                       byte == '-' || byte == '.' || byte == '_' || byte == '~';
    if (plain) {
      encoded += letter;
    } else {
      encoded += {'%', kHex[byte >> 4U], kHex[byte & 15U]};
    }
  }
  return encoded;
}

// A name from a manifest may hold anything; in a path it stays one segment.
std::string path(Kind kind, std::string_view ns, std::string_view name = {}) {
  return path_of(kind, percent_encoded(ns), percent_encoded(name));
}

// A path with its query, built up pair by pair; empty values are left out.
class Target {
 public:
  explicit Target(std::string path) : text_(std::move(path)) {}
  Target& with(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    text_ += (text_.find('?') == std::string::npos ? '?' : '&');
    text_.append(name).append("=").append(percent_encoded(value));
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string_view content_type_of(PatchType type) {
  switch (type) {
    case PatchType::apply:
      return "application/apply-patch+yaml";
    case PatchType::merge:
      return "application/merge-patch+json";
    case PatchType::json:
      return "application/json-patch+json";
  }
  return "application/json";
}

// What can be told of a body that is no answer of a Kubernetes API.
std::string looks_like(const HttpResponse& response) {
  if (!response.content_encoding.empty() && response.content_encoding != "identity")
    return response.content_encoding + ", which nobody asked for";
  const auto begin = response.body.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (response.content_type.find("html") != std::string::npos ||
      (begin != std::string::npos && response.body[begin] == '<'))
    return "HTML";
  if (begin == std::string::npos) return "nothing";
  return response.content_type.empty() ? "something else"
                                       : response.content_type.substr(0, response.content_type.find(';'));
}

// How the server's priority and fairness classed a request that it had no seat for: the UIDs of two objects that its
// administrator can look up, "" from servers and proxies that do not say.
std::string classed_as(const HttpHead& answer) {
  if (answer.flow_schema.empty() && answer.priority_level.empty()) return "";
  return " (flow schema UID " + answer.flow_schema + ", priority level UID " + answer.priority_level + ")";
}

// Takes the token out of what is said to people: some proxies answer with the request that they refuse, its
// Authorization header included. What they say is cut off somewhere, so that the text may end within the token.
void hide(std::string& text, const std::string& token) {
  constexpr std::size_t kTelling = 8;  // characters; fewer of a longer token give nothing away
  if (token.empty()) return;
  const std::string head = token.substr(0, kTelling);
  for (std::size_t at = text.find(head); at != std::string::npos; at = text.find(head, at + 1)) {
    const std::size_t length = std::min(token.size(), text.size() - at);
    if (text.compare(at, length, token, 0, length) == 0) text.replace(at, length, "…");
  }
}

bool starts_like_json(std::string_view body) {
  const auto begin = body.find_first_not_of(" \t\r\n");
  return begin != std::string_view::npos && body[begin] == '{';
}

class RestApi final : public Api {
 public:
  RestApi(ClientConfig config, ServerUrl url, RestOptions options)
      : config_(std::move(config)),
        url_(std::move(url)),
        options_(std::move(options)),
        credentials_(config_, options_.credential_refresh) {}

  // The first session, so that settings that cannot work are told at once.
  Result<Unit> open() {
    const Result<Session> session = current_session();
    if (!session) return Unexpected<Error>(session.error());
    return Unit{};
  }

  ApiResult<ListPage> list(const ListRequest& request) override {
    if (request.kind == Kind::other) return unknown_kind();
    Target target(path(request.kind, request.ns));
    target.with("labelSelector", request.label_selector).with("fieldSelector", request.field_selector);
    if (request.limit > 0) target.with("limit", std::to_string(request.limit));
    if (!request.continue_token.empty()) {
      target.with("continue", request.continue_token);  // carries its resourceVersion; the server refuses both
    } else if (!request.resource_version.empty()) {
      target.with("resourceVersion", request.resource_version).with("resourceVersionMatch", "NotOlderThan");
    }
    ApiResult<HttpResponse> answer = call("LIST", {"GET", target.text(), {}, {}, {}});
    if (!answer && answer.error().kind == ErrorClass::bad_answer && answer.error().code == 0)
      answer.error().message = "the list of " + std::string(info(request.kind).plural) + ": " + answer.error().message;
    if (!answer) return Unexpected<ApiError>(answer.error());
    Decoder parser;  // not the thread's own: it would keep several times a page's size for good
    Result<ListPage> page = parser.list(request.kind, answer->body);
    if (!page) return unreadable(page.error());
    return std::move(*page);
  }

  ApiResult<Unit> watch(const WatchRequest& request, const std::function<bool(std::string_view)>& on_bytes) override {
    if (request.kind == Kind::other) return unknown_kind();
    Target target(path(request.kind, request.ns));
    target.with("watch", "true").with("allowWatchBookmarks", "true");
    if (request.initial_events) target.with("sendInitialEvents", "true").with("resourceVersionMatch", "NotOlderThan");
    target.with("timeoutSeconds", std::to_string(request.timeout.count()))
        .with("resourceVersion", request.resource_version)
        .with("labelSelector", request.label_selector)
        .with("fieldSelector", request.field_selector);
    bool begun = false, strange = false;
    std::string seen;  // of a strange answer
    const OnBytes checked = [&begun, &strange, &seen, &on_bytes](std::string_view bytes) {
      if (!begun && bytes.find_first_not_of(" \t\r\n") != std::string_view::npos) {
        begun = true;
        strange = !starts_like_json(bytes);
        if (strange) seen = bytes.substr(0, 64);
      }
      return !strange && on_bytes(bytes);
    };
    ApiResult<HttpResponse> answer = call("WATCH", {"GET", target.text(), {}, {}, {}}, &checked);
    if (!answer) return Unexpected<ApiError>(answer.error());
    if (strange) {
      answer->body = seen;
      return bad_answer(*answer);
    }
    return Unit{};
  }

  ApiResult<ObjectPtr> get(const ObjectKey& key) override {
    if (key.kind == Kind::other) return unknown_kind();
    ApiResult<HttpResponse> answer = call("GET", {"GET", path(key.kind, key.ns, key.name), {}, {}, {}});
    if (!answer) return Unexpected<ApiError>(answer.error());
    Result<ObjectPtr> object = decoder().object(answer->body);
    if (!object) return unreadable(object.error());
    return std::move(*object);
  }

  ApiResult<Json> get_json(const ObjectKey& key) override {
    if (key.kind == Kind::other) return unknown_kind();
    return document("GET", path(key.kind, key.ns, key.name));
  }

  ApiResult<Json> server_version() override { return document("GET", "/version"); }

  ApiResult<Written> patch(const PatchRequest& request) override {
    if (request.target.kind == Kind::other) return unknown_kind();
    Target target(path(request.target.kind, request.target.ns, request.target.name));
    target.with("fieldManager", request.field_manager);
    if (request.type == PatchType::apply) target.with("force", request.force ? "true" : "false");
    if (request.dry_run) target.with("dryRun", "All");
    return written(
        write("PATCH", target.text(), to_text(request.body), std::string(content_type_of(request.type))));
  }

  ApiResult<Written> create(const ObjectKey& target, const Json& body, std::string_view field_manager) override {
    if (target.kind == Kind::other) return unknown_kind();
    const Target where = Target(path(target.kind, target.ns)).with("fieldManager", field_manager);
    return written(write("POST", where.text(), to_text(body), "application/json"));
  }

  ApiResult<Written> replace(const ObjectKey& target, const Json& body, std::string_view field_manager) override {
    if (target.kind == Kind::other) return unknown_kind();
    const Target where = Target(path(target.kind, target.ns, target.name)).with("fieldManager", field_manager);
    return written(write("PUT", where.text(), to_text(body), "application/json"));
  }

  ApiResult<Unit> remove(const DeleteRequest& request) override {
    if (request.target.kind == Kind::other) return unknown_kind();
    Json body = {{"kind", "DeleteOptions"},
                 {"apiVersion", "v1"},
                 {"propagationPolicy", request.orphan ? "Orphan" : "Background"}};
    if (!request.uid.empty()) body["preconditions"]["uid"] = request.uid;
    if (!request.resource_version.empty()) body["preconditions"]["resourceVersion"] = request.resource_version;
    const ApiResult<HttpResponse> answer =
        write("DELETE", path(request.target.kind, request.target.ns, request.target.name), to_text(body),
              "application/json");
    if (!answer) return Unexpected<ApiError>(answer.error());
    return Unit{};
  }

  [[nodiscard]] bool streams_lists() const override { return options_.stream_lists; }

  void stop_watches() override {
    MutexLock lock(mutex_);
    for (const std::weak_ptr<Transport>& made : transports_) {
      if (const std::shared_ptr<Transport> transport = made.lock()) transport->stop_streams();
    }
  }

 private:
  using OnBytes = std::function<bool(std::string_view)>;

  struct Session {
    Credential credential;
    std::shared_ptr<Transport> transport;
  };

  // One parser per thread for single objects: it keeps its buffers.
  static Decoder& decoder() {
    thread_local Decoder parser;
    return parser;
  }

  // The credential of this moment and a transport that shows it. New certificates make a new transport; streams on the
  // old one go on until they end.
  Result<Session> current_session() {
    Result<Credential> credential = credentials_.current();
    if (!credential) return Unexpected<Error>(credential.error());
    if (!credential->token.empty() && !url_.https)
      return fail(config_.source + ": a token is not sent to " + url_.text() + ", which is not https://");
    MutexLock lock(mutex_);
    const bool same = session_.transport != nullptr && session_.credential.ca_pem == credential->ca_pem &&
                      session_.credential.certificate_pem == credential->certificate_pem &&
                      session_.credential.key_pem == credential->key_pem;
    if (same) {
      session_.credential.token = credential->token;
      return session_;
    }
    Result<std::shared_ptr<Transport>> transport = new_transport(*credential);
    if (!transport) {
      if (session_.transport == nullptr) return Unexpected<Error>(transport.error());
      session_.credential.token = credential->token;
      return session_;  // certificate and key are being replaced one after the other
    }
    session_ = {std::move(*credential), *transport};
    std::erase_if(transports_, [](const std::weak_ptr<Transport>& made) { return made.expired(); });
    transports_.push_back(*transport);
    return session_;
  }

  Result<std::shared_ptr<Transport>> new_transport(const Credential& credential) const {
    TransportOptions options;
    options.server = url_.text();
    options.user_agent = options_.program + "/" + options_.version + " (linux/" + std::string(kArchitecture) + ")";
    options.call_deadline = options_.call_deadline;
    options.stream_idle = options_.watch_idle;
    options.first_answer = options_.watch_first_answer;
    options.in_flight = options_.in_flight;
    options.yields = options_.yields;
    options.gauge = options_.gauge;
    options.stream_cap = options_.watch_cap;
    options.body_cap = options_.answer_cap;
    if (url_.https) {
      init_transport();  // before the system's CAs are looked for
      const std::string& name = config_.tls_server_name.empty() ? url_.host : config_.tls_server_name;
      Result<std::shared_ptr<const TlsContext>> tls =
          TlsContext::make({credential.ca_pem, credential.certificate_pem, credential.key_pem, name, config_.insecure});
      if (!tls) return fail(config_.source + ": " + tls.error().text);
      options.tls = *tls;
    }
    Result<std::unique_ptr<Transport>> made = make_transport(options);
    if (!made) return fail(config_.source + ": " + made.error().text);
    return std::shared_ptr<Transport>(std::move(*made));
  }

  // Sends with the credential of this moment and once more with a fresh one after a 401, all within one deadline: who
  // leads stops starting writes so long before its lease may end. A plugin runs to its end, so that the next call has
  // its credential, but nothing is sent then. A success is JSON, unless it was streamed.
  ApiResult<HttpResponse> call(std::string_view verb, HttpRequest request, const OnBytes* stream_to = nullptr) {
    bool again = true;
    if (stream_to == nullptr) request.deadline = std::chrono::steady_clock::now() + options_.call_deadline;
    while (true) {
      const Result<Session> session = current_session();
      if (!session)
        return Unexpected<ApiError>({ErrorClass::unauthorized, 0, "", session.error().text, std::nullopt, false});
      request.token = session->credential.token;
      const Time begin = std::chrono::steady_clock::now();
      if (stream_to == nullptr && begin >= request.deadline)
        return Unexpected<ApiError>({ErrorClass::transport, 0, "",
                                     config_.source + ": the credential came too late for this request", std::nullopt,
                                     false});
      TransportResult answer =
          stream_to != nullptr ? session->transport->stream(request, *stream_to) : session->transport->send(request);
      if (options_.observer) {
        options_.observer({verb, answer ? answer->status : 0,
                           std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count()});
      }
      if (!answer) {
        const TransportError& error = answer.error();
        ApiError told{class_of(error.fault), 0, "", error.message, std::nullopt, error.sent};
        if (error.fault == TransportFault::paused) told.retry_after = error.pause;
        return Unexpected<ApiError>(std::move(told));
      }
      if (answer->status == 401 && std::exchange(again, false) && credentials_.forget(session->credential)) continue;
      ApiResult<HttpResponse> result = judged(std::move(*answer), stream_to != nullptr);
      if (!result) hide(result.error().message, request.token);
      return result;
    }
  }

  ApiResult<HttpResponse> write(std::string_view method, std::string target, std::string body,
                                std::string content_type) {
    HttpRequest request;
    request.method = method;
    request.target = std::move(target);
    request.body = std::move(body);
    request.content_type = std::move(content_type);
    request.tells_limit = options_.bound_server;
    return call(method, std::move(request));
  }

  static ErrorClass class_of(TransportFault fault) {
    switch (fault) {
      case TransportFault::cancelled:
        return ErrorClass::cancelled;
      case TransportFault::too_large:
        return ErrorClass::bad_answer;
      case TransportFault::paused:
        return ErrorClass::throttled;
      case TransportFault::timeout:
      case TransportFault::tls:
      case TransportFault::broken:
        break;
    }
    return ErrorClass::transport;
  }

  ApiResult<HttpResponse> judged(HttpResponse answer, bool streamed) const {
    if (answer.status >= 200 && answer.status < 300) {
      if (!streamed && !starts_like_json(answer.body)) return bad_answer(answer);
      return answer;
    }
    if (answer.status < 300 || answer.status == 304) return bad_answer(answer);
    if (answer.status < 400) {
      const std::string where = answer.location.substr(0, answer.location.find_first_of("?#"));
      return Unexpected<ApiError>({ErrorClass::bad_answer, answer.status, "",
                                   "the server at " + url_.text() + " answered with a redirect" +
                                       (where.empty() ? "" : " to " + where) + ", which is never followed (HTTP " +
                                       std::to_string(answer.status) + ")",
                                   std::nullopt, true});
    }
    if (!starts_like_json(answer.body) && looks_like(answer) == "HTML") {
      // The class still says what to do (a proxy's 503 is worth a wait), the message says who spoke.
      ApiError error = api_error(answer.status, {}, answer.retry_after);
      error.message = "the server at " + url_.text() + " answered with HTML, not with the Kubernetes API (HTTP " +
                      std::to_string(answer.status) + ")";
      return Unexpected<ApiError>(std::move(error));
    }
    ApiError error = api_error(answer.status, answer.body, answer.retry_after);
    if (answer.status == 429) error.message += classed_as(answer);
    return Unexpected<ApiError>(std::move(error));
  }

  Unexpected<ApiError> bad_answer(const HttpResponse& answer) const {
    return Unexpected<ApiError>({ErrorClass::bad_answer, answer.status, "",
                                 "the server at " + url_.text() + " answered with " + looks_like(answer) +
                                     ", not with the Kubernetes API (HTTP " + std::to_string(answer.status) + ")",
                                 std::nullopt, true});
  }

  Unexpected<ApiError> unreadable(const Error& error) const {
    return Unexpected<ApiError>({ErrorClass::bad_answer, 200, "",
                                 "the answer of the server at " + url_.text() + " cannot be read: " + error.text,
                                 std::nullopt, true});
  }

  static Unexpected<ApiError> unknown_kind() {
    return Unexpected<ApiError>(
        {ErrorClass::other, 0, "", "an object of an unknown kind has no path on the server", std::nullopt, false});
  }

  ApiResult<Json> document(std::string_view verb, std::string target) {
    const ApiResult<HttpResponse> answer = call(verb, {"GET", std::move(target), {}, {}, {}});
    if (!answer) return Unexpected<ApiError>(answer.error());
    Json parsed = Json::parse(answer->body, nullptr, false);
    if (parsed.is_discarded()) return unreadable({"it is not JSON"});
    return parsed;
  }

  ApiResult<Written> written(const ApiResult<HttpResponse>& answer) const {
    if (!answer) return Unexpected<ApiError>(answer.error());
    Result<ObjectPtr> object = decoder().object(answer->body);
    if (!object) return unreadable(object.error());
    const Meta& meta = (*object)->meta;
    return Written{meta.uid, meta.resource_version, *object};
  }

  const ClientConfig config_;
  const ServerUrl url_;
  const RestOptions options_;
  CredentialSource credentials_;
  Mutex mutex_;
  Session session_ GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<Transport>> transports_ GUARDED_BY(mutex_);  // that may still have streams
};

}  // namespace

Result<std::unique_ptr<Api>> make_rest_api(const ClientConfig& config, RestOptions options) {
  Result<ServerUrl> url = parse_server_url(config.server);
  if (!url) return fail(config.source + ": " + url.error().text);
  auto api = std::make_unique<RestApi>(config, std::move(*url), std::move(options));
  if (const Result<Unit> opened = api->open(); !opened) return Unexpected<Error>(opened.error());
  return std::unique_ptr<Api>(std::move(api));
}

}  // namespace meshgraft
