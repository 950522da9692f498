// docs/client.md: its program runs against the embedded API server over TLS, and the page shows that very program.

#include <gtest/gtest.h>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "k8sclient/net/transport.h"
#include "tests/fakes/raw_client.h"
#include "tests/fakes/sandbox.h"
#include "tests/fakes/selectors.h"

namespace meshgraft {
namespace {

namespace fs = std::filesystem;

// A running copy of the program.
class Program {
 public:
  explicit Program(const std::string& kubeconfig) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) return;
    child_ = fork();
    if (child_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]), close(ends[1]);
      execl(MESHGRAFT_CLIENT_PROGRAM, MESHGRAFT_CLIENT_PROGRAM, kubeconfig.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    out_ = ends[0];
  }
  ~Program() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(out_);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Blocks until it has printed the line; false after a minute, or when it ended.
  bool says(const std::string& line) {
    pollfd readable{out_, POLLIN, 0};
    while (said_.find(line + "\n") == std::string::npos) {
      std::array<char, 4096> piece{};
      if (poll(&readable, 1, 60'000) != 1) return false;
      const auto got = read(out_, piece.data(), piece.size());
      if (got <= 0) return false;
      said_.append(piece.data(), static_cast<std::size_t>(got));
    }
    return true;
  }
  [[nodiscard]] const std::string& said() const { return said_; }

  // SIGTERM; its exit status.
  int end() {
    int status = -1;
    kill(child_, SIGTERM);
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t child_ = -1;
  int out_ = -1;
  std::string said_;
};

class ClientPage : public testing::Test {
 protected:
  ClientPage() {
    init_transport();
    fakes::SandboxOptions options;
    options.files = {std::string(MESHGRAFT_SOURCE_DIR) + "/deploy/sample"};
    auto opened = fakes::Sandbox::open(options);
    EXPECT_TRUE(opened) << opened.error().text;
    sandbox = std::move(*opened);
    kubeconfig = fs::temp_directory_path() / ("client-page-test-" + std::to_string(sandbox->server().port()));
    std::ofstream(kubeconfig) << sandbox->server().kubeconfig();
    player = std::thread([this] { sandbox->run(stop); });
  }
  ~ClientPage() override {
    stop = true;
    sandbox->engine().wake();
    player.join();
    fs::remove(kubeconfig);
  }
  void create(const std::string& name) {
    auto client = fakes::RawClient::open(kubeconfig.string());
    ASSERT_TRUE(client) << client.error().text;
    const Json labels{{"app", name}};
    const auto answer = (*client)->call(
        "POST", "/apis/apps/v1/namespaces/shop/deployments",
        Json{{"apiVersion", "apps/v1"},
             {"kind", "Deployment"},
             {"metadata", {{"name", name}}},
             {"spec",
              {{"selector", {{"matchLabels", labels}}},
               {"template",
                {{"metadata", {{"labels", labels}}},
                 {"spec", {{"containers", Json::array({{{"name", "c"}, {"image", "i:1"}}})}}}}}}}},
        "application/json");
    ASSERT_TRUE(answer) << answer.error().text;
    ASSERT_TRUE(answer->ok()) << to_text(answer->body);
  }

  std::unique_ptr<fakes::Sandbox> sandbox;
  fs::path kubeconfig;
  std::atomic<bool> stop{false};
  std::thread player;
};

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The first block of a language on the page, "" without one.
std::string block(const std::string& page, const std::string& language) {
  const std::string opening = "\n```" + language + "\n";
  const std::size_t begin = page.find(opening);
  if (begin == std::string::npos) return "";
  const std::size_t from = begin + opening.size();
  return page.substr(from, page.find("\n```\n", from) + 1 - from);
}

TEST_F(ClientPage, its_program_counts_what_is_there_and_what_comes_and_another_replica_goes_on) {
  Program first(kubeconfig.string());
  ASSERT_TRUE(first.says("shop has 4")) << first.said();
  EXPECT_EQ(fakes::text_at(*sandbox->engine().object("v1", "Namespace", "", "shop"),
                           {"metadata", "annotations", "example.com/deployments"}),
            "4");
  Program second(kubeconfig.string());
  create("fifth");
  ASSERT_TRUE(first.says("shop has 5")) << first.said();
  EXPECT_EQ(first.end(), 0);
  create("sixth");
  ASSERT_TRUE(second.says("shop has 6")) << second.said();
  EXPECT_EQ(second.end(), 0);
}

TEST(ClientPageText, it_shows_the_program_that_is_run_here) {
  const fs::path root = MESHGRAFT_SOURCE_DIR;
  EXPECT_EQ(block(text_of(root / "docs/client.md"), "cpp"), text_of(root / "tests/client/deployment_counter.cc"));
}

// Everything on a page that is typed or read by a program, and the first column of its table: what must not differ
// between a page and its translation.
std::vector<std::string> fixed_parts(const std::string& page) {
  std::vector<std::string> parts{block(page, "cpp"), block(page, "cmake")};
  std::string row;
  for (std::istringstream lines(page); std::getline(lines, row);) {
    if (!row.starts_with("| `")) continue;
    std::string cell = row.substr(0, row.find(" | "));
    for (std::size_t at = 0; (at = cell.find("、")) != std::string::npos;) cell.replace(at, std::string("、").size(), ", ");
    parts.push_back(cell);
  }
  return parts;
}

TEST(ClientPageText, its_translation_shows_the_same_program_and_the_same_parts) {
  const fs::path docs = fs::path(MESHGRAFT_SOURCE_DIR) / "docs";
  const std::vector<std::string> parts = fixed_parts(text_of(docs / "client.md"));
  EXPECT_GT(parts.size(), 8U);
  EXPECT_EQ(fixed_parts(text_of(docs / "client.zh-CN.md")), parts);
}

TEST(ClientPageText, a_project_as_it_describes_can_be_configured) {
  const fs::path root = MESHGRAFT_SOURCE_DIR;
  const fs::path project = fs::temp_directory_path() / ("client-page-project-" + std::to_string(getpid()));
  fs::create_directories(project);
  fs::create_directory_symlink(root, project / "meshgraft");
  std::ofstream(project / "CMakeLists.txt") << block(text_of(root / "docs/client.md"), "cmake");
  fs::copy_file(root / "tests/client/deployment_counter.cc", project / "deployment_counter.cc");
  const std::string at = project.string();
  const std::string log = at + "/log";
  EXPECT_EQ(std::system(("cmake -G Ninja -S " + at + " -B " + at + "/build >" + log + " 2>&1").c_str()), 0) << text_of(log);
  // Everything that it would run for the program, and nothing of it is a test.
  EXPECT_EQ(std::system(("ninja -C " + at + "/build -t commands deployment_counter >" + log + " 2>&1").c_str()), 0);
  const std::string commands = text_of(log);
  EXPECT_NE(commands.find(at + "/deployment_counter.cc"), std::string::npos) << commands;
  EXPECT_NE(commands.find("/meshgraft/k8sclient/net/rest_api.cc"), std::string::npos) << commands;
  EXPECT_EQ(commands.find("/meshgraft/tests/"), std::string::npos) << commands;
  fs::remove_all(project);
}

}  // namespace
}  // namespace meshgraft
