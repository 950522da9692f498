// What the server says to each request: discovery, and the engine's verbs behind their paths.

#include "tests/fakes/api_http.h"
#include "tests/fakes/discovery.h"
#include "tests/fakes/selectors.h"
#include "tests/fakes/table.h"

namespace meshgraft::fakes {
namespace {

Answer no_such_path() {
  return refusal(404, "NotFound", "the server could not find the requested resource", Json::object());
}

Answer method_not_allowed() {
  return refusal(405, "MethodNotAllowed", "the server does not allow this method on the requested resource",
                 Json::object());
}

Answer unsupported(std::string_view message) { return refusal(415, "UnsupportedMediaType", message, Json::object()); }

WriteOptions write_options(const Request& request) {
  WriteOptions options;
  options.manager = request.manager();
  options.force = request.is_set("force");
  options.dry_run = request.parameter("dryRun") == "All";
  return options;
}

DeleteOptions delete_options(const Request& request) {
  const Result<Json> body = parsed_body(request);
  const Json given = body && body->is_object() ? *body : Json::object();
  DeleteOptions options;
  options.uid = text_at(given, {"preconditions", "uid"});
  options.resource_version = text_at(given, {"preconditions", "resourceVersion"});
  options.dry_run = request.parameter("dryRun") == "All" || !at(given, {"dryRun"}).empty();
  const std::string propagation = text_at(given, {"propagationPolicy"}, request.parameter("propagationPolicy"));
  if (propagation == "Orphan" || at(given, {"orphanDependents"}) == true) options.propagation = DeleteOptions::orphan;
  if (propagation == "Foreground") options.propagation = DeleteOptions::foreground;
  return options;
}

ListOptions list_options(const Request& request) {
  ListOptions options;
  options.limit = static_cast<std::size_t>(std::strtoull(request.parameter("limit").c_str(), nullptr, 10));
  options.continue_token = request.parameter("continue");
  options.resource_version = request.parameter("resourceVersion");
  options.label_selector = request.parameter("labelSelector");
  options.field_selector = request.parameter("fieldSelector");
  return options;
}

Answer patch(const Request& request, const Target& target, Engine& engine) {
  PatchFormat format = PatchFormat::strategic;
  if (request.content_type.starts_with("application/json-patch+json"))
    format = PatchFormat::json;
  else if (request.content_type.starts_with("application/merge-patch+json"))
    format = PatchFormat::merge;
  else if (request.content_type.starts_with("application/apply-patch"))
    format = PatchFormat::apply;
  else if (!request.content_type.starts_with("application/strategic-merge-patch+json")) {
    return unsupported(
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
        "application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml");
  }
  if (format == PatchFormat::apply && request.parameter("fieldManager").empty()) {
    return invalid(
        *target.type, target.name,
        Json::array({cause("FieldValueRequired", "fieldManager", "Required value: is required for apply patch")}));
  }
  const Result<Json> body = parsed_body(request);
  if (!body) return bad_request(body.error().text);
  return engine.patch(target, format, *body, write_options(request));
}

Answer remove_collection(const Request& request, const Target& target, Engine& engine) {
  const Answer list = engine.list(target, list_options(request));
  if (!list.ok()) return list;
  for (const Json& item : list.body["items"]) {
    Target one = target;
    one.ns = text_at(item, {"metadata", "namespace"});
    one.name = text_at(item, {"metadata", "name"});
    engine.remove(one, delete_options(request));
  }
  return list;
}

// Everybody may do everything here.
std::optional<Answer> access_review(const Request& request) {
  if (request.method != "POST" || !request.path.starts_with("/apis/authorization.k8s.io/v1/")) return std::nullopt;
  const Result<Json> body = parsed_body(request);
  Json review = body && body->is_object() ? *body
                                          : Json{{"kind", "SelfSubjectAccessReview"},
                                                 {"apiVersion", "authorization.k8s.io/v1"},
                                                 {"spec", Json::object()}};
  review["status"] = {{"allowed", true}};
  return Answer{201, std::move(review)};
}

Answer resource_answer(const Request& request, const Target& target, Engine& engine) {
  const bool collection = target.name.empty();
  if (request.method == "GET") return collection ? engine.list(target, list_options(request)) : engine.get(target);
  if (request.method == "DELETE")
    return collection ? remove_collection(request, target, engine) : engine.remove(target, delete_options(request));
  if (request.method == "PATCH") return collection ? method_not_allowed() : patch(request, target, engine);
  if (request.method != "POST" && request.method != "PUT") return method_not_allowed();
  if ((request.method == "POST") != collection) return method_not_allowed();
  Result<Json> body = parsed_body(request);
  if (!body && !is_json_or_yaml(request)) return unsupported(body.error().text);
  if (!body) return bad_request(body.error().text);
  return collection ? engine.create(target, std::move(*body), write_options(request))
                    : engine.update(target, std::move(*body), write_options(request));
}

}  // namespace

Answer answer_to(const Request& request, Engine& engine) {
  if (std::optional<Answer> review = access_review(request)) return *review;
  if (const std::optional<Target> target = target_of_path(request.path, engine)) {
    Answer answer = resource_answer(request, *target, engine);
    if (request.method == "GET" && answer.ok() && request.wants_table() && target->subresource.empty()) {
      answer.body = table_of(*target->type, answer.body, request.parameter("includeObject"), engine.time());
    }
    return answer;
  }
  if (request.method == "GET") {
    if (std::optional<Json> document = discovery_document(request.path, engine.types()))
      return {200, std::move(*document)};
  }
  return no_such_path();
}

}  // namespace meshgraft::fakes
