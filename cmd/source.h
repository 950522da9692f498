#pragma once
// Source: the world that plan, check and status speak about, from files or from a cluster, with what the command line
// says to assume. Called by those commands; everything below it is the same for both.

#include <string>
#include <vector>

#include "cmd/live_world.h"
#include "cmd/options.h"
#include "cmd/terminal.h"
#include "k8sclient/base/result.h"
#include "k8sclient/model/yaml_read.h"
#include "reconcilers/facts.h"

namespace meshgraft {

struct Source {
  World world;
  Settings settings;               // as the options say, and as the world shows: a release that has begun is carried out
  std::string scope;               // the namespace to show; "" for all of them
  std::vector<std::string> notes;  // what could not be read and what follows from it
  std::string unread;              // documents of kinds that no rule reads, in one line; "" when there are none
  std::vector<Finding> refused;    // MG117: fields of manifests that an API server would refuse
};

// Files when the options name some, else the cluster. Errors: what could not be read, one problem a line; only what
// the API server did not answer may pass.
Result<Source, ReadError> load(const Options& options, const Terminal& terminal);

// The same of documents that were read already.
Result<Source> load_documents(const std::vector<Document>& documents, const Options& options);

// Puts the assumed keys on the namespaces: one that names no namespace on each of them, but a gateway's label on those
// alone that hold an ingress controller, if any does. Errors: a namespace that the world does not have.
Result<Unit> assume(World& world, const std::vector<Assumption>& assumptions, std::string_view scope);

// Where documents without a namespace are.
std::string default_namespace(const Options& options);

// The objects of manifests as they will run: a workload without a status counts as fully available.
std::vector<ObjectPtr> running(const std::vector<ObjectPtr>& objects);

}  // namespace meshgraft
