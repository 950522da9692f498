#pragma once
// Answer: what the embedded API server says to one request: an HTTP code and an object, or a code and a Status.
// Made by the engine and its parts, turned into bytes by api_http and into ApiResult by FakeApi. Never throws.

#include <string>
#include <string_view>

#include "k8sclient/base/json.h"

namespace meshgraft::fakes {

struct ResourceType;

struct Answer {
  int code = 200;
  Json body;
  [[nodiscard]] bool ok() const { return code < 300; }
};

// A Status of kind Failure. `reason` as in metav1.StatusReason.
Answer refusal(int code, std::string_view reason, std::string_view message, Json details = nullptr);

// The refusals that the real server words for one object; `name` may be "" for a collection.
Answer not_found(const ResourceType& type, std::string_view name);
Answer already_exists(const ResourceType& type, std::string_view name);
Answer conflict(const ResourceType& type, std::string_view name, std::string_view why);
Answer object_modified(const ResourceType& type, std::string_view name);

// 422. `causes` is an array of {reason, message, field}; message and list are built as field.ErrorList does.
Answer invalid(const ResourceType& type, std::string_view name, const Json& causes);
Json cause(std::string_view reason, std::string_view field, std::string_view message);

Answer bad_request(std::string_view message);
Answer expired(std::string_view message);  // 410 reason Expired
Answer too_large_version(std::uint64_t asked, std::uint64_t current);

}  // namespace meshgraft::fakes
