// Reading of kubeconfig files: the part of credentials.h that knows their YAML.

#include <openssl/evp.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "k8sclient/model/yaml_parse.h"
#include "k8sclient/net/credentials.h"
#include "k8sclient/net/server_url.h"
#include "k8sclient/net/tls_context.h"

namespace meshgraft {
namespace {

namespace fs = std::filesystem;

struct Entry {  // a cluster, context or user, and the file that defines it
  YAML::Node node;
  std::string file;
};

struct Merged {
  std::string current_context;
  std::map<std::string, Entry> clusters, contexts, users;
};

std::string text_at(const YAML::Node& node, const char* key) {
  if (!node.IsMap()) return {};
  const YAML::Node value = node[key];
  return value && value.IsScalar() ? value.Scalar() : std::string();
}

bool true_at(const YAML::Node& node, const char* key) { return text_at(node, key) == "true"; }

void merge_list(const YAML::Node& document, const char* list, const char* inner, const std::string& file,
                std::map<std::string, Entry>& into) {
  const YAML::Node entries = document[list];
  if (!entries || !entries.IsSequence()) return;
  for (const YAML::Node& entry : entries) {
    if (!entry.IsMap()) continue;
    const YAML::Node value = entry[inner];
    into.emplace(text_at(entry, "name"), Entry{value && value.IsMap() ? value : YAML::Node(YAML::NodeType::Map), file});
  }
}

// The line `number`, from 0.
std::string_view line_of(std::string_view text, int number) {
  for (; number > 0; --number) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// What is wrong with a text that is no YAML. A tab is the usual reason, and yaml-cpp seldom says so.
std::string syntax_error(std::string_view text, const YAML::Exception& error) {
  if (error.mark.is_null()) return ": " + yaml::in_plain_words(error.msg);
  const std::string_view line = line_of(text, error.mark.line);
  const bool tab = line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
  return ", line " + std::to_string(error.mark.line + 1) + ": " + (tab ? "a tab may not indent YAML, only spaces may" : yaml::in_plain_words(error.msg));
}

Result<YAML::Node> parse(const std::string& file, const std::string& text) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    return fail("kubeconfig " + file + syntax_error(text, error));
  }
}

Result<Unit> merge_file(const std::string& file, Merged& merged) {
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  std::stringstream content;
  if (stream) content << stream.rdbuf();
  const std::string text = content.str();
  if (!stream.is_open() || (text.empty() && errno != 0))
    return fail("kubeconfig " + file + " cannot be read: " + std::strerror(errno == 0 ? EIO : errno));
  const Result<YAML::Node> parsed = parse(file, text);
  if (!parsed) return Unexpected<Error>(parsed.error());
  const YAML::Node& document = *parsed;
  if (document.IsNull()) return Unit{};
  if (!document.IsMap()) return fail("kubeconfig " + file + " is not a YAML mapping");
  if (const std::string kind = text_at(document, "kind"); !kind.empty() && kind != "Config")
    return fail("kubeconfig " + file + " is a " + kind + ", not a Config");
  if (merged.current_context.empty()) merged.current_context = text_at(document, "current-context");
  merge_list(document, "clusters", "cluster", file, merged.clusters);
  merge_list(document, "contexts", "context", file, merged.contexts);
  merge_list(document, "users", "user", file, merged.users);
  return Unit{};
}

std::string beside(const std::string& file, const std::string& path) {
  if (path.empty() || fs::path(path).is_absolute()) return path;
  return (fs::path(file).parent_path() / path).string();
}

std::optional<std::string> decode_base64(std::string text) {
  std::erase_if(text, [](char letter) { return letter == '\n' || letter == '\r' || letter == ' '; });
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<std::size_t>(size) - padding);
  return bytes;
}

Result<PemSource> pem_at(const Entry& entry, const std::string& owner, const char* file_key, const char* data_key) {
  PemSource source;
  if (const std::string data = text_at(entry.node, data_key); !data.empty()) {
    const std::optional<std::string> bytes = decode_base64(data);
    if (!bytes) return fail(owner + ": " + data_key + " is not base64");
    source.data = *bytes;
  } else {
    source.file = beside(entry.file, text_at(entry.node, file_key));
  }
  return source;
}

Result<ExecPlugin> plugin_at(const YAML::Node& node, const Entry& user, const std::string& owner) {
  ExecPlugin plugin;
  plugin.command = text_at(node, "command");
  if (plugin.command.empty()) return fail(owner + ": exec has no command");
  if (plugin.command.find('/') != std::string::npos) plugin.command = beside(user.file, plugin.command);
  plugin.api_version = text_at(node, "apiVersion");
  plugin.install_hint = text_at(node, "installHint");
  plugin.provide_cluster_info = true_at(node, "provideClusterInfo");
  if (text_at(node, "interactiveMode") == "Always")
    return fail(owner + ": exec needs a terminal (interactiveMode: Always), which it cannot have here");
  if (const YAML::Node args = node["args"]; args && args.IsSequence()) {
    for (const YAML::Node& argument : args) {
      if (argument.IsScalar()) plugin.args.push_back(argument.Scalar());
    }
  }
  if (const YAML::Node env = node["env"]; env && env.IsSequence()) {
    for (const YAML::Node& variable : env)
      plugin.env.emplace_back(text_at(variable, "name"), text_at(variable, "value"));
  }
  return plugin;
}

Result<Unit> read_cluster(const Entry& cluster, const std::string& name, ClientConfig& config) {
  const std::string owner = "kubeconfig " + cluster.file + ": cluster \"" + name + "\"";
  const Result<ServerUrl> url = parse_server_url(text_at(cluster.node, "server"));
  if (text_at(cluster.node, "server").empty()) return fail(owner + " has no server");
  if (!url) return fail(owner + ": " + url.error().text);
  if (!text_at(cluster.node, "proxy-url").empty()) return fail(owner + ": proxy-url is not supported");
  config.server = url->text();
  config.tls_server_name = text_at(cluster.node, "tls-server-name");
  config.insecure = true_at(cluster.node, "insecure-skip-tls-verify");
  Result<PemSource> ca = pem_at(cluster, owner, "certificate-authority", "certificate-authority-data");
  if (!ca) return Unexpected<Error>(ca.error());
  config.ca = *ca;
  if (config.insecure && !config.ca.empty()) return fail(owner + " has both a CA and insecure-skip-tls-verify");
  return Unit{};
}

Result<Unit> read_user(const Entry& user, const std::string& name, ClientConfig& config) {
  const std::string owner = "kubeconfig " + user.file + ": user \"" + name + "\"";
  for (const char* key : {"username", "password"}) {
    if (user.node[key])
      return fail(owner + " has a " + key + ", which API servers no longer take: use a token or a client certificate");
  }
  for (const char* key : {"auth-provider", "as", "as-uid", "as-groups", "as-user-extra"}) {
    if (user.node[key]) return fail(owner + ": " + key + " is not supported");
  }
  Result<PemSource> certificate = pem_at(user, owner, "client-certificate", "client-certificate-data");
  if (!certificate) return Unexpected<Error>(certificate.error());
  Result<PemSource> key = pem_at(user, owner, "client-key", "client-key-data");
  if (!key) return Unexpected<Error>(key.error());
  if (certificate->empty() != key->empty()) return fail(owner + " has only one of client-certificate and client-key");
  config.certificate = *certificate;
  config.key = *key;
  config.token = text_at(user.node, "token");
  config.token_file = beside(user.file, text_at(user.node, "tokenFile"));
  if (const YAML::Node exec = user.node["exec"]; exec && exec.IsMap()) {
    Result<ExecPlugin> plugin = plugin_at(exec, user, owner);
    if (!plugin) return Unexpected<Error>(plugin.error());
    config.exec = *plugin;
  }
  return Unit{};
}

// Tries what the files hold, so that a bad certificate is reported with the kubeconfig's name before any request.
Result<Unit> try_certificates(const ClientConfig& config) {
  ClientConfig files = config;
  files.exec.reset();
  files.token.clear();
  Result<Credential> credential = CredentialSource(files).current();
  if (!credential) return Unexpected<Error>(credential.error());
  const Result<std::shared_ptr<const TlsContext>> tls = TlsContext::make(
      {credential->ca_pem, credential->certificate_pem, credential->key_pem, "unused", config.insecure});
  if (!tls) return Unexpected<Error>(tls.error());
  return Unit{};
}

Result<ClientConfig> read(std::string_view paths, std::string_view wanted) {
  Merged merged;
  std::string files;
  std::string first_error;
  for (std::string_view rest = paths; !rest.empty();) {
    const std::string file(rest.substr(0, rest.find(':')));
    rest.remove_prefix(std::min(rest.size(), file.size() + 1));
    if (file.empty()) continue;
    std::error_code missing;
    if (!fs::exists(file, missing) && paths.find(':') != std::string_view::npos) {
      first_error = "none of the kubeconfig files " + std::string(paths) + " exists";
      continue;
    }
    try {
      const Result<Unit> read_one = merge_file(file, merged);
      if (!read_one) return Unexpected<Error>(read_one.error());
    } catch (const YAML::Exception& e) {
      return fail("kubeconfig " + file + ", line " + std::to_string(e.mark.line + 1) + ": " + e.msg);
    }
    files += (files.empty() ? "" : ":") + file;
  }
  if (files.empty()) return fail(first_error.empty() ? "no kubeconfig file is given" : first_error);
  const std::string source = "kubeconfig " + files;

  ClientConfig config;
  config.source = source;
  config.context = wanted.empty() ? merged.current_context : std::string(wanted);
  if (config.context.empty()) return fail(source + ": current-context is not set and no context is given");
  const auto context = merged.contexts.find(config.context);
  if (context == merged.contexts.end()) return fail(source + ": context \"" + config.context + "\" does not exist");
  const std::string cluster_name = text_at(context->second.node, "cluster");
  config.user = text_at(context->second.node, "user");
  if (const std::string ns = text_at(context->second.node, "namespace"); !ns.empty()) config.ns = ns;
  const auto cluster = merged.clusters.find(cluster_name);
  if (cluster == merged.clusters.end())
    return fail(source + ": context \"" + config.context + "\" names cluster \"" + cluster_name +
                "\", which does not exist");
  if (const Result<Unit> done = read_cluster(cluster->second, cluster_name, config); !done)
    return Unexpected<Error>(done.error());
  if (!config.user.empty()) {
    const auto user = merged.users.find(config.user);
    if (user == merged.users.end())
      return fail(source + ": context \"" + config.context + "\" names user \"" + config.user +
                  "\", which does not exist");
    if (const Result<Unit> done = read_user(user->second, config.user, config); !done)
      return Unexpected<Error>(done.error());
  }
  if (const Result<Unit> usable = try_certificates(config); !usable) return fail(source + ": " + usable.error().text);
  return config;
}

}  // namespace

Result<ClientConfig> read_kubeconfig(std::string_view paths, std::string_view context) {
  try {
    return read(paths, context);
  } catch (const YAML::Exception& e) {
    return fail("kubeconfig " + std::string(paths) + " cannot be read: " + e.msg);
  } catch (const std::exception& e) {
    return fail("kubeconfig " + std::string(paths) + " cannot be read: " + e.what());
  }
}

}  // namespace meshgraft
