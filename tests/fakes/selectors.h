#pragma once
// Label and field selectors, as query text and as LabelSelector objects. Called by lists, watches, admission and
// the player. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/json.h"
#include "k8sclient/base/result.h"

namespace meshgraft::fakes {

struct Requirement {
  std::string key;
  enum Op { in, not_in, exists, does_not_exist } op = exists;
  std::vector<std::string> values;
};

class Selector {
 public:
  // "app=web,tier!=db,env in (a,b),!gone". Empty text selects everything.
  static Result<Selector> parse(std::string_view text);
  // A LabelSelector object; null selects nothing, {} everything.
  static Selector of(const Json& label_selector);

  [[nodiscard]] bool matches(const Json& labels) const;
  [[nodiscard]] bool everything() const { return !nothing_ && requirements_.empty(); }

 private:
  bool nothing_ = false;
  std::vector<Requirement> requirements_;
};

// "metadata.name=x,spec.nodeName!=y": any dotted path of scalars. Empty selects everything.
class FieldSelector {
 public:
  static Result<FieldSelector> parse(std::string_view text);
  [[nodiscard]] bool matches(const Json& object) const;

 private:
  struct Term {
    std::vector<std::string> path;
    bool equal = true;
    std::string value;
  };
  std::vector<Term> terms_;
};

// {} when the object has none.
const Json& labels_of(const Json& object);
const Json& annotations_of(const Json& object);

// Every pair of `selector` (a plain map) is in `labels`; an empty or missing selector matches nothing.
bool map_selects(const Json& selector, const Json& labels);

// The value at a dotted place, null when absent.
const Json& at(const Json& object, std::initializer_list<std::string_view> path);
// The same as text or number with a default.
std::string text_at(const Json& object, std::initializer_list<std::string_view> path, std::string_view otherwise = "");
std::int64_t number_at(const Json& object, std::initializer_list<std::string_view> path, std::int64_t otherwise = 0);

}  // namespace meshgraft::fakes
