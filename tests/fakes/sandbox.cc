#include "tests/fakes/sandbox.h"

#include <openssl/rand.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "k8sclient/model/yaml_read.h"
#include "tests/fakes/selectors.h"

namespace meshgraft::fakes {
namespace {

using std::chrono::steady_clock;

bool is_manifest(const std::filesystem::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml" || path.extension() == ".json";
}

Result<std::vector<std::string>> files_below(const std::string& given) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(given, error);
  if (!std::filesystem::exists(status)) return fail(given + ": no such file or directory");
  if (!std::filesystem::is_directory(status)) return std::vector<std::string>{given};
  std::vector<std::string> out;
  for (std::filesystem::recursive_directory_iterator it(given, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file(error) && is_manifest(it->path())) out.push_back(it->path().string());
  }
  if (error) return fail(given + ": " + error.message());
  std::sort(out.begin(), out.end());
  return out;
}

// Namespaces, then kinds, then everything else.
int order_of(const Json& object) {
  const std::string kind = text_at(object, {"kind"});
  return kind == "Namespace" ? 0 : kind == "CustomResourceDefinition" ? 1 : 2;
}

std::string random_token() {
  unsigned char bytes[16];
  RAND_bytes(bytes, sizeof bytes);
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (unsigned char byte : bytes) {
    out += kDigits[byte / 16];
    out += kDigits[byte % 16];
  }
  return out;
}

}  // namespace

Result<int> load_manifests(Engine& engine, const std::vector<std::string>& files) {
  struct Loaded {
    std::string where;
    Json object;
  };
  std::vector<Loaded> loaded;
  for (const std::string& given : files) {
    Result<std::vector<std::string>> names = files_below(given);
    if (!names) return Unexpected<Error>(names.error());
    for (const std::string& name : *names) {
      std::ifstream file(name);
      std::stringstream text;
      text << file.rdbuf();
      if (!file) return fail(name + ": cannot be read");
      Result<std::vector<Document>> documents = read_manifests(text.str(), name, "default");
      if (!documents) return Unexpected<Error>(documents.error());
      for (const Document& document : *documents) {
        loaded.push_back(
            {name + ", document " + std::to_string(document.number),
             Json::parse(document.json.dump(-1, ' ', false, Json::error_handler_t::replace), nullptr, false)});
      }
    }
  }
  std::stable_sort(loaded.begin(), loaded.end(),
                   [](const Loaded& a, const Loaded& b) { return order_of(a.object) < order_of(b.object); });
  for (Loaded& one : loaded) {
    Json& metadata = one.object["metadata"];
    const TypePtr type = engine.by_kind(text_at(one.object, {"apiVersion"}), text_at(one.object, {"kind"}));
    if (type && type->namespaced && text_at(metadata, {"namespace"}).empty()) metadata["namespace"] = "default";
    if (!metadata.contains("annotations")) metadata["annotations"] = Json::object();  // kubectl notes it so
    const std::string applied = to_text(one.object) + "\n";
    metadata["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = applied;
    if (Answer answer = engine.seed(one.object); !answer.ok())
      return fail(one.where + ": " + text_at(answer.body, {"message"}));
  }
  return static_cast<int>(loaded.size());
}

bool write_kubeconfig(const std::string& path, const std::string& text) {
  namespace fs = std::filesystem;
  std::error_code error;
  // A device or a pipe is written to as it is.
  const bool replaces = !fs::exists(path, error) || fs::is_regular_file(path, error);
  const std::string name = replaces ? path + ".new" : path;
  std::ofstream file(name, std::ios::trunc);
  if (replaces) fs::permissions(name, fs::perms::owner_read | fs::perms::owner_write, error);
  file << text;
  file.close();
  if (!file) return false;
  error.clear();
  if (replaces) fs::rename(name, path, error);
  return !error;
}

Sandbox::Sandbox(const SandboxOptions& options)
    : options_(options),
      started_(steady_clock::now()),
      start_millis_(
          std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
              .count()) {}

std::int64_t Sandbox::now_millis() const {
  const std::chrono::duration<double, std::milli> passed = steady_clock::now() - started_;
  return start_millis_ + static_cast<std::int64_t>(passed.count() * options_.speed);
}

bool Sandbox::play(std::int64_t now) {
  const bool rolled = cluster_.round(now);
  return kubesphere_.step() || rolled;
}

Result<std::unique_ptr<Sandbox>> Sandbox::open(const SandboxOptions& options) {
  std::unique_ptr<Sandbox> sandbox(new Sandbox(options));
  sandbox->engine_.set_time(sandbox->start_millis_ / 1000);
  seed_world(sandbox->engine_, options.profile, options.nodes);
  Result<int> loaded = load_manifests(sandbox->engine_, options.files);
  if (!loaded) return Unexpected<Error>(loaded.error());
  sandbox->loaded_ = *loaded;
  // What was loaded has been running for a while when the first client comes.
  constexpr int kRounds = 1000;
  for (int i = 0; i < kRounds && sandbox->play(sandbox->start_millis_); ++i) {
  }
  sandbox->cluster_.set_pod_ready_millis(static_cast<std::int64_t>(options.pod_ready_seconds * 1000));
  ServeOptions serve;
  serve.port = options.port;
  serve.tls = options.tls;
  if (options.tls) serve.token = random_token();
  Result<std::unique_ptr<ApiServer>> server = ApiServer::start(sandbox->engine_, serve);
  if (!server) return Unexpected<Error>(server.error());
  sandbox->server_ = std::move(*server);
  return sandbox;
}

void Sandbox::run(const std::atomic<bool>& stop) {
  constexpr std::chrono::milliseconds kLook(200);  // how late a signal or a due pod is seen at most
  while (!stop) {
    const std::uint64_t ticket = engine_.wake_ticket();
    const std::uint64_t version = engine_.version();
    const std::int64_t now = now_millis();
    if (play(now)) continue;
    auto wait = std::chrono::duration_cast<std::chrono::milliseconds>(kLook);
    if (const std::optional<std::int64_t> due = cluster_.next_due()) {
      wait = std::clamp(
          std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(*due - now) / options_.speed) + 1),
          std::chrono::milliseconds(1), kLook);
    }
    engine_.wait_beyond(version, ticket, steady_clock::now() + wait);
  }
}

}  // namespace meshgraft::fakes
