#pragma once
// The command reference: prints the tables that docs and chart are made from. Called by program.cc and by the tests that
// compare docs/ with it. `docs` writes files; nothing else here does.

#include <map>
#include <string>

#include "cmd/terminal.h"

namespace meshgraft {

std::string reference_findings();           // docs/findings.md
std::string reference_findings_chinese();   // docs/findings.zh-CN.md
std::string reference_keys();               // docs/keys.md
std::string reference_metrics();            // docs/metrics.md
std::string reference_flags();              // every command and flag
std::string reference_rbac();               // rules of the ClusterRole, as YAML

// The generated files of docs/, by name.
std::map<std::string, std::string> reference_docs();

// The command. Returns the exit status.
int print_reference(const Options& options, const Terminal& terminal);

}  // namespace meshgraft
