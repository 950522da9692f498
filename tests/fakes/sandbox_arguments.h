#pragma once
// What meshgraft-sandbox was asked for, read and checked, in the words and with the exit codes of meshgraft. Called by
// sandbox_main alone; opens no file and contacts nobody.

#include <optional>
#include <string>
#include <vector>

#include "tests/fakes/sandbox.h"

namespace meshgraft::fakes {

enum class SandboxVerb : std::uint8_t { serve, models, label, show };

struct SandboxCommand {
  SandboxVerb verb = SandboxVerb::serve;
  SandboxOptions options;               // of serve
  std::string profile, kubeconfig_out;  // of serve; kubeconfig_out "" for a file here, named after the port
  std::string kubeconfig;               // of the others: --kubeconfig, else KUBECONFIG
  std::string ns;                       // of label
  std::vector<std::string> words;       // labels of label, plural names of show
};

// What the arguments came to: a command, or a text to print at once.
struct SandboxParsed {
  std::optional<SandboxCommand> command;
  std::string text;  // help when `status` is 0, else the error with its hint
  int status = 0;
};

// `arguments`: without the program's name. `kubeconfig`: the environment's KUBECONFIG, "" when unset. A kubeconfig that
// nobody named is not looked for: models writes to the cluster that it finds.
SandboxParsed parse_sandbox(const std::vector<std::string>& arguments, const std::string& kubeconfig);

}  // namespace meshgraft::fakes
