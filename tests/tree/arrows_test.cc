// Reads every #include of ours and fails on an arrow that ARCHITECTURE.md does not draw.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
const fs::path kRoot = MESHGRAFT_SOURCE_DIR;

// The room of a path, "" for what is no layer.
std::string room_of(const std::string& path) {
  for (const std::string room : {"k8sclient/base", "k8sclient/model", "k8sclient/net", "reconcilers", "controller", "cmd", "tests"}) {
    if (path.rfind(room + "/", 0) == 0) return room;
  }
  return "";
}

const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"k8sclient/base", {"k8sclient/base"}},
    {"k8sclient/model", {"k8sclient/base", "k8sclient/model"}},
    {"k8sclient/net", {"k8sclient/base", "k8sclient/model", "k8sclient/net"}},
    {"reconcilers", {"k8sclient/base", "k8sclient/model", "reconcilers"}},
    {"controller", {"k8sclient/base", "k8sclient/model", "k8sclient/net", "reconcilers", "controller"}},
    {"cmd", {"k8sclient/base", "k8sclient/model", "k8sclient/net", "reconcilers", "controller", "cmd"}},
};

struct Include {
  std::string file, header;
  int line = 0;
};

std::vector<fs::path> sources() {
  std::vector<fs::path> files;
  for (const char* top : {"k8sclient", "reconcilers", "controller", "cmd"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(kRoot / top)) {
      const std::string extension = entry.path().extension();
      if (extension == ".h" || extension == ".cc") files.push_back(entry.path());
    }
  }
  return files;
}

std::vector<Include> includes() {
  const std::regex pattern(R"(^\s*#\s*include\s*[<"]([^>"]+)[>"])");
  std::vector<Include> found;
  for (const fs::path& file : sources()) {
    std::ifstream in(file);
    std::string text;
    for (int line = 1; std::getline(in, text); ++line) {
      std::smatch match;
      if (std::regex_search(text, match, pattern)) found.push_back({fs::relative(file, kRoot).string(), match[1], line});
    }
  }
  return found;
}

TEST(Arrows, no_layer_includes_a_layer_above_it) {
  int seen = 0;
  for (const Include& include : includes()) {
    const std::string from = room_of(include.file), to = room_of(include.header);
    if (to.empty()) continue;
    ++seen;
    EXPECT_TRUE(kMayInclude.at(from).contains(to)) << include.file << ":" << include.line << " includes " << include.header;
  }
  EXPECT_GT(seen, 100);  // the reader works
}

TEST(Arrows, pure_layers_include_no_threads_clocks_logs_or_network) {
  const std::set<std::string> forbidden = {"thread", "mutex", "condition_variable", "future", "fstream", "filesystem", "iostream"};
  for (const Include& include : includes()) {
    const std::string from = room_of(include.file);
    if (from != "k8sclient/model" && from != "reconcilers") continue;
    const bool bad = forbidden.contains(include.header) || include.header.rfind("spdlog/", 0) == 0 ||
                     include.header.rfind("prometheus/", 0) == 0 || include.header.rfind("cpprest/", 0) == 0 ||
                     include.header == "k8sclient/base/clock.h" || include.header == "k8sclient/base/mutex.h";
    EXPECT_FALSE(bad) << include.file << ":" << include.line << " includes " << include.header;
  }
}

// Headers that throw or cost seconds to compile, each kept to the files named beside it.
TEST(Arrows, heavy_headers_stay_in_their_files) {
  const std::map<std::string, std::set<std::string>> only_in = {
      {"cpprest/", {"k8sclient/net/cpprest_client.cc", "k8sclient/net/cpprest_exchange.cc"}},
      {"pplx/", {"k8sclient/net/cpprest_client.cc"}},
      {"boost/", {}},
  };
  for (const Include& include : includes()) {
    for (const auto& [prefix, files] : only_in) {
      if (include.header.rfind(prefix, 0) != 0) continue;
      EXPECT_TRUE(files.contains(include.file)) << include.file << ":" << include.line << " includes " << include.header;
    }
    if (include.header.rfind("simdjson", 0) == 0) {
      EXPECT_EQ(room_of(include.file), "k8sclient/model") << include.file;
    }
    if (include.header.rfind("yaml-cpp/", 0) == 0) {
      EXPECT_TRUE(include.file == "k8sclient/net/kubeconfig.cc" || room_of(include.file) == "k8sclient/model") << include.file;
    }
    if (include.header.rfind("prometheus/", 0) == 0) {
      EXPECT_TRUE(include.file.rfind("controller/metrics", 0) == 0 || include.file == "cmd/probe_server.cc") << include.file;
    }
  }
}

TEST(Files, none_is_longer_than_450_lines) {
  for (const fs::path& file : sources()) {
    std::ifstream in(file);
    int lines = 0;
    for (std::string text; std::getline(in, text);) ++lines;
    EXPECT_LE(lines, 450) << file;
  }
}

TEST(Files, only_options_reads_the_environment) {
  // tls_context asks for OpenSSL's own variables alone, to take the system's CA bundle out of every connection.
  const std::set<std::string> may = {"cmd/options.cc", "k8sclient/net/tls_context.cc"};
  for (const fs::path& file : sources()) {
    if (may.contains(fs::relative(file, kRoot).string())) continue;
    std::ifstream in(file);
    std::string text;
    for (int line = 1; std::getline(in, text); ++line) {
      EXPECT_EQ(text.find("getenv("), std::string::npos) << file << ":" << line;
    }
  }
}

}  // namespace
