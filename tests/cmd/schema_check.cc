#include "tests/cmd/schema_check.h"

#include <algorithm>
#include <regex>

namespace meshgraft::test {
namespace {

class Check {
 public:
  explicit Check(const Json& schema) : root_(schema) {}

  void node(const Json& value, const Json& rule, const std::string& path) {
    if (const auto ref = rule.find("$ref"); ref != rule.end()) {
      const std::string name = ref->get<std::string>();  // "#/$defs/x"
      return node(value, root_["$defs"].at(name.substr(name.rfind('/') + 1)), path);
    }
    if (const auto type = rule.find("type"); type != rule.end() && !is(value, *type)) return say(path, "is no " + type->dump());
    if (const auto list = rule.find("enum"); list != rule.end() && std::find(list->begin(), list->end(), value) == list->end()) say(path, value.dump() + " is none of the enum");
    if (const auto only = rule.find("const"); only != rule.end() && *only != value) say(path, "is not " + only->dump());
    if (const auto least = rule.find("minimum"); least != rule.end() && value < *least) say(path, "is below the minimum");
    if (const auto pattern = rule.find("pattern"); pattern != rule.end() && !std::regex_search(value.get<std::string>(), std::regex(pattern->get<std::string>()))) say(path, "does not match the pattern");
    if (const auto items = rule.find("items"); items != rule.end() && value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) node(value[i], *items, path + "/" + std::to_string(i));
    }
    if (const auto properties = rule.find("properties"); properties != rule.end() && value.is_object()) members(value, rule, *properties, path);
  }

  std::vector<std::string> found;

 private:
  void say(const std::string& path, const std::string& what) { found.push_back(path + ": " + what); }

  void members(const Json& value, const Json& rule, const Json& properties, const std::string& path) {
    for (const Json& name : rule.value("required", Json::array())) {
      if (!value.contains(name.get<std::string>())) say(path, "lacks " + name.get<std::string>());
    }
    for (const auto& [name, member] : value.items()) {
      const auto known = properties.find(name);
      if (known == properties.end()) {
        say(path + "/" + name, "is not described");
      } else {
        node(member, *known, path + "/" + name);
      }
    }
  }

  static bool is(const Json& value, const Json& type) {
    if (type.is_array()) return std::any_of(type.begin(), type.end(), [&value](const Json& one) { return is(value, one); });
    const std::string name = type.get<std::string>();
    return (name == "object" && value.is_object()) || (name == "array" && value.is_array()) || (name == "string" && value.is_string()) ||
           (name == "integer" && value.is_number_integer()) || (name == "boolean" && value.is_boolean()) || (name == "null" && value.is_null());
  }

  const Json& root_;
};

}  // namespace

std::vector<std::string> violations(const Json& document, const Json& schema) {
  Check check(schema);
  check.node(document, schema, "");
  return check.found;
}

}  // namespace meshgraft::test
