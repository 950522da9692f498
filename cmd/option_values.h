#pragma once
// Reads the values of flags: choices, namespace keys, the chart's settings. Called by options.cc alone; every error
// is worded as kubectl words a bad flag.

#include <string>
#include <string_view>
#include <vector>

#include "cmd/options.h"

namespace meshgraft {

// `invalid argument "x" for "--flag": why`.
Unexpected<Error> invalid_argument(std::string_view value, std::string_view flag, std::string_view why);

// Whether `value` is one of `choices`; the error lists them.
Result<Unit> one_of(std::string_view value, std::string_view flag, const std::vector<std::string_view>& choices);

// A whole number from 1 to `most`.
Result<Unit> read_number(const std::string& text, std::string_view flag, int most, int& into);

// The forms of --output that a command knows, "" (its default) among them.
std::vector<std::string_view> output_forms(Command command);

// "[NS=]NAME" of --app and --gateway.
Assumption read_label(std::string_view text, std::string_view key);

// Whether the value of an assumed key is allowed, as the controller judges it; the error says what is. `flag` and
// `text`: what the user wrote.
Result<Unit> check_assumption(const Assumption& assumption, std::string_view flag, std::string_view text);

// The chart's values as written.
struct SettingWords {
  const std::string& default_policy;
  const std::string& max_rollouts;
  const std::string& client_ip;
  const std::string& namespace_selector;
  const std::vector<std::string>& gateway_namespaces;
  const std::vector<std::string>& nacos_namespaces;
  const std::vector<std::string>& trusted_proxies;
};
Result<Unit> read_settings(const SettingWords& words, Settings& settings);

// "a=b,c!=d,e,!f" as kubectl's -l takes it, and "g in (h,i)", "g notin (h)".
Result<LabelSelector> read_selector(std::string_view text);

}  // namespace meshgraft
