#include "k8sclient/model/objects.h"

#include <algorithm>

namespace meshgraft {
namespace {

// | op           | key absent | key present          |
// | In           | no         | value is listed      |
// | NotIn        | yes        | value is not listed  |
// | Exists       | no         | yes                  |
// | DoesNotExist | yes        | no                   |
// | anything else| no         | no (the server refuses such a selector) |
bool holds(const Requirement& clause, const Labels& labels) {
  const Labels::const_iterator found = labels.find(clause.key);
  const bool present = found != labels.end();
  const bool listed =
      present && std::find(clause.values.begin(), clause.values.end(), found->second) != clause.values.end();
  if (clause.op == "In") return listed;
  if (clause.op == "NotIn") return !listed;
  if (clause.op == "Exists") return present;
  if (clause.op == "DoesNotExist") return !present;
  return false;
}

}  // namespace

bool LabelSelector::matches(const Labels& labels) const {
  return is_subset(match_labels, labels) &&
         std::all_of(expressions.begin(), expressions.end(),
                     [&labels](const Requirement& clause) { return holds(clause, labels); });
}

bool is_subset(const Labels& selector, const Labels& labels) {
  return std::all_of(selector.begin(), selector.end(), [&labels](const Labels::value_type& pair) {
    const Labels::const_iterator found = labels.find(pair.first);
    return found != labels.end() && found->second == pair.second;
  });
}

}  // namespace meshgraft
