#pragma once
// KubeSpherePlay: the KubeSphere model at work on an engine, stepped by its caller. Used by the sandbox and by tests;
// `meshgraft-sandbox models` has its own driver for a real API server.

#include "tests/fakes/engine.h"
#include "tests/fakes/kubesphere_model.h"

namespace meshgraft::fakes {

// apiVersion under which the model reads and writes a watched kind.
std::string_view model_api_version(std::string_view kind);

class KubeSpherePlay {
 public:
  // `engine` outlives this.
  explicit KubeSpherePlay(Engine& engine) : engine_(engine) {}

  // Reacts to everything that happened since the last step, its own writes included, until nothing is left to do.
  // Returns whether anything was written.
  bool step();

 private:
  // Tells the queue of what changed since `version_`; of everything when history does not reach back so far.
  void hear();
  [[nodiscard]] Snapshot snapshot() const;
  bool carry_out(const ModelWrite& write);

  Engine& engine_;
  ModelQueue queue_;
  std::map<std::string, std::string> kinds_;  // type key -> kind, of those that are served
  std::uint64_t version_ = 0;
};

}  // namespace meshgraft::fakes
