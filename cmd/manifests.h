#pragma once
// Manifests: finds the files of -f, reads them and gives their documents. Called by source.cc and the golden tests;
// the only reader of manifest files. Never contacts a cluster, never drops a document silently.

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/result.h"
#include "k8sclient/model/yaml_read.h"

namespace meshgraft {

// Every document of `paths` in order; directories are walked by name, taking .yaml, .yml and .json files as kubectl
// does. "-" is `in`. The errors name file, document and field; all bad files are reported, one a line. An object that stands twice
// is an error that names both places.
Result<std::vector<Document>> read_paths(const std::vector<std::string>& paths, std::istream& in, std::string_view default_namespace);

// The whole text of a file. Errors: absent, unreadable, a directory.
Result<std::string> read_file(const std::string& path);

}  // namespace meshgraft
