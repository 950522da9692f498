#pragma once
// Sandbox: an engine with a world, people's manifests, the player, KubeSphere's model and an HTTPS face, all in one
// process. Run by sandbox_main.

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "k8sclient/base/result.h"
#include "tests/fakes/api_http.h"
#include "tests/fakes/cluster_play.h"
#include "tests/fakes/kubesphere_play.h"
#include "tests/fakes/world.h"

namespace meshgraft::fakes {

struct SandboxOptions {
  std::vector<std::string> files;  // files or directories of manifests, read recursively
  Profile profile = Profile::kubesphere_3_3;
  int port = 0;
  int nodes = 3;
  bool tls = true;
  double pod_ready_seconds = 1;  // from a pod's start to Ready, in the sandbox's time
  double speed = 1;              // sandbox seconds per real second
};

// Loads manifests as `kubectl apply` would have: namespaces and CustomResourceDefinitions first, with the
// last-applied annotation. Returns how many objects; the error names file, document and reason.
Result<int> load_manifests(Engine& engine, const std::vector<std::string>& files);

// Writes a kubeconfig, for its owner alone (it holds a token): who sees a file of this name sees all of it. False when
// it cannot be written.
bool write_kubeconfig(const std::string& path, const std::string& text);

class Sandbox {
 public:
  // Everything loaded, rolled out and served when it returns.
  static Result<std::unique_ptr<Sandbox>> open(const SandboxOptions& options);

  // Plays until `stop` is true.
  void run(const std::atomic<bool>& stop);

  [[nodiscard]] const ApiServer& server() const { return *server_; }
  [[nodiscard]] Engine& engine() { return engine_; }
  [[nodiscard]] int loaded() const { return loaded_; }

 private:
  explicit Sandbox(const SandboxOptions& options);
  [[nodiscard]] std::int64_t now_millis() const;
  bool play(std::int64_t now);

  const SandboxOptions options_;
  Engine engine_;
  ClusterPlay cluster_{engine_};
  KubeSpherePlay kubesphere_{engine_};
  std::unique_ptr<ApiServer> server_;
  int loaded_ = 0;
  std::chrono::steady_clock::time_point started_;
  std::int64_t start_millis_ = 0;
};

}  // namespace meshgraft::fakes
