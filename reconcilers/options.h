#pragma once
// NamespaceOptions: the keys that people set on a Namespace, read and checked. plan reads them first; a bad value
// freezes the namespace (nothing is written, nothing undone) and is named in a finding.

#include <string>
#include <vector>

#include "reconcilers/types.h"

namespace meshgraft {

struct NamespaceOptions {
  std::string app;              // "" when the namespace is not joined to an app
  bool gateway = false;         // carries meshgraft.io/gateway: ingress-nginx and is admitted
  Policy policy = Policy::join;
  std::string version = "v1";
  bool inject_all = true;       // false: only workloads that say so themselves
  bool versioned_names = false;
  bool accept_outage = false;
  bool manifests_updated = false;
  int max_rollouts = 1;
  bool paused = false;
  bool frozen = false;          // a bad value, a terminating namespace, or paused: observe, change nothing
  std::vector<Finding> findings;
  [[nodiscard]] bool concerned() const { return !app.empty() || gateway; }
};

NamespaceOptions read_options(const Namespace& ns, const Settings& settings);

// Whether `value` is a DNS label of at most 63 characters, and a version as KubeSphere's console takes it.
bool is_dns_label(std::string_view value);
bool is_version(std::string_view value);  // ^[a-z0-9]{1,16}$

}  // namespace meshgraft
