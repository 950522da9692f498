#include "cmd/options.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "cmd/option_values.h"
#include "reconcilers/facts.h"
#include "reconcilers/keys.h"

namespace meshgraft {
namespace {

std::string environment_text(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): read once, before any thread
  return value == nullptr ? std::string() : std::string(value);
}

// The arguments as written; checked and turned into Options afterwards, so that every message is ours.
struct Raw {
  std::string log_format = "text", workers = "4";
  std::vector<std::string> apps, gateways, sets;
  std::string policy, istio_version, ingress_nginx_version, fail_on = "error";
  std::string default_policy = "join", max_rollouts = "3", client_ip = "envoyFilter", namespace_selector;
  std::vector<std::string> gateway_namespaces, nacos_namespaces, trusted_proxies;
};

using Word = const char*;

CLI::Option* text_flag(CLI::App& app, Word names, std::string& into, Word value, Word description) {
  return app.add_option(names, into, description)->type_name(value);
}

// Repeatable, one value each; `comma` splits a value at commas.
void list_flag(CLI::App& app, Word names, std::vector<std::string>& into, Word value, Word description, bool comma = false) {
  CLI::Option* option = app.add_option(names, into, description)->type_name(value)->allow_extra_args(false);
  if (comma) option->delimiter(',');
}

void cluster_flags(CLI::App& app, Options& options) {
  text_flag(app, "--kubeconfig", options.kubeconfig, "FILE", "Kubeconfig to use instead of $KUBECONFIG or ~/.kube/config");
  text_flag(app, "--context", options.context, "NAME", "Context of the kubeconfig to use");
}

void namespace_flags(CLI::App& app, Options& options, Word what = "Namespace to look at (default: the context's)") {
  text_flag(app, "-n,--namespace", options.ns, "NAME", what);
  app.add_flag("-A,--all-namespaces", options.all_namespaces, "Look at all namespaces");
}

// The chart's values. Commands that foretell what the controller does take them too.
void settings_flags(CLI::App& app, Options& options, Raw& raw) {
  Settings& settings = options.settings;
  text_flag(app, "--default-policy", raw.default_policy, "POLICY", "Policy of namespaces that name none: observe, join or replace (default join)");
  app.add_flag("--replace-enabled", settings.replace_enabled, "Policy replace may delete Deployments and create them again (the chart's replace.enabled)");
  app.add_flag("--releases-enabled", settings.releases_enabled, "Carry out what meshgraft.io/promote and meshgraft.io/abort ask for on a Strategy (the chart's releases.enabled)");
  text_flag(app, "--max-rollouts", raw.max_rollouts, "N", "Workloads of the cluster restarting at one time (default 3)");
  app.add_flag("--paused", settings.paused, "Change nothing anywhere, go on observing");
  text_flag(app, "--namespace-selector", raw.namespace_selector, "SELECTOR", "Only namespaces with these labels may join, as in a=b,c!=d,e");
  list_flag(app, "--gateway-namespaces", raw.gateway_namespaces, "NAMES", "Only these namespaces may hold an opted-in ingress-nginx", true);
  list_flag(app, "--nacos-namespaces", raw.nacos_namespaces, "NAMES", "Namespaces whose Nacos may be given its ports without a label", true);
  text_flag(app, "--client-ip-mode", raw.client_ip, "MODE", "How client addresses are kept: envoyFilter, meshWide, bypass or off (default envoyFilter)");
  list_flag(app, "--trusted-proxies", raw.trusted_proxies, "CIDRS", "Proxies before the gateway whose X-Forwarded-For is believed", true);
  text_flag(app, "--mesh-revision", settings.mesh.revision, "NAME", "Revision or revision tag whose istiod speaks for the mesh, where several run (default: detected)");
  text_flag(app, "--mesh-root-namespace", settings.mesh.root_namespace, "NAME", "Root namespace of the mesh (default: detected)");
  text_flag(app, "--mesh-cluster-domain", settings.mesh.cluster_domain, "DOMAIN", "Domain of the cluster's Services as the mesh knows it (default: detected)");
}

void log_flags(CLI::App& app, Raw& raw) {
  text_flag(app, "--log-format", raw.log_format, "FORMAT", "Form of log lines: text or json (default text)");
}

void file_flags(CLI::App& app, Options& options, Raw& raw) {
  list_flag(app, "-f,--filename", options.files, "FILE", "Manifest, directory (with all below it) or - for standard input; no cluster is contacted. Repeatable");
  list_flag(app, "--app", raw.apps, "[NS=]NAME", "Act as if the namespace were labelled for this app. Repeatable");
  list_flag(app, "--gateway", raw.gateways, "[NS=]ingress-nginx", "Act as if the namespace were labelled as a gateway; without NS=, each that holds an ingress controller. Repeatable");
  text_flag(app, "--policy", raw.policy, "POLICY", "Act as if the namespaces named this policy: observe, join or replace");
  list_flag(app, "--set", raw.sets, "[NS=]KEY=VALUE", "Act as if the namespace carried this meshgraft.io key. Repeatable");
  text_flag(app, "--profile", options.profile, "NAME", "Mesh to assume with -f: kubesphere-3.3, kubesphere-3.4, kubesphere-4 or istio (default kubesphere-3.3)");
  text_flag(app, "--istio-version", raw.istio_version, "VERSION", "Version of Istio to assume");
  text_flag(app, "--ingress-nginx-version", raw.ingress_nginx_version, "VERSION", "Version of the ingress-nginx controller to assume");
  text_flag(app, "--facts", options.facts_file, "FILE", "Mesh and platform to assume with -f, as written by status --facts -o yaml");
}

void output_flag(CLI::App& app, Options& options, Word forms) { text_flag(app, "-o,--output", options.output, "FORM", forms); }

struct Tree {
  Options options;
  Raw raw;
  CLI::App app{"Grafts running microservices onto a KubeSphere self-built app and its Istio mesh, and puts them back.", "meshgraft"};
  bool asks_version = false;  // --version
  Tree();

 private:
  CLI::App& command(Word name, Word description);
};

CLI::App& Tree::command(Word name, Word description) {
  CLI::App* sub = app.add_subcommand(name, description);
  sub->allow_extras();
  return *sub;
}

Tree::Tree() {
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.add_flag("--version", asks_version, "Print version, commit, compiler and library versions, as the command version does");
  app.require_subcommand(0, 1);
  app.allow_extras();

  CLI::App& run = command("run", "Run the controller: watch, plan, write, serve metrics and probes");
  cluster_flags(run, options);
  settings_flags(run, options, raw);
  log_flags(run, raw);
  text_flag(run, "--metrics-address", options.metrics_address, "ADDRESS", "Address of /metrics, /livez and /readyz, 0 for none (default :8080)");
  text_flag(run, "--workers", raw.workers, "N", "Namespaces worked on at one time, 1 to 16 (default 4)");
  run.add_flag("--leader-elect", options.leader_elect, "Write only while holding a Lease: for several replicas");
  text_flag(run, "--lease-namespace", options.lease_namespace, "NAME", "Namespace of the Lease (default: the pod's, else meshgraft-system)");
  text_flag(run, "--lease-name", options.lease_name, "NAME", "Name of the Lease (default meshgraft)");
  text_flag(run, "--identity", options.identity, "NAME", "Name in the Lease (default: the pod's, else host name and process number)");
  run.add_flag("-v,--verbose", options.verbose, "Log debug lines too");

  CLI::App& plan = command("plan", "Print what run would change and in which order; change nothing. Exit status 0: nothing to change, 2: changes, 1: error");
  cluster_flags(plan, options);
  namespace_flags(plan, options, "Namespace to look at (default: the context's); with -f, the one of documents that name none");
  file_flags(plan, options, raw);
  output_flag(plan, options, "Form: text, json, yaml or manifests (yaml: the request bodies; manifests: the documents of -f as they will be; default text)");
  text_flag(plan, "--output-dir", options.output_directory, "DIR", "With -o manifests: write the files there, under their own names");
  plan.add_flag("--force", options.force, "With --output-dir: overwrite the files of -f themselves, where they are what would be written");
  plan.add_flag("-v,--verbose", options.verbose, "Show mesh and platform facts and every field added");
  settings_flags(plan, options, raw);

  CLI::App& check = command("check", "Print findings only. Exit status 0: none at or above --fail-on, 2: some, 1: error");
  cluster_flags(check, options);
  namespace_flags(check, options, "Namespace to look at (default: the context's); with -f, the one of documents that name none");
  file_flags(check, options, raw);
  output_flag(check, options, "Form: text or json (default text)");
  text_flag(check, "--fail-on", raw.fail_on, "SEVERITY", "Least severity that counts: error, warning or info (default error)");
  check.add_flag("-v,--verbose", options.verbose, "Show cause and source of every finding");
  settings_flags(check, options, raw);

  CLI::App& status = command("status", "Print one row per member: state, version, sidecar, governed, why not");
  cluster_flags(status, options);
  namespace_flags(status, options);
  output_flag(status, options, "Form: text, json or yaml (default text)");
  status.add_flag("-v,--verbose", options.verbose, "Show mesh, platform and gateway facts");
  status.add_flag("-w,--watch", options.watch, "Follow until interrupted");
  status.add_flag("--settled", options.settled, "Exit with status 2 while something is still to be done or rolling out, or with --watch follow until nothing is; all namespaces unless -n names one");
  status.add_flag("--facts", options.facts, "Print the mesh and platform facts, for plan --facts");
  settings_flags(status, options, raw);

  CLI::App& undo = command("undo", "Print the way back of a namespace, or with --yes remove its labels and follow the controller until it is as before. Exit status as plan");
  cluster_flags(undo, options);
  text_flag(undo, "-n,--namespace", options.ns, "NAME", "Namespace (default: the context's)");
  output_flag(undo, options, "Form: text, json or yaml (the request bodies; default text)");
  undo.add_flag("-y,--yes", options.yes, "Do it: needs a running controller, and stops when none takes it up");
  undo.add_flag("-v,--verbose", options.verbose, "Show mesh and platform facts and every field");
  settings_flags(undo, options, raw);

  CLI::App& release = command("release", "Print the grayscale releases of a namespace, or carry one to its end or back and follow it. Exit status 0: shown, or ended as asked; 1: an error, or it ended otherwise");
  cluster_flags(release, options);
  release.add_option("NAME", options.release, "Name of the Strategy; without it all releases are listed");
  namespace_flags(release, options);
  release.add_flag("--promote", options.promote, "The gray version becomes the principal one; --promote=template takes env and resources of its containers over too, not the images alone");
  release.add_flag("--abort", options.abort, "All traffic back to the principal version, the gray one removed");
  release.add_flag("-w,--watch", options.watch, "Follow until it has ended");
  output_flag(release, options, "Form: text, json or yaml (default text)");
  settings_flags(release, options, raw);

  CLI::App& reference = command("reference", "Print a table that docs and chart are made from");
  reference.add_option("TOPIC", options.topic, "rbac, keys, metrics, findings, findings.zh-CN, flags, or docs to write the files of a directory");
  reference.add_option("DIRECTORY", options.directory, "With docs: where to write");

  CLI::App& completion = command("completion", "Print a shell completion script");
  completion.add_option("SHELL", options.topic, "bash, zsh or fish");

  CLI::App& version = command("version", "Print version, commit, compiler and library versions");
  output_flag(version, options, "Form: text or json (default text)");
}

constexpr std::array<std::pair<std::string_view, Command>, 9> kCommands{{{"run", Command::run},
                                                                       {"plan", Command::plan},
                                                                       {"check", Command::check},
                                                                       {"status", Command::status},
                                                                       {"undo", Command::undo},
                                                                       {"release", Command::release},
                                                                       {"reference", Command::reference},
                                                                       {"completion", Command::completion},
                                                                       {"version", Command::version}}};

Parsed error_text(const std::string& program, const std::string& command, const std::string& text) {
  const std::string name = command.empty() ? program : program + ' ' + command;
  return {std::nullopt, "error: " + text + "\nRun '" + name + " --help' for usage.\n", 1};
}

// kubectl's own wordings (spf13/pflag errors) for what CLI11 found wrong.
std::string wording(const CLI::ParseError& error) {
  const std::string what = error.what();
  const std::string flag = what.substr(0, what.find(':'));
  if (error.get_name() == "ArgumentMismatch") return "flag needs one argument: " + flag;
  if (error.get_name() == "ConversionError") return "invalid argument for flag: " + what;
  return what;
}

// What was not understood: a flag or a word too many.
std::string unexpected(const std::vector<std::string>& remaining) {
  const auto flag = std::find_if(remaining.begin(), remaining.end(), [](const std::string& word) { return word.size() > 1 && word.front() == '-'; });
  if (flag == remaining.end()) return "unexpected argument: " + remaining.front();
  return (flag->starts_with("--") ? "unknown flag: " : "unknown shorthand flag: ") + flag->substr(0, flag->find('='));
}

Result<Unit> check_files(const Options& options, const Raw& raw) {
  if (!options.files.empty()) {
    if (options.all_namespaces) return fail("-A goes with a cluster; with -f all namespaces of the files are looked at");
    if (!options.context.empty()) return fail("--context goes with a cluster, not with -f");
  } else {
    for (const auto& [given, name] : {std::pair{!options.profile.empty(), "--profile"}, std::pair{!options.facts_file.empty(), "--facts"},
                                      std::pair{!raw.istio_version.empty(), "--istio-version"}}) {
      if (given) return fail(std::string(name) + " says what to assume with -f; a cluster is asked itself");
    }
  }
  if (!options.profile.empty() && !options.facts_file.empty()) return fail("--profile and --facts exclude each other");
  return Unit{};
}

Result<Unit> check_output(const Options& options) {
  if (options.output == "manifests" && options.command == Command::plan && options.files.empty()) {
    return fail("-o manifests writes the documents of -f as they will be: name some with -f");
  }
  if (!options.output_directory.empty() && options.output != "manifests") return fail("--output-dir goes with -o manifests");
  if (options.force && options.output_directory.empty()) return fail("--force goes with --output-dir");
  return one_of(options.output, "--output", output_forms(options.command));
}

// Moves the raw values into the options, checking each.
Result<Unit> settle(Options& options, const Raw& raw) {
  if (Result<Unit> ok = check_output(options); !ok) return ok;
  if (options.all_namespaces && !options.ns.empty()) return fail("-n and -A exclude each other");
  if (Result<Unit> ok = one_of(raw.log_format, "--log-format", {"text", "json"}); !ok) return ok;
  options.log_format = raw.log_format;
  if (Result<Unit> ok = check_files(options, raw); !ok) return ok;
  if (!options.profile.empty()) {
    if (Result<Unit> ok = one_of(options.profile, "--profile", profile_names()); !ok) return ok;
  }
  for (const auto& [text, flag, into] : {std::tuple{&raw.istio_version, "--istio-version", &options.istio_version},
                                         std::tuple{&raw.ingress_nginx_version, "--ingress-nginx-version", &options.ingress_nginx_version}}) {
    if (text->empty()) continue;
    *into = parse_version(*text);
    if (!*into) return invalid_argument(*text, flag, "must be a version such as 1.11.2");
  }
  const std::vector<std::tuple<const std::vector<std::string>*, std::string_view, std::string_view>> labels{{&raw.apps, "--app", keys::kApp},
                                                                                                             {&raw.gateways, "--gateway", keys::kGateway}};
  for (const auto& [texts, flag, key] : labels) {
    for (const std::string& text : *texts) {
      options.assumptions.push_back(read_label(text, key));
      if (Result<Unit> ok = check_assumption(options.assumptions.back(), flag, text); !ok) return ok;
    }
  }
  if (!raw.policy.empty()) {
    if (Result<Unit> ok = one_of(raw.policy, "--policy", {"observe", "join", "replace"}); !ok) return ok;
    if (raw.policy == "replace" && !options.settings.replace_enabled) {
      options.settings.replace_enabled = options.replace_assumed = true;  // that is what is asked about
    }
    options.assumptions.push_back({"", std::string(keys::kPolicy), raw.policy, false});
  }
  for (const std::string& text : raw.sets) {
    Result<Assumption> assumption = read_assumption(text);
    if (!assumption) return invalid_argument(text, "--set", assumption.error().text);
    if (Result<Unit> ok = check_assumption(*assumption, "--set", text); !ok) return ok;
    options.assumptions.push_back(std::move(*assumption));
  }
  if (Result<Unit> ok = one_of(raw.fail_on, "--fail-on", {"error", "warning", "info"}); !ok) return ok;
  options.fail_on = raw.fail_on == "error" ? Severity::error : raw.fail_on == "warning" ? Severity::warning : Severity::info;
  if (Result<Unit> ok = read_number(raw.workers, "--workers", 16, options.workers); !ok) return ok;
  const SettingWords words{raw.default_policy,     raw.max_rollouts,     raw.client_ip,      raw.namespace_selector,
                           raw.gateway_namespaces, raw.nacos_namespaces, raw.trusted_proxies};
  return read_settings(words, options.settings);
}

Result<Unit> check_release(const Options& options) {
  if (!options.promote.empty()) {
    if (Result<Unit> ok = one_of(options.promote, "--promote", {"true", "template"}); !ok) return ok;
    if (options.abort) return fail("--promote and --abort exclude each other");
  }
  const bool one = !options.promote.empty() || options.abort || options.watch;
  if (one && options.release.empty()) {
    return fail(std::string(options.abort ? "--abort" : options.promote.empty() ? "--watch" : "--promote") + " needs the NAME of the release");
  }
  if (!options.release.empty() && options.all_namespaces) return fail("NAME is of one namespace: name that with -n instead of -A");
  return Unit{};
}

Result<Unit> check_words(const Options& options) {
  if (options.command == Command::release) return check_release(options);
  if (options.command == Command::completion) return one_of(options.topic, "SHELL", {"bash", "zsh", "fish"});
  if (options.command != Command::reference) return Unit{};
  if (Result<Unit> ok = one_of(options.topic, "TOPIC", {"rbac", "keys", "metrics", "findings", "findings.zh-CN", "flags", "docs"}); !ok) return ok;
  if (options.topic == "docs" && options.directory.empty()) return fail("reference docs needs the directory to write to");
  if (options.topic != "docs" && !options.directory.empty()) return fail("unexpected argument: " + options.directory);
  return Unit{};
}

}  // namespace

Environment read_environment() {
  Environment environment;
  environment.kubeconfig = environment_text("KUBECONFIG");
  environment.home = environment_text("HOME");
  environment.service_host = environment_text("KUBERNETES_SERVICE_HOST");
  environment.service_port = environment_text("KUBERNETES_SERVICE_PORT");
  environment.pod_name = environment_text("POD_NAME");
  if (environment.pod_name.empty()) environment.pod_name = environment_text("HOSTNAME");
  environment.pod_namespace = environment_text("POD_NAMESPACE");
  environment.no_colour = !environment_text("NO_COLOR").empty() || environment_text("TERM") == "dumb";
  return environment;
}

Parsed parse_options(const std::vector<std::string>& arguments) {
  const std::unique_ptr<Tree> tree = std::make_unique<Tree>();
  const std::string path = arguments.empty() ? "meshgraft" : arguments.front();
  const std::string base = path.substr(path.rfind('/') + 1);
  tree->options.program = base.starts_with("kubectl-") ? "kubectl meshgraft" : "meshgraft";
  tree->app.name(tree->options.program);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  if (!reversed.empty()) reversed.pop_back();

  const auto chosen = [&tree] {
    const std::vector<CLI::App*> subs = tree->app.get_subcommands();
    return subs.empty() ? nullptr : subs.front();
  };
  try {
    tree->app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, tree->app.help("", CLI::AppFormatMode::Normal), 0};
  } catch (const CLI::ParseError& error) {
    return error_text(tree->options.program, chosen() == nullptr ? "" : chosen()->get_name(), wording(error));
  }
  const CLI::App* sub = chosen();
  if (sub == nullptr) {
    const std::vector<std::string> remaining = tree->app.remaining();
    if (remaining.empty() && tree->asks_version) {
      tree->options.command = Command::version;
      return {std::move(tree->options), "", 0};
    }
    if (remaining.empty()) return {std::nullopt, tree->app.help(), 0};
    if (remaining.front().front() == '-') return error_text(tree->options.program, "", unexpected(remaining));
    return error_text(tree->options.program, "", "unknown command \"" + remaining.front() + "\" for \"" + tree->options.program + "\"");
  }
  const std::string name = sub->get_name();
  if (const std::vector<std::string> remaining = tree->app.remaining(true); !remaining.empty()) {
    return error_text(tree->options.program, name, unexpected(remaining));
  }
  Options& options = tree->options;
  for (const auto& [word, command] : kCommands) {
    if (word == name) options.command = command;
  }
  for (const CLI::Option* option : sub->get_options()) {
    if (option->count() > 0) options.given.insert(option->get_name());
  }
  Result<Unit> ok = check_words(options);
  if (ok) ok = settle(options, tree->raw);
  if (!ok) return error_text(options.program, name, ok.error().text);
  return {std::move(options), "", 0};
}

std::vector<CommandInfo> command_table() {
  const std::unique_ptr<Tree> tree = std::make_unique<Tree>();
  std::vector<CommandInfo> commands;
  for (const CLI::App* sub : tree->app.get_subcommands([](const CLI::App*) { return true; })) {
    CommandInfo row{sub->get_name(), sub->get_description(), {}};
    for (const CLI::Option* option : sub->get_options()) {
      const std::string value = option->get_items_expected_max() == 0 ? "" : option->get_type_name();
      row.flags.push_back({option->get_name(option->get_positional(), true), value, option->get_description()});
    }
    commands.push_back(std::move(row));
  }
  return commands;
}

}  // namespace meshgraft
