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

// One file of -f.
struct ManifestFile {
  std::string path;  // as messages name it; "-" for standard input
  std::string name;  // where it goes below --output-dir: as it lies below the directory of -f, else its own name
  std::string text;
};

// The files of `paths` with their texts, in the order of read_paths. The errors are those of read_paths, but for what
// is in the files.
Result<std::vector<ManifestFile>> read_files(const std::vector<std::string>& paths, std::istream& in);

// Every document of `files` in order. Errors: as read_paths.
Result<std::vector<Document>> read_documents(const std::vector<ManifestFile>& files, std::string_view default_namespace);

// Every document of `paths` in order; directories are walked by name, taking .yaml, .yml and .json files as kubectl
// does. "-" is `in`. The errors name file, document and field; all bad files are reported, one a line. An object that stands twice
// is an error that names both places.
Result<std::vector<Document>> read_paths(const std::vector<std::string>& paths, std::istream& in, std::string_view default_namespace);

// Where a document stands: "shop.yaml, document 2", in a List with ", item 1", counted from 1.
std::string place_of(const Document& document);

// The whole text of a file. Errors: absent, unreadable, a directory.
Result<std::string> read_file(const std::string& path);

}  // namespace meshgraft
