#pragma once
// ApiError: what went wrong between us and the API server, sorted into the classes that decide what to do.
// Made by net/rest_api; read by watch_machine, sink and the command line. Never decides by an error's text.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "k8sclient/base/result.h"

namespace meshgraft {

enum class ErrorClass : std::uint8_t {
  transport,     // refused, reset, TLS failure, timeout: nothing known about the request's effect
  cancelled,     // we stopped it
  bad_answer,    // HTTP arrived, but not from a Kubernetes API (HTML, truncated JSON)
  gone,          // 410, or Expired inside a stream: relist
  too_large_rv,  // 504 with cause ResourceVersionTooLarge: relist from scratch
  throttled,     // 429: wait retry_after
  server,        // 5xx: back off
  unauthorized,  // 401
  forbidden,     // 403
  not_found,     // 404
  conflict,      // 409 with reason Conflict, or an apply conflict
  exists,        // 409 AlreadyExists
  invalid,       // 400, 422
  other,         // any other 4xx
};

struct ApiError {
  ErrorClass kind = ErrorClass::other;
  int code = 0;         // HTTP or Status code, 0 when no answer came
  std::string reason;   // Status.reason, "" when none
  std::string message;  // for people; never holds a token
  std::optional<std::chrono::seconds> retry_after;
  bool sent = true;  // false when the request surely never reached the server
};

template <typename T>
using ApiResult = Result<T, ApiError>;

// From an HTTP status and body (a Status document, or whatever a proxy sent).
// `retry_after`: the header's text, "" when absent.
ApiError api_error(int http_code, std::string_view body, std::string_view retry_after);

// From a Status that arrived inside a stream. `code` 0 and `reason` "" when it had none; `retry_after_seconds` 0 for
// none.
ApiError status_error(int code, std::string reason, std::string message, bool too_large_rv, int retry_after_seconds);

std::string_view to_string(ErrorClass kind);

}  // namespace meshgraft
