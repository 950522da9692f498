#include "cmd/version.h"

#include <CLI/Version.hpp>
#include <fmt/core.h>
#include <openssl/crypto.h>
#include <ostream>
#include <spdlog/version.h>

#include "k8sclient/base/json.h"

// Given by cmd/CMakeLists.txt.
#ifndef MESHGRAFT_VERSION
#define MESHGRAFT_VERSION "0"
#endif
#ifndef MESHGRAFT_COMMIT
#define MESHGRAFT_COMMIT "unknown"
#endif
#ifndef MESHGRAFT_PACKAGES
#define MESHGRAFT_PACKAGES ""
#endif

namespace meshgraft {
namespace {

std::string dotted(int major, int minor, int patch) {
  return std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
}

std::string compiler() {
#if defined(__clang__)
  return "clang " + dotted(__clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return "g++ " + dotted(__GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

}  // namespace

std::string_view version_number() { return MESHGRAFT_VERSION; }
std::string_view version_commit() { return MESHGRAFT_COMMIT; }

std::vector<std::pair<std::string, std::string>> version_table() {
  std::vector<std::pair<std::string, std::string>> rows{{"compiler", compiler()},
                                                        {"CLI11", CLI11_VERSION},
                                                        {"fmt", dotted(FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
                                                        {"nlohmann_json", dotted(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
                                                        {"OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING)},
                                                        {"spdlog", dotted(SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH)}};
  // Those whose headers other rooms keep: "cpprestsdk=2.10.18;simdjson=3.0.1", as CMake found them.
  std::string_view rest = MESHGRAFT_PACKAGES;
  while (!rest.empty()) {
    const std::string_view row = rest.substr(0, rest.find(';'));
    const std::size_t equals = row.find('=');
    if (equals != std::string_view::npos) rows.emplace_back(row.substr(0, equals), row.substr(equals + 1));
    rest.remove_prefix(std::min(row.size() + 1, rest.size()));
  }
  return rows;
}

int print_version(const Options& options, const Terminal& terminal) {
  if (options.output == "json") {
    Json libraries = Json::object();
    for (const auto& [name, number] : version_table()) {
      if (name != "compiler") libraries[name] = number;
    }
    const Json document{{"version", version_number()}, {"commit", version_commit()}, {"compiler", compiler()}, {"libraries", libraries}};
    terminal.out << to_text(document, 2) << '\n';
    return 0;
  }
  terminal.out << "meshgraft " << version_number() << '\n' << padded("commit", 15) << version_commit() << '\n';
  for (const auto& [name, number] : version_table()) terminal.out << padded(name, 15) << number << '\n';
  return 0;
}

}  // namespace meshgraft
