#include "reconcilers/options.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "reconcilers/findings.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

const std::string* value_of(const Labels& labels, std::string_view key) {
  const Labels::const_iterator found = labels.find(key);
  return found == labels.end() ? nullptr : &found->second;
}

// Reads the keys of one Namespace; every bad value freezes and becomes a finding.
class Reading {
 public:
  Reading(const Namespace& ns, NamespaceOptions& options) : ns_(ns), options_(options) {}

  void bad(std::string_view key, std::string_view value, std::string_view allowed) {
    options_.frozen = true;
    options_.findings.push_back(finding(
        "MG101", ns_.key(), std::string(key) + " is \"" + std::string(value) + "\"; allowed: " + std::string(allowed)));
  }

  [[nodiscard]] const std::string* annotation(std::string_view key) const {
    return value_of(ns_.meta.annotations, key);
  }

  // "true", "false" or absent.
  void flag(std::string_view key, bool& target) {
    const std::string* value = annotation(key);
    if (value == nullptr) return;
    if (*value == "true" || *value == "false") {
      target = *value == "true";
    } else {
      bad(key, *value, "true, false");
    }
  }

 private:
  const Namespace& ns_;
  NamespaceOptions& options_;
};

void read_app(const Namespace& ns, const Settings& settings, Reading& reading, NamespaceOptions& options) {
  const std::string* app = value_of(ns.meta.labels, keys::kApp);
  if (app == nullptr) return;
  if (!settings.namespace_selector.matches(ns.meta.labels)) {
    options.findings.push_back(
        finding("MG105", ns.key(),
                std::string(keys::kApp) + "=" + *app +
                    " has no effect: the chart's namespaces.selector does not match this namespace"));
    return;
  }
  if (!is_dns_label(*app)) {
    reading.bad(keys::kApp, *app, "a DNS label (a-z, 0-9 and -, at most 63 characters, no - at either end)");
    return;
  }
  options.app = *app;
}

void read_gateway(const Namespace& ns, const Settings& settings, Reading& reading, NamespaceOptions& options) {
  const std::string* gateway = value_of(ns.meta.labels, keys::kGateway);
  if (gateway == nullptr) return;
  if (!settings.gateway_namespaces.empty() && !settings.gateway_namespaces.contains(ns.meta.name)) {
    options.findings.push_back(
        finding("MG105", ns.key(),
                std::string(keys::kGateway) + "=" + *gateway +
                    " has no effect: the chart's gateway.namespaces does not list this namespace"));
    return;
  }
  if (*gateway != "ingress-nginx") {
    reading.bad(keys::kGateway, *gateway, "ingress-nginx");
    return;
  }
  options.gateway = true;
}

void read_policy(Reading& reading, NamespaceOptions& options) {
  const std::string* policy = reading.annotation(keys::kPolicy);
  if (policy == nullptr) return;
  if (*policy == "observe") {
    options.policy = Policy::observe;
  } else if (*policy == "join") {
    options.policy = Policy::join;
  } else if (*policy == "replace") {
    options.policy = Policy::replace;
  } else {
    reading.bad(keys::kPolicy, *policy, "observe, join, replace");
  }
}

// `first` when the value is it (or absent), `second` sets `target`.
void read_choice(Reading& reading, std::string_view key, std::string_view yes, std::string_view no, bool& target) {
  const std::string* value = reading.annotation(key);
  if (value == nullptr) return;
  if (*value == yes || *value == no) {
    target = *value == yes;
  } else {
    reading.bad(key, *value, std::string(yes) + ", " + std::string(no));
  }
}

void read_max_rollouts(Reading& reading, NamespaceOptions& options) {
  const std::string* value = reading.annotation(keys::kMaxRollouts);
  if (value == nullptr) return;
  int number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error == std::errc{} && end == value->data() + value->size() && number >= 1 && number <= 100) {
    options.max_rollouts = number;
  } else {
    reading.bad(keys::kMaxRollouts, *value, "a whole number from 1 to 100");
  }
}

}  // namespace

bool is_dns_label(std::string_view value) {
  if (value.empty() || value.size() > 63 || value.front() == '-' || value.back() == '-') return false;
  return std::all_of(value.begin(), value.end(), [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
}

bool is_version(std::string_view value) {
  if (value.empty() || value.size() > 16) return false;
  return std::all_of(value.begin(), value.end(), [](char c) { return is_lower(c) || is_digit(c); });
}

NamespaceOptions read_options(const Namespace& ns, const Settings& settings) {
  NamespaceOptions options;
  options.policy = settings.default_policy;
  Reading reading(ns, options);
  read_app(ns, settings, reading, options);
  read_gateway(ns, settings, reading, options);
  // Without an admitted label the other keys mean nothing yet: people may prepare them.
  // The report says that it was joined: then they hold for the way back too.
  const bool leaving = !options.frozen && ns.meta.annotations.contains(keys::kStatus);
  if (!options.concerned() && !leaving) {
    options.paused = settings.paused;
    options.frozen = options.frozen || settings.paused || ns.terminating || ns.meta.deleting;
    return options;
  }

  read_policy(reading, options);
  if (const std::string* version = reading.annotation(keys::kVersion); version != nullptr) {
    if (is_version(*version)) {
      options.version = *version;
    } else {
      reading.bad(keys::kVersion, *version, "1 to 16 of a-z and 0-9");
    }
  }
  read_choice(reading, keys::kInject, "all", "listed", options.inject_all);
  read_choice(reading, keys::kNaming, "versioned", "same", options.versioned_names);
  read_max_rollouts(reading, options);
  reading.flag(keys::kAcceptOutage, options.accept_outage);
  reading.flag(keys::kManifestsUpdated, options.manifests_updated);
  reading.flag(keys::kPaused, options.paused);
  if (settings.paused) options.paused = true;

  if (ns.terminating || ns.meta.deleting) {
    options.frozen = true;
    options.findings.push_back(
        finding("MG109", ns.key(), "the namespace is being deleted: nothing is changed in it any more"));
  }
  if (options.paused) {
    options.frozen = true;
    options.findings.push_back(finding("MG110", ns.key(),
                                       settings.paused
                                           ? "the chart's value paused is true: nothing is changed anywhere"
                                           : std::string(keys::kPaused) + " is true: nothing is changed here"));
  }
  return options;
}

}  // namespace meshgraft
