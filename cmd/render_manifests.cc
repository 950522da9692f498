#include "cmd/render_manifests.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <ostream>
#include <set>
#include <system_error>
#include <utility>

#include "cmd/manifest_edit.h"
#include "cmd/manifest_text.h"
#include "cmd/plan.h"
#include "cmd/source.h"
#include "k8sclient/model/decode.h"
#include "reconcilers/keys.h"
#include "reconcilers/options.h"

namespace meshgraft {
namespace {

namespace fs = std::filesystem;

// What KubeSphere wants in a selector before it makes a subset (rules 2; recorded in tests/data/kubesphere-3.3.2).
constexpr std::array<std::string_view, 3> kSelectorKeys{keys::kAppLabel, keys::kAppName, keys::kAppVersion};

const std::string* text_at(const Labels& labels, std::string_view key) {
  const auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

// The documents of all files, found by the object that they hold.
class Sheets {
 public:
  Result<Unit> open(const std::vector<ManifestFile>& files, std::string_view ns) {
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

  [[nodiscard]] const std::vector<Document>& documents() const { return documents_; }

  // The document of an object, null when no file holds it. Valid until the next call of carry_out.
  OrderedJson* find(const ObjectKey& key) {
    const auto place = places_.find(key);
    return place == places_.end() ? nullptr : at(place->second);
  }

  // The objects of the documents as they are now.
  void decode_again() {
    Decoder decoder;
    for (std::size_t i = 0; i < documents_.size(); ++i) {
      const auto place = places_.find(documents_[i].object->key());
      if (place == places_.end() || !edited_.contains(place->first)) continue;
      Result<ObjectPtr> object = decoder.object(at(place->second)->dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
      if (!object) continue;
      auto named = std::const_pointer_cast<Object>(*object);
      named->meta.ns = documents_[i].object->meta.ns;
      documents_[i].object = named;
    }
  }

  void touch(const ObjectKey& key) { edited_.insert(key); }

  // Gives a Deployment another name, and the autoscalers that scale it.
  void rename(const ObjectKey& key, const std::string& name) {
    OrderedJson* document = find(key);
    if (document == nullptr) return;
    (*document)["metadata"]["name"] = name;
    for (const auto& [other, place] : places_) {
      if (other.kind != Kind::autoscaler || other.ns != key.ns) continue;
      OrderedJson& spec = (*at(place))["spec"];
      const auto scaled = spec.find("scaleTargetRef");
      if (scaled == spec.end() || scaled->value("kind", "") != "Deployment" || scaled->value("name", "") != key.name) continue;
      (*scaled)["name"] = name;
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

  bool carry_out(const Change& change) {
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

  Output take() {
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

 private:
  struct Place {
    std::size_t file = 0, document = 0;
    int item = -1;
  };

  void find_places() {
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

  OrderedJson* at(const Place& place) {
    OrderedJson& document = files_[place.file].documents[place.document];
    return place.item < 0 ? &document : &document["items"][static_cast<std::size_t>(place.item)];
  }

  // Finds the text of each document, comments between two of them with the second. No pieces when a document does not
  // begin with a line of its own.
  static void take_apart(OutputFile& file) {
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
  static void put_text(const OrderedJson& before, int number, std::size_t at, OutputFile& file) {
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

  static void drop_removed_items(OutputFile& file) {
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

  static void drop_removed(OutputFile& file) {
    for (std::size_t i = file.documents.size(); i-- > 0;) {
      if (!file.documents[i].is_null()) continue;
      file.documents.erase(file.documents.begin() + static_cast<std::ptrdiff_t>(i));
      if (!file.pieces.empty()) file.pieces.erase(file.pieces.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }

  static std::string free_name(const Output& output, const std::string& base) {
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

  static std::string text_of(const OutputFile& file) {
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

  std::vector<OutputFile> files_, originals_;
  std::vector<std::vector<int>> numbers_;  // of the documents of each file
  std::vector<Document> documents_;
  std::map<ObjectKey, Place> places_;
  std::set<ObjectKey> edited_;
  std::map<ObjectKey, OrderedJson> created_;
  std::vector<ObjectKey> order_;  // of created_
};

// ---- policy replace ----------------------------------------------------------------------------------------------

// The same world where nothing is to be re-created.
World without_replace(World world) {
  for (auto& [name, view] : world.namespaces) {
    if (const std::string* policy = text_at(view.ns->meta.annotations, keys::kPolicy); policy != nullptr && *policy == "replace") {
      auto joined = std::make_shared<Namespace>(*view.ns);
      joined->meta.annotations.insert_or_assign(std::string(keys::kPolicy), "join");
      view.ns = std::move(joined);
    }
    for (auto& workload : view.workloads) {
      if (text_at(workload->meta.annotations, keys::kReplace) == nullptr) continue;
      auto plain = std::make_shared<Workload>(*workload);
      plain->meta.annotations.erase(std::string(keys::kReplace));
      workload = std::move(plain);
    }
  }
  return world;
}

bool wants_replacing(const World& world, const Settings& settings, const ObjectKey& key) {
  const NamespaceView& view = world.namespaces.at(key.ns);
  for (const auto& workload : view.workloads) {
    if (workload->key() != key) continue;
    if (const std::string* own = text_at(workload->meta.annotations, keys::kReplace)) return *own == "true";
    return read_options(*view.ns, settings).policy == Policy::replace;
  }
  return false;
}

// The labels that the selector of `key` lacks, with their values at the end. Empty when its template has not got them
// all, or nothing is lacking.
Labels missing_selector(const Foreseen& end, const ObjectKey& key) {
  const NamespaceView& view = end.after.namespaces.at(key.ns);
  const Workload* workload = nullptr;
  for (const auto& one : view.workloads) {
    if (one->key() == key) workload = one.get();
  }
  if (workload == nullptr) return {};
  std::set<std::string> wanted(kSelectorKeys.begin(), kSelectorKeys.end());
  const auto members = end.members.find(key.ns);
  if (members != end.members.end()) {
    for (const MemberState& member : members->second) {
      if (member.workload != key) continue;
      for (const auto& service : view.services) {
        if (service->meta.name != member.service) continue;
        for (const auto& [label, value] : service->selector) wanted.insert(label);
      }
    }
  }
  Labels missing;
  for (const std::string& label : wanted) {
    if (workload->selector.match_labels.contains(label)) continue;
    const std::string* value = text_at(workload->pod.labels, label);
    if (value == nullptr) return {};
    missing.emplace(label, *value);
  }
  return missing;
}

void put_labels(OrderedJson& map, const Labels& labels) {
  if (!map.is_object()) map = OrderedJson::object();
  for (const auto& [key, value] : labels) map[key] = value;
}

// The name that naming=versioned gives to a Deployment: as KubeSphere's console calls them. "" when it has it, or
// somebody else has.
std::string versioned_name(const World& world, const Settings& settings, const Foreseen& end, const ObjectKey& key) {
  const NamespaceView& view = world.namespaces.at(key.ns);
  const auto members = end.members.find(key.ns);
  if (!read_options(*view.ns, settings).versioned_names || members == end.members.end()) return "";
  for (const MemberState& member : members->second) {
    if (member.workload != key || member.service.empty() || member.version.empty()) continue;
    std::string name = member.service + "-" + member.version;
    const bool taken = std::any_of(view.workloads.begin(), view.workloads.end(), [&name](const auto& one) { return one->kind == Kind::deployment && one->meta.name == name; });
    return taken ? "" : name;
  }
  return "";
}

// Gives the Deployments that policy replace would re-create their new selectors. Files need no downtime for that.
bool replace_selectors(const World& world, const Settings& settings, Sheets& sheets, std::vector<std::string>& renamed) {
  Settings joining = settings;
  joining.default_policy = joining.default_policy == Policy::replace ? Policy::join : joining.default_policy;
  std::optional<Foreseen> end;
  bool any = false;
  std::map<ObjectKey, std::string> names;
  for (const Document& document : sheets.documents()) {
    if (document.object->kind != Kind::deployment) continue;
    const ObjectKey key = document.object->key();
    if (!wants_replacing(world, settings, key)) continue;
    if (!end) end = foresee(without_replace(world), joining);
    const bool ungoverned = std::any_of(end->findings.begin(), end->findings.end(),
                                        [&key](const Finding& finding) { return finding.code == "MG203" && finding.about == key; });
    const Labels missing = ungoverned ? missing_selector(*end, key) : Labels{};
    if (missing.empty()) continue;
    OrderedJson& spec = (*sheets.find(key))["spec"];
    put_labels(spec["selector"]["matchLabels"], missing);
    put_labels(spec["template"]["metadata"]["labels"], missing);
    sheets.touch(key);
    if (std::string name = versioned_name(world, settings, *end, key); !name.empty()) names.emplace(key, std::move(name));
    any = true;
  }
  for (const auto& [key, name] : names) {
    sheets.rename(key, name);
    renamed.push_back(to_string(key) + " is called " + name + " in the files: delete the former one when the pods of this one are ready");
  }
  if (any) sheets.decode_again();
  return any;
}

// A Namespace that stands in the files gets the keys that the command line assumes.
void label_namespaces(const Options& options, Sheets& sheets) {
  for (const Document& document : sheets.documents()) {
    if (document.object->kind != Kind::namespace_) continue;
    for (const Assumption& assumption : options.assumptions) {
      if (!assumption.ns.empty() && assumption.ns != document.object->meta.name) continue;
      OrderedJson& map = (*sheets.find(document.object->key()))["metadata"][assumption.label ? "labels" : "annotations"];
      if (!map.is_object()) map = OrderedJson::object();
      map[assumption.key] = assumption.value;
    }
  }
}

// ---- writing -----------------------------------------------------------------------------------------------------

Result<Unit> check_names(const Output& output) {
  std::map<std::string, std::string> seen;
  for (const OutputFile& file : output.files) {
    const auto [before, fresh] = seen.emplace(file.name, file.source);
    if (!fresh) return fail(before->second + " and " + file.source + " would both become " + file.name + ": write them to directories of their own");
  }
  return Unit{};
}

Result<Unit> write_file(const fs::path& path, const std::string& text) {
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  if (error) return fail("cannot make the directory " + path.parent_path().string() + ": " + error.message());
  fs::path fresh = path;
  fresh += ".meshgraft-new";
  {
    std::ofstream file(fresh, std::ios::binary | std::ios::trunc);
    file << text;
    file.close();
    if (!file) return fail("cannot write " + fresh.string() + ": " + std::strerror(errno));  // NOLINT(concurrency-mt-unsafe): one thread
  }
  fs::rename(fresh, path, error);
  if (error) return fail("cannot write " + path.string() + ": " + error.message());
  return Unit{};
}

Result<Unit> write_tree(const Output& output, const std::string& directory, const Terminal& terminal) {
  if (Result<Unit> ok = check_names(output); !ok) return ok;
  for (const OutputFile& file : output.files) {
    const fs::path path = (fs::path(directory) / file.name).lexically_normal();
    if (Result<Unit> ok = write_file(path, file.text); !ok) return ok;
    terminal.out << (file.source.empty() ? "new      " : file.changed ? "changed  " : "same     ") << path.string() << '\n';
  }
  return Unit{};
}

std::string without_separator(const std::string& piece) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::string_view text = piece;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.starts_with("---\n")) text.remove_prefix(std::string_view("---\n").size());
  return std::string(text);
}

void print_documents(const Output& output, const Terminal& terminal) {
  bool first = true;
  for (const OutputFile& file : output.files) {
    bool named = output.files.size() == 1;
    for (std::size_t i = 0; i < file.documents.size(); ++i) {
      if (!first || !named) terminal.out << "---\n";
      if (!named) terminal.out << "# " << (file.source.empty() ? "new: " : "source: ") << (file.source.empty() ? file.name : file.source) << '\n';
      first = false;
      named = true;
      const std::string text = i < file.pieces.size() ? without_separator(file.pieces[i]) : to_yaml(file.documents[i]);
      terminal.out << text << (text.ends_with('\n') ? "" : "\n");
    }
    if (may_have_comments(file.tail)) terminal.out << file.tail << (file.tail.ends_with('\n') ? "" : "\n");
  }
}

}  // namespace

Result<Output> manifests_at_the_end(const std::vector<ManifestFile>& files, const Options& options) {
  Sheets sheets;
  if (Result<Unit> ok = sheets.open(files, default_namespace(options)); !ok) return fail(ok.error().text);
  Result<Source> source = load_documents(sheets.documents(), options);
  if (!source) return fail(source.error().text);
  std::vector<std::string> renamed;
  if (replace_selectors(source->world, options.settings, sheets, renamed)) {
    source = load_documents(sheets.documents(), options);
    if (!source) return fail(source.error().text);
  }
  const Foreseen end = foresee(source->world, options.settings);
  for (const Foreseen::Step& step : end.steps) {
    if (!sheets.carry_out(step.change)) {
      return fail("cannot carry out on its document: " + std::string(to_string(step.change.verb)) + ' ' + to_string(step.change.target) + ", " + step.change.why);
    }
  }
  label_namespaces(options, sheets);
  Output output = sheets.take();
  output.notes = std::move(renamed);
  for (const auto& [ns, plan] : end.end) output.held.insert(output.held.end(), plan.waiting.begin(), plan.waiting.end());
  return output;
}

int print_manifests(const Options& options, const Terminal& terminal) {
  Result<std::vector<ManifestFile>> files = read_files(options.files, terminal.in);
  if (!files) return print_error(files.error().text, terminal);
  Result<Output> output = manifests_at_the_end(*files, options);
  if (!output) return print_error(output.error().text, terminal);
  for (const Waiting& waiting : output->held) {
    terminal.err << "warning: not in the manifests: " << to_string(waiting.target) << ", " << to_string(waiting.stage) << ": " << waiting.reason << '\n';
  }
  for (const std::string& note : output->notes) terminal.err << "warning: " << note << '\n';
  for (const OutputFile& file : output->files) {
    for (const int number : file.rewritten) {
      terminal.err << "warning: comments are lost: " << file.source << (number == 0 ? "" : ", document " + std::to_string(number)) << '\n';
    }
  }
  if (options.output_directory.empty()) {
    print_documents(*output, terminal);
  } else if (Result<Unit> ok = write_tree(*output, options.output_directory, terminal); !ok) {
    return print_error(ok.error().text, terminal);
  }
  return output->changed ? 2 : 0;
}

}  // namespace meshgraft
