#include "cmd/manifests.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <istream>
#include <iterator>
#include <map>
#include <system_error>

namespace meshgraft {
namespace {

namespace fs = std::filesystem;

bool is_manifest(const fs::path& path) {
  const std::string ending = path.extension().string();
  return ending == ".yaml" || ending == ".yml" || ending == ".json";  // kubectl's own three (cli-runtime resource.FileExtensions)
}

// Problems, one a line.
struct Errors {
  std::string text;
  void note(const std::string& line) {
    if (!text.empty()) text += '\n';
    text += line;
  }
};

// Adds the manifests below `directory`. As kubectl does, follows links to files and not to directories. What cannot be
// read is noted, and the rest goes on: a link that leads nowhere is a document that somebody misses.
void gather(const fs::path& directory, std::vector<std::string>& found, Errors& errors) {
  std::error_code error;
  fs::directory_iterator entry(directory, error);
  for (const fs::directory_iterator end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (fs::is_directory(entry->symlink_status(ignored))) {
      gather(entry->path(), found, errors);
    } else if (is_manifest(entry->path())) {
      std::error_code unknown;
      const fs::file_status status = entry->status(unknown);
      if (fs::is_regular_file(status)) {
        found.push_back(entry->path().lexically_normal().string());
      } else if (unknown && unknown != std::errc::no_such_file_or_directory) {  // of a directory that may be listed and not entered
        errors.note("cannot read " + entry->path().lexically_normal().string() + ": " + unknown.message());
      } else if (!fs::is_directory(status)) {
        errors.note("cannot read " + entry->path().lexically_normal().string() + (fs::exists(status) ? ": it is no regular file" : ": it leads to no file"));
      }
    }
  }
  if (error) errors.note("cannot read the directory " + directory.string() + ": " + error.message());
}

// The manifests below `directory`, sorted by path.
std::vector<std::string> walk(const std::string& directory, Errors& errors) {
  const std::size_t before = errors.text.size();
  std::vector<std::string> found;
  gather(directory, found, errors);
  std::sort(found.begin(), found.end());
  if (found.empty() && errors.text.size() == before) errors.note("the directory " + directory + " holds no .yaml, .yml or .json file");
  return found;
}

// Objects that stand twice: which one the cluster would end up with depends on the order of applying, so we ask.
std::string duplicates(const std::vector<Document>& documents) {
  std::map<ObjectKey, const Document*> seen;
  std::string errors;
  for (const Document& document : documents) {
    if (document.object == nullptr || document.object->kind == Kind::other) continue;
    const auto [before, fresh] = seen.emplace(document.object->key(), &document);
    if (fresh) continue;
    if (!errors.empty()) errors += '\n';
    errors += place_of(document) + ": " + to_string(document.object->key()) + " stands already in " + place_of(*before->second);
  }
  return errors;
}

// Calls `take(path, name, text)` for every file of `paths`; what cannot be read is noted, and the rest goes on.
template <typename Take>
void each_file(const std::vector<std::string>& paths, std::istream& in, Errors& errors, Take take) {
  const auto one = [&](const std::string& path, const std::string& name) {
    Result<std::string> text = read_file(path);
    if (!text) return errors.note(text.error().text);
    take(path, name, *std::move(text));
  };
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (path == "-") {
      take(path, "stdin.yaml", std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()));
    } else if (fs::is_directory(path, ignored)) {
      const fs::path root = fs::path(path).lexically_normal();
      for (const std::string& file : walk(path, errors)) one(file, fs::path(file).lexically_relative(root).string());
    } else {
      one(path, fs::path(path).filename().string());
    }
  }
}

// Whether a file that cannot be read as a manifest is a part of a Helm chart that nobody has rendered yet.
bool is_of_a_chart(const std::string& path, std::string_view text) {
  if (fs::path(path).filename() == "Chart.yaml") return true;
  for (std::size_t at = text.find("{{"); at != std::string_view::npos; at = text.find("{{", at + 2)) {
    const std::string_view action = text.substr(at, std::min(text.find("}}", at), text.size()) - at);
    for (const std::string_view object : {".Values", ".Release", ".Chart", ".Capabilities"}) {
      if (action.find(object) != std::string_view::npos) return true;
    }
    const std::size_t begin = action.find_first_not_of("{- ");
    const std::string_view words = begin == std::string_view::npos ? std::string_view() : action.substr(begin);
    for (const std::string_view word : {"include \"", "template \"", "define \"", "range ."}) {
      if (words.starts_with(word)) return true;
    }
  }
  return false;
}

bool is_kustomization(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  return name == "kustomization.yaml" || name == "kustomization.yml" || name == "Kustomization";  // kustomize's own three
}

void take_documents(const std::string& text, const std::string& path, std::string_view default_namespace, Errors& errors, std::vector<Document>& into) {
  Result<std::vector<Document>> read = read_manifests(text, path, default_namespace);
  if (!read && is_of_a_chart(path, text)) {
    return errors.note(path + ": this is a part of a Helm chart, not a manifest; render the chart first: helm template NAME CHART | meshgraft plan -f -");
  }
  if (!read && is_kustomization(path)) {
    const std::string directory = fs::path(path).parent_path().string();
    return errors.note(path + ": this is a kustomization, not a manifest; build it first: kubectl kustomize " + (directory.empty() ? "." : directory) + " | meshgraft plan -f -");
  }
  if (!read) return errors.note(read.error().text);
  std::move(read->begin(), read->end(), std::back_inserter(into));
}

Result<std::vector<Document>> checked(std::vector<Document> documents, Errors errors) {
  if (const std::string twice = duplicates(documents); !twice.empty()) errors.note(twice);
  if (!errors.text.empty()) return fail(errors.text);
  return documents;
}

}  // namespace

std::string place_of(const Document& document) {
  std::string text = document.source + ", document " + std::to_string(document.number);
  if (document.item >= 0) text += ", item " + std::to_string(document.item + 1);
  return text;
}

Result<std::string> read_file(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return fail("cannot read " + path + ": it is a directory");
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail("cannot read " + path + ": " + std::strerror(errno));  // NOLINT(concurrency-mt-unsafe): before any thread
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) return fail("cannot read " + path + ": " + std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
  return text;
}

Result<std::vector<ManifestFile>> read_files(const std::vector<std::string>& paths, std::istream& in) {
  std::vector<ManifestFile> files;
  Errors errors;
  each_file(paths, in, errors, [&files](std::string path, std::string name, std::string text) {
    files.push_back({std::move(path), std::move(name), std::move(text)});
  });
  if (!errors.text.empty()) return fail(errors.text);
  return files;
}

Result<std::vector<Document>> read_documents(const std::vector<ManifestFile>& files, std::string_view default_namespace) {
  std::vector<Document> documents;
  Errors errors;
  for (const ManifestFile& file : files) take_documents(file.text, file.path, default_namespace, errors, documents);
  return checked(std::move(documents), std::move(errors));
}

Result<std::vector<Document>> read_paths(const std::vector<std::string>& paths, std::istream& in, std::string_view default_namespace) {
  std::vector<Document> documents;
  Errors errors;
  each_file(paths, in, errors, [&](const std::string& path, const std::string&, const std::string& text) {
    take_documents(text, path, default_namespace, errors, documents);
  });
  return checked(std::move(documents), std::move(errors));
}

}  // namespace meshgraft
