// plan -o manifests over every golden case: the documents that come out differ from those that went in by what the plan
// names and by nothing else, and a plan of them is empty.

#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "cmd/render_manifests.h"
#include "cmd/source.h"
#include "k8sclient/model/yaml_read.h"
#include "reconcilers/keys.h"
#include "tests/golden/case_files.h"

namespace meshgraft {
namespace {

namespace fs = std::filesystem;

// What a Deployment that is created again may have otherwise than before.
const std::vector<std::string> kCreatedAgain{"metadata.labels", "metadata.annotations", "spec.selector", "spec.template.metadata.labels", "spec.template.metadata.annotations",
                                             "metadata.uid", "metadata.generation", "status"};

// A field's path as changes name it ("metadata.labels[a.b/c]", "spec.ports[80/TCP].name", "spec.rules[0].http") in
// steps; what stands in brackets is one step.
std::vector<std::string> steps_of(std::string_view path) {
  std::vector<std::string> steps;
  while (!path.empty()) {
    const bool bracket = path.front() == '[';
    if (bracket || path.front() == '.') path.remove_prefix(1);
    const std::size_t end = std::min(bracket ? path.find(']') : path.find_first_of(".["), path.size());
    steps.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + (bracket ? 1 : 0), path.size()));
  }
  return steps;
}

Json* item_of(Json& list, const std::string& key) {
  const std::size_t slash = key.find('/');
  for (std::size_t i = 0; i < list.size(); ++i) {
    Json& item = list[i];
    if (key == std::to_string(i) && slash == std::string::npos) return &item;
    if (!item.is_object()) continue;
    if (item.contains("name") && item["name"] == key) return &item;
    for (const char* name : {"port", "containerPort"}) {
      if (slash == std::string::npos || !item.contains(name) || item[name].dump() != key.substr(0, slash)) continue;
      if (item.value("protocol", "TCP") == key.substr(slash + 1)) return &item;
    }
  }
  return nullptr;
}

// Takes the field at `path` out of `document`, as if nobody had ever written it.
void blank(Json& document, const std::string& path) {
  const std::vector<std::string> steps = steps_of(path);
  Json* at = &document;
  for (std::size_t i = 0; i + 1 < steps.size() && at != nullptr; ++i) {
    if (at->is_array()) {
      at = item_of(*at, steps[i]);
    } else {
      at = at->is_object() && at->contains(steps[i]) ? &(*at)[steps[i]] : nullptr;
    }
  }
  if (at != nullptr && at->is_object()) at->erase(steps.back());
}

// Takes what a JSON Patch names out of `document`.
void blank_pointer(Json& document, const std::string& pointer) {
  const Json::json_pointer at(pointer);
  if (at.empty() || !document.contains(at.parent_pointer())) return;
  Json& parent = document[at.parent_pointer()];
  if (parent.is_object()) parent.erase(at.back());
}

// Takes the leaves of a merge patch out of `document`.
void blank_patch(Json& document, const Json& patch) {
  if (!document.is_object() || !patch.is_object()) return;
  for (const auto& [key, value] : patch.items()) {
    if (!value.is_object()) {
      document.erase(key);
    } else if (document.contains(key)) {
      blank_patch(document[key], value);
    }
  }
}

// Without nulls and empty maps: a map that only we filled is empty again once our fields are blanked.
void prune(Json& value) {
  if (!value.is_structured()) return;
  if (value.is_array()) {
    for (Json& item : value) prune(item);
    return;
  }
  for (auto it = value.begin(); it != value.end();) {
    prune(*it);
    it = it->is_null() || (it->is_object() && it->empty()) ? value.erase(it) : std::next(it);
  }
}

class Manifests : public testing::TestWithParam<std::string> {};

TEST_P(Manifests, hold_what_the_plan_names_and_nothing_else) {
  fs::current_path(golden_root() / GetParam());
  const std::vector<std::string> flags = flags_of(".");
  const Parsed parsed = parse_options(flags);
  if (!parsed.options) return;  // a case about flags
  Options options = *parsed.options;
  std::istringstream in;
  const Result<std::vector<ManifestFile>> files = read_files(options.files, in);
  const Result<std::vector<Document>> before = files ? read_documents(*files, default_namespace(options)) : fail("");
  if (!before) return;  // a case about unreadable input
  Result<Source> source = load_documents(*before, options);
  if (!source) return;  // likewise
  const Foreseen plan = foresee(source->world, options.settings);

  const Result<Output> output = manifests_at_the_end(*files, options);
  ASSERT_TRUE(output) << output.error().text;
  std::vector<ManifestFile> written;
  for (const OutputFile& file : output->files) written.push_back({file.name, file.name, file.text});
  const Result<std::vector<Document>> after = read_documents(written, default_namespace(options));
  ASSERT_TRUE(after) << after.error().text;

  const bool versioned = std::any_of(options.assumptions.begin(), options.assumptions.end(), [](const Assumption& one) { return one.value == "versioned"; });
  std::map<ObjectKey, std::set<std::string>> touched;
  std::map<ObjectKey, std::vector<const Change*>> patches;
  std::set<ObjectKey> gone;
  for (const Foreseen::Step& step : plan.steps) {
    std::set<std::string>& paths = touched[step.change.target];
    paths.insert(step.change.adds.begin(), step.change.adds.end());
    for (const Overwrite& overwrite : step.change.overwrites) paths.insert(overwrite.path);
    // `type` says which member of the union is meant: one decision.
    for (const char* strategy : {"spec.strategy", "spec.updateStrategy"}) {
      if (paths.contains(std::string(strategy) + ".rollingUpdate")) paths.insert(std::string(strategy) + ".type");
    }
    // In files the one of the former name becomes the new one.
    const bool renamed = versioned && step.change.verb == Verb::remove && step.change.target.kind == Kind::deployment;
    if (renamed) paths.insert(kCreatedAgain.begin(), kCreatedAgain.end());
    if (step.change.verb == Verb::remove && !renamed) gone.insert(step.change.target);
    if (step.change.verb == Verb::create) gone.erase(step.change.target);
    // A Deployment that is created again, and our own EnvoyFilter: whole objects, named by no path.
    if (step.change.verb == Verb::create || step.change.verb == Verb::orphan) paths.insert(kCreatedAgain.begin(), kCreatedAgain.end());
    if (step.change.target.kind == Kind::envoy_filter) paths.insert("spec");
    if (step.change.verb == Verb::edit || step.change.verb == Verb::restore) patches[step.change.target].push_back(&step.change);
  }
  const bool replaces = options.settings.default_policy == Policy::replace ||
                        std::any_of(before->begin(), before->end(), [](const Document& one) {
                          const Labels& keys = one.object->meta.annotations;
                          return keys.contains(keys::kReplace) || (keys.contains(keys::kPolicy) && keys.find(keys::kPolicy)->second == "replace");
                        }) ||
                        std::any_of(options.assumptions.begin(), options.assumptions.end(), [](const Assumption& one) { return one.value == "replace"; });
  std::size_t at = 0;
  for (const Document& document : *before) {
    const bool known = document.object->kind != Kind::other;
    if (known && gone.contains(document.object->key())) continue;
    ASSERT_LT(at, after->size()) << "a document is lost";
    Json was = Json(document.json);
    Json is = Json((*after)[at++].json);
    if (known) {
      // Of a dump; what it says is shown by the plan of the result, which is empty.
      if (touched.contains(document.object->key())) {
        for (Json* one : {&was, &is}) blank(*one, "metadata.annotations[" + std::string(keys::kUndo) + "]");
      }
      for (const std::string& path : touched[document.object->key()]) {
        blank(was, path);
        blank(is, path);
      }
      for (const Change* change : patches[document.object->key()]) {
        for (Json* one : {&was, &is}) {
          if (change->verb == Verb::restore && change->body.is_object()) {
            blank_patch(*one, change->body);
            continue;
          }
          for (const Json& operation : change->body) {
            if (operation.value("op", "") != "test") blank_pointer(*one, operation.value("path", ""));
          }
        }
      }
      if (versioned && document.object->kind == Kind::autoscaler) {
        for (Json* one : {&was, &is}) blank(*one, "spec.scaleTargetRef.name");
      }
      if (replaces && document.object->kind == Kind::deployment) {
        for (Json* one : {&was, &is}) {
          if (versioned) blank(*one, "metadata.name");
          blank(*one, "spec.selector");
          blank(*one, "spec.template.metadata.labels");
        }
      }
      for (const Assumption& assumption : options.assumptions) {
        if (document.object->kind != Kind::namespace_) continue;
        for (Json* one : {&was, &is}) blank(*one, (assumption.label ? "metadata.labels[" : "metadata.annotations[") + assumption.key + "]");
      }
    }
    prune(was);
    prune(is);
    EXPECT_EQ(was, is) << to_string(document.object->key());
  }

  Result<Source> again = load_documents(*after, options);
  ASSERT_TRUE(again) << again.error().text;
  for (const Foreseen::Step& step : foresee(again->world, options.settings).steps) {
    // The record before a template that is held: files have none.
    if (step.change.adds.empty() && step.change.overwrites.empty() && step.change.verb == Verb::apply) continue;
    ADD_FAILURE() << "a plan of the manifests still wants to " << to_string(step.change.verb) << ' ' << to_string(step.change.target) << " ("
                  << to_string(step.change.stage) << "): " << step.change.why << '\n'
                  << to_text(step.change.body, 2);
  }
}

std::string test_name(const testing::TestParamInfo<std::string>& info) { return test_name_of(info.param); }

INSTANTIATE_TEST_SUITE_P(Plan, Manifests, testing::ValuesIn(golden_cases()), test_name);

}  // namespace
}  // namespace meshgraft
