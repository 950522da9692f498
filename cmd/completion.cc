#include "cmd/completion.h"

#include <vector>

namespace meshgraft {
namespace {

// "-n,--namespace" as its single spellings.
std::vector<std::string> spellings(const FlagInfo& flag) {
  std::vector<std::string> result;
  std::string_view rest = flag.names;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    if (one.starts_with('-')) result.emplace_back(one);
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
  }
  return result;
}

std::string words(const CommandInfo& command) {
  std::string text;
  for (const FlagInfo& flag : command.flags) {
    for (const std::string& one : spellings(flag)) text += (text.empty() ? "" : " ") + one;
  }
  if (command.name == "completion") text += " bash zsh fish";
  if (command.name == "reference") text += " rbac keys metrics findings findings.zh-CN flags docs";
  return text;
}

std::string command_names(const std::vector<CommandInfo>& commands) {
  std::string text;
  for (const CommandInfo& command : commands) text += (text.empty() ? "" : " ") + command.name;
  return text;
}

std::string bash(const std::vector<CommandInfo>& commands) {
  std::string text =
      "# bash completion: source <(meshgraft completion bash)\n"
      "_meshgraft() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  case \"$before\" in\n"
      "    -f|--filename|--facts|--kubeconfig) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
      "    --profile) COMPREPLY=($(compgen -W \"kubesphere-3.3 kubesphere-3.4 kubesphere-4 istio\" -- \"$word\")); return ;;\n"
      "    --policy|--default-policy) COMPREPLY=($(compgen -W \"observe join replace\" -- \"$word\")); return ;;\n"
      "    -o|--output) COMPREPLY=($(compgen -W \"text json yaml\" -- \"$word\")); return ;;\n"
      "  esac\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"" + command_names(commands) + "\" -- \"$word\")); return\n"
      "  fi\n"
      "  case \"${COMP_WORDS[1]}\" in\n";
  for (const CommandInfo& command : commands) {
    text += "    " + command.name + ") COMPREPLY=($(compgen -W \"" + words(command) + "\" -- \"$word\")) ;;\n";
  }
  return text + "  esac\n}\ncomplete -o default -F _meshgraft meshgraft kubectl-meshgraft\n";
}

std::string zsh_quoted(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '\'') {
      result += "'\\''";
    } else {
      if (letter == ':' || letter == '[' || letter == ']') result += '\\';
      result += letter;
    }
  }
  return result;
}

std::string zsh(const std::vector<CommandInfo>& commands) {
  std::string text = "#compdef meshgraft kubectl-meshgraft\n# zsh completion: source <(meshgraft completion zsh)\n_meshgraft() {\n  local -a commands\n  commands=(\n";
  for (const CommandInfo& command : commands) text += "    '" + command.name + ":" + zsh_quoted(command.description) + "'\n";
  text += "  )\n  if (( CURRENT == 2 )); then _describe command commands; return; fi\n  case $words[2] in\n";
  for (const CommandInfo& command : commands) {
    text += "    " + command.name + ")\n      case $words[CURRENT-1] in -f|--filename|--facts|--kubeconfig) _files; return ;; esac\n      compadd -- " + words(command) + " ;;\n";
  }
  return text + "  esac\n}\ncompdef _meshgraft meshgraft kubectl-meshgraft\n";
}

std::string fish_quoted(std::string_view text) {
  std::string result = "'";
  for (const char letter : text) {
    if (letter == '\'' || letter == '\\') result += '\\';
    result += letter;
  }
  return result + "'";
}

std::string fish(const std::vector<CommandInfo>& commands) {
  std::string text = "# fish completion: meshgraft completion fish | source\n";
  for (const char* program : {"meshgraft", "kubectl-meshgraft"}) {
    for (const CommandInfo& command : commands) {
      text += std::string("complete -c ") + program + " -f -n __fish_use_subcommand -a " + command.name + " -d " + fish_quoted(command.description) + '\n';
      for (const FlagInfo& flag : command.flags) {
        std::string line = std::string("complete -c ") + program + " -n '__fish_seen_subcommand_from " + command.name + "'";
        const std::vector<std::string> names = spellings(flag);
        if (names.empty()) continue;
        for (const std::string& one : names) line += one.starts_with("--") ? " -l " + one.substr(2) : " -s " + one.substr(1);
        if (!flag.value.empty()) line += " -r";
        text += line + " -d " + fish_quoted(flag.description) + '\n';
      }
    }
  }
  return text;
}

}  // namespace

std::string completion_script(std::string_view shell) {
  const std::vector<CommandInfo> commands = command_table();
  if (shell == "zsh") return zsh(commands);
  if (shell == "fish") return fish(commands);
  return bash(commands);
}

}  // namespace meshgraft
