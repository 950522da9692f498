#include "tests/fakes/request.h"

#include <vector>

#include "k8sclient/model/yaml_read.h"

namespace meshgraft::fakes {
namespace {

// Of a query: there a plus is a blank.
std::string decoded(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '+') c = ' ';
  }
  return percent_decoded(out);
}

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> out;
  std::size_t start = 0;
  while (start < path.size()) {
    const auto slash = std::min(path.find('/', start), path.size());
    if (slash > start) out.emplace_back(path.substr(start, slash - start));
    start = slash + 1;
  }
  return out;
}

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::strtol(std::string(text.substr(i + 1, 2)).c_str(), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string Request::parameter(const std::string& name) const {
  auto it = query.find(name);
  return it == query.end() ? "" : it->second;
}

bool Request::is_set(const std::string& name) const {
  const std::string value = parameter(name);
  return value == "true" || value == "1";
}

std::string Request::manager() const {
  if (std::string given = parameter("fieldManager"); !given.empty()) return given;
  const std::string name = user_agent.substr(0, user_agent.find('/'));
  return name.empty() ? "unknown" : name;
}

std::map<std::string, std::string> parsed_query(std::string_view text) {
  std::map<std::string, std::string> out;
  std::size_t start = 0;
  while (start < text.size()) {
    const auto end = std::min(text.find('&', start), text.size());
    const std::string_view one = text.substr(start, end - start);
    const auto equals = std::min(one.find('='), one.size());
    out.emplace(decoded(one.substr(0, equals)), equals < one.size() ? decoded(one.substr(equals + 1)) : "");
    start = end + 1;
  }
  return out;
}

std::optional<Target> target_of_path(std::string_view path, const Engine& engine) {
  std::vector<std::string> parts = segments_of(path);
  if (parts.size() < 3 || (parts[0] != "api" && parts[0] != "apis")) return std::nullopt;
  const std::size_t skip = parts[0] == "api" ? 2 : 3;
  if (parts.size() <= skip) return std::nullopt;
  const std::string group = skip == 2 ? "" : parts[1];
  Target target;
  target.version = parts[skip - 1];
  std::vector<std::string> rest(parts.begin() + static_cast<std::ptrdiff_t>(skip), parts.end());
  if (rest[0] == "namespaces" && rest.size() >= 3 && rest[2] != "status" && rest[2] != "finalize") {
    target.ns = rest[1];
    rest.erase(rest.begin(), rest.begin() + 2);
  }
  target.type = engine.by_plural(group, target.version, rest[0]);
  if (!target.type || rest.size() > 3) return std::nullopt;
  if (!target.ns.empty() && !target.type->namespaced) return std::nullopt;
  if (rest.size() > 1) target.name = rest[1];
  if (rest.size() > 2) target.subresource = rest[2];
  if (target.subresource == "status" && !target.type->has_status) return std::nullopt;
  if (target.subresource == "scale" && !target.type->has_scale) return std::nullopt;
  if (!target.subresource.empty() && target.subresource != "status" && target.subresource != "scale")
    return std::nullopt;
  return target;
}

bool is_json_or_yaml(const Request& request) {
  return request.content_type.find("protobuf") == std::string::npos &&
         request.content_type.find("cbor") == std::string::npos;
}

Result<Json> parsed_body(const Request& request) {
  if (!is_json_or_yaml(request)) {
    return fail("the body is " + request.content_type + ": only JSON and YAML are read here");
  }
  Json json = Json::parse(request.body, nullptr, false);
  if (!json.is_discarded()) return json;
  return yaml_to_json(request.body, "the body of the request");
}

}  // namespace meshgraft::fakes
