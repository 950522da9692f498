#include "k8sclient/model/api_error.h"

#include <gtest/gtest.h>

namespace meshgraft {
namespace {

using std::chrono::seconds;

std::string status(int code, const std::string& reason, const std::string& details = "{}") {
  return R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"why","reason":")" + reason +
         R"(","details":)" + details + R"(,"code":)" + std::to_string(code) + "}";
}

struct ClassCase {
  const char* name;
  int code;
  std::string body;
  ErrorClass kind;
};

TEST(ApiError, code_and_reason_decide_the_class) {
  const ClassCase cases[] = {
      {"410 Expired is gone", 410, status(410, "Expired"), ErrorClass::gone},
      {"410 Gone is gone", 410, status(410, "Gone"), ErrorClass::gone},
      {"a bare 410 is gone", 410, "", ErrorClass::gone},
      {"504 with the cause is a version that is too large", 504,
       status(
           504, "Timeout",
           R"({"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}],"retryAfterSeconds":1})"),
       ErrorClass::too_large_rv},
      {"504 without it is the server's trouble", 504, status(504, "Timeout"), ErrorClass::server},
      {"429 is throttling", 429, status(429, "TooManyRequests"), ErrorClass::throttled},
      {"503 is the server's trouble", 503, status(503, "ServiceUnavailable"), ErrorClass::server},
      {"401", 401, status(401, "Unauthorized"), ErrorClass::unauthorized},
      {"403", 403, status(403, "Forbidden"), ErrorClass::forbidden},
      {"404", 404, status(404, "NotFound"), ErrorClass::not_found},
      {"409 AlreadyExists", 409, status(409, "AlreadyExists"), ErrorClass::exists},
      {"409 Conflict", 409, status(409, "Conflict"), ErrorClass::conflict},
      {"422 Invalid", 422, status(422, "Invalid"), ErrorClass::invalid},
      {"400 BadRequest", 400, status(400, "BadRequest"), ErrorClass::invalid},
      {"405 is none of these", 405, status(405, "MethodNotAllowed"), ErrorClass::other},
      {"a success that is an error is a bad answer", 200, "<html>", ErrorClass::bad_answer},
      {"a redirect is a bad answer", 302, "", ErrorClass::bad_answer},
  };
  for (const ClassCase& each : cases) EXPECT_EQ(api_error(each.code, each.body, "").kind, each.kind) << each.name;
}

TEST(ApiError, retry_after_comes_from_the_header_or_else_from_the_status) {
  const std::string body = status(429, "TooManyRequests", R"({"retryAfterSeconds":7})");
  EXPECT_EQ(api_error(429, body, "3").retry_after, seconds(3));
  EXPECT_EQ(api_error(429, body, "").retry_after, seconds(7));
  EXPECT_EQ(api_error(429, body, "Wed, 21 Oct 2015 07:28:00 GMT").retry_after, seconds(7));
  EXPECT_EQ(api_error(429, "", " 2 ").retry_after, seconds(2));
  EXPECT_EQ(api_error(429, "", "-2").retry_after, std::nullopt);
  EXPECT_EQ(api_error(429, "", "99999999999").retry_after, std::nullopt);
}

TEST(ApiError, a_page_of_a_proxy_is_shown_on_one_line_and_cut) {
  const ApiError error = api_error(502, "<html>\r\n <h1>Bad\tGateway</h1>\n" + std::string(10000, 'x'), "");
  EXPECT_EQ(error.kind, ErrorClass::server);
  EXPECT_EQ(error.message.substr(0, 39), "HTTP 502: <html> <h1>Bad Gateway</h1> x");
  EXPECT_LT(error.message.size(), 600u);
}

TEST(ApiError, a_status_without_message_still_says_something) {
  const ApiError error = api_error(500, R"({"kind":"Status","code":500,"reason":"InternalError"})", "");
  EXPECT_EQ(error.message, "HTTP 500 InternalError");
  EXPECT_EQ(error.reason, "InternalError");
}

TEST(ApiError, every_class_has_a_name) {
  for (int i = 0; i <= static_cast<int>(ErrorClass::other); ++i)
    EXPECT_FALSE(to_string(static_cast<ErrorClass>(i)).empty());
}

}  // namespace
}  // namespace meshgraft
