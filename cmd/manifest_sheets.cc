#include "cmd/manifest_sheets.h"

#include <memory>
#include <optional>
#include <utility>

#include "cmd/manifest_edit.h"
#include "cmd/manifest_text.h"
#include "k8sclient/model/decode.h"
#include "k8sclient/model/yaml_read.h"

namespace meshgraft {
namespace {

// Finds the text of each document, comments between two of them with the second. No pieces when a document does not
// begin with a line of its own.
void take_apart(OutputFile& file) {
  std::vector<std::string> pieces;
  std::string before;
  for (const std::string& piece : split_documents(file.text)) {
    const Result<RawManifests> read = read_raw_manifests(piece, "");
    if (!read || read->documents.size() > 1) return;
    before += piece;
    if (!read->documents.empty()) pieces.push_back(std::exchange(before, ""));
  }
  if (pieces.size() != file.documents.size()) return;
  file.pieces = std::move(pieces);
  file.tail = std::move(before);
}

// Brings the text of document `at` to what it says now.
void put_text(const OrderedJson& before, int number, std::size_t at, OutputFile& file) {
  const OrderedJson& now = file.documents[at];
  if (file.pieces.empty()) {
    if (number == 1 && !file.is_json && may_have_comments(file.text)) file.rewritten.push_back(0);
    return;
  }
  std::string& piece = file.pieces[at];
  if (now.is_null() || now == before) return;
  // What stands before it, comments and a separator, is not the document's.
  std::vector<std::string> parts = split_documents(piece);
  std::string& own = parts.back();
  if (std::optional<EditedText> edited = edit_text(own, before, now)) {
    if (edited->comments_lost) file.rewritten.push_back(number);
    own = std::move(edited->text);
  } else {
    if (may_have_comments(own)) file.rewritten.push_back(number);
    own = (own.starts_with("---") ? "---\n" : "") + to_yaml(now);
  }
  piece.clear();
  for (const std::string& part : parts) piece += part;
}

// A member of an object; null when there is none, or `of` is something else.
OrderedJson* member(OrderedJson* of, const char* name) {
  if (of == nullptr || !of->is_object()) return nullptr;
  const auto found = of->find(name);
  return found == of->end() ? nullptr : &*found;
}

void drop_removed_items(OutputFile& file) {
  for (OrderedJson& document : file.documents) {
    const auto items = document.is_object() ? document.find("items") : document.end();
    if (!document.is_object() || items == document.end() || !items->is_array()) continue;
    OrderedJson kept = OrderedJson::array();
    for (OrderedJson& item : *items) {
      if (!item.is_null()) kept.push_back(std::move(item));
    }
    *items = std::move(kept);
  }
}

void drop_removed(OutputFile& file) {
  for (std::size_t i = file.documents.size(); i-- > 0;) {
    if (!file.documents[i].is_null()) continue;
    file.documents.erase(file.documents.begin() + static_cast<std::ptrdiff_t>(i));
    if (!file.pieces.empty()) file.pieces.erase(file.pieces.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

std::string free_name(const Output& output, const std::string& base) {
  const auto taken = [&output](const std::string& name) {
    for (const OutputFile& file : output.files) {
      if (file.name == name) return true;
    }
    return false;
  };
  std::string name = base + ".yaml";
  for (int i = 2; taken(name); ++i) name = base + "-" + std::to_string(i) + ".yaml";
  return name;
}

std::string text_of(const OutputFile& file) {
  std::string text;
  for (const std::string& piece : file.pieces) text += piece;
  if (!file.pieces.empty()) return text + file.tail;
  for (const OrderedJson& document : file.documents) {
    if (file.is_json) {
      text += document.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + '\n';
    } else {
      if (!text.empty()) text += "---\n";
      text += to_yaml(document);
    }
  }
  return text;
}

}  // namespace

Result<Unit> Sheets::open(const std::vector<ManifestFile>& files, std::string_view ns) {
  std::string errors;
  for (const ManifestFile& file : files) {
    Result<RawManifests> raw = read_raw_manifests(file.text, file.path);
    if (!raw) {
      errors += (errors.empty() ? "" : "\n") + raw.error().text;
      continue;
    }
    OutputFile out;
    out.source = file.path;
    out.name = file.name;
    out.is_json = raw->is_json;
    out.text = file.text;
    std::vector<int> numbers;
    for (RawManifest& document : raw->documents) {
      numbers.push_back(document.number);
      out.documents.push_back(std::move(document.json));
    }
    files_.push_back(std::move(out));
    numbers_.push_back(std::move(numbers));
  }
  if (!errors.empty()) return fail(errors);
  Result<std::vector<Document>> documents = read_documents(files, ns);
  if (!documents) return fail(documents.error().text);
  documents_ = *std::move(documents);
  originals_ = files_;
  find_places();
  return Unit{};
}

OrderedJson* Sheets::find(const ObjectKey& key) {
  const auto place = places_.find(key);
  return place == places_.end() ? nullptr : at(place->second);
}

void Sheets::decode_again() {
  Decoder decoder;
  for (std::size_t i = 0; i < documents_.size(); ++i) {
    const auto place = places_.find(documents_[i].object->key());
    if (place == places_.end() || !edited_.contains(place->first)) continue;
    Result<ObjectPtr> object =
        decoder.object(at(place->second)->dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
    if (!object) continue;
    auto named = std::const_pointer_cast<Object>(*object);
    named->meta.ns = documents_[i].object->meta.ns;
    documents_[i].object = named;
  }
}

void Sheets::rename(const ObjectKey& key, const std::string& name) {
  OrderedJson* document = find(key);
  if (document == nullptr) return;
  (*document)["metadata"]["name"] = name;
  for (const auto& [other, place] : places_) {
    if (other.kind != Kind::autoscaler || other.ns != key.ns) continue;
    OrderedJson* scaled = member(member(at(place), "spec"), "scaleTargetRef");
    const OrderedJson* kind = member(scaled, "kind");
    OrderedJson* target = member(scaled, "name");
    if (kind == nullptr || target == nullptr || *kind != "Deployment" || *target != key.name) continue;
    *target = name;
    edited_.insert(other);
  }
  ObjectKey renamed = key;
  renamed.name = name;
  places_.emplace(renamed, places_.at(key));
  places_.erase(key);
  for (Document& one : documents_) {
    if (one.object->key() != key) continue;
    auto object = std::make_shared<Workload>(static_cast<const Workload&>(*one.object));
    object->meta.name = name;
    one.object = std::move(object);
  }
  edited_.erase(key);
  edited_.insert(std::move(renamed));
}

bool Sheets::carry_out(const Change& change) {
  const auto place = places_.find(change.target);
  if (place != places_.end()) {
    OrderedJson* document = at(place->second);
    return document != nullptr && edit_document(change, *document);
  }
  OrderedJson& made = created_[change.target];
  const bool fresh = made.is_null();
  if (!edit_document(change, made)) return !fresh;
  if (fresh && !made.is_null()) order_.push_back(change.target);
  return true;
}

Output Sheets::take() {
  Output output;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    OutputFile& file = files_[i];
    file.changed = file.documents != originals_[i].documents;
    if (!file.is_json) take_apart(file);
    if (file.changed) {
      const std::vector<OrderedJson>& before = originals_[i].documents;
      drop_removed_items(file);
      for (std::size_t one = 0; one < file.documents.size(); ++one) put_text(before[one], numbers_[i][one], one, file);
      drop_removed(file);
    }
    output.files.push_back(std::move(files_[i]));
  }
  std::map<std::string, OutputFile> made;
  for (const ObjectKey& key : order_) {
    OrderedJson& document = created_.at(key);
    if (document.is_null()) continue;
    OutputFile& file = made[key.ns];
    file.changed = true;
    file.documents.push_back(std::move(document));
  }
  for (auto& [ns, file] : made) {
    file.name = free_name(output, "meshgraft-" + (ns.empty() ? std::string("cluster") : ns));
    output.files.push_back(std::move(file));
  }
  for (OutputFile& file : output.files) {
    output.changed = output.changed || file.changed;
    if (file.changed) file.text = text_of(file);
  }
  return output;
}

void Sheets::find_places() {
  std::size_t file = 0;
  for (const Document& document : documents_) {
    while (file < files_.size() && files_[file].source != document.source) ++file;
    if (file == files_.size()) return;
    if (document.object->kind == Kind::other) continue;
    for (std::size_t i = 0; i < numbers_[file].size(); ++i) {
      if (numbers_[file][i] == document.number) places_.emplace(document.object->key(), Place{file, i, document.item});
    }
  }
}

OrderedJson* Sheets::at(const Place& place) {
  OrderedJson& document = files_[place.file].documents[place.document];
  return place.item < 0 ? &document : &document["items"][static_cast<std::size_t>(place.item)];
}

}  // namespace meshgraft
