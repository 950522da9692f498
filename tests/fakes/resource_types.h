#pragma once
// The kinds that the embedded API server serves: built-in ones and those that CustomResourceDefinitions bring.
// Read by the engine, discovery and the manifest loader. Knows more kinds than the program's own table, because
// people's manifests hold Secrets, Roles and Nodes too.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"

namespace meshgraft::fakes {

struct ResourceType {
  std::string group;                  // "" for the core group
  std::vector<std::string> versions;  // served, the preferred first
  std::string kind, plural, singular;
  bool namespaced = true;
  bool has_status = false;  // a status subresource: main writes leave status alone
  bool has_scale = false;
  bool has_generation = false;
  bool custom = false;  // came from a CustomResourceDefinition
  std::vector<std::string> short_names, categories;
  Json columns;  // additionalPrinterColumns of a custom type, null otherwise

  // One per type whatever the version: "apps/deployments".
  [[nodiscard]] std::string key() const { return group + "/" + plural; }
  [[nodiscard]] bool serves(std::string_view version) const;
};

// "apps/v1", or "v1" for the core group.
std::string api_version_of(std::string_view group, std::string_view version);

using TypePtr = std::shared_ptr<const ResourceType>;

class ResourceTypes {
 public:
  ResourceTypes();  // the built-in ones

  // nullptr when nothing of that name is served. `version` "" accepts any.
  [[nodiscard]] TypePtr by_plural(std::string_view group, std::string_view version, std::string_view plural) const;
  [[nodiscard]] TypePtr by_kind(std::string_view api_version, std::string_view kind) const;
  [[nodiscard]] const std::vector<TypePtr>& all() const { return types_; }

  // Serves what `crd` (a CustomResourceDefinition) describes, in place of a custom type of the same name.
  void serve(const Json& crd);
  // No longer serves it. `name` is the CRD's: "strategies.servicemesh.kubesphere.io".
  void stop_serving(std::string_view name);

 private:
  std::vector<TypePtr> types_;
};

}  // namespace meshgraft::fakes
