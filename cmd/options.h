#pragma once
// Options: what a person asked for on the command line, read and checked. program.cc asks for them once; the
// commands get the values. Nothing here opens a file or contacts a cluster; read_environment is the only getenv.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "k8sclient/base/result.h"
#include "reconcilers/types.h"

namespace meshgraft {

// What the process was started with; tests fill it by hand.
struct Environment {
  std::string kubeconfig;    // KUBECONFIG: paths separated by ':', "" when unset
  std::string home;          // HOME
  std::string service_host;  // KUBERNETES_SERVICE_HOST: set inside a pod
  std::string service_port;  // KUBERNETES_SERVICE_PORT
  std::string pod_name;      // POD_NAME, set by the chart; else HOSTNAME
  std::string pod_namespace; // POD_NAMESPACE, set by the chart
  bool no_colour = false;    // NO_COLOR is set and not empty, or TERM is dumb
};
Environment read_environment();

enum class Command : std::uint8_t { run, plan, check, status, undo, release, reference, completion, version };

// A key that `--app`, `--gateway`, `--policy` or `--set` puts on namespaces as if it stood there.
struct Assumption {
  std::string ns;    // "" for every namespace of the input
  std::string key;   // complete: "meshgraft.io/app"
  std::string value;
  bool label = false;  // else an annotation
};

struct Options {
  Command command = Command::version;
  std::string program = "meshgraft";   // or "kubectl meshgraft": how it calls itself in messages

  // Common.
  std::string kubeconfig, context;
  std::string ns;                      // "" when not given
  bool all_namespaces = false;
  std::string output;                  // "" for the command's default
  bool verbose = false;
  std::string log_format = "text";

  // plan, check.
  std::vector<std::string> files;
  std::vector<Assumption> assumptions;
  bool replace_assumed = false;        // --policy replace without --replace-enabled: acts as if the chart allowed it
  std::string profile, facts_file;     // "" when not given
  std::optional<Version> istio_version, ingress_nginx_version;
  Severity fail_on = Severity::error;
  std::string output_directory;        // plan -o manifests: "" prints them
  bool force = false;                  // --output-dir may overwrite the files of -f

  // status; watch also of release.
  bool watch = false, facts = false, settled = false;

  // release.
  std::string release;                 // a Strategy's name; "" for all of the namespace
  std::string promote;                 // the annotation's value: "true" or "template"; "" when not asked for
  bool abort = false;

  // undo.
  bool yes = false;

  // reference, completion: what comes after the command.
  std::string topic, directory;

  // run, and the commands that foretell what it does: the chart's values.
  Settings settings;
  std::set<std::string, std::less<>> given;  // the flags that the command line names: "--max-rollouts"

  // run.
  std::string metrics_address = ":8080";  // "0" serves nothing
  int workers = 4;
  bool leader_elect = false;
  std::string lease_namespace;         // "" for the pod's own, else meshgraft-system
  std::string lease_name = "meshgraft";
  std::string identity;                // "" for the pod's or host's name
};

// What the arguments came to: options, or a text to print at once.
struct Parsed {
  std::optional<Options> options;
  std::string text;      // help when `status` is 0, else the error with its hint
  int status = 0;
};

// `arguments`: argv, the program's name first.
Parsed parse_options(const std::vector<std::string>& arguments);

// "[NS=]KEY=VALUE" as in --set; KEY may leave out "meshgraft.io/". Errors: an unknown key.
Result<Assumption> read_assumption(std::string_view text);

// Every command and flag, for `reference flags` and `completion`.
struct FlagInfo {
  std::string names;         // "-n,--namespace"
  std::string value;         // "NAME", "" for a switch
  std::string description;
};
struct CommandInfo {
  std::string name, description;
  std::vector<FlagInfo> flags;
};
std::vector<CommandInfo> command_table();

}  // namespace meshgraft
