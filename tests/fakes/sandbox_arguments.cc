#include "tests/fakes/sandbox_arguments.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <memory>

namespace meshgraft::fakes {
namespace {

constexpr const char* kProfiles = "kubesphere-3.3, kubesphere-3.4, kubesphere-4, istio";

// The arguments as written.
struct Tree {
  SandboxCommand command;
  std::string port = "0", nodes = "3", ready = "1", speed = "1";
  bool plain = false;
  CLI::App app{"An embedded Kubernetes API server: loads manifests, plays Deployments, sidecar injection and KubeSphere's controllers, serves until stopped", "meshgraft-sandbox"};
  CLI::App *models = nullptr, *label = nullptr, *show = nullptr;
  Tree();

 private:
  CLI::Option* text_flag(const char* names, std::string& into, const char* value, const char* description) {
    return app.add_option(names, into, description)->type_name(value);
  }
  CLI::App* sub(const char* name, const char* description) {
    CLI::App* one = app.add_subcommand(name, description);
    one->allow_extras();
    one->add_option("--kubeconfig", command.kubeconfig, "The API server to act on (default: $KUBECONFIG)")->type_name("FILE");
    return one;
  }
};

Tree::Tree() {
  command.profile = "kubesphere-3.3";
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(0, 1);
  app.allow_extras();
  app.add_option("-f,--filename", command.options.files, "Manifests: a file or a directory. Repeatable")->type_name("FILE")->allow_extra_args(false);
  text_flag("--profile", command.profile, "NAME", "The mesh that is installed: kubesphere-3.3, kubesphere-3.4, kubesphere-4 or istio (default kubesphere-3.3)");
  text_flag("--port", port, "N", "Port on 127.0.0.1; 0 takes a free one (default 0)");
  text_flag("--kubeconfig-out", command.kubeconfig_out, "FILE", "Where the kubeconfig is written (default: meshgraft-sandbox-PORT.kubeconfig here)");
  text_flag("--nodes", nodes, "N", "Number of nodes, 1 to 1000 (default 3)");
  text_flag("--pod-ready-seconds", ready, "SECONDS", "From a pod's start to Ready (default 1)");
  text_flag("--speed", speed, "FACTOR", "Sandbox seconds per second (default 1)");
  app.add_flag("--http", plain, "Plain HTTP without a token, for curl");
  models = sub("models", "KubeSphere's controllers as a model, on a real API server");
  label = sub("label", "Label a namespace: KEY=VALUE sets, KEY- removes");
  label->add_option("NAMESPACE", command.ns, "The namespace");
  label->add_option("LABELS", command.words, "KEY=VALUE or KEY-");
  show = sub("show", "Print VirtualServices, DestinationRules and others of all namespaces");
  show->add_option("RESOURCES", command.words, "Plural names, e.g. virtualservices");
}

SandboxParsed error_text(const CLI::App* sub, const std::string& text) {
  return {std::nullopt, "error: " + text + "\nRun 'meshgraft-sandbox" + (sub == nullptr ? "" : " " + sub->get_name()) + " --help' for usage.\n", 1};
}

// kubectl's own wordings, as the program's (cmd/options.cc).
std::string wording(const CLI::ParseError& error) {
  const std::string what = error.what();
  return error.get_name() == "ArgumentMismatch" ? "flag needs one argument: " + what.substr(0, what.find(':')) : what;
}

std::string unexpected(const std::vector<std::string>& remaining, bool after_a_command) {
  const auto flag = std::find_if(remaining.begin(), remaining.end(), [](const std::string& word) { return word.size() > 1 && word.front() == '-'; });
  if (flag != remaining.end()) return (flag->starts_with("--") ? "unknown flag: " : "unknown shorthand flag: ") + flag->substr(0, flag->find('='));
  if (after_a_command) return "unexpected argument: " + remaining.front();
  return "unknown command \"" + remaining.front() + "\" for \"meshgraft-sandbox\"";
}

template <typename Number>
bool read_number(const std::string& text, Number least, Number most, Number& into) {
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, into);
  return error == std::errc{} && end == last && into >= least && into <= most;
}

// Why a value of serve is not allowed; "" when all are.
std::string settle(Tree& tree) {
  SandboxOptions& options = tree.command.options;
  const auto invalid = [](const std::string& value, const std::string& flag, const std::string& why) { return "invalid argument \"" + value + "\" for \"" + flag + "\": must be " + why; };
  if (const std::optional<Profile> profile = profile_named(tree.command.profile)) {
    options.profile = *profile;
  } else {
    return invalid(tree.command.profile, "--profile", std::string("one of ") + kProfiles);
  }
  if (!read_number(tree.port, 0, 65535, options.port)) return invalid(tree.port, "--port", "a number from 0 to 65535");
  if (!read_number(tree.nodes, 1, 1000, options.nodes)) return invalid(tree.nodes, "--nodes", "a number from 1 to 1000");
  if (!read_number(tree.ready, 0.0, 1e6, options.pod_ready_seconds)) return invalid(tree.ready, "--pod-ready-seconds", "a number from 0");
  if (!read_number(tree.speed, 1e-6, 1e6, options.speed)) return invalid(tree.speed, "--speed", "a number above 0");
  options.tls = !tree.plain;
  return "";
}

}  // namespace

SandboxParsed parse_sandbox(const std::vector<std::string>& arguments, const std::string& kubeconfig) {
  const std::unique_ptr<Tree> tree = std::make_unique<Tree>();
  const auto chosen = [&tree]() -> const CLI::App* {
    const std::vector<CLI::App*> subs = tree->app.get_subcommands();
    return subs.empty() ? nullptr : subs.front();
  };
  try {
    tree->app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, tree->app.help("", CLI::AppFormatMode::Normal), 0};
  } catch (const CLI::ParseError& error) {
    return error_text(chosen(), wording(error));
  }
  const CLI::App* sub = chosen();
  if (const std::vector<std::string> remaining = tree->app.remaining(true); !remaining.empty()) return error_text(sub, unexpected(remaining, sub != nullptr));
  SandboxCommand& command = tree->command;
  if (sub == nullptr) {
    if (const std::string wrong = settle(*tree); !wrong.empty()) return error_text(sub, wrong);
    return {std::move(command), "", 0};
  }
  command.verb = sub == tree->models ? SandboxVerb::models : sub == tree->label ? SandboxVerb::label : SandboxVerb::show;
  if (command.verb == SandboxVerb::label && command.words.empty()) return error_text(sub, "label needs a NAMESPACE and at least one KEY=VALUE or KEY-");
  if (command.verb == SandboxVerb::show && command.words.empty()) return error_text(sub, "show needs plural names, such as virtualservices");
  if (command.kubeconfig.empty()) command.kubeconfig = kubeconfig;
  if (command.kubeconfig.empty()) return error_text(sub, "no API server to act on: KUBECONFIG is not set; give --kubeconfig FILE");
  return {std::move(command), "", 0};
}

}  // namespace meshgraft::fakes
