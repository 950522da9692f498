#include "cmd/render_manifests.h"

#include <algorithm>
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

#include "cmd/manifest_sheets.h"
#include "cmd/manifest_text.h"
#include "cmd/plan.h"
#include "cmd/source.h"
#include "reconcilers/keys.h"
#include "reconcilers/options.h"
#include "reconcilers/replace.h"

namespace meshgraft {
namespace {

namespace fs = std::filesystem;

// What KubeSphere wants in a selector before it makes a subset (rules 2; recorded in tests/data/kubesphere-3.3.2).
constexpr std::array<std::string_view, 3> kSelectorKeys{keys::kAppLabel, keys::kAppName, keys::kAppVersion};

const std::string* text_at(const Labels& labels, std::string_view key) {
  const auto found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

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

// The name that naming=versioned gives to a Deployment: as KubeSphere's console calls them. "" when it has it already.
std::string versioned_name(const World& world, const Settings& settings, const Foreseen& end, const ObjectKey& key) {
  const NamespaceView& view = world.namespaces.at(key.ns);
  const auto members = end.members.find(key.ns);
  if (!read_options(*view.ns, settings).versioned_names || members == end.members.end()) return "";
  for (const MemberState& member : members->second) {
    if (member.workload != key || member.service.empty() || member.version.empty()) continue;
    std::string name = member.service + "-" + member.version;
    return name == key.name ? "" : name;
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
    if (std::string name = versioned_name(world, settings, *end, key); !name.empty()) {
      // Under another name it would run beside the former one.
      const auto workload = as<Workload>(document.object);
      std::string why = replace_obstacle(*workload);
      if (why.empty()) why = claim_obstacle(world.namespaces.at(key.ns), *workload);
      if (why.empty()) why = versioned_obstacle(world.namespaces.at(key.ns), *workload, name, true);
      if (why.empty() && std::any_of(names.begin(), names.end(), [&](const auto& one) { return one.first.ns == key.ns && one.second == name; }))
        why = "another Deployment is called " + name + " already";
      if (why.empty()) {
        names.emplace(key, std::move(name));
      } else {
        renamed.push_back(to_string(key) + " keeps its name in the files: " + why + " (MG205)");
      }
    }
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

fs::path place(const OutputFile& file, const std::string& directory) { return (fs::path(directory) / file.name).lexically_normal(); }

// What people wrote is not overwritten unasked: whatever way the two paths lead to one file. Errors: each such file, one a line.
Result<Unit> check_sources(const Output& output, const std::string& directory) {
  std::string errors;
  for (const OutputFile& file : output.files) {
    const fs::path path = place(file, directory);
    const bool taken = std::any_of(output.files.begin(), output.files.end(), [&path](const OutputFile& read) {
      std::error_code absent;
      return !read.source.empty() && read.source != "-" && fs::equivalent(read.source, path, absent);
    });
    if (taken) errors += path.string() + " is a file of -f and would be overwritten\n";
  }
  if (errors.empty()) return Unit{};
  return fail(errors + "nothing was written: name another directory with --output-dir, or overwrite the files of -f with --force");
}

Result<Unit> write_tree(const Output& output, const std::string& directory, bool force, const Terminal& terminal) {
  if (Result<Unit> ok = check_names(output); !ok) return ok;
  if (Result<Unit> ok = force ? Unit{} : check_sources(output, directory); !ok) return ok;
  for (const OutputFile& file : output.files) {
    const fs::path path = place(file, directory);
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
  if (replace_selectors(source->world, source->settings, sheets, renamed)) {
    source = load_documents(sheets.documents(), options);
    if (!source) return fail(source.error().text);
  }
  const Foreseen end = foresee(source->world, source->settings);
  for (const Foreseen::Step& step : end.steps) {
    if (!sheets.carry_out(step.change)) {
      return fail("cannot carry out on its document: " + std::string(to_string(step.change.verb)) + ' ' + to_string(step.change.target) + ", " + step.change.why);
    }
  }
  label_namespaces(options, sheets);
  Output output = sheets.take();
  output.notes = std::move(renamed);
  for (const Finding& one : source->refused) output.notes.push_back("an API server would refuse " + one.text);
  const auto labelled = [](const auto& one) { return one.second.ns->meta.labels.contains(keys::kApp) || one.second.ns->meta.labels.contains(keys::kGateway); };
  const auto& namespaces = source->world.namespaces;
  if (!output.changed && std::none_of(namespaces.begin(), namespaces.end(), labelled)) {
    output.notes.push_back("no namespace carries the label " + std::string(keys::kApp) + " or " + std::string(keys::kGateway) +
                           ", so the documents are as they were: give --app NAME, --gateway ingress-nginx");
  }
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
  } else if (Result<Unit> ok = write_tree(*output, options.output_directory, options.force, terminal); !ok) {
    return print_error(ok.error().text, terminal);
  }
  return output->changed ? 2 : 0;
}

}  // namespace meshgraft
