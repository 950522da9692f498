#include "reconcilers/misplaced_keys.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

constexpr std::string_view kPrefix = "meshgraft.io/";

// Kinds of objects, as bits.
constexpr unsigned kNamespace = 1, kDeployment = 2, kStatefulSet = 4, kDaemonSet = 8, kService = 16, kIngress = 32, kOther = 64;
constexpr unsigned kMembers = kDeployment | kStatefulSet;
constexpr unsigned kWorkloads = kMembers | kDaemonSet;
constexpr unsigned kAnyMember = ~kNamespace;

struct Place {
  std::string_view key;
  unsigned on;
  bool label = false;
};

// docs/keys.md as bits; a test holds the two together.
constexpr std::array kPlaces{Place{keys::kApp, kNamespace, true},
                             Place{keys::kGateway, kNamespace, true},
                             Place{keys::kPolicy, kNamespace},
                             Place{keys::kVersion, kNamespace | kMembers},
                             Place{keys::kInject, kNamespace | kMembers},
                             Place{keys::kService, kMembers},
                             Place{keys::kProtocolPrefix, kService},
                             Place{keys::kExclude, kAnyMember},
                             Place{keys::kReplace, kDeployment},
                             Place{keys::kManifestsUpdated, kNamespace | kDeployment},
                             Place{keys::kNaming, kNamespace},
                             Place{keys::kAcceptOutage, kNamespace | kWorkloads},
                             Place{keys::kSplitIngress, kIngress},
                             Place{keys::kRewriteRedirects, kIngress},
                             Place{keys::kMaxRollouts, kNamespace},
                             Place{keys::kPaused, kNamespace},
                             Place{keys::kRetry, kWorkloads | kOther},
                             Place{keys::kPromote, kOther},
                             Place{keys::kAbort, kOther},
                             Place{keys::kUndo, ~0U},
                             Place{keys::kHeld, kWorkloads | kOther},
                             Place{keys::kSplitFrom, kIngress},
                             Place{keys::kRecord, kOther, true},
                             Place{keys::kTouchedAt, kOther},
                             Place{keys::kStatus, kNamespace}};

unsigned bit_of(Kind kind) {
  switch (kind) {
    case Kind::namespace_: return kNamespace;
    case Kind::deployment: return kDeployment;
    case Kind::stateful_set: return kStatefulSet;
    case Kind::daemon_set: return kDaemonSet;
    case Kind::service: return kService;
    case Kind::ingress: return kIngress;
    default: return kOther;
  }
}

const Place* place_of(std::string_view key) {
  for (const Place& place : kPlaces) {
    if (place.key == key) return &place;
    if (place.key != keys::kProtocolPrefix || !key.starts_with(place.key)) continue;
    const std::string_view port = key.substr(place.key.size());
    if (!port.empty() && port.find_first_not_of("0123456789") == std::string_view::npos) return &place;
  }
  return nullptr;
}

// How many letters have to be changed, added or left out.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

// The key that was meant; nullptr when none is within two letters.
const Place* nearest(std::string_view key) {
  constexpr std::size_t kSlip = 2;
  const Place* best = nullptr;
  std::size_t least = kSlip + 1;
  for (const Place& place : kPlaces) {
    const std::size_t letters = distance(key, place.key);
    if (letters >= least) continue;
    least = letters;
    best = &place;
  }
  return best;
}

// The kind of a key that stands on one of the kinds for which there is no bit.
std::string_view other_kind(std::string_view key) {
  if (key == keys::kPromote || key == keys::kAbort) return "Strategy";
  if (key == keys::kTouchedAt) return "Application";
  return key == keys::kRecord ? "ControllerRevision" : "objects of other kinds";
}

std::string kinds_of(const Place& place) {
  constexpr std::array<std::pair<unsigned, std::string_view>, 6> kNames{
      {{kNamespace, "Namespace"}, {kDeployment, "Deployment"}, {kStatefulSet, "StatefulSet"}, {kDaemonSet, "DaemonSet"}, {kService, "Service"}, {kIngress, "Ingress"}}};
  if (place.on == kAnyMember) return "members";
  std::string text;
  for (const auto& [bit, name] : kNames) {
    if ((place.on & bit) != 0) text += (text.empty() ? "" : ", ") + std::string(name);
  }
  return text.empty() ? std::string(other_kind(place.key)) : text;
}

// One word of a POSIX shell, whatever is in it.
std::string shell_word(const std::string& text) {
  constexpr std::string_view kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:=,@%+";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string word = "'";
  for (const char letter : text) {
    if (letter == '\'') {
      word += "'\\''";
    } else {
      word += letter;
    }
  }
  return word + "'";
}

// "deployment web -n shop", as kubectl takes it.
std::string for_kubectl(const Object& object) {
  std::string text;
  for (const char letter : info(object.kind).name) text += static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter);
  text += ' ' + object.meta.name;
  return object.meta.ns.empty() || object.kind == Kind::namespace_ ? text : text + " -n " + object.meta.ns;
}

struct Found {
  std::string_view key, value;
  bool label, in_template;
};

std::optional<Finding> judge(const Object& object, const Found& found) {
  const Place* place = place_of(found.key);
  const std::string key(found.key);
  const std::string written = (found.label ? "label " : "annotation ") + key;
  if (place == nullptr) {
    const Place* meant = nearest(found.key);
    const std::string known = meant == nullptr ? "" : "; meant is " + std::string(meant->key) + "?";
    return finding("MG115", object.key(), written + " is no key of meshgraft" + known);
  }
  const unsigned kind = bit_of(object.kind);
  if ((place->on & kind) == 0) {
    const bool strategy = other_kind(place->key) == "Strategy" && !object.meta.ns.empty();
    return finding("MG115", object.key(), written + " means nothing on a " + std::string(info(object.kind).name) + "; it is read on: " + kinds_of(*place),
                   strategy ? "kubectl annotate strategies.servicemesh.kubesphere.io NAME -n " + object.meta.ns + ' ' + shell_word(key + '=' + std::string(found.value)) : "");
  }
  if (!found.in_template && found.label == place->label) return std::nullopt;
  const std::string set = std::string("kubectl ") + (place->label ? "label " : "annotate ") + for_kubectl(object) + ' ' + shell_word(key + '=' + std::string(found.value));
  if (found.in_template) {
    return finding("MG115", object.key(), written + " of the pod template is not read: it belongs on the " + std::string(info(object.kind).name) + " itself",
                   set + ", and take it out of the template");
  }
  return finding("MG115", object.key(), written + " is not read: it has to be " + (place->label ? "a label" : "an annotation"),
                 set + ", then: kubectl " + (found.label ? "label " : "annotate ") + for_kubectl(object) + ' ' + shell_word(key + '-'));
}

void look_at(const Object& object, const Labels& list, bool label, bool in_template, std::vector<Finding>& findings) {
  for (auto at = list.begin(); at != list.end(); ++at) {
    // Short keys lie in the entry itself: the size tells that they are none of ours before a byte is read.
    if (at->first.size() <= kPrefix.size() || !at->first.starts_with(kPrefix)) continue;
    if (!label && !in_template && at->first == keys::kUndo) continue;  // on every object of a joined namespace
    if (std::optional<Finding> one = judge(object, {at->first, at->second, label, in_template})) findings.push_back(*std::move(one));
  }
}

void look_at(const Object& object, std::vector<Finding>& findings) {
  if (object.meta.deleting) return;
  look_at(object, object.meta.labels, true, false, findings);
  look_at(object, object.meta.annotations, false, false, findings);
  const Workload* workload = as<Workload>(&object);
  if (workload == nullptr) return;
  look_at(object, workload->pod.labels, true, true, findings);
  look_at(object, workload->pod.annotations, false, true, findings);
}

}  // namespace

bool is_known_key(std::string_view key) { return place_of(key) != nullptr; }

std::vector<Finding> misplaced_keys(const Namespace& ns) {
  std::vector<Finding> findings;
  look_at(ns, findings);
  return findings;
}

Decision desired_key_places(const Context& context) {
  Decision decision;
  decision.findings = misplaced_keys(*context.view.ns);
  for (const auto& workload : context.view.workloads) look_at(*workload, decision.findings);
  for (const auto& service : context.view.services) look_at(*service, decision.findings);
  for (const auto& ingress : context.view.ingresses) look_at(*ingress, decision.findings);
  return decision;
}

}  // namespace meshgraft
