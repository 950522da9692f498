#pragma once
// The sandbox's subcommands that act on an API server of a kubeconfig: models, label, show. Called by sandbox_main.
// Each prints its errors to standard error and returns the exit status.

#include <atomic>
#include <string>
#include <vector>

namespace meshgraft::fakes {

// KubeSphere's controllers as a model on a real API server, looking once a second, until `stop`.
int run_models(const std::string& kubeconfig, const std::atomic<bool>& stop);

// Sets (KEY=VALUE) or removes (KEY-) labels of a namespace.
int label_namespace(const std::string& kubeconfig, const std::string& ns, const std::vector<std::string>& labels);

// Prints VirtualServices and DestinationRules (or any other plural that the server has) of all namespaces: name, and
// for these two what they route.
int show(const std::string& kubeconfig, const std::vector<std::string>& plurals);

}  // namespace meshgraft::fakes
