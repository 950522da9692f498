#pragma once
// Sheets: the documents of all files of -f, found by the object that they hold, while changes are carried out on them.
// Made by render_manifests for one call; reads and writes no file.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cmd/manifests.h"
#include "cmd/render_manifests.h"

namespace meshgraft {

class Sheets {
 public:
  // Reads the files; documents without a namespace are in `ns`. Errors: what cannot be read, a line a file.
  Result<Unit> open(const std::vector<ManifestFile>& files, std::string_view ns);

  [[nodiscard]] const std::vector<Document>& documents() const { return documents_; }

  // The document of an object, null when no file holds it. Valid until the next call of carry_out.
  OrderedJson* find(const ObjectKey& key);

  // Says that somebody changed the document that find() gave.
  void touch(const ObjectKey& key) { edited_.insert(key); }

  // Reads the objects of the changed documents as they are now.
  void decode_again();

  // Gives a Deployment another name, and the autoscalers that scale it.
  void rename(const ObjectKey& key, const std::string& name);

  // Carries a change out on the document of its target, or on a new one. False when the document does not take it.
  bool carry_out(const Change& change);

  // The files as they are now, then one of created objects a namespace. Leaves nothing here.
  Output take();

 private:
  struct Place {
    std::size_t file = 0, document = 0;
    int item = -1;  // of a List
  };

  void find_places();
  OrderedJson* at(const Place& place);

  std::vector<OutputFile> files_, originals_;
  std::vector<std::vector<int>> numbers_;  // of the documents of each file
  std::vector<Document> documents_;
  std::map<ObjectKey, Place> places_;
  std::set<ObjectKey> edited_;
  std::map<ObjectKey, OrderedJson> created_;
  std::vector<ObjectKey> order_;  // of created_
};

}  // namespace meshgraft
