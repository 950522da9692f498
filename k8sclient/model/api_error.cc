#include "k8sclient/model/api_error.h"

#include <charconv>

#include "k8sclient/model/json_read.h"

namespace meshgraft {
namespace {

constexpr std::size_t kMaxMessage = 512;  // bytes of a foreign body that are shown to people

// Seconds of a Retry-After header; the server sends whole seconds, a date (RFC 9110) is not understood.
std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  std::int32_t value = 0;
  const std::from_chars_result parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value < 0)
    return std::nullopt;
  return std::chrono::seconds(value);
}

bool has_cause(const Json& status, std::string_view reason) {
  for (const Json* cause : items(status, "/details/causes")) {
    if (text(*cause, "/reason") == reason) return true;
  }
  return false;
}

// The rows are tried from the top; reason wins over code because proxies change codes.
// | what                                             | class        |
// | reason Expired or Gone, code 410                 | gone         |
// | 504 or 500 with cause ResourceVersionTooLarge    | too_large_rv |
// | 429                                              | throttled    |
// | 409 with reason AlreadyExists                    | exists       |
// | 409                                              | conflict     |
// | 401, 403, 404; 400 and 422                       | unauthorized, forbidden, not_found; invalid |
// | 5xx                                              | server       |
// | any other 4xx                                    | other        |
// | 2xx, 3xx: no answer an API server gives as error | bad_answer   |
ErrorClass class_of(int code, std::string_view reason, bool too_large) {
  if (reason == "Expired" || reason == "Gone" || code == 410) return ErrorClass::gone;
  if (too_large) return ErrorClass::too_large_rv;
  if (code == 429) return ErrorClass::throttled;
  if (code == 409) return reason == "AlreadyExists" ? ErrorClass::exists : ErrorClass::conflict;
  if (code == 401) return ErrorClass::unauthorized;
  if (code == 403) return ErrorClass::forbidden;
  if (code == 404) return ErrorClass::not_found;
  if (code == 400 || code == 422) return ErrorClass::invalid;
  if (code >= 500) return ErrorClass::server;
  if (code >= 400) return ErrorClass::other;
  return ErrorClass::bad_answer;
}

// What a proxy sent instead of a Status: its first bytes on one line, control characters as spaces.
std::string shown(std::string_view body) {
  std::string line;
  for (const char c : body.substr(0, kMaxMessage)) {
    const bool space = static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
    if (!space)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  return line;
}

}  // namespace

ApiError api_error(int http_code, std::string_view body, std::string_view retry_after) {
  ApiError error;
  error.code = http_code;
  error.retry_after = seconds_of(retry_after);
  const Result<Json> document = read_json(body);
  const bool is_status = document.has_value() && text(*document, "/kind") == "Status";
  if (!is_status) {
    error.kind = class_of(http_code, "", false);
    error.message = "HTTP " + std::to_string(http_code);
    if (const std::string line = shown(body); !line.empty()) error.message += ": " + line;
    return error;
  }
  if (const std::int64_t code = number(*document, "/code"); code >= 400 && code < 600)
    error.code = static_cast<int>(code);
  error.reason = text(*document, "/reason");
  error.message = text(*document, "/message");
  if (error.message.empty())
    error.message = "HTTP " + std::to_string(error.code) + (error.reason.empty() ? "" : " " + error.reason);
  error.kind = class_of(error.code, error.reason, has_cause(*document, "ResourceVersionTooLarge"));
  const std::int64_t seconds = number(*document, "/details/retryAfterSeconds");
  if (!error.retry_after && seconds > 0) error.retry_after = std::chrono::seconds(seconds);
  return error;
}

ApiError status_error(int code, std::string reason, std::string message, bool too_large_rv, int retry_after_seconds) {
  ApiError error;
  error.code = code;
  error.kind = class_of(code, reason, too_large_rv);
  error.reason = std::move(reason);
  error.message = message.empty() ? "the stream ended with an ERROR event that says nothing" : std::move(message);
  if (retry_after_seconds > 0) error.retry_after = std::chrono::seconds(retry_after_seconds);
  return error;
}

std::string_view to_string(ErrorClass kind) {
  switch (kind) {
    case ErrorClass::transport:
      return "transport";
    case ErrorClass::cancelled:
      return "cancelled";
    case ErrorClass::bad_answer:
      return "bad_answer";
    case ErrorClass::gone:
      return "gone";
    case ErrorClass::too_large_rv:
      return "too_large_rv";
    case ErrorClass::throttled:
      return "throttled";
    case ErrorClass::server:
      return "server";
    case ErrorClass::unauthorized:
      return "unauthorized";
    case ErrorClass::forbidden:
      return "forbidden";
    case ErrorClass::not_found:
      return "not_found";
    case ErrorClass::conflict:
      return "conflict";
    case ErrorClass::exists:
      return "exists";
    case ErrorClass::invalid:
      return "invalid";
    case ErrorClass::other:
      return "other";
  }
  return "other";
}

}  // namespace meshgraft
