#include "tests/fakes/discovery.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace meshgraft::fakes {
namespace {

const char* const kVerbs[] = {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};

Json resource_list(std::string_view group, std::string_view version, const std::vector<TypePtr>& types) {
  Json resources = Json::array();
  for (const TypePtr& type : types) {
    if (type->group != group || !type->serves(version)) continue;
    Json one = {{"name", type->plural},
                {"singularName", type->singular},
                {"namespaced", type->namespaced},
                {"kind", type->kind},
                {"verbs", kVerbs}};
    if (!type->short_names.empty()) one["shortNames"] = type->short_names;
    if (!type->categories.empty()) one["categories"] = type->categories;
    resources.push_back(std::move(one));
    if (type->has_status)
      resources.push_back({{"name", type->plural + "/status"},
                           {"singularName", ""},
                           {"namespaced", type->namespaced},
                           {"kind", type->kind},
                           {"verbs", {"get", "patch", "update"}}});
    if (type->has_scale)
      resources.push_back({{"name", type->plural + "/scale"},
                           {"singularName", ""},
                           {"namespaced", true},
                           {"group", "autoscaling"},
                           {"version", "v1"},
                           {"kind", "Scale"},
                           {"verbs", {"get", "patch", "update"}}});
  }
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", api_version_of(group, version)},
          {"resources", std::move(resources)}};
}

// Group -> its versions, the preferred first; the core group is left out.
std::map<std::string, std::vector<std::string>> groups_of(const std::vector<TypePtr>& types) {
  std::map<std::string, std::vector<std::string>> groups;
  for (const TypePtr& type : types) {
    if (type->group.empty()) continue;
    auto& versions = groups[type->group];
    for (const std::string& version : type->versions) {
      if (std::find(versions.begin(), versions.end(), version) == versions.end()) versions.push_back(version);
    }
  }
  groups["authorization.k8s.io"] = {"v1"};
  return groups;
}

Json group_document(const std::string& name, const std::vector<std::string>& versions) {
  Json list = Json::array();
  for (const std::string& version : versions)
    list.push_back({{"groupVersion", api_version_of(name, version)}, {"version", version}});
  const Json preferred = list.front();
  return {{"name", name}, {"versions", std::move(list)}, {"preferredVersion", preferred}};
}

// kubectl asks it whether PATCH takes fieldValidation and dryRun; without it, it would want to validate by itself.
Json openapi_outline(std::string_view group, std::string_view version, const std::vector<TypePtr>& types) {
  Json parameters = Json::array();
  for (const char* name : {"dryRun", "fieldManager", "fieldValidation", "force"}) {
    parameters.push_back({{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}, {"uniqueItems", true}}}});
  }
  const std::string root =
      group.empty() ? "/api/" + std::string(version) : "/apis/" + std::string(group) + "/" + std::string(version);
  Json paths = Json::object();
  for (const TypePtr& type : types) {
    if (type->group != group || !type->serves(version)) continue;
    const std::string path = root + (type->namespaced ? "/namespaces/{namespace}/" : "/") + type->plural + "/{name}";
    paths[path] = {
        {"patch",
         {{"description", "partially update the specified " + type->kind},
          {"parameters", parameters},
          {"responses", {{"200", {{"description", "OK"}}}}},
          {"x-kubernetes-action", "patch"},
          {"x-kubernetes-group-version-kind", {{"group", group}, {"version", version}, {"kind", type->kind}}}}}};
  }
  return {{"openapi", "3.0.0"},
          {"info", {{"title", "Kubernetes"}, {"version", "v1.37.2"}}},
          {"paths", std::move(paths)},
          {"components", Json::object()}};
}

// Splits "apis/apps/v1" or "api/v1"; nullopt for anything else.
std::optional<std::pair<std::string, std::string>> group_version(std::string_view path) {
  if (path.starts_with("api/")) {
    const std::string_view version = path.substr(4);
    if (!version.empty() && version.find('/') == std::string_view::npos)
      return std::pair(std::string(), std::string(version));
  }
  if (!path.starts_with("apis/")) return std::nullopt;
  const std::string_view rest = path.substr(5);
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos || rest.find('/', slash + 1) != std::string_view::npos) return std::nullopt;
  return std::pair(std::string(rest.substr(0, slash)), std::string(rest.substr(slash + 1)));
}

bool is_served(const std::pair<std::string, std::string>& gv, const std::vector<TypePtr>& types) {
  for (const TypePtr& type : types) {
    if (type->group == gv.first && type->serves(gv.second)) return true;
  }
  return gv.first == "authorization.k8s.io" && gv.second == "v1";
}

}  // namespace

std::optional<Json> discovery_document(std::string_view path, const std::vector<TypePtr>& types) {
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path == "/version") {
    return Json{{"major", "1"},    {"minor", "37"},           {"gitVersion", "v1.37.2+meshgraft-sandbox"},
                {"gitCommit", ""}, {"gitTreeState", "clean"}, {"buildDate", "2026-01-01T00:00:00Z"},
                {"goVersion", ""}, {"compiler", ""},          {"platform", "linux/amd64"}};
  }
  if (path == "/api")
    return Json{{"kind", "APIVersions"}, {"versions", {"v1"}}, {"serverAddressByClientCIDRs", Json::array()}};
  if (path == "/apis") {
    Json groups = Json::array();
    for (const auto& [name, versions] : groups_of(types)) groups.push_back(group_document(name, versions));
    return Json{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
  }
  if (path == "/openapi/v3") {
    std::set<std::string> places;
    for (const TypePtr& type : types) {
      for (const std::string& version : type->versions)
        places.insert((type->group.empty() ? "api/" : "apis/") + api_version_of(type->group, version));
    }
    Json paths = Json::object();
    for (const std::string& place : places) paths[place] = {{"serverRelativeURL", "/openapi/v3/" + place}};
    return Json{{"paths", std::move(paths)}};
  }
  if (path.starts_with("/openapi/v3/")) {
    const auto gv = group_version(path.substr(12));
    if (!gv || !is_served(*gv, types)) return std::nullopt;
    return openapi_outline(gv->first, gv->second, types);
  }
  if (path.starts_with("/apis/") && path.find('/', 6) == std::string_view::npos) {
    const auto groups = groups_of(types);
    const auto found = groups.find(std::string(path.substr(6)));
    if (found == groups.end()) return std::nullopt;
    Json document = group_document(found->first, found->second);
    document["kind"] = "APIGroup";
    document["apiVersion"] = "v1";
    return document;
  }
  if (path.empty()) return std::nullopt;
  const auto gv = group_version(path.substr(1));
  if (!gv || !is_served(*gv, types)) return std::nullopt;
  return resource_list(gv->first, gv->second, types);
}

}  // namespace meshgraft::fakes
