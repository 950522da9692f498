#pragma once
// plan -o manifests: the input documents as they will be at the end, in their order and files, for people who keep
// their manifests in Git. Called by plan.cc. Contacts no cluster; writes below --output-dir alone.

#include <string>
#include <vector>

#include "cmd/manifests.h"
#include "cmd/options.h"
#include "cmd/terminal.h"
#include "reconcilers/foresee.h"

namespace meshgraft {

struct OutputFile {
  std::string source, name;            // as ManifestFile's path and name; source "" for a file of created objects
  std::vector<OrderedJson> documents;  // Lists whole
  std::vector<std::string> pieces;     // the text of each document as people wrote it; empty where that is unknown
  std::string tail;                    // what stands behind the last of them
  std::vector<int> rewritten;          // numbers of the documents that lost comments
  bool is_json = false;
  bool changed = false;
  std::string text;                    // what to write: of an unchanged file its very bytes
};

struct Output {
  std::vector<OutputFile> files;       // those of the input in their order, then one of created objects a namespace
  std::vector<Waiting> held;           // what the plan holds back, and what is therefore not in the files
  std::vector<std::string> notes;      // what whoever applies the files has to know
  bool changed = false;
};

// The manifests at the end of the plan. Policy replace gives Deployments the selector that KubeSphere asks for; the
// undo record is left out, because it is bound to the uid of a live object: what a file says is its owner's.
// Errors: what the files hold is wrong.
Result<Output> manifests_at_the_end(const std::vector<ManifestFile>& files, const Options& options);

// Exit status: 0 nothing to change, 2 changes, 1 error.
int print_manifests(const Options& options, const Terminal& terminal);

}  // namespace meshgraft
