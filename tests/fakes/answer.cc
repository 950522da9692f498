#include "tests/fakes/answer.h"

#include "tests/fakes/resource_types.h"

namespace meshgraft::fakes {
namespace {

// "deployments.apps", or "services" for the core group.
std::string qualified(const ResourceType& type) {
  return type.group.empty() ? type.plural : type.plural + "." + type.group;
}

Json details_of(const ResourceType& type, std::string_view name) {
  Json details = {{"kind", type.plural}};
  if (!name.empty()) details["name"] = name;
  if (!type.group.empty()) details["group"] = type.group;
  return details;
}

}  // namespace

Answer refusal(int code, std::string_view reason, std::string_view message, Json details) {
  Json body = {{"kind", "Status"},    {"apiVersion", "v1"}, {"metadata", Json::object()},
               {"status", "Failure"}, {"message", message}, {"reason", reason},
               {"code", code}};
  if (!details.is_null()) body["details"] = std::move(details);
  return {code, std::move(body)};
}

Answer not_found(const ResourceType& type, std::string_view name) {
  return refusal(404, "NotFound", qualified(type) + " \"" + std::string(name) + "\" not found", details_of(type, name));
}

Answer already_exists(const ResourceType& type, std::string_view name) {
  return refusal(409, "AlreadyExists", qualified(type) + " \"" + std::string(name) + "\" already exists",
                 details_of(type, name));
}

Answer conflict(const ResourceType& type, std::string_view name, std::string_view why) {
  return refusal(
      409, "Conflict",
      "Operation cannot be fulfilled on " + qualified(type) + " \"" + std::string(name) + "\": " + std::string(why),
      details_of(type, name));
}

Answer object_modified(const ResourceType& type, std::string_view name) {
  return conflict(type, name,
                  "the object has been modified; please apply your changes to the latest version and try again");
}

Json cause(std::string_view reason, std::string_view field, std::string_view message) {
  return {{"reason", reason}, {"field", field}, {"message", message}};
}

Answer invalid(const ResourceType& type, std::string_view name, const Json& causes) {
  std::string list;
  for (const Json& one : causes) {
    if (!list.empty()) list += ", ";
    list += one.value("field", "") + ": " + one.value("message", "");
  }
  if (causes.size() > 1) list = "[" + list + "]";
  const std::string kind = type.group.empty() ? type.kind : type.kind + "." + type.group;
  Json details = details_of(type, name);
  details["kind"] = type.kind;
  details["causes"] = causes;
  return refusal(422, "Invalid", kind + " \"" + std::string(name) + "\" is invalid: " + list, std::move(details));
}

Answer bad_request(std::string_view message) { return refusal(400, "BadRequest", message); }

Answer expired(std::string_view message) { return refusal(410, "Expired", message); }

Answer too_large_version(std::uint64_t asked, std::uint64_t current) {
  return refusal(
      504, "Timeout", "Too large resource version: " + std::to_string(asked) + ", current: " + std::to_string(current),
      {{"causes", Json::array({{{"reason", "ResourceVersionTooLarge"}, {"message", "Too large resource version"}}})},
       {"retryAfterSeconds", 1}});
}

}  // namespace meshgraft::fakes
