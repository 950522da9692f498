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

// The manifests below `directory`, sorted by path.
Result<std::vector<std::string>> walk(const std::string& directory) {
  std::vector<std::string> found;
  std::error_code error;
  fs::recursive_directory_iterator entry(directory, error);
  const fs::recursive_directory_iterator end;
  while (!error && entry != end) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored) && is_manifest(entry->path())) found.push_back(entry->path().lexically_normal().string());
    entry.increment(error);
  }
  if (error) return fail("cannot read the directory " + directory + ": " + error.message());
  std::sort(found.begin(), found.end());
  if (found.empty()) return fail("the directory " + directory + " holds no .yaml, .yml or .json file");
  return found;
}

std::string place(const Document& document) {
  std::string text = document.source + ", document " + std::to_string(document.number);
  if (document.item >= 0) text += ", item " + std::to_string(document.item);
  return text;
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
    errors += place(document) + ": " + to_string(document.object->key()) + " stands already in " + place(*before->second);
  }
  return errors;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return fail("cannot read " + path + ": it is a directory");
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail("cannot read " + path + ": " + std::strerror(errno));  // NOLINT(concurrency-mt-unsafe): before any thread
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) return fail("cannot read " + path + ": " + std::strerror(errno));  // NOLINT(concurrency-mt-unsafe)
  return text;
}

Result<std::vector<Document>> read_paths(const std::vector<std::string>& paths, std::istream& in, std::string_view default_namespace) {
  std::vector<Document> documents;
  std::string errors;
  const auto note = [&errors](const std::string& text) {
    if (!errors.empty()) errors += '\n';
    errors += text;
  };
  const auto take = [&](const Result<std::string>& text, const std::string& name) {
    if (!text) return note(text.error().text);
    Result<std::vector<Document>> read = read_manifests(*text, name, default_namespace);
    if (!read) return note(read.error().text);
    std::move(read->begin(), read->end(), std::back_inserter(documents));
  };
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (path == "-") {
      take(std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()), path);
    } else if (fs::is_directory(path, ignored)) {
      Result<std::vector<std::string>> found = walk(path);
      if (!found) {
        note(found.error().text);
        continue;
      }
      for (const std::string& file : *found) take(read_file(file), file);
    } else {
      take(read_file(path), path);
    }
  }
  if (const std::string twice = duplicates(documents); !twice.empty()) note(twice);
  if (!errors.empty()) return fail(errors);
  return documents;
}

}  // namespace meshgraft
