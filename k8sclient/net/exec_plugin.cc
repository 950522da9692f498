#include "k8sclient/net/exec_plugin.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <ctime>
#include <map>

#include "k8sclient/base/json.h"
#include "k8sclient/net/tls_context.h"

extern char** environ;

namespace meshgraft {
namespace {

constexpr std::size_t kOutputCap = std::size_t{1} << 20;  // bytes; a credential has a few thousand
constexpr std::size_t kShownError = 300;                  // bytes of stderr that go into a message

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  [[nodiscard]] int number() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }

 private:
  int number_ = -1;
};

struct Pipe {
  Descriptor read, write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail(std::string("no pipe: ") + std::strerror(errno));
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// Our environment as it was before OpenSSL's defaults were hidden, then the plugin's own variables.
std::vector<std::string> environment_of(const ExecPlugin& plugin, const std::string& info) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (const auto equals = text.find('='); equals != std::string::npos)
      variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  if (const HiddenEnvironment hidden = hidden_environment(); hidden.hidden) {
    variables.erase("SSL_CERT_FILE");
    variables.erase("SSL_CERT_DIR");
    if (!hidden.cert_file.empty()) variables["SSL_CERT_FILE"] = hidden.cert_file;
    if (!hidden.cert_dir.empty()) variables["SSL_CERT_DIR"] = hidden.cert_dir;
  }
  for (const auto& [name, value] : plugin.env) variables[name] = value;
  variables["KUBERNETES_EXEC_INFO"] = info;
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> pointers_of(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::string base64(const std::string& bytes) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = static_cast<unsigned char>(bytes[i]) << 16U;
    if (i + 1 < bytes.size()) group |= static_cast<unsigned char>(bytes[i + 1]) << 8U;
    if (i + 2 < bytes.size()) group |= static_cast<unsigned char>(bytes[i + 2]);
    text += kAlphabet[group >> 18U & 63U];
    text += kAlphabet[group >> 12U & 63U];
    text += i + 1 < bytes.size() ? kAlphabet[group >> 6U & 63U] : '=';
    text += i + 2 < bytes.size() ? kAlphabet[group & 63U] : '=';
  }
  return text;
}

std::string exec_info(const ExecPlugin& plugin, const ExecCluster& cluster) {
  Json info = {{"apiVersion", plugin.api_version}, {"kind", "ExecCredential"}, {"spec", {{"interactive", false}}}};
  if (plugin.provide_cluster_info) {
    Json& told = info["spec"]["cluster"];
    told["server"] = cluster.server;
    if (!cluster.ca_pem.empty()) told["certificate-authority-data"] = base64(cluster.ca_pem);
    if (!cluster.tls_server_name.empty()) told["tls-server-name"] = cluster.tls_server_name;
    if (cluster.insecure) told["insecure-skip-tls-verify"] = true;
  }
  return to_text(info);
}

// The whole seconds of an RFC 3339 time, which is all that an expiry needs.
std::optional<std::chrono::system_clock::time_point> time_of(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.') {
    do ++rest;
    while (*rest >= '0' && *rest <= '9');
  }
  long offset = 0;
  if (*rest == '+' || *rest == '-') {
    int hours = 0, minutes = 0;
    if (std::sscanf(rest + 1, "%2d:%2d", &hours, &minutes) != 2) return std::nullopt;
    offset = (hours * 60L + minutes) * 60 * (*rest == '+' ? 1 : -1);
  } else if (std::strcmp(rest, "Z") != 0) {
    return std::nullopt;
  }
  return std::chrono::system_clock::from_time_t(timegm(&parts) - offset);
}

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<ExecCredential> credential_of(const ExecPlugin& plugin, const std::string& output) {
  const Json document = Json::parse(output, nullptr, false);
  if (!document.is_object() || text_at(document, "kind") != "ExecCredential")
    return fail("did not print an ExecCredential");
  if (const std::string version = text_at(document, "apiVersion"); version != plugin.api_version)
    return fail("printed an ExecCredential of version \"" + version + "\" where the kubeconfig has \"" +
                plugin.api_version + "\"");
  const auto status = document.find("status");
  if (status == document.end() || !status->is_object()) return fail("printed an ExecCredential without status");
  ExecCredential credential{
      text_at(*status, "token"), text_at(*status, "clientCertificateData"), text_at(*status, "clientKeyData"), {}};
  if (credential.certificate_pem.empty() != credential.key_pem.empty())
    return fail("printed only one of clientCertificateData and clientKeyData");
  if (credential.token.empty() && credential.certificate_pem.empty())
    return fail("printed an ExecCredential with neither a token nor a client certificate");
  if (const std::string expiry = text_at(*status, "expirationTimestamp"); !expiry.empty()) {
    credential.expires = time_of(expiry);
    if (!credential.expires) return fail("printed an expirationTimestamp that is no RFC 3339 time: \"" + expiry + "\"");
  }
  return credential;
}

// Whether the program ends before `deadline`. Where the kernel has no descriptors for processes (before 5.3): true.
bool ends_by(pid_t pid, std::chrono::steady_clock::time_point deadline) {
  const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));  // glibc 2.36 declares its own for C alone
  if (process.number() < 0) return true;
  pollfd watched{process.number(), POLLIN, 0};
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    if (poll(&watched, 1, static_cast<int>(left.count())) > 0) return true;
  }
}

struct Output {
  std::string out, error;
  int status = 0;
};

// Reads both pipes until the program closed them or `deadline` passed; the program is gone afterwards.
Result<Output> collect(pid_t pid, const Pipe& out, const Pipe& error, std::chrono::steady_clock::time_point deadline) {
  Output output;
  std::array<pollfd, 2> watched{{{out.read.number(), POLLIN, 0}, {error.read.number(), POLLIN, 0}}};
  const std::array<std::string*, 2> targets{&output.out, &output.error};
  bool in_time = true;
  while (watched[0].fd >= 0 || watched[1].fd >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const int ready = left.count() <= 0 ? 0 : poll(watched.data(), watched.size(), static_cast<int>(left.count()));
    if (ready < 0) continue;  // a signal
    if (ready == 0) {
      in_time = false;
      break;
    }
    for (std::size_t i = 0; i < watched.size(); ++i) {
      if (watched[i].fd < 0 || watched[i].revents == 0) continue;
      std::array<char, 4096> piece{};
      const ssize_t got = read(watched[i].fd, piece.data(), piece.size());
      if (got == 0 || (got < 0 && errno != EINTR)) watched[i].fd = -1;
      if (got > 0 && targets[i]->size() < kOutputCap) targets[i]->append(piece.data(), static_cast<std::size_t>(got));
    }
  }
  // It may have closed what it prints to and still not end.
  if (in_time) in_time = ends_by(pid, deadline);
  if (!in_time) kill(pid, SIGKILL);
  while (waitpid(pid, &output.status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) return fail("did not end in time");
  return output;
}

Result<ExecCredential> run(const ExecPlugin& plugin, const ExecCluster& cluster, std::chrono::milliseconds limit) {
  if (plugin.api_version != "client.authentication.k8s.io/v1" &&
      plugin.api_version != "client.authentication.k8s.io/v1beta1")
    return fail("has apiVersion \"" + plugin.api_version +
                "\": only client.authentication.k8s.io/v1 and v1beta1 are known");
  Result<Pipe> out = make_pipe();
  if (!out) return Unexpected<Error>(out.error());
  Result<Pipe> error = make_pipe();
  if (!error) return Unexpected<Error>(error.error());
  std::vector<std::string> words{plugin.command};
  words.insert(words.end(), plugin.args.begin(), plugin.args.end());
  std::vector<std::string> variables = environment_of(plugin, exec_info(plugin, cluster));

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out->write.number(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error->write.number(), STDERR_FILENO);
  posix_spawnattr_t attributes;  // our threads block signals; the program must be stoppable
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int started = posix_spawnp(&pid, plugin.command.c_str(), &actions, &attributes, pointers_of(words).data(),
                                   pointers_of(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (started != 0) {
    return fail(std::string("cannot be started: ") + std::strerror(started) +
                (plugin.install_hint.empty() ? "" : "; " + plugin.install_hint));
  }
  out->write.close();
  error->write.close();
  const Result<Output> output = collect(pid, *out, *error, std::chrono::steady_clock::now() + limit);
  if (!output) return Unexpected<Error>(output.error());
  if (!WIFEXITED(output->status) || WEXITSTATUS(output->status) != 0) {
    std::string said =
        output->error.substr(output->error.size() > kShownError ? output->error.size() - kShownError : 0);
    while (!said.empty() && (said.back() == '\n' || said.back() == ' ')) said.pop_back();
    const std::string how = WIFEXITED(output->status)
                                ? "failed with exit code " + std::to_string(WEXITSTATUS(output->status))
                                : "was ended by signal " + std::to_string(WTERMSIG(output->status));
    return fail(how + (said.empty() ? "" : ": " + said));
  }
  return credential_of(plugin, output->out);
}

}  // namespace

Result<ExecCredential> run_exec_plugin(const ExecPlugin& plugin, const ExecCluster& cluster,
                                       std::chrono::milliseconds limit) {
  Result<ExecCredential> result = run(plugin, cluster, limit);
  if (!result) return fail("the credential plugin \"" + plugin.command + "\" " + result.error().text);
  return result;
}

}  // namespace meshgraft
