#pragma once
// One HTTP request to the embedded API server, taken apart: path, query, body. Made by api_http from what arrived.
// Pure.

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "k8sclient/base/result.h"
#include "tests/fakes/engine.h"

namespace meshgraft::fakes {

struct Request {
  std::string method, path;                  // path decoded, without the query
  std::map<std::string, std::string> query;  // decoded
  std::string content_type, accept, user_agent, body;

  [[nodiscard]] std::string parameter(const std::string& name) const;
  [[nodiscard]] bool is_set(const std::string& name) const;  // "true" or "1"
  [[nodiscard]] bool wants_table() const { return accept.find("as=Table") != std::string::npos; }
  // The field manager: the parameter, or the program's name from User-Agent as the real server takes it.
  [[nodiscard]] std::string manager() const;
};

// "%2F" and its like become what they stand for.
std::string percent_decoded(std::string_view text);

// "a=b&c=d", percent-encoded.
std::map<std::string, std::string> parsed_query(std::string_view text);

// The resource that a path names; nullopt when it names none that `engine` serves. A target without name is a
// collection. "/api/v1/namespaces/x" is the Namespace x.
std::optional<Target> target_of_path(std::string_view path, const Engine& engine);

// False for protobuf and CBOR, which are not read here (kubectl's typed `create configmap` and its like send it).
bool is_json_or_yaml(const Request& request);

// JSON or YAML; the error is one sentence.
Result<Json> parsed_body(const Request& request);

}  // namespace meshgraft::fakes
