#include "cmd/option_values.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "reconcilers/keys.h"
#include "reconcilers/options.h"

namespace meshgraft {
namespace {

constexpr std::string_view kPrefix = "meshgraft.io/";

// The keys that people set on a Namespace (contract, section 1).
constexpr std::array kNamespaceKeys{keys::kApp,    keys::kGateway,          keys::kPolicy,        keys::kVersion,     keys::kInject,
                                    keys::kNaming, keys::kManifestsUpdated, keys::kAcceptOutage, keys::kMaxRollouts, keys::kPaused};

// The complete key of "policy" or "meshgraft.io/policy"; "" when no such key exists.
std::string_view namespace_key(std::string_view word) {
  for (const std::string_view key : kNamespaceKeys) {
    if (word == key || word == key.substr(kPrefix.size())) return key;
  }
  return {};
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Splits at commas that stand outside parentheses.
std::vector<std::string_view> clauses(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      if (!trimmed(text.substr(start, i - start)).empty()) parts.push_back(trimmed(text.substr(start, i - start)));
      start = i + 1;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')') {
      --depth;
    }
  }
  return parts;
}

// "key in (a,b)" and "key notin (a,b)".
Result<Requirement> read_set(std::string_view clause) {
  const std::size_t open = clause.find('(');
  const std::string_view head = trimmed(clause.substr(0, open));
  const std::size_t space = head.find(' ');
  const std::string_view op = space == std::string_view::npos ? std::string_view{} : trimmed(head.substr(space));
  if (clause.back() != ')' || (op != "in" && op != "notin")) return fail("\"" + std::string(clause) + "\" is no clause of a label selector");
  Requirement requirement{std::string(head.substr(0, space)), op == "in" ? "In" : "NotIn", {}};
  for (const std::string_view value : clauses(clause.substr(open + 1, clause.size() - open - 2))) requirement.values.emplace_back(value);
  return requirement;
}

// DNS labels with single dots between them.
bool is_domain(std::string_view text) {
  while (!text.empty()) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    if (!is_dns_label(text.substr(0, dot))) return false;
    if (dot == text.size()) return true;
    text.remove_prefix(dot + 1);
  }
  return false;
}

bool is_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0) return false;
  int bits = -1;
  const std::string_view suffix = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(suffix.data(), suffix.data() + suffix.size(), bits);
  const bool six = text.find(':') != std::string_view::npos;
  if (error != std::errc{} || end != suffix.data() + suffix.size() || bits < 0 || bits > (six ? 128 : 32)) return false;
  const std::string_view address = text.substr(0, slash);
  if (six) return address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos;
  int numbers = 0;
  std::size_t start = 0;
  while (start <= address.size()) {
    const std::size_t dot = std::min(address.find('.', start), address.size());
    int number = -1;
    const char* first = address.data() + start;
    const char* last = address.data() + dot;
    const auto [stop, bad] = std::from_chars(first, last, number);
    if (bad != std::errc{} || stop != last || number < 0 || number > 255) return false;
    ++numbers;
    start = dot + 1;
  }
  return numbers == 4;
}

}  // namespace

Unexpected<Error> invalid_argument(std::string_view value, std::string_view flag, std::string_view why) {
  return fail("invalid argument \"" + std::string(value) + "\" for \"" + std::string(flag) + "\": " + std::string(why));
}

Result<Unit> one_of(std::string_view value, std::string_view flag, const std::vector<std::string_view>& choices) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return Unit{};
  std::vector<std::string_view> shown = choices;
  shown.erase(std::remove(shown.begin(), shown.end(), std::string_view{}), shown.end());
  if (shown.empty()) return invalid_argument(value, flag, "this command has a single form");
  if (value.empty()) return fail(std::string(flag) + " is missing: one of " + joined(shown));
  return invalid_argument(value, flag, "must be one of " + joined(shown));
}

Result<Unit> read_number(const std::string& text, std::string_view flag, int most, int& into) {
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, into);
  if (error == std::errc{} && end == last && into >= 1 && into <= most) return Unit{};
  return invalid_argument(text, flag, "must be a number from 1 to " + std::to_string(most));
}

std::vector<std::string_view> output_forms(Command command) {
  switch (command) {
    case Command::plan:
      return {"", "text", "json", "yaml", "manifests"};
    case Command::status:
    case Command::undo:
    case Command::release:
      return {"", "text", "json", "yaml"};
    case Command::check:
    case Command::version:
      return {"", "text", "json"};
    case Command::run:
    case Command::reference:
    case Command::completion:
      break;
  }
  return {""};
}

Assumption read_label(std::string_view text, std::string_view key) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {"", std::string(key), std::string(text), true};
  return {std::string(text.substr(0, equals)), std::string(key), std::string(text.substr(equals + 1)), true};
}

Result<Assumption> read_assumption(std::string_view text) {
  const std::size_t first = text.find('=');
  if (first == std::string_view::npos) return fail("must be KEY=VALUE or NAMESPACE=KEY=VALUE");
  const std::size_t second = text.find('=', first + 1);
  std::string_view ns;
  std::string_view rest = text;
  if (second != std::string_view::npos && !namespace_key(text.substr(first + 1, second - first - 1)).empty()) {
    ns = text.substr(0, first);
    rest = text.substr(first + 1);
  }
  const std::size_t equals = rest.find('=');
  const std::string_view key = namespace_key(rest.substr(0, equals));
  if (key.empty()) {
    return fail("a namespace has no such key; known are " + joined({kNamespaceKeys.begin(), kNamespaceKeys.end()}));
  }
  return Assumption{std::string(ns), std::string(key), std::string(rest.substr(equals + 1)), key == keys::kApp || key == keys::kGateway};
}

Result<Unit> check_assumption(const Assumption& assumption, std::string_view flag, std::string_view text) {
  Namespace ns;
  ns.meta.name = "default";
  ns.meta.labels.insert_or_assign(std::string(keys::kApp), "app");  // without a label the other keys are not read
  (assumption.label ? ns.meta.labels : ns.meta.annotations).insert_or_assign(assumption.key, assumption.value);
  constexpr std::string_view kAllowed = "; allowed: ";
  for (const Finding& finding : read_options(ns, Settings{}).findings) {
    const std::size_t at = finding.text.find(kAllowed);
    if (finding.code != "MG101" || at == std::string::npos) continue;
    return invalid_argument(text, flag, assumption.key + " must be " + finding.text.substr(at + kAllowed.size()));
  }
  return Unit{};
}

Result<LabelSelector> read_selector(std::string_view text) {
  LabelSelector selector;
  for (const std::string_view clause : clauses(text)) {
    if (clause.find('(') != std::string_view::npos) {
      Result<Requirement> requirement = read_set(clause);
      if (!requirement) return fail(requirement.error().text);
      selector.expressions.push_back(std::move(*requirement));
      continue;
    }
    const std::size_t equals = clause.find('=');
    if (equals == std::string_view::npos) {
      const bool absent = clause.front() == '!';
      selector.expressions.push_back({std::string(clause.substr(absent ? 1 : 0)), absent ? "DoesNotExist" : "Exists", {}});
      continue;
    }
    const bool differs = equals > 0 && clause[equals - 1] == '!';
    const std::string_view key = trimmed(clause.substr(0, differs ? equals - 1 : equals));
    std::string_view value = clause.substr(equals + 1);
    if (value.starts_with('=')) value.remove_prefix(1);
    if (key.empty()) return fail("\"" + std::string(clause) + "\" is no clause of a label selector");
    if (differs) {
      selector.expressions.push_back({std::string(key), "NotIn", {std::string(trimmed(value))}});
    } else {
      selector.match_labels.insert_or_assign(std::string(key), std::string(trimmed(value)));
    }
  }
  return selector;
}

Result<Unit> read_settings(const SettingWords& words, Settings& settings) {
  if (Result<Unit> ok = one_of(words.default_policy, "--default-policy", {"observe", "join", "replace"}); !ok) return ok;
  settings.default_policy = words.default_policy == "observe" ? Policy::observe : words.default_policy == "join" ? Policy::join : Policy::replace;

  if (Result<Unit> ok = read_number(words.max_rollouts, "--max-rollouts", 1000, settings.max_rollouts); !ok) return ok;

  if (Result<Unit> ok = one_of(words.client_ip, "--client-ip-mode", {"envoyFilter", "meshWide", "bypass", "off"}); !ok) return ok;
  settings.client_ip = words.client_ip == "envoyFilter" ? ClientIpMode::envoy_filter
                       : words.client_ip == "meshWide"  ? ClientIpMode::mesh_wide
                       : words.client_ip == "bypass"    ? ClientIpMode::bypass
                                                        : ClientIpMode::off;

  Result<LabelSelector> selector = read_selector(words.namespace_selector);
  if (!selector) return invalid_argument(words.namespace_selector, "--namespace-selector", selector.error().text);
  settings.namespace_selector = std::move(*selector);
  settings.gateway_namespaces = {words.gateway_namespaces.begin(), words.gateway_namespaces.end()};
  settings.nacos_namespaces = {words.nacos_namespaces.begin(), words.nacos_namespaces.end()};
  for (const std::string& cidr : words.trusted_proxies) {
    if (!is_cidr(cidr)) return invalid_argument(cidr, "--trusted-proxies", "must be a network such as 10.0.0.0/8");
  }
  settings.trusted_proxies = words.trusted_proxies;
  for (const auto& [value, flag] : {std::pair{&settings.mesh.revision, "--mesh-revision"}, std::pair{&settings.mesh.root_namespace, "--mesh-root-namespace"}}) {
    if (!value->empty() && !is_dns_label(*value)) return invalid_argument(*value, flag, "must be a name of a-z, 0-9 and -, at most 63 characters");
  }
  if (const std::string& domain = settings.mesh.cluster_domain; !domain.empty() && !is_domain(domain)) {
    return invalid_argument(domain, "--mesh-cluster-domain", "must be a domain such as cluster.local");
  }
  return Unit{};
}

}  // namespace meshgraft
