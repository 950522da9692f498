#include "tests/fakes/selectors.h"

#include <algorithm>

namespace meshgraft::fakes {
namespace {

const Json& null_json() {
  static const Json value;
  return value;
}

const Json& empty_object() {
  static const Json value = Json::object();
  return value;
}

std::string trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return std::string(text);
}

// Splits at commas outside parentheses.
std::vector<std::string> terms_of(std::string_view text) {
  std::vector<std::string> terms;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '(') ++depth;
    if (i < text.size() && text[i] == ')') --depth;
    if (i == text.size() || (text[i] == ',' && depth == 0)) {
      if (std::string term = trimmed(text.substr(start, i - start)); !term.empty()) terms.push_back(std::move(term));
      start = i + 1;
    }
  }
  return terms;
}

Result<Requirement> requirement_of(const std::string& term) {
  const auto bad = [&] { return fail("unable to parse requirement: \"" + term + "\""); };
  if (term.front() == '!')
    return Requirement{trimmed(std::string_view(term).substr(1)), Requirement::does_not_exist, {}};
  if (const auto open = term.find('('); open != std::string::npos) {
    if (term.back() != ')') return bad();
    const std::string head = trimmed(std::string_view(term).substr(0, open));
    const auto space = head.rfind(' ');
    if (space == std::string::npos) return bad();
    const std::string op = head.substr(space + 1);
    if (op != "in" && op != "notin") return bad();
    return Requirement{trimmed(head.substr(0, space)), op == "in" ? Requirement::in : Requirement::not_in,
                       terms_of(std::string_view(term).substr(open + 1, term.size() - open - 2))};
  }
  const auto equals = term.find('=');
  if (equals == std::string::npos) return Requirement{term, Requirement::exists, {}};
  const bool negative = equals > 0 && term[equals - 1] == '!';
  const auto value = term.find_first_not_of('=', equals);
  return Requirement{trimmed(std::string_view(term).substr(0, negative ? equals - 1 : equals)),
                     negative ? Requirement::not_in : Requirement::in,
                     {value == std::string::npos ? "" : trimmed(std::string_view(term).substr(value))}};
}

std::string printed(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : to_text(value);
}

}  // namespace

Result<Selector> Selector::parse(std::string_view text) {
  Selector selector;
  for (const std::string& term : terms_of(text)) {
    Result<Requirement> one = requirement_of(term);
    if (!one) return Unexpected<Error>(one.error());
    selector.requirements_.push_back(std::move(*one));
  }
  return selector;
}

Selector Selector::of(const Json& label_selector) {
  Selector selector;
  if (!label_selector.is_object()) {
    selector.nothing_ = true;
    return selector;
  }
  for (const auto& [key, value] : at(label_selector, {"matchLabels"}).items()) {
    selector.requirements_.push_back({key, Requirement::in, {printed(value)}});
  }
  for (const Json& one : at(label_selector, {"matchExpressions"})) {
    const std::string op = text_at(one, {"operator"});
    Requirement requirement{text_at(one, {"key"}), Requirement::exists, {}};
    requirement.op = op == "In"             ? Requirement::in
                     : op == "NotIn"        ? Requirement::not_in
                     : op == "DoesNotExist" ? Requirement::does_not_exist
                                            : Requirement::exists;
    for (const Json& value : at(one, {"values"})) requirement.values.push_back(printed(value));
    selector.requirements_.push_back(std::move(requirement));
  }
  return selector;
}

bool Selector::matches(const Json& labels) const {
  if (nothing_) return false;
  return std::all_of(requirements_.begin(), requirements_.end(), [&labels](const Requirement& one) {
    const Json& value = at(labels, {one.key});
    const bool listed =
        !value.is_null() && std::find(one.values.begin(), one.values.end(), printed(value)) != one.values.end();
    switch (one.op) {
      case Requirement::in:
        return listed;
      case Requirement::not_in:
        return !listed;
      case Requirement::exists:
        return !value.is_null();
      case Requirement::does_not_exist:
        return value.is_null();
    }
    return false;
  });
}

Result<FieldSelector> FieldSelector::parse(std::string_view text) {
  FieldSelector selector;
  for (const std::string& term : terms_of(text)) {
    const auto equals = term.find('=');
    if (equals == std::string::npos || equals == 0) return fail("invalid field selector: \"" + term + "\"");
    const bool negative = term[equals - 1] == '!';
    Term one;
    one.equal = !negative;
    std::string path = term.substr(0, negative ? equals - 1 : equals);
    for (std::size_t start = 0; start <= path.size();) {
      const auto dot = std::min(path.find('.', start), path.size());
      one.path.push_back(path.substr(start, dot - start));
      start = dot + 1;
    }
    const auto value = term.find_first_not_of('=', equals);
    if (value != std::string::npos) one.value = term.substr(value);
    selector.terms_.push_back(std::move(one));
  }
  return selector;
}

bool FieldSelector::matches(const Json& object) const {
  return std::all_of(terms_.begin(), terms_.end(), [&object](const Term& term) {
    const Json* here = &object;
    for (const std::string& name : term.path) here = &at(*here, {name});
    return (printed(*here) == term.value) == term.equal;
  });
}

const Json& labels_of(const Json& object) {
  const Json& found = at(object, {"metadata", "labels"});
  return found.is_object() ? found : empty_object();
}

const Json& annotations_of(const Json& object) {
  const Json& found = at(object, {"metadata", "annotations"});
  return found.is_object() ? found : empty_object();
}

bool map_selects(const Json& selector, const Json& labels) {
  if (!selector.is_object() || selector.empty()) return false;
  for (const auto& [key, value] : selector.items()) {
    if (at(labels, {key}) != value) return false;
  }
  return true;
}

const Json& at(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* here = &object;
  for (std::string_view name : path) {
    if (!here->is_object()) return null_json();
    auto it = here->find(name);
    if (it == here->end()) return null_json();
    here = &*it;
  }
  return *here;
}

std::string text_at(const Json& object, std::initializer_list<std::string_view> path, std::string_view otherwise) {
  const Json& value = at(object, path);
  return value.is_string() ? value.get<std::string>() : std::string(otherwise);
}

std::int64_t number_at(const Json& object, std::initializer_list<std::string_view> path, std::int64_t otherwise) {
  const Json& value = at(object, path);
  return value.is_number_integer() ? value.get<std::int64_t>() : otherwise;
}

}  // namespace meshgraft::fakes
